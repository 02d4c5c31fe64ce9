"""Sets of frames that stay ranges, against Python's own sets."""

from itertools import pairwise

import fileseq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.values.frame_sets import FrameSet, one_step
from rotonodes.values.frames import format_frames, parse_frames, range_text

numbers = st.lists(st.integers(-60, 120), max_size=40)
regular = st.builds(
    lambda first, count, step: list(range(first, first + count * step, step)), st.integers(-50, 50), st.integers(0, 30), st.integers(1, 5)
)
frames = st.one_of(numbers, regular, st.builds(lambda *parts: [f for part in parts for f in part], regular, regular))


@given(frames, frames)
def test_it_is_the_set_of_its_frames(some: list[int], others: list[int]) -> None:
    made = FrameSet(some)
    assert list(made) == sorted(set(some))
    assert len(made) == len(set(some))
    assert made == set(some)
    assert {frame for frame in range(-70, 300) if frame in made} == set(some)
    assert None not in made
    assert made.with_frames(others) == set(some) | set(others)
    assert made.without(others) == set(some) - set(others)
    assert made | set(others) == set(some) | set(others) == set(others) | made
    assert (made == FrameSet(others)) == (set(some) == set(others))
    assert made <= made.with_frames(others)


@given(frames)
def test_a_step_is_that_of_all_frames(some: list[int]) -> None:
    steps = {after - before for before, after in pairwise(some)}
    assert one_step(some) == (steps.pop() if len(steps) == 1 else 0)


def test_a_million_frames_are_one_run() -> None:
    made = FrameSet(parse_frames("1-1000000"))
    assert repr(made) == "FrameSet(range(1, 1000001))"
    assert made.with_frames(made) is made
    assert repr(FrameSet(range(1, 100, 2)).without([5])) == "FrameSet(range(1, 4, 2), range(7, 100, 2))"


@given(frames.filter(bool))
def test_ranges_are_written_as_fileseq_writes_them(some: list[int]) -> None:
    assert format_frames(some) == str(fileseq.framesToFrameRange(some, sort=True, compress=False))


@pytest.mark.parametrize("text", ["1-10", "10-1", "1-10x3", "10-1x3", "-5--1", "5--5x5", "3,1-4,9-7", "7", "1-10x20", "4-4x2"])
def test_ranges_are_read_as_fileseq_reads_them(text: str) -> None:
    assert parse_frames(text) == tuple(fileseq.FrameSet(text))
    assert parse_frames(range_text(parse_frames(text))) == parse_frames(text)
