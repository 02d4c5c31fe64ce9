"""TrainUNet: pictures and their labels -> a trained network."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from rotonodes.errors import FrameError, UsageError
from rotonodes.frames import parse_frames
from rotonodes.nets.model import Model
from rotonodes.node import Device, Monitor, Node, OutputPath, param
from rotonodes.pixels import Clip, Image, Labels

if TYPE_CHECKING:
    from torch import Tensor

    from rotonodes.train.loop import Step
    from rotonodes.train.settings import TrainSettings

Share = Annotated[float, Field(ge=0, le=1)]
Variation = Literal["flip", "rotate", "scale", "brightness", "contrast", "saturation", "hue", "blur", "noise"]


class TrainUNet(Node):
    """Train a U-Net on pictures and their labels; the model can be linked to UNetSegment or written with WriteModel.

    A linked `model` is trained further, with its own architecture. All frames of the shot (or `frames`) are learned from,
    whatever -F delivers. The averaged weights that score best on the `validation` frames are kept; take whole clips for
    those, never neighbours of training frames. With `checkpoints` an interrupted training goes on where it stopped, and
    the loss curve is there as `log.csv` and `loss.png`.
    """

    category: ClassVar[str] = "networks"
    cached: ClassVar[bool] = True

    frames: str = param("", help="frames to learn from and to score with; default the graph's frames")
    validation: str = param("", help="frames to score with, never learned from; default none")
    steps: int = param(2000, help="batches to learn from", ge=1)
    batch: int = param(8, help="frames a batch", unit="frames", ge=1)
    crop: int = param(192, help="side of the squares to learn from", unit="px", ge=16)
    learning_rate: float = param(2e-3, help="highest learning rate (AdamW)", gt=0)
    schedule: Literal["cosine", "onecycle", "constant"] = param("cosine", help="how the learning rate falls")
    precision: Literal["float32", "bfloat16", "float16"] = param(
        "float32", help="arithmetic; bfloat16 is faster where there is hardware for it"
    )
    seed: int = param(0, help="where all randomness starts", ge=0)
    width: int = param(32, help="features of the first level, doubled at each level below", ge=1, le=256)
    widths: list[int] = param([], help="features level by level instead, first level first")
    depth: int = param(4, help="levels below the first", ge=1, le=6)
    patch: int = param(1, help="fold squares of this side into one pixel's channels: faster, coarser", unit="px", ge=1, le=8)
    refine: int = param(0, help="features of a small path at full size that cleans outlines; with patch", ge=0, le=64)
    channels: list[str] = param(["R", "G", "B"], help="channels of the picture that the network sees")
    encoding: Literal["srgb", "linear", "raw"] = param("srgb", help="how the network sees them")
    dice: float = param(0.5, help="weight of the soft Dice loss beside cross-entropy", ge=0)
    class_balance: float = param(0.5, help="0 weighs pixels alike, 1 classes alike", ge=0, le=1)
    ema: float = param(0.99, help="decay of the running average of weights, which is what is kept; 0 for none", ge=0, lt=1)
    augment: dict[Variation, Share] = param({}, help="how strongly frames are varied, each from 0 to 1; default a moderate lot")
    checkpoints: OutputPath = param("", help="folder for checkpoints, log.csv and loss.png; default none", pixels=False)
    every: int = param(200, help="steps between checkpoints and between validations, of which the best is kept", ge=1)
    licence: str = param("", help="licence of the weights, written into them")

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        for name in ("frames", "validation"):
            try:
                parse_frames(getattr(self, name) or "1")
            except UsageError as error:
                yield f"{name}: {error}"

    def process(self, image: Clip[Image], labels: Clip[Labels], model: Model | None = None, *, device: Device, monitor: Monitor) -> Model:
        from rotonodes.train.dataset import LabelledFrames
        from rotonodes.train.loop import train

        pairs = ((frame, picture, truth) for (frame, picture), truth in zip(image.items(), labels, strict=True))
        first = next(pairs, None)
        if first is None:
            raise UsageError("no frames to learn from: the clip is empty")
        dataset = LabelledFrames(
            (self.pair(*pair) for pair in chain([first], pairs)),
            classes=len(first[2].classes),
            encoding=self.encoding,
            validation=parse_frames(self.validation) if self.validation else (),
        )
        return train(
            self.settings(first[2], model),
            dataset,
            initial=model,
            device=str(device),
            on_step=lambda step: monitor.progress(step.step, step.steps, describe(step)),
            should_stop=monitor.stopping,
        )

    def pair(self, frame: int, picture: Image, labels: Labels) -> tuple[int, Tensor, Tensor]:
        """The planes to learn from and their classes, with the faults that people make said by frame."""
        picture = picture.on_frame()
        missing = [name for name in self.channels if name not in picture.channels]
        if missing:
            raise FrameError(f"frame {frame}: the picture has {' '.join(picture.channels)}, not {' '.join(missing)}; set channels:")
        if picture.size != labels.size:
            raise FrameError(f"frame {frame}: the picture is {picture.width}x{picture.height}, its labels {labels.width}x{labels.height}")
        return frame, picture.data[[picture.channels.index(name) for name in self.channels]], labels.data

    def settings(self, labels: Labels, model: Model | None) -> TrainSettings:
        """What the loop is told. A linked model keeps its own architecture."""
        from rotonodes.train.settings import Augment, TrainSettings

        config: dict[str, Any] = {"patch": self.patch, "refine": self.refine}
        config |= {"widths": self.widths} if self.widths else {"width": self.width, "depth": self.depth}
        if model is not None:
            config = dict(model.config)
        return TrainSettings(
            steps=self.steps,
            batch=self.batch,
            crop=self.crop,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            precision=self.precision,
            seed=self.seed,
            dice=self.dice,
            class_balance=self.class_balance,
            ema_decay=self.ema,
            augment=Augment(**{str(name): strength for name, strength in self.augment.items()}),
            config=config,
            classes=labels.classes,
            colors=labels.colors,
            channels=tuple(self.channels),
            licence=self.licence,
            checkpoint_folder=Path(self.checkpoints) if self.checkpoints else None,
            checkpoint_interval=self.every,
            validation_interval=self.every,
        )


def describe(step: Step) -> str:
    """One line of progress."""
    line = f"loss {step.loss:.3f}"
    if step.scores and step.scores.get("mean_iou") is not None:
        line += f", mean IoU {step.scores['mean_iou']:.3f}"
    return line
