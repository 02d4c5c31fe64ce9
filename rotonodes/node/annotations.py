"""Annotations of `process` parameters that are not inputs: the frame number, the key, the device, a monitor."""

from __future__ import annotations

from typing import Any, NamedTuple


class Frame(int):
    """Annotation: the frame number. It becomes part of the node's key."""


class Shot(tuple[int, int]):
    """Annotation: the first and the last frame of the shot. It becomes part of the node's key."""


class InputLink(NamedTuple):
    """One link of an input: the input's name; of an input that takes many the number of the link, from 0, and how many there are."""

    name: str
    number: int
    links: int


class Key(str):
    """Annotation: the key of the value being made. Writers store it in their files."""


class Device(str):
    """Annotation: the torch device to compute on, as text: `cpu`, `cuda:0`."""


class Wanted(frozenset[str]):
    """Annotation: the names of the outputs that are used. Outputs not requested may be None."""


class Prepared:
    """Annotation: the value that `prepare(device, ...)` returned, made once for all frames (a network on its device)."""


NOT_GIVEN: Any = object()  # marks an argument left out, where None is a valid value (`prepare` may return None)


class Monitor:
    """Annotation: the connection of a long node to the run: progress, warnings, notes, and the request to stop."""

    def progress(self, done: int, total: int, text: str = "") -> None:
        """Report that `done` of `total` steps are finished; `text` is a short remark for the progress line."""

    def warn(self, text: str) -> None:
        """Report a warning of one line, once in a run; the run continues."""

    def note(self, text: str) -> None:
        """Report a fact of one line that is no fault, such as where a training is resumed."""

    def stopping(self) -> bool:
        """True when the run should end. A node that can checkpoint writes a checkpoint and raises Interrupted."""
        return False


ASKS: tuple[type, ...] = (Frame, Shot, Key, Device, Wanted, Prepared, Monitor)
