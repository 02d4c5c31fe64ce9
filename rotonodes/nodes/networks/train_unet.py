"""TrainUNet: pictures and their labels or mattes -> a trained network."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain, combinations, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from rotonodes.errors import FrameError, UsageError, did_you_mean
from rotonodes.nets.model import Model
from rotonodes.nets.preprocess import IMAGENET_MEAN, IMAGENET_STD, Sight
from rotonodes.node.asks import Device, Monitor
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, OutputPath, param
from rotonodes.train.data.training_sample import Truth, class_names, motion_to_next
from rotonodes.train.settings import MATTE_TERMS, Augment, Loss, TrainSettings, refuse_sizes
from rotonodes.values.frames import parse_frames
from rotonodes.values.pixels import Clip, Image, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS

if TYPE_CHECKING:
    from torch import Tensor

PREVIEWS = 2  # frames on each sheet
TRUTHS = {"labels": "labels", "alpha": "matte", "parts": "parts"}  # task -> the input it learns from

# What a linked model has of its own.
ARCHITECTURE = frozenset(
    ("architecture", "width", "widths", "depth", "patch", "refine", "norm", "upsampling", "block", "dropout", "attention", "context")
)


Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0)]
Encoding = Literal["srgb", "linear", "raw", "depth"]
Variation = Literal[
    "flip", "quarter", "rotate", "scale", "texture", "light", "gamma",
    "brightness", "contrast", "saturation", "hue", "blur", "noise", "jpeg",
]  # fmt: skip
Term = Literal[
    "focal", "edge", "edge_width", "isolated", "smoothing", "consistency", "bce", "ssim", "l1", "gradient", "laplacian"
]  # fmt: skip
Descent = Literal["weight_decay", "momentum", "gradient_clip", "warm_up", "plateau_patience", "plateau_factor"]


class TrainUNet(Node):
    """Train a U-Net or U-2-Net on your own frames.

    Link the model to UNetSegment or CutOut, or write it with WriteModel.

    The task follows from what is linked: with `labels` the network learns a class for each pixel, with `matte` the soft alpha of
    one shape, with `parts` one matte for each of their channels; parts may overlap.

    A linked `model` is trained further, with its own architecture. All frames of the shot (or `frames`) are learned from,
    whatever -F delivers. The averaged weights that score best on the validation are kept. Frames of one clip are near copies:
    say what a clip is, then each is learned from equally often, and one that both trains and validates is refused. With
    `checkpoints` an interrupted training goes on where it stopped, and can be watched: log.csv, log.jsonl, loss.png, scores.txt,
    and in `stages` a sheet with pictures, their truth and what the network makes of them, at each validation; with `snapshots` also
    the weights that made it, which LoadModel and UNetSegment take (averaged ones, unless `ema` is 0). Frames of a linked
    `preview` (a still, or a clip with the same frame numbers) are on every sheet and not learned from. Several GPUs train
    together when the graph is run by `torchrun --nproc-per-node 2 -m rotonodes run ...`; each takes its share of `batch`.

    The network sees `channels`, each in its encoding; StackPasses puts normals, depth and light passes beside the picture; normals
    must be those of the camera (`normals: camera`), for they are mirrored and turned with the frames.
    `grey`, `scale`, `squash` and `normalise` are kept with the weights, and done to each frame they are used on; `crop` is cut
    out of what they leave.

    `augment` varies the frames, each value from 0 to 1, on top of moderate defaults (flip 0.5, scale 0.3, brightness 0.2,
    contrast 0.2, saturation 0.3, hue 0.1, blur 0.1, noise 0.02, the others 0). `flip`, `quarter` (turns), `texture` (other
    surfaces), `blur` and `jpeg` are chances; `rotate` is the largest turn, 1 for 180 degrees; the others are the largest change.

    `loss` adds to cross-entropy and Dice of labels: `edge` (how much more pixels near a border weigh; `edge_width` 2 px wide),
    `isolated` (against pixels that stand alone), `focal` (an exponent), `smoothing` (of labels), `consistency` (two views of a
    frame shall agree: two variations of it, or, with a Vector pass linked to `motion`, the frame and the next one). Of mattes it
    says which of `bce`, `ssim`, `l1`, `gradient` and `laplacian` are made small; by default l1, gradient and laplacian for the
    alpha of a U-Net, else bce. U-2-Net's seven answers are all learned from: their losses are summed.
    """

    cached: ClassVar[bool] = True
    shared: ClassVar[bool] = True

    frames: str = param("", help="frames to learn from and to score with; default the graph's frames")
    clip_length: int = param(0, help="length of the clips that the frames are made of; 0: not known, or `clips`", unit="frames", ge=0)
    clips: list[str] = param([], help="the frames of each clip instead, as ranges", examples=[["1", "2"]])
    validation: str = param("", help="frames to score with, never learned from; default none")
    validation_clips: int = param(0, help="the last clips to score with, instead", unit="clips", ge=0)
    validation_share: float = param(0.0, help="the last share of the clips to score with, instead; 0.2 is a fifth", ge=0, lt=1)
    task: Literal["auto", "labels", "alpha", "parts"] = param(
        "auto", help="what is learned: classes, the alpha of a shape, mattes of parts; auto: what is linked says it"
    )
    steps: int = param(2000, help="batches to learn from", ge=1)
    epochs: float = param(0, help="passes over all frames to learn from; given, it says the number of steps", unit="epochs", ge=0)
    score: Literal["auto", "mean_iou", "mean_dice", "mean_iou_foreground", "mean_dice_foreground", "mae", "max_f"] = param(
        "auto", help="which score says that it got better; auto: mean_iou, for alpha mae"
    )
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
    architecture: Literal["unet", "u2net", "u2netp"] = param(
        "unet", help="the network; what follows up to `context` is for unet, the others have their own sizes"
    )
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
    grey: bool = param(False, help="see red, green and blue as one grey channel")
    scale: float = param(1.0, help="resize frames by this factor first", gt=0, le=16)
    squash: int = param(0, help="resize frames to a square of this side first, whatever their shape; 0: not", unit="px", ge=0, le=8192)
    normalise: Literal["none", "signed", "imagenet"] = param(
        "none", help="signed: -1 to 1 for 0 to 1; imagenet: divide frames by their largest value, then shift and scale as for its pictures"
    )
    dice: float = param(0.5, help="weight of the soft Dice loss beside cross-entropy; not for alpha", ge=0)
    loss: dict[Term, Positive] = param({}, help="what else is made small, each with its weight; see above", examples=[{"ssim": 1}])
    class_balance: float = param(0.5, help="0 weighs pixels alike, 1 classes alike", ge=0, le=1)
    class_weights: dict[str, Positive] = param({}, help="factors for the weights of single classes by name; default 1")
    ignore: str = param("", help="class, by name or index, whose pixels count for nothing; default none")
    ema: float = param(0.99, help="decay of the running average of weights, which is what is kept; 0 for none", ge=0, lt=1)
    augment: dict[Variation, Share] = param({}, help="how strongly frames are varied, over the defaults above")
    checkpoints: OutputPath = param("", help="folder for checkpoints, logs, the loss curve and sheets; default none", pixels=False)
    every: int = param(200, help="steps between checkpoints and between validations, of which the best is kept", ge=1)
    evaluations: int = param(0, help="so many of both in every pass over the frames instead", ge=0)
    snapshots: bool = param(
        False, help="keep the weights of each stage beside its sheet in `checkpoints`; each takes its disk space", pixels=False
    )
    start_from: InputPath | None = param(None, help="checkpoint (.pt) of a training on other frames, to go on from with its optimiser")
    watch: list[Literal["tensorboard", "wandb"]] = param([], help="who else keeps a log in `checkpoints`; wandb is offline", pixels=False)
    licence: str = param("", help="licence of the weights, written into them")

    @field_validator("score", mode="before")
    @classmethod
    def _auto(cls, value: Any) -> Any:
        return "auto" if value == "" else value  # as the default was once written

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        for name in self.encodings:
            if name not in self.channels:
                yield f"encodings: {name!r} is none of the channels {' '.join(self.channels)}{did_you_mean(name, self.channels)}"
        for name, text in (("frames", self.frames), ("validation", self.validation), *(("clips", clip) for clip in self.clips)):
            try:
                parse_frames(text or "1")
            except UsageError as error:
                yield f"{name}: {error}"
        shares = ("validation", "validation_clips", "validation_share")
        for one, other in (("clips", "clip_length"), *combinations(shares, 2)):
            if getattr(self, one) and getattr(self, other):
                yield f"{one} and {other} are both set: take one of them"
        for name in shares[1:]:
            if getattr(self, name) and not (self.clips or self.clip_length):
                yield f"{name} is {getattr(self, name)}, but nothing says what a clip is: set clip_length or clips"
        try:
            task = self.learned(linked)
        except UsageError as error:
            yield str(error)
            return
        if task != "labels" and "motion" in linked:
            yield f"`motion` is for the consistency of labels, and task {task} has none: take the link out"
        if self.descent.get("plateau_patience", 0) % 1:
            yield f"descent: plateau_patience is {self.descent['plateau_patience']}, and must be a whole number of validations"
        if self.start_from and "model" in linked:
            yield "start_from and a linked model are both given: take one of them out"
        if self.snapshots and not self.checkpoints:
            yield "snapshots are kept in the folder of checkpoints: set checkpoints"
            return
        if self.watch and not self.checkpoints:
            yield f"watch is {', '.join(self.watch)}, which write into the folder of checkpoints: set checkpoints"
            return
        try:
            settings = self.settings(task, CLASSES, COLORS, None, {})
            if "model" not in linked:
                refuse_sizes(settings)
        except UsageError as error:
            yield str(error)

    def learned(self, linked: Collection[str]) -> str:
        """The task that is learned. UsageError unless what is linked has one truth, and that of the task."""
        there = [task for task, name in TRUTHS.items() if name in linked]
        if not there:
            raise UsageError(f"nothing to learn: link {TRUTHS.get(self.task) or 'labels, a matte or parts'}")
        if len(there) > 1:
            raise UsageError(f"{TRUTHS[there[0]]} and {TRUTHS[there[1]]} are both linked: take one of them out, a network learns one task")
        if self.task not in ("auto", there[0]):
            raise UsageError(f"task {self.task} learns from {TRUTHS[self.task]}, but {TRUTHS[there[0]]} is linked: link the other")
        return there[0]

    def process(
        self,
        image: Clip[Image],
        labels: Clip[Labels] | None = None,
        matte: Clip[Matte] | None = None,
        parts: Clip[Layers | Image] | None = None,
        model: Model | None = None,
        motion: Clip[Image] | None = None,
        preview: Clip[Image] | None = None,
        *,
        device: Device,
        monitor: Monitor,
    ) -> Model:
        import torch

        from rotonodes.train.checkpoint import check_writable
        from rotonodes.train.data.dataset import LabelledFrames
        from rotonodes.train.data.division import divide
        from rotonodes.train.log.pace import Pace
        from rotonodes.train.log.watchers import refuse_missing
        from rotonodes.train.loop import train
        from rotonodes.train.start import refuse_unfit

        if self.checkpoints:
            check_writable(Path(self.checkpoints))
        refuse_missing(self.watch)
        clips: dict[str, Clip[Any] | None] = {"labels": labels, "matte": matte, "parts": parts, "motion": motion, "preview": preview}
        task = self.learned([name for name, clip in clips.items() if clip is not None])
        for name, clip in clips.items():
            if clip is not None and len(clip) != len(image):
                raise UsageError(f"{len(image)} pictures, but {len(clip)} frames of {name}: give each picture its own")
        if motion is not None and not self.loss.get("consistency"):
            monitor.warn("`motion` is linked, but only the consistency makes use of it: set loss: {consistency: 0.5}, or take the link out")
            clips["motion"] = None
        if model is not None and (unheard := sorted(self.model_fields_set & ARCHITECTURE)):
            monitor.warn(f"{', '.join(unheard)}: the linked model keeps its own architecture, so this does nothing: take it out")
        division: dict[str, Any] = {
            "clips": [parse_frames(clip) for clip in self.clips],
            "clip_length": self.clip_length,
            "validation": parse_frames(self.validation) if self.validation else (),
            "validation_clips": self.validation_clips,
            "validation_share": self.validation_share,
        }
        divide(list(image.frames), **division)  # what cannot be divided is better said before the frames are read
        previews: list[tuple[int, Tensor]] = []
        others = (repeat(None) if clips[name] is None else clips[name] for name in (TRUTHS[task], "motion", "preview"))
        samples = self.without_previews(zip(image.items(), *others, strict=False), len(image), previews)  # type: ignore[arg-type]
        first = next(samples, None)
        if first is None:
            raise UsageError("no frames to learn from: the clip is empty")
        classes, colors = class_names(first[2], model)
        settings = self.settings(task, classes, colors, model, self.class_weights, self.ignored(classes))
        settings = replace(settings, mask_values=getattr(first[2], "values", ()))
        refuse_unfit(settings, torch.device(str(device)))
        dataset = LabelledFrames(
            (self.sample(*sample, settings.answers) for sample in chain([first], samples)),
            classes=len(settings.answers),
            mattes=settings.mattes,
            sight=settings.sight,
            channels=self.channels,
            encoding=self.encoding,
            encodings=self.encodings,
            ignore=settings.ignored(),
            **division,
        )
        pace = Pace()
        return train(
            self.in_epochs(settings, len(dataset.train)),
            dataset,
            initial=model,
            device=str(device),
            on_step=lambda step: monitor.progress(step.step, step.steps, pace.line(step)),
            should_stop=monitor.stopping,
            warn=monitor.warn,
            previews=previews,
        )

    def in_epochs(self, settings: TrainSettings, frames: int) -> TrainSettings:
        """The settings with steps and intervals in passes over so many frames, where that is how they were given."""
        each = frames / self.batch
        steps = max(round(self.epochs * each), 1) if self.epochs else settings.steps
        every = max(round(each / self.evaluations), 1) if self.evaluations else self.every
        return replace(settings, steps=steps, checkpoint_interval=every, validation_interval=every)

    def without_previews(
        self, together: Iterable[Any], count: int, previews: list[tuple[int, Tensor]]
    ) -> Iterator[tuple[int, Image, Truth, Image | None]]:
        """The frames as they come, of which the first and one more of the preview are kept in `previews`."""
        import torch

        kept = range(0, count, -(-count // PREVIEWS))
        for at, ((frame, picture), truth, vectors, other) in enumerate(together):
            if other is not None and at in kept:
                planes = self.planes(f"frame {frame}: the preview", other.on_frame())
                if not any(torch.equal(planes, seen) for _, seen in previews):  # a still is the same at every frame
                    previews.append((frame, planes))
            yield frame, picture, truth, vectors

    def sample(
        self, frame: int, picture: Image, truth: Truth, motion: Image | None, answers: Sequence[str]
    ) -> tuple[int, Tensor, Tensor, Tensor | None]:
        """The planes to learn from, their classes or mattes and their motion, with the faults that people make said by frame."""
        picture = picture.on_frame()
        planes = self.planes(f"frame {frame}: the picture", picture)
        name = "matte is" if isinstance(truth, Matte) else "labels are" if isinstance(truth, Labels) else "parts are"
        others = {name: truth.size} | ({"motion is": motion.size} if motion else {})
        for name, (width, height) in others.items():
            if picture.size != (width, height):
                raise FrameError(
                    f"frame {frame}: the picture is {picture.width}x{picture.height}, its {name} {width}x{height}: reformat them"
                )
        if isinstance(truth, Layers):
            truth = truth.image(list(truth.planes), tuple(truth.planes))
        if isinstance(truth, Image) and truth.channels != tuple(answers):
            names = f"{', '.join(truth.channels)}, not {', '.join(answers)}"
            raise FrameError(f"frame {frame}: the parts are {names}: they must be the same in every frame, in one order")
        data = truth.on_frame().data if isinstance(truth, Image) else truth.data
        return frame, planes, data, None if motion is None else motion_to_next(motion.on_frame())

    def planes(self, name: str, picture: Image) -> Tensor:
        """The channels that the network sees, `[C, H, W]`; a grey picture is equal in red, green and blue."""
        if picture.channels[:1] == ("Y",) and self.channels == ["R", "G", "B"]:
            return picture.data[:1].expand(3, -1, -1)
        missing = [channel for channel in self.channels if channel not in picture.channels]
        if missing:
            raise FrameError(f"{name} has {' '.join(picture.channels)}, not {' '.join(missing)}; set channels:")
        return picture.data[[picture.channels.index(channel) for channel in self.channels]]

    def ignored(self, classes: Sequence[str]) -> str:
        """The name of the class to ignore, which may be given by its index."""
        given = self.ignore
        return classes[int(given)] if given.isdecimal() and given not in classes and int(given) < len(classes) else given

    def settings(
        self,
        task: str,
        classes: Sequence[str],
        colors: Sequence[str],
        model: Model | None,
        class_weights: Mapping[str, float],
        ignore: str = "",
    ) -> TrainSettings:
        """What the loop is told. A linked model keeps its own architecture."""
        architecture, config = self.network() if model is None else (model.architecture, dict(model.config))
        descent: dict[str, Any] = {str(name): value for name, value in self.descent.items()}
        if "plateau_patience" in descent:
            descent["plateau_patience"] = round(descent["plateau_patience"])
        return TrainSettings(
            task=task,
            score="" if self.score == "auto" else self.score,
            sight=self.sight(model),
            steps=self.steps,
            batch=self.batch,
            crop=self.crop,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            patience=self.patience,
            precision=self.precision,
            seed=self.seed,
            loss=self.loss_terms(task),
            class_balance=self.class_balance,
            class_weights=dict(class_weights),
            ignore=ignore,
            ema_decay=self.ema,
            augment=Augment(**{str(name): strength for name, strength in self.augment.items()}),
            architecture=architecture,
            config=config,
            classes=tuple(classes),
            colors=tuple(colors),
            channels=tuple(self.channels),
            licence=self.licence,
            start_from=Path(self.start_from) if self.start_from else None,
            checkpoint_folder=Path(self.checkpoints) if self.checkpoints else None,
            checkpoint_interval=self.every,
            validation_interval=self.every,
            watch=tuple(self.watch),
            snapshots=self.snapshots,
            **descent,
        )

    def network(self) -> tuple[str, dict[str, Any]]:
        """The architecture and its constructor's arguments, as a `Model` has them."""
        if self.architecture != "unet":
            return "u2net", {"variant": self.architecture}
        names = ("patch", "refine", "norm", "upsampling", "block", "dropout", "attention", "context")
        config: dict[str, Any] = {name: getattr(self, name) for name in names}
        return "unet", config | ({"widths": self.widths} if self.widths else {"width": self.width, "depth": self.depth})

    def sight(self, model: Model | None) -> Sight:
        """How frames come before the network: as before the linked one, unless something is said of it."""
        if model is not None and not self.model_fields_set & {"grey", "scale", "squash", "normalise"}:
            return replace(model.sight, exact=False)
        plain = Sight(grey=self.grey, scale=self.scale, squash=self.squash)
        if self.normalise == "signed":
            half = (0.5,) * (1 if self.grey else len(self.channels))
            return replace(plain, mean=half, std=half)
        return plain if self.normalise == "none" else replace(plain, peak=True, mean=IMAGENET_MEAN, std=IMAGENET_STD)

    def loss_terms(self, task: str) -> Loss:
        """The loss; of mattes the terms that are given, or the usual ones."""
        given = {str(name): weight for name, weight in self.loss.items()}
        if task != "labels" and not any(given.get(name) for name in MATTE_TERMS):
            usual = ("l1", "gradient", "laplacian") if (task, self.architecture) == ("alpha", "unet") else ("bce",)
            given |= dict.fromkeys(usual, 1.0)
        return Loss(dice=0.0 if task == "alpha" else self.dice, **given)
