"""Threads of a run: a pool that takes the most urgent call first, and values that are made once for all threads."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from typing import Any

from rotonodes.errors import RetryError
from rotonodes.machine.cores import set_torch_threads
from rotonodes.machine.memory import SpareMemory


class Pool:
    """`threads` threads that run calls: lowest priority first, calls of the same priority in the order they came.

    `lost` is called with the error of a call that raised one.
    """

    def __init__(self, threads: int, name: str, lost: Callable[[BaseException], None]) -> None:
        self._lost = lost
        self._heap: list[tuple[Any, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"{name}-{i}", daemon=True) for i in range(threads)]
        try:
            for thread in self._threads:
                thread.start()
        except RuntimeError as error:
            self._threads = [thread for thread in self._threads if thread.ident is not None]
            self.close()
            raise no_thread() from error

    def submit(self, priority: Any, call: Callable[[], None]) -> None:
        with self._changed:
            heapq.heappush(self._heap, (priority, next(self._count), call))
            self._changed.notify()

    def _work(self) -> None:
        # Frames run in parallel, so each gets one torch thread: its time varies less than with two threads on one frame, and
        # sums are always added in the same order.
        torch_is_set = False
        while True:
            with self._changed:
                while not self._heap and not self._closed:
                    self._changed.wait()
                if self._closed:
                    return
                call = heapq.heappop(self._heap)[2]
            if not torch_is_set:
                set_torch_threads(1)
                torch_is_set = True
            try:
                call()
            except BaseException as error:  # its result will never come; the thread goes on for the others
                self._lost(error)

    def close(self) -> None:
        """Drop waiting calls and join the threads, each after its current call.

        Threads that are still inside torch when the interpreter ends would abort it.
        """
        with self._changed:
            self._closed = True
            self._heap.clear()
            self._changed.notify_all()
        for thread in self._threads:
            while thread.is_alive():
                thread.join(timeout=0.2)


def no_thread() -> RetryError:
    """The error for a thread that the system would not start."""
    return RetryError("the system starts no more threads: use fewer --threads, or raise the limit (ulimit -u), and run again")


class Pools:
    """The threads of a run, one pool for frames on the cores, and one thread for the device where that is not the CPU; and the memory
    that they leave, which whoever waits for them gives back.
    """

    def __init__(self, threads: int, has_device: bool, lost: Callable[[BaseException], None]) -> None:
        self.threads = threads
        self.spare_memory = SpareMemory()
        self.frames = Pool(threads, "frames", lost)
        self.device = Pool(1, "device", lost) if has_device else self.frames

    def close(self) -> None:
        self.frames.close()
        self.device.close()


class Once:
    """A value made by the first thread that asks; others wait for it. If making it raises, every thread gets that error."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made = False
        self._value: Any = None
        self._error: Exception | None = None

    def get(self, make: Callable[[], Any]) -> Any:
        with self._lock:
            if not self._made:
                try:
                    self._value = make()
                except Exception as error:
                    self._error = error.with_traceback(None)  # a traceback would keep the pictures of its frames in memory
                self._made = True
        if self._error is not None:
            raise self._error
        return self._value
