"""OpenEXR: parts, windows, types, and files that want to do harm."""

import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from conftest import NO_SAMPLES, SAMPLES
from rotonodes.errors import FrameError, UsageError
from rotonodes.io import exr, exr_header
from rotonodes.values.pixels import Box, Image, Layers, Matte

EXR = SAMPLES / "data/exr"
needs_samples = pytest.mark.skipif(not EXR.is_dir(), reason=NO_SAMPLES)

TYPES = st.sampled_from([np.float16, np.float32, np.uint32])
PLANES = st.tuples(st.integers(1, 9), st.integers(1, 40)).flatmap(
    lambda shape: st.dictionaries(
        st.from_regex(r"[A-Za-z]{1,40}(\.[A-Za-z0-9 ]{1,9}){0,2}", fullmatch=True),
        TYPES.flatmap(lambda kind: arrays(kind, shape)),
        min_size=1,
        max_size=4,
    )
)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def window(left, top, right, bottom):
    return np.array([left, top], np.int32), np.array([right - 1, bottom - 1], np.int32)


@settings(max_examples=40, deadline=None)
@given(planes=PLANES, left=st.integers(-9, 9), top=st.integers(-9, 9), compression=st.sampled_from(["zip", "zips", "piz", "none", "rle"]))
def test_layers_round_trip_bit_for_bit(tmp_path_factory, planes, left, top, compression):
    path = tmp_path_factory.getbasetemp() / "round.exr"
    height, width = next(iter(planes.values())).shape
    box = Box(left, top, left + width, top + height)
    exr.write_layers(path, Layers(planes, box, (7, 5)), compression=compression, key="k")
    again = exr.read_layers(path)
    assert again.box == box and again.size == (7, 5) and again.planes.keys() == planes.keys()
    assert all(same(again.planes[name], planes[name]) for name in planes)
    assert exr.read_key(path) == "k" and exr.KEY not in again.metadata


@pytest.mark.parametrize("depth", ["half", "float"])
def test_picture_keeps_nan_infinity_negative_values_and_its_windows(tmp_path, depth):
    data = torch.tensor([[[float("nan"), float("inf"), -float("inf"), -0.0, 1e-7, 60000.0]]] * 4).to(torch.float16).float()
    picture = Image(data, origin=(-2, 3), size=(20, 10))
    exr.write_exr(tmp_path / "x.exr", picture, depth=depth)
    again = exr.read_image(tmp_path / "x.exr")
    assert again.channels == ("R", "G", "B", "A") and again.box == picture.box and again.size == picture.size
    assert same(again.data.numpy(), data.numpy())
    assert again.encoded.samples.dtype == (np.float16 if depth == "half" else np.float32)


def test_beyond_half_is_infinite_without_a_word(tmp_path):
    exr.write_exr(tmp_path / "x.exr", Image(torch.full((3, 1, 1), 1e6)))
    assert torch.isinf(exr.read_image(tmp_path / "x.exr").data).all()


def test_named_layers_lie_on_the_union_of_all_windows(tmp_path):
    beauty, depth = Image(torch.ones(4, 2, 3), origin=(1, 1), size=(8, 6)), Image(torch.full((1, 2, 2), 5.0), ("Z",), (5, 3), (8, 6))
    exr.write_exr(tmp_path / "x.exr", beauty, {"far": depth, "mask": Matte(torch.ones(1, 6, 8))}, metadata={"cryptomatte/1/name": "c"})
    layers = exr.read_layers(tmp_path / "x.exr")
    assert set(layers.planes) == {"R", "G", "B", "A", "far.Z", "mask.Y"} and layers.box == (0, 0, 8, 6)
    assert layers.planes["R"].sum() == 6 and layers.planes["far.Z"][3:5, 5:7].tolist() == [[5, 5], [5, 5]]
    assert layers.planes["far.Z"].sum() == 20 and layers.metadata["cryptomatte/1/name"] == "c"
    with pytest.raises(UsageError, match="layer 'far' is 8 x 6, the picture 3 x 2"):
        exr.write_exr(tmp_path / "y.exr", Image(torch.ones(4, 2, 3)), {"far": depth})


def test_an_empty_data_window_is_written_as_one_black_pixel(tmp_path):
    for size in ((0, 0), (2, 0), (0, 2)):
        exr.write_exr(tmp_path / "x.exr", Image(torch.ones(4, *size), size=(4, 3)))
        assert not exr.read_image(tmp_path / "x.exr").on_frame().data.any()


