"""Ctrl-C and TERM: ask a run to stop, and see to it that the process is gone within five seconds."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import threading
from types import TracebackType
from typing import Any, Self

from rotonodes.machine import torchrun

GRACE = 4.0  # seconds a run has to end by itself; farms kill after five


class StopOnSignal:
    """While it is open, the first signal sets `stop`; after `GRACE` seconds, or on a second signal, the process ends.

    `code` is the exit code the first signal asks for (130, 143), or 0. A thread of its own watches, so that a main thread
    that sits in a long call of a library does not keep the process alive.
    """

    def __init__(self, stop: threading.Event, grace: float = GRACE) -> None:
        self.stop, self.grace, self.code = stop, grace, 0
        self._before: dict[int, Any] = {}
        self._fd_before = -1
        self._read = self._write = -1

    def __enter__(self) -> Self:
        if threading.current_thread() is not threading.main_thread():
            return self  # Python hands signals to the main thread only; a program that calls us from another has its own way
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        self._fd_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, lambda *_: None)  # the watcher acts; this only keeps the default away
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
            if data and data[0] not in (signal.SIGINT, signal.SIGTERM):
                continue
            if data and self.code and torchrun.count() > 1:
                continue  # of one Ctrl-C, a torchrun's processes hear from the terminal and from torchrun
            if self.code:  # a second signal, or time is up
                self._end_now()
            self.code = 128 + data[0]
            self.stop.set()
            if torchrun.is_first():
                say("stopping: what is being written is finished first" + ("" if torchrun.count() > 1 else "; once more stops at once"))

    def _end_now(self) -> None:
        from rotonodes.io import files

        # Nothing half-written may stay behind, and nothing may wait: not for threads, not for atexit.
        with contextlib.suppress(Exception):
            files.discard_unfinished()
        os._exit(self.code)


def say(line: str) -> None:
    """One line to stderr, past Python's buffers and locks: the thread that holds them may be the one that hangs."""
    with contextlib.suppress(OSError, ValueError):
        os.write(sys.stderr.fileno(), f"\n{line}\n".encode() if os.isatty(sys.stderr.fileno()) else f"{line}\n".encode())
