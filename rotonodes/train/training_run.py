"""The state of a training run, and one optimizer step."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from rotonodes.errors import RotoError, UsageError
from rotonodes.nets.encode import pad
from rotonodes.nets.model import Model
from rotonodes.train.checkpoint import NEWEST
from rotonodes.train.data.crop_preprocess import normalise_crops
from rotonodes.train.data.dataset import LabelledFrames, TrainingBatch
from rotonodes.train.data.division import seed_of
from rotonodes.train.distributed import ProcessGroup
from rotonodes.train.log.journal import Journal
from rotonodes.train.objective.losses import consistency_loss
from rotonodes.train.objective.tasks import Task, all_terms, maps
from rotonodes.train.optimizer import Patience
from rotonodes.train.settings import TrainSettings

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

# A gradient scaler searches for its scale by way of infinite gradients, and skips those steps; this many in a row are no search.
MAX_SKIPPED_STEPS = 50


class TrainError(RotoError):
    """Training cannot continue."""


@dataclass(eq=False)
class TrainingRun:
    """Everything that changes during training, which is also what a checkpoint holds.

    `learner` is the network as it is trained: the network itself, or wrapped for the processes of the `group`. `average` is its
    exponential moving average (EMA), which is validated and kept.
    """

    settings: TrainSettings
    task: Task
    dataset: LabelledFrames
    device: torch.device
    network: nn.Module
    learner: nn.Module
    size_multiple: int
    average: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    journal: Journal
    class_weights: Tensor
    origin: str
    warn: Callable[[str], None]
    group: ProcessGroup
    previews: Sequence[tuple[int, Tensor]]
    step: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    frames_per_second: float | None = None  # of whole frames through the network, at the last validation
    skipped: int = 0  # steps in a row that the scaler skipped
    validation_pending: bool = False  # the checkpoint was written at a step whose validation was interrupted
    terms_since_entry: list[dict[str, float]] = field(default_factory=list)  # loss terms of the steps since the last journal entry

    def train_step(self, batch: TrainingBatch, rate: float) -> dict[str, float]:
        """One optimizer step; returns the loss terms, whose sum is the loss."""
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self.autocast(), self._random_numbers():
            parts = self._forward(normalise_crops(batch.pictures, settings.preprocessing).to(memory_format=torch.channels_last))
        outputs, labels = [self.group.gather(part.float()) for part in parts], self.group.gather(batch.labels)
        terms = all_terms(self.task, outputs, labels, self.class_weights)
        if settings.loss.consistency:
            terms["consistency"] = settings.loss.consistency * consistency_loss(outputs[0], labels, batch.places)
        each = torch.stack(list(terms.values()))
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(self.group.scale(each.sum())))
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_clip or math.inf)
        values = each.detach().tolist()
        self._refuse_not_finite(sum(values), float(norm))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._update_average()
        self.step += 1
        return dict(zip(terms, values, strict=True))

    def _forward(self, pictures: Tensor) -> list[Tensor]:
        """Maps of logits, with gradients."""
        try:
            return maps(self.learner(pictures))
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            count, side = len(pictures), self.settings.crop
            raise UsageError(
                f"training: a batch of {count} crops of {side} px ends in a single pixel, whose features have no deviation: "
                "raise batch or crop" + (", or set norm: group" if self.settings.architecture == "unet" else "")
            ) from None

    @torch.no_grad()
    def predict(self, picture: Tensor) -> list[Tensor]:
        """The averaged network on a whole stored picture `[C, H, W]`: maps of logits `[1, P, H, W]`."""
        height, width = picture.shape[-2:]
        smallest = getattr(self.average, "smallest", 1)
        crops = normalise_crops(picture[None], self.settings.preprocessing)
        padded = pad(crops, self.size_multiple, smallest).to(memory_format=torch.channels_last)
        with self.autocast():
            return [logits[..., :height, :width].float() for logits in maps(self.average(padded))]

    def figures(self) -> str:
        """Size of the network, and its speed at the last validation."""
        count = sum(parameter.numel() for parameter in self.network.parameters())
        speed = "" if self.frames_per_second is None else f", {self.frames_per_second:.3g} frames/s"
        return f"{count:,} parameters{speed}"

    def best_model(self) -> Model:
        """The averaged weights with the best validation score; without validation, those of this step."""
        return self.model(self.best.get("state") or self.averaged_state(), self.best.get("metrics", {}))

    def model(self, state: dict[str, Tensor], metrics: dict[str, Any]) -> Model:
        """Weights of this run with everything needed to use them."""
        settings = self.settings
        started = {"encoder_weights": settings.encoder_weights.name} if settings.encoder_weights else {}
        counts = {"data": self.dataset.digest, "steps": self.step, "frames": len(self.dataset.train)}
        return Model(
            architecture=settings.architecture,
            config=settings.network_config(),
            classes=settings.classes,
            colors=settings.colors,
            channels=settings.channels,
            encoding=self.dataset.encoding,
            encodings=dict(zip(self.dataset.channels, self.dataset.encodings, strict=True)),
            size_multiple=self.size_multiple,
            activation=self.task.activation,
            preprocessing=settings.preprocessing,
            mask_values=settings.mask_values,
            optional=settings.optional(),
            licence=settings.licence,
            training={**settings.fingerprint(), **started, **counts},
            metrics=metrics,
            state=state,
        )

    def averaged_state(self) -> dict[str, Tensor]:
        """A copy of the averaged weights, on the CPU."""
        return {name: tensor.detach().cpu().clone() for name, tensor in self.average.state_dict().items()}

    def autocast(self) -> torch.autocast:
        """The context in which the network computes, by the settings' precision."""
        dtype = DTYPES[self.settings.precision]
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype != torch.float32)

    @contextmanager
    def _random_numbers(self) -> Iterator[None]:
        """Torch's global random numbers (used by dropout) follow from seed, step and rank; the caller's are restored."""
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed_of(self.settings.seed, "step", self.step, self.group.rank))
            yield

    @torch.no_grad()
    def _update_average(self) -> None:
        """Move the average towards the network; faster in the first steps, when the weights change most."""
        decay = min(self.settings.ema_decay, (1 + self.step) / (10 + self.step))
        for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)

    def _refuse_not_finite(self, loss: float, gradient: float) -> None:
        """Raises TrainError, before the weights change, when this step would spoil them."""
        if not math.isfinite(loss):
            raise TrainError(self.not_finite(f"the loss became {loss}"))
        if math.isfinite(gradient):
            self.skipped = 0
            return
        self.skipped += 1
        if not self.scaler.is_enabled():
            raise TrainError(self.not_finite("the gradient is not finite"))
        if self.skipped > MAX_SKIPPED_STEPS:
            raise TrainError(self.not_finite(f"the gradient was not finite in {self.skipped} steps in a row"))

    def not_finite(self, what: str) -> str:
        """The message for numbers that overflow: step, what happened, which weights are left, what to change."""
        folder = self.settings.checkpoint_folder
        kept = "no checkpoint was written yet"
        if folder and (folder / NEWEST).exists():
            kept = f"the last good weights are in {folder / NEWEST}"
        rate = self.settings.learning_rate
        return f"training: step {self.step + 1}: {what}; {kept}: lower learning_rate (now {rate}) or gradient_clip"


def stopped(settings: TrainSettings, step: int) -> str:
    """The message of an interrupted training."""
    if settings.checkpoint_folder:
        return f"saved at step {step} of {settings.steps} in {settings.checkpoint_folder}; the same command resumes there"
    return f"stopped after step {step} of {settings.steps}; set a checkpoint folder to be able to resume"
