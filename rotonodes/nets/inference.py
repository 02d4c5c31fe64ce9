"""Inference: frames are encoded, padded, run through a network, in tiles where memory is short."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from types import EllipsisType
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from rotonodes.errors import UsageError
from rotonodes.machine.precision import refuse_lacking, resolved_precision
from rotonodes.nets.compiling import Compiled
from rotonodes.nets.encode import encode, grey, inside_of, pad, preprocess
from rotonodes.nets.ensemble_network import EnsembleNetwork
from rotonodes.nets.folding import fold_norms, fuse_activations, keep_pixels_together, use_onednn
from rotonodes.nets.frame_tiles import FrameTile, tiles_of
from rotonodes.nets.model import Model
from rotonodes.values.crossing import moved
from rotonodes.values.tones import largest_plane

if TYPE_CHECKING:
    import numpy as np

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Part = tuple[EllipsisType, slice, slice]  # rows and columns of maps


class Segmenter:
    """A network prepared for many frames: batch norms folded into convolutions, channels last, eval mode.

    Calling it with scene-linear frames `[N, C, H, W]` float32 of any size from 1x1 returns probabilities `[N, classes, H, W]`
    float32, 0 to 1, on its device. The input is not modified and may contain NaN or infinity. A network on grey
    (`Preprocessing.grey`) also takes red, green and blue. `codes` are the frames' 8-bit sRGB codes where they are known
    (`frame_codes`): the result is the same, sooner.

    For mutually exclusive classes (`Model.activation` softmax) the probabilities sum to 1 within 0.002: they are rounded to
    half precision, so that a cache can store two bytes and a run from the cache equals a run without. Mattes and parts, and
    everything from networks of other projects, are not rounded. On the CPU each frame runs by itself: a batch would be no
    faster, and a frame's result does not depend on its neighbours, bit for bit.

    `precision` is the arithmetic of the network; auto is that which the device multiplies natively, unless the model asks for float32.
    A frame whose network would need more than `limit` GB (0: no limit) is cut into tiles, each seen with all that the network sees
    around it, where that has a bound: what is made is the same, as `frame_tiles` says. `tile` is the side in pixels of overlapping tiles
    for larger frames, 0 for none; `overlap` pixels are blended. These tiles are only where `tile` says so, for it is in the key and free
    memory is not. A batch that does not fit on the device raises `torch.OutOfMemoryError`, so that the caller can retry with a smaller
    one; nothing is made in another way because it did not fit. Networks with `squash` are never tiled. With `compiles` torch compiles
    the network at its first call with each size (`Compiled`).
    """

    def __init__(
        self,
        model: Model,
        device: str | torch.device = "cpu",
        precision: Precision = "float32",
        tile: int = 0,
        overlap: int = 64,
        limit: float = 0.0,
        compiles: bool = False,
    ) -> None:
        if precision not in ("auto", *PRECISIONS):
            raise UsageError(f"precision {precision!r} is not known: use one of auto, {', '.join(PRECISIONS)}")
        if tile < 0 or overlap < 0 or (tile and overlap >= tile):
            raise UsageError(f"tiles of {tile} px cannot overlap by {overlap} px: make tile larger than overlap")
        self.model = model
        self.device = torch.device(device)
        self.precision = chosen_precision(model, str(self.device), precision)
        self.dtype = PRECISIONS[self.precision]
        self.tile = self._rounded(tile)
        self.overlap = overlap
        self.limit = limit
        network = fold_norms(model.module()).to(self.device, self.dtype).requires_grad_(False)
        if self.device.type == "cpu" and not compiles and torch.backends.mkldnn.is_available():  # the compiler has ways of its own
            if self.dtype == torch.float32:
                network = use_onednn(network)
            elif self.dtype == torch.bfloat16:
                network = keep_pixels_together(fuse_activations(network))
        self.smallest = int(getattr(network, "smallest", 1))
        network = network.to(memory_format=torch.channels_last)
        # Asked for its first look as it is: `Compiled` knows `forward` alone.
        self.looks = network if isinstance(network, EnsembleNetwork) and network.tell else None
        self.network = Compiled(network) if compiles else network

    @torch.no_grad()
    def __call__(self, batch: Tensor, codes: Sequence[np.ndarray | None] = ()) -> Tensor:
        channels = len(self.model.channels)
        fits = batch.dim() == 4 and (batch.shape[1] == channels or (self.model.preprocessing.grey and batch.shape[1] == 3))
        if not fits or 0 in batch.shape:
            wanted = f"[N, {channels} ({', '.join(self.model.channels)}), H, W]"
            raise UsageError(f"the network reads frames {wanted}, not {list(batch.shape)}: select channels first")
        batch = moved(batch, self.device)
        scaled = [int(side * self.model.preprocessing.scale) for side in batch.shape[-2:]]
        tiled = self.tile and not self.model.preprocessing.squash and max(batch.shape[-2:]) > self.tile
        if len(batch) > 1 and self.device.type != "cpu" and not tiled and not self._frame_tiles(*scaled):
            return self._whole(self._seen(batch), batch.shape[-2:])
        kept = codes if codes and self.device.type == "cpu" else [None] * len(batch)
        found = [self._frame(self._seen(one[None], its), one.shape[-2:]) for one, its in zip(batch, kept, strict=True)]
        return found[0] if len(found) == 1 else torch.cat(found)  # of one, too, it would be a copy

    def matte(self, batch: Tensor, codes: Sequence[np.ndarray | None] = ()) -> Tensor:
        """1 - the probability of the first class (background): frames as for a call -> `[N, 1, H, W]` float32, 0 to 1."""
        return 1 - self(batch, codes)[:, :1]

    def _seen(self, frames: Tensor, codes: np.ndarray | None = None) -> Tensor:
        """The network's input for whole frames, before tiling and padding, since depth is encoded relative to the frame.

        On the CPU frames are encoded one by one too: each from its own codes, where there are some.
        """
        encodings = self.model.channel_encodings()
        grey_of_color = self.model.preprocessing.grey and frames.shape[1] == 3
        encoded = grey(encode(frames, self.model.encoding)) if grey_of_color else encode(frames, encodings, self.model.channels, codes)
        return preprocess(encoded, self.model.preprocessing, encodings)

    def _frame(self, picture: Tensor, size: torch.Size) -> Tensor:
        """One network input `[1, C, h, w]` -> probabilities."""
        if tiles := self._frame_tiles(*picture.shape[-2:]):
            return self._joined(picture, tiles, size)
        tiled = self.tile and not self.model.preprocessing.squash and max(picture.shape[-2:]) > self.tile
        return self._tiled(picture, self.tile, size) if tiled else self._whole(picture, size)

    def _rounded(self, side: int) -> int:
        return side + -side % self.model.size_multiple

    def _whole(self, pictures: Tensor, size: torch.Size) -> Tensor:
        """Network inputs `[N, C, h, w]` -> probabilities of frames of `size`, without tiles."""
        # Classes lie in planes from here on; they are made so while a value has two bytes.
        return self._rounded_off(activate(self._logits(pictures).contiguous().float(), self.model, size))

    def _logits(self, pictures: Tensor) -> Tensor:
        """Network inputs `[N, C, h, w]` -> logits `[N, maps, h, w]`, in the network's arithmetic."""
        height, width = pictures.shape[-2:]
        return self._asked(self._padded(pictures))[..., :height, :width]

    def _padded(self, pictures: Tensor) -> Tensor:
        """Network inputs in a size that the network takes."""
        return pad(pictures, self.model.size_multiple, self.smallest)

    def _asked(self, padded: Tensor, *found: Tensor) -> Tensor:
        """Padded inputs -> logits of the same size; `found` is what a network that looks twice has found at its first look."""
        with torch.inference_mode():  # for the network only: its output becomes an ordinary tensor elsewhere
            logits = self.network(self._in_its_arithmetic(padded), *found)
        first: Tensor = logits[0] if isinstance(logits, tuple) else logits  # U-2-Net returns several maps; the first is its result
        return first

    def _first_look(self, padded: Tensor) -> Tensor:
        """Padded inputs -> what the shape is, for a network that tells it to its members."""
        assert self.looks is not None
        with torch.inference_mode():
            return self.looks.first_look(self._in_its_arithmetic(padded))

    def _in_its_arithmetic(self, padded: Tensor) -> Tensor:
        return padded.to(self.dtype).contiguous(memory_format=torch.channels_last)

    def _frame_tiles(self, height: int, width: int) -> list[FrameTile]:
        """The tiles of a network input of this size by `limit`; none where it is seen whole, or in tiles of a given side."""
        if self.tile or self.model.preprocessing.squash:
            return []
        return tiles_of(width, height, self.model.architecture, self.model.config, self.limit)

    def _joined(self, picture: Tensor, tiles: Sequence[FrameTile], size: torch.Size) -> Tensor:
        """One network input `[1, C, h, w]` -> probabilities, tile by tile; equal to those of the whole frame."""
        height, width = picture.shape[-2:]
        padded = self._padded(picture)
        # The last ones go on to where the padding ends.
        whole = [tile.to_the_end(*picture.shape[-2:], *padded.shape[-2:]) for tile in tiles]
        if self.looks is not None and self.looks.looks_twice(padded):
            found = self._in_tiles(lambda at: self._first_look(padded[at]), whole, padded)
            logits = self._in_tiles(lambda at: self._asked(padded[at], found[at]), whole, padded)
        else:
            logits = self._in_tiles(lambda at: self._asked(padded[at]), whole, padded)
        return self._rounded_off(activate(logits[..., :height, :width].float(), self.model, size))

    def _in_tiles(self, made: Callable[[Part], Tensor], tiles: Sequence[FrameTile], padded: Tensor) -> Tensor:
        """Maps of a whole frame, `[1, maps, h, w]`, of those that are `made` of a part of it."""
        maps: Tensor | None = None
        for kept, seen in tiles:
            piece = made((..., *seen))
            if maps is None:
                maps = piece.new_empty((1, piece.shape[1], *padded.shape[-2:]))
            rows, columns = (slice(k.start - s.start, k.stop - s.start) for k, s in zip(kept, seen, strict=True))
            maps[(..., *kept)] = piece[..., rows, columns]
        assert maps is not None
        return maps

    def _tiled(self, picture: Tensor, tile: int, size: torch.Size) -> Tensor:
        """One network input `[1, C, h, w]` -> probabilities, from overlapping tiles that are blended."""
        height, width = picture.shape[-2:]
        total = picture.new_zeros((1, len(self.model.classes), height, width))
        weights = picture.new_zeros((height, width))
        for top, left in product(_starts(height, tile, self.overlap), _starts(width, tile, self.overlap)):
            rows, columns = slice(top, top + tile), slice(left, left + tile)
            shown = picture[..., rows, columns]
            piece = self._whole(shown, shown.shape[-2:])
            fade = _ramp(piece.shape[-2], self.overlap, piece)[:, None] * _ramp(piece.shape[-1], self.overlap, piece)
            total[..., rows, columns] += piece * fade
            weights[rows, columns] += fade
        return self._rounded_off(_resized(total / weights, size))

    def _rounded_off(self, probabilities: Tensor) -> Tensor:
        rounds = self.model.activation == "softmax" and not self.model.preprocessing.exact
        return probabilities.half().float() if rounds else probabilities


