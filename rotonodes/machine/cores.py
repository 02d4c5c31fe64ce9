"""Cores, threads and memory of this machine."""

from __future__ import annotations

import os
import resource

from rotonodes.machine import torchrun


def set_torch_threads(count: int) -> None:
    """Set the number of torch threads of the calling thread."""
    import torch

    torch.set_num_threads(max(1, count))


def reuse_memory() -> None:
    """Make glibc keep freed memory for the next tensors instead of returning it to the system at every step.

    Frames of the same size are allocated again and again; fresh pages from the kernel cost up to half of the time.
    Does nothing without glibc.
    """
    import ctypes

    mmap_max, trim_threshold = -4, -1  # M_MMAP_MAX and M_TRIM_THRESHOLD of mallopt(3)
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, -1)


def cpu_count() -> int:
    """Cores available to this process: its share of the cores granted by the farm, otherwise of those of the machine."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    for name in ("CUE_THREADS", "SLURM_CPUS_PER_TASK"):
        text = os.environ.get(name, "")
        if text.isdigit() and int(text) > 0:
            count = int(text)
    return max(1, count // torchrun.local_count())


def peak_memory() -> int:
    """Peak resident memory of this process, in bytes."""
    scale = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
