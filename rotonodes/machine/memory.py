"""Memory of this process."""

from __future__ import annotations

import ctypes
import os
import resource
import time

_MMAP_MAX, _TRIM_THRESHOLD = -4, -1  # M_MMAP_MAX and M_TRIM_THRESHOLD of mallopt(3)
_EVERY = 2.0  # seconds; giving back 400 MB takes 40 ms, and using them again as long once more


def reuse_memory() -> None:
    """Make glibc keep freed memory for the next tensors instead of returning it to the system at every step.

    Frames of the same size are allocated again and again; fresh pages from the kernel cost up to half of the time.
    Does nothing without glibc.
    """
    if glibc := _glibc():
        glibc.mallopt(_MMAP_MAX, 0)
        glibc.mallopt(_TRIM_THRESHOLD, -1)


class SpareMemory:
    """The freed memory that `reuse_memory` keeps, given back every two seconds.

    What is kept between tensors of other sizes is of no use to the next ones, and there is ever more of it: without this a run of ten
    thousand frames has a tenth more memory than one of a hundred. Does nothing without glibc.
    """

    def __init__(self) -> None:
        self.glibc = _glibc()
        self.given = time.monotonic()

    def give_back(self) -> None:
        """Give back what is free, if two seconds have passed since the last time. Other threads wait some milliseconds at most."""
        if self.glibc is not None and time.monotonic() - self.given > _EVERY:
            self.glibc.malloc_trim(0)
            self.given = time.monotonic()


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
