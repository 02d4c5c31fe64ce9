"""The benchmarks of tones: what they compare, how they count it, and the sheet of unseen clips."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from importlib import import_module
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import pytest
import torch

from rotonodes.io.png import write_palette_png, write_png
from rotonodes.nets.model import Model, build
from rotonodes.nets.weights import save_weights
from rotonodes.nodes import (
    EvaluateLabels,
    FindKeyLight,
    LoadFrames,
    MultipassDecode,
    StabilizeTones,
    StackPasses,
    TonesFromPasses,
    UNetSegment,
)
from rotonodes.values.pixels import Image, Labels
from rotonodes.values.tones import CLASSES, COLORS, SIX_CLASSES, SIX_COLORS

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))  # where they are when they run as programs
bench_key_light, bench_tones, methods, predecessor, rendered, unseen_clips = map(
    import_module, ("bench_key_light", "bench_tones", "methods", "predecessor", "rendered", "unseen_clips")
)

TORUS = str(ROOT / "examples" / "shots" / "torus" / "render.####.exr")
LEVELS = np.array([30, 60, 110, 170, 240], np.uint8)  # of the background and of the four tones, sRGB codes


def weights(path: Path, channels: tuple[str, ...] = ("R", "G", "B")) -> Path:
    """A small network that has learned nothing, but finds several classes; the same each time."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        config = {"in_channels": len(channels), "classes": len(CLASSES), "widths": [4, 8]}
        network = build("unet", config).eval()
        state = network.state_dict()
        logits = network(torch.rand(1, len(channels), 64, 64) * 0.5)
        state["head.weight"] *= 10
        state["head.bias"] -= logits.mean(dim=(0, 2, 3))
        state["head.bias"] *= 10
    save_weights(Model("unet", config, CLASSES, COLORS, channels, size_multiple=2, state=state), path, "float32")
    return path


@pytest.fixture
def pngs(tmp_path: Path) -> Path:
    """Seven clips of two frames of 24 x 16 px, whose luminance tells each tone; the classes lie elsewhere in each clip."""
    folder = tmp_path / "pngs"
    colors = [tuple(bytes.fromhex(color[1:])) for color in COLORS]
    for clip in range(7):
        for frame in (1, 2):
            stem = f"{folder}/c{clip:03d}_f{frame:02d}"
            labels = np.kron(np.random.default_rng(clip).integers(0, 5, (4, 6)), np.ones((4, 4), np.int64)).astype(np.uint8)
            write_png(f"{stem}_beauty.png", np.repeat(LEVELS[labels][..., None], 3, axis=2))
            write_palette_png(f"{stem}_label.png", labels, colors)
    return folder


