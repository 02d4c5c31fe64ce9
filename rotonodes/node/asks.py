"""What `process` may ask for beside its inputs: the frame number, the key, the device, a monitor."""

from __future__ import annotations

from typing import Any


class Frame(int):
    """Annotation: the frame number. A node that asks for it has it in its key."""


class Key(str):
    """Annotation: the key of what is being made, which writers put into their files."""


class Device(str):
    """Annotation: the torch device to compute on, as text: `cpu`, `cuda:0`."""


class Wanted(frozenset[str]):
    """Annotation: the names of the outputs somebody asks for; the others may be left None."""


class Prepared:
    """Annotation: what `prepare(device, ...)` made, once for all frames (a network on its device)."""


NOT_GIVEN: Any = object()  # None is something that `prepare` may well answer


class Monitor:
    """Annotation: how a long node tells of its progress, warns, and learns that it should stop."""

    def progress(self, done: int, total: int, text: str = "") -> None:
        """`done` of `total` steps are finished."""

    def warn(self, text: str) -> None:
        """Say one line that does not stop the run."""

    def stopping(self) -> bool:
        """True once the run should end; a node that can checkpoint does so and raises Interrupted."""
        return False


ASKS: tuple[type, ...] = (Frame, Key, Device, Wanted, Prepared, Monitor)
