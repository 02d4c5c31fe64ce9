"""The graph file that the page has open: its text and revisions, undo and redo, and changes that somebody else saves meanwhile."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from rotonodes.errors import Fault, GraphError, RotoError, UsageError
from rotonodes.graph.document import MOST_BYTES, near_graph, parse_document
from rotonodes.io.files import atomic_write, sweep
from rotonodes.page.graph_edits import Op, edited, touched
from rotonodes.page.yaml_patches import at

MOST_STEPS = 300  # that can be undone
MOST_KEPT = 60_000_000  # characters of all texts that are kept for undo
TOGETHER = 1.5  # seconds within which changes of one value are one step: a slider that is dragged

Stamp = tuple[int, int, int] | None


class Conflict(UsageError):
    """An edit does not fit the newer text; `text` is what the file holds now."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


class UndoStep(NamedTuple):
    """A change that can be undone: the text before and after, and the one place that it changed."""

    before: str
    after: str
    place: object = None
    time: float = 0.0


class OpenGraph:
    """A graph file and its text. Any thread may call it; `revision` grows with every change of the text.

    The file is the truth: before every edit it is read again, and what another editor saved is taken in first, as a step that can be
    undone like an own one. So no text of anybody is lost. `fault` says why there is no text that could be edited, `gone` that the
    file was removed; the text is then kept, and the next edit writes it again.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.text, self.revision, self.fault, self.gone = "", 0, "", False
        self._bom = b""
        self._stamp: Stamp = None
        self._undone: list[UndoStep] = []
        self._done: list[UndoStep] = []
        self._texts: dict[int, str] = {}
        self._lock = threading.RLock()
        self.refresh()
        if self.gone:
            raise GraphError([Fault(f"cannot read the graph: no such file{near_graph(path)}", file=path)])
        self._done.clear()
        sweep(os.path.dirname(os.path.realpath(path)))  # what killed pages left half-written

    # What is on disk.

    def refresh(self) -> bool:
        """Take in what another editor saved; True when the text or the state of the file is another one now."""
        with self._lock:
            stamp = _stamp(self.path)
            if stamp is None:
                changed, self.gone, self._stamp = not self.gone, True, None
                return changed
            if stamp == self._stamp:
                return False
            before = (self.fault, self.gone)
            self._stamp, self.gone = stamp, False
            try:
                text, self._bom = _read(self.path)
            except RotoError as error:
                self.fault = str(error)
                return before != (self.fault, self.gone)
            self.fault = ""
            if text != self.text or not self.revision:
                self._take(text, None)
                return True
            return before != (self.fault, self.gone)

    def _take(self, text: str, place: object, now: float = 0.0) -> None:
        """Make `text` the current one, as a step that can be undone."""
        last = self._done[-1] if self._done else None
        grouped = isinstance(place, str) or now - (last.time if last is not None else 0.0) < TOGETHER
        if place is not None and last is not None and last.place == place and grouped:
            self._done[-1] = UndoStep(last.before, text, place, now)
        else:
            self._done.append(UndoStep(self.text, text, place, now))
        self._undone.clear()
        self._set(text)
        while len(self._done) > MOST_STEPS or (len(self._done) > 1 and sum(len(step.before) for step in self._done) > MOST_KEPT):
            del self._done[0]

    def _set(self, text: str) -> None:
        self.text, self.revision = text, self.revision + 1
        self._texts[self.revision] = text
        for old in [revision for revision in self._texts if revision <= self.revision - 50]:
            del self._texts[old]

    def _write(self, text: str) -> None:
        """Write the file as it is encoded, with its rights, through a link to it. Raises RotoError."""
        data = self._bom + text.encode()
        if len(data) > MOST_BYTES:
            raise UsageError("a graph file is at most 1 MB: this edit would make it larger")
        path = os.path.realpath(self.path)
        with atomic_write(path) as hidden:
            hidden.write_bytes(data)
            with contextlib.suppress(OSError):
                os.chmod(hidden, os.stat(path).st_mode & 0o7777)
        self._stamp, self.gone = _stamp(self.path), False

    # Edits.

    def edit(self, base: int, ops: Sequence[Op], group: str = "") -> None:
        """Make some edits that the page asks for while it shows the revision `base`; edits of one `group` in a row are one step.

        Raises Conflict where they overwrite what somebody else changed since, or fit the newer text no more; UsageError or GraphError
        for edits that are wrong. Then nothing is changed.
        """
        with self._lock:
            self.refresh()
            if self.fault:
                raise UsageError(self.fault)
            stale = base != self.revision
            if stale:
                self._refuse_lost(base, ops)
            try:
                text = edited(self.text, ops)
            except UsageError as error:
                if stale and not isinstance(error, GraphError):
                    raise Conflict(f"the graph was changed meanwhile, and this edit does not fit it any more: {error}", self.text) from None
                raise
            if text == self.text and not self.gone:
                return
            self._write(text)
            one = touched(ops[0]) if len(ops) == 1 and ops[0].get("op") == "set" else None
            self._take(text, group or one, time.monotonic())

    def _refuse_lost(self, base: int, ops: Sequence[Op]) -> None:
        """Raise Conflict where an edit overwrites a value that was changed after `base`."""
        seen = self._texts.get(base)
        for op in ops:
            place = touched(op)
            if place is None:
                continue
            try:
                parse_document(self.text)
                parse_document(seen or self.text)
                was, now = at(seen, place) if seen is not None else None, at(self.text, place)
            except GraphError:
                continue  # an unreadable text: the edit itself says so
            old, new = was.plain() if was is not None else None, now.plain() if now is not None else None
            if seen is None or old != new:
                if op.get("op") == "set" and new == op.get("value"):
                    continue
                where = ".".join(map(str, place[1:] or place)) or "the text"
                raise Conflict(f"{where} was changed meanwhile by another editor: it is {new!r} now", self.text)

    def undo(self) -> bool:
        """Take the last step back, also one of another editor (redo brings it again); False where there is none."""
        return self._travel(self._done, self._undone, back=True)

    def redo(self) -> bool:
        """Make the step again that was undone last; False where there is none."""
        return self._travel(self._undone, self._done, back=False)

    def _travel(self, source: list[UndoStep], target: list[UndoStep], back: bool) -> bool:
        with self._lock:
            self.refresh()
            if not source:
                return False
            step = source[-1]
            text = step.before if back else step.after
            self._write(text)
            target.append(source.pop()._replace(place=None))
            self.fault = ""
            self._set(text)
            return True

    @property
    def steps(self) -> tuple[int, int]:
        """The numbers of steps to undo and to do again."""
        return len(self._done), len(self._undone)


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _read(path: str) -> tuple[str, bytes]:
    """(text, byte order mark) of a graph file, with its line breaks as they are. Raises UsageError for what is none."""
    try:
        with open(path, "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read the graph: {(error.strerror or str(error)).lower()}") from None
    if len(data) > MOST_BYTES:
        raise UsageError("a graph file is at most 1 MB; this one is larger")
    bom = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    try:
        return data[len(bom) :].decode(), bom
    except UnicodeDecodeError:
        raise UsageError("this is not a graph file: it is not UTF-8 text") from None
