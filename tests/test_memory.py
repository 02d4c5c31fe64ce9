"""Memory that the allocator keeps is given back, every few seconds."""

import subprocess
import sys
from pathlib import Path

import pytest

from rotonodes.machine import memory
from rotonodes.machine.memory import SpareMemory

MB = 2**20
STATUS = Path("/proc/self/statm")

KEEP_AND_GIVE_BACK = """
import os
from pathlib import Path
from rotonodes.machine import memory
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
memory._EVERY = 0
memory.reuse_memory()
spare = memory.SpareMemory()
blocks = [bytes([1]) * 2**20 for _ in range(400)]
del blocks[::2]
kept = resident()
spare.give_back()
print(kept - resident())
"""


@pytest.mark.skipif(SpareMemory().glibc is None or not STATUS.exists(), reason="needs glibc and /proc")
def test_what_is_free_between_what_is_used_is_given_back() -> None:
    """In a process of its own, since how glibc keeps memory holds for all of it."""
    command = [sys.executable, "-c", KEEP_AND_GIVE_BACK]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[1])
    assert int(ended.stdout) > 150 * MB  # of the 200 that were freed


def test_it_is_given_back_every_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now, given = [100.0], []
    monkeypatch.setattr(memory.time, "monotonic", lambda: now[0])

    class Library:
        def malloc_trim(self, pad: int) -> None:
            given.append(now[0])

    spare = SpareMemory()
    spare.glibc = Library()
    for now[0] in (100.2, 101.9, 102.1, 102.3, 104.0, 104.2):
        spare.give_back()
    assert given == [102.1, 104.2]


def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    spare = SpareMemory()
    spare.given -= 60
    spare.give_back()
    memory.reuse_memory()
