"""Pictures in the encoding and size that a network expects."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.passes.camera import NOTHING
from rotonodes.imaging.passes.spellings import canonical
from rotonodes.nets.model import ENCODINGS, SHAPE, Model
from rotonodes.nets.preprocess import Preprocessing
from rotonodes.values.color import positive_to_srgb, srgb_table
from rotonodes.values.pixels import Batch, Image, Matte
from rotonodes.values.tones import OUTSIDE

if TYPE_CHECKING:
    import numpy as np

# The largest half-precision value: raw channels are clamped to it, so that no precision turns them into infinity.
RAW_LIMIT = 65504.0
# What a channel can mean is less: a unit vector, the light on a surface. One pixel beyond it, a firefly, would drown its surroundings.
VECTOR_LIMIT, LIGHT_LIMIT = 2.0, 64.0

_VECTORS_AND_IDS = ("Normal", "Position", "Vector", "UV", "Denoising Normal", "IndexOB", "IndexMA")


def encode(linear: Tensor, encoding: str | Sequence[str], channels: Sequence[str] = (), codes: np.ndarray | None = None) -> Tensor:
    """Scene-linear `[..., C, H, W]` -> finite values in a network's encoding, same shape, float32.

    `encoding` is one for all channels, or one per channel. "srgb" and "linear" are clamped to 0..1, "raw" to what a channel of
    that name can mean (`raw_limit`; without `channels` the range of half precision). NaN becomes 0, and so does infinity in raw
    channels: it is a fault of the render, not a large value. "depth" is the frame's smallest depth divided by each pixel's, in
    0..1, and 0 where there is no depth (not positive, not finite, or at least `NOTHING`): it needs whole frames. The input is
    not modified. `codes` `[H, W, c]`, uint8, are the sRGB codes that the first c channels were read from, of one frame on the CPU:
    with encoding "srgb" their values come from a table, which is quicker and gives the same bits.

    Raises UsageError for an unknown encoding, or for another number of encodings than of channels.
    """
    planes = linear.float()
    count = planes.shape[-3]
    kinds = [encoding] * count if isinstance(encoding, str) else list(encoding)
    if len(kinds) != count:
        raise UsageError(f"{len(kinds)} encodings for {count} channels: give one for each, or one for all")
    for kind in kinds:
        if kind not in ENCODINGS:
            raise UsageError(f"encoding {kind!r} is not known: use one of {', '.join(ENCODINGS)}")
    limits = [raw_limit(name) for name in channels] if channels else [RAW_LIMIT] * count
    seen = torch.empty_like(planes, memory_format=torch.contiguous_format)
    known = 0 if codes is None else codes.shape[-1]
    for index, (kind, limit) in enumerate(zip(kinds, limits, strict=True)):
        # One plane after the other stays in the processor's cache.
        plane, made = planes.select(-3, index), seen.select(-3, index)
        if codes is not None and index < known and kind == "srgb":
            _seen_of_codes().take(codes[..., index], out=made.view(codes.shape[:2]).numpy(), mode="clip")  # every code is in range
        else:
            _encode_plane(plane, kind, limit, made)
    return seen


@functools.cache
def _seen_of_codes() -> np.ndarray:
    """What `encode` makes of the linear value of each of the 256 codes."""
    values = torch.from_numpy(srgb_table(256).copy()).view(1, 16, 16)
    return encode(values, "srgb").flatten().numpy()


# Tensors of constants are kept: to copy them to a GPU again would wait for everything that is queued there.
@functools.lru_cache(maxsize=256)
def _constant(values: tuple[float, ...], device: torch.device) -> Tensor:
    """A float32 value for each channel, `[C, 1, 1]`."""
    return torch.tensor(values, dtype=torch.float32, device=device).view(-1, 1, 1)


@functools.lru_cache(maxsize=256)
def inside_of(classes: tuple[str, ...], device: torch.device) -> Tensor:
    """Whether each class is on the shape, bool `[classes]`: all but the first (background) and ground_shadow."""
    return torch.tensor([i > 0 and name not in OUTSIDE for i, name in enumerate(classes)], device=device)


def raw_limit(channel: str) -> float:
    """The largest value, either way, that a raw channel of that name is clamped to: normals 2, light 64, others half precision's.

    Light is in scene units beside a white surface in sunlight of about 1: 64 is six stops above it.
    """
    stem, _, short = channel.rpartition(".")
    meant = canonical(stem.rpartition(".")[2] or channel)
    if meant in ("Normal", "Denoising Normal"):
        return VECTOR_LIMIT
    return LIGHT_LIMIT if meant == "KeyLight" or (short.upper() in ("R", "G", "B") and "crypto" not in stem.casefold()) else RAW_LIMIT


def _encode_plane(plane: Tensor, encoding: str, limit: float, made: Tensor) -> None:
    """One channel `[..., H, W]` into `made`, of the same shape."""
    if encoding == "depth":
        there = (plane > 0) & (plane < NOTHING)  # false for NaN
        nearest = plane.where(there, torch.inf).amin(dim=(-2, -1), keepdim=True)
        made.copy_(torch.where(there, nearest / plane, 0.0))
        return
    least, most, infinite = (-limit, limit, 0.0) if encoding == "raw" else (0.0, 1.0, 1.0)
    torch.nan_to_num(plane, nan=0.0, posinf=infinite, neginf=0.0, out=made)
    made.clamp_(least, most)
    if encoding == "srgb":
        made.copy_(positive_to_srgb(made, _power))


def _power(x: Tensor, exponent: float) -> Tensor:
    """Powers of numbers from 0 to 1, within 2e-7; `pow` takes longer than a logarithm and its inverse."""
    return x.log().mul_(exponent).exp_()


def channel_encoding(channel: str, encoding: str) -> str:
    """The usual encoding of a channel, by its name: `encoding` for colours (`R`, `Y`, `DiffDir.G`), depth for depth, else raw.

    Names may be in any renderer's spelling, with a view layer in front. Vectors, ids, mattes and alpha are raw, even where a
    renderer names the axes of a normal R, G and B.
    """
    stem, _, short = channel.rpartition(".")
    meant = canonical(stem.rpartition(".")[2] or channel)
    if meant in ("Depth", "Denoising Depth"):
        return "depth"
    if meant in _VECTORS_AND_IDS or "crypto" in stem.casefold():
        return "raw"
    return encoding if short.upper() in ("R", "G", "B") or channel.upper() == "Y" else "raw"


def channel_indices(model: Model, have: Sequence[str]) -> list[int]:
    """Indices of a network's channels among those of a picture, in the network's order; Y stands for red, green and blue.

    A network on grey (`Preprocessing.grey`) gets red, green and blue where there is no Y. Raises FrameError for a picture that
    lacks a channel.
    """
    colors = ("R", "G", "B")
    if tuple(have[:1]) == ("Y",) and model.channels == colors:
        return [0, 0, 0]
    wanted = colors if model.preprocessing.grey and "Y" not in have else model.channels
    if missing := " ".join(name for name in wanted if name not in have):
        hint = " (StackPasses makes them of a render's passes)" if "." in missing else ""
        if missing == SHAPE:
            hint = ", or its matte to `shape` of UNetSegment"
        if "KeyLight." in missing:
            hint = " (StackPasses makes them of a render's passes and of FindKeyLight: see graphs/passes_tones.yaml)"
        raise FrameError(
            f"the network sees {' '.join(model.channels)}, but the picture has {' '.join(have)}: link one with {missing}{hint}, "
            "or take weights trained on these channels"
        )
    return [have.index(name) for name in wanted]


def shape_channel(matte: Tensor) -> Tensor:
    """A matte, 0 to 1, as the channel `SHAPE` of a network: -1 outside of the shape, 1 inside; 0 is for no matte at all."""
    return torch.nan_to_num(matte.float()).clamp(0, 1) * 2 - 1


def network_input(model: Model, pictures: Tensor, have: Sequence[str], matte: Tensor | None = None) -> Tensor:
    """The channels `[N, C, H, W]` of a network out of pictures with the channels `have`; optional ones that are missing are 0.

    `matte` `[N, 1, H, W]` of a known shape becomes the channel `SHAPE`; a network without that channel ignores it. Raises
    FrameError for pictures that lack a channel that is not optional.
    """
    told = matte is not None and SHAPE in model.channels
    if not model.optional and not told:
        return pictures if tuple(have) == model.channels else torch.stack([pictures[:, at] for at in channel_indices(model, have)], 1)
    needed = tuple(name for name in model.channels if (name not in model.optional or name in have) and not (told and name == SHAPE))
    found = channel_indices(replace(model, channels=needed, encodings={}, optional=(), preprocessing=Preprocessing()), have)
    planes = pictures.new_zeros((len(pictures), len(model.channels), *pictures.shape[-2:]))
    for name, at in zip(needed, found, strict=True):  # an index of several would cost more than what the network does with them
        planes[:, model.channels.index(name)] = pictures[:, at]
    if told and matte is not None:
        planes[:, model.channels.index(SHAPE)] = shape_channel(matte.to(planes))[:, 0]
    return planes


def with_shape(probabilities: Tensor, matte: Tensor, classes: Sequence[str]) -> Tensor:
    """Probabilities `[N, classes, H, W]` that agree with a known shape `[N, 1, H, W]`, 0 to 1.

    Background (the first class) and ground_shadow share 1 - matte, the other classes share the matte, each in proportion to its
    probability. Where all classes of a side have probability 0, its first class gets the share.
    """
    inside = inside_of(tuple(classes), probabilities.device)
    share = torch.nan_to_num(matte.to(probabilities)).clamp(0, 1)
    made = torch.empty_like(probabilities)
    for side, whole in ((inside, share), (~inside, 1 - share)):
        own = probabilities[:, side]
        total = own.sum(1, keepdim=True)
        even = torch.zeros_like(own)
        even[:, :1] = 1
        made[:, side] = whole * torch.where(total > 1e-6, own / total.clamp(min=1e-6), even)
    return made


def preprocess(pictures: Tensor, preprocessing: Preprocessing, encodings: Sequence[str]) -> Tensor:
    """Encoded pictures `[N, C, H, W]` -> the network's input `[N, C, h, w]`, except for grey; each frame by itself.

    Raises FrameError for a frame that `scale` shrinks to nothing.
    """
    if preprocessing.squash:
        pictures = F.interpolate(pictures, size=(preprocessing.squash, preprocessing.squash), mode="bilinear", align_corners=False)
    elif preprocessing.scale != 1:
        pictures = _scaled(pictures, preprocessing.scale, on_codes=set(encodings) == {"srgb"})
    if preprocessing.peak:
        peaks = pictures.amax(dim=(1, 2, 3), keepdim=True)
        pictures = pictures / peaks.where(peaks > 0, 1.0)
    if preprocessing.mean:
        mean, std = (_constant(tuple(values), pictures.device) for values in (preprocessing.mean, preprocessing.std))
        pictures = (pictures - mean) / std
    return pictures


def _scaled(pictures: Tensor, scale: float, *, on_codes: bool) -> Tensor:
    height, width = pictures.shape[-2:]
    size = int(scale * height), int(scale * width)
    if not all(size):
        raise FrameError(f"scale {scale} leaves nothing of a frame of {width}x{height}: use a larger scale")
    if not on_codes:  # vectors and depths are not 8-bit codes
        return F.interpolate(pictures, size=size, mode="bicubic", align_corners=False, antialias=True)
    import numpy as np
    from PIL import Image as Picture

    codes = codes_of(pictures).cpu().numpy()
    planes = [Picture.fromarray(plane).resize(size[::-1], Picture.Resampling.BICUBIC) for plane in codes.reshape(-1, height, width)]
    scaled = torch.from_numpy(np.stack([np.asarray(plane) for plane in planes])).to(pictures.device)
    return scaled.view(*pictures.shape[:-2], *size) / 255.0


def codes_of(encoded: Tensor) -> Tensor:
    """8-bit codes, uint8, of values 0..1; rounded half up."""
    return (encoded * 255 + 0.5).clamp(0, 255).byte()


def grey(encoded: Tensor) -> Tensor:
    """Encoded red, green, blue `[..., 3, H, W]` -> luma `[..., 1, H, W]`, a multiple of 1/255 as in 8-bit files.

    ITU-R BT.601 in Pillow's 16-bit integers (its mode "L"), which these networks were trained on.
    """
    red, green, blue = codes_of(encoded).int().unbind(-3)
    codes = (red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16
    return codes.unsqueeze(-3) / 255.0


def pad(picture: Tensor, multiple: int, smallest: int = 1) -> Tensor:
    """Reflect `[..., H, W]` to the right and down until both sizes are multiples of `multiple`, and at least `smallest`.

    Any size from 1x1 on.
    """
    height, width = picture.shape[-2:]
    more_rows, more_columns = (max(smallest - side, 0) or -side % multiple for side in (height, width))
    if more_rows:
        picture = picture.index_select(-2, mirror(torch.arange(height + more_rows, device=picture.device), height))
    if more_columns:
        picture = picture.index_select(-1, mirror(torch.arange(width + more_columns, device=picture.device), width))
    return picture


def mirror(index: Tensor, size: int) -> Tensor:
    """Fold any whole numbers into 0..size-1 by reflection at the edge pixels: ... 2 1 0 1 2 ... size-1 size-2 ..."""
    period = max(2 * (size - 1), 1)
    index = index % period
    return torch.minimum(index, period - index) if size > 1 else index


def whole_frames(image: Batch[Image]) -> Batch[Image]:
    """A batch on exactly its frames: overscan cut off, missing pixels 0."""
    if all(value.box == (0, 0, *value.size) for value in image.like):
        return image
    return Batch.of([value.on_frame() for value in image.like])


def frame_codes(model: Model, image: Batch[Image]) -> list[np.ndarray | None]:
    """For each picture the 8-bit sRGB codes `[H, W, 3]` of its file, where they are what the network sees first; else None."""
    colors = ("R", "G", "B")
    if model.preprocessing.grey or model.channels[:3] != colors or set(model.channel_encodings()[:3]) != {"srgb"}:
        return [None] * len(image)
    found = [picture.codes if picture.channels == colors else None for picture in image.like]
    return [codes.samples if codes and codes.samples.dtype == "uint8" and codes.colorspace == "srgb" else None for codes in found]


def network_frames(model: Model, image: Batch[Image], shape: Batch[Matte] | None = None) -> Tensor:
    """The network's channels of a batch, `[N, C, H, W]`. Raises FrameError for pictures without them, or a shape of another size."""
    if shape is not None and shape.data.shape[-2:] != image.data.shape[-2:]:
        width, height = image.like[0].size
        raise FrameError(f"the shape is {shape.like[0].width}x{shape.like[0].height}, the picture {width}x{height}: reformat one of them")
    return network_input(model, image.data, image.like[0].channels, None if shape is None else shape.data)
