"""A picture that is as it was read takes short cuts in writers and nodes; each must make what the long way makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from rotonodes.io.exr import write_exr
from rotonodes.io.movies import VIDEOS, read_frame
from rotonodes.io.pictures import read_image, write_image
from rotonodes.io.psd_decode import read_psd
from rotonodes.node.base import Node
from rotonodes.node.registry import full_name
from rotonodes.nodes import Reformat
from rotonodes.values.pixels import Batch, Box, Clip, Image
from test_every_node import NODES, Case, cases, content, pictures, stock  # noqa: F401

CPU = torch.device("cpu")
SIZE = (9, 7)
WINDOWS = {
    "frame": Box(0, 0, 9, 7),
    "overscan": Box(-3, -2, 13, 9),
    "region": Box(2, 1, 6, 5),
    "across the edge": Box(5, -2, 12, 4),
}
FILES = [("half", ".exr"), ("float", ".exr"), ("8", ".png"), ("16", ".png")]
WRITERS = [cls for cls in NODES if cls.is_writer() and any(Image in s.types for s in cls.signature.inputs.values())]


def picture_read(folder: Path, window: Box, depth: str, ending: str, channels: str) -> Image:
    """A picture on a data window, written and read back: it carries its file's samples."""
    planes = np.random.default_rng(7).uniform(0.1, 0.9, (len(channels), window.height, window.width)).astype(np.float32)
    if "A" in channels:
        planes[-1, 0], planes[-1, :, 0] = 0, 1
        planes[:-1] *= planes[-1]
    picture = Image(torch.from_numpy(planes), tuple(channels), (window.left, window.top), SIZE)
    file = folder / f"read{ending}"
    if ending == ".exr":
        write_exr(file, picture, depth=depth)  # type: ignore[arg-type]
    else:
        write_image(file, picture.on_frame(), depth=depth)  # type: ignore[arg-type]
    found = read_image(file)
    assert found.encoded is not None
    return found


def sources(folder: Path) -> Iterator[tuple[str, Image]]:
    for depth, ending in FILES:
        for name, window in WINDOWS.items() if ending == ".exr" else [("frame", WINDOWS["frame"])]:
            for channels in ("RGB", "RGBA"):
                yield f"{depth}{ending}, {channels}, {name}", picture_read(folder, window, depth, ending, channels)


def fed(case: Case, picture: Image) -> dict[str, Any]:
    """The inputs of a case with every picture replaced by this one; other pictures of its frame stay."""
    inputs: dict[str, Any] = {}
    for name, value in case.inputs().items():
        socket = case.cls.signature.inputs[name]
        one = picture if Image in socket.types else value
        if Image in socket.types and socket.feed == "clip":
            one = [Clip.of([picture, picture])] if socket.many else Clip.of([picture, picture])
        elif Image in socket.types and socket.many:
            one = [picture]
        inputs[name] = one
    return inputs


def seen(file: Path) -> np.ndarray:
    """What a file shows: sRGB codes 0 to 1, RGBA `[H, W, 4]`, alpha 1 where there is none; premultiplied."""
    if file.suffix in (".psd", ".psb"):
        merged = read_psd(file).merged
        codes = merged / np.iinfo(merged.dtype).max
    elif file.suffix in VIDEOS:
        codes = read_frame(file, 1) / 255
    elif file.suffix == ".exr":
        from rotonodes.io.samples import encode

        codes = encode(read_image(file).on_frame().with_data(read_image(file).on_frame().data), "8", "srgb") / 255.0
    else:
        with PIL.Image.open(file) as opened:
            codes = np.asarray(opened.convert("RGBA"), np.float64) / 255
    if codes.shape[2] == 3:
        codes = np.concatenate([codes, np.ones_like(codes[..., :1])], axis=2)
    return np.asarray(np.concatenate([codes[..., :3] * codes[..., 3:], codes[..., 3:]], axis=2))


