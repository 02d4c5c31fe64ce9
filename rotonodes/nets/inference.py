"""Frames through a trained network: encode, pad, infer, tile where memory is short."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval

from rotonodes.errors import UsageError
from rotonodes.nets.encode import encode, grey, look, pad
from rotonodes.nets.model import Model

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}

# Smaller tiles would see too little of the shape to tell its tones.
SMALLEST_TILE = 256


class Segmenter:
    """A network made ready for many frames: batch norms folded into convolutions, channels last, eval mode.

    Call it with scene-linear frames `[N, C, H, W]` float32 of any size from 1x1 on; it answers probabilities
    `[N, classes, H, W]` float32, 0 to 1, on its own device. The input is not modified and may hold NaN or infinity. A network
    that sees grey (`Sight.grey`) also takes red, green and blue.

    Where classes exclude each other (`Model.answer` softmax), the probabilities sum to 1 within 0.002: they are rounded to
    values of half precision, so that a cache can keep them in two bytes and a run that reads the cache equals a run that
    computes. Mattes and parts, and all of networks of other projects, are as the network gave them. On the CPU each frame runs
    by itself: a batch costs no more that way, and a frame's result does not depend on its neighbours, bit for bit.

    `tile` is the side in pixels of overlapping tiles for frames larger than that, 0 for none; `overlap` pixels are blended.
    One frame that does not fit on a CUDA device falls back to tiles; a batch that does not fit raises
    `torch.OutOfMemoryError`, for the caller to try again with a smaller one. Networks that see frames squashed to one size need
    no tiles, and get none.
    """

    def __init__(
        self,
        model: Model,
        device: str | torch.device = "cpu",
        precision: Literal["float32", "bfloat16"] = "float32",
        tile: int = 0,
        overlap: int = 64,
    ) -> None:
        if precision not in PRECISIONS:
            raise UsageError(f"precision {precision!r} is not known: use one of {', '.join(PRECISIONS)}")
        if tile < 0 or overlap < 0 or (tile and overlap >= tile):
            raise UsageError(f"tiles of {tile} px cannot overlap by {overlap} px: make tile larger than overlap")
        self.model = model
        self.device = torch.device(device)
        self.dtype = PRECISIONS[precision]
        self.tile = self._rounded(tile)
        self.overlap = overlap
        network = fold_norms(model.module()).to(self.device, self.dtype).requires_grad_(False)
        if self.device.type == "cpu" and self.dtype == torch.float32 and torch.backends.mkldnn.is_available():
            network = use_onednn(network)
        self.network = network.to(memory_format=torch.channels_last)
        self.smallest = int(getattr(network, "smallest", 1))

    @torch.no_grad()
    def __call__(self, batch: Tensor) -> Tensor:
        channels = len(self.model.channels)
        fits = batch.dim() == 4 and (batch.shape[1] == channels or (self.model.sight.grey and batch.shape[1] == 3))
        if not fits or 0 in batch.shape:
            wanted = f"[N, {channels} ({', '.join(self.model.channels)}), H, W]"
            raise UsageError(f"the network reads frames {wanted}, not {list(batch.shape)}: select channels first")
        batch = batch.to(self.device)
        tiled = self.tile and not self.model.sight.squash and max(batch.shape[-2:]) > self.tile
        if len(batch) > 1 and self.device.type != "cpu" and not tiled:
            return self._whole(self._seen(batch), batch.shape[-2:])
        return torch.cat([self._frame(self._seen(picture[None]), picture.shape[-2:]) for picture in batch])

    def matte(self, batch: Tensor) -> Tensor:
        """How much of each pixel is not the first class (background): frames as for a call -> `[N, 1, H, W]` float32, 0 to 1."""
        return 1 - self(batch)[:, :1]

    def _seen(self, frames: Tensor) -> Tensor:
        """What the network sees of whole frames: before they are cut into tiles or padded, since depth is seen relative to the frame.

        A power's last bit depends on where a value lies in a CPU's vectors, so there frames are encoded one by one too.
        """
        encodings = self.model.channel_encodings()
        grey_of_color = self.model.sight.grey and frames.shape[1] == 3
        encoded = grey(encode(frames, self.model.encoding)) if grey_of_color else encode(frames, encodings)
        return look(encoded, self.model.sight, encodings)

    def _frame(self, picture: Tensor, size: torch.Size) -> Tensor:
        """One picture as the network sees it `[1, C, h, w]` -> probabilities; in ever smaller tiles while it does not fit."""
        longest, squashed = max(picture.shape[-2:]), self.model.sight.squash
        while True:
            side = longest if squashed else min(self.tile or longest, longest)
            try:
                return self._tiled(picture, side, size) if side < longest else self._whole(picture, size)
            except torch.OutOfMemoryError:
                if squashed or side <= self._rounded(max(SMALLEST_TILE, 2 * self.overlap)):
                    raise
            # Outside the except block, whose traceback would keep the failed attempt's tensors alive.
            torch.cuda.empty_cache()
            self.tile = self._rounded(max(side // 2, SMALLEST_TILE, self.overlap + 1))

    def _rounded(self, side: int) -> int:
        return side + -side % self.model.size_multiple

    def _whole(self, pictures: Tensor, size: torch.Size) -> Tensor:
        """Pictures as the network sees them `[N, C, h, w]` -> probabilities of frames of `size`, in one pass."""
        height, width = pictures.shape[-2:]
        padded = pad(pictures, self.model.size_multiple, self.smallest).to(self.dtype, memory_format=torch.channels_last)
        with torch.inference_mode():  # the network only: what comes out of here is an ordinary tensor again
            logits = self.network(padded)
        logits = logits[0] if isinstance(logits, tuple) else logits  # of several maps the first is the answer
        return self._rounded_off(answer(logits[..., :height, :width].float(), self.model, size))

    def _tiled(self, picture: Tensor, tile: int, size: torch.Size) -> Tensor:
        """One picture as the network sees it `[1, C, h, w]` -> probabilities, from tiles that fade into each other."""
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
        rounds = self.model.answer == "softmax" and not self.model.sight.exact
        return probabilities.half().float() if rounds else probabilities


def answer(logits: Tensor, model: Model, size: torch.Size) -> Tensor:
    """Logits `[N, maps, h, w]` float32 -> probabilities `[N, classes, *size]`, as `Model.answer` says it.

    Raises UsageError when there are not as many maps as the classes need.
    """
    maps, wanted = logits.shape[1], len(model.classes) - (model.answer != "softmax")
    if maps != wanted:
        raise UsageError(f"the network gives {maps} maps, but {len(model.classes)} classes by {model.answer} need {wanted}: name them anew")
    if model.answer == "softmax":
        return torch.softmax(_resized(logits, size), dim=1)
    stretches = model.answer == "minmax"
    others = _resized(stretched(torch.sigmoid(logits)), size) if stretches else torch.sigmoid(_resized(logits, size))
    return torch.cat((1 - others.amax(dim=1, keepdim=True), others), dim=1)


def stretched(maps: Tensor) -> Tensor:
    """Each frame's map `[..., H, W]` brought to 0..1 by its least and largest value; 0 where it is flat, as nothing stands out."""
    least, largest = maps.amin(dim=(-2, -1), keepdim=True), maps.amax(dim=(-2, -1), keepdim=True)
    span = largest - least
    return torch.where(span > 0, (maps - least) / span.where(span > 0, 1.0), 0.0)


