"""Converts between the samples of a file and the pixels of a link: colour space, alpha and rounding."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

from rotonodes.errors import FrameError
from rotonodes.values.color import Colorspace, linear_to_srgb, parse_hex, premultiply, srgb_table, srgb_to_linear, unpremultiply
from rotonodes.values.crossing import moved
from rotonodes.values.pixels import Encoded, Image, Labels, Levels, Matte, rgb_names

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Depth = Literal["8", "16", "half", "float"]
DTYPES: dict[str, str] = {"8": "uint8", "16": "uint16", "half": "float16", "float": "float32"}


def decode(samples: np.ndarray, colorspace: Colorspace, premultiplied: bool = False) -> Image:
    """Samples `[H, W, C]` (whole numbers, float16 or float32; grey, grey and alpha, RGB or RGBA) as a picture.

    Whole numbers become 0..1, the largest of their type is 1; those of 8 and 16 bits by a table of exact values. Colour is
    brought to linear light and multiplied by alpha; `raw` leaves both as stored. `premultiplied` says that the file's colour already is.
    """
    import torch

    channels = rgb_names(samples.shape[2])
    planes, late = decoded_planes(samples, colorspace, premultiplied)
    data = torch.from_numpy(planes)
    if late:
        color, alpha = (data[:-1], data[-1:]) if "A" in channels else (data, None)
        color = srgb_to_linear(color if alpha is None or not premultiplied else unpremultiply(color, alpha))
        data[: len(color)] = color if alpha is None else premultiply(color, alpha)
    # Kept samples are straight where they are whole numbers and premultiplied where they are floats, as they are written.
    kept = "A" not in channels or premultiplied != (samples.dtype.kind in "ui")
    return Image(data, channels, encoded=Encoded(samples, colorspace) if kept else None)


def decoded_planes(samples: np.ndarray, colorspace: Colorspace, premultiplied: bool = False) -> tuple[np.ndarray, bool]:
    """(float32 `[C, H, W]`, whether they are still encoded) of samples as `decode` takes them, made without torch.

    What is still encoded is floats in sRGB, and colour that was premultiplied after encoding: it must be unpremultiplied before it is
    linearised. Alpha is then not multiplied in, either.
    """
    import numpy as np

    height, width, count = samples.shape
    channels = rgb_names(count)
    whole = samples.dtype in (np.uint8, np.uint16)
    values = samples.astype(np.float64) / np.iinfo(samples.dtype).max if samples.dtype.kind in "ui" and not whole else samples
    straight = "A" in channels and not premultiplied
    late = colorspace == "srgb" and not (whole and (straight or "A" not in channels))
    planes = np.empty((count, height, width), np.float32)
    for index, channel in enumerate(channels):
        if whole:
            curved = colorspace == "srgb" and channel != "A" and not late
            # "clip" changes nothing, every sample is in range, but lets numpy write straight into `out`.
            np.take(_table(samples.dtype, curved), samples[..., index], out=planes[index], mode="clip")
        else:
            planes[index] = values[..., index]
    if straight and colorspace != "raw" and not late:
        with np.errstate(all="ignore"):  # infinite colour times alpha 0
            planes[:-1] *= planes[-1:]
    return planes, late


def _table(dtype: np.dtype, curved: bool) -> np.ndarray:
    """The float32 value of every code."""
    import numpy as np

    levels = 256 if dtype == np.uint8 else 65536
    return srgb_table(levels) if curved else (np.arange(levels) / (levels - 1)).astype(np.float32)


def encode(picture: Image | Matte, depth: Depth, colorspace: Colorspace, alpha: bool = True) -> np.ndarray:
    """The frame of a picture as samples `[H, W, C]` for a file, C as in `decode`; a matte is grey and always raw.

    8 and 16 bit samples are clamped to 0..1 and rounded half up, NaN is 0, colour is divided by alpha; floats keep every
    value and stay premultiplied. Without `alpha` the picture is composited over black. An unchanged picture returns the
    samples it was read from. From a GPU 8-bit samples cross as 8 bit, everything else as the picture's floats.

    8-bit samples are kept with the picture, for the next file of the same frame: nobody may write into them.
    """
    if depth != "8":
        return _samples(picture, depth, colorspace, alpha)
    # What has no alpha, or no colour space, is the same with it and without.
    way = ("raw", False) if isinstance(picture, Matte) else (colorspace, alpha and picture.alpha is not None)
    kept: dict[tuple[str, bool], np.ndarray] = picture.__dict__.setdefault("_samples", {})
    if way not in kept:
        kept[way] = _samples(picture, depth, colorspace, alpha).view()  # the array itself may be the file's, and stays as it is
        kept[way].flags.writeable = False
    return kept[way]


def _samples(picture: Image | Matte, depth: Depth, colorspace: Colorspace, alpha: bool) -> np.ndarray:
    import torch

    if isinstance(picture, Matte):
        return _interleave(_codes(_where_coded(picture, depth).data.detach().to(torch.float32), depth, "raw"), depth)
    encoded = picture.encoded
    same = encoded and encoded.colorspace == colorspace and encoded.samples.dtype == DTYPES[depth]
    if encoded and same and picture.box == (0, 0, *picture.size) and (alpha or picture.alpha is None):
        return encoded.samples
    picture = _where_coded(picture, depth).on_frame()
    color = picture.color.detach().to(torch.float32)
    if color.shape[0] == 2:  # two-component data such as vectors: the third plane of an RGB file stays empty
        color = torch.cat([color, torch.zeros_like(color[:1])])
    if not alpha or picture.alpha is None:
        return _interleave(_codes(color, depth, colorspace), depth)
    coverage = picture.alpha.detach().to(torch.float32)
    whole = depth in ("8", "16")
    if colorspace == "raw" or (colorspace == "linear" and not whole):
        color = _codes(color, depth, colorspace)
    else:
        opaque = bool((coverage == 1).all())  # what is divided by 1 stays the same
        color = _codes(color if opaque else unpremultiply(color, coverage), depth, colorspace)
        color = color if whole else premultiply(color, coverage)
    return _interleave(torch.cat([color, _codes(coverage, depth, "raw")]), depth)


def _where_coded(picture: Levels, depth: Depth) -> Levels:
    """The picture where its samples are made: 8-bit ones on its device, which makes the CPU's bits, others on the CPU."""
    return picture if depth == "8" else picture.to("cpu")


