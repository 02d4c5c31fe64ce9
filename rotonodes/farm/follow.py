"""Waits for an engine's own program, and passes on the signals that end us."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))  # Windows has no SIGHUP


def follow(command: Sequence[str]) -> int:
    """Run a program with our own input and output, and return its exit code; after a signal 128 + its number.

    The program gets INT and ends its tasks cleanly; we wait for it.
    """
    live = {**os.environ, "PYTHONUNBUFFERED": "1"}  # or its lines would come in blocks, minutes late
    process = subprocess.Popen(command, env=live, start_new_session=True)  # or a Ctrl-C on the terminal would reach it twice
    came: list[int] = []

    def pass_on(number: int, _: Any) -> None:
        came.append(number)
        process.send_signal(signal.SIGINT)

    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, pass_on) for number in SIGNALS} if main else {}
    try:
        code = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 + came[0] if came else code
