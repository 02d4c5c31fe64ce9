"""Packing makes the same bytes in every thread; every zlib reads them."""

import re
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.io.deflate import deflate
from rotonodes.io.png import write_png
from rotonodes.io.psd import PsdLayer, write_psd
from rotonodes.io.tiff import write_tiff
from rotonodes.plan.cache import pack
from rotonodes.values.pixels import Labels

ROOT = Path(__file__).parent.parent / "rotonodes"
THREADS = 120  # at addresses of their own: all are alive at once


def in_threads(make: Callable[[int], bytes]) -> list[bytes]:
    """What each of many threads makes; they wait for each other."""
    made: list[bytes] = []
    together = threading.Barrier(THREADS)

    def work(number: int) -> None:
        together.wait()
        made.append(make(number))
        together.wait()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def test_every_thread_packs_the_same_bytes() -> None:
    """What ISA-L makes of a whole buffer depends on where the thread's stack lies, for about one in two hundred small pictures."""
    small = [bytes([2] + [first] * 15 + ([2] + [0] * 15) * 3) for first in range(100, 200)]
    made = in_threads(lambda _: b"".join(deflate(data) for data in small))
    assert len(made) == THREADS and len(set(made)) == 1


@pytest.mark.parametrize("kind", ["png", "tiff", "psd", "labels"])
def test_a_file_has_the_same_bytes_in_every_thread(tmp_path: Path, kind: str) -> None:
    pictures = [np.full((4, 5, 3), level, np.uint16) for level in range(9000, 60000, 3001)]

    def one(samples: np.ndarray, path: Path) -> bytes:
        if kind == "labels":
            return pack(Labels(torch.from_numpy((samples[..., 0] % 5).astype(np.uint8)), tuple("abcde"), ("#000000",) * 5))
        if kind == "png":
            write_png(path, samples.astype(np.uint8))
        elif kind == "tiff":
            write_tiff(path, samples)
        else:
            write_psd(path, [PsdLayer("a", np.concatenate([samples, samples[..., :1]], 2))], (5, 4), depth=16)
        return path.read_bytes()

    made = in_threads(lambda number: b"".join(one(samples, tmp_path / f"{number}.{kind}") for samples in pictures))
    assert len(made) == THREADS and len(set(made)) == 1


@given(st.binary(max_size=400))
def test_every_zlib_reads_it(data: bytes) -> None:
    assert zlib.decompress(deflate(data)) == data


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (1, 16), (1, 17), (300, 1000)])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<f2", "<f4"])
def test_an_array_is_packed_as_its_bytes(shape: tuple[int, int], dtype: str) -> None:
    array = (np.arange(np.prod(shape)) % 251).reshape(shape).astype(dtype)
    assert deflate(array) == deflate(array.tobytes()) and zlib.decompress(deflate(array)) == array.tobytes()


def test_nothing_else_packs_with_isal() -> None:
    """A new writer takes `deflate`: `isal_zlib.compress` makes other bytes now and then."""
    users = {
        path.name
        for path in ROOT.rglob("*.py")
        if re.search(r"\b(?:isal_zlib|igzip\w*)\.(?:compress|open|GzipFile)", path.read_text(encoding="utf-8"))
    }
    assert users == {"deflate.py"}
