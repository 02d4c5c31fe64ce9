"""Damaged and hostile files of every kind: each is read, or refused in one line, in bounded memory and without a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch

from conftest import NO_SAMPLES, SAMPLES
from rotonodes.errors import FrameError, RotoError
from rotonodes.io import arrays, exr, pictures, png, psd, psd_decode, tiff
from rotonodes.values.pixels import Image

ROOT = Path(__file__).parents[1]
HOSTILE = SAMPLES / "cases/hostile"
PLATE = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)


def save_psd(path: Path) -> None:
    samples = np.dstack([PLATE, PLATE[..., 0]])
    psd.write_psd(path, [psd.PsdLayer("a", samples), psd.PsdLayer("b/c", samples[:5])], (20, 24))


def save_palette(path: Path) -> None:
    png.write_palette_png(path, PLATE[..., 0] % 4, [(i, i, i) for i in range(4)], text={"a": "b"})


def labels(path: Path) -> Any:
    return pictures.read_labels(path, ("a", "b", "c", "d"))


ANY = [pictures.read_image, pictures.picture_size, labels, pictures.read_key]
KINDS: dict[str, tuple[Callable[[Path], Any], list[Callable[[Path], Any]]]] = {
    "a.png": (lambda path: png.write_png(path, PLATE, text={"a": "b"}), ANY),
    "16.png": (lambda path: png.write_png(path, PLATE.astype(np.uint16) * 257), ANY),
    "palette.png": (save_palette, ANY),
    "a.tif": (lambda path: tiff.write_tiff(path, PLATE), ANY),
    "float.tif": (lambda path: tiff.write_tiff(path, PLATE.astype(np.float32)), ANY),
    "lzw.tif": (lambda path: PIL.Image.fromarray(PLATE).save(path, compression="tiff_lzw"), ANY),
    "a.gif": (lambda path: PIL.Image.fromarray(PLATE).save(path), ANY),
    "a.jpg": (lambda path: PIL.Image.fromarray(PLATE).save(path), ANY),
    "a.webp": (lambda path: PIL.Image.fromarray(PLATE).save(path), ANY),
    "a.bmp": (lambda path: PIL.Image.fromarray(PLATE).save(path), ANY),
    "a.tga": (lambda path: PIL.Image.fromarray(PLATE).save(path), ANY),
    "a.exr": (lambda path: exr.write_exr(path, Image(torch.rand(3, 20, 9)), key="k"), [*ANY, exr.read_layers]),
    "a.psd": (save_psd, [psd_decode.read_psd, psd.read_key]),
    "a.npy": (lambda path: np.save(path, PLATE[..., 0] % 4), [arrays.read_array, labels, pictures.picture_size]),
    "a.pt": (lambda path: torch.save(torch.from_numpy(PLATE[..., 0] % 4), path), [arrays.read_array, labels]),
}


def spoiled(data: bytes, count: int, seed: int) -> list[bytes]:
    """The file cut short, and with a few bytes replaced, mostly in its head."""
    rng = np.random.default_rng(seed)
    found = [data[: len(data) * i // 9] for i in range(9)]
    for i in range(count):
        changed = bytearray(data)
        for at in rng.integers(0, len(data) if i % 3 == 0 else min(len(data), 200), 1 + i % 4):
            changed[at] = rng.choice([0, 1, 127, 128, 255, rng.integers(256)])
        found.append(bytes(changed))
    return found


@pytest.mark.filterwarnings("ignore")  # libraries warn about what is odd in a file
@pytest.mark.parametrize("name", KINDS)
def test_a_spoiled_file_is_read_or_refused_in_one_line(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    if name.endswith(".psd"):
        pytest.importorskip("psd_tools")
    write, readers = KINDS[name]
    write(tmp_path / name)
    refused = 0
    for content in spoiled((tmp_path / name).read_bytes(), 60, seed=len(name)):
        (tmp_path / name).write_bytes(content)
        for read in readers:
            try:
                read(tmp_path / name)
            except RotoError as error:
                assert "\n" not in str(error) and str(tmp_path / name) in str(error)
                refused += 1
    assert refused > 10
    assert capfd.readouterr().out == ""


@pytest.mark.filterwarnings("ignore")  # Pillow's own, about its size
def test_a_gif_of_a_few_bytes_that_claims_to_be_huge(tmp_path: Path) -> None:
    PIL.Image.new("P", (4, 4)).save(tmp_path / "a.gif")
    data = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(data[:6] + (13000).to_bytes(2, "little") * 2 + data[10:])
    for read in (pictures.read_image, pictures.picture_size):
        with pytest.raises(FrameError, match=r"it claims 13000 x 13000 pixels in \d+ bytes"):
            read(tmp_path / "a.gif")


SWEEP = """
import os, resource, sys, warnings
warnings.simplefilter("ignore")
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
from rotonodes.errors import RotoError
from rotonodes.io import arrays, exr, pictures, psd_decode
import torch
from rotonodes.nodes import LoadModel, UNetSegment
from rotonodes.values.pixels import Image
def labels(path): return pictures.read_labels(path, ("a", "b"))
def model(path): return UNetSegment()(image=Image(torch.rand(3, 9, 7)), model=LoadModel(path=path)())
any = [pictures.read_image, pictures.picture_size, pictures.read_key, labels]
readers = {".exr": [*any, exr.read_layers], ".psd": [psd_decode.read_psd, pictures.read_image], ".npy": [arrays.read_array, labels],
           ".pt": [model, arrays.read_array], ".safetensors": [model], ".onnx": [model]}
for path in sys.argv[1:]:
    for read in readers.get(os.path.splitext(path)[1], any):
        try:
            read(path)
        except RotoError as error:
            assert len(str(error).splitlines()) == 1, error
print("done")
"""


@pytest.mark.skipif(not HOSTILE.is_dir(), reason=NO_SAMPLES)
def test_hostile_files_are_read_or_refused_in_one_line() -> None:
    pytest.importorskip("psd_tools")
    files = sorted(str(file) for file in HOSTILE.iterdir() if file.suffix != ".yaml")
    done = subprocess.run(
        [sys.executable, "-c", SWEEP, *files],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "done", done.stderr[-2000:]