def chosen_precision(model: Model, device: str, wanted: Precision) -> str:
    """The arithmetic of a model on a device. Raises UsageError for one that the device does not have."""
    if wanted != "auto":
        refuse_lacking(wanted, device)
    return resolved_precision(wanted, model.precision, device)


def activate(logits: Tensor, model: Model, size: torch.Size) -> Tensor:
    """Logits `[N, maps, h, w]` float32 -> probabilities `[N, classes, *size]`, by `Model.activation`.

    Raises UsageError when there are not as many maps as the classes need.
    """
    maps, wanted = logits.shape[1], len(model.classes) - (model.activation != "softmax")
    if maps != wanted:
        raise UsageError(
            f"the network gives {maps} maps, but {len(model.classes)} classes by {model.activation} need {wanted}: name them anew"
        )
    if model.activation == "softmax":
        return torch.softmax(_resized(logits, size), dim=1)
    stretches = model.activation == "minmax"
    others = _resized(stretched(torch.sigmoid(logits)), size) if stretches else torch.sigmoid(_resized(logits, size))
    return torch.cat((1 - others.amax(dim=1, keepdim=True), others), dim=1)


def best_class(probabilities: Tensor, threshold: float | None, shape: Tensor | None = None, classes: Sequence[str] = ()) -> Tensor:
    """The class of each pixel, uint8 `[N, H, W]`, of probabilities `[N, classes, H, W]`.

    The most probable one; with a `threshold`, the most probable of all but the first where the first leaves more than that. With a
    known `shape` `[N, 1, H, W]`, the most probable of the classes inside of it where it is above the threshold (0.5), else of
    those outside: background and ground_shadow.
    """
    if shape is not None:
        inside = inside_of(tuple(classes), probabilities.device)[:, None, None]
        there = shape > (0.5 if threshold is None else threshold)
        return largest_plane(probabilities.masked_fill(inside != there, -1), 1).byte()
    if threshold is None:
        return largest_plane(probabilities, 1).byte()
    other = largest_plane(probabilities[:, 1:], 1) + 1
    return other.where(1 - probabilities[:, 0] > threshold, 0).byte()


