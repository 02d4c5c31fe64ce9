"""Ctrl-C, TERM and HUP: asks a run to stop, and ends the process within five seconds."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from rotonodes.machine import torchrun

GRACE = 4.0  # seconds a run has to end by itself; farms kill after five
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))  # Windows has no SIGHUP


class StopOnSignal:
    """Inside its `with` block the first signal sets `stop`; after `GRACE` seconds, or on a second signal, the process ends.

    `code` is the exit code for the first signal (129, 130 or 143), or 0. A thread of its own watches, so that a long call of a
    library in the main thread does not keep the process alive.
    """

    def __init__(self, stop: threading.Event, grace: float = GRACE) -> None:
        self.stop, self.grace, self.code = stop, grace, 0
        self._before: dict[int, Any] = {}
        self._fd_before = -1
        self._read = self._write = -1

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self  # only the main thread receives signals; a program that calls us from another handles them itself
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._fd_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in SIGNALS:
            if signal.getsignal(number) == signal.SIG_IGN and number not in (signal.SIGINT, signal.SIGTERM):
                continue  # nohup: the run continues when its terminal closes
            self._before[number] = signal.signal(number, lambda *_: None)  # replaces the default action; the watcher acts
        threading.Thread(target=self._watch, args=(self._read,), name="signals", daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if not self._before:
            return
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._fd_before)
        os.close(self._write)  # ends the watcher, which closes the other end

    def _watch(self, pipe: int) -> None:
        while True:
            ready = select.select([pipe], [], [], self.grace if self.code else None)[0]
            data = os.read(pipe, 1) if ready else b""
            if ready and not data:
                os.close(pipe)
                return
            if data and data[0] not in SIGNALS:
                continue
            if data and self.code and torchrun.count() > 1:
                continue  # one Ctrl-C reaches the processes of a torchrun twice: from the terminal and from torchrun
            if self.code:  # a second signal, or time is up
                end_now(self.code)
            self.code = 128 + data[0]
            self.stop.set()
            if torchrun.is_first():
                say("stopping: files being written are finished first" + ("" if torchrun.count() > 1 else "; Ctrl-C again stops at once"))


@contextlib.contextmanager
def end_on_signals() -> Iterator[None]:
    """Where no command handles signals itself, TERM and HUP end the process at once, with the same exit codes and no partial file."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if number != signal.SIGINT and signal.getsignal(number) == signal.SIG_DFL:  # SIG_IGN of nohup stays
                before[number] = signal.signal(number, lambda number, _: end_now(128 + number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_now(code: int) -> None:
    """Remove partial files, and end without waiting for threads and for what libraries do at the end."""
    from rotonodes.io import files

    with contextlib.suppress(Exception):
        files.discard_unfinished()
    os._exit(code)


def say(line: str) -> None:
    """One line to stderr without Python's buffers and locks: a thread that hangs may hold them."""
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"\n{line}\n".encode() if os.isatty(sys.stderr.fileno()) else f"{line}\n".encode())
