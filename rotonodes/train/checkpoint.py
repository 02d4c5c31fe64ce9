"""Checkpoints: all that a run needs to go on as if it had never stopped."""

from __future__ import annotations

import io
import logging
import os
from pathlib import Path
from typing import Any

import torch

from rotonodes.nets.weights import WeightsError, read_pickle_free, write_whole

NEWEST, BEFORE = "checkpoint.pt", "checkpoint.before.pt"

log = logging.getLogger(__name__)


def write_checkpoint(folder: Path, content: dict[str, Any]) -> None:
    """Write tensors and plain values as the newest checkpoint; the one before stays beside it.

    Killed at any moment, at least one whole checkpoint is left.
    """
    data = io.BytesIO()
    torch.save(content, data)
    coming = folder / "checkpoint.new.pt"
    write_whole(coming, data.getvalue())
    if (folder / NEWEST).exists():
        os.replace(folder / NEWEST, folder / BEFORE)
    os.replace(coming, folder / NEWEST)


def read_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The newest whole checkpoint of the folder; None when there is none at all.

    A damaged newest one is passed over with a warning for the one before it. Raises WeightsError when all are damaged.
    """
    newest, before = folder / NEWEST, folder / BEFORE
    if not newest.exists() and not before.exists():
        return None
    try:
        content: dict[str, Any] = read_pickle_free(newest)
    except WeightsError as error:
        if not before.exists():
            raise
        log.warning("%s; going on from %s", error, before)
        content = read_pickle_free(before)
    return content
