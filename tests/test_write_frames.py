"""WriteFrames, WriteGIF, ContactSheet: what lies in the files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.picture.sheet import cell, contact_sheet
from rotonodes.io import exr, gif, pictures
from rotonodes.io.png import write_png
from rotonodes.node.parameters import parameter_faults
from rotonodes.nodes.input.load_frames import LoadFrames
from rotonodes.nodes.input.load_labels import LoadLabels
from rotonodes.nodes.output.contact_sheet import ContactSheet
from rotonodes.nodes.output.write_frames import WriteFrames
from rotonodes.nodes.output.write_gif import WriteGIF
from rotonodes.values.color import srgb_table
from rotonodes.values.pixels import Box, Clip, Image, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS


def labels(*rows: list[int]) -> Labels:
    return Labels(torch.tensor(rows, dtype=torch.uint8), CLASSES, COLORS)


def random_samples(kind: str, channels: int) -> np.ndarray:
    values = np.random.default_rng(5).integers(0, np.iinfo(kind).max + 1, (5, 7, channels))
    return values.astype(kind)


# WriteFrames.


@pytest.mark.parametrize(("suffix", "kind"), [("png", "uint8"), ("png", "uint16"), ("tif", "uint8"), ("tif", "uint16"), ("webp", "uint8")])
def test_write_frames_gives_back_what_load_frames_read(tmp_path: Path, suffix: str, kind: str) -> None:
    write_png(tmp_path / "in.0007.png", random_samples(kind, 4))
    image = LoadFrames(path=str(tmp_path / "in.####.png"))(frame=7).image
    written = WriteFrames(path=str(tmp_path / f"new/out.####.{suffix}"))(image, frame=7)
    assert written == tmp_path / f"new/out.0007.{suffix}"
    again = LoadFrames(path=str(written))(frame=7).image
    assert np.array_equal(again.encoded.samples, image.encoded.samples)
    assert again.encoded.samples.dtype == kind


def test_write_frames_says_which_files_it_writes() -> None:
    write = WriteFrames(path="out/a.####.png")
    assert write.writes(-5) == ("out/a.-005.png",)
    assert write.is_writer()


def test_write_frames_depth_colorspace_and_key(tmp_path: Path) -> None:
    image = Image(torch.full((3, 1, 1), 0.5))
    deep = WriteFrames(path=str(tmp_path / "a.png"), depth=16, colorspace="linear")(image, key="abc")
    assert LoadFrames(path=str(deep), colorspace="raw")(frame=1).image.encoded.samples.flat[0] == 32768
    assert pictures.read_key(deep) == "abc"
    assert WriteFrames(path="a.png", depth="16").depth == 16
    assert parameter_faults(WriteFrames, {"path": "a.png", "depth": 12})
    jpeg = WriteFrames(path=str(tmp_path / "a.jpg"), quality=100)(image, key="abc")
    assert np.abs(pixels(jpeg).astype(int) - 188).max() <= 1
    assert pictures.read_key(jpeg) == "abc"


def test_write_frames_writes_mattes_and_labels(tmp_path: Path) -> None:
    matte = WriteFrames(path=str(tmp_path / "m.png"))(Matte(torch.tensor([[[0.0, 0.5, 1.0]]])))
    assert pixels(matte).tolist() == [[0, 128, 255]]
    path = WriteFrames(path=str(tmp_path / "l.png"))(labels([0, 4, 2]))
    with PIL.Image.open(path) as picture:
        assert picture.mode == "P"
    assert LoadLabels(path=str(path))(frame=1).data.tolist() == [[0, 4, 2]]


@pytest.fixture
def layers() -> Layers:
    depth = np.array([[1e9, np.nan], [-3.25, 0]], np.float32)
    half = np.array([[0.1, 65504], [np.inf, 7]], np.float16)
    ids = np.array([[1, 2**32 - 1], [0, 3]], np.uint32)
    return Layers({"View.Depth.Z": depth, "View.C.R": half, "id": ids}, Box(-1, 2, 1, 4), (5, 6), {"cryptomatte/1234567/name": "a"})


def test_write_frames_writes_layers_back_bit_for_bit(tmp_path: Path, layers: Layers) -> None:
    path = WriteFrames(path=str(tmp_path / "a.exr"))(layers=layers, key="k")
    again = LoadFrames(path=str(path))(frame=1).layers
    assert again.box == layers.box
    assert again.size == layers.size
    assert again.metadata["cryptomatte/1234567/name"] == "a"
    for name, plane in layers.planes.items():
        assert again.planes[name].dtype == plane.dtype
        assert again.planes[name].tobytes() == plane.tobytes()
    assert exr.read_key(path) == "k"


def test_write_frames_adds_a_picture_and_extras_to_layers(tmp_path: Path, layers: Layers) -> None:
    image, matte = Image(torch.full((4, 6, 5), 0.1)), Matte(torch.ones(1, 6, 5))
    write = WriteFrames(path=str(tmp_path / "a.exr"), names=["paint", "shape"], depth="float")
    planes = exr.read_layers(write(image, layers, [image, matte])).planes
    assert set(planes) == {*layers.planes, *"RGBA", "paint.R", "paint.G", "paint.B", "paint.A", "shape.Y"}
    assert planes["R"][0].tolist() == [0, np.float32(0.1)], "outside the frame there is nothing"
    with pytest.raises(UsageError, match="reformat"):
        write(Image(torch.ones(3, 1, 1)), layers, [image, matte])


def test_write_frames_names_extra_layers(tmp_path: Path) -> None:
    image = Image(torch.ones(3, 2, 2))
    write = WriteFrames(path=str(tmp_path / "a.exr"), names=["shape"])
    planes = exr.read_layers(write(image, extra=[Matte(torch.full((1, 2, 2), 0.5))])).planes
    assert {name: plane.dtype.name for name, plane in planes.items()} == dict.fromkeys(("R", "G", "B", "shape.Y"), "float16")
    with pytest.raises(UsageError, match="2 extra pictures but 1 names"):
        write(image, extra=[image, image])


def test_write_frames_says_what_cannot_be_written() -> None:
    def faults(path: str, *linked: str, frames: int = 1, **parameters: object) -> list[str]:
        return list(WriteFrames(path=path, **parameters).faults(frozenset(linked), frames))

    assert faults("a.####.png", "image", frames=9) == faults("a.png", "image") == faults("a.exr", "layers") == []
    assert faults("a.png", "image", frames=9) == ["9 frames would all be written to 'a.png': put #### into the name"]
    assert "link `image`" in faults("a.png")[0]
    assert ".pgn" in faults("a.pgn", "image")[0]
    assert "half" in faults("a.png", "image", depth="half")[0]
    assert "only EXR" in faults("a.png", "image", "extra")[0]
    assert "colorspace" in faults("a.exr", "layers", colorspace="srgb")[0]
    with pytest.raises(UsageError, match="only EXR"):
        WriteFrames(path="a.png", names=["x"])(Image(torch.ones(3, 1, 1)), extra=[Matte(torch.ones(1, 1, 1))])
    with pytest.raises(UsageError, match="labels are written alone"):
        WriteFrames(path="a.exr", names=["x"])(labels([0]), extra=[Matte(torch.ones(1, 1, 1))])


# WriteGIF.


def gif_frames(path: Path) -> tuple[list[np.ndarray], list[int]]:
    """Every frame as RGBA, and how long it is shown in ms."""
    frames, times = [], []
    with PIL.Image.open(path) as picture:
        for index in range(picture.n_frames):
            picture.seek(index)
            frames.append(np.array(picture.convert("RGBA")))
            times.append(picture.info["duration"])
    return frames, times


def pixels(path: Path) -> np.ndarray:
    with PIL.Image.open(path) as picture:
        return np.array(picture)


def flat(code: int) -> Image:
    """A picture of one sRGB grey, with a second colour in its corner."""
    data = torch.full((3, 3, 4), float(srgb_table(256)[code]))
    data[:, 0, 0] = 1.0
    return Image(data)


def test_write_gif_is_exact_in_colour_and_time(tmp_path: Path) -> None:
    path = WriteGIF(path=str(tmp_path / "a.gif"), fps=24)(Clip.of([flat(code) for code in range(24)]), key="k")
    frames, times = gif_frames(path)
    assert sum(times) == 1000
    assert set(times) == {40, 50}
    assert [int(frame[2, 2, 0]) for frame in frames] == list(range(24))
    assert all(frame[0, 0].tolist() == [255] * 4 for frame in frames)
    assert gif.read_key(path) == "k"


def test_write_gif_of_labels_and_mattes(tmp_path: Path) -> None:
    path = WriteGIF(path=str(tmp_path / "l.gif"))([labels([0, 4]), labels([1, 4])])
    assert [f"#{bytes(p[:3]).hex()}" for p in gif_frames(path)[0][1][0]] == [COLORS[1], COLORS[4]]
    path = WriteGIF(path=str(tmp_path / "m.gif"))([Matte(torch.tensor([[[0.0, 0.5, 1.0]]]))])
    assert gif_frames(path)[0][0][0, :, 0].tolist() == [0, 128, 255]
    with pytest.raises(FrameError, match="class index 9 has no colour"):
        WriteGIF(path=str(tmp_path / "x.gif"))([labels([9, 0])])
    assert not (tmp_path / "x.gif").exists()


def test_write_gif_transparency(tmp_path: Path) -> None:
    image = Image(torch.tensor([[1.0, 0.25], [0, 0], [0, 0], [1.0, 0.25]])[:, None])
    shown = gif_frames(WriteGIF(path=str(tmp_path / "a.gif"))([image]))[0][0]
    assert shown[0, :, 3].tolist() == [255, 0]
    black = gif_frames(WriteGIF(path=str(tmp_path / "b.gif"), transparent=False)([image]))[0][0]
    assert black[0, :, 3].tolist() == [255, 255]
    grey = Image(torch.tensor([[1.0, 0.0], [1.0, 0.0]])[:, None])
    assert gif_frames(WriteGIF(path=str(tmp_path / "c.gif"))([grey]))[0][0][0].tolist() == [[255] * 4, [0, 0, 0, 0]]


def test_write_gif_streams_and_refuses_nothing_at_all(tmp_path: Path) -> None:
    alive = 0

    class Counted:
        def __init__(self) -> None:
            nonlocal alive
            alive += 1

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    most = 0

    def frames():  # type: ignore[no-untyped-def]
        nonlocal most
        for index in range(30):
            image = flat(index)
            object.__setattr__(image, "counted", Counted())
            most = max(most, alive)
            yield image

    WriteGIF(path=str(tmp_path / "a.gif"))(Clip(range(30), frames))
    assert most <= 4
    with pytest.raises(UsageError, match="there are no frames"):
        WriteGIF(path=str(tmp_path / "b.gif"))([])
    assert not (tmp_path / "b.gif").exists()
    assert "no frames" in next(WriteGIF(path="a.gif").faults(frozenset(["image"]), 0))
    assert WriteGIF(path="a.gif").writes(None) == ("a.gif",)
    assert parameter_faults(WriteGIF, {"path": "a.png"})


# ContactSheet.


def test_contact_sheet_lays_cells_out(tmp_path: Path) -> None:
    clip = Clip.of([flat(255), Matte(torch.ones(1, 3, 4)), labels([4, 4, 4, 4], [4, 4, 4, 4], [4, 4, 4, 4])], frames=[9, 10, 11])
    path = ContactSheet(path=str(tmp_path / "s.png"), columns=2, width=16, numbers=False)(clip, key="k")
    sheet = pixels(path)
    assert sheet.shape == (4 + 2 * (12 + 4), 4 + 2 * (16 + 4), 3)
    assert (sheet[4:16, 4:20] == 255).all()
    assert (sheet[4:16, 24:40] == 255).all()
    assert f"#{sheet[25, 10].tobytes().hex()}" == COLORS[4]
    assert (sheet[20:32, 24:40] == sheet[0, 0]).all(), "the last cell is empty"
    assert pictures.read_key(path) == "k"
    numbered = pixels(ContactSheet(path=str(tmp_path / "n.png"), columns=2, width=16)(clip))
    assert numbered.shape[0] > sheet.shape[0]
    assert ContactSheet(path="s.png").writes(None) == ("s.png",)


def test_contact_sheet_cells() -> None:
    half = Image(torch.tensor([1.0, 1.0, 1.0, 0.0]).view(4, 1, 1) * 0.0)
    assert cell(half, (2, 2)).data.unique().tolist() == pytest.approx([0.03])
    assert cell(Matte(torch.full((1, 1, 1), 0.5)), (1, 1)).data.flatten()[0].item() == pytest.approx(((0.5 + 0.055) / 1.055) ** 2.4)
    assert cell(Image(torch.ones(3, 2, 8)), (8, 8)).data[0, :, 0].tolist() == pytest.approx([0.03] * 3 + [1, 1] + [0.03] * 3)
    assert contact_sheet([cell(flat(0), (8, 6))] * 9).size == (4 + 3 * 12, 4 + 3 * 10)
    with pytest.raises(UsageError, match="no frames"):
        contact_sheet([])


# Layers, pictures and extra layers in one EXR.


FRAME = Box(0, 0, 4, 3)


def ramp(*names: str, box: Box = FRAME, start: float = 0) -> dict[str, np.ndarray]:
    grid = np.arange(box.height * box.width, dtype=np.float32).reshape(box.height, box.width)
    return {name: start + number + grid / 64 for number, name in enumerate(names)}


def test_a_linked_picture_takes_the_place_of_channels_of_its_names(tmp_path: Path) -> None:
    layers = Layers(ramp("R", "G", "B", "Depth.Z"), Box(0, 0, 4, 3), (4, 3))
    picture = Image(torch.full((3, 3, 4), 9.0))
    file = WriteFrames(path=str(tmp_path / "a.exr"), depth="float")(picture, layers=layers)
    found = exr.read_layers(file).planes
    assert set(found) == set(layers.planes)
    assert all((found[name] == 9).all() for name in "RGB")
    np.testing.assert_array_equal(found["Depth.Z"], layers.planes["Depth.Z"])
    np.testing.assert_array_equal(layers.planes["R"], ramp("R")["R"])  # what came in is as it was


@pytest.mark.parametrize("beside", ["image", "layers", "both"])
@pytest.mark.parametrize(("depth", "kind"), [("float", np.float32), ("half", np.float16), ("auto", np.float16)])
def test_extra_layers_are_as_deep_as_asked(tmp_path: Path, beside: str, depth: str, kind: type) -> None:
    value = 1 + 2**-20  # which half precision does not hold
    extra, matte = Image(torch.full((3, 3, 4), value)), Matte(torch.full((1, 3, 4), 1 - 2**-20))
    inputs: dict[str, object] = {}
    if beside != "layers":
        inputs["image"] = Image(torch.full((3, 3, 4), value))
    if beside != "image":
        inputs["layers"] = Layers(ramp("V.Mist.Z"), Box(0, 0, 4, 3), (4, 3))
    file = WriteFrames(path=str(tmp_path / "a.exr"), depth=depth, names=["light", "cut"])(**inputs, extra=[extra, matte])
    found = exr.read_layers(file).planes
    assert {"light.R", "light.G", "light.B", "cut.Y"} <= set(found)
    for name, wanted in (("light.G", value), ("cut.Y", 1 - 2**-20), *((("R", value),) if beside != "layers" else ())):
        assert found[name].dtype == kind and found[name][0, 0] == kind(wanted), name
    if beside != "image":
        assert found["V.Mist.Z"].dtype == np.float32  # layers stay as they were read


def test_a_picture_is_laid_on_the_window_of_the_layers(tmp_path: Path) -> None:
    window = Box(-1, 0, 5, 4)
    layers = Layers(ramp("Depth.Z", box=window), window, (4, 3))
    picture = Image(torch.arange(12.0).view(1, 3, 4).repeat(3, 1, 1) + 1)
    found = exr.read_layers(WriteFrames(path=str(tmp_path / "a.exr"), depth="float")(picture, layers=layers))
    assert found.box == window
    np.testing.assert_array_equal(found.planes["R"][:3, 1:5], picture.data[0].numpy())
    assert not found.planes["R"][3].any() and not found.planes["R"][:, 0].any()


def test_pixel_aspect_stays_whatever_is_written(tmp_path: Path) -> None:
    noted = {"pixelAspectRatio": 2.0}
    picture = Image(torch.rand(3, 3, 4), metadata=noted)
    layers = Layers(ramp("V.Combined.R"), Box(0, 0, 4, 3), (4, 3), noted)
    given = [{"image": picture}, {"layers": layers}, {"image": picture, "layers": layers}, {"image": picture, "extra": [picture]}]
    for number, inputs in enumerate(given):
        names = ["more"] if "extra" in inputs else []
        file = WriteFrames(path=str(tmp_path / f"{number}.exr"), names=names)(**inputs)
        assert exr.read_layers(file).metadata["pixelAspectRatio"] == 2, inputs
