"""TrainingParameters: the parameters of TrainUNet, and the training settings that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from rotonodes.nets.model import SHAPE, Model
from rotonodes.nets.preprocess import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, OutputPath, param
from rotonodes.train.settings import MATTE_TERMS, Augment, Loss, TrainSettings, chosen_arithmetic

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(ge=0)]
Encoding = Literal["srgb", "linear", "raw", "depth"]
Variation = Literal[
    "flip", "quarter", "rotate", "scale", "texture", "light", "gamma",
    "brightness", "contrast", "saturation", "hue", "blur", "noise", "jpeg", "drop_shape", "drop_pass",
]  # fmt: skip
Term = Literal[
    "focal", "edge", "edge_width", "isolated", "smoothing", "consistency", "bce", "ssim", "l1", "gradient", "laplacian"
]  # fmt: skip
Descent = Literal["weight_decay", "momentum", "gradient_clip", "warm_up", "plateau_patience", "plateau_factor"]


class TrainingParameters(Node):
    """Base of TrainUNet: its parameters, as `settings` for `rotonodes.train`."""

    has_precision: ClassVar[bool] = True

    frames: str = param("", help="training and validation frames; default the graph's frames")
    clip_length: int = param(0, help="length of each clip in the sequence; 0: unknown, or given by `clips`", unit="frames", ge=0)
    clips: list[str] = param([], help="frame range of each clip, instead of clip_length", examples=[["1", "2"]])
    validation: str = param("", help="validation frames, excluded from training; default none")
    validation_clips: int = param(0, help="number of clips at the end to validate with, instead of `validation`", unit="clips", ge=0)
    validation_share: float = param(0.0, help="share of the clips, at the end, to validate with instead; 0.2 is a fifth", ge=0, lt=1)
    task: Literal["auto", "labels", "alpha", "parts"] = param(
        "auto", help="what to predict: classes, the alpha of a shape, or mattes of parts; auto: by the linked input"
    )
    steps: int = param(2000, help="number of optimizer steps", ge=1)
    epochs: float = param(0, help="length in passes over all training frames, instead of steps", unit="epochs", ge=0)
    score: Literal["auto", "mean_iou", "mean_dice", "mean_iou_foreground", "mean_dice_foreground", "mae", "max_f"] = param(
        "auto", help="score by which the best weights are chosen; auto: mean_iou, for alpha mae"
    )
    patience: int = param(0, help="validations without a better score before stopping early; 0: never", ge=0)
    batch: int = param(8, help="frames per batch", unit="frames", ge=1)
    crop: int = param(192, help="side of the square training crops", unit="px", ge=16)
    optimizer: Literal["adamw", "adam", "sgd", "rmsprop"] = param("adamw", help="optimizer")
    learning_rate: float = param(2e-3, help="peak learning rate", gt=0)
    schedule: Literal["cosine", "onecycle", "constant", "plateau"] = param(
        "cosine", help="learning-rate schedule; plateau: lowered when the score stops improving"
    )
    descent: dict[Descent, Positive] = param(
        {},
        help="optimizer: weight_decay 0.01, momentum 0.9, gradient_clip 1, warm_up 0.05, plateau_patience 3, plateau_factor 0.3",
    )
    precision: Literal["auto", "float32", "bfloat16", "float16"] = param(
        "float32", help="arithmetic; auto: bfloat16 where the device multiplies it natively, float16 on older CUDA, else float32"
    )
    compile: bool = param(
        False, help="compile the network first (torch.compile): a minute or more, then faster steps, most on a GPU", added=True
    )
    seed: int = param(0, help="random seed", ge=0)
    architecture: Literal["unet", "u2net", "u2netp", "efficient_lite0", "efficient_lite1", "efficient_lite2"] = param(
        "unet", help="network; the parameters from `width` to `context` are for unet only; efficient: see `encoder_weights`"
    )
    encoder_weights: InputPath | None = param(
        None,
        help="file (.pth) of an EfficientNet-Lite's published weights, from which the encoder of an efficient network starts",
        added=True,
    )
    width: int = param(32, help="features of the first level, doubled at each level below", ge=1, le=256)
    widths: list[int] = param([], help="features of every level, first to last, instead of width and depth")
    depth: int = param(4, help="number of levels below the first", ge=1, le=6)
    patch: int = param(1, help="side of squares folded into the channels of one pixel: faster, coarser", unit="px", ge=1, le=8)
    refine: int = param(0, help="features of a small full-resolution path that refines outlines; with patch", ge=0, le=64)
    norm: Literal["batch", "group"] = param("batch", help="normalisation layers; group for small batches")
    upsampling: Literal["transposed", "bilinear"] = param("transposed", help="upsampling of the decoder; bilinear has no weights")
    block: Literal["standard", "separable"] = param("standard", help="convolutions; separable: smaller and, on a CPU, faster")
    dropout: float = param(0.0, help="share of features zeroed at random in training", ge=0, lt=1)
    attention: bool = param(False, help="weight the skip connections by attention gates")
    context: bool = param(False, help="give the lowest level the context of the whole picture")
    channels: list[str] = param(["R", "G", "B"], help="channels of the picture that are the network's input", min_length=1)
    encoding: Literal["srgb", "linear", "raw"] = param("srgb", help="encoding of colours; normals and other data channels are raw")
    encodings: dict[str, Encoding] = param(
        {}, help="encoding of single channels, where it is not the usual one: {Depth.Z: raw}", examples=[{"R": "linear"}]
    )
    grey: bool = param(False, help="convert red, green and blue to one grey channel")
    scale: float = param(1.0, help="factor to resize frames by, before the network", gt=0, le=16)
    squash: int = param(0, help="side of the square to resize frames to, instead of scale; 0: off", unit="px", ge=0, le=8192)
    normalise: Literal["none", "signed", "imagenet"] = param(
        "none", help="signed: 0..1 becomes -1..1; imagenet: divided by the frame's largest value, then by ImageNet's mean and deviation"
    )
    dice: float = param(0.5, help="weight of the soft Dice loss; not for alpha", ge=0)
    loss: dict[Term, Positive] = param({}, help="weights of further loss terms; see above", examples=[{"ssim": 1}])
    class_balance: float = param(0.5, help="0: equal weight for all pixels, 1: for all classes", ge=0, le=1)
    class_weights: dict[str, Positive] = param({}, help="weight factors of single classes by name; default 1")
    ignore: str = param("", help="class, by name or index, excluded from loss and scores; default none")
    ema: float = param(0.99, help="decay of the moving average of the weights (EMA), which is what is kept; 0: off", ge=0, lt=1)
    augment: dict[Variation, Share] = param({}, help="strengths of augmentation, over the defaults above")
    checkpoints: OutputPath = param("", help="folder of checkpoints, logs, loss curve and sheets; default none", pixels=False)
    every: int = param(200, help="steps between validations, and between checkpoints; the best weights are kept", ge=1)
    evaluations: int = param(0, help="number of validations in each epoch, instead of every", ge=0)
    snapshots: bool = param(False, help="write the weights of each stage beside its sheet, in `checkpoints`", pixels=False)
    start_from: InputPath | None = param(None, help="checkpoint (.pt) of a training on other frames, to fine-tune with its optimizer state")
    watch: list[Literal["tensorboard", "wandb"]] = param(
        [], help="further loggers, writing into `checkpoints`; wandb is offline", pixels=False
    )
    licence: str = param("", help="licence of the weights, written into their metadata")

    @field_validator("score", mode="before")
    @classmethod
    def _auto(cls, value: Any) -> Any:
        return "auto" if value == "" else value  # "" was the default once

    def ignored(self, classes: Sequence[str]) -> str:
        """The name of the class to ignore, which may be given by its index."""
        given = self.ignore
        return classes[int(given)] if given.isdecimal() and given not in classes and int(given) < len(classes) else given

    def in_epochs(self, settings: TrainSettings, frames: int) -> TrainSettings:
        """The settings with steps and intervals for that many training frames, where they are given in epochs."""
        each = frames / self.batch
        steps = max(round(self.epochs * each), 1) if self.epochs else settings.steps
        every = max(round(each / self.evaluations), 1) if self.evaluations else self.every
        return replace(settings, steps=steps, checkpoint_interval=every, validation_interval=every)

    def settings(
        self,
        task: str,
        classes: Sequence[str],
        colors: Sequence[str],
        model: Model | None,
        class_weights: Mapping[str, float],
        ignore: str = "",
        channels: Sequence[str] = (),
        device: str = "cpu",
    ) -> TrainSettings:
        """The settings of the training. A linked model keeps its own architecture, and float32 where it asks for it."""
        architecture, config = self.network() if model is None else (model.architecture, dict(model.config))
        descent: dict[str, Any] = {str(name): value for name, value in self.descent.items()}
        if "plateau_patience" in descent:
            descent["plateau_patience"] = round(descent["plateau_patience"])
        return TrainSettings(
            task=task,
            score="" if self.score == "auto" else self.score,
            preprocessing=self.preprocessing(model),
            steps=self.steps,
            batch=self.batch,
            crop=self.crop,
            optimizer=self.optimizer,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            patience=self.patience,
            precision=chosen_arithmetic(self.precision, model, device),
            compile=self.compile,
            seed=self.seed,
            loss=self.loss_terms(task),
            class_balance=self.class_balance,
            class_weights=dict(class_weights),
            ignore=ignore,
            ema_decay=self.ema,
            augment=Augment(**(self.drops(model, channels) | {str(name): strength for name, strength in self.augment.items()})),
            architecture=architecture,
            config=config,
            classes=tuple(classes),
            colors=tuple(colors),
            channels=tuple(channels or self.channels),
            licence=self.licence,
            start_from=Path(self.start_from) if self.start_from else None,
            encoder_weights=Path(self.encoder_weights) if self.encoder_weights else None,
            checkpoint_folder=Path(self.checkpoints) if self.checkpoints else None,
            checkpoint_interval=self.every,
            validation_interval=self.every,
            watch=tuple(self.watch),
            snapshots=self.snapshots,
            **descent,
        )

    def input_of(self, model: Model | None, shape: bool) -> tuple[tuple[str, ...], str, dict[str, str]]:
        """Channels of the network, their encoding, and encodings of single channels; by a linked model unless `channels` is set."""
        channels, encoding, encodings = tuple(self.channels), str(self.encoding), {str(k): str(v) for k, v in self.encodings.items()}
        if model is not None and not self.model_fields_set & {"channels", "grey"}:
            channels, encodings = model.channels, dict(zip(model.channels, model.channel_encodings(), strict=True)) | encodings
            encoding = encoding if "encoding" in self.model_fields_set else model.encoding
        if shape and SHAPE not in channels:
            channels = (*channels, SHAPE)
        return channels, encoding, encodings

    def drops(self, model: Model | None, channels: Sequence[str]) -> dict[str, float]:
        """Default chances of dropping: what a linked model can do without stays optional, and so does a known shape."""
        optional = model.optional if model is not None else ()
        known = {"drop_shape": 0.5} if SHAPE in channels else {}
        return known | ({"drop_pass": 0.1} if any("." in name for name in optional) else {})

    def network(self) -> tuple[str, dict[str, Any]]:
        """The architecture and its constructor arguments, as in a `Model`."""
        if self.architecture.startswith("efficient"):
            return "efficient_unet", {"variant": self.architecture.removeprefix("efficient_")}
        if self.architecture != "unet":
            return "u2net", {"variant": self.architecture}
        names = ("patch", "refine", "norm", "upsampling", "block", "dropout", "attention", "context")
        config: dict[str, Any] = {name: getattr(self, name) for name in names}
        return "unet", config | ({"widths": self.widths} if self.widths else {"width": self.width, "depth": self.depth})

    def preprocessing(self, model: Model | None) -> Preprocessing:
        """The preprocessing of frames: that of the linked model, unless one of its parameters is set."""
        if model is not None and not self.model_fields_set & {"grey", "scale", "squash", "normalise"}:
            return replace(model.preprocessing, exact=False)
        plain = Preprocessing(grey=self.grey, scale=self.scale, squash=self.squash)
        if self.normalise == "signed":
            half = (0.5,) * (1 if self.grey else len(self.channels))
            return replace(plain, mean=half, std=half)
        return plain if self.normalise == "none" else replace(plain, peak=True, mean=IMAGENET_MEAN, std=IMAGENET_STD)

    def loss_terms(self, task: str) -> Loss:
        """The loss terms; for mattes those that are given, else the usual ones."""
        given = {str(name): weight for name, weight in self.loss.items()}
        if task != "labels" and not any(given.get(name) for name in MATTE_TERMS):
            usual = ("l1", "gradient", "laplacian") if task == "alpha" and not self.architecture.startswith("u2net") else ("bce",)
            given |= dict.fromkeys(usual, 1.0)
        return Loss(dice=0.0 if task == "alpha" else self.dice, **given)