def stretched(maps: Tensor) -> Tensor:
    """Each frame's map `[..., H, W]` brought to 0..1 by its least and largest value; 0 where it is flat, as nothing stands out."""
    least, largest = maps.amin(dim=(-2, -1), keepdim=True), maps.amax(dim=(-2, -1), keepdim=True)
    span = largest - least
    return torch.where(span > 0, (maps - least) / span.where(span > 0, 1.0), 0.0)


def at_scale(model: Model, scale: float | None, name: str) -> Model:
    """The model seeing frames at another scale, where one is given; UsageError for one that sees them squashed to one size."""
    if scale is None:
        return model
    if model.preprocessing.squash:
        raise UsageError(
            f"{name}: this network sees frames at {model.preprocessing.squash} x {model.preprocessing.squash} px: take scale out"
        )
    return replace(model, preprocessing=replace(model.preprocessing, scale=scale))


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    return maps if maps.shape[-2:] == size else F.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along one side: every tile - overlap pixels, the last one flush with the edge."""
    last = max(length - tile, 0)
    return [*range(0, last, tile - overlap), last]


def _ramp(length: int, overlap: int, like: Tensor) -> Tensor:
    """Weights along one side of a tile: rising from its edges over `overlap` pixels, 1 between."""
    place = torch.arange(length, device=like.device, dtype=torch.float32) + 0.5
    return torch.minimum(place, length - place).clamp(max=max(overlap, 1)) / max(overlap, 1)