@pytest.mark.parametrize("cls", WRITERS, ids=full_name)
def test_every_writer_writes_an_unchanged_picture_as_it_writes_any(cls: type[Node], tmp_path: Path) -> None:
    """As read, and as the same pixels without the file's samples: both files show the same, within two codes of 8 bits."""
    compared = 0
    for case in cases(cls):
        for what, picture in sources(tmp_path):
            found = []
            for given in (picture, picture.with_data(picture.data)):
                node = case.node
                try:
                    node(**fed(case, given), frame=1)
                except Exception as error:
                    found.append(str(error))
                    continue
                files = [Path(file) for file in node.writes(1)]
                found.append([seen(file) if file.suffix not in (".json", ".svg") else file.read_bytes() for file in files])
            assert type(found[0]) is type(found[1]), f"{case}, {what}: {found}"
            for one, other in zip(*found, strict=True) if isinstance(found[0], list) else ():
                if isinstance(one, bytes):
                    compared += one.startswith((b"<?xml", b"{"))
                    assert one == other, f"{case}, {what}"
                else:
                    compared += 1
                    assert one.shape == other.shape and np.abs(one - other).max() <= 2.01 / 255, f"{case}, {what}"
    assert compared or cls.type_name in ("CheckEdges", "EvaluateMatte"), "nothing was written"


MAKERS = [(cls, ("half", ".exr", "RGBA")) for cls in NODES if not cls.is_writer()]
MAKERS += [(cls, ("8", ".png", "RGB")) for cls, _ in MAKERS if cls.signature.is_batch]  # networks take 8-bit codes as they are


@pytest.mark.parametrize("cls, file", MAKERS, ids=[f"{full_name(cls)}{file[1]}" for cls, file in MAKERS])
def test_no_node_makes_anything_else_of_an_unchanged_picture(cls: type[Node], file: tuple[str, str, str], tmp_path: Path) -> None:
    tried = compared = 0
    for case in cases(cls):
        if not any(Image in case.cls.signature.inputs[name].types and not case.cls.takes_whole_clip() for name in case.linked):
            continue
        picture = picture_read(tmp_path, WINDOWS["frame"], *file)
        made = []
        for given in (picture, picture.with_data(picture.data)):
            try:
                sockets = case.cls.signature.inputs
                batches = [name for name in case.linked if sockets[name].feed == "batch" and Image in sockets[name].types]
                outputs = case.call(fed(case, given) | {name: Batch.of([given]) for name in batches})
                made.append(content(outputs))
            except Exception as error:
                made.append(str(error))
                continue
            images = [one for value in outputs.values() for one in pictures(value) if isinstance(one, Image) and one.codes]
            assert all(torch.equal(one.codes.developed(CPU), one.data) for one in images), f"{case}: its samples are of other pixels"
        assert made[0] == made[1], f"{case}"
        tried, compared = tried + 1, compared + (not isinstance(made[0], str))
    assert compared or not tried, f"{cls.type_name} failed on every picture: nothing was compared"


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
@pytest.mark.parametrize("depth", [8, 16])
def test_a_psd_shows_what_a_png_shows(window: Box, depth: int, tmp_path: Path) -> None:
    from rotonodes.nodes import WritePSD

    picture = picture_read(tmp_path, window, "half", ".exr", "RGBA")
    WritePSD(path=str(tmp_path / "a.psd"), depth=depth, names=["one"])(pictures=[picture])
    write_image(tmp_path / "a.png", picture, depth=str(depth))  # type: ignore[arg-type]
    psd = read_psd(tmp_path / "a.psd")
    (layer,) = psd.layers
    left, top = layer.origin
    assert left >= 0 and top >= 0 and left + layer.samples.shape[1] <= SIZE[0] and top + layer.samples.shape[0] <= SIZE[1]
    assert np.abs(seen(tmp_path / "a.psd") - seen(tmp_path / "a.png")).max() <= 2.01 / 255


@pytest.mark.parametrize("window", WINDOWS.values(), ids=WINDOWS)
def test_a_resize_to_the_same_size_cuts_overscan_as_any_other(window: Box, tmp_path: Path) -> None:
    picture = picture_read(tmp_path, window, "half", ".exr", "RGB")
    same = Reformat(scale=1)(picture)
    frame = Box(0, 0, *SIZE)
    assert same.box == window.intersect(frame)
    assert torch.equal(same.on_frame().data, picture.on_frame().data)
    assert Reformat(scale=3)(picture).box == Box(0, 0, 27, 21)
    outside = replace(picture, origin=(40, 40), encoded=None)
    assert not Reformat(scale=1)(outside).data.any()
