"""Checkpoints: all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rotonodes.errors import RotoError, UsageError
from rotonodes.io.files import write_bytes, write_error
from rotonodes.machine import torchrun
from rotonodes.nets.weights import WeightsError, read_pickle_free

NEWEST, BEFORE = "checkpoint.pt", "checkpoint.before.pt"
_COMING = "checkpoint.new.pt"

log = logging.getLogger(__name__)


def write_checkpoint(folder: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values as the newest checkpoint; the one before stays beside it.

    Killed at any moment, at least one whole checkpoint is left. Raises RetryError when the disk is full, UsageError where
    writing is not permitted; the checkpoints that were there are then as they were.
    """
    data = io.BytesIO()
    torch.save(content, data)
    # What a killed write left behind; on a disk that is nearly full it would be in the way.
    for torn in folder.glob(f".{Path(_COMING).stem}.*"):
        with contextlib.suppress(OSError):
            torn.unlink()
    write_bytes(folder / _COMING, data.getvalue())
    try:
        if (folder / NEWEST).exists():
            os.replace(folder / NEWEST, folder / BEFORE)
        os.replace(folder / _COMING, folder / NEWEST)
    except OSError as error:
        raise write_error(folder / NEWEST, error) from error


def read_checkpoint(folder: Path, warn: Callable[[str], None] = log.warning) -> dict[str, Any] | None:
    """The newest whole checkpoint of the folder; None when there is none at all.

    A damaged one is passed over for the one before it, which `warn` is told. Raises WeightsError when all are damaged.
    """
    # A run that was killed between the two renames has its newest checkpoint, whole, under the coming one's name.
    there = [folder / name for name in (NEWEST, _COMING, BEFORE) if (folder / name).exists()]
    faults: list[str] = []
    for path in there:
        try:
            content: dict[str, Any] = read_pickle_free(path)
        except WeightsError as error:
            faults.append(str(error))
            continue
        for fault in faults:
            warn(f"{fault}; going on from {path}")
        return content
    if faults:
        raise WeightsError(f"{faults[0]}, or use an empty folder")
    return None


def check_writable(folder: Path) -> None:
    """UsageError before any work is done when no checkpoint could be written into the folder.

    What is made to find out is gone again: a training that does not begin leaves no empty folders. Of the processes of a
    torchrun the first one writes, so only that asks.
    """
    if not torchrun.is_first():
        return
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    probe = folder / ".write-test"
    try:
        write_bytes(probe, b"")
    except UsageError as error:
        raise UsageError(f"checkpoints: {error}") from None
    except RotoError:
        return  # a disk that is full now may have room by the time of the first checkpoint
    probe.unlink(missing_ok=True)
    for parent in made:
        with contextlib.suppress(OSError):  # somebody else has written into it meanwhile
            parent.rmdir()