def parts(tmp_path, spelled):
    """A multi-part file and a single-part file of the same passes; `spelled(part, channel)` is the channel's name in its part."""
    rng = np.random.default_rng(0)
    passes = {"ViewLayer.Combined": "RGBA", "ViewLayer.Depth": "Z", "View Layer.002.Normal": "XYZ"}
    planes = {f"{p}.{c}": rng.random((5, 7)).astype(np.float32) for p, cs in passes.items() for c in cs}
    single, multi = tmp_path / "single.exr", tmp_path / "multi.exr"
    head = {"cryptomatte/1/manifest": "{}"}
    OpenEXR.File(dict(head), dict(planes)).write(str(single))
    built = [
        OpenEXR.Part(dict(head) if i == 0 else {}, {spelled(p, c): planes[f"{p}.{c}"] for c in cs}, p)
        for i, (p, cs) in enumerate(passes.items())
    ]
    OpenEXR.File(built).write(str(multi))
    return exr.read_layers(single), exr.read_layers(multi)


@pytest.mark.parametrize(
    "spelled", [lambda p, c: f"{p}.{c}", lambda p, c: f"{p.rpartition('.')[2]}.{c}", lambda p, c: c], ids=["full", "pass", "bare"]
)
def test_parts_and_single_part_have_the_same_names(tmp_path, spelled):
    single, multi = parts(tmp_path, spelled)
    assert single.planes.keys() == multi.planes.keys()
    assert all(same(single.planes[name], multi.planes[name]) for name in single.planes)
    assert multi.parts["ViewLayer.Depth.Z"] == "ViewLayer.Depth" and not single.parts
    assert single.metadata["cryptomatte/1/manifest"] == multi.metadata["cryptomatte/1/manifest"] == "{}"
    a, b = exr.layers_image(single), exr.layers_image(multi)
    assert a.channels == b.channels == ("R", "G", "B", "A") and torch.equal(a.data, b.data)


def test_houdini_names_the_layer_in_the_part(tmp_path):
    plane = np.ones((2, 2), np.float16)
    built = [OpenEXR.Part({}, dict.fromkeys("RGB", plane * i), name) for i, name in enumerate(["diffuse", "C", "depth"])]
    OpenEXR.File(built).write(str(tmp_path / "x.exr"))
    layers = exr.read_layers(tmp_path / "x.exr")
    assert "diffuse.R" in layers.planes and exr.layers_image(layers).data.unique().tolist() == [1]


def test_parts_with_other_windows_lie_on_the_union(tmp_path):
    display = window(10, 10, 30, 20)
    built = [
        OpenEXR.Part({"dataWindow": window(10, 10, 13, 12), "displayWindow": display}, {"Y": np.ones((2, 3), np.float32)}, "a"),
        OpenEXR.Part({"dataWindow": window(8, 11, 12, 14), "displayWindow": display}, {"Y": np.ones((3, 4), np.float32)}, "b"),
    ]
    OpenEXR.File(built).write(str(tmp_path / "x.exr"))
    layers = exr.read_layers(tmp_path / "x.exr")
    assert layers.box == (-2, 0, 3, 4) and layers.size == (20, 10)
    assert layers.planes["a.Y"].tolist() == [[0, 0, 1, 1, 1]] * 2 + [[0] * 5] * 2
    assert layers.planes["b.Y"].tolist() == [[0] * 5] + [[1, 1, 1, 1, 0]] * 3


@pytest.mark.parametrize(
    ("names", "viewed"),
    [
        (["A", "B", "G", "R", "left.R"], "R G B A"),
        (["A", "Y"], "Y A"),
        (["AO.R", "AO.G", "AO.B", *(f"L.Combined.{c}" for c in "ABGR")], "L.Combined.R L.Combined.G L.Combined.B L.Combined.A"),
        (["Crypto00.R", "Crypto00.G", "Crypto00.B", "d.blue", "d.green", "d.red"], "d.red d.green d.blue"),
        (["N.X", "N.Y", "N.Z"], "N.X"),
        (["Z"], "Z"),
    ],
)
def test_the_picture_a_viewer_shows(names, viewed):
    assert " ".join(exr.viewed_channels(names)) == viewed


