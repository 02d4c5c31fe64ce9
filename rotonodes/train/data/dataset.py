"""Training and validation frames, stored compactly, and random batches of them.

Pictures are stored as network input: 8-bit codes for sRGB channels, half floats for all others. Mattes are stored as 8-bit
codes. Up to a budget they stay in memory; the rest goes to a scratch file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.spellings import canonical
from rotonodes.metrics.labels import IGNORE
from rotonodes.nets.encode import channel_encoding, encode, mirror
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.train.data.augment import colors_of, drop_channels, droppable, vary
from rotonodes.train.data.crop_preprocess import preprocess_frame, preprocessed_size
from rotonodes.train.data.division import divide, seed_of
from rotonodes.train.data.draws import whole
from rotonodes.train.data.store import Store
from rotonodes.train.data.window import Window, as_values
from rotonodes.train.settings import NONE, Augment

MEMORY_BUDGET = 2 * 1024**3
NO_PREPROCESSING = Preprocessing()


@dataclass(frozen=True, eq=False)
class TrainingBatch:
    """Encoded pictures `[N, C, H, W]` float32 with labels `[N, H, W]` uint8, or with mattes `[N, P, H, W]` float32.

    As pairs (`places` is not None), i and i + N/2 are two views of one window: two variations of a frame, or a frame and the
    next one. `places` `[N/2, H, W, 2]` are the coordinates of the first view's pixels in the second, -1 to 1 as for
    grid_sample, beyond that outside.
    """

    pictures: Tensor
    labels: Tensor
    places: Tensor | None = None

    def to(self, device: torch.device) -> TrainingBatch:
        return self._each(lambda tensor: tensor.to(device, non_blocking=True))

    def after(self, made: torch.cuda.Event) -> TrainingBatch:
        """The same for the calling thread's stream, which waits until the batch is made on another one."""
        here = torch.cuda.current_stream(self.pictures.device)
        here.wait_event(made)
        for tensor in (self.pictures, self.labels):
            tensor.record_stream(here)  # its memory is not used again before the step is done
        return self

    def _each(self, change: Callable[[Tensor], Tensor]) -> TrainingBatch:
        return TrainingBatch(change(self.pictures), change(self.labels), None if self.places is None else change(self.places))


