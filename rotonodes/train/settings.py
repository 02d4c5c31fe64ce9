"""Settings of a training run. Importing this module does not import torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.machine.precision import PRECISIONS, resolved_precision
from rotonodes.nets.levels import check_levels, doubled, smallest_size
from rotonodes.nets.model import SHAPE, Model
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.values.tones import CLASSES, COLORS

SCHEDULES = ("cosine", "onecycle", "constant", "plateau")
OPTIMIZERS = ("adamw", "adam", "sgd", "rmsprop")
WATCHERS = ("tensorboard", "wandb")
TASKS = ("labels", "alpha", "parts")

# The scores by which the best weights may be chosen, by task; the first is the default. Lower is better for the mean absolute
# error, higher for all others.
SCORES = {
    "labels": ("mean_iou", "mean_dice", "mean_iou_foreground", "mean_dice_foreground"),
    "alpha": ("mae", "max_f"),
    "parts": ("mean_iou", "mean_dice"),
}
SCORE_NAMES = {
    "mean_iou": "mean IoU",
    "mean_dice": "mean Dice",
    "mean_iou_foreground": "mean IoU without background",
    "mean_dice_foreground": "mean Dice without background",
    "mae": "MAE",
    "max_f": "max F",
}

# Settings that may change when a run is resumed: how long, how often and where, none of which changes the weights of a step.
_FREE_ON_RESUME = (
    "steps",
    "patience",
    "checkpoint_folder",
    "checkpoint_interval",
    "log_interval",
    "watch",
    "snapshots",
    "start_from",
    "encoder_weights",
)


def _require(where: str, name: str, value: object, holds: bool, rule: str) -> None:
    if not holds:
        raise UsageError(f"{where}: {name} is {value!r}: it must be {rule}")


def _require_class(where: str, name: str, classes: tuple[str, ...]) -> None:
    if name not in classes:
        raise UsageError(f"{where}: {name!r} is no class{did_you_mean(name, classes)}: use one of {', '.join(classes)}")


LOWEST = 32  # px; the side of a picture that ends in a single pixel in the lowest level of a U-2-Net or an efficient U-Net


@dataclass(frozen=True)
class Augment:
    """Strength of augmentation, 0 to 1; 0 turns a variation off.

    `flip` is the probability of mirroring, `quarter` of a turn by 90, 180 or 270 degrees, `rotate` the largest turn (0.1: 18
    degrees either way), `scale` the largest zoom in or out (0.5: a factor of at most 1.5).

    `texture` is the probability of other surfaces on shape and background, `light` the largest logarithm of a smooth tinted
    light. `gamma`, `brightness`, `contrast`, `saturation` are the largest change of a factor or exponent, `hue` the largest
    turn of the colour wheel (0.5 is all of it), `blur` the probability of blur, `noise` the largest standard deviation, in
    encoded values 0..1, `jpeg` the probability of JPEG compression.

    `drop_shape` is the probability that the channel of the known shape is 0, `drop_pass` that of each pass beside the picture: what
    has been dropped in training may be missing later.
    """

    flip: float = 0.5
    quarter: float = 0.0
    rotate: float = 0.0
    scale: float = 0.3
    texture: float = 0.0
    light: float = 0.0
    gamma: float = 0.0
    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.3
    hue: float = 0.1
    blur: float = 0.1
    noise: float = 0.02
    jpeg: float = 0.0
    drop_shape: float = 0.0
    drop_pass: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            _require("augment", item.name, value, 0 <= value <= 1, "from 0 to 1")


NONE = Augment(**{item.name: 0.0 for item in fields(Augment)})


@dataclass(frozen=True)
class Loss:
    """Weights of the loss terms; 0 turns a term off. The task labels adds the cross-entropy with weight 1.

    `dice` is for the tasks labels and parts, the others of the first group for labels only, the second group for alpha and
    parts. For a network with several outputs the loss is the sum over all of them.

    First group: `dice` is the soft Dice loss, `isolated` the share of isolated pixels, `consistency` the difference between two
    views of a frame. `focal` is the exponent that reduces the cross-entropy of pixels that are already right (Lin et al.,
    "Focal Loss", 2017). `edge` weights pixels near class borders by 1 + edge exp(-d^2 / 2 edge_width^2), d the distance in
    pixels. `smoothing` is the share of each label that is spread over all classes.

    Second group: `bce` is the binary cross-entropy, `ssim` 1 - the structural similarity, `l1` the mean absolute difference,
    `gradient` that of the slopes, `laplacian` that of the levels of Laplacian pyramids.
    """

    dice: float = 0.5
    focal: float = 0.0
    edge: float = 0.0
    edge_width: float = 2.0
    isolated: float = 0.0
    smoothing: float = 0.0
    consistency: float = 0.0
    bce: float = 0.0
    ssim: float = 0.0
    l1: float = 0.0
    gradient: float = 0.0
    laplacian: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            _require("loss", item.name, value, value >= 0, "0 or more")
        _require("loss", "smoothing", self.smoothing, self.smoothing < 1, "from 0 to below 1")
        _require("loss", "edge_width", self.edge_width, 0 < self.edge_width <= 32, "more than 0 and at most 32 px")


MATTE_TERMS = ("bce", "ssim", "l1", "gradient", "laplacian")
LABEL_TERMS = ("focal", "edge", "isolated", "smoothing", "consistency")

# The network of the shipped weights: of those tried, the highest mean IoU on unseen shapes per minute of CPU with clean outlines.
# Without `refine` it is slightly higher, but outlines are jagged.
SHIPPED_CONFIG = {"widths": [64, 128, 256, 320], "patch": 4, "refine": 12}


@dataclass(frozen=True)
class TrainSettings:
    """Settings of `train`. Raises UsageError for a value out of range.

    `task` is one of `TASKS`. "labels": each pixel has one of the `classes`. "alpha" and "parts": each class but the first has a
    soft matte, and the first is the rest ("background", "foreground"). `score` is the one of `SCORES` by which the best weights
    are chosen; "" for the task's first. `preprocessing` is done to frames in training and inference: `crop` and all other
    lengths in pixels are of preprocessed frames. `mask_values` are the values of the classes in the mask files. `start_from` is
    a checkpoint of another training, whose weights and optimizer state are loaded (fine-tuning). `encoder_weights` are those of an
    EfficientNet-Lite classifier, from which the encoder of an efficient U-Net starts.

    `crop` is the side of training crops in pixels. `optimizer` is one of `OPTIMIZERS`, `momentum` that of SGD (Nesterov's) and
    RMSprop, `learning_rate` the peak learning rate, `warm_up` the share of the steps in which it rises (cosine, plateau). The
    plateau schedule multiplies it by `plateau_factor` after each `plateau_patience` validations without a better score;
    `patience` (0: off) ends the run after that many. `precision` float16 needs CUDA and uses loss scaling; `compile` has
    torch compile the network, which takes a minute or more. `ema_decay` is the
    decay of the moving average of the weights, which is validated and kept; 0 turns it off.

    `class_balance` 0 weights all pixels alike, 1 all classes alike, 0.5 is between (weights to that power); `class_weights`
    (class -> factor) are multiplied with those. Pixels of the class `ignore` are excluded from loss and scores. Intervals are
    in steps; `checkpoint_folder` None writes no files. `watch` names further loggers that write into that folder, some of
    `WATCHERS`. `snapshots` keeps the weights of every stage beside its sheet.
    """

    task: str = "labels"
    score: str = ""
    steps: int = 2000
    batch: int = 8
    crop: int = 192
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    optimizer: str = "adamw"
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    momentum: float = 0.9
    gradient_clip: float = 1.0
    schedule: str = "cosine"
    warm_up: float = 0.05
    plateau_patience: int = 3
    plateau_factor: float = 0.3
    patience: int = 0
    ema_decay: float = 0.99
    precision: str = "float32"
    compile: bool = False
    seed: int = 0
    loss: Loss = field(default_factory=Loss)
    class_balance: float = 0.5
    class_weights: dict[str, float] = field(default_factory=dict)
    ignore: str = ""
    augment: Augment = field(default_factory=Augment)
    architecture: str = "unet"
    config: dict[str, Any] = field(default_factory=lambda: dict(SHIPPED_CONFIG))
    classes: tuple[str, ...] = CLASSES
    colors: tuple[str, ...] = COLORS
    channels: tuple[str, ...] = ("R", "G", "B")
    mask_values: tuple[Any, ...] = ()
    licence: str = ""
    start_from: Path | None = None
    encoder_weights: Path | None = None
    checkpoint_folder: Path | None = None
    checkpoint_interval: int = 200
    validation_interval: int = 200
    log_interval: int = 10
    watch: tuple[str, ...] = ()
    snapshots: bool = False

    def __post_init__(self) -> None:
        self._check("task", self.task in TASKS, f"one of {', '.join(TASKS)}")
        object.__setattr__(self, "score", self.score or SCORES[self.task][0])
        self._check("score", self.score in SCORES[self.task], f"one of {', '.join(SCORES[self.task])} with the task {self.task}")
        self._check_terms()
        intervals = ("checkpoint_interval", "validation_interval", "log_interval")
        for name in ("steps", "batch", "crop", "plateau_patience", *intervals):
            self._check(name, getattr(self, name) >= 1, "1 or more")
        for name in ("weight_decay", "gradient_clip", "patience"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        for name in ("warm_up", "class_balance"):
            self._check(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        for name in ("ema_decay", "momentum"):
            self._check(name, 0 <= getattr(self, name) < 1, "from 0 to below 1")
        for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
            self._check(name, getattr(self, name) in known, f"one of {', '.join(known)}")
        self._check("learning_rate", self.learning_rate > 0, "more than 0")
        self._check("plateau_factor", 0 < self.plateau_factor < 1, "more than 0 and less than 1")
        self._check("classes", len(self.classes) >= 2, "two or more")
        if self.preprocessing.grey and self.channels != ("R", "G", "B"):
            self._check("channels", False, "R, G, B for a network on grey")
        self._check("colors", len(self.colors) == len(self.classes), "one for each class")
        for name, weight in self.class_weights.items():
            _require_class("class_weights", name, self.classes)
            _require("class_weights", name, weight, weight >= 0, "0 or more")
        if self.ignore:
            _require_class("ignore", self.ignore, self.classes)
        self._check("watch", set(self.watch) <= set(WATCHERS), f"some of {', '.join(WATCHERS)}")
        self._check("watch", not self.watch or self.checkpoint_folder is not None, "empty without a checkpoint folder to write into")
        self._check("snapshots", not self.snapshots or self.checkpoint_folder is not None, "False without a checkpoint folder")
        self._check_encoder()
        self._check("batch", not self.loss.consistency or self.batch % 2 == 0, "even, for consistency compares pairs")

    def _check_encoder(self) -> None:
        """Published weights are for the first layers of a new network that sees red, green and blue as they are."""
        if not self.encoder_weights:
            return
        if self.architecture != "efficient_unet" or self.start_from:
            raise UsageError(
                "training: encoder_weights are for a new network of architecture efficient_lite0, lite1 or lite2: leave them out"
            )
        if self.channels[:3] != ("R", "G", "B") or self.preprocessing != Preprocessing(scale=self.preprocessing.scale):
            raise UsageError(
                "training: encoder_weights know channels that begin with R, G, B; without grey, squash and normalise: set these back"
            )

    def _check_terms(self) -> None:
        """The terms of the loss must be those of the task."""
        foreign = LABEL_TERMS if self.task != "labels" else MATTE_TERMS
        for name in foreign:
            rule = f"0 with the task {self.task}, which does not have it"
            _require("loss", name, getattr(self.loss, name), not getattr(self.loss, name), rule)
        if self.task != "labels":
            known = MATTE_TERMS if self.task == "alpha" else ("dice", *MATTE_TERMS)
            any_of_them = any(getattr(self.loss, name) for name in known)
            _require("training", "loss", self.loss, any_of_them, f"given: with the task {self.task} some of {', '.join(known)}")
            self._check("ignore", not self.ignore, "empty: mattes have no class to leave out")

    @property
    def mattes(self) -> bool:
        """True for the tasks on mattes, False for labels."""
        return self.task != "labels"

    @property
    def logit_classes(self) -> tuple[str, ...]:
        """The classes with a map of logits: all of them, or with mattes all but the first."""
        return self.classes[1:] if self.mattes else self.classes

    def ignored(self) -> int | None:
        """Index of the class to ignore."""
        return self.classes.index(self.ignore) if self.ignore else None

    def optional(self) -> tuple[str, ...]:
        """The channels that are dropped at random in training, so that they may be missing later."""
        passes = tuple(name for name in self.channels if "." in name) if self.augment.drop_pass else ()
        return (*passes, *(SHAPE for name in self.channels if name == SHAPE and self.augment.drop_shape))

    def network_config(self) -> dict[str, Any]:
        """The network's constructor arguments, with the channels and classes of this run."""
        own: dict[str, Any] = json.loads(json.dumps(self.config))  # as read back from a weights file
        return {**own, "in_channels": 1 if self.preprocessing.grey else len(self.channels), "classes": len(self.logit_classes)}

    def fingerprint(self) -> dict[str, Any]:
        """Everything that determines the weights, as plain JSON values. Written into checkpoints and weights, so keys stay."""
        values = {name: value for name, value in asdict(self).items() if name not in (*_FREE_ON_RESUME, "preprocessing")}
        values["sight"] = self.preprocessing.as_json()
        # Added later: left out where they are off, so that trainings without them have the fingerprint they always had.
        if not self.compile:
            del values["compile"]
        values["augment"] = {name: value for name, value in values["augment"].items() if value or not name.startswith("drop_")}
        plain: dict[str, Any] = json.loads(json.dumps(values))
        return plain

    def _check(self, name: str, holds: bool, rule: str) -> None:
        _require("training", name, getattr(self, name), holds, rule)


def chosen_arithmetic(wanted: str, model: Model | None, device: str) -> str:
    """The `precision` of a training, where `wanted` may be auto: what the device multiplies natively, unless the model asks for float32."""
    return resolved_precision(wanted, model.precision if model else "", device)


def refuse_sizes(settings: TrainSettings) -> None:
    """Raises UsageError for levels, crop and batch that cannot be trained, by arithmetic on the settings alone.

    For new networks; those from a file are checked when it is read.
    """
    config, crop, smallest = settings.config, settings.crop, LOWEST
    unet = settings.architecture == "unet"
    if unet:
        patch = config.get("patch", 1)
        widths = config.get("widths") or doubled(config["width"], config["depth"], config.get("upsampling") == "bilinear")
        check_levels(widths, patch)
        smallest = smallest_size(len(widths), patch)
    if crop % smallest and settings.architecture != "u2net":
        near = " or ".join(str(side) for side in (crop // smallest * smallest, -(-crop // smallest) * smallest) if side)
        raise UsageError(f"training: crop is {crop}, and this network needs a multiple of {smallest}: {near} px")
    if settings.batch == 1 and crop <= smallest and (not unet or config.get("norm", "batch") == "batch"):
        raise UsageError(
            f"training: a batch of 1 crop of {crop} px ends in a single pixel, whose features have no deviation: raise batch or crop"
            + (", or set norm: group" if unet else "")
        )
