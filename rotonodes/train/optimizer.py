"""Optimizers, learning-rate schedules, class weights, and early stopping."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from rotonodes.train.objective.tasks import is_better
from rotonodes.train.settings import TrainSettings


def make_optimizer(settings: TrainSettings, network: nn.Module) -> torch.optim.Optimizer:
    """The optimizer named in the settings, for the parameters of `network`."""
    groups = _weight_groups(network, settings.weight_decay)
    rate = settings.learning_rate
    fused = next(network.parameters()).device.type == "cpu" or None  # one pass over the weights: there, a third of the time
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate, fused=fused)
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate, fused=fused)
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=rate, momentum=settings.momentum, nesterov=settings.momentum > 0, fused=fused)
    return torch.optim.RMSprop(groups, lr=rate, momentum=settings.momentum)


def rate_factor(settings: TrainSettings, step: int) -> float:
    """The share of the learning rate at `step` (from 0), 0 to 1.

    cosine: a linear rise over the warm-up, then half a cosine down to 1 %. onecycle: a rise over 30 % of the steps from 4 %,
    then down to 1e-4 (Smith and Topin, "Super-Convergence", 2018), both along cosines. plateau: the same linear rise, then
    1; `Patience` lowers it at plateaus.
    """
    if settings.schedule == "constant":
        return 1.0
    onecycle = settings.schedule == "onecycle"
    low, end = (0.04, 1e-4) if onecycle else (0.0, 0.01)
    rise = max(round(settings.steps * (0.3 if onecycle else settings.warm_up)), 1)
    if step < rise:
        share = (step + 1) / rise
        return low + (1 - low) * ((1 - math.cos(math.pi * share)) / 2 if onecycle else share)
    if settings.schedule == "plateau":
        return 1.0
    share = (step - rise) / max(settings.steps - rise, 1)
    return end + (1 - end) * (1 + math.cos(math.pi * share)) / 2


@dataclass
class Patience:
    """Validations since the last better score, and how far the plateau schedule has lowered the learning rate."""

    best: float | None = None
    worse: int = 0  # validations since the best one
    until_lower: int = 0  # validations since the best one or since the rate was lowered
    factor: float = 1.0

    def update(self, score: float | None, settings: TrainSettings) -> None:
        """Record a validation's score; None counts as the worst."""
        if self.best is None or is_better(score, self.best, settings.score):
            self.best = (1.0 if settings.score == "mae" else 0.0) if score is None else score
            self.worse = self.until_lower = 0
            return
        self.worse += 1
        self.until_lower += 1
        if settings.schedule == "plateau" and self.until_lower >= settings.plateau_patience:
            self.factor, self.until_lower = self.factor * settings.plateau_factor, 0

    def is_over(self, settings: TrainSettings) -> bool:
        """True when the run should end early."""
        return 0 < settings.patience <= self.worse

    def state(self) -> dict[str, Any]:
        return dict(vars(self))


def class_weights(settings: TrainSettings, shares: list[float]) -> Tensor:
    """The weight of each class with logits, `[P]`: its balance times its own weight; 0 for classes without a pixel.

    Rare classes of labels weigh more: (1 / share) ** class_balance, with mean 1 over the classes present. Mattes are
    not balanced, since each is independent of the others.
    """
    share = torch.tensor(shares)
    own = torch.tensor([settings.class_weights.get(name, 1.0) for name in settings.logit_classes])
    if settings.mattes:
        return torch.where(share > 0, own, 0)
    balance = torch.where(share > 0, share.clamp(min=1e-4) ** -settings.class_balance, 0)
    return balance / balance.sum().clamp(min=1e-6) * (share > 0).sum() * own


def _weight_groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay applies to convolutions, not to norms and biases (one dimension)."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