@pytest.mark.parametrize(
    ("mode", "rounding", "count"),
    [
        ("ONE_LEVEL", "ROUND_DOWN", 12),
        ("MIPMAP_LEVELS", "ROUND_DOWN", 12 + 4 + 1 + 1 + 1),
        ("MIPMAP_LEVELS", "ROUND_UP", 12 + 4 + 1 + 1 + 1 + 1),
        ("RIPMAP_LEVELS", "ROUND_DOWN", (4 + 2 + 1 + 1) * (3 + 2 + 1 + 1 + 1)),
    ],
)
def test_tiled_files(tmp_path, mode, rounding, count):
    tiles = OpenEXR.TileDescription()
    tiles.xSize, tiles.ySize = 4, 8
    tiles.mode, tiles.roundingMode = getattr(OpenEXR, mode), getattr(OpenEXR, rounding)
    plane = np.random.default_rng(0).random((21, 13)).astype(np.float32)
    OpenEXR.File({"type": OpenEXR.tiledimage, "tiles": tiles}, {"Y": plane}).write(str(tmp_path / "x.exr"))
    (header,) = exr_header.read_headers(tmp_path / "x.exr", check_chunks=False)
    assert header.tiled and exr_header._tile_count(header) == count
    if mode == "ONE_LEVEL":  # the library writes no further levels
        assert same(exr.read_layers(tmp_path / "x.exr").planes["Y"], plane)


def test_latin_1_texts_are_read(tmp_path):
    OpenEXR.File({"owner": "J@rgen"}, {"Y": np.ones((1, 1), np.float16)}).write(str(tmp_path / "x.exr"))
    data = (tmp_path / "x.exr").read_bytes()
    (tmp_path / "x.exr").write_bytes(data.replace(b"J@rgen", "J\xfcrgen".encode("latin-1")))
    layers = exr.read_layers(tmp_path / "x.exr")
    assert layers.metadata["owner"] == "J\xfcrgen" and layers.planes["Y"].tolist() == [[1]]


def test_attributes_are_read_back(tmp_path):
    exr.write_exr(tmp_path / "x.exr", Image(torch.ones(3, 2, 2)), key="k", metadata={"a": "text", "n": 3, "many": ["x", "y"]})
    assert exr.read_layers(tmp_path / "x.exr").metadata == {"a": "text", "n": 3, "many": ("x", "y"), "pixelAspectRatio": 1.0}


def test_every_cut_is_an_error(tmp_path, capfd):
    whole = tmp_path / "whole.exr"
    exr.write_exr(whole, Image(torch.rand(3, 40, 9)), key="k")
    data = whole.read_bytes()
    cut = tmp_path / "cut.exr"
    for end in range(0, len(data), 7):
        cut.write_bytes(data[:end])
        with pytest.raises(FrameError) as error:
            exr.read_layers(cut)
        assert "\n" not in str(error.value)
        assert exr.read_key(cut) is None
    assert capfd.readouterr() == ("", "")


def test_a_flipped_byte_never_prints_on_stdout(tmp_path, capfd):
    exr.write_exr(tmp_path / "x.exr", Image(torch.rand(3, 40, 9)))
    data = bytearray((tmp_path / "x.exr").read_bytes())
    outcomes = set()
    for at in range(400, len(data), 11):
        damaged = bytes(data[:at]) + bytes([data[at] ^ 0xFF]) + bytes(data[at + 1 :])
        (tmp_path / "y.exr").write_bytes(damaged)
        try:
            exr.read_layers(tmp_path / "y.exr")
            outcomes.add("read")
        except FrameError:
            outcomes.add("refused")
    assert "refused" in outcomes and capfd.readouterr().out == ""


@pytest.mark.parametrize("compression", range(14))
def test_lines_in_a_chunk(tmp_path, compression):
    known = [name for name in dir(OpenEXR) if name.endswith("_COMPRESSION") and int(getattr(OpenEXR, name)) == compression]
    if not known:
        pytest.skip("this OpenEXR does not know it")
    plane = np.random.default_rng(0).random((300, 4)).astype(np.float16)
    OpenEXR.File({"compression": getattr(OpenEXR, known[0])}, {"Y": plane}).write(str(tmp_path / "x.exr"))
    assert exr.read_layers(tmp_path / "x.exr").planes["Y"].shape == (300, 4)


