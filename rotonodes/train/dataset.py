"""Labelled frames, kept compactly, and random batches of them.

Pictures are kept as the network will see them: 8-bit codes for sRGB, half floats for linear and raw. Up to a budget they
stay in memory, what is more goes to a scratch file.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from rotonodes.errors import FrameError, UsageError
from rotonodes.nets.prepare import encode
from rotonodes.train.augment import as_values, cut_window, vary_color
from rotonodes.train.metrics import IGNORE
from rotonodes.train.settings import Augment

MEMORY_BUDGET = 2 * 1024**3


class LabelledFrames:
    """Frames with their labels, divided into those to learn from and those to score with.

    `train` and `validation` are places (0 to len - 1), `numbers` the frame number at each place, `digest` the sha256 of
    all pixels and labels in order, and of which are for validation.
    """

    def __init__(
        self,
        frames: Iterable[tuple[int, Tensor, Tensor]],
        *,
        classes: int,
        encoding: str = "srgb",
        validation: Collection[int] = (),
        budget: int = MEMORY_BUDGET,
        folder: Path | None = None,
    ) -> None:
        """Take in (frame number, picture `[C, H, W]` float32 scene-linear, labels `[H, W]` uint8), one after the other.

        `validation` names the frame numbers that are only scored. `budget` is in bytes; the scratch file beyond it lies in
        `folder` (default: the system's) and vanishes with this object. Raises FrameError, naming the frame, for sizes that
        differ or labels that are no class; UsageError when there is nothing to learn from.
        """
        self.encoding = encoding
        self.numbers: list[int] = []
        self._pictures, self._labels = _Store(budget, folder), _Store(budget // 4, folder)
        channels: int | None = None
        digest = hashlib.sha256(encoding.encode())
        for number, picture, labels in frames:
            channels = channels or picture.shape[0]
            _check_frame(number, picture, labels, channels, classes)
            samples, indices = _samples(picture, encoding), np.ascontiguousarray(labels.cpu().numpy())
            digest.update(f"{samples.shape} {samples.dtype}".encode() + samples.tobytes() + indices.tobytes())
            self._pictures.add(samples)
            self._labels.add(indices)
            self.numbers.append(number)
        self._pictures.close()
        self._labels.close()
        digest.update(repr(sorted(validation)).encode())
        self.channels, self.digest = channels or 0, digest.hexdigest()
        unknown = sorted(set(validation) - set(self.numbers))
        if unknown:
            raise UsageError(f"validation frame {unknown[0]} is not among the frames: choose from {_span(self.numbers)}")
        self.validation = [i for i, number in enumerate(self.numbers) if number in validation]
        self.train = [i for i, number in enumerate(self.numbers) if number not in validation]
        if not self.train:
            raise UsageError(f"no frames to learn from: {len(self.numbers)} came, and all of them are for validation")

    def __len__(self) -> int:
        return len(self.numbers)

    def frame(self, place: int) -> tuple[Tensor, Tensor]:
        """One whole frame: encoded picture `[C, H, W]` float32 and labels `[H, W]` uint8."""
        picture = as_values(torch.from_numpy(self._pictures[place]))
        return picture.movedim(-1, 0), torch.from_numpy(self._labels[place])

    def batch(self, step: int, size: int, crop: int, strength: Augment, seed: int) -> tuple[Tensor, Tensor]:
        """Batch number `step`: encoded pictures `[size, C, crop, crop]` and labels `[size, crop, crop]` uint8.

        It depends on its arguments alone, so training goes on after a break exactly as if there had been none. Each
        frame comes once before any comes twice.
        """
        generator = torch.Generator().manual_seed(_seed(seed, "batch", step))
        windows = [self._window(step * size + i, crop, strength, seed, generator) for i in range(size)]
        pictures, labels = (torch.stack(column) for column in zip(*windows, strict=True))
        return (pictures if self.encoding == "raw" else vary_color(pictures, strength, generator)), labels

    def _window(self, count: int, crop: int, strength: Augment, seed: int, generator: Generator) -> tuple[Tensor, Tensor]:
        turn, place = divmod(count, len(self.train))
        order = torch.randperm(len(self.train), generator=torch.Generator().manual_seed(_seed(seed, "order", turn)))
        chosen = self.train[int(order[place])]
        picture, labels = torch.from_numpy(self._pictures[chosen]), torch.from_numpy(self._labels[chosen])
        return cut_window(picture, labels, crop, strength, generator)

    def class_shares(self, classes: int) -> list[float]:
        """The share of pixels of each class among the frames to learn from; they sum to 1."""
        counts = np.zeros(256, dtype=np.int64)
        for place in self.train:
            counts += np.bincount(self._labels[place].ravel(), minlength=256)
        shares: list[float] = (counts[:classes] / max(counts[:classes].sum(), 1)).tolist()
        return shares


class _Store:
    """Arrays of one type and any shape: in memory up to `budget` bytes, then in one scratch file."""

    def __init__(self, budget: int, folder: Path | None) -> None:
        self._budget, self._folder = budget, folder
        self._arrays: list[np.ndarray] = []
        self._spilled: list[tuple[int, tuple[int, ...], np.dtype]] = []
        self._file: tempfile._TemporaryFileWrapper[bytes] | None = None
        self._map: np.ndarray | None = None

    def add(self, array: np.ndarray) -> None:
        if array.nbytes <= self._budget and self._file is None:
            self._budget -= array.nbytes
            self._arrays.append(array)
            return
        self._file = self._file or tempfile.NamedTemporaryFile(prefix="rotonodes-", dir=self._folder)  # noqa: SIM115
        self._spilled.append((self._file.tell(), array.shape, array.dtype))
        self._file.write(array.tobytes())

    def close(self) -> None:
        if self._file is not None:
            self._file.flush()
            self._map = np.memmap(self._file, dtype=np.uint8, mode="r")

    def __getitem__(self, place: int) -> np.ndarray:
        if place < len(self._arrays):
            return self._arrays[place]
        assert self._map is not None
        start, shape, dtype = self._spilled[place - len(self._arrays)]
        size = int(np.prod(shape)) * dtype.itemsize
        return np.array(self._map[start : start + size]).view(dtype).reshape(shape)


def _check_frame(number: int, picture: Tensor, labels: Tensor, channels: int, classes: int) -> None:
    if picture.dim() != 3 or picture.shape[0] != channels:
        raise FrameError(f"frame {number}: the picture is {list(picture.shape)}, not [{channels}, H, W]: select channels first")
    if labels.dtype != torch.uint8 or labels.shape != picture.shape[1:]:
        raise FrameError(
            f"frame {number}: the labels are {labels.dtype} {list(labels.shape)} and the picture {list(picture.shape)}: "
            "give uint8 labels of the picture's size"
        )
    wrong = labels[(labels >= classes) & (labels != IGNORE)]
    if len(wrong):
        raise FrameError(
            f"frame {number}: a label is {int(wrong[0])}, but there are {classes} classes: use 0 to {classes - 1}, "
            f"or {IGNORE} for pixels to leave out"
        )


def _samples(picture: Tensor, encoding: str) -> np.ndarray:
    """Scene-linear `[C, H, W]` -> what is kept, `[H, W, C]`."""
    seen = encode(picture.cpu(), encoding).movedim(0, -1)
    kept = (seen * 255).round().to(torch.uint8) if encoding == "srgb" else seen.half()
    return np.ascontiguousarray(kept.numpy())


def _seed(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "little", signed=True)


def _span(numbers: Sequence[int]) -> str:
    return f"{min(numbers)} to {max(numbers)}" if numbers else "none"
