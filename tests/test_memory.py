"""Memory that the allocator keeps is given back, every few seconds."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from rotonodes import Clip, Frame, Graph, Image, Node, ToneScale, run
from rotonodes.machine import memory
from rotonodes.machine.memory import SpareMemory
from rotonodes.nodes import WriteFrames

MB = 2**20
STATUS = Path("/proc/self/statm")

KEEP_AND_GIVE_BACK = """
import os
from pathlib import Path
from rotonodes.machine import memory
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
memory.reuse_memory()
spare = memory.SpareMemory()
spare.due = 0
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


FRESH_PAGES_OF_A_THREAD = """
import resource, threading
from rotonodes.machine import memory
memory.reuse_memory()
def work():
    def tensors():
        return [bytearray(20 * 2**20) for _ in range(6)]
    tensors()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    tensors()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
thread = threading.Thread(target=work)
thread.start()
thread.join()
"""


@pytest.mark.skipif(SpareMemory().glibc is None, reason="needs glibc")
def test_threads_use_again_what_they_freed() -> None:
    """In an arena of its own a thread takes all 120 MB, 30,720 pages, from the system each time."""
    command = [sys.executable, "-c", FRESH_PAGES_OF_A_THREAD]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[1])
    assert int(ended.stdout) < 3000


class Library:
    """A glibc that takes some seconds to give memory back, and notes when it did."""

    def __init__(self, now: list[float], takes: float) -> None:
        self.now, self.takes, self.given = now, takes, list[float]()

    def malloc_trim(self, pad: int) -> None:
        self.given.append(self.now[0])
        self.now[0] += self.takes


@pytest.mark.parametrize(("takes", "times"), [(0.01, [102.1, 104.2, 106.3]), (0.1, [102.1, 108.0])])
def test_it_is_given_back_every_two_seconds_or_less_often_where_it_takes_long(
    takes: float, times: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(memory.time, "monotonic", lambda: now[0])
    spare = SpareMemory()
    spare.glibc = library = Library(now, takes)
    for now[0] in (100.2, 101.9, 102.1, 102.3, 104.0, 104.2, 106.3, 106.9, 108.0):
        spare.give_back()
    assert library.given == times


class Slow(Node):
    def process(self, frame: Frame) -> Image:
        time.sleep(0.15)
        return Image(torch.full((3, 4, 4), 0.5))


class Long(Node):
    """A node that has all of its frames long before it is done, as a training has."""

    def process(self, image: Clip[Image]) -> ToneScale:
        count = len(list(image))
        time.sleep(0.6)
        return ToneScale((count / 10,))


@pytest.mark.parametrize("long", [False, True])
def test_whoever_waits_for_a_run_gives_memory_back(long: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []
    monkeypatch.setattr(SpareMemory, "give_back", lambda self: calls.append(time.monotonic()))
    graph = Graph(frames="1-2" if long else "1-6")
    slow = graph.add(Slow())
    if long:
        graph.add(Long(), image=slow)
    else:
        graph.add(WriteFrames(path="a.####.png"), image=slow)
    begun = time.monotonic()
    assert run(graph, root=str(tmp_path), cache="none", threads=1, device="cpu").exit_code == 0
    assert calls and (not long or max(calls) - begun > 0.5)  # while it goes on without a frame, too


def test_without_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    spare = SpareMemory()
    spare.due -= 60
    spare.give_back()
    memory.reuse_memory()
