"""Benchmarks whose figures stand in cards and READMEs: each still runs, on little, and says what it measured. No time is asserted."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from unittest.mock import patch

import pytest
import torch

from rotonodes.imaging.passes.tone_labels import header_light
from rotonodes.io.pictures import picture_size, write_image, write_labels
from rotonodes.nets.ensemble_network import ensemble_of
from rotonodes.nets.model import SHAPE, Model, build
from rotonodes.nets.weights import load_weights, save_weights
from rotonodes.nodes import LoadFrames, TonesFromPasses
from rotonodes.values.pixels import Labels, Layers, Matte
from rotonodes.values.tones import SIX_CLASSES
from tiny_networks import tiny_model

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))  # where they are when they run as programs
TORUS, FUR = ROOT / "examples" / "shots" / "torus" / "render.####.exr", ROOT / "examples" / "shots" / "fur"

Table = list[dict[str, str]]


def table(text: str) -> Table:
    """The lines of a Markdown table, by column."""
    head, _, *lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return [dict(zip(head, line, strict=True)) for line in lines]


def numbers(found: Table, *columns: str) -> list[float]:
    return [float(row[column].split()[0]) for row in found for column in columns]


@pytest.fixture
def weights(tmp_path: Path) -> str:
    save_weights(tiny_model(), tmp_path / "tiny.safetensors")
    return str(tmp_path / "tiny.safetensors")


@pytest.mark.xdist_group("numba")  # it compiles for a minute where nothing is kept yet, and is not to do so twice at once
def test_bench_mattes(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with patch.dict(os.environ):  # it sets the threads of numba, which other tests have started
        bench = import_module("bench_mattes")

    class Small(bench.Frame):
        """A disc that fits into a small frame."""

        @property
        def matte(self) -> Matte:
            y, x = torch.meshgrid(torch.arange(96) - 48, torch.arange(128) - 64, indexing="ij")
            return Matte(((35 - (x * x + y * y).sqrt()) / 4 + 0.5).clamp(0, 1)[None])

    monkeypatch.setattr(bench, "HEIGHT", 96)
    monkeypatch.setattr(bench, "WIDTH", 128)
    monkeypatch.setattr(bench, "Frame", Small)
    assert bench.main(["--rounds", "1"]) == 0
    found = table(capsys.readouterr().out)
    assert [row["node"] for row in found] == [row.name for row in bench.ROWS]
    assert len(numbers(found, "node, ms")) == len(bench.ROWS)


def test_bench_cleaning(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_cleaning.py", "--size", "96x64", "--repeats", "1"])
    assert import_module("bench_cleaning").main() == 0
    found = table(capsys.readouterr().out)
    assert {row["frame"] for row in found} == {"clean", "specks", "blobs"}
    assert {row["node"].split()[0] for row in found} == {"RemoveSpecks", "SmoothEdge", "GrowShrink", "CheckEdges"}


@pytest.mark.xdist_group("numba")
def test_bench_halo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_module("bench_halo").main(["--clips", str(FUR), "--sheet", str(tmp_path / "sheet.png")]) == 0
    over, found = map(table, capsys.readouterr().out.split("\n\n"))
    render, plate = numbers(over, "colour")
    assert plate < render / 2  # what CleanPlate is for: a flat tone over it has no fringe of the shape's own colour
    rows = {(row["matte"], row["foreground"]): numbers([row], "MSE", "colour") for row in found}
    assert rows["true alpha", "the picture"][0] == 0
    # What the estimation of foregrounds is for: the old background is gone from the edge.
    for matte in ("guided", "closed_form", "true alpha"):
        assert rows[matte, "blur_fusion"][1] < 0.7 * rows[matte, "the picture"][1]
    assert rows["true alpha", "blur_fusion"][1] < rows["hard mask", "the picture"][1] / 2
    assert picture_size(tmp_path / "sheet.png") == (5 * 112, 112)


def test_bench_alpha(capsys: pytest.CaptureFixture[str]) -> None:
    assert import_module("bench_alpha").main(["--cutouts", str(FUR)]) == 0
    found = table(capsys.readouterr().out)
    assert [(row["subject"], row["unknown"], row["frames"]) for row in found] == [("fur", "3 px", "1"), ("fur", "hard mask, 10 px", "1")]


def test_bench_segment(weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bench = import_module("bench_segment")
    for number, size in enumerate(bench.SIZES):
        monkeypatch.setitem(bench.SIZES, size, (16 + number, 12))
    assert bench.main([weights, "--config", '{"widths": [4, 8]}', "--repeats", "1", "--cpu-time", "--no-cuda", "--eager"]) == 0
    found = table(capsys.readouterr().out)
    assert [(row["weights"], row["arithmetic"]) for row in found] == [
        (name, way)
        for name in (weights, '{"widths": [4, 8]}')
        for way in ("float32", "bfloat16", "float32, network alone", "bfloat16, network alone", bench.EAGER)
    ]
    assert len(numbers(found, "256 px", "512 px", "1080p")) == 3 * len(found)
    assert found[0]["256 px"].endswith("(1.00)")


def test_bench_scale(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing grows faster than the work: twice the nodes or frames, twice the calls."""
    bench = import_module("bench_scale")
    assert bench.main(["--size", "120", "--doublings", "1", "--calls"]) == 0
    found = table(capsys.readouterr().out)
    assert [row["calls"] for row in found] == list(bench.ROWS)
    assert max(numbers(found, "growth")) < 1.1
    assert bench.main(["--size", "50", "--doublings", "1", "--rows", "Graph.add"]) == 0
    assert numbers(table(capsys.readouterr().out), "us for one, largest")[0] > 0


