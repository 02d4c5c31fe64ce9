"""Memory that the allocator keeps: it is given back where there is much of it, and only there."""

import subprocess
import sys
from pathlib import Path

import pytest

from rotonodes.machine import memory
from rotonodes.machine.memory import SpareMemory

MB = 2**20
needs_glibc = pytest.mark.skipif(SpareMemory().glibc is None, reason="needs glibc and /proc")

KEEP_AND_GIVE_BACK = """
import ctypes
from rotonodes.machine import memory
memory._EVERY = 0
memory.reuse_memory()
spare = memory.SpareMemory()
spare.give_back()
blocks = [bytes([1]) * 2**20 for _ in range(400)]
del blocks[::2]
kept = memory.resident_memory()
spare.give_back()
print(kept, memory.resident_memory(), spare.most)
"""


@needs_glibc
def test_what_is_free_between_what_is_used_is_given_back() -> None:
    """In a process of its own, since how glibc keeps memory holds for all of it."""
    ended = subprocess.run(
        [sys.executable, "-c", KEEP_AND_GIVE_BACK], stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    kept, left, most = map(int, ended.stdout.split())
    assert kept - left > 150 * MB  # of the 200 that were freed
    assert most == pytest.approx(left * 1.25, rel=0.02)


@needs_glibc
def test_it_is_given_back_only_where_the_process_has_grown(monkeypatch: pytest.MonkeyPatch) -> None:
    trims: list[int] = []
    now = {"seconds": 100.0, "bytes": 1000}
    monkeypatch.setattr(memory, "resident_memory", lambda: now["bytes"])
    monkeypatch.setattr(memory.time, "monotonic", lambda: now["seconds"])
    spare = SpareMemory()

    class Library:
        def malloc_trim(self, pad: int) -> None:
            trims.append(now["bytes"])
            now["bytes"] -= 200  # free in any case

    spare.glibc = Library()
    for seconds, size in ((0.5, 9000), (1.5, 1000), (2.6, 1000), (3.7, 1001), (4.8, 1300), (5.9, 1300), (7.0, 1376)):
        now |= {"seconds": 100 + seconds, "bytes": size}
        spare.give_back()
    assert trims == [1000, 1001, 1300, 1376]  # above 1.25 x 800, 801 and 1100; not twice within a second


def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    spare = SpareMemory()
    spare.looked -= 60
    spare.give_back()
    memory.reuse_memory()
    assert spare.most == 0
