"""Memory of this process."""

from __future__ import annotations

import ctypes
import os
import resource
import time
from pathlib import Path

_MMAP_MAX, _TRIM_THRESHOLD = -4, -1  # M_MMAP_MAX and M_TRIM_THRESHOLD of mallopt(3)
_STATUS = Path("/proc/self/statm")
_EVERY = 1.0  # seconds
_GROWTH = 1.25  # over what is in use; giving back 400 MB takes 40 ms, and using them again as long once more


def reuse_memory() -> None:
    """Make glibc keep freed memory for the next tensors instead of returning it to the system at every step.

    Frames of the same size are allocated again and again; fresh pages from the kernel cost up to half of the time.
    Does nothing without glibc.
    """
    if glibc := _glibc():
        glibc.mallopt(_MMAP_MAX, 0)
        glibc.mallopt(_TRIM_THRESHOLD, -1)


class SpareMemory:
    """The freed memory that `reuse_memory` keeps, given back where there is too much of it.

    What is kept between tensors of other sizes is of no use to the next ones, and there is ever more of it: without this a run of ten
    thousand frames has a tenth more memory than one of a hundred. Giving back is slow, and so is taking again, so it is only done when
    the process has grown by a quarter over what it needed the last time. Does nothing without glibc and /proc.
    """

    def __init__(self) -> None:
        self.glibc = _glibc() if _STATUS.exists() else None
        self.looked = time.monotonic()
        self.most = 0  # bytes, above which it is given back

    def give_back(self) -> None:
        """Give back what is free if there is much of it; looks once in a second. Other threads wait some milliseconds at most."""
        if self.glibc is None or time.monotonic() - self.looked < _EVERY:
            return
        if resident_memory() > self.most:
            self.glibc.malloc_trim(0)
            self.most = max(self.most, int(resident_memory() * _GROWTH))
        self.looked = time.monotonic()


def resident_memory() -> int:
    """Resident memory of this process now, in bytes, where there is /proc."""
    return int(_STATUS.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


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
