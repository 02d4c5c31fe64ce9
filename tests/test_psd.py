"""PSD: what is written is read back by psd-tools sample for sample, and its layers composited there are our merged picture."""

import io
import logging
import struct
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import psd_tools
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from psd_tools.composite import composite

from rotonodes import Graph
from rotonodes.errors import FrameError, UsageError
from rotonodes.io import pictures
from rotonodes.io.psd import PsdLayer, _merged, flatten, pack_bits, read_key, trimmed, write_psd
from rotonodes.io.psd_decode import read_psd
from rotonodes.nodes import LoadLabels, PaintTones, ToneSplit, WritePSD
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS

SIZE = (29, 23)


def picture(seed: int, size: tuple[int, int] = SIZE, depth: int = 8) -> np.ndarray:
    """Random straight samples `[H, W, 4]`: a third transparent, a corner flat."""
    random = np.random.default_rng(seed)
    width, height = size
    samples = random.integers(0, 1 << depth, (height, width, 4)).astype(np.uint8 if depth == 8 else np.uint16)
    samples[random.random((height, width)) < 0.3] = 0
    samples[: height // 2, : width // 2] = samples[-1, -1]
    return samples


def stack(depth: int) -> list[PsdLayer]:
    top = (1 << depth) - 1
    ground = picture(1, depth=depth)
    ground[..., 3] = top
    return [
        PsdLayer("Hintergrund – 背景 é", ground),
        PsdLayer("body/arm", picture(2, (12, 9), depth), (4, 6), opacity=0.6),
        PsdLayer("body/leg/shoe", picture(3, (6, 6), depth), (20, 15)),
        PsdLayer("switched off", picture(4, depth=depth), visible=False),
        PsdLayer("reaches out", picture(5, (20, 15), depth), (-6, -4)),
        PsdLayer("nothing", np.zeros_like(ground)),
        PsdLayer("body/again", picture(6, (5, 5), depth), (1, 1)),
    ]


@pytest.mark.parametrize("depth", [8, 16])
def test_layers_come_back_as_they_were(tmp_path: Path, depth: int) -> None:
    layers, file = stack(depth), tmp_path / "a.psd"
    write_psd(file, layers, SIZE, depth=depth)
    found = read_psd(file)
    assert (found.size, found.depth) == (SIZE, depth)
    assert [layer.name for layer in found.layers] == [layer.name for layer in layers]
    for made, layer in zip(found.layers, map(trimmed, layers), strict=True):
        assert np.array_equal(made.samples, layer.samples), layer.name
        assert made.samples.dtype == layer.samples.dtype
        assert made.origin == layer.origin
        assert (made.opacity_code, made.visible) == (layer.opacity_code, layer.visible)


def test_a_hidden_layer_is_hidden_and_nothing_else(tmp_path: Path) -> None:
    """Of the flags of a layer only the one for visibility: its transparency is not locked."""
    write_psd(tmp_path / "a.psd", [PsdLayer("on", picture(1)), PsdLayer("off", picture(2), visible=False)], SIZE)
    flags = [layer._record.flags for layer in psd_tools.PSDImage.open(tmp_path / "a.psd")]
    assert [(one.visible, one.transparency_protected, one.photoshop_v5_later) for one in flags] == [
        (True, False, False),
        (False, False, False),
    ]


@pytest.mark.parametrize("depth", [8, 16])
def test_psd_tools_composites_what_we_flatten(tmp_path: Path, depth: int) -> None:
    layers, file = stack(depth), tmp_path / "a.psd"
    write_psd(file, layers, SIZE, depth=depth)
    color, _, alpha = composite(psd_tools.PSDImage.open(file), force=True)
    ours, top = flatten(layers, SIZE, depth).astype(float), (1 << depth) - 1
    assert np.abs(alpha * top - ours[..., 3:]).max() <= 1
    assert np.abs(color * top - ours[..., :3])[ours[..., 3] > 0].max() <= 1
    assert np.abs(read_psd(file).merged.astype(int) - ours).max() <= 1  # the ground is opaque: nothing is lost on white


def test_a_transparent_frame_stands_on_white_in_the_merged_picture(tmp_path: Path) -> None:
    samples = np.zeros((4, 4, 4), np.uint8)
    samples[1, 2] = (200, 100, 0, 128)
    write_psd(tmp_path / "a.psd", [PsdLayer("dot", samples)], (4, 4))
    with PIL.Image.open(tmp_path / "a.psd") as opened:
        merged = np.array(opened)
    assert merged[0, 0].tolist() == [255, 255, 255, 0]
    assert merged[1, 2].tolist() == [round(code * 128 / 255 + 255 * 127 / 255) for code in (200, 100, 0)] + [128]
    assert np.abs(read_psd(tmp_path / "a.psd").merged[1, 2].astype(int) - (200, 100, 0, 128)).max() <= 1


def test_groups_nest_and_layers_are_trimmed(tmp_path: Path) -> None:
    write_psd(tmp_path / "a.psd", stack(8), SIZE)
    document = psd_tools.PSDImage.open(tmp_path / "a.psd")
    assert [layer.name for layer in document] == ["Hintergrund – 背景 é", "body", "switched off", "reaches out", "nothing", "body"]
    assert [layer.name for layer in document[1]] == ["arm", "leg"]
    assert document[1][1][0].name == "shoe"
    small = np.zeros((23, 29, 4), np.uint8)
    small[5:9, 7:12, 3] = 255
    write_psd(tmp_path / "b.psd", [PsdLayer("small", small)], SIZE)
    assert psd_tools.PSDImage.open(tmp_path / "b.psd")[0].bbox == (7, 5, 12, 9)


PLANES = st.tuples(st.integers(1, 5), st.integers(1, 400)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 3), fill=st.integers(0, 3))
)


