"""ClipFeed: frames handed to a node that takes whole clips, and let go as soon as it is past them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from rotonodes.engine.clip_feed import ClipFeed, Upstream


class Fed:
    """A feed of frames 1 to 4 for the inputs a and b, and what it let go of."""

    def __init__(self, broken: bool = False) -> None:
        self.released: list[int] = []
        self.again: list[str] = []
        self.feed = ClipFeed((1, 2, 3, 4), ("a", "b"), self._again, lambda: broken)

    def _again(self, name: str) -> Iterator[Any]:
        self.again.append(name)
        return iter([f"{name}{frame} anew" for frame in (1, 2, 3, 4)])

    def put(self, *frames: int) -> None:
        for frame in frames:
            self.feed.put(frame, {name: f"{name}{frame}" for name in "ab"}, lambda frame=frame: self.released.append(frame))  # type: ignore[misc]


def test_a_frame_is_let_go_when_both_inputs_are_past_it() -> None:
    fed = Fed()
    fed.put(1, 2, 3, 4)
    a, b = iter(fed.feed.clip("a")), iter(fed.feed.clip("b"))
    assert (next(a), next(b), fed.released) == ("a1", "b1", [])
    assert (next(a), fed.released) == ("a2", [])
    assert (next(b), fed.released) == ("b2", [1])
    assert (list(a), fed.released) == (["a3", "a4"], [1]), "b has not asked for more than its second frame"
    assert (list(b), fed.released, fed.again) == (["b3", "b4"], [1, 2, 3, 4], [])


def test_what_is_left_is_let_go_when_the_node_returns() -> None:
    fed = Fed()
    fed.put(1, 2, 3)
    assert next(iter(fed.feed.clip("a"))) == "a1"
    fed.feed.close()
    assert sorted(fed.released) == [1, 2, 3] and fed.feed.wanted == frozenset()
    fed.put(4)
    assert sorted(fed.released) == [1, 2, 3, 4], "what comes later is let go at once"
    assert list(fed.feed.clip("b")) == [f"b{frame} anew" for frame in (1, 2, 3, 4)]


def test_an_input_that_is_iterated_again_has_a_pass_of_its_own() -> None:
    fed = Fed()
    fed.put(1, 2, 3, 4)
    assert list(islice(fed.feed.clip("a"), 2)) == ["a1", "a2"]
    assert list(fed.feed.clip("a")) == [f"a{frame} anew" for frame in (1, 2, 3, 4)] and fed.again == ["a"]
    assert list(fed.feed.clip("b")) == ["b1", "b2", "b3", "b4"] and fed.released == [1, 2, 3, 4]


def test_a_frame_that_failed_ends_the_clip() -> None:
    fed = Fed()
    fed.put(1)
    fed.feed.fail(2)
    clip = iter(fed.feed.clip("a"))
    assert next(clip) == "a1"
    with pytest.raises(Upstream, match="frame 2"):
        next(clip)
    broken = Fed(broken=True)
    broken.put(1)
    clip = iter(broken.feed.clip("a"))
    assert next(clip) == "a1", "what is there still comes"
    with pytest.raises(Upstream, match="frame 2"):
        next(clip)


def test_an_input_that_lags_goes_on_in_a_pass_of_its_own() -> None:
    """One that is two frames behind would block the others for ever."""
    fed = Fed()
    fed.put(1, 2, 3)
    a, b = iter(fed.feed.clip("a")), iter(fed.feed.clip("b"))
    assert [next(b), *islice(a, 3)] == ["b1", "a1", "a2", "a3"] and fed.released == []
    later = threading.Timer(0.05, fed.put, [4])
    later.start()
    assert next(a) == "a4" and fed.released == [1, 2, 3], "waiting for the fourth, a does not wait for b"
    assert list(b) == ["b2 anew", "b3 anew", "b4 anew"] and fed.again == ["b"]
    later.join()
