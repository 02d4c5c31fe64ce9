"""What a training run is told. Importing this module does not import torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from rotonodes.errors import UsageError
from rotonodes.tones import CLASSES, COLORS

SCHEDULES = ("cosine", "onecycle", "constant")
PRECISIONS = ("float32", "bfloat16", "float16")

# How long, how often and where, but not what is learned: a run may be continued with other ones.
_FREE_ON_RESUME = ("steps", "checkpoint_folder", "checkpoint_interval", "log_interval")


@dataclass(frozen=True)
class Augment:
    """How strongly to vary, 0 for not at all.

    `flip` is the chance of a mirrored frame, `rotate` of a quarter turn either way or a half turn, `scale` the largest zoom
    in or out (0.5: by 1.5 at most). `brightness`, `contrast`, `saturation` are the largest change of a factor, `hue` the
    largest turn of the colour circle (0.5 is all of it), `blur` the chance of a blurred frame, `noise` the largest standard
    deviation, in encoded values 0..1.
    """

    flip: float = 0.5
    rotate: float = 0.0
    scale: float = 0.3
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.3
    hue: float = 0.1
    blur: float = 0.1
    noise: float = 0.02

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if not 0 <= value <= 1:
                raise UsageError(f"augment: {item.name} is {value}: it must be from 0 to 1")


NONE = Augment(**{item.name: 0.0 for item in fields(Augment)})


# The network of the weights we ship: of those tried, clean outlines and the most mean IoU on unseen shapes for a minute
# of CPU, but for the same without `refine`, whose outlines are jagged.
SHIPPED_CONFIG = {"widths": [64, 128, 256, 320], "patch": 4, "refine": 12}


@dataclass(frozen=True)
class TrainSettings:
    """Settings of `train`. Raises UsageError when one is out of its range.

    `crop` is the side in pixels of the squares that are learned from; `learning_rate` the highest one, for AdamW;
    `warm_up` the share of the steps in which it rises (cosine, onecycle). `precision` float16 is for CUDA and scales its
    loss. `ema_decay` is that of the running average of the weights, which is what is scored and kept; 0 for none.
    `class_balance` 0 weighs all pixels alike, 1 weighs all classes alike, 0.5 lies between (weights to that power).
    `dice` and `focal` are those of `segmentation_loss`. Intervals are in steps; `checkpoint_folder` None writes no files.
    """

    steps: int = 2000
    batch: int = 8
    crop: int = 192
    learning_rate: float = 2e-3
    schedule: str = "cosine"
    warm_up: float = 0.05
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    ema_decay: float = 0.99
    precision: str = "float32"
    seed: int = 0
    dice: float = 0.5
    focal: float = 0.0
    class_balance: float = 0.5
    augment: Augment = field(default_factory=Augment)
    architecture: str = "unet"
    config: dict[str, Any] = field(default_factory=lambda: dict(SHIPPED_CONFIG))
    classes: tuple[str, ...] = CLASSES
    colors: tuple[str, ...] = COLORS
    channels: tuple[str, ...] = ("R", "G", "B")
    licence: str = ""
    checkpoint_folder: Path | None = None
    checkpoint_interval: int = 200
    validation_interval: int = 200
    log_interval: int = 10

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "crop", "checkpoint_interval", "validation_interval", "log_interval"):
            _require(name, getattr(self, name), getattr(self, name) >= 1, "1 or more")
        for name in ("weight_decay", "gradient_clip", "dice", "focal"):
            _require(name, getattr(self, name), getattr(self, name) >= 0, "0 or more")
        for name in ("warm_up", "class_balance"):
            _require(name, getattr(self, name), 0 <= getattr(self, name) <= 1, "from 0 to 1")
        _require("learning_rate", self.learning_rate, self.learning_rate > 0, "more than 0")
        _require("ema_decay", self.ema_decay, 0 <= self.ema_decay < 1, "from 0 to below 1")
        _require("schedule", self.schedule, self.schedule in SCHEDULES, f"one of {', '.join(SCHEDULES)}")
        _require("precision", self.precision, self.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")
        _require("classes", self.classes, len(self.classes) >= 2, "two or more")
        _require("colors", self.colors, len(self.colors) == len(self.classes), "one for each class")

    def network_config(self) -> dict[str, Any]:
        """The network's constructor arguments, with the channels and classes of this run."""
        own: dict[str, Any] = json.loads(json.dumps(self.config))  # as it will come back from a weights file
        return {**own, "in_channels": len(self.channels), "classes": len(self.classes)}

    def learned_from(self) -> dict[str, Any]:
        """What decides the weights, as plain JSON values."""
        values = {name: value for name, value in asdict(self).items() if name not in _FREE_ON_RESUME}
        plain: dict[str, Any] = json.loads(json.dumps(values))
        return plain


def _require(name: str, value: object, holds: bool, rule: str) -> None:
    if not holds:
        raise UsageError(f"training: {name} is {value!r}: it must be {rule}")