def at_scale(model: Model, scale: float | None, name: str) -> Model:
    """The model seeing frames at another scale, where one is given; UsageError for one that sees them squashed to one size."""
    if scale is None:
        return model
    if model.sight.squash:
        raise UsageError(f"{name}: this network sees frames at {model.sight.squash} x {model.sight.squash} px: take scale out")
    return replace(model, sight=replace(model.sight, scale=scale))


def soft_matte(model: Model, frames: Tensor, device: str | torch.device = "cpu") -> Tensor:
    """Scene-linear frames `[N, C, H, W]` -> mattes `[N, 1, H, W]` float32, 0 to 1, by the network's own habits.

    For many frames make one `Segmenter` and call its `matte`.
    """
    return Segmenter(model, device).matte(frames)


def _resized(maps: Tensor, size: torch.Size) -> Tensor:
    return maps if maps.shape[-2:] == size else F.interpolate(maps, size=size, mode="bilinear", align_corners=False)


def fold_norms(network: nn.Module) -> nn.Module:
    """Fold each batch norm into the convolution before it, wherever the two are neighbours in a Sequential. In place."""
    for module in network.modules():
        if not isinstance(module, nn.Sequential):
            continue
        names = list(module._modules)
        for before, after in pairwise(names):
            convolution, norm = module._modules[before], module._modules[after]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module._modules[before] = fuse_conv_bn_eval(convolution, norm)
                module._modules[after] = nn.Identity()
    return network


class Pointwise(nn.Module):
    """A 1x1 convolution by oneDNN. In float32 and one thread torch takes another way for these, which is 2.5 times slower."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = convolution.weight, convolution.bias

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = torch.mkldnn_convolution(x, self.weight, self.bias, (0, 0), (1, 1), (1, 1), 1)
        return made


def use_onednn(network: nn.Module) -> nn.Module:
    """Put a `Pointwise` in the place of each plain 1x1 convolution. In place; for inference in float32 on the CPU."""
    for module in list(network.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.Conv2d) and child.kernel_size == child.stride == (1, 1) and child.groups == 1:
                setattr(module, name, Pointwise(child))
    return network


def _starts(length: int, tile: int, overlap: int) -> list[int]:
    """Where tiles begin along one side: every tile - overlap pixels, the last one flush with the edge."""
    last = max(length - tile, 0)
    return [*range(0, last, tile - overlap), last]


def _ramp(length: int, overlap: int, like: Tensor) -> Tensor:
    """Weights along one side of a tile: rising from its edges over `overlap` pixels, 1 between."""
    place = torch.arange(length, device=like.device, dtype=torch.float32) + 0.5
    return torch.minimum(place, length - place).clamp(max=max(overlap, 1)) / max(overlap, 1)
