"""Sets of frames that stay ranges: a million frames take as little time and memory as ten."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence, Set
from itertools import chain
from operator import lt
from typing import Any


class FrameSet(Set[int | None]):
    """Frames as runs with a regular step (1-100, 1-99x2), rising. It cannot be changed; it equals any set with the same frames."""

    __slots__ = ("_count", "_runs", "_starts")

    def __init__(self, frames: Iterable[int | None] = ()) -> None:
        self._runs: tuple[range, ...] = frames._runs if isinstance(frames, FrameSet) else tuple(_runs(_rising(frames)))
        self._starts = [run.start for run in self._runs]
        self._count = sum(map(len, self._runs))

    @classmethod
    def _from_iterable(cls, frames: Iterable[int | None]) -> frozenset[int | None]:  # type: ignore[override]
        return frozenset(frames)  # of `&`, `|` and `-`, whose other side may hold anything

    def __contains__(self, frame: object) -> bool:
        if not isinstance(frame, int):
            return False
        at = bisect_right(self._starts, frame) - 1
        return at >= 0 and frame in self._runs[at]

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(self._runs)

    def __len__(self) -> int:
        return self._count

    def __eq__(self, other: object) -> bool:
        return self._runs == other._runs if isinstance(other, FrameSet) else super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self._runs)

    def __repr__(self) -> str:
        return f"FrameSet({', '.join(map(repr, self._runs))})"

    def with_frames(self, frames: Iterable[int | None]) -> FrameSet:
        """These frames and others."""
        other = FrameSet(frames)
        if not len(other) or other == self:
            return self
        return other if not self._count else FrameSet({*self, *other})

    def without(self, frames: Iterable[int | None]) -> FrameSet:
        """These frames but for others."""
        gone = set(frames)
        return FrameSet(frame for frame in self if frame not in gone) if gone else self


def one_step(frames: Sequence[int]) -> int:
    """The step of frames that rise or fall regularly, of which there are at least two; 0 for any others."""
    if len(frames) < 2 or (step := frames[1] - frames[0]) == 0:
        return 0
    regular = range(frames[0], frames[-1] + (1 if step > 0 else -1), step)
    return step if len(regular) == len(frames) and all(map(int.__eq__, frames, regular)) else 0


def _rising(frames: Iterable[int | None]) -> Sequence[int]:
    listed: Any = frames if isinstance(frames, Sequence) else list(frames)  # numbers: what is made once is no frame
    return listed if all(map(lt, listed, listed[1:])) else sorted(set(listed))


def _runs(frames: Sequence[int]) -> Iterator[range]:
    """Rising frames as runs, none of which reaches into the next."""
    if step := one_step(frames):
        yield range(frames[0], frames[-1] + 1, step)
        return
    run: list[int] = []  # its first and last frame, and its step
    for frame in frames:
        if not run:
            run = [frame, frame, 0]
        elif run[2] in (0, frame - run[1]):
            run[1:] = frame, frame - run[1]
        else:
            yield range(run[0], run[1] + 1, run[2] or 1)
            run = [frame, frame, 0]
    if run:
        yield range(run[0], run[1] + 1, run[2] or 1)
