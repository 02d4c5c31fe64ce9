"""Follows a job: its tasks by state in words, an engine's own program, and the signals that end us."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Say = Callable[[str], None]
States = dict[str, Counter[str]]  # step -> tasks by state, in Slurm's words
_WORDS = {"COMPLETED": "done", "RUNNING": "running", "COMPLETING": "running", "PENDING": "waiting", "LEFT": "ended"}
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))  # Windows has no SIGHUP


def follow(command: Sequence[str]) -> int:
    """Run a program with our own input and output, and return its exit code; after a signal 128 + its number.

    The program gets INT and ends its tasks cleanly; we wait for it.
    """
    live = {**os.environ, "PYTHONUNBUFFERED": "1"}  # or its lines would come in blocks, minutes late
    process = subprocess.Popen(command, env=live, start_new_session=True)  # or a Ctrl-C on the terminal would reach it twice
    with signals(lambda _: process.send_signal(signal.SIGINT)) as came:
        code = process.wait()
    return 128 + came[0] if came else code


@contextlib.contextmanager
def signals(act: Callable[[int], object] = lambda _: None) -> Iterator[list[int]]:
    """Inside the `with` block the signals that end us do not: each calls `act`, and is added to the list."""
    came: list[int] = []

    def note(number: int, _: Any) -> None:
        came.append(number)
        act(number)

    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, note) for number in SIGNALS} if main else {}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def lines(found: States) -> list[str]:
    """The state of each step: `frames: 12 tasks, 4 done, 2 running, 6 waiting`."""
    made = []
    for name, counted in found.items():
        words: Counter[str] = Counter()
        for state, count in counted.items():
            words[_WORDS.get(state, state.lower().replace("_", " "))] += count
        total = words.total()
        parts = [f"{total} task{'' if total == 1 else 's'}", *(f"{count} {word}" for word, count in words.items() if count)]
        made.append(f"{name}: {', '.join(parts)}")
    return made
