"""Which of the processes of a `torchrun` this one is, told from the environment alone.

Each process runs the same command. The first one (rank 0) does everything; the others only help with what their nodes share
out (training), and write nothing. Without torchrun there is one process, and it is the first.
"""

from __future__ import annotations

import os


def count() -> int:
    """The number of processes, on all machines together; 1 without torchrun."""
    # Some clusters set RANK and WORLD_SIZE for jobs of their own; only with an address can the processes meet.
    return _number("WORLD_SIZE", 1) if os.environ.get("MASTER_ADDR") else 1


def rank() -> int:
    """This process's number among all, from 0."""
    return _number("RANK", 0) if count() > 1 else 0


def is_first() -> bool:
    """True for the process that writes files and tells of progress."""
    return rank() == 0


def local_rank() -> int:
    """This process's number among those of its machine, from 0: which GPU is its own."""
    return _number("LOCAL_RANK", 0) if count() > 1 else 0


def local_count() -> int:
    """The number of processes on this machine, which share its cores."""
    return max(1, _number("LOCAL_WORLD_SIZE", 1)) if count() > 1 else 1


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else default
