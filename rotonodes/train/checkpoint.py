"""Checkpoints: everything needed to resume a run exactly where it stopped."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from rotonodes.errors import FrameError, RotoError, UsageError
from rotonodes.io.archives import check_unpacked_size
from rotonodes.io.files import atomic_write, check_regular, hidden_name, sweep, write_bytes
from rotonodes.machine import torchrun
from rotonodes.nets.weights import WeightsError, read_pickle_free
from rotonodes.train.log.journal import STAGES

NEWEST, BEFORE = "checkpoint.pt", "checkpoint.before.pt"

log = logging.getLogger(__name__)


def write_checkpoint(folder: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values as the newest checkpoint; the previous one stays beside it.

    If the process is killed at any moment, at least one complete checkpoint is left. Raises RetryError when the disk is full,
    UsageError where writing is not permitted; existing checkpoints are then unchanged.
    """
    data = io.BytesIO()
    torch.save(content, data)
    clear_unfinished(folder)  # they would take space on a disk that is nearly full
    # Each step is a rename over a name of its own, so that another training in the same folder takes nothing away.
    with atomic_write(folder / NEWEST) as hidden:
        hidden.write_bytes(data.getbuffer())
        _keep(folder / NEWEST, folder / BEFORE)


def clear_unfinished(folder: Path) -> None:
    """Remove what killed trainings left half-written: checkpoints, logs, and the sheets and weights of stages."""
    for place in (folder, folder / STAGES):
        sweep(place)


def _keep(newest: Path, before: Path) -> None:
    """Make `before` a second name of the newest checkpoint, or a copy where the disk has no hard links."""
    for _ in range(3):
        second = hidden_name(before)
        try:
            os.link(newest, second)
            os.replace(second, before)
            return
        except FileNotFoundError:  # there is no newest, or another training in this folder swept the second name, which nothing locks
            if not newest.exists():
                return
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                write_bytes(before, newest.read_bytes())
            return
        finally:
            with contextlib.suppress(OSError):
                second.unlink(missing_ok=True)


def read_checkpoint(folder: Path, warn: Callable[[str], None] = log.warning) -> dict[str, Any] | None:
    """The newest complete checkpoint of the folder; None if there is none.

    A damaged one is skipped for the previous one, with a warning. Raises WeightsError when all are damaged.
    """
    there = [folder / name for name in (NEWEST, BEFORE) if (folder / name).exists()]
    faults: list[str] = []
    for path in there:
        try:
            check_sums(path)
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


def check_sums(path: Path) -> None:
    """Raise WeightsError when a byte of a checkpoint is not as it was written: torch does not compare the checksums of its archives."""
    try:
        check_regular(path)
    except FrameError as error:
        raise WeightsError(f"{error}; delete it") from None
    try:
        check_unpacked_size(path, path.stat().st_size)
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise WeightsError(f"{path}: damaged checkpoint: {' '.join(str(error).lower().split())}; delete it") from error
    if damaged is not None:
        raise WeightsError(f"{path}: damaged checkpoint: wrong checksum in its {damaged}; delete it")


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