def test_bench_jobs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    bench = import_module("bench_jobs")
    monkeypatch.setattr(bench, "PROCESS", threading.Thread)  # six processes would import torch for what takes a second here
    assert bench.main(["--size", "48", "--frames", "2", "--repeats", "1", "--small"]) == 0
    found = table(capsys.readouterr().out)
    assert [row["job"] for row in found] == [name for name in bench.JOBS for _ in range(2)]
    assert all(value > 0 for value in numbers(found, "ms a frame", "ms of all cores", "ratio, wall", "ratio, cores"))


def test_bench_precision(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(ROOT / "weights" / "tones_passes_fast.safetensors")
    assert import_module("bench_precision").main([file, "--every", "13"]) == 0
    found = table(capsys.readouterr().out)
    assert [row["arithmetic"] for row in found[:2]] == ["float32", "bfloat16"]
    assert min(numbers(found, "mean IoU")) > 0.8 and max(numbers(found, "pixels changed")) < 1
    assert max(abs(value) for value in numbers(found, "against float32")) < 0.01


def test_all_benchmarks_by_one_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = import_module("run_all")
    assert {path.name for path in Path(bench.__file__).parent.glob("bench_*.py")} >= set(bench.BENCHMARKS)
    output = tmp_path / "all.md"
    assert bench.main(["--quick", "--only", "bench_scale.py", "bench_palette.py", "-o", str(output)]) == 0
    text = output.read_text()
    assert "| matrix product, bfloat16, cpu | " in text and "| copying memory | " in text
    assert "## bench_scale.py" in text and "| Graph.add |" in text and "## bench_palette.py" in text
    assert "bench_scale.py: done" in capsys.readouterr().out


def test_a_benchmark_whose_libraries_are_missing_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = import_module("run_all")
    monkeypatch.setattr(bench, "find_spec", lambda module: None if module == "cv2" else object())
    output = tmp_path / "all.md"
    assert bench.main(["--quick", "--only", "bench_nodes.py", "bench_rembg.py", "-o", str(output)]) == 0
    text = output.read_text()
    assert "## bench_nodes.py\n\nleft out: pip install opencv-python-headless\n" in text
    assert "## bench_rembg.py\n\nleft out: --rembg names an interpreter" in text
    assert "bench_nodes.py: left out, pip install opencv-python-headless" in capsys.readouterr().out


def test_bench_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    """On the CPU, which is all that may be here."""
    quick = import_module("run_all").BENCHMARKS["bench_gpu.py"].quick
    assert import_module("bench_gpu").main([*quick, "--device", "cpu"]) == 0
    found = table(capsys.readouterr().out.partition("\n\n")[2])
    assert len(found) == 10 and all(numbers([row], "figure")[0] > 0 for row in found)


def test_bench_palette(capsys: pytest.CaptureFixture[str]) -> None:
    assert import_module("bench_palette").main(["--size", "96", "--frames", "3"]) == 0
    found = table(capsys.readouterr().out)
    rows = {(row["clip"], row["way"]): row for row in found}
    for clip in ("object over a still ground", "panned ground"):
        ours, median_cut = ([rows[clip, way]] for way in ("WriteGIF", "Pillow, mediancut"))
        assert numbers(ours, "PSNR, dB") > numbers(median_cut, "PSNR, dB")
    assert numbers([rows["object over a still ground", "WriteGIF"]], "flicker, codes") == [0]
    assert rows["flat tones", "WriteGIF"]["PSNR, dB"] == "exact" != rows["flat tones", "ffmpeg, unasked"]["PSNR, dB"]


def test_bench_onnx(weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bench = import_module("bench_onnx")
    monkeypatch.setitem(bench.SIZES, "512", (24, 17))
    assert bench.main([weights, "--sizes", "512", "--repeats", "1"]) == 0
    (row,) = table(capsys.readouterr().out)
    assert (row["weights"], row["frame"]) == ("tiny.safetensors", "24 x 17")
    assert float(row["apart"]) < 1e-3 and float(row["classes"].rstrip(" %")) > 99


def test_bench_openvino(weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openvino")
    assert import_module("bench_openvino").main([weights, "--size", "32", "--times", "1", "--repeats", "1"]) == 0
    (row,) = table(capsys.readouterr().out)
    assert row["weights"].startswith("tiny.safetensors") and float(row["apart"]) < 0.3  # logits, in bfloat16


def test_bench_stabilize(weights: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bench = import_module("bench_stabilize")
    monkeypatch.setattr(bench, "HEIGHT", 18)
    monkeypatch.setattr(bench, "WIDTH", 32)
    clips = ["--clips", str(TORUS), "--frames", "3-4", "--clip-length", "2"]
    assert bench.main([*clips, "--weights", weights, "--radius", "1"]) == 0
    found = table(capsys.readouterr().out)
    assert [row[""] for row in found] == [bench.NETWORK, *(way for way, linked in bench.WAYS.items() if "vectors" not in linked)]
    assert all(0 <= share <= 1 for share in numbers(found, "mean IoU", "boundary F"))
    assert len(numbers(found[1:], "ms at 1080p")) == len(found) - 1


@pytest.mark.slow
def test_training_on_a_shot_beats_the_shipped_weights_on_its_other_frames(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """graphs/train_on_shot.yaml with an eighth of its steps, and smaller ones."""
    monkeypatch.chdir(ROOT)
    short = ["train.steps=40", "train.every=40", "train.batch=4", "train.crop=128"]
    import_module("bench_shot").main(["examples/shots/monkey", "--threads", "1", "--set", *short])
    shipped, trained = table(capsys.readouterr().out)
    assert (shipped["weights"], trained["weights"]) == ("shipped weights", "trained on the shot")
    for column in ("mean iou", "mean iou foreground", "boundary f"):
        assert float(trained[column]) > float(shipped[column]) + 0.05, column


def test_bench_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    for library in ("scipy", "skimage", "tifffile"):
        pytest.importorskip(library)
    assert import_module("bench_libraries").main(["--size", "64", "--repeats", "1"]) == 0
    found = table(capsys.readouterr().out)
    assert len(found) >= 13 and all(float(row["ours, ms"]) > 0 and float(row["library, ms"]) > 0 for row in found)
    for row in found:  # what stands in for a library is never less exact than it, and keeps all that is promised
        ours, theirs = (float(row[side].rstrip("%")) for side in ("exact: ours", "exact: library"))
        assert ours >= theirs and (ours == 100 or row["work"].startswith("check EXR")), row


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """The first frame of the torus as a scene of bench_scenes.py."""
    scene = tmp_path / "scene"
    scene.mkdir()
    shutil.copy(str(TORUS).replace("####", "0001"), scene / "render.0001.exr")
    image, layers = LoadFrames(path=str(TORUS))(frame=1)
    write_image(scene / "beauty.0001.png", image)
    write_labels(scene / "label.0001.png", TonesFromPasses()(layers))
    return scene


def test_bench_scenes(tmp_path: Path, scene: Path, weights: str, capsys: pytest.CaptureFixture[str]) -> None:
    bench = import_module("bench_scenes")
    assert bench.main(["--scenes", str(scene), "--weights", weights, "--sheet", str(tmp_path / "sheet.png")]) == 0
    width, height = picture_size(tmp_path / "sheet.png")
    assert width > 5 * 160 and height > 120  # beauty, truth, the recipe, and the weights with and without the shape
    found = {row["method"]: row for row in table(capsys.readouterr().out)}
    assert float(found["recipe key, shape given"]["mean IoU"]) > 0.6
    assert bench.main(["--scenes", str(scene), "--weights", weights, "--light", "none"]) == 0
    alone = {row["method"]: row for row in table(capsys.readouterr().out)}
    assert alone == {name: row for name, row in found.items() if name.startswith("tiny")}
    assert found["tiny.safetensors, shape given"]["shape IoU"] == "1.000"
    assert float(found["tiny.safetensors"]["mean IoU"]) <= float(found["tiny.safetensors, shape given"]["mean IoU"])


def test_mean_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 0 where the second network sees a channel not at all; a class that it does not know stays as it was."""
    files = [str(tmp_path / name) for name in ("a.safetensors", "b.safetensors", "mean.safetensors")]
    for file, channels, classes in ((files[0], ("R", "G", "B", "Shape"), 3), (files[1], ("R", "B"), 2)):
        config = {"in_channels": len(channels), "classes": classes, "widths": [4, 8], "patch": 2, "refine": 3}
        state = build("unet", config).state_dict()
        names = ("background", "midtone", "ground_shadow")[:classes]
        save_weights(Model("unet", config, names, ("#000000",) * classes, channels, size_multiple=4, state=state), file)
    bench = import_module("mean_weights")
    assert bench.main([*files[:2], "--share", "0.75", "-o", files[2]]) == 0
    first, second, made = (load_weights(file) for file in files)
    assert made.channels == first.channels and made.classes == first.classes and made.module() is not None
    for name, places in (("encoder.0.conv1.weight", [0, 1, 2, 3, 8, 9, 10, 11]), ("refine.conv1.weight", [0, 2, 4, 5, 6])):
        wide = torch.zeros_like(first.state[name].float())
        wide[:, places] = second.state[name].float()
        assert torch.allclose(made.state[name].float(), 0.75 * first.state[name].float() + 0.25 * wide, atol=1e-3)
    mixed = 0.75 * first.state["head.bias"][:2].float() + 0.25 * second.state["head.bias"].float()
    assert torch.allclose(made.state["head.bias"].float(), torch.cat([mixed, first.state["head.bias"][2:].float()]), atol=1e-3)
    save_weights(replace(first, channels=("R", "B", "G", "Shape"), classes=("background", "ground_shadow", "midtone")), files[2])
    fewer = replace(second, channels=("R", "B", "G", "Shape"), config={**first.config, "classes": 2})
    narrow = build("unet", fewer.config).state_dict()
    save_weights(replace(fewer, state=narrow), str(tmp_path / "narrow.safetensors"))
    assert bench.main([str(tmp_path / "narrow.safetensors"), files[2], "-o", str(tmp_path / "less.safetensors")]) == 0
    less = load_weights(str(tmp_path / "less.safetensors"))  # without what the second alone has
    assert less.classes == ("background", "midtone") and less.module() is not None
    of_both = first.state["head.bias"].float().view(3, -1)[[0, 2]].flatten()
    assert torch.allclose(less.state["head.bias"].float(), 0.5 * (narrow["head.bias"].float() + of_both), atol=1e-3)
    assert bench.main([files[1], files[0], "-o", files[2]]) == 2
    assert "channel G is known by the second network alone: swap the two" in capsys.readouterr().err
    turned = load_weights(files[0])
    save_weights(replace(turned, channels=("B", "G", "R", "Shape")), files[2])
    assert bench.main([files[0], files[2], "-o", str(tmp_path / "no.safetensors")]) == 2
    assert "in other orders, by channel: R G B Shape; B G R Shape" in capsys.readouterr().err
    assert bench.main([*files[:2], "--share", "1.5", "-o", files[2]]) == 2
    assert "share is 1.5: it must be from 0 to 1" in capsys.readouterr().err


@pytest.mark.parametrize("together", ["", "clean", "tell"])
def test_balance_classes(tmp_path: Path, scene: Path, weights: str, together: str, capsys: pytest.CaptureFixture[str]) -> None:
    if together:
        told = {"channels": ("R", "G", "B", SHAPE), "optional": (SHAPE,), "encodings": {SHAPE: "raw"}} if together == "tell" else {}
        second = tiny_model(classes=SIX_CLASSES, seed=4, config={"patch": 2, "in_channels": len(told.get("channels", "RGB"))}, **told)
        models = [load_weights(weights), replace(second, optional=())]  # who is always told needs a shape
        weights = str(tmp_path / "both.safetensors")
        save_weights(ensemble_of(models, (1, int(together != "tell")), (0, 1), **{together: True}), weights)
    bench, new = import_module("balance_classes"), tmp_path / "new.safetensors"
    found, given = bench.Balance(load_weights(weights)).seen(scene, "none")[:2]  # a frame, and the same with the shape given
    assert torch.equal(found.answers[-1], found.tellers[-1]) == (together != "tell"), "what it says when it is told the shape is another"
    assert torch.equal(given.answers[-1], given.tellers[-1])
    assert bench.main([weights, "-o", str(new), "--scenes", str(scene), "--light", "none"]) == 0
    said = capsys.readouterr().out
    before, after = table("\n".join(line for line in said.splitlines() if line.startswith("|")))
    names = ("mean IoU", "shape given, mean IoU")
    assert sum(numbers([after], *names)) > sum(numbers([before], *names)), "random weights are far from any balance"
    assert (said.count("unet: background"), load_weights(new).config) == (1 + bool(together), load_weights(weights).config)
    scenes = import_module("bench_scenes")
    assert scenes.main(["--scenes", str(scene), "--weights", str(new), "--light", "none"]) == 0
    found = [float(row["mean IoU"]) for row in table(capsys.readouterr().out)]
    assert found == pytest.approx(numbers([after], *names), abs=0.02), "the file is what was measured, but for half precision and strays"


def test_learning_curve(tmp_path: Path, scene: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    bench = import_module("learning_curve")
    monkeypatch.chdir(tmp_path)  # where the trainings have their cache
    small = ["train.steps=1", "train.batch=2", "train.crop=64", "train.validation_share=0", "train.widths=[4, 8]"]
    graph = tmp_path / "train.yaml"
    graph.write_text(
        "rotonodes: 1\nframes: 1-4\nvars: {shards: x}\nnodes:\n"
        "  shards: {type: LoadShards, path: $shards}\n"
        "  train: {type: TrainUNet, in: {image: shards.image, labels: shards.labels}}\n"
        "  weights: {type: WriteModel, in: train, path: out/weights.safetensors}\n"
    )
    command = [str(graph), "--scenes", str(scene), "--frames", "2", "1", "--out", str(tmp_path / "out"), "--chart", str(tmp_path / "c.png")]
    command += ["--set", *small, "--var", f"shards={ROOT / 'examples' / 'shards'}"]
    assert bench.main(command) == 0
    found = table(capsys.readouterr().out)
    assert [(row["frames"], row["method"]) for row in found] == [(n, m) for n in "12" for m in ("weights", "weights, shape given")]
    assert picture_size(tmp_path / "c.png") == (960, 540)
    kept = (tmp_path / "out" / "2.safetensors").stat().st_mtime_ns
    assert bench.main(command) == 0  # what is trained already is only scored
    assert (tmp_path / "out" / "2.safetensors").stat().st_mtime_ns == kept
    assert table(capsys.readouterr().out) == found


def test_bench_ink(capsys: pytest.CaptureFixture[str]) -> None:
    bench = import_module("bench_ink")
    assert bench.main(["--frames", "2", "--size", "96", "72", "--no-speed"]) == 0
    found = table(capsys.readouterr().out)
    ours, edges = (next(row for row in found if row["lines"] == name) for name in ("InkLines", "plain edges"))
    assert min(numbers([ours], "recall", "precision")) > 95 and numbers([ours], "precision") > numbers([edges], "precision")


def test_bench_edges(capsys: pytest.CaptureFixture[str]) -> None:
    bench = import_module("bench_edges")
    assert bench.main(["--size", "64", "48"]) == 0
    found = {(row["way"], row["over"]): numbers([row], "edges")[0] for row in table(capsys.readouterr().out)}
    for over in ("a flat ground", "the render's plate"):
        assert found["AntialiasTones", over] < 0.4 * found["labels, matte as mask", over]


def test_bench_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    for library in ("cv2", "OpenImageIO", "PyOpenColorIO"):
        pytest.importorskip(library)
    bench = import_module("bench_nodes")
    assert bench.main(["--size", "96x64", "--repeats", "1"]) == 0
    found = table(capsys.readouterr().out)
    assert len(found) > 25
    same = {row["operation"]: float(row["difference"]) for row in found if row["difference"]}
    assert max(same.values()) < 5e-3, f"ours and theirs are meant to be the same: {same}"


def torus_scene(folder: Path) -> tuple[Path, Layers, Labels]:
    """A folder with the first frame of the torus, its passes, and labels, which are to be written there."""
    scene = folder / "scene"
    scene.mkdir()
    shutil.copy(str(TORUS).replace("####", "0001"), scene / "render.0001.exr")
    picture, layers = LoadFrames(path=str(TORUS))(frame=1)
    write_image(scene / "beauty.0001.png", picture)
    return scene, layers, TonesFromPasses(recipe="key")(layers)


def test_bench_wrong_pixels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The torus with a label of its own painted wrong: all of the kinds together are the pixels that differ."""
    bench = import_module("bench_wrong_pixels")
    scene, layers, labels = torus_scene(tmp_path)
    wrong = labels.data.clone()
    wrong[(labels.data == 3) & (torch.arange(labels.width) < labels.width // 2)] = 4
    write_labels(scene / "label.0001.png", labels.with_data(wrong))
    direction = ", ".join(map(str, header_light(layers)))
    (scene / "about.md").write_text(f"| frame 1 | light [{direction}]; camera [] |")
    assert bench.main(["--scenes", str(scene)]) == 0
    (row,) = [row for row in table(capsys.readouterr().out) if row["scene"] == "scene"]
    assert float(row["degrees off"]) < 10 and float(row["wrong"].removesuffix(" %")) > 1
    shares = {kind: float(row[kind].removesuffix(" %")) for kind in bench.KINDS}
    assert abs(sum(shares.values()) - 100) <= len(shares)
    assert shares["highlight, midtone"] == max(shares.values())


def test_bench_wrong_pixels_of_the_picture_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the shape is given none of it is background; where half of the picture's labels are a shape that is not there, it is."""
    bench = import_module("bench_wrong_pixels")
    scene, _, labels = torus_scene(tmp_path)
    write_labels(scene / "label.0001.png", labels.with_data(torch.where(torch.arange(labels.width) < labels.width // 2, 3, labels.data)))
    rows = []
    for how in ([], ["--find-shape"]):
        assert bench.main(["--scenes", str(scene), "--weights", "weights/tones.safetensors", *how]) == 0
        rows += [row for row in table(capsys.readouterr().out) if row["scene"] == "scene"]
    given, found = rows
    assert given["degrees off"] == found["degrees off"] == "-", "the picture alone looks for no light"
    assert given["shape for background"] == given["background for shape"] == "0 %"
    assert float(found["shape for background"].removesuffix(" %")) > 50
    with pytest.raises(SystemExit):
        bench.main(["--scenes", str(scene), "--find-shape"])
