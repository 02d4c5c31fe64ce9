"""What training makes small."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from rotonodes.train.metrics import IGNORE


def segmentation_loss(
    logits: Tensor, labels: Tensor, *, class_weights: Tensor | None = None, dice: float = 0.0, focal: float = 0.0
) -> Tensor:
    """Cross-entropy, plus `dice` times the soft Dice loss: logits `[N, classes, H, W]`, labels `[N, H, W]` -> one number.

    `class_weights` `[classes]` weigh the pixels of each class. `focal` > 0 is the exponent that turns cross-entropy into
    the focal loss (Lin et al., 2017), which looks away from pixels that are already right. Pixels labelled 255 count for
    nothing; a batch without any other pixel has loss 0.
    """
    logits, labels = logits.float(), labels.long()
    known = labels != IGNORE
    losses = F.cross_entropy(logits, labels, weight=class_weights, ignore_index=IGNORE, reduction="none")
    if focal > 0:
        right = torch.exp(-F.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none"))
        losses = losses * (1 - right).clamp(min=0) ** focal
    pixels = known.sum() if class_weights is None else class_weights[labels[known]].sum()
    loss = losses.sum() / pixels.clamp(min=1e-6)
    return loss + dice * dice_loss(logits, labels) if dice > 0 else loss


def dice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """1 - the soft Dice coefficient (Milletari et al., V-Net, 2016) over the batch, meant over the classes in its labels."""
    known = labels != IGNORE
    truth = F.one_hot(torch.where(known, labels, 0), logits.shape[1]).movedim(-1, 1) * known[:, None]
    guess = torch.softmax(logits, dim=1) * known[:, None]
    hits, sizes = (guess * truth).sum(dim=(0, 2, 3)), (guess + truth).sum(dim=(0, 2, 3))
    present = truth.sum(dim=(0, 2, 3)) > 0
    per_class = torch.where(present, 1 - (2 * hits + 1) / (sizes + 1), 0)
    return per_class.sum() / present.sum().clamp(min=1)
