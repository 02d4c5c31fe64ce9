"""Small files that claim, or unpack to, far more than they are: refused in one line before memory and time are spent."""

from __future__ import annotations

import contextlib
import io
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from safetensors.torch import save_file

from conftest import Call
from rotonodes.errors import FrameError, RotoError, UsageError
from rotonodes.imaging.passes.cryptomatte import find_cryptomatte
from rotonodes.imaging.picture import lettering
from rotonodes.io import arrays, exr, files, movies, palettes, pictures, png, shards, timeline
from rotonodes.io.archives import check_unpacked_size, read_member
from rotonodes.nets.weights import WeightsError, load_weights
from rotonodes.nodes import LoadMovie, WriteAnimation, WriteVideo
from rotonodes.train.checkpoint import check_sums
from rotonodes.values.pixels import Box, Image, Layers

ZEROS = bytes(1 << 20)
HEAD = {"format": shards.FORMAT, "version": shards.VERSION, "frames": 1, "classes": ["a", "b"]}


def archive(path: Path, members: dict[str, bytes | int], packed: int = zipfile.ZIP_DEFLATED) -> Path:
    """A ZIP of members; a number stands for so many megabytes of zeros."""
    with zipfile.ZipFile(path, "w", packed, compresslevel=1) as made:
        for name, content in members.items():
            with made.open(name, "w", force_zip64=True) as member:
                for piece in [content] if isinstance(content, bytes) else [ZEROS] * content:
                    member.write(piece)
    return path


def array(values: Any) -> bytes:
    data = io.BytesIO()
    np.save(data, values)
    return data.getvalue()


def colorset(text: str, encoding: str = "utf-8") -> dict[str, bytes | int]:
    return {"colorset.xml": text.encode(encoding)}


ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaa">]><ColorSet name="&a;"/>'
PALETTES: dict[str, tuple[dict[str, bytes | int], int, str]] = {
    "lzma": ({"colorset.xml": 8}, zipfile.ZIP_LZMA, "packed in a way that is not read"),
    "bzip2": ({"colorset.xml": 8}, zipfile.ZIP_BZIP2, "packed in a way that is not read"),
    "large": ({"colorset.xml": 8}, zipfile.ZIP_DEFLATED, "8,388,608 bytes, more than 4,000,000"),
    "entities": (colorset(ENTITIES), zipfile.ZIP_STORED, "declares entities"),
    "hidden entities": (colorset(f'<?xml version="1.0" encoding="utf-16"?>{ENTITIES}', "utf-16"), zipfile.ZIP_STORED, "codec can't decode"),
    "a colour beyond numbers": (
        colorset('<ColorSet name="x"><ColorSetEntry name="a"><Lab L="1e300" a="1e300" b="3"/></ColorSetEntry></ColorSet>'),
        zipfile.ZIP_STORED,
        "out of range",
    ),
}


@pytest.mark.parametrize("kind", PALETTES)
def test_palettes_of_krita(kind: str, tmp_path: Path) -> None:
    members, packed, said = PALETTES[kind]
    with pytest.raises(UsageError, match=rf"a\.kpl: a broken palette file: .*{said}"):
        palettes.read_palette(str(archive(tmp_path / "a.kpl", members, packed)))


