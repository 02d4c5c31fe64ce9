"""TrainUNet: pictures and their labels -> a trained network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from rotonodes.errors import FrameError, UsageError, did_you_mean
from rotonodes.frames import parse_frames
from rotonodes.nets.model import Model
from rotonodes.node import Device, Monitor, Node, OutputPath, param
from rotonodes.nodes.stabilize_tones import motion_vectors
from rotonodes.pixels import Clip, Image, Labels
from rotonodes.tones import CLASSES, COLORS
from rotonodes.train.settings import Augment, Loss, TrainSettings

if TYPE_CHECKING:
    from torch import Tensor

PREVIEWS = 2  # frames on each sheet

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0)]
Encoding = Literal["srgb", "linear", "raw", "depth"]
Variation = Literal[
    "flip", "quarter", "rotate", "scale", "texture", "light", "gamma",
    "brightness", "contrast", "saturation", "hue", "blur", "noise", "jpeg",
]  # fmt: skip
Term = Literal["focal", "edge", "edge_width", "isolated", "smoothing", "consistency"]
Descent = Literal["weight_decay", "momentum", "gradient_clip", "warm_up", "plateau_patience", "plateau_factor"]


class TrainUNet(Node):
    """Train a U-Net on pictures and their labels; the model can be linked to UNetSegment or written with WriteModel.

    A linked `model` is trained further, with its own architecture. All frames of the shot (or `frames`) are learned from,
    whatever -F delivers. The averaged weights that score best on the validation are kept. Frames of one clip are near copies:
    say what a clip is, then each is learned from equally often, and one that both trains and validates is refused. With
    `checkpoints` an interrupted training goes on where it stopped, and can be watched: log.csv, log.jsonl, loss.png, and in
    `stages` a sheet with pictures, their truth and what the network makes of them, at each validation. Frames of a linked
    `preview` (a still, or a clip with the same frame numbers) are on every sheet and not learned from. Several GPUs train
    together when the graph is run by `torchrun --nproc-per-node 2 -m rotonodes run ...`; each takes its share of `batch`.

    The network sees `channels`, each in its encoding; StackPasses puts normals, depth and light passes beside the picture.

    `augment` varies the frames, each value from 0 to 1, on top of moderate defaults (flip 0.5, scale 0.3, brightness 0.2,
    contrast 0.2, saturation 0.3, hue 0.1, blur 0.1, noise 0.02, the others 0). `flip`, `quarter` (turns), `texture` (other
    surfaces), `blur` and `jpeg` are chances; `rotate` is the largest turn, 1 for 180 degrees; the others are the largest change.

    `loss` adds to cross-entropy and Dice: `edge` (how much more pixels near a border weigh; `edge_width` 2 px wide), `isolated`
    (against pixels that stand alone), `focal` (an exponent), `smoothing` (of labels), `consistency` (two views of a frame shall
    agree: two variations of it, or, with a Vector pass linked to `motion`, the frame and the next one).
    """

    category: ClassVar[str] = "networks"
    cached: ClassVar[bool] = True
    shared: ClassVar[bool] = True

    frames: str = param("", help="frames to learn from and to score with; default the graph's frames")
    clip_length: int = param(0, help="length of the clips that the frames are made of; 0: not known, or `clips`", unit="frames", ge=0)
    clips: list[str] = param([], help="the frames of each clip instead, as ranges", examples=[["1", "2"]])
    validation: str = param("", help="frames to score with, never learned from; default none")
    validation_clips: int = param(0, help="the last clips to score with, instead", unit="clips", ge=0)
    steps: int = param(2000, help="batches to learn from", ge=1)
    patience: int = param(0, help="validations without a better score after which to end early; 0: never", ge=0)
    batch: int = param(8, help="frames a batch", unit="frames", ge=1)
    crop: int = param(192, help="side of the squares to learn from", unit="px", ge=16)
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = param("adamw", help="how weights follow the gradient")
    learning_rate: float = param(2e-3, help="highest learning rate", gt=0)
    schedule: Literal["cosine", "onecycle", "constant", "plateau"] = param(
        "cosine", help="how the learning rate falls; plateau: when the score gets no better"
    )
    descent: dict[Descent, Positive] = param(
        {}, help="weight_decay 0.01, momentum 0.9, gradient_clip 1, warm_up 0.05, plateau_patience 3, plateau_factor 0.3"
    )
    precision: Literal["float32", "bfloat16", "float16"] = param(
        "float32", help="arithmetic; bfloat16 is faster where there is hardware for it"
    )
    seed: int = param(0, help="where all randomness starts", ge=0)
    width: int = param(32, help="features of the first level, doubled at each level below", ge=1, le=256)
    widths: list[int] = param([], help="features level by level instead, first level first")
    depth: int = param(4, help="levels below the first", ge=1, le=6)
    patch: int = param(1, help="fold squares of this side into one pixel's channels: faster, coarser", unit="px", ge=1, le=8)
    refine: int = param(0, help="features of a small path at full size that cleans outlines; with patch", ge=0, le=64)
    norm: Literal["batch", "group"] = param("batch", help="normalisation; group is for small batches")
    upsampling: Literal["transposed", "bilinear"] = param("transposed", help="how levels grow again; bilinear has no weights of its own")
    block: Literal["standard", "separable"] = param("standard", help="convolutions; separable ones are smaller and, on a CPU, faster")
    dropout: float = param(0.0, help="share of features left out at random while training", ge=0, lt=1)
    attention: bool = param(False, help="weigh what skips a level by what the levels below make of it")
    context: bool = param(False, help="let the lowest level see the whole picture at once")
    channels: list[str] = param(["R", "G", "B"], help="channels of the picture that the network sees", min_length=1)
    encoding: Literal["srgb", "linear", "raw"] = param("srgb", help="how the network sees colours; normals and the like are raw")
    encodings: dict[str, Encoding] = param(
        {}, help="how it sees single channels, where that is not the usual: {Depth.Z: raw}", examples=[{"R": "linear"}]
    )
    dice: float = param(0.5, help="weight of the soft Dice loss beside cross-entropy", ge=0)
    loss: dict[Term, Positive] = param({}, help="what else is made small, each with its weight; default nothing")
    class_balance: float = param(0.5, help="0 weighs pixels alike, 1 classes alike", ge=0, le=1)
    class_weights: dict[str, Positive] = param({}, help="factors for the weights of single classes by name; default 1")
    ignore: str = param("", help="class, by name or index, whose pixels count for nothing; default none")
    ema: float = param(0.99, help="decay of the running average of weights, which is what is kept; 0 for none", ge=0, lt=1)
    augment: dict[Variation, Share] = param({}, help="how strongly frames are varied, over the defaults above")
    checkpoints: OutputPath = param("", help="folder for checkpoints, logs, the loss curve and sheets; default none", pixels=False)
    every: int = param(200, help="steps between checkpoints and between validations, of which the best is kept", ge=1)
    watch: list[Literal["tensorboard", "wandb"]] = param([], help="who else keeps a log in `checkpoints`; wandb is offline", pixels=False)
    licence: str = param("", help="licence of the weights, written into them")

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        for name in self.encodings:
            if name not in self.channels:
                yield f"encodings: {name!r} is none of the channels {' '.join(self.channels)}{did_you_mean(name, self.channels)}"
        for name, text in (("frames", self.frames), ("validation", self.validation), *(("clips", clip) for clip in self.clips)):
            try:
                parse_frames(text or "1")
            except UsageError as error:
                yield f"{name}: {error}"
        for one, other in (("clips", "clip_length"), ("validation", "validation_clips")):
            if getattr(self, one) and getattr(self, other):
                yield f"{one} and {other} are both set: take one of them"
        if self.validation_clips and not (self.clips or self.clip_length):
            yield f"validation_clips is {self.validation_clips}, but nothing says what a clip is: set clip_length or clips"
        if self.watch and not self.checkpoints:
            yield f"watch is {', '.join(self.watch)}, which write into the folder of checkpoints: set checkpoints"
            return
        try:
            self.settings(CLASSES, COLORS, None, {})
        except UsageError as error:
            yield str(error)

    def process(
        self,
        image: Clip[Image],
        labels: Clip[Labels],
        model: Model | None = None,
        motion: Clip[Image] | None = None,
        preview: Clip[Image] | None = None,
        *,
        device: Device,
        monitor: Monitor,
    ) -> Model:
        from rotonodes.train.checkpoint import check_writable
        from rotonodes.train.dataset import LabelledFrames
        from rotonodes.train.loop import train
        from rotonodes.train.watch import Pace, refuse_missing

        if self.checkpoints:
            check_writable(Path(self.checkpoints))
        refuse_missing(self.watch)
        for name, clip in (("labels", labels), ("motion", motion), ("preview", preview)):
            if clip is not None and len(clip) != len(image):
                raise UsageError(f"{len(image)} pictures, but {len(clip)} frames of {name}: give each picture its own")
        if motion is not None and not self.loss.get("consistency"):
            monitor.warn("`motion` is linked, but only the consistency makes use of it: set loss: {consistency: 0.5}, or take the link out")
            motion = None
        previews: list[tuple[int, Tensor]] = []
        others = (repeat(None) if clip is None else clip for clip in (motion, preview))
        samples = self.without_previews(zip(image.items(), labels, *others, strict=False), len(image), previews)
        first = next(samples, None)
        if first is None:
            raise UsageError("no frames to learn from: the clip is empty")
        truth = first[2]
        settings = self.settings(truth.classes, truth.colors, model, self.class_weights, self.ignored(truth.classes))
        dataset = LabelledFrames(
            (self.sample(*sample) for sample in chain([first], samples)),
            classes=len(truth.classes),
            channels=self.channels,
            encoding=self.encoding,
            encodings=self.encodings,
            clips=[parse_frames(clip) for clip in self.clips],
            clip_length=self.clip_length,
            validation=parse_frames(self.validation) if self.validation else (),
            validation_clips=self.validation_clips,
            ignore=settings.ignored(),
        )
        pace = Pace()
        return train(
            settings,
            dataset,
            initial=model,
            device=str(device),
            on_step=lambda step: monitor.progress(step.step, step.steps, pace.line(step)),
            should_stop=monitor.stopping,
            warn=monitor.warn,
            previews=previews,
        )

    def without_previews(
        self, together: Iterable[Any], count: int, previews: list[tuple[int, Tensor]]
    ) -> Iterator[tuple[int, Image, Labels, Image | None]]:
        """The frames as they come, of which the first and one more of the preview are kept in `previews`."""
        import torch

        kept = range(0, count, -(-count // PREVIEWS))
        for at, ((frame, picture), truth, vectors, other) in enumerate(together):
            if other is not None and at in kept:
                planes = self.planes(f"frame {frame}: the preview", other.on_frame())
                if not any(torch.equal(planes, seen) for _, seen in previews):  # a still is the same at every frame
                    previews.append((frame, planes))
            yield frame, picture, truth, vectors

    def sample(self, frame: int, picture: Image, labels: Labels, motion: Image | None) -> tuple[int, Tensor, Tensor, Tensor | None]:
        """The planes to learn from, their classes and their motion, with the faults that people make said by frame."""
        picture = picture.on_frame()
        planes = self.planes(f"frame {frame}: the picture", picture)
        others = {"labels are": labels.size} | ({"motion is": motion.size} if motion else {})
        for name, (width, height) in others.items():
            if picture.size != (width, height):
                raise FrameError(
                    f"frame {frame}: the picture is {picture.width}x{picture.height}, its {name} {width}x{height}: reformat them"
                )
        return frame, planes, labels.data, None if motion is None else motion_to_next(motion.on_frame())

    def planes(self, name: str, picture: Image) -> Tensor:
        """The channels that the network sees, `[C, H, W]`."""
        missing = [channel for channel in self.channels if channel not in picture.channels]
        if missing:
            raise FrameError(f"{name} has {' '.join(picture.channels)}, not {' '.join(missing)}; set channels:")
        return picture.data[[picture.channels.index(channel) for channel in self.channels]]

    def ignored(self, classes: Sequence[str]) -> str:
        """The name of the class to ignore, which may be given by its index."""
        given = self.ignore
        return classes[int(given)] if given.isdecimal() and given not in classes and int(given) < len(classes) else given

    def settings(
        self, classes: Sequence[str], colors: Sequence[str], model: Model | None, class_weights: Mapping[str, float], ignore: str = ""
    ) -> TrainSettings:
        """What the loop is told. A linked model keeps its own architecture."""
        names = ("patch", "refine", "norm", "upsampling", "block", "dropout", "attention", "context")
        config: dict[str, Any] = {name: getattr(self, name) for name in names}
        config |= {"widths": self.widths} if self.widths else {"width": self.width, "depth": self.depth}
        descent: dict[str, Any] = {str(name): value for name, value in self.descent.items()}
        if "plateau_patience" in descent:
            descent["plateau_patience"] = round(descent["plateau_patience"])
        return TrainSettings(
            steps=self.steps,
            batch=self.batch,
            crop=self.crop,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            patience=self.patience,
            precision=self.precision,
            seed=self.seed,
            loss=Loss(dice=self.dice, **{str(name): weight for name, weight in self.loss.items()}),
            class_balance=self.class_balance,
            class_weights=dict(class_weights),
            ignore=ignore,
            ema_decay=self.ema,
            augment=Augment(**{str(name): strength for name, strength in self.augment.items()}),
            config=config if model is None else dict(model.config),
            classes=tuple(classes),
            colors=tuple(colors),
            channels=tuple(self.channels),
            licence=self.licence,
            checkpoint_folder=Path(self.checkpoints) if self.checkpoints else None,
            checkpoint_interval=self.every,
            validation_interval=self.every,
            watch=tuple(self.watch),
            **descent,
        )


def motion_to_next(motion: Image) -> Tensor:
    """How far each pixel moves to the right and down until the next frame, `[2, H, W]` in pixels; see `rotonodes.motion`."""
    import torch

    vectors = motion_vectors(motion)
    return torch.stack((-vectors[2], vectors[3]))