def test_more_pixels_than_the_file_can_hold(tmp_path):
    OpenEXR.File({}, {"Y": np.zeros((16, 16), np.float32)}).write(str(tmp_path / "x.exr"))
    data = (tmp_path / "x.exr").read_bytes()
    small, large = struct.pack("<4i", 0, 0, 15, 15), struct.pack("<4i", 0, 0, 9_999, 9_999)
    (tmp_path / "x.exr").write_bytes(data.replace(small, large))
    with pytest.raises(FrameError, match="it claims 10000 x 10000 pixels"):
        exr.read_layers(tmp_path / "x.exr")


@needs_samples
@pytest.mark.parametrize(
    ("name", "box", "size"),
    [
        ("t01", (0, 0, 400, 300), (400, 300)),
        ("t02", (-1, -1, 399, 299), (400, 300)),
        ("t03", (-30, -20, 370, 280), (370, 280)),
        ("t04", (0, 0, 400, 300), (370, 280)),
        ("t05", (-30, -20, 370, 280), (340, 260)),
        ("t06", (1, 1, 401, 301), (402, 302)),
        ("t07", (40, 40, 440, 340), (481, 371)),
        ("t08", (30, 40, 430, 340), (501, 401)),
    ],
)
def test_data_and_display_windows(tmp_path, name, box, size):
    picture = exr.read_image(EXR / "displaywindow" / f"{name}.exr")
    assert picture.box == box and picture.size == size
    assert torch.equal(picture.data, exr.read_image(EXR / "displaywindow" / "t01.exr").data)
    exr.write_exr(tmp_path / "x.exr", picture)
    again = exr.read_image(tmp_path / "x.exr")
    assert again.box == box and again.size == size and torch.equal(again.data, picture.data)


@needs_samples
def test_a_production_frame(tmp_path):
    layers = exr.read_layers(EXR / "singlepart.0001.exr")
    assert len(layers.planes) == 20 and layers.size == (2048, 1556) and layers.metadata["multiView"] == ("right", "left")
    exr.write_layers(tmp_path / "x.exr", layers)
    again = exr.read_layers(tmp_path / "x.exr")
    assert all(same(again.planes[name], layers.planes[name]) for name in layers.planes) and again.box == layers.box


HARMFUL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
from rotonodes.errors import FrameError
from rotonodes.io import exr
for path in sys.argv[1:]:
    for read in (exr.read_layers, exr.read_image):
        try:
            read(path)
            print("read", flush=True)
        except FrameError as error:
            print("refused", str(error).count("\\n"), flush=True)
    assert exr.read_key(path) is None