class LabelledFrames:
    """Frames with labels or mattes, divided into training and validation frames.

    `train` and `validation` are places (0 to len - 1), `numbers` the frame number at each place, `channels` the names of the
    pictures' channels and `encodings` the encoding of each; `planes` and `kinds` are the same of the stored pictures, which may
    be grey. `digest` is the sha256 of all pixels and labels in order, and of their division.

    `frames` are (frame number, picture `[C, H, W]` float32 scene-linear, labels `[H, W]` uint8), read once, one by one. With
    `mattes` the third value is mattes `[classes, H, W]` float32, 0 to 1. An optional fourth value is the motion `[2, H, W]`:
    how far each pixel moves right and down until the next frame, in pixels. `preprocessing` is applied when frames are stored,
    to labels, mattes and motion too. `encoding` is the encoding of colours (data channels have their own, see
    `channel_encoding`); `encodings` overrides it by channel name. `division` are the keyword arguments of `divide`. Pixels of
    class `ignore` are excluded from the loss and from scores. `budget` is the memory limit in bytes; the scratch file beyond it
    lies in `folder` (default: the system's) and is deleted with this object.

    Raises FrameError, naming the frame, for sizes that differ or labels outside the classes; UsageError for clips that do not fit.
    """

    def __init__(
        self,
        frames: Iterable[tuple[int, Tensor, Tensor] | tuple[int, Tensor, Tensor, Tensor | None]],
        *,
        classes: int,
        mattes: bool = False,
        preprocessing: Preprocessing = NO_PREPROCESSING,
        channels: Sequence[str] = ("R", "G", "B"),
        encoding: str = "srgb",
        encodings: Mapping[str, str] | None = None,
        ignore: int | None = None,
        budget: int = MEMORY_BUDGET,
        folder: Path | None = None,
        **division: Any,
    ) -> None:
        self.channels = tuple(channels)
        self.encoding = encoding
        self.encodings = tuple((encodings or {}).get(name) or channel_encoding(name, encoding) for name in self.channels)
        self.preprocessing, self.mattes, self.classes = preprocessing, mattes, classes
        self.planes = ("Y",) if preprocessing.grey else self.channels
        self.kinds = self.encodings[:1] if preprocessing.grey else self.encodings
        self.colors = colors_of(self.planes, self.kinds)
        self._droppable = droppable(self.planes)
        # Codes and halves are stored apart; `_order` restores the order of channels.
        self._codes = [i for i, kind in enumerate(self.kinds) if kind == "srgb"]
        self._halves = [i for i, kind in enumerate(self.kinds) if kind != "srgb"]
        self._order = np.argsort([*self._codes, *self._halves]).tolist()
        self._normals = _normals(self.channels)
        self.ignore = ignore
        self.numbers: list[int] = []
        self._store = Store(budget, folder)
        self._counts: list[np.ndarray] = []  # pixels of each class, frame by frame
        digest = self._load(frames)
        self.division = divide(self.numbers, **division)
        self.train, self.validation = self.division.train, list(self.division.validation)
        self._next = self._next_places()
        digest.update(repr((self.division.clips, self.division.validation)).encode())
        self.digest = digest.hexdigest()

    def _load(self, frames: Iterable[tuple[int, Tensor, Tensor] | tuple[int, Tensor, Tensor, Tensor | None]]) -> hashlib._Hash:
        """Check and store the frames; returns the digest of their pixels."""
        told = self.preprocessing.as_json()
        digest = hashlib.sha256(repr((self.channels, self.encodings, self.ignore, *([told] if told else []))).encode())
        for number, picture, truth, *more in frames:
            (_check_mattes if self.mattes else _check_labels)(number, picture, truth, len(self.channels), self.classes)
            motion = more[0] if more else None
            if motion is not None:
                _check_motion(number, truth, motion)
            arrays = (*self._kept(picture), self._kept_truth(truth), self._kept_motion(motion))
            for array in arrays:
                digest.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
            self._store.add(*arrays)
            self._counts.append(_matte_counts(arrays[2]) if self.mattes else np.bincount(arrays[2].ravel(), minlength=256))
            self.numbers.append(number)
        self._store.close()
        return digest

    def __len__(self) -> int:
        return len(self.numbers)

    def frame(self, place: int) -> tuple[Tensor, Tensor]:
        """One whole frame: encoded picture `[C, H, W]` float32 and labels `[H, W]` uint8, or mattes `[P, H, W]` float32."""
        codes, halves, truth = self._tensors(place)
        picture = torch.cat((as_values(codes), as_values(halves)), dim=-1)[..., self._order].movedim(-1, 0)
        return picture, as_values(truth).movedim(-1, 0) if self.mattes else truth

    def encoded(self, linear: Tensor) -> Tensor:
        """A scene-linear picture `[C, H, W]` encoded as those of `frame`, without the rounding of storage; missing last channels are 0."""
        missing = linear.new_zeros((len(self.channels) - len(linear), *linear.shape[1:]))
        return self._preprocessed(encode(torch.cat((linear, missing)).cpu(), self.encodings, self.channels))

    def batch(
        self,
        step: int,
        size: int,
        crop: int,
        strength: Augment,
        seed: int,
        *,
        pairs: bool = False,
        only: range | None = None,
        device: torch.device | None = None,
    ) -> TrainingBatch:
        """TrainingBatch number `step`: `size` random crops of `crop` pixels a side.

        A function of its arguments alone, so a resumed training equals one without a break. With `pairs` it is half as many
        crops, each twice: see `TrainingBatch`. `only` makes some of its pictures and labels, with all places. On a `device` that is
        not the CPU, crops cross as they are stored and are varied there, by the same random numbers.
        """
        count = size // 2 if pairs else size
        crops = [self._crop(step * count + i, crop, strength, seed) for i in range(count)]
        with torch.device(device) if device is not None and device.type != "cpu" else nullcontext():
            views = [self._view(*crops[i % count], i // count, strength) for i in only or range(size)]
        pictures, labels = (torch.stack(column) for column in zip(*views, strict=True))
        return TrainingBatch(pictures, labels, torch.stack([self._places(place, window) for place, window, _ in crops]) if pairs else None)

    def _crop(self, count: int, crop: int, strength: Augment, seed: int) -> tuple[int, Window, int]:
        """Crop number `count` of the run: place of the frame, window, and the seed of its variations."""
        place, own = self.division.place(count, seed), seed_of(seed, "crop", count)
        return place, Window.draw(self._size(place), crop, strength, torch.Generator("cpu").manual_seed(own)), own

    def _view(self, place: int, window: Window, own: int, second: int, strength: Augment) -> tuple[Tensor, Tensor]:
        """A crop's first or second view, varied: `[C, crop, crop]` and labels. The second is of the next frame, if known."""
        generator = torch.Generator("cpu").manual_seed(seed_of(own, "view", second))
        return self._varied(self._next.get(place, place) if second else place, window, strength, generator)

    def _places(self, place: int, window: Window) -> Tensor:
        """Coordinates of a crop's first view in its second, `[crop, crop, 2]`, as in `TrainingBatch`."""
        return window.grid(self._moved(place, window) if place in self._next else window.places())

    def _varied(self, place: int, window: Window, strength: Augment, generator: Generator) -> tuple[Tensor, Tensor]:
        def other() -> Tensor:
            chosen = self.train[whole(0, len(self.train), generator)]
            planes, _ = self._cut(chosen, Window.draw(self._size(chosen), window.crop, NONE, generator))
            return planes[list(self.colors[0].channels)]

        planes, truth = self._cut(place, window)
        shape = (truth.amax(dim=0) > 0.5).byte() if self.mattes else truth
        varied = vary(planes, shape, self.colors, strength, generator, other)
        return drop_channels(varied, self._droppable, strength, generator), truth

    def _cut(self, place: int, window: Window) -> tuple[Tensor, Tensor]:
        codes, halves, truth = self._tensors(place)
        planes = torch.cat([window.picture(kept) for kept in (codes, halves) if kept.shape[-1]])
        planes = planes[self._order]
        for axes in self._normals:
            planes[axes] = window.vectors(planes[axes])
        return planes, window.picture(truth).clamp(0, 1) if self.mattes else window.labels(truth)

    def _moved(self, place: int, window: Window) -> Tensor:
        """Places of the window's pixels in the next frame, `[crop, crop, 2]`; far outside for those that leave the frame."""
        places = window.places()
        motion = torch.from_numpy(self._store[place][3])
        height, width = motion.shape[:2]
        x, y = (axis.floor().long() for axis in places.unbind(-1))
        moved = places + motion[mirror(y, height), mirror(x, width)].float()
        size = torch.tensor([width, height])
        inside = ((places >= 0) & (places <= size) & (moved >= 0) & (moved <= size)).all(dim=-1, keepdim=True)
        return torch.where(inside, moved, -1e6)

    def _size(self, place: int) -> tuple[int, int]:
        height, width = self._store.shape(place, 2)[:2]
        return height, width

    def class_shares(self, classes: int) -> list[float]:
        """Share of pixels of each class in the training frames; they sum to 1, except for mattes, which may overlap."""
        counts = np.sum([self._counts[place] for place in self.train], axis=0)
        total = counts[-1] if self.mattes else counts[:classes].sum()
        shares: list[float] = (counts[:classes] / max(total, 1)).tolist()
        return shares

    def empty_frames(self) -> list[int]:
        """Numbers of the frames whose mattes are all 0; none for labels."""
        return [number for number, counts in zip(self.numbers, self._counts, strict=True) if self.mattes and not counts[:-1].any()]

    def _kept(self, picture: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Scene-linear `[C, H, W]` -> 8-bit codes `[H, W, C]` of the sRGB channels, halves of the others.

        Whole frames are encoded here, since the encoding of depth depends on the whole frame.
        """
        seen = self._preprocessed(encode(picture.cpu(), self.encodings, self.channels)).movedim(0, -1)
        codes, halves = (seen[..., self._codes] * 255).round().to(torch.uint8), seen[..., self._halves].half()
        return np.ascontiguousarray(codes.numpy()), np.ascontiguousarray(halves.numpy())

    def _preprocessed(self, seen: Tensor) -> Tensor:
        """An encoded frame `[C, H, W]`, grey and resized as the network needs it."""
        return preprocess_frame(seen, self.preprocessing, self.encodings)

    def _kept_truth(self, truth: Tensor) -> np.ndarray:
        """Labels `[H, W]` with 255 for ignored pixels, or mattes `[P, H, W]` as codes `[H, W, P]`; in the network's size."""
        kept = truth.cpu()
        if self.mattes:
            height, width = preprocessed_size(kept.shape[-2:], self.preprocessing)
            mattes = torch.nan_to_num(kept.float()).clamp(0, 1)
            if mattes.shape[-2:] != (height, width):
                mattes = F.interpolate(mattes[None], (height, width), mode="bilinear", antialias=True)[0].clamp(0, 1)
            return np.ascontiguousarray((mattes * 255).round().byte().movedim(0, -1).numpy())
        if self.ignore is not None:
            kept = kept.masked_fill(kept == self.ignore, IGNORE)
        return np.ascontiguousarray(_nearest(kept, preprocessed_size(kept.shape, self.preprocessing)).numpy())

    def _kept_motion(self, motion: Tensor | None) -> np.ndarray:
        """`[2, H, W]` -> halves `[H, W, 2]` in the network's size and pixels; an empty array for None."""
        if motion is None:
            return np.empty(0, np.float16)
        before, size = motion.shape[-2:], preprocessed_size(motion.shape[-2:], self.preprocessing)
        factors = torch.tensor([size[1] / before[1], size[0] / before[0]]).view(2, 1, 1)
        moved = _nearest(motion.detach().cpu().float(), size) * factors
        return np.ascontiguousarray(moved.movedim(0, -1).half().numpy())

    def _next_places(self) -> dict[int, int]:
        """Place of the next frame, if both are training frames and the motion is known."""
        training = set(self.train)
        return {
            here: after
            for here, after in self.division.following.items()
            if {here, after} <= training
            and self.numbers[after] == self.numbers[here] + 1
            and len(self._store.shape(here, 3)) == 3
            and self._size(here) == self._size(after)
        }

    def _tensors(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        codes, halves, labels = (torch.from_numpy(array) for array in self._store[place][:3])
        return codes, halves, labels


def _normals(channels: Sequence[str]) -> list[list[int]]:
    """Indices of the x and y channel of each normal. x points right and y up, as in camera space."""
    pairs = [(name, name[:-1] + "Y") for name in channels if name.endswith(".X")]
    normals = [pair for pair in pairs if pair[1] in channels and canonical(pair[0][:-2].rpartition(".")[2]) == "Normal"]
    return [[channels.index(axis) for axis in pair] for pair in normals]


def _check_picture(number: int, picture: Tensor, channels: int) -> None:
    if picture.dim() != 3 or picture.shape[0] != channels:
        raise FrameError(f"frame {number}: the picture is {list(picture.shape)}, not [{channels}, H, W]: select channels first")


def _check_labels(number: int, picture: Tensor, labels: Tensor, channels: int, classes: int) -> None:
    _check_picture(number, picture, channels)
    if labels.dtype != torch.uint8 or labels.shape != picture.shape[1:]:
        raise FrameError(
            f"frame {number}: the labels are {labels.dtype} {list(labels.shape)} and the picture {list(picture.shape)}: "
            "give uint8 labels of the picture's size"
        )
    wrong = (labels >= classes) & (labels != IGNORE)
    if wrong.any():
        y, x = wrong.nonzero()[0].tolist()
        raise FrameError(
            f"frame {number}: the label at x {x}, y {y} is {int(labels[y, x])}, but there are {classes} classes: use 0 to {classes - 1}, "
            "and for pixels to leave out a class of its own, named by `ignore`"
        )


def _check_mattes(number: int, picture: Tensor, mattes: Tensor, channels: int, parts: int) -> None:
    _check_picture(number, picture, channels)
    if mattes.shape != (parts, *picture.shape[1:]):
        raise FrameError(
            f"frame {number}: the mattes are {list(mattes.shape)} and the picture {list(picture.shape)}: give {parts} of the picture's size"
        )


def _check_motion(number: int, truth: Tensor, motion: Tensor) -> None:
    if motion.shape != (2, *truth.shape[-2:]):
        raise FrameError(f"frame {number}: the motion is {list(motion.shape)} and the labels {list(truth.shape)}: reformat one of them")


def _nearest(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """`[..., H, W]` in another size: each pixel takes the value below its centre."""
    rows, columns = (
        ((torch.arange(new) + 0.5) * (old / new)).long().clamp(max=old - 1) for new, old in zip(size, planes.shape[-2:], strict=True)
    )
    return planes if planes.shape[-2:] == size else planes.index_select(-2, rows).index_select(-1, columns)


def _matte_counts(mattes: np.ndarray) -> np.ndarray:
    """Pixels covered by each matte of codes `[H, W, P]`, then the number of all pixels: float64 `[P + 1]`."""
    return np.append(mattes.sum(axis=(0, 1), dtype=np.float64) / 255, mattes.shape[0] * mattes.shape[1])
