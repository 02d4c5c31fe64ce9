"""Training samples: a picture's channels, its labels or mattes, and the motion to the next frame, checked frame by frame."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError
from rotonodes.imaging.temporal.vector_pass import motion_vectors
from rotonodes.nets.model import SHAPE, Model
from rotonodes.values.pixels import Image, Labels, Layers, Matte
from rotonodes.values.tones import default_colors

if TYPE_CHECKING:
    from torch import Tensor


CUTOUT_CLASSES, CUTOUT_COLORS = ("background", "foreground"), ("#000000", "#ffffff")
PREVIEWS = 2  # frames on each sheet
Truth = Labels | Matte | Layers | Image  # Layers and Image have one channel per part


def class_names(truth: Truth, model: Model | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and colours of the classes of labels, mattes or parts; of mattes and parts the first class is the rest."""
    if isinstance(truth, Labels):
        return truth.classes, truth.colors
    if isinstance(truth, Matte):
        fitting = model is not None and len(model.classes) == 2
        return (model.classes, model.colors) if fitting and model else (CUTOUT_CLASSES, CUTOUT_COLORS)
    classes = ("background", *(truth.planes if isinstance(truth, Layers) else truth.channels))
    if model is not None and model.classes == classes:
        return classes, model.colors
    return classes, tuple(default_colors(len(classes)))


def channel_planes(name: str, picture: Image, channels: Sequence[str], optional: Collection[str] = ()) -> Tensor:
    """The named channels `[C, H, W]`; of a grey picture, Y three times for R, G, B; 0 for `optional` ones that are missing.

    Raises FrameError, which begins with `name`, for other missing channels.
    """
    import torch

    if picture.channels[:1] == ("Y",) and tuple(channels) == ("R", "G", "B"):
        return picture.data[:1].expand(3, -1, -1)
    missing = [channel for channel in channels if channel not in picture.channels and channel not in optional]
    if missing:
        raise FrameError(f"{name} has {' '.join(picture.channels)}, not {' '.join(missing)}; set channels:")
    if all(channel in picture.channels for channel in channels):
        return picture.data[[picture.channels.index(channel) for channel in channels]]
    nothing = torch.zeros_like(picture.data[0])
    return torch.stack([picture.data[picture.channels.index(name)] if name in picture.channels else nothing for name in channels])


def training_sample(
    frame: int,
    picture: Image,
    truth: Truth,
    motion: Image | None,
    shape: Matte | None,
    channels: Sequence[str],
    classes: Sequence[str],
    model: Model | None = None,
) -> tuple[int, Tensor, Tensor, Tensor | None]:
    """(frame, channels `[C, H, W]`, labels or mattes, motion) as `LabelledFrames` takes them; `classes` are the logits' classes.

    A known `shape` is the channel `SHAPE`. Channels that are optional for a linked `model` may be missing, and are then 0.

    Raises FrameError, naming the frame, for missing channels, sizes that differ, or parts that differ from the first frame's.
    """
    from rotonodes.nets.encode import shape_channel

    picture = picture.on_frame()
    planes = channel_planes(f"frame {frame}: the picture", picture, channels, {SHAPE, *(model.optional if model else ())})
    name = "matte is" if isinstance(truth, Matte) else "labels are" if isinstance(truth, Labels) else "parts are"
    others = {name: truth.size} | ({"motion is": motion.size} if motion else {}) | ({"shape is": shape.size} if shape else {})
    for name, (width, height) in others.items():
        if picture.size != (width, height):
            raise FrameError(f"frame {frame}: the picture is {picture.width}x{picture.height}, its {name} {width}x{height}: reformat them")
    if shape is not None:
        planes = planes.clone()
        planes[list(channels).index(SHAPE)] = shape_channel(shape.data)[0].to(planes)
    if isinstance(truth, Layers):
        truth = truth.image(list(truth.planes), tuple(truth.planes))
    if isinstance(truth, Image) and truth.channels != tuple(classes):
        names = f"{', '.join(truth.channels)}, not {', '.join(classes)}"
        raise FrameError(f"frame {frame}: the parts are {names}: they must be the same in every frame, in one order")
    data = truth.on_frame().data if isinstance(truth, Image) else truth.data
    return frame, planes, data, None if motion is None else motion_to_next(motion.on_frame())


def take_previews(
    frames: Iterable[Any], count: int, channels: Sequence[str], previews: list[tuple[int, Tensor]]
) -> Iterator[tuple[int, Image, Truth, Image | None, Matte | None]]:
    """Pass on ((frame, picture), truth, motion, shape, preview) without the preview; a few of `count` previews go into `previews`."""
    import torch

    kept = range(0, count, -(-count // PREVIEWS))
    for at, ((frame, picture), truth, vectors, shape, other) in enumerate(frames):
        if other is not None and at in kept:
            planes = channel_planes(f"frame {frame}: the preview", other.on_frame(), channels)
            if not any(torch.equal(planes, seen) for _, seen in previews):  # a still is the same at every frame
                previews.append((frame, planes))
        yield frame, picture, truth, vectors, shape


def motion_to_next(motion: Image) -> Tensor:
    """How far each pixel moves right and down until the next frame, `[2, H, W]` in pixels; see `imaging/temporal/vector_pass.py`."""
    import torch

    vectors = motion_vectors(motion)
    return torch.stack((-vectors[2], vectors[3]))