"""


@needs_samples
def test_damaged_files_are_refused_in_one_line(tmp_path):
    paths = sorted((EXR / "damaged").iterdir())
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", HARMFUL, *map(str, paths)], cwd=root, capture_output=True, text=True, timeout=60, check=False
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert len(lines) == 2 * len(paths) and set(lines[::2]) == {"refused 0"} and set(lines) <= {"refused 0", "read"}


def test_a_folder_and_an_empty_file(tmp_path):
    (tmp_path / "x.exr").touch()
    for path in (tmp_path, tmp_path / "x.exr", tmp_path / "none.exr"):
        with pytest.raises(FrameError):
            exr.read_layers(path)


def by_hand(path: Path, planes: dict[bytes, np.ndarray], sampling: dict[bytes, tuple[int, int]] | None = None, origin=(0, 0)) -> None:
    """An uncompressed file of named planes (half), of which some have every x-th pixel of every y-th line: no library writes such."""
    sampling = {name: (sampling or {}).get(name, (1, 1)) for name in planes}
    height, width = max((plane.shape for plane in planes.values()), key=lambda shape: shape[0] * shape[1])
    left, top = origin
    names = sorted(planes)
    listed = b"".join(name + b"\0" + struct.pack("<iIii", 1, 0, *sampling[name]) for name in names) + b"\0"
    box = struct.pack("<4i", left, top, left + width - 1, top + height - 1)
    header = {
        b"channels\0chlist": listed,
        b"compression\0compression": b"\0",
        b"dataWindow\0box2i": box,
        b"displayWindow\0box2i": box,
        b"lineOrder\0lineOrder": b"\0",
        b"pixelAspectRatio\0float": struct.pack("<f", 1),
        b"screenWindowCenter\0v2f": struct.pack("<2f", 0, 0),
        b"screenWindowWidth\0float": struct.pack("<f", 1),
    }
    head = b"\x76\x2f\x31\x01" + struct.pack("<I", 2)
    head += b"".join(name + b"\0" + struct.pack("<i", len(value)) + value for name, value in header.items()) + b"\0"
    lines = []
    for line in range(height):
        rows = [planes[name][line // y] for name, (_, y) in sorted(sampling.items()) if (top + line) % y == 0]
        data = b"".join(row.astype("<f2").tobytes() for row in rows)
        lines.append(struct.pack("<ii", top + line, len(data)) + data)
    starts = np.cumsum([len(head) + 8 * height, *(len(line) for line in lines[:-1])])
    path.write_bytes(head + b"".join(struct.pack("<Q", start) for start in starts.tolist()) + b"".join(lines))


def test_a_file_that_ends_within_its_header_is_truncated(tmp_path):
    """Wherever it is cut: in a name, a size, or a value."""
    by_hand(tmp_path / "whole.exr", {name: np.zeros((2, 3), np.float16) for name in (b"R", b"G", b"B")})
    whole, reasons = (tmp_path / "whole.exr").read_bytes(), []
    end = whole.index(b"screenWindowWidth\0float\0") + len(b"screenWindowWidth\0float\0") + 4 + 4
    for length in range(9, end + 1):
        (tmp_path / "x.exr").write_bytes(whole[:length])
        with pytest.raises(FrameError) as error:
            exr.read_layers(tmp_path / "x.exr")
        reasons.append(str(error.value).partition("damaged EXR: ")[2].partition(";")[0])
    assert {*reasons} == {"truncated in its header", "a name in its header has no end"}
    assert reasons[-4:] == ["truncated in its header"] * 3 + ["a name in its header has no end"]
    (tmp_path / "x.exr").write_bytes(whole[: end + 1])
    with pytest.raises(FrameError, match="truncated in its chunk table"):
        exr.read_layers(tmp_path / "x.exr")


@pytest.mark.parametrize("origin", [(0, 0), (-4, 6)])
def test_a_channel_of_half_the_resolution_is_read_with_the_others(tmp_path, origin):
    full, half = np.arange(48, dtype=np.float16).reshape(6, 8), np.arange(8, dtype=np.float16).reshape(2, 4)
    by_hand(tmp_path / "x.exr", {b"R": full, b"G": full + 1, b"B": full + 2, b"AO.Y": half}, {b"AO.Y": (2, 3)}, origin)
    layers = exr.read_layers(tmp_path / "x.exr")
    assert same(layers.planes["B"], full + 2)
    assert same(layers.planes["AO.Y"], half.repeat(3, axis=0).repeat(2, axis=1))
    assert exr.layers_image(layers).channels == ("R", "G", "B")
    exr.write_layers(tmp_path / "y.exr", layers)
    assert same(exr.read_layers(tmp_path / "y.exr").planes["AO.Y"], layers.planes["AO.Y"])


def test_luminance_and_chroma_and_lines_that_do_not_fit_get_their_own_reason(tmp_path):
    full, half = np.zeros((4, 4), np.float16), np.zeros((2, 2), np.float16)
    by_hand(tmp_path / "x.exr", {b"Y": full, b"RY": half, b"BY": half}, {b"RY": (2, 2), b"BY": (2, 2)})
    with pytest.raises(FrameError, match="luminance and chroma channels differ in resolution"):
        exr.read_layers(tmp_path / "x.exr")
    by_hand(tmp_path / "x.exr", {b"R": full, b"AO": half}, {b"AO": (3, 2)})
    with pytest.raises(FrameError, match="its channel 'AO' has every 3th pixel of every 2th line, which do not fit its size"):
        exr.read_layers(tmp_path / "x.exr")


def test_channel_names_in_latin_1_are_read(tmp_path):
    planes = {name.encode("latin-1"): np.full((2, 3), i, np.float16) for i, name in enumerate(["R", "Lumi\xe8re.R", "\xdc.Z", "z"])}
    by_hand(tmp_path / "x.exr", planes)
    found = exr.read_layers(tmp_path / "x.exr").planes
    assert {name: plane[0, 0] for name, plane in found.items()} == {"R": 0, "Lumi\xe8re.R": 1, "\xdc.Z": 2, "z": 3}
    by_hand(tmp_path / "x.exr", {"Lumi\xe8re.R".encode(): np.full((2, 3), 5, np.float16)})
    assert list(exr.read_layers(tmp_path / "x.exr").planes) == ["Lumi\xe8re.R"]


@pytest.mark.parametrize(
    ("stored", "channels", "values"),
    [
        ("RG", ("R", "G", "B"), [1, 2, 0]),
        ("GB", ("R", "G", "B"), [0, 2, 3]),
        ("RBA", ("R", "G", "B", "A"), [1, 0, 3, 4]),
        ("R", ("R",), [1]),
        ("B", ("Y",), [3]),
        ("GA", ("Y", "A"), [2, 4]),
        ("AZ", ("Y",), [5]),
        ("A", ("Y",), [4]),
    ],
)
def test_a_picture_with_only_some_of_r_g_b(tmp_path, stored, channels, values):
    number = dict(zip("RGBAZ", range(1, 6), strict=True))
    OpenEXR.File({}, {name: np.full((1, 1), number[name], np.float16) for name in stored}).write(str(tmp_path / "x.exr"))
    image = exr.read_image(tmp_path / "x.exr")
    assert (image.channels, image.data.flatten().tolist()) == (channels, values)
    OpenEXR.File({}, {f"L.beauty.{name}": np.full((1, 1), number[name], np.float16) for name in stored}).write(str(tmp_path / "x.exr"))
    assert exr.read_image(tmp_path / "x.exr").data.flatten().tolist() == values


def test_an_unchanged_layer_of_another_window_lies_where_it_did(tmp_path):
    """The short cut for pictures as they were read holds only where their window is the whole file's."""
    for name, (left, top) in {"a": (0, 0), "b": (2, 1)}.items():
        exr.write_exr(tmp_path / f"{name}.exr", Image(torch.rand(3, 4, 5), origin=(left, top), size=(8, 6)))
    a, b = (exr.read_image(tmp_path / f"{name}.exr") for name in "ab")
    for picture, layer in ((a, b), (b, a)):
        exr.write_exr(tmp_path / "x.exr", picture, {"extra": layer})
        found = exr.read_layers(tmp_path / "x.exr")
        assert found.box == (0, 0, 7, 5)
        for image, prefix in ((picture, ""), (layer, "extra.")):
            wanted = image.on(found.box).data.numpy()
            assert same(np.stack([found.planes[f"{prefix}{c}"] for c in "RGB"]).astype(np.float32), wanted)


