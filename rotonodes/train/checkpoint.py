"""Checkpoints: everything needed to resume a run exactly where it stopped."""

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
    """Write tensors and plain values as the newest checkpoint; the previous one stays beside it.

    If the process is killed at any moment, at least one complete checkpoint is left. Raises RetryError when the disk is full,
    UsageError where writing is not permitted; existing checkpoints are then unchanged.
    """
    data = io.BytesIO()
    torch.save(content, data)
    # Leftovers of a killed write would take space on a disk that is nearly full.
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
    """The newest complete checkpoint of the folder; None if there is none.

    A damaged one is skipped for the previous one, with a warning. Raises WeightsError when all are damaged.
    """
    # After a kill between the two renames the newest checkpoint, complete, has the temporary name.
    there = [folder / name for name in (NEWEST, _COMING, BEFORE) if (folder / name).exists()]
    faults: list[str] = []
    for path in there:
        try:
            content: dict[str, Any] = read_pickle_free(path)
        except WeightsError as error:
            faults.append(str(error))
            continue
        for fault in faults:
            warn(f"{fault}; resuming from {path}")
        return content
    if faults:
        raise WeightsError(f"{faults[0]}, or use an empty folder")
    return None


def check_writable(folder: Path) -> None:
    """Raises UsageError, before any work is done, when no checkpoint can be written into the folder.

    The test leaves nothing behind: a training that does not start creates no empty folders. Only rank 0 of a torchrun writes, so
    only it tests.
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
        return  # a full disk may have space again by the first checkpoint
    probe.unlink(missing_ok=True)
    for parent in made:
        with contextlib.suppress(OSError):  # another process has written into it meanwhile
            parent.rmdir()