@settings(max_examples=80, deadline=None)
@given(plane=PLANES)
def test_pack_bits(plane: np.ndarray) -> None:
    """Every row unpacks, by the rule of the format, to itself; runs do not reach into the next row."""
    counts, data = pack_bits(plane)
    assert counts.sum() == len(data)
    for row, packed in zip(plane, np.split(np.frombuffer(data, np.uint8), np.cumsum(counts)[:-1]), strict=True):
        at, unpacked = 0, []
        while at < len(packed):
            head = int(packed[at])
            assert head != 128
            count = head + 1 if head < 128 else 257 - head
            unpacked += packed[at + 1 : at + 1 + count].tolist() if head < 128 else [int(packed[at + 1])] * count
            at += 1 + (count if head < 128 else 1)
        assert unpacked == row.tolist()


def test_long_runs_are_short() -> None:
    counts, data = pack_bits(np.full((2, 1000), 7, np.uint8))
    assert counts.tolist() == [16, 16]  # seven packets of 128, one of 104
    assert len(data) == 32


# Keys and faults.


def test_the_key_is_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.psd"
    write_psd(file, stack(8), SIZE, key="0123abcd")
    assert read_key(file) == pictures.read_key(file) == "0123abcd"
    whole = file.read_bytes()
    for length in (0, 10, 200, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        assert pictures.read_key(file) is None, length
    write_psd(file, stack(8), SIZE)
    assert read_key(file) is None
    assert read_key(tmp_path / "none.psd") is None
    write_psd(file, stack(8), SIZE, key="0123abcd")
    whole = file.read_bytes()
    for start, key in ((b"8BPS\0\2", "0123abcd"), (b"8BPX\0\1", None), (b"8BPX\0\2", None)):  # version 2 is a PSB
        file.write_bytes(start + whole[6:])
        assert read_key(file) == key, start
    assert "-" not in whole[:4].decode() and b"/home" not in whole


def test_the_same_layers_are_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write_psd(tmp_path / name, stack(16), SIZE, depth=16, key="1")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def one_line(error: pytest.ExceptionInfo[Exception]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def test_a_psd_without_layers(tmp_path: Path) -> None:
    file = tmp_path / "flat.psd"
    psd_tools.PSDImage.new("RGB", (8, 6)).save(file)
    with pytest.raises(FrameError, match="a PSD without layers: save it with its layers") as error:
        read_psd(file)
    assert one_line(error).startswith(f"{file}: ")


@pytest.mark.parametrize("kept", [4, 20, 60, 0.1, 0.5, 0.9])
def test_a_broken_psd_is_one_line(tmp_path: Path, kept: float, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "broken.psd"
    write_psd(file, stack(8), SIZE)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(kept * len(whole)) if kept < 1 else int(kept)])
    with pytest.raises(FrameError, match=r"broken\.psd: (damaged PSD: .+; save it again|a PSD without layers)") as error:
        read_psd(file)
    one_line(error)
    assert capsys.readouterr().err == ""


def test_a_damaged_channel_is_not_taken_for_black(tmp_path: Path) -> None:
    file = tmp_path / "broken.psd"
    write_psd(file, [PsdLayer("noise", picture(1, depth=16))], SIZE, depth=16)
    data = bytearray(file.read_bytes())
    at = bytes(data).index("noise".encode("utf-16-be")) + 12
    data[at + 60 : at + 160] = b"\x80" * 100
    file.write_bytes(data)
    with pytest.raises(FrameError, match="damaged PSD"):
        read_psd(file)
    assert logging.getLogger("psd_tools").level == logging.ERROR


def test_other_files_and_kinds(tmp_path: Path) -> None:
    (tmp_path / "a.psd").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(FrameError, match="not a PSD file"):
        read_psd(tmp_path / "a.psd")
    with pytest.raises(FrameError, match="no such file"):
        read_psd(tmp_path / "none.psd")
    psd_tools.PSDImage.new("CMYK", (8, 6)).save(tmp_path / "print.psd")
    with pytest.raises(FrameError, match="a CMYK file with 8 bits: convert it to RGB"):
        read_psd(tmp_path / "print.psd")


@pytest.mark.skipif(not hasattr(psd_tools.PSDImage, "create_pixel_layer"), reason="this psd-tools makes no layers")
def test_grey_files_and_masks(tmp_path: Path) -> None:
    """A grey file's layers are RGB to us, and a layer's mask is in its alpha, outside of its box too."""
    file = tmp_path / "grey.psd"
    document = psd_tools.PSDImage.new("L", (8, 6))
    layer = document.create_pixel_layer(PIL.Image.new("L", (6, 4), 90), name="a", left=1, top=1)
    mask = PIL.Image.new("L", (8, 6), 0)
    mask.paste(255, (0, 0, 4, 6))
    layer.create_mask(mask)
    document.save(file)
    (found,) = read_psd(file).layers
    assert (found.samples[..., :3] == 90).all()
    assert found.samples[..., 3].tolist() == [[255, 255, 255, 255, 0, 0]] * 4  # psd-tools lays the mask on the layer's corner
    _, _, alpha = composite(psd_tools.PSDImage.open(file), force=True)
    assert np.array_equal(np.rint(alpha[1:5, 1:7, 0] * 255), found.samples[..., 3])


def test_without_psd_tools_there_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_psd(tmp_path / "a.psd", stack(8), SIZE)  # writing needs nothing
    monkeypatch.setitem(sys.modules, "psd_tools", None)
    with pytest.raises(UsageError, match=r'pip install "rotonodes\[psd\]"') as error:
        read_psd(tmp_path / "a.psd")
    one_line(error)


def test_the_merged_picture_is_the_file_s_own_or_else_the_layers_flattened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blend modes and effects that are not read here are in the file's own."""
    one, other = (np.full((SIZE[1], SIZE[0], 4), value, np.uint8) for value in ([200, 30, 10, 255], [5, 90, 250, 255]))
    for name, samples in (("one", one), ("other", other)):
        write_psd(tmp_path / f"{name}.psd", [PsdLayer("layer", samples)], SIZE)
    whole, shown = ((tmp_path / f"{name}.psd").read_bytes() for name in ("one", "other"))
    (tmp_path / "a.psd").write_bytes(whole[: whole.rindex(_merged(one, 8))] + _merged(other, 8))
    assert np.array_equal(read_psd(tmp_path / "a.psd").merged, other) and shown.endswith(_merged(other, 8))
    assert np.array_equal(read_psd(tmp_path / "a.psd").layers[0].samples, one)
    monkeypatch.setattr(psd_tools.PSDImage, "has_preview", lambda self: False)
    assert np.array_equal(read_psd(tmp_path / "a.psd").merged, one)


@pytest.mark.parametrize("length", [1, 254, 255, 256, 300])
def test_long_names_are_whole_in_unicode_and_cut_only_where_the_old_form_ends(tmp_path: Path, length: int) -> None:
    name = ("abcdefg" * 50)[:length]
    write_psd(tmp_path / "a.psd", [PsdLayer(name, picture(1)), PsdLayer("after", picture(2))], SIZE)
    assert [layer.name for layer in psd_tools.PSDImage.open(tmp_path / "a.psd")] == [name, "after"]
    short = name[:255].encode()
    assert bytes([len(short)]) + short + b"\0" * (-(len(short) + 1) % 4) + b"8BIMluni" in (tmp_path / "a.psd").read_bytes()


def test_what_psd_cannot_hold(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="30001 x 4 is too large for PSD"):
        write_psd(tmp_path / "a.psd", [], (30_001, 4))
    with pytest.raises(FrameError, match="8001 layers are too many"):
        write_psd(tmp_path / "a.psd", [PsdLayer("x", np.zeros((1, 1, 4), np.uint8))] * 8001, (4, 4))
    assert not list(tmp_path.iterdir())


# The node.


def labels() -> Labels:
    data = torch.arange(30, dtype=torch.uint8).view(5, 6) % 5
    return Labels(data, CLASSES, COLORS)


def shown(path: str, depth: int = 8) -> np.ndarray:
    color, _, alpha = composite(psd_tools.PSDImage.open(path), force=True)
    return np.rint(np.concatenate([color, alpha], axis=2) * ((1 << depth) - 1)).astype(int)


def test_tones_are_layers_of_their_colours(tmp_path: Path) -> None:
    """Straight from labels: composited by psd-tools they are what PaintTones paints."""
    palette = {"highlight": "#ff8000", "midtone": "#20406080"}
    file = str(tmp_path / "tones.psd")
    WritePSD(path=file, palette=palette)(labels=labels())
    found = read_psd(file)
    assert [layer.name for layer in found.layers] == list(CLASSES[1:])
    painted = PaintTones(palette=palette)(labels=labels())
    wanted = pictures.samples.encode(painted, "8", "srgb").astype(int)
    made = shown(file)
    assert np.abs(made[..., 3] - wanted[..., 3]).max() <= 1
    assert np.abs(made - wanted)[wanted[..., 3] > 0].max() <= 1


def test_mattes_and_pictures_by_name(tmp_path: Path) -> None:
    """ToneSplit's soft mattes and PaintTones' picture, in the order given, each with its opacity."""
    split = ToneSplit(softness=2)(labels=labels())
    painted = PaintTones()(labels=labels())
    file = str(tmp_path / "a.psd")
    node = WritePSD(
        path=file,
        names=["paint", "lights/midtone", "shape"],
        palette={"lights/midtone": "#ffffff80"},
        opacity={"shape": 0.5},
        hidden=["paint"],
        depth=16,
    )
    node(pictures=[painted, split["midtone"], split["highlight"]])
    paint, midtone, shape = read_psd(file).layers
    assert (paint.name, midtone.name, shape.name) == ("paint", "lights/midtone", "shape")
    assert not paint.visible and midtone.visible
    assert shape.opacity_code == 128
    whole = np.zeros((5, 6), np.uint16)
    rows, columns, samples = midtone.inside((6, 5))
    whole[rows, columns] = samples[..., 3]
    assert np.abs(whole / 65535 - split["midtone"].data[0].numpy() * 128 / 255).max() < 1e-4
    assert (samples[..., :3][samples[..., 3] > 0] == 65535).all()


def test_straight_srgb_samples(tmp_path: Path) -> None:
    """Premultiplied linear pixels are written as the straight sRGB codes they came from."""
    red, green, blue, _ = hex_to_linear("#c86432")
    alpha = torch.tensor([[0.25, 1.0]])
    image = Image(torch.stack([red * alpha, green * alpha, blue * alpha, alpha]))
    WritePSD(path=str(tmp_path / "a.psd"), names=["x"])(pictures=[image])
    (layer,) = read_psd(tmp_path / "a.psd").layers
    assert layer.samples.tolist() == [[[0xC8, 0x64, 0x32, 64], [0xC8, 0x64, 0x32, 255]]]
    WritePSD(path=str(tmp_path / "a.psd"), names=["x"], colorspace="linear", depth=16)(pictures=[image])
    (layer,) = read_psd(tmp_path / "a.psd").layers
    assert layer.samples[0, 1].tolist() == [round(value * 65535) for value in (red, green, blue, 1)]


@pytest.mark.parametrize("depth", [8, 16])
def test_a_picture_read_and_written_is_bit_identical(tmp_path: Path, depth: int) -> None:
    samples = picture(3, depth=depth)
    pictures.png.write_png(tmp_path / "a.png", samples)
    WritePSD(path=str(tmp_path / "a.psd"), names=["x"], depth=depth)(pictures=[pictures.read_image(tmp_path / "a.png")])
    (layer,) = read_psd(tmp_path / "a.psd").layers
    assert np.array_equal(layer.samples, trimmed(PsdLayer("x", samples)).samples)


def test_layers_by_their_channels(tmp_path: Path) -> None:
    """`name.R` to `name.A` are a layer, `name.Y` a grey one, a lone channel a matte; `arm.R` alone is the right arm."""
    plane = np.linspace(0, 1, 20, dtype=np.float32).reshape(4, 5)
    names = ["arm.R", "face.R", "face.G", "face.B", "face.A", "ground.Y"]
    layers = Layers(dict.fromkeys(names, plane), Box(0, 0, 5, 4), (5, 4))
    WritePSD(path=str(tmp_path / "a.psd"), order=["ground", "face", "arm.R"])(layers=layers)
    ground, face, arm = read_psd(tmp_path / "a.psd").layers
    assert (ground.name, face.name, arm.name) == ("ground", "face", "arm.R")
    assert (ground.samples[..., 3] == 255).all() and (ground.samples[..., 0] == ground.samples[..., 2]).all()
    assert (face.samples[..., :3][face.samples[..., 3] > 0] == 255).all()
    assert (arm.samples[..., :3] == 255).all()


def test_a_graph_writes_layers_once(tmp_path: Path) -> None:
    for frame in (1, 2):
        pictures.write_labels(tmp_path / f"labels.{frame:04d}.png", labels())
    graph = Graph(frames="1-2")
    source = graph.add(LoadLabels(path=str(tmp_path / "labels.####.png")))
    graph.add(WritePSD(path=str(tmp_path / "out.####.psd")), labels=source)
    assert graph.run(cache="none").exit_code == 0
    files = [tmp_path / f"out.{frame:04d}.psd" for frame in (1, 2)]
    stamps = [file.stat().st_mtime_ns for file in files]
    assert all(pictures.read_key(file) for file in files)
    assert graph.run(cache="none").exit_code == 0
    assert [file.stat().st_mtime_ns for file in files] == stamps
    files[1].write_bytes(files[1].read_bytes()[:-3])
    assert graph.run(cache="none").exit_code == 0
    assert [file.stat().st_mtime_ns == stamp for file, stamp in zip(files, stamps, strict=True)] == [True, False]


MATTE = Matte(torch.ones(1, 4, 5))


@pytest.mark.parametrize(
    ("options", "inputs", "message"),
    [
        ({"names": ["a"]}, {"pictures": [MATTE, MATTE]}, "2 pictures but 1 names: give one name for each"),
        ({"names": ["a", "a"]}, {"pictures": [MATTE, MATTE]}, "two layers are called 'a': rename one of them"),
        ({"names": ["midtone"]}, {"pictures": [MATTE], "labels": labels()}, "two layers are called 'midtone'"),
        ({}, {}, "there is no layer to write: link `layers`, `labels` or `pictures`"),
        ({"palette": {"midtown": "#fff"}}, {"labels": labels()}, "palette: there is no layer 'midtown' (did you mean 'midtone'?)"),
        ({"opacity": {"x": 0.5}}, {"labels": labels()}, "opacity: there is no layer 'x'; there are cast_shadow, form_shadow"),
        (
            {"names": ["a"]},
            {"pictures": [MATTE], "labels": labels()},
            "the layer 'cast_shadow' is 6 x 5, 'a' is 5 x 4: reformat one of them",
        ),
    ],
)
def test_what_the_node_refuses(tmp_path: Path, options: dict, inputs: dict, message: str) -> None:
    with pytest.raises((UsageError, FrameError)) as error:
        WritePSD(path=str(tmp_path / "a.psd"), **options)(**inputs)
    assert message in one_line(error)
    assert not list(tmp_path.iterdir())


def test_what_a_check_says() -> None:
    assert list(WritePSD(path="a.psd").faults(frozenset(), 1)) == ["link `layers`, `labels` or `pictures`"]
    (fault,) = WritePSD(path="a.psd").faults(frozenset({"labels"}), 2)
    assert fault == "2 frames would all be written to 'a.psd': put #### into the name"
    with pytest.raises(ValueError, match="is not a colour"):
        WritePSD(path="a.psd", palette={"x": "blue"})


@pytest.mark.parametrize("depth", [8, 16])
def test_layers_lie_where_photoshop_looks_for_those_of_their_depth(tmp_path: Path, depth: int) -> None:
    """8-bit layers in the layer section itself, 16-bit ones in a block of their own behind it (Adobe Photoshop File Formats)."""
    write_psd(tmp_path / "a.psd", stack(depth), SIZE, depth=depth)
    data = (tmp_path / "a.psd").read_bytes()
    at = 26
    for _ in range(2):  # colour mode data, image resources
        at += 4 + struct.unpack_from(">I", data, at)[0]
    whole, own = struct.unpack_from(">II", data, at)
    assert (own > 0, b"8BIMLr16" in data[at : at + 4 + whole]) == ((True, False) if depth == 8 else (False, True))


def test_the_header_is_what_photoshop_expects(tmp_path: Path) -> None:
    """Version 1, four channels, RGB; an sRGB profile; 16-bit layers in their own block behind an empty list."""
    write_psd(tmp_path / "a.psd", stack(16), SIZE, depth=16)
    data = (tmp_path / "a.psd").read_bytes()
    assert struct.unpack(">4sH6xHIIHH", data[:26]) == (b"8BPS", 1, 4, SIZE[1], SIZE[0], 16, 3)
    document = psd_tools.PSDImage.open(io.BytesIO(data))
    assert b"sRGB" in document.image_resources.get_data(1039) or len(document.image_resources.get_data(1039)) > 300
    assert b"8BIMLr16" in data


# What cuts a layer.


def painted(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (40, 40)) -> PIL.Image.Image:
    picture = PIL.Image.new("RGBA", size, (0, 0, 0, 0))
    for box in boxes:
        picture.paste((255, 0, 0, 255), box)
    return picture


def covered(path: Path) -> dict[str, float]:
    """Pixels that each layer covers, by name."""
    return {layer.name: float(layer.samples[..., 3].sum()) / 255 for layer in read_psd(path).layers}


@pytest.mark.parametrize("visible", [True, False])
def test_a_clipped_layer_ends_where_the_layer_below_it_does(tmp_path: Path, visible: bool) -> None:
    document = psd_tools.PSDImage.new("RGB", (40, 40))
    boxes = {"skin": (5, 5, 20, 20), "shadow": (10, 10, 35, 35), "light": (0, 0, 8, 40), "free": (0, 0, 40, 40)}
    layers = {name: document.create_pixel_layer(painted(box), name=name) for name, box in boxes.items()}
    layers["shadow"].clipping = layers["light"].clipping = True
    layers["skin"].visible = visible
    document.save(tmp_path / "a.psd")
    assert covered(tmp_path / "a.psd") == {"skin": 225, "shadow": 100, "light": 45, "free": 1600}


def test_layers_clipped_to_a_group_and_groups_that_are_clipped(tmp_path: Path) -> None:
    document = psd_tools.PSDImage.new("RGB", (40, 40))
    body = document.create_group(name="body")
    for name, box in {"arm": (0, 0, 10, 10), "leg": (20, 0, 30, 10)}.items():
        body.append(document.create_pixel_layer(painted(box), name=name))
    shadow = document.create_pixel_layer(painted((5, 5, 25, 25)), name="shadow")
    shadow.clipping = True
    document.save(tmp_path / "a.psd")
    assert covered(tmp_path / "a.psd") == {"body/arm": 100, "body/leg": 100, "shadow": 25 + 25}


@pytest.mark.parametrize(("density", "inside"), [(None, 0.0), (255, 0.0), (128, 127 / 255), (0, 1.0)])
def test_a_mask_of_less_density_leaves_more(density: int | None, inside: float) -> None:
    from types import SimpleNamespace

    from rotonodes.io.psd_decode import _mask_of
    from rotonodes.values.pixels import Box

    parameters = None if density is None else SimpleNamespace(user_mask_density=density)
    mask = SimpleNamespace(disabled=False, parameters=parameters, background_color=255, left=1, top=0, right=3, bottom=2)
    plane = np.array([[0.0, 0.5], [1.0, 0.0]], np.float32)[..., None]
    (cover,) = _mask_of(SimpleNamespace(mask=mask, numpy=lambda _: plane))
    half = 1 - (1 if density is None else density / 255) / 2
    assert cover(Box(0, 0, 4, 2)).tolist() == pytest.approx(np.array([[1, inside, half, 1], [1, 1, inside, 1]]))


def test_the_mask_of_a_group_cuts_its_layers() -> None:
    """By stand-ins for what psd-tools reads: it writes masks of groups that it cannot read back."""
    from types import SimpleNamespace

    from rotonodes.io.psd_decode import _layers

    def plane(*columns: float) -> np.ndarray:
        return np.repeat(np.array([columns], np.float32), 2, axis=0)[..., None]

    class Group(list):
        name, opacity = "body", 255
        mask = SimpleNamespace(disabled=False, parameters=None, background_color=0, left=1, top=0, right=3, bottom=2)

        def is_group(self) -> bool:
            return True

        def numpy(self, kind: str) -> np.ndarray:
            return plane(1, 0.5)

    shown = {"color": np.zeros((2, 4, 3), np.float32), "shape": plane(1, 1, 1, 1)}
    arm = SimpleNamespace(name="arm", mask=None, opacity=255, kind="pixel", left=0, top=0, width=4, height=2)
    arm.is_group, arm.has_pixels, arm.is_visible, arm.numpy = lambda: False, lambda: True, lambda: True, shown.get
    (layer,) = _layers([Group([arm])], 8)
    assert layer.name == "body/arm" and layer.samples[..., 3].tolist() == [[0, 255, 128, 0]] * 2


def test_the_opacity_of_a_group_is_its_layers_own(tmp_path: Path) -> None:
    document = psd_tools.PSDImage.new("RGB", (8, 8))
    body = document.create_group(name="body", opacity=128)
    body.append(document.create_pixel_layer(painted((0, 0, 8, 8), size=(8, 8)), name="arm", opacity=51))
    document.save(tmp_path / "a.psd")
    (layer,) = read_psd(tmp_path / "a.psd").layers
    assert layer.opacity == pytest.approx(128 / 255 / 5, abs=1e-3)
