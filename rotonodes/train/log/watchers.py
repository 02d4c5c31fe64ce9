"""Loggers beside the journal: TensorBoard and Weights & Biases (offline)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rotonodes.errors import UsageError
from rotonodes.extras import need_library
from rotonodes.train.log.journal import Entry, Watcher, scalars
from rotonodes.train.settings import WATCHERS

if TYPE_CHECKING:
    from torch import nn


class TensorBoard:
    """Numbers and sheets as TensorBoard's event files, below `tensorboard/` of the checkpoint folder."""

    name = "tensorboard"

    def __init__(self, folder: Path, done: int, settings: dict[str, Any]) -> None:
        from torch.utils.tensorboard.writer import SummaryWriter

        # Events of an earlier process after the checkpoint that is resumed are hidden.
        self._writer = SummaryWriter(str(folder / self.name), purge_step=done + 1 if done else None)
        if not done:
            self._writer.add_text("settings", "\n".join(f"    {name}: {value}" for name, value in settings.items()), 0)

    def entry(self, entry: Entry) -> None:
        for name, value in scalars(entry).items():
            self._writer.add_scalar(name, value, entry["step"])
        self._writer.flush()

    def sheet(self, step: int, path: Path) -> None:
        import PIL.Image

        with PIL.Image.open(path) as picture:
            self._writer.add_image("stage", np.asarray(picture.convert("RGB")), step, dataformats="HWC")

    def weights(self, step: int, network: nn.Module) -> None:
        for name, parameter in network.named_parameters():
            self._writer.add_histogram(f"weights/{name}", parameter.detach().float().cpu(), step)
            if parameter.grad is not None:
                self._writer.add_histogram(f"gradients/{name}", parameter.grad.detach().float().cpu(), step)

    def close(self) -> None:
        self._writer.close()


class Wandb:
    """An offline run of Weights & Biases, without network or login: below `wandb/`, for `wandb sync` at any later time.

    A resumed training is another run of the same group, with continued steps.
    """

    name = "wandb"

    def __init__(self, folder: Path, done: int, settings: dict[str, Any]) -> None:
        import wandb

        own = secrets.token_hex(4)
        # Folders are named offline-run-DAY_TIME-ID.
        parts = [path.name.split("-")[3] for path in sorted(folder.glob("wandb/offline-run-*"))] if done else []
        self._run = wandb.init(
            mode="offline",
            dir=str(folder),
            project="rotonodes",
            group=f"{folder.name}-{(*parts, own)[0]}",
            name=f"{folder.name} from step {done + 1}",
            id=own,
            config=settings,
            # Nothing about the machine, its user or the console's output.
            settings=wandb.Settings(
                console="off",
                silent=True,
                disable_git=True,
                disable_code=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_disable_machine_info=True,
            ),
        )

    def entry(self, entry: Entry) -> None:
        self._run.log(scalars(entry), step=entry["step"])

    def sheet(self, step: int, path: Path) -> None:
        import wandb

        self._run.log({"stage": wandb.Image(str(path))}, step=step)

    def weights(self, step: int, network: nn.Module) -> None:
        """No histograms, which would make the files large."""

    def close(self) -> None:
        self._run.finish()


def refuse_missing(names: Sequence[str]) -> None:
    """Raises UsageError for an unknown watcher, or one whose package is not installed."""
    for name in names:
        if name not in WATCHERS:
            raise UsageError(f"watch: {name!r} is not known: use {' or '.join(WATCHERS)}")
        need_library(name, "watch")


def watchers(names: Sequence[str], folder: Path, done: int, settings: dict[str, Any], warn: Callable[[str], None]) -> list[Watcher]:
    """The watchers of a run that starts after step `done`; one that cannot start is left out with a warning."""
    started: list[Watcher] = []
    for name in names:
        try:
            folder.mkdir(parents=True, exist_ok=True)  # else wandb writes to another folder
            started.append((TensorBoard if name == TensorBoard.name else Wandb)(folder, done, settings))
        except Exception as error:  # third-party code: whatever it raises must not end the training
            warn(f"{name}: {type(error).__name__}: {error}; the training continues without it")
    return started
