"""Converts between the samples of a file and the pixels of a link: colour space, alpha and rounding."""

from __future__ import annotations

import functools
import threading
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

_PIECE = 1 << 15  # values that are encoded at a time
_ENCODING = tuple(threading.Lock() for _ in range(61))  # each for some of the pictures; a prime, since addresses are multiples of 16


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
    with _ENCODING[id(picture) % len(_ENCODING)]:  # two writers take a frame at the same time: one of them encodes it
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
        return _packed(color, None, depth, colorspace)
    coverage, whole = picture.alpha.detach().to(torch.float32), depth in ("8", "16")
    divides = colorspace == "srgb" or (colorspace == "linear" and whole)
    if divides and not _is_opaque(coverage):  # what is divided by 1 stays the same
        color = unpremultiply(color, coverage)
    return _packed(color, coverage, depth, colorspace, premultiplies=divides and not whole)


def _packed(color: Tensor, coverage: Tensor | None, depth: Depth, colorspace: Colorspace, premultiplies: bool = False) -> np.ndarray:
    """Samples of colour as it is to be coded, and of alpha where there is one, by which coded colour may be multiplied again."""
    import torch

    if depth == "8" and colorspace == "srgb" and color.device.type == "cpu":
        return _srgb_samples(color, coverage)
    color = _codes(color, depth, colorspace)
    if coverage is None:
        return _interleave(color, depth)
    color = premultiply(color, coverage) if premultiplies else color
    return _interleave(torch.cat([color, _codes(coverage, depth, "raw")]), depth)


def _is_opaque(coverage: Tensor) -> bool:
    # Of what is in memory numpy tells in a tenth of torch's time.
    return bool(((coverage.numpy() if coverage.device.type == "cpu" else coverage) == 1).all())


def _srgb_samples(color: Tensor, coverage: Tensor | None) -> np.ndarray:
    """8-bit samples `[H, W, C]` of planes on the CPU, each written where it belongs."""
    import numpy as np

    samples = np.empty((*color.shape[1:], len(color) + (coverage is not None)), np.uint8)
    for index, plane in enumerate(color.contiguous().numpy()):
        put_srgb_codes(plane, samples[..., index])
    if coverage is not None:
        samples[..., -1] = 255 if _is_opaque(coverage) else _codes(coverage, "8", "raw")[0].numpy()
    return samples


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
    if colorspace == "srgb" and depth == "8":
        return srgb_codes(data)
    data = torch.nan_to_num(data, nan=0.0, posinf=1.0, neginf=0.0).clamp_(0, 1)
    if colorspace == "srgb":
        data = linear_to_srgb(data)
    return data.mul_(255 if depth == "8" else 65535).add_(0.5).to(torch.uint8 if depth == "8" else torch.int32)


def srgb_codes(data: Tensor) -> Tensor:
    """8-bit sRGB codes, uint8, of linear float32: clamped to 0..1, rounded half up in float64, 0 for NaN.

    A float's upper 16 bits number its bucket. Buckets are so narrow (under 1 %) that each holds at most one limit between two
    codes: its entry, added to the float's bits, carries into their upper half from the limit on, and leaves the code there.
    """
    import torch

    bits, entries = data.contiguous().view(torch.int32), _srgb_entries_on(str(data.device))
    return ((bits + entries[(bits >> 16) & 0xFFFF]) >> 16).to(torch.uint8)


def put_srgb_codes(plane: np.ndarray, out: np.ndarray) -> None:
    """`srgb_codes` of a float32 plane `[H, W]`, in pieces that stay in the processor's cache; `out` may be a channel of samples."""
    import numpy as np

    entries, rows = _srgb_entries(), max(1, _PIECE // max(plane.shape[1], 1))
    for start in range(0, len(plane), rows):
        bits = plane[start : start + rows].view(np.uint32)
        found = entries.take((bits >> 16).astype(np.intp), mode="clip")  # every index is in range: it spares numpy a look
        np.right_shift(bits + found, 16, out=out[start : start + rows], casting="unsafe")


@functools.cache
def _srgb_entries() -> np.ndarray:
    """What `srgb_codes` adds to a float's bits, by their upper half, uint32 `[65536]`.

    Negative numbers and NaN get code 0. Infinity shares its bucket with some NaN, for which the code after 255 is 0 again.
    """
    import numpy as np

    half = (np.arange(255) + 0.5) / 255
    exact = np.where(half <= 0.04045, half / 12.92, ((half + 0.055) / 1.055) ** 2.4)
    limits = exact.astype(np.float32)
    limits = np.where(limits < exact, np.nextafter(limits, np.float32(2)), limits)
    upper = np.arange(1 << 16, dtype=np.uint32)
    infinity = 0x7F80
    starts = np.zeros(1 << 16, np.uint32)
    starts[: infinity + 1] = np.searchsorted(limits, (upper[: infinity + 1] << 16).view(np.float32), side="right")
    low = np.full(1 << 16, 1 << 16, np.uint32)  # the lower half from which the code is one more
    inside = limits.view(np.uint32)
    inside = inside[inside & 0xFFFF != 0]  # a limit where a bucket begins is in its start
    low[inside >> 16] = inside & 0xFFFF
    low[infinity] = 1
    return (starts << 16) + (np.uint32(1 << 16) - low) - (upper << 16)


@functools.cache
def _srgb_entries_on(device: str) -> Tensor:
    import numpy as np
    import torch

    return torch.from_numpy(_srgb_entries().view(np.int32)).to(device)


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
