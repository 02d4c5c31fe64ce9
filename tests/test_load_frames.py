"""LoadFrames, LoadLabels, LoadMattes: files, passes, gaps."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from rotonodes import Graph
from rotonodes.errors import FrameError
from rotonodes.io.exr import write_layers
from rotonodes.io.pictures import write_image, write_labels
from rotonodes.io.png import write_png
from rotonodes.node.parameters import parameter_faults
from rotonodes.nodes.input.load_frames import LoadFrames
from rotonodes.nodes.input.load_labels import LoadLabels
from rotonodes.nodes.input.load_mattes import LoadMattes
from rotonodes.nodes.output.write_frames import WriteFrames
from rotonodes.values.pixels import Box, Image, Labels, Layers

GREYS = [200, 40, 80, 125, 255]


def save(path: Path, *pixels: list[int] | int) -> None:
    """An 8-bit PNG of one row."""
    samples = np.array([pixels], dtype=np.uint8)
    write_png(path, samples if samples.ndim == 3 else samples[..., None])


@pytest.fixture
def sequence(tmp_path: Path) -> str:
    """Frames 1, 2, 5 and 7, whose grey is the frame number."""
    for frame in (1, 2, 5, 7):
        save(tmp_path / f"a.{frame:04d}.png", frame, frame)
    return str(tmp_path / "a.####.png")


def code(image: Image) -> int:
    """The 8-bit code a grey picture was read from."""
    assert image.encoded is not None
    return int(image.encoded.samples.flat[0])


def test_load_frames_reads_srgb_and_keeps_the_files_samples(tmp_path: Path) -> None:
    save(tmp_path / "a.png", [255, 128, 0, 128])
    image = LoadFrames(path=str(tmp_path / "a.png"))(frame=9).image
    linear = ((128 / 255 + 0.055) / 1.055) ** 2.4
    assert image.data.flatten().tolist() == pytest.approx([128 / 255, linear * 128 / 255, 0, 128 / 255])
    assert image.encoded.samples.tolist() == [[[255, 128, 0, 128]]]
    raw = LoadFrames(path=str(tmp_path / "a.png"), colorspace="raw")(frame=9).image
    assert raw.data.flatten().tolist() == pytest.approx([1, 128 / 255, 0, 128 / 255])


def test_load_frames_reads_the_file_of_the_frame(sequence: str) -> None:
    load = LoadFrames(path=sequence)
    assert load.available() == (1, 2, 5, 7)
    assert load.reads(5) == (sequence.replace("####", "0005"),)
    assert code(load(frame=5).image) == 5
    assert LoadFrames(path=sequence.replace("####", "0005")).available() is None


def test_load_frames_lists_every_gap(sequence: str) -> None:
    with pytest.raises(FrameError, match=r"cannot read .*a\.0003\.png: no such file; .*a\.####\.png has frames 1-7 without 3-4, 6$"):
        LoadFrames(path=sequence)(frame=3)
    with pytest.raises(FrameError, match=r"no file at all matches .*--root"):
        LoadFrames(path=sequence.replace("a.", "b."))(frame=3)
    with pytest.raises(FrameError, match=r"no such file \(did you mean '.*a\.0007\.png'\?\): check the path and --root$"):
        LoadFrames(path=sequence.replace("####", "x"))(frame=3)


@pytest.mark.parametrize("spelled", ["[0001-0007]", "*", "%d"])
def test_another_programs_spelling_of_a_range_is_told_about_the_frame_token(sequence: str, spelled: str) -> None:
    with pytest.raises(FrameError, match=r"did you mean '.*a\.####\.png'"):
        LoadFrames(path=sequence.replace("####", spelled))(frame=1)


@pytest.mark.parametrize("name", ["Film #3", "50%draft", "[final] shots", "Take ##", "a$F4b", "{part}"])
def test_the_roots_own_name_is_no_pattern(name: str, tmp_path: Path) -> None:
    root = tmp_path / name
    for frame in (1, 2):
        write_png(root / f"in/a.{frame:04d}.png", np.full((2, 2, 1), 40 * frame, np.uint8))
    graph = Graph(frames="1-2")
    graph.add(WriteFrames(path="out/o.####.png"), image=graph.add(LoadFrames(path="in/a.####.png")).image)
    assert graph.run(root=str(root)).exit_code == 0
    assert [file.relative_to(tmp_path) for file in sorted(tmp_path.rglob("o.*.png"))] == [Path(f"{name}/out/o.000{i}.png") for i in (1, 2)]


def test_words_put_into_a_path_are_no_tokens(tmp_path: Path) -> None:
    for word, value in (("arm#2", 10), ("%d", 20)):
        save(tmp_path / f"a_{word}.0001.png", value, value)
    layers = LoadFrames(path=f"{tmp_path}/a_$pass.####.png", passes={"arm": "arm#2", "leg": "%d"})(frame=1).layers
    assert [round(float(plane[0, 0]) * 255) for plane in layers.planes.values()] == [10, 20]


def test_frames_before_zero_are_read_as_blender_writes_them(tmp_path: Path) -> None:
    for frame, name in ((-2, "-0002"), (-1, "-0001"), (0, "0000")):
        save(tmp_path / f"a.{name}.png", 50 + frame, 50 + frame)
    load = LoadFrames(path=f"{tmp_path}/a.####.png")
    assert load.available() == (-2, -1, 0)
    assert [code(load(frame=frame).image) for frame in (-2, -1, 0)] == [48, 49, 50]
    assert load.reads(-2) == (f"{tmp_path}/a.-0002.png",)


@pytest.mark.parametrize(("frame", "held"), [(-3, 1), (3, 2), (4, 2), (5, 5), (6, 5), (99, 7)])
def test_load_frames_holds_the_frame_before_a_gap(sequence: str, frame: int, held: int) -> None:
    load = LoadFrames(path=sequence, missing="hold")
    assert load.reads(frame) == (sequence.replace("####", f"{held:04d}"),)
    assert code(load(frame=frame).image) == held


def test_load_frames_fills_a_gap_with_black(sequence: str) -> None:
    load = LoadFrames(path=sequence, missing="black")
    loaded = load(frame=3)
    assert loaded.image.data.tolist() == [[[0, 0]]]
    assert loaded.image.encoded is None
    assert loaded.layers.planes["Y"].tolist() == [[0, 0]]
    assert code(load(frame=7).image) == 7


def test_load_frames_gives_every_channel_of_an_exr_as_stored(tmp_path: Path) -> None:
    box = Box(1, 0, 3, 1)
    planes = {
        **{f"ViewLayer.Combined.{c}": np.array([[1.5, 2]], np.float16) for c in "RGBA"},
        "ViewLayer.Depth.Z": np.array([[1e10, np.nan]], np.float32),
    }
    write_layers(tmp_path / "a.exr", Layers(planes, box, (4, 1)))
    loaded = LoadFrames(path=str(tmp_path / "a.exr"))(frame=1)
    assert loaded.image.channels == ("R", "G", "B", "A")
    assert loaded.image.box == loaded.layers.box == box
    assert {name: plane.dtype.name for name, plane in loaded.layers.planes.items()} == {n: p.dtype.name for n, p in planes.items()}
    assert np.isnan(loaded.layers.planes["ViewLayer.Depth.Z"][0, 1])
    assert LoadFrames(path=str(tmp_path / "a.exr")).run({}, frame=1, wanted=["image"]).layers is None
    assert LoadFrames(path=str(tmp_path / "a.exr")).run({}, frame=1, wanted=["layers"]).image is None


def cinema4d(folder: Path, frame: int, size: int = 1) -> None:
    """Passes as Cinema 4D names them: an underscore before the frame only where the name ends in a digit."""
    save(folder / f"Cube1_{frame:04d}.png", *[[255, 128, 0, 128]] * size)
    save(folder / f"Cube1_matcolor{frame:04d}.png", *[[51, 102, 0]] * size)
    save(folder / f"Cube1_shadow{frame:04d}.png", *[204] * size)


def test_load_frames_reads_one_file_a_pass(tmp_path: Path) -> None:
    cinema4d(tmp_path, 1)
    load = LoadFrames(path=str(tmp_path / "Cube1_$pass####.png"), passes=["", "matcolor", "shadow"])
    assert [Path(file).name for file in load.reads(1)] == ["Cube1_0001.png", "Cube1_matcolor0001.png", "Cube1_shadow0001.png"]
    loaded = load(frame=1)
    assert list(loaded.layers.planes) == [*(f"rgba.{c}" for c in "RGBA"), *(f"matcolor.{c}" for c in "RGB"), "shadow.Y"]
    values = {name: plane.item() for name, plane in loaded.layers.planes.items()}
    assert values["matcolor.G"] == pytest.approx(102 / 255)
    assert values["shadow.Y"] == pytest.approx(204 / 255)
    assert values["rgba.G"] == pytest.approx(128 / 255), "layers are raw, not premultiplied"
    assert all(plane.dtype == np.float32 for plane in loaded.layers.planes.values())
    assert loaded.image.data[0].item() == pytest.approx(128 / 255), "the picture is premultiplied"


def test_load_frames_maps_passes_to_the_text_in_the_path(tmp_path: Path) -> None:
    cinema4d(tmp_path, 7)
    load = LoadFrames(path=str(tmp_path / "Cube1$pass####.png"), passes={"matcolor": "_matcolor", "beauty": "_"})
    assert list(load(frame=7).layers.planes) == ["matcolor.R", "matcolor.G", "matcolor.B", *(f"beauty.{c}" for c in "RGBA")]
    assert load(frame=7).image.channels == ("R", "G", "B")
    assert load.available() == (7,)


def test_load_frames_counts_only_frames_with_all_passes(tmp_path: Path) -> None:
    for frame in (1, 2, 3):
        cinema4d(tmp_path, frame)
    (tmp_path / "Cube1_shadow0002.png").unlink()
    load = LoadFrames(path=str(tmp_path / "Cube1_$pass####.png"), passes=["matcolor", "shadow"])
    assert load.available() == (1, 3)
    with pytest.raises(FrameError, match=r"Cube1_shadow0002\.png: no such file; .* frames 1-3 without 2"):
        load(frame=2)
    assert load.model_copy(update={"missing": "hold"}).reads(2) == load.reads(1)
    save(tmp_path / "Cube1_shadow0003.png", 1, 2)
    with pytest.raises(FrameError, match=r"it is 2 x 1, .*matcolor0003\.png is 1 x 1"):
        load(frame=3)


def test_load_frames_wants_passes_and_token_together() -> None:
    assert (
        "'a_$pass.png' has $pass, and `passes` names none: write passes: {" in parameter_faults(LoadFrames, {"path": "a_$pass.png"})[0][1]
    )
    told = parameter_faults(LoadFrames, {"path": "a.exr", "passes": {"rgba": "_", "illum": "_illum"}})[0][1]
    assert "'a.exr' has no $pass: write it where the files of rgba, illum differ" in told
    assert "passes: {} for one file with all passes" in told
    assert "twice" in parameter_faults(LoadFrames, {"path": "a_$pass.png", "passes": ["x", "x"]})[0][1]
    assert parameter_faults(LoadFrames, {"path": ""})


def test_load_frames_resolves_its_path_below_the_root() -> None:
    load = LoadFrames(path="shots/a_$pass####.png", passes=["", "z"]).at(lambda path: f"/root/{path}")
    assert load.reads(3) == ("/root/shots/a_0003.png", "/root/shots/a_z0003.png")


def test_load_labels_by_grey_value(tmp_path: Path) -> None:
    save(tmp_path / "a.0001.png", *GREYS)
    labels = LoadLabels(path=str(tmp_path / "a.####.png"), values=GREYS)(frame=1)
    assert labels.data.tolist() == [[0, 1, 2, 3, 4]]
    assert labels.classes[4] == "highlight"
    with pytest.raises(FrameError, match="no class"):
        LoadLabels(path=str(tmp_path / "a.####.png"), values=[200, 40, 80, 125, 254])(frame=1)
    assert LoadLabels(path=str(tmp_path / "a.####.png"), values=GREYS, missing="black")(frame=2).data.tolist() == [[0] * 5]


def test_load_labels_from_a_palette(tmp_path: Path) -> None:
    labels = Labels(torch.tensor([[1, 0]], dtype=torch.uint8), ("paper", "ink"), ("#ffffff", "#112233"))
    write_labels(tmp_path / "a.png", labels)
    read = LoadLabels(path=str(tmp_path / "a.png"), classes=["paper", "ink"])(frame=1)
    assert torch.equal(read.data, labels.data)
    assert read.colors == labels.colors
    assert "one for each class" in parameter_faults(LoadLabels, {"path": "a", "values": [1, 2]})[0][1]


def test_load_mattes_takes_a_channel(tmp_path: Path) -> None:
    save(tmp_path / "grey.png", 51, 255)
    save(tmp_path / "cutout.png", [255, 102, 0, 51])

    def matte(name: str, **parameters: str) -> list[float]:
        return LoadMattes(path=str(tmp_path / name), **parameters)(frame=1).data.flatten().tolist()

    assert matte("grey.png") == pytest.approx([0.2, 1])
    assert matte("cutout.png") == pytest.approx([0.2])
    assert matte("cutout.png", channel="G") == pytest.approx([0.4])
    with pytest.raises(FrameError, match="no channel 'Z'; it has R, G, B, A"):
        matte("cutout.png", channel="Z")
    write_image(tmp_path / "a.exr", Image(torch.tensor([0.25, 0.5, 0.75, 1.0]).view(4, 1, 1), origin=(1, 0), size=(2, 1)))
    assert matte("a.exr", channel="G") == [0, 0.5]
    write_layers(tmp_path / "b.exr", Layers({"View.mask.X": np.full((1, 1), 0.5, np.float32)}, Box(0, 0, 1, 1), (1, 1)))
    assert matte("b.exr", channel="View.mask.X") == [0.5]
    with pytest.raises(FrameError, match=r"did you mean 'View\.mask\.X'"):
        matte("b.exr", channel="View.mask.Y")


def test_a_folder_that_cannot_be_listed_is_said_to_be_one(sequence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    for name in ("scandir", "listdir"):  # root may list every folder
        monkeypatch.setattr(os, name, refuse)
    with pytest.raises(FrameError, match=r"the folder .* cannot be listed: permission denied: check the path"):
        LoadFrames(path=sequence.replace("a.", "b."))(frame=1)
