"""Memory of this process."""

from __future__ import annotations

import ctypes
import os
import resource
import time

_MMAP_MAX, _TRIM_THRESHOLD, _ARENA_MAX = -4, -1, -8  # parameters of mallopt(3): M_MMAP_MAX and so on
_EVERY = 2.0  # seconds
_PAUSE = 50  # at least so many times as long as giving back took: 400 MB take 40 ms, and using them again as long once more


def reuse_memory() -> None:
    """Make glibc keep freed memory for the next tensors instead of returning it to the system at every step.

    Frames of the same size are allocated again and again; fresh pages from the kernel cost up to half of the time. Threads
    that come later, where none had memory of its own before, share one arena: the arena that a thread has for itself returns each
    of its 64 MB to the system as soon as it is free, whatever the threshold. Does nothing without glibc.
    """
    if glibc := _glibc():
        glibc.mallopt(_MMAP_MAX, 0)
        glibc.mallopt(_TRIM_THRESHOLD, -1)
        glibc.mallopt(_ARENA_MAX, 1)


class SpareMemory:
    """The freed memory that `reuse_memory` keeps, given back every two seconds, or less often where that takes long.

    Freed gaps between live tensors do not fit later ones, so they add up: without this the peak of ten thousand frames is a tenth
    above that of a hundred. Does nothing without glibc.
    """

    def __init__(self) -> None:
        self.glibc = _glibc()
        self.due = time.monotonic() + _EVERY

    def give_back(self) -> None:
        """Give back what is free, if it is time. Threads that ask for memory meanwhile wait until it is done."""
        begun = time.monotonic()
        if self.glibc is not None and begun > self.due:
            self.glibc.malloc_trim(0)
            ended = time.monotonic()
            self.due = ended + max(_EVERY, _PAUSE * (ended - begun))


def peak_memory() -> int:
    """Peak resident memory of this process, in bytes."""
    scale = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    try:
        library = ctypes.CDLL("libc.so.6")
        return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
    except OSError:
        return None