def rows(text: str) -> dict[str, dict[str, float]]:
    """A Markdown table as method -> column -> number; dashes are left out."""
    lines = [[word.strip() for word in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    cells = {name: zip(lines[0][1:], values, strict=True) for name, *values in lines[2:]}
    return {name: {column: float(value) for column, value in row if value != "-"} for name, row in cells.items()}


# Thresholds.


@pytest.mark.parametrize("seed", range(5))
def test_cuts_are_the_best_there_are(seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 9, (4, 7))

    def total(cuts: tuple[int, ...]) -> float:
        edges = (0, *cuts, 7)
        ious = []
        for tone in range(4):
            inside = slice(edges[tone], edges[tone + 1])
            hits = counts[tone, inside].sum()
            ious.append(hits / max(counts[tone].sum() + counts[:, inside].sum() - hits, 1))
        return sum(ious)

    best = max(map(total, combinations_with_replacement(range(8), 3)))
    assert total(tuple(methods.best_cuts(counts))) == pytest.approx(best)


def test_fitted_thresholds_lie_between_the_tones(pngs: Path) -> None:
    scale = methods.fit_thresholds(rendered.frames(rendered.Pictures(pngs)))
    codes = torch.tensor(LEVELS[1:] / 255)
    linear = ((codes + 0.055) / 1.055) ** 2.4
    for low, limit, high in zip(linear, scale.thresholds, linear[1:], strict=False):
        assert low < limit <= high + 1e-3


# The table.


def test_table_of_a_folder_of_pngs(pngs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ours = weights(tmp_path / "small.safetensors")
    blind = weights(tmp_path / "passes.safetensors", ("R", "G", "B", "Depth.Z"))
    assert bench_tones.main(["--clips", str(pngs), "--weights", str(ours), str(blind), "--a4", str(tmp_path / "none")]) == 0
    said = capsys.readouterr().out
    assert "14 frames of 7 clips, beauty png" in said
    found = rows(said)
    assert list(found) == ["k-means on luminance, 4 clusters a frame, true matte", "ours: small.safetensors"]  # there are no passes
    # The classes are as far apart as clusters can be, and the matte is the true one.
    assert set(found["k-means on luminance, 4 clusters a frame, true matte"].values()) == {0.0, 1.0}
    assert found["ours: small.safetensors"]["mean IoU"] < 0.5
    assert found["ours: small.safetensors"]["flicker"] == 0.0  # frames of a clip are equal, and no pair reaches across a cut


def test_table_says_what_evaluate_labels_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    channels = ("R", "G", "B", "DiffDir.R", "DiffDir.G", "DiffDir.B", "Normal.X", "Normal.Y", "Normal.Z", "Depth.Z")
    files = weights(tmp_path / "rgb.safetensors"), weights(tmp_path / "passes.safetensors", channels)
    asked = ["--clips", TORUS, "--clip-length", "2", "--frames", "2-6", "--fit", TORUS, "--weights", *map(str, files)]
    assert bench_tones.main([*asked, "--a4", str(tmp_path / "none")]) == 0
    found = rows(capsys.readouterr().out)
    assert len(found) == 5
    assert found["ours, no network: TonesFromPasses, recipe key, true matte"]["mean IoU"] > 0.9

    layers = [LoadFrames(path=TORUS)(frame=frame).layers for frame in (3, 4, 5, 6)]  # 2 alone is half a clip
    truth = [TonesFromPasses()(passes) for passes in layers]
    pictures = {
        "ours: rgb.safetensors": [MultipassDecode(passes=["Combined"])(passes)["Combined"] for passes in layers],
        "ours: passes.safetensors (sees DiffDir, Normal, Depth too)": [StackPasses()(passes) for passes in layers],
    }
    for file, (name, shown) in zip(files, pictures.items(), strict=True):
        labels = [UNetSegment(weights=str(file))(picture).labels for picture in shown]
        assert len(labels[0].data.unique()) > 1
        scores = EvaluateLabels(clip_length=2)(labels, truth)
        wanted = scores.as_json()
        right = sum(scores.confusion[i][i] for i in range(5)) / sum(map(sum, scores.confusion))
        assert found[name]["mean IoU"] == pytest.approx(wanted["mean_iou"], abs=6e-4)
        assert [found[name][tone] for tone in CLASSES] == pytest.approx(list(scores.iou), abs=6e-4)
        assert found[name]["boundary F"] == pytest.approx(wanted["boundary_f"], abs=6e-4)
        assert found[name]["flicker"] == pytest.approx(wanted["flicker"], abs=6e-4)
        assert found[name]["pixel accuracy"] == pytest.approx(right, abs=6e-4)
        shapes = [(found.data > 0, true.data > 0) for found, true in zip(labels, truth, strict=True)]
        both, either = (sum(int(op(a, b).sum()) for a, b in shapes) for op in (torch.logical_and, torch.logical_or))
        assert found[name]["shape IoU"] == pytest.approx(both / either, abs=6e-4)


def test_steady_rows_are_those_of_stabilize_tones() -> None:
    segment = UNetSegment(weights=str(ROOT / "weights" / "tones.safetensors"))
    source = rendered.Renders(TORUS, clip_length=2)
    clip = [source.read(name) for name in source.clips[0]]
    pictures = [frame.beauty for frame in clip]
    segments = [segment(picture) for picture in pictures]
    probabilities = [each.probabilities for each in segments]
    assert clip[0].motion is None  # this shot has no vectors
    vectors = {f"Beauty.Vector.{axis}": np.full((256, 256), 2.0, np.float32) for axis in "XYZW"}
    clip = [replace(frame, layers=replace(frame.layers, planes={**frame.layers.planes, **vectors})) for frame in clip]
    found = methods.stabilized(probabilities, clip)
    motion = [Image(torch.full((4, 256, 256), 2.0), tuple("XYZW"))] * 2
    wanted = StabilizeTones()(probabilities, motion=motion, image=pictures, frame=2).labels
    assert torch.equal(found[" + StabilizeTones, Vector pass"][1].data, wanted.data)
    assert not torch.equal(segments[1].labels.data, wanted.data)


def test_steady_rows_stand_below_their_weights(pngs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = weights(tmp_path / "small.safetensors")
    assert bench_tones.main(["--clips", str(pngs), "--weights", str(file), "--steady", "--a4", str(tmp_path / "none")]) == 0
    _, *ours = rows(capsys.readouterr().out)
    assert ours == [f"ours: small.safetensors{more}" for more in ("", " + StabilizeTones", " + StabilizeTones, EstimateMotion")]


def test_weights_that_see_the_key_light_are_shown_it() -> None:
    channels = ("R", "G", "B", "Normal.X", "Normal.Y", "KeyLight.Gloss")
    model = Model("unet", {}, CLASSES, COLORS, channels, size_multiple=2, state={})
    source = rendered.Renders(TORUS, clip_length=2)
    frame = source.read(source.clips[0][0])
    seen = methods.picture_for(model, "world")(frame)
    assert torch.equal(seen.plane("KeyLight.Gloss"), FindKeyLight()(frame.layers).plane("KeyLight.Gloss"))
    assert "Normal.X" in seen.channels


def test_ground_shadow_is_background_among_the_five_and_scored_by_itself() -> None:
    torso, ground = torch.zeros(6, 8, dtype=torch.uint8), torch.zeros(6, 8, dtype=torch.bool)
    torso[:3], ground[4:] = 3, True
    picture = Image(torch.zeros(3, 6, 8), ("R", "G", "B"))
    frame = rendered.Rendered("1", picture, Labels(torso, CLASSES, COLORS), None, ground)
    found = torso.masked_fill(ground, 5)
    found[5, :4] = 0  # a quarter of the shadow is missed
    tally = bench_tones.Tally()
    tally.add([Labels(found, SIX_CLASSES, SIX_COLORS)], [frame])
    row = dict(zip(bench_tones.COLUMNS[1:], tally.row(), strict=True))
    assert (row["mean IoU"], row["background"], row["midtone"], row["ground_shadow"]) == (1, 1, 1, 0.75)
    five = bench_tones.Tally()
    five.add([Labels(torso, CLASSES, COLORS)], [frame])
    assert five.row()[-1] is None  # these do not know it


def test_a_clip_that_is_not_whole_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert rendered.Renders(TORUS, clip_length=8, only=tuple(range(5, 20))).clips == [tuple(map(str, range(9, 17)))]
    assert bench_tones.main(["--clips", TORUS, "--frames", "2-7"]) == 2
    assert "no whole clip of 8 frames" in capsys.readouterr().err


def test_clips_with_shapes_of_some_kinds_are_left_out(tmp_path: Path, pngs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(1, 9):
        (tmp_path / f"clips.{number:04d}.exr").symlink_to(TORUS.replace("####", f"{number:04d}"))
    held = (["knot"], ["knot", "monkey"], ["model woody", "text"], ["text"])
    lines = [{"clip": c, "frames": [2 * c + 1, 2 * c + 2], "scene": {"shapes": [{"kind": k} for k in held[c]]}} for c in range(4)]
    asked = ["--clips", str(tmp_path), "--clip-length", "2", "--a4", str(tmp_path / "none")]
    assert bench_tones.main([*asked, "--without-kinds", "monkey"]) == 2
    assert "manifest.jsonl: it cannot be read" in capsys.readouterr().err
    (tmp_path / "manifest.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in ({"seed": 3}, *lines)))
    source = rendered.Renders(str(tmp_path), clip_length=2, without=("monkey", "model woody"))
    assert source.clips == [("1", "2"), ("7", "8")]
    assert bench_tones.main([*asked, "--without-kinds", "knot, text"]) == 2
    assert "no whole clip of 2 frames" in capsys.readouterr().err
    assert bench_tones.main([*asked, "--without-kinds", "monky"]) == 2
    assert "no clip has a shape of kind 'monky': there are knot, model woody, monkey, text" in capsys.readouterr().err
    assert bench_tones.main(["--clips", str(pngs), "--without-kinds", "monkey"]) == 2
    assert "pictures alone do not say of what kinds shapes are" in capsys.readouterr().err
    assert bench_tones.main([*asked, "--without-kinds", "monkey,model woody,text"]) == 0
    assert f"{tmp_path} without monkey, model woody, text: 2 frames of 1 clips" in capsys.readouterr().out


def test_the_light_that_is_found_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench_key_light.main(["--clips", TORUS, "--clip-length", "2", "--frames", "3-6"]) == 0
    said = capsys.readouterr().out
    assert "4 of 4 frames have a light that is found" in said
    halves = [float(line.split("|")[3]) for line in said.splitlines()[2:8]]
    assert len(halves) == 6 and max(halves) < 5


# The predecessor's network.


def test_predecessor_is_of_its_size() -> None:
    with torch.device("meta"):
        network = build("unet", {"in_channels": 1, "classes": 5, "widths": list(predecessor.WIDTHS)})
    assert sum(parameter.numel() for parameter in network.parameters()) == 31_036_741


def test_predecessor_learns_for_a_while_and_goes_on(pngs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predecessor, "BATCH", 4)
    folder = tmp_path / "a4"
    pictures, labels = predecessor.cut_frames(folder, rendered.Pictures(pngs))
    assert pictures.shape == labels.shape == (14, 200, 200) and pictures.dtype == labels.dtype == np.uint8
    assert set(np.unique(labels)) <= set(range(5))
    again = predecessor.cut_frames(folder, None)
    assert np.array_equal(again[0], pictures) and np.array_equal(again[1], labels)

    predecessor.learn(folder, pictures, labels, minutes=0, widths=[2, 2, 2, 2, 2])
    start = predecessor.trained(folder)
    assert start.training["steps"] == 0
    predecessor.learn(folder, pictures, labels, minutes=10, widths=[2, 2, 2, 2, 2], epochs=1)
    model = predecessor.trained(folder)
    assert predecessor.progress(model) == "4 steps, 1.1 of 50 epochs, on 14 frames"
    assert not torch.equal(model.state["head.bias"], start.state["head.bias"])
    frame = rendered.Pictures(pngs).read("c000_f01")
    (found,) = methods.network(model, predecessor.grey)([frame])[""]
    assert found.size == frame.truth.size


def test_predecessor_refuses_other_frames(pngs: Path, tmp_path: Path) -> None:
    source = rendered.Pictures(pngs)
    predecessor.cut_frames(tmp_path, source)
    source.clips = source.clips[:3]
    with pytest.raises(Exception, match="made of other frames"):
        predecessor.cut_frames(tmp_path, source)


def test_grey_is_the_grey_of_pil(pngs: Path) -> None:
    frame = rendered.Pictures(pngs).read("c001_f02")
    assert np.array_equal(predecessor._codes(frame.beauty), LEVELS[frame.truth.data.numpy()])
    assert predecessor.grey(frame).channels == ("Y",)


# The sheet.


def test_sheet_of_six_clips(pngs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rotonodes.io.pictures import picture_size

    output = tmp_path / "sheet.png"
    file = weights(tmp_path / "small.safetensors")
    assert unseen_clips.main(["--clips", str(pngs), "--weights", str(file), "--width", "40", "-o", str(output)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == [f"rank {place} of 7" for place in (1, 2, 3, 5, 6, 7)]
    scores = [float(line.rpartition(" ")[2]) for line in lines]
    assert scores == sorted(scores, reverse=True) and scores[0] > scores[-1]
    width, height = picture_size(output)
    assert width == 6 * 44 + 4 and height > 3 * 40


@pytest.mark.parametrize(("count", "places"), [(25, [0, 5, 10, 14, 19, 24]), (3, [0, 1, 2]), (1, [0])])
def test_spread_has_the_best_and_the_worst(count: int, places: list[int]) -> None:
    assert unseen_clips.spread(count) == places