HEADS: list[Any] = [
    [],
    {"format": shards.FORMAT, "version": shards.VERSION},
    {**HEAD, "frames": "x"},
    {**HEAD, "frames": 10**15},
    {**HEAD, "frames": -5},
    {**HEAD, "frames": None},
    {**HEAD, "frames": float("inf")},
    {**HEAD, "classes": 5},
    {**HEAD, "classes": [["a"]]},
    {**HEAD, "classes": []},
]


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_heads_of_shards_that_make_no_sense(head: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a\.npz: .*render it again"):
        shards.head_of(str(archive(tmp_path / "a.npz", {shards.HEAD: json.dumps(head).encode()})))


def test_shards_that_are_no_plain_archives(tmp_path: Path) -> None:
    head = json.dumps(HEAD).encode()
    whole = archive(tmp_path / "whole.npz", {shards.HEAD: head * 9}).read_bytes()
    central = whole.index(b"PK\x01\x02")
    locked, unknown = bytearray(whole), bytearray(whole)
    locked[6] |= 1
    locked[central + 8] |= 1
    unknown[8] = unknown[central + 10] = 99
    (tmp_path / "locked.npz").write_bytes(locked)
    (tmp_path / "unknown.npz").write_bytes(unknown)
    archive(tmp_path / "deep.npz", {shards.HEAD: b"[" * 100_000})
    archive(tmp_path / "large.npz", {shards.HEAD: 8})
    for name in ("locked", "unknown", "deep", "large"):
        with pytest.raises(UsageError, match=rf"{name}\.npz: cut off, or not a shard: render it again"):
            shards.head_of(str(tmp_path / f"{name}.npz"))


ARRAYS: dict[str, bytes | int] = {
    r"bytes, more than": array(np.zeros((3, 2, 2), np.uint8)) + ZEROS,  # more in it than it says
    r"magic string": 8,
    r"40000 x 40000 pixels are more than the limit": array(np.zeros((0,)))[:8]
    + struct.pack("<H", 118)
    + f"{{'descr': '|u1', 'fortran_order': False, 'shape': (3, 40000, 40000), }}".ljust(117).encode()  # noqa: F541
    + b"\n",
    r"<U1 \[2\]": array(np.array(["a", "b"])),
    r"uint8 \[2, 2, 2, 2\]": array(np.zeros((2, 2, 2, 2), np.uint8)),
    r"its labels are float64 \[1, 1\]": array(np.array([[np.nan]])),
    r"its labels are uint8 \[1, 2, 2\]": array(np.zeros((1, 2, 2), np.uint8)),
}


@pytest.mark.parametrize("said", ARRAYS)
def test_arrays_of_shards(said: str, tmp_path: Path) -> None:
    members: dict[str, bytes | int] = {shards.HEAD: json.dumps(HEAD).encode(), "000000.labels.npy": ARRAYS[said], "000000.json": b"{}"}
    shard = shards.head_of(str(archive(tmp_path / "a.npz", members)))
    with pytest.raises(FrameError, match=said):
        shards.read_shard_frame(shard, 0, ["labels"])


def packed_checkpoint(path: Path, packed: int, megabytes: int) -> None:
    plain = io.BytesIO()
    torch.save({"w": torch.zeros(16)}, plain)
    with zipfile.ZipFile(plain) as made:
        members: dict[str, bytes | int] = {name: made.read(name) for name in made.namelist()}
    archive(path, {name: megabytes if name.endswith("data/0") else content for name, content in members.items()}, packed)


def test_what_archives_may_claim(tmp_path: Path) -> None:
    """64 MB, and four times their size; one byte more is refused."""
    path = tmp_path / "a.zip"
    archive(path, {"a": b"x" * 1000})
    size = path.stat().st_size
    whole, at = path.read_bytes(), path.read_bytes().index(b"PK\1\2") + 24
    for more, ok in ((0, True), (1, False)):
        path.write_bytes(whole[:at] + struct.pack("<I", (64 << 20) + 4 * size + more) + whole[at + 4 :])
        with contextlib.nullcontext() if ok else pytest.raises(ValueError, match=r"its members claim 67,\d+,\d+ bytes in"):
            check_unpacked_size(path, size)
    path.write_bytes(whole)
    with zipfile.ZipFile(path) as opened:
        assert read_member(opened, "a", 1000) == b"x" * 1000
        with pytest.raises(ValueError, match="a has 1,000 bytes, more than 999"):
            read_member(opened, "a", 999)


def test_weights_that_unpack_to_more_than_they_are(tmp_path: Path) -> None:
    for name, packed, megabytes in (("deflated", zipfile.ZIP_DEFLATED, 80), ("lzma", zipfile.ZIP_LZMA, 1)):
        path = tmp_path / f"{name}.pt"
        packed_checkpoint(path, packed, megabytes)
        with pytest.raises(WeightsError, match=rf"{name}\.pt: truncated or not a torch file"):
            load_weights(path)
        with pytest.raises(WeightsError, match=rf"{name}\.pt: damaged checkpoint: its members .*; delete it"):
            check_sums(path)
        with pytest.raises(FrameError, match=rf"{name}\.pt: damaged .pt file: its members "):
            arrays.read_array(path)


def test_tensors_that_are_larger_than_what_is_stored(tmp_path: Path) -> None:
    head = {"outc.conv.weight": torch.zeros(2, 2, 1, 1)}
    wide = torch.zeros(1, dtype=torch.float64).as_strided((64, 3, 20000, 20000), (0, 0, 0, 0))
    torch.save({"inc.double_conv.0.weight": wide, **head}, tmp_path / "wide.pth")
    one = torch.zeros(1 << 22, dtype=torch.float16)
    torch.save({"inc.double_conv.0.weight": one, **{f"x{i}": [one] for i in range(100)}, **head}, tmp_path / "one.pth")
    for name in ("wide", "one"):
        with pytest.raises(WeightsError, match="truncated or not a torch file"):
            load_weights(tmp_path / f"{name}.pth")


def test_metadata_of_weights(tmp_path: Path) -> None:
    plain = dict.fromkeys(("encoding", "licence"), "srgb") | {"rotonodes": "1", "architecture": "unet", "size_multiple": "1"}
    plain |= {
        "classes": '["a", "b"]',
        "colors": '["#000000", "#ffffff"]',
        "channels": '["R"]',
        "config": "{}",
        "training": "{}",
        "metrics": "{}",
    }
    for changed, said in (
        ({"training": "[" * 100_000}, "metadata field training is not JSON: its values are nested too deeply"),
        ({"channels": json.dumps(["R"] * 100_000)}, "metadata field channels has 100000 entries, more than 1024"),
    ):
        save_file({"a": torch.zeros(1)}, tmp_path / "a.safetensors", plain | changed)
        with pytest.raises(WeightsError, match=said):
            load_weights(tmp_path / "a.safetensors")


def test_arrays_without_pixels_and_pickles(tmp_path: Path) -> None:
    for shape in ((0, 0), (10**12, 0)):
        (tmp_path / "a.npy").write_bytes(array(np.zeros(shape, np.uint8)))
        with pytest.raises(FrameError, match="has no pixels: save the mask again"):
            pictures.read_labels(tmp_path / "a.npy", ("a", "b"))
    torch.save(torch.zeros(4, 4), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(FrameError, match=r"neither an .npy nor a .pt file of torch 1\.6 or newer"):
        arrays.read_array(tmp_path / "old.pt")


def test_progressive_jpegs(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    PIL.Image.new("RGB", (24, 20)).save(path, progressive=True)
    whole = path.read_bytes()
    at = whole.index(b"\xff\xc2")
    path.write_bytes(whole[: at + 5] + struct.pack(">HH", 11000, 11000) + whole[at + 9 :])
    with pytest.raises(FrameError, match=r"it claims 11000 x 11000 pixels in \d+ bytes"):
        pictures.read_image(path)
    scan = whole.rindex(b"\xff\xda")
    path.write_bytes(whole[:scan] + whole[scan:-2] * 600 + whole[-2:])
    with pytest.raises(FrameError, match=r"a JPEG of 6\d\d scans, more than 500, is not read"):
        pictures.read_image(path)


def parts_apart(path: Path, place: int) -> None:
    import OpenEXR

    def part(at: int, name: str) -> Any:
        corners = {"dataWindow": (np.array([at, at], np.int32), np.array([at + 1, at + 1], np.int32))}
        corners["displayWindow"] = (np.array([0, 0], np.int32), np.array([9, 9], np.int32))
        header = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION, **corners}
        return OpenEXR.Part(header, {name: np.zeros((2, 2), np.float16) for name in "RGB"}, name)

    OpenEXR.File([part(0, "a"), part(place, "b")]).write(str(path))


def test_parts_of_an_exr_that_lie_far_from_each_other(tmp_path: Path) -> None:
    parts_apart(tmp_path / "near.exr", 100)
    assert exr.read_layers(tmp_path / "near.exr").box == Box(0, 0, 102, 102)
    parts_apart(tmp_path / "far.exr", 60_000)
    layers = Layers({"R": np.zeros((2, 2), np.float16)}, Box(1 << 29, 0, (1 << 29) + 2, 2), (10, 10))
    exr.write_layers(tmp_path / "away.exr", layers)
    for name in ("far", "away"):
        with pytest.raises(FrameError, match=rf"{name}\.exr: its data windows lie far from each other or from the frame: .*_PIXELS="):
            exr.read_layers(tmp_path / f"{name}.exr")


def test_all_channels_of_an_exr_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, plane = tmp_path / "a.exr", np.zeros((256, 256), np.float32)
    exr.write_layers(path, Layers({f"c{i}": plane for i in range(200)}, Box(0, 0, 256, 256), (256, 256)))
    assert len(exr.read_layers(path).planes) == 200
    monkeypatch.setenv("ROTONODES_MAX_PIXELS", "65536")
    with pytest.raises(FrameError, match=r"all its channels are 52,428,800 bytes, .*; to read it, set ROTONODES_MAX_PIXELS=3276800"):
        exr.read_layers(path)
    monkeypatch.setenv("ROTONODES_MAX_PIXELS", "3276800")
    assert len(exr.read_layers(path).planes) == 200


def clip(count: int = 3) -> list[Image]:
    return [Image(torch.rand(3, 32, 48)) for _ in range(count)]


def test_an_apng_that_claims_billions_of_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    WriteAnimation(path=str(path))(clip())
    data = path.read_bytes()
    at = data.index(b"acTL")
    path.write_bytes(data[: at - 4] + png.chunk(b"acTL", struct.pack(">II", 0x7FFFFFFF, 0)) + data[at + 16 :])
    with pytest.raises(FrameError, match="it claims 2147483647 frames, and has 3"):
        movies.frame_count(path)


def test_a_gif_whose_later_frames_claim_to_be_huge(tmp_path: Path) -> None:
    """Pillow makes the picture as large as any frame of it."""
    path = tmp_path / "a.gif"
    pictures_of_it = [PIL.Image.new("P", (4, 4), color) for color in range(3)]
    pictures_of_it[0].save(path, save_all=True, append_images=pictures_of_it[1:])
    data = path.read_bytes()
    at = data.rindex(b",\0\0\0\0")
    path.write_bytes(data[: at + 5] + struct.pack("<2H", 60_000, 60_000) + data[at + 9 :])
    for read in (movies.frame_count, lambda path: movies.read_frame(path, 3)):
        with pytest.raises(FrameError, match="60000 x 60000 pixels are more than the limit"):
            read(path)


def test_videos_are_read_from_their_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg reads URLs, and playlists that name other files, whatever their ending; a tag in Latin-1 is no damage."""
    pytest.importorskip("av")
    monkeypatch.chdir(tmp_path)
    Path("http:/127.0.0.1:9").mkdir(parents=True)
    WriteVideo(path="http://127.0.0.1:9/a.mp4", codec="h264")(clip())
    assert Path("http:/127.0.0.1:9/a.mp4").is_file()
    assert LoadMovie(path="http://127.0.0.1:9/a.mp4")(frame=2).size == (48, 32)
    Path("other.mp4").write_bytes(Path("http:/127.0.0.1:9/a.mp4").read_bytes())
    Path("list.mp4").write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(FrameError, match=r"list\.mp4: damaged animation or video"):
        movies.frame_count("list.mp4")
    whole = Path("other.mp4").read_bytes()
    Path("other.mp4").write_bytes(whole.replace(b"Lavf", b"L\xe9vf").replace(b"VideoHandler", b"V\xeddeoHandler"))
    assert movies.frame_count("other.mp4") == 3


def font(table: bytes, change: Callable[[bytearray, int], None]) -> bytes:
    """The font that ships, changed at one of its tables."""
    data = bytearray(lettering.SHIPPED.read_bytes())
    tables = [struct.unpack_from(">4s4xI", data, 12 + 16 * number) for number in range(struct.unpack_from(">H", data, 4)[0])]
    change(data, dict(tables)[table])
    return bytes(data)


def drawn(path: Path) -> Image:
    return lettering.lettered("Hello", lettering.Lettering(str(path), 400.0, outline=2), (64, 36), "center", 0, (0, 0))


def test_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    units = font(b"head", lambda data, at: data.__setitem__(slice(at + 18, at + 20), struct.pack(">H", 100)))  # of 2048 in a letter
    (tmp_path / "large.ttf").write_bytes(units)
    monkeypatch.setenv("ROTONODES_MAX_PIXELS", "4000000")
    with pytest.raises(UsageError, match=r"font: .*large\.ttf draws .* too large: .* pixels are more than the limit"):
        drawn(tmp_path / "large.ttf")
    monkeypatch.delenv("ROTONODES_MAX_PIXELS")
    (tmp_path / "DejaVuSans.ttf").write_bytes(b"no font")  # Pillow would take the system's font of this name
    with pytest.raises(UsageError, match=r"DejaVuSans\.ttf cannot be read as a font"):
        drawn(tmp_path / "DejaVuSans.ttf")
    spoiled = font(b"glyf", lambda data, at: data.__setitem__(slice(at, at + 300_000), b"\x00\x7f\xa5" * 100_000))
    (tmp_path / "spoiled.ttf").write_bytes(spoiled)
    with pytest.raises(UsageError, match=r"spoiled\.ttf"):
        drawn(tmp_path / "spoiled.ttf")


def test_timelines(tmp_path: Path) -> None:
    pytest.importorskip("opentimelineio")
    path = tmp_path / "a.otio"
    path.write_bytes(b'{"OTIO_SCHEMA":"Stack.1","children":[' * 50_000)  # the library would end the process
    with pytest.raises(UsageError, match=r"a\.otio: not a timeline .*nested too deeply"):
        timeline.clip_frames(str(path), None)
    for length, said in ((1e18, "shows 1000000000000000000 frames, more than 1000000"), (float("nan"), "makes no sense")):
        time = {"OTIO_SCHEMA": "RationalTime.1", "rate": 24, "value": 0}
        shown = {"OTIO_SCHEMA": "TimeRange.1", "start_time": time, "duration": {**time, "value": length}}
        missing = {"OTIO_SCHEMA": "MissingReference.1", "name": "m", "available_range": None}
        path.write_text(json.dumps({"OTIO_SCHEMA": "Clip.1", "name": "c", "media_reference": missing, "source_range": shown}))
        with pytest.raises(UsageError, match=said):
            timeline.clip_frames(str(path), None)


def test_a_sidecar_is_read_as_far_as_sidecars_go(tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_bytes(b"BM")
    for text in (b"[" * 60_000, b'{"key": "' + b"k" * 100_000 + b'"}'):
        files.sidecar_path(tmp_path / "a.bmp").write_bytes(text)
        assert files.read_sidecar(tmp_path / "a.bmp") is None


def test_a_manifest_lies_beside_its_picture(tmp_path: Path) -> None:
    """A picture of a stranger names no file elsewhere: what is in it would be shown, and `--sandbox` be left."""
    (tmp_path / "shot").mkdir()
    (tmp_path / "secret.json").write_text('{"bob": "3f800000"}')
    (tmp_path / "shot/link.json").symlink_to(tmp_path / "secret.json")
    plane = np.zeros((2, 2), np.float32)
    for side in ("../secret.json", "link.json", str(tmp_path / "secret.json")):
        notes = {"cryptomatte/1/name": "objects", "cryptomatte/1/manif_file": side}
        planes = {f"objects00.{channel}": plane for channel in "RGBA"}
        with pytest.raises(FrameError, match="is not beside the picture: copy it there"):
            find_cryptomatte(Layers(planes, Box(0, 0, 2, 2), (2, 2), notes, path=str(tmp_path / "shot/a.exr")), "objects")


def test_an_error_is_one_line_whatever_a_file_says(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    pixels = png.chunk(b"IDAT", zlib.compress(bytes(2)))
    path.write_bytes(png.SIGNATURE + png.chunk(b"I\x85\x0bA", b"")[:-1] + b"\0" + pixels)
    with pytest.raises(RotoError) as caught:
        pictures.read_image(path)
    assert str(caught.value).isprintable() and "wrong checksum in its I\\x85\\x0bA chunk" in str(caught.value)


PIPED = {
    "picture": "  a: {type: LoadFrames, path: pipe.png}",
    "sequence": '  a: {type: LoadFrames, path: "pipe.####.png"}',
    "labels": "  a: {type: LoadLabels, path: pipe.png, classes: [a, b]}",
    "device": "  a: {type: LoadFrames, path: /dev/zero}",
    "weights": "  p: {type: LoadFrames, path: a.png}\n  a: {type: UNetSegment, in: p, weights: pipe.safetensors}",
    "checkpoint": "  p: {type: LoadFrames, path: a.png}\n  a: {type: UNetSegment, in: p, weights: zero.pt}",
    "palette": "  p: {type: LoadLabels, path: a.png, classes: [a, b]}\n  a: {type: PaintTones, in: p, palette: pipe.gpl}",
    "font": "  p: {type: LoadFrames, path: a.png}\n  a: {type: Text, in: p, text: x, font: pipe.ttf}",
    "movie": "  a: {type: LoadMovie, path: pipe.gif}",
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("kind", PIPED)
def test_pipes_and_devices_are_not_waited_for(kind: str, tmp_path: Path, call: Call) -> None:
    """An archive of a stranger may bring named pipes: opening one waits for ever, a link to /dev/zero never ends."""
    for name in ("pipe.png", "pipe.0001.png", "pipe.safetensors", "pipe.gpl", "pipe.ttf", "pipe.gif"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "zero.pt").symlink_to("/dev/zero")
    png.write_png(tmp_path / "a.png", np.zeros((2, 2), np.uint8))
    (tmp_path / "g.yaml").write_text(
        f'rotonodes: 1\nframes: 1\nnodes:\n{PIPED[kind]}\n  w: {{type: WriteFrames, in: a, path: "out/a.####.png"}}\n'
    )
    graph = (str(tmp_path / "g.yaml"), "--root", str(tmp_path))
    done = call("run", "-q", "--device", "cpu", "--cache", "none", *graph)
    assert done.code == 2 and "a pipe or a device, not a file: name a file" in done.err and len(done.err.splitlines()) == 1, done
    for command in ("plan", "check"):
        assert call(command, *graph).code in (0, 2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_place_of_an_output_is_no_output(tmp_path: Path) -> None:
    for name in ("a.png", "a.bmp", ".b.bmp.key"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "b.bmp").write_bytes(b"BM")
    for name in ("a.png", "a.bmp", "b.bmp"):
        assert pictures.read_key(tmp_path / name) is None and not pictures.is_as_written(tmp_path / name)
        assert files.read_sidecar(tmp_path / name) is None
