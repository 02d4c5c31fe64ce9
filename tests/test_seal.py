"""A changed byte anywhere in an output is found with --verify, in every format that is written."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from conftest import Call
from rotonodes.io import psd
from rotonodes.io.files import write_bytes
from rotonodes.io.pictures import DEPTHS, is_as_written, read_key, write_image, write_labels
from rotonodes.io.svg import write_svg
from rotonodes.nets.model_card import card_path, write_card
from rotonodes.nets.weights import save_weights
from rotonodes.nodes import WriteAnimation, WriteGIF, WriteLottie, WriteVideo
from rotonodes.values.pixels import Image, Labels
from tiny_networks import tiny_model

KEY = "5e" * 32
PICTURE = Image(torch.rand(3, 3, 4, generator=torch.Generator().manual_seed(3)))
SHAPE = SimpleNamespace(group="cube", name="midtone", color="#ff8000", opacity=1.0, path="M0 0H4V3H0Z", under="M0 0H4")
LABELS = Labels(torch.tensor([[0, 1], [1, 0]], dtype=torch.uint8), ("a", "b"), ("#000000", "#ffffff"))


def write_card_of(path: Path) -> None:
    save_weights(tiny_model(), path.with_suffix(".safetensors"))
    write_card(tiny_model(), path.with_suffix(".safetensors"), KEY)
    assert card_path(path.with_suffix(".safetensors")) == path


WRITERS: dict[str, Callable[[Path], object]] = {
    **{f"a{ending}": lambda path: write_image(path, PICTURE, key=KEY) for ending in DEPTHS},
    "labels.png": lambda path: write_labels(path, LABELS, key=KEY),
    "lottie.json": lambda path: WriteLottie(path=str(path))([LABELS, LABELS], key=KEY),
    "a.gif": lambda path: WriteGIF(path=str(path))([PICTURE, PICTURE], key=KEY),
    "b.webp": lambda path: WriteAnimation(path=str(path))([PICTURE, PICTURE], key=KEY),
    "b.png": lambda path: WriteAnimation(path=str(path))([PICTURE, PICTURE], key=KEY),
    "a.mp4": lambda path: WriteVideo(path=str(path))([PICTURE, PICTURE], key=KEY),
    "a.mkv": lambda path: WriteVideo(path=str(path), codec="ffv1")([PICTURE, PICTURE], key=KEY),
    "a.psd": lambda path: psd.write_psd(path, [psd.PsdLayer("a", np.zeros((3, 4, 4), np.uint8))], (4, 3), srgb=False, key=KEY),
    "a.json": lambda path: write_bytes(path, b'{"iou": 0.5}\n', KEY),
    "a.safetensors": lambda path: save_weights(tiny_model(), path, key=KEY),
    "a.md": write_card_of,
    "a.svg": lambda path: write_svg(path, [SHAPE], (4, 3), key=KEY),
    "a.onnx": lambda path: write_bytes(path, bytes(range(200)), KEY),
}


def test_the_count_over_every_format(capsys: pytest.CaptureFixture[str]) -> None:
    """The short form of tests/benchmarks/changed_bytes.py."""
    sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
    assert import_module("changed_bytes").main(["--most", "25"]) == 0
    *rows, total = capsys.readouterr().out.splitlines()
    assert len(rows) == len(WRITERS) + 7 and total.startswith(f"{len(rows)} formats: ")
    noticed, tried = total.split(": ")[1].split(" changed")[0].split(" of ")
    assert noticed == tried == str(sum(min(25, int(row.split()[-6])) for row in rows))


@pytest.mark.parametrize("name", WRITERS)
def test_every_changed_byte_is_found(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    assert (read_key(path), is_as_written(path)) == (KEY, True)
    whole = path.read_bytes()
    places = range(len(whole)) if len(whole) <= 700 else np.random.default_rng(1).choice(len(whole), 300, replace=False)
    missed = []
    for at in places:
        changed = bytearray(whole)
        changed[at] ^= 1 << at % 8
        path.write_bytes(changed)
        if is_as_written(path):
            missed.append(at)
    assert missed == []
    for other in (whole[:-1], whole + b"\0", whole[: len(whole) // 2], b""):
        path.write_bytes(other)
        assert not is_as_written(path)
    path.write_bytes(whole)  # a copy, with a time of its own
    assert (read_key(path), is_as_written(path)) == (KEY, True)


@pytest.mark.parametrize("name", WRITERS)
def test_a_copy_without_the_sidecar_keeps_the_key_where_the_file_has_it(name: str, tmp_path: Path) -> None:
    """PNG, EXR, PSD, SVG, Lottie, GIF, animations and videos do; others are then files of nobody."""
    (tmp_path / "copies").mkdir()
    WRITERS[name](tmp_path / name)
    copy = tmp_path / "copies" / name
    copy.write_bytes((tmp_path / name).read_bytes())
    inside = copy.suffix in (".png", ".exr", ".psd", ".svg", ".gif", ".mp4", ".mkv") or name in ("b.webp", "lottie.json")
    assert read_key(copy) == (KEY if inside else None)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_written_with_the_same_bytes_again(name: str, tmp_path: Path) -> None:
    found = []
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        WRITERS[name](tmp_path / folder / name)
        found.append({path.name: path.read_bytes() for path in sorted((tmp_path / folder).iterdir())})
    assert found[0] == found[1]


@pytest.mark.parametrize("ending", ["png", "exr", "bmp", "tif"])
def test_verify_finds_what_size_structure_and_key_do_not_show(ending: str, swatches: Call, tmp_path: Path) -> None:
    options = ("-X", "png", "--set", f"png.path=out/s.####.{ending}", "--cache", "none")
    assert swatches("run", *options).code == 0
    path = tmp_path / f"out/s.0003.{ending}"
    times = path.stat()
    changed = bytearray(path.read_bytes())
    changed[{"png": -20, "exr": -3, "bmp": -2, "tif": 10}[ending]] ^= 4
    path.write_bytes(changed)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert "nothing to do" in swatches("plan", *options).out
    assert "changed since it was written: 3" in swatches("plan", "--verify", *options).out
    ended = swatches("run", "--verify", "--progress", "plain", *options)
    assert (ended.code, ended.err.count("Frame ")) == (0, 1), ended.err
    assert is_as_written(path)
    assert "nothing to do" in swatches("run", "--verify", *options).err
