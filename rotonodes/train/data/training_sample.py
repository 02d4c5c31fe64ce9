"""What a training sample is: the truth, its class names, and motion to the next frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rotonodes.imaging.temporal.vector_pass import motion_vectors
from rotonodes.nets.model import Model
from rotonodes.values.pixels import Image, Labels, Layers, Matte
from rotonodes.values.tones import default_colors

if TYPE_CHECKING:
    from torch import Tensor


CUTOUT_CLASSES, CUTOUT_COLORS = ("background", "foreground"), ("#000000", "#ffffff")
Truth = Labels | Matte | Layers | Image  # the last two have one channel a part


def class_names(truth: Truth, model: Model | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and colours of the classes that a truth tells of; of mattes the first is what they leave."""
    if isinstance(truth, Labels):
        return truth.classes, truth.colors
    if isinstance(truth, Matte):
        fitting = model is not None and len(model.classes) == 2
        return (model.classes, model.colors) if fitting and model else (CUTOUT_CLASSES, CUTOUT_COLORS)
    classes = ("background", *(truth.planes if isinstance(truth, Layers) else truth.channels))
    if model is not None and model.classes == classes:
        return classes, model.colors
    return classes, tuple(default_colors(len(classes)))


def motion_to_next(motion: Image) -> Tensor:
    """How far each pixel moves to the right and down until the next frame, `[2, H, W]` in pixels; see `imaging/temporal/motion.py`."""
    import torch

    vectors = motion_vectors(motion)
    return torch.stack((-vectors[2], vectors[3]))