def label_samples(labels: Labels) -> np.ndarray:
    """Labels in their own colours, uint8 sRGB `[H, W, 3]`. Raises FrameError for an index without a colour."""
    import numpy as np

    indices = labels.to("cpu").data.detach().numpy()
    if indices.max(initial=0) >= len(labels.colors):
        raise FrameError(f"class index {indices.max()} has no colour: the labels have {len(labels.colors)} classes")
    return np.array([parse_hex(color)[:3] for color in labels.colors], np.uint8)[indices]


def _codes(data: Tensor, depth: Depth, colorspace: Colorspace) -> Tensor:
    """`[C, H, W]` float32 in the colour space of the file: as floats, or as uint8 or int32 codes."""
    import torch

    if depth in ("half", "float"):
        return linear_to_srgb(data) if colorspace == "srgb" else data
    data = torch.nan_to_num(data, nan=0.0, posinf=1.0, neginf=0.0).clamp_(0, 1)
    if colorspace == "srgb" and depth == "8":
        return _srgb_codes(data)
    if colorspace == "srgb":
        data = linear_to_srgb(data)
    return data.mul_(255 if depth == "8" else 65535).add_(0.5).to(torch.uint8 if depth == "8" else torch.int32)


def _srgb_codes(data: Tensor) -> Tensor:
    """8-bit sRGB codes of linear 0..1, rounded half up in float64; ten times as fast as the formula's power.

    The upper 16 bits of a float number its bucket. Buckets are so narrow (under 1 %) that each holds at most one limit between
    two codes: the code is that of the bucket's start, one more from the limit on.
    """
    import torch

    starts, limits = _srgb_buckets(str(data.device))
    bucket = (data.view(torch.int32) >> 16).bitwise_and_(0x7FFF).flatten()  # without the sign of -0.0
    above = data.flatten() >= limits.index_select(0, bucket)
    return (starts.index_select(0, bucket) + above).view(data.shape)


@functools.cache
def _srgb_buckets(device: str = "cpu") -> tuple[Tensor, Tensor]:
    """For each bucket of floats from 0 to 1: the code of its start (uint8), the limit to the next code (float32)."""
    import numpy as np
    import torch

    half = (np.arange(255) + 0.5) / 255
    exact = np.where(half <= 0.04045, half / 12.92, ((half + 0.055) / 1.055) ** 2.4)
    limits = exact.astype(np.float32)
    limits = np.where(limits < exact, np.nextafter(limits, np.float32(2)), limits)
    first = (np.arange(0x3F81, dtype=np.int32) << 16).view(np.float32)
    starts = np.searchsorted(limits, first, side="right").astype(np.uint8)
    following = np.append(limits, np.float32(np.inf)).astype(np.float32)[starts]
    return torch.from_numpy(starts).to(device), torch.from_numpy(following).to(device)


def _interleave(planes: Tensor, depth: Depth) -> np.ndarray:
    """`[C, H, W]` as samples `[H, W, C]` of the file's type."""
    import numpy as np
    import torch

    planes = planes.to(torch.float16) if depth == "half" else planes
    if planes.device.type != "cpu":  # interleaved before they cross
        return moved(planes.permute(1, 2, 0).contiguous(), torch.device("cpu")).numpy()
    samples = np.empty((*planes.shape[1:], len(planes)), DTYPES[depth])
    for index, plane in enumerate(planes.numpy()):  # plane by plane: a transposed copy takes three times as long
        samples[..., index] = plane
    return samples
