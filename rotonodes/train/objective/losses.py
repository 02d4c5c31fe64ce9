"""What training makes small."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from rotonodes.metrics.labels import IGNORE
from rotonodes.train.settings import Loss

PLAIN = Loss(dice=0)


def loss_terms(logits: Tensor, labels: Tensor, loss: Loss = PLAIN, class_weights: Tensor | None = None) -> dict[str, Tensor]:
    """The cross-entropy and the other terms that `loss` asks for, by name, each times its weight.

    Logits `[N, classes, H, W]`, labels `[N, H, W]`. `class_weights` `[classes]` weigh the pixels of each class in the
    cross-entropy, which is their weighted mean. Pixels labelled 255 count for nothing; a batch without any other pixel has
    loss 0. The consistency is not among them, for it compares two views of a frame: see `consistency_loss`.
    """
    logits, labels = logits.float(), labels.long()
    terms = {"cross_entropy": _cross_entropy(logits, labels, loss, class_weights)}
    if loss.dice > 0:
        terms["dice"] = loss.dice * dice_loss(logits, labels)
    if loss.isolated > 0:
        terms["isolated"] = loss.isolated * isolated_loss(logits, labels)
    return terms


def _cross_entropy(logits: Tensor, labels: Tensor, loss: Loss, class_weights: Tensor | None) -> Tensor:
    losses = F.cross_entropy(logits, labels, weight=class_weights, ignore_index=IGNORE, reduction="none", label_smoothing=loss.smoothing)
    if loss.focal > 0:
        right = torch.exp(-F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none"))
        losses = losses * (1 - right).clamp(min=0) ** loss.focal
    known = labels != IGNORE
    weights = known.float() if class_weights is None else class_weights[torch.where(known, labels, 0)] * known
    if loss.edge > 0:
        near = 1 + loss.edge * edge_nearness(labels, loss.edge_width)
        losses, weights = losses * near, weights * near
    return losses.sum() / weights.sum().clamp(min=1e-6)


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - the soft Dice coefficient (Milletari et al., V-Net, 2016) over the batch, meant over the classes in its labels."""
    truth = labels[:, None] == torch.arange(logits.shape[1], device=labels.device)[:, None, None]
    guess = torch.softmax(logits, dim=1) * (labels != IGNORE)[:, None]
    hits, sizes = (guess * truth).sum(dim=(0, 2, 3)), guess.sum(dim=(0, 2, 3)) + truth.sum(dim=(0, 2, 3))
    present = truth.any(dim=3).any(dim=2).any(dim=0)
    per_class = torch.where(present, 1 - (2 * hits + 1) / (sizes + 1), 0)
    return per_class.sum() / present.sum().clamp(min=1)


def isolated_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """How many pixels stand alone: the expected share of pixels whose class none of their eight neighbours has, 0 to 1.

    With p_c(x) the probability of class c at pixel x, and were each pixel drawn for itself, it is the mean over x of

        sum_c p_c(x) prod_n (1 - p_c(n)),   n the neighbours of x inside the frame.

    The gradient goes through p_c(x) alone: the lonely pixel shall change, its neighbours shall not join it. Pixels labelled 255
    neither stand alone nor keep others company.
    """
    known = (labels != IGNORE)[:, None]
    guess = torch.softmax(logits, dim=1) * known
    with torch.no_grad():
        others = torch.log1p(-guess.clamp(max=1 - 1e-4))  # a product is a sum of logarithms
        alone = torch.exp(_square_sum(others) - others)
    return (guess * alone).sum() / known.sum().clamp(min=1)


def _square_sum(values: Tensor) -> Tensor:
    """The sum over each pixel's 3x3 square `[..., H, W]`, as far as it lies inside."""
    for dim in (-1, -2):
        total, inside = values.clone(), values.shape[dim] - 1
        total.narrow(dim, 0, inside).add_(values.narrow(dim, 1, inside))
        total.narrow(dim, 1, inside).add_(values.narrow(dim, 0, inside))
        values = total
    return values


def consistency_loss(logits: Tensor, labels: Tensor, places: Tensor | None = None) -> Tensor:
    """How far the probabilities of two views of a frame differ: the mean of sum_c (p_c - q_c)^2, 0 to 2.

    View i of `[2N, classes, H, W]` is compared with view i + N. `places` `[N, H, W, 2]` says where each pixel of the one lies in
    the other, in grid_sample's coordinates (-1 to 1, beyond them outside); None: at the same place. Only pixels that have the
    same true class on both sides count, so what motion uncovers or a shadow newly covers is left out.
    """
    half = len(logits) // 2
    guess = torch.softmax(logits.float(), dim=1)
    one, other, truth, other_truth = guess[:half], guess[half:], labels[:half], labels[half:]
    same = truth != IGNORE
    if places is not None:
        other = F.grid_sample(other, places, mode="bilinear", padding_mode="border", align_corners=False)
        moved = F.grid_sample(other_truth[:, None].float(), places, mode="nearest", padding_mode="border", align_corners=False)
        other_truth = moved[:, 0].to(truth.dtype)
        same = same & (places.abs() <= 1).all(dim=-1)
    same = same & (truth == other_truth)
    return ((one - other) ** 2).sum(dim=1)[same].sum() / same.sum().clamp(min=1)


def edge_nearness(labels: Tensor, width: float) -> Tensor:
    """exp(-d^2 / 2 width^2) of each pixel, d its distance in pixels to the nearest one that borders on another class; 0 to 1.

    Labels `[N, H, W]` -> float32 of the same shape. Distances are Euclidean and exact up to 3 `width`, beyond which the answer
    is 0: the largest of a separable function over a square is found along rows, then along columns. The rim of pixels
    labelled 255 is no border.
    """
    nearest = _borders(labels).float()
    reach = math.ceil(3 * width)
    falloff = [math.exp(-(distance**2) / (2 * width**2)) for distance in range(reach + 1)]
    for dim in (-1, -2):
        length = nearest.shape[dim]
        best = nearest.clone()
        for distance in range(1, min(reach, length - 1) + 1):
            inside = length - distance
            for here, there in ((0, distance), (distance, 0)):
                target = best.narrow(dim, here, inside)
                torch.maximum(target, nearest.narrow(dim, there, inside) * falloff[distance], out=target)
        nearest = best
    return nearest


def _borders(labels: Tensor) -> Tensor:
    """Pixels with a neighbour (left, right, above, below) of another class; bool `[N, H, W]`."""
    borders = torch.zeros_like(labels, dtype=torch.bool)
    for dim in (-1, -2):
        inside = labels.shape[dim] - 1
        here, there = labels.narrow(dim, 0, inside), labels.narrow(dim, 1, inside)
        differ = (here != there) & (here != IGNORE) & (there != IGNORE)
        borders.narrow(dim, 0, inside).logical_or_(differ)
        borders.narrow(dim, 1, inside).logical_or_(differ)
    return borders
