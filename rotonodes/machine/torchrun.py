"""Rank and world size of this process under `torchrun`, from the environment.

Each process runs the same command. Rank 0 does everything; the other ranks only take part in distributed training and write
nothing. Without torchrun there is one process, rank 0.
"""

from __future__ import annotations

import os


def count() -> int:
    """World size: the number of processes on all machines; 1 without torchrun."""
    # Some clusters set RANK and WORLD_SIZE for other purposes; processes can only connect if MASTER_ADDR is set too.
    return _number("WORLD_SIZE", 1) if os.environ.get("MASTER_ADDR") else 1


def rank() -> int:
    """Rank of this process among all, from 0."""
    return _number("RANK", 0) if count() > 1 else 0


def is_first() -> bool:
    """True for rank 0, the process that writes files and reports progress."""
    return rank() == 0


def local_rank() -> int:
    """Local rank: the number of this process on its machine, from 0; selects its GPU."""
    return _number("LOCAL_RANK", 0) if count() > 1 else 0


def local_count() -> int:
    """Number of processes on this machine, which share its cores."""
    return max(1, _number("LOCAL_WORLD_SIZE", 1)) if count() > 1 else 1


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isdigit() else default