def test_exr_in_srgb_and_back(tmp_path):
    from rotonodes.io.pictures import read_image, write_image

    picture = Image(torch.rand(4, 5, 6))
    write_image(tmp_path / "linear.exr", picture, depth="float")
    write_image(tmp_path / "srgb.exr", read_image(tmp_path / "linear.exr"), depth="float", colorspace="srgb")
    stored = exr.read_image(tmp_path / "srgb.exr").data
    assert float((stored[:3] - picture.data[:3]).abs().max()) > 0.05 and same(stored[3].numpy(), picture.data[3].numpy())
    back = read_image(tmp_path / "srgb.exr", "srgb")
    assert torch.allclose(back.data, picture.data, atol=1e-5)
    write_image(tmp_path / "again.exr", back, depth="float")  # what was read as sRGB is not copied where linear is written
    assert torch.allclose(exr.read_image(tmp_path / "again.exr").data, picture.data, atol=1e-5)


def test_pixel_aspect_and_frame_rate_stay(tmp_path):
    head = {"pixelAspectRatio": 2.0, "framesPerSecond": 24.0, "comments": "a user's home"}
    OpenEXR.File(head, {name: np.ones((2, 2), np.float16) for name in "RGB"}).write(str(tmp_path / "x.exr"))
    exr.write_exr(tmp_path / "y.exr", exr.read_image(tmp_path / "x.exr"))
    exr.write_layers(tmp_path / "z.exr", exr.read_layers(tmp_path / "x.exr"))
    for name in ("y", "z"):
        found = exr.read_layers(tmp_path / f"{name}.exr").metadata
        assert found["pixelAspectRatio"] == 2 and found["framesPerSecond"] == 24 and "comments" not in found
