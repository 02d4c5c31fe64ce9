"""Ctrl-C for long work that a Python program calls: a wish to stop, never the end of the program."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rotonodes.machine import torchrun


@contextmanager
def stop_on_ctrl_c() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second one raises KeyboardInterrupt at once.

    In the middle of a training step weights are half updated, so a stop has to wait for its end. A handler that the program has
    installed itself stays: the command line has its own, which also ends a process that hangs. Each process of a torchrun
    receives one Ctrl-C twice, from the terminal and from torchrun: there only the first counts.
    """
    stop = threading.Event()
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def ask(number: int, frame: object) -> None:
        stop.set()
        if torchrun.count() == 1:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    if ours:
        signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
