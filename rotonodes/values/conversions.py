"""Planes from numpy arrays and Pillow pictures, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rotonodes.errors import UsageError
from rotonodes.values.color import Colorspace, linear_to_srgb, parse_hex, premultiply, srgb_to_linear, unpremultiply

if TYPE_CHECKING:
    import numpy as np
    import PIL.Image
    from torch import Tensor

_ALPHA = {2: 1, 4: 3}  # number of planes -> index of alpha


def planes_of(array: Any) -> Tensor:
    """An array `[H, W]` or `[H, W, C]` as float32 `[C, H, W]`; whole numbers become 0 to 1 by the largest of their type.

    Raises UsageError for other shapes and types.
    """
    import numpy as np
    import torch

    samples = _array(array)
    if samples.ndim not in (2, 3) or 0 in samples.shape:
        raise UsageError(f"an array of a picture is [height, width] or [height, width, channels], not {list(samples.shape)}")
    if samples.dtype.kind not in "ufb":
        raise UsageError(f"an array of a picture has uint8, uint16, float or bool values, not {samples.dtype}")
    data = samples.astype(np.float32)  # a copy: the picture does not change with the array
    if samples.dtype.kind == "u":
        data /= np.float32(np.iinfo(samples.dtype).max)
    data = data[..., None] if data.ndim == 2 else data
    return torch.from_numpy(np.ascontiguousarray(data.transpose(2, 0, 1)))


def linear_planes(array: Any, colorspace: Colorspace | None) -> Tensor:
    """The planes of a picture, scene-linear and premultiplied; see `Image.from_array`."""
    data = planes_of(array)
    whole = _array(array).dtype.kind == "u"
    alpha = _ALPHA.get(data.shape[0])
    color = slice(0, alpha or 3)
    if (colorspace or ("srgb" if whole else "linear")) == "srgb":
        data[color] = srgb_to_linear(data[color])
    if alpha is not None and colorspace != "raw":
        data[color] = premultiply(data[color], data[alpha : alpha + 1])
    return data


def straight_array(data: Tensor, color: Sequence[int], alpha: Tensor | None, colorspace: Colorspace) -> np.ndarray:
    """Planes `[C, H, W]` as float32 `[H, W, C]` with straight alpha; `color` are the indices of the colour planes."""
    import numpy as np

    data = data.detach().cpu().float().clone()
    if alpha is not None and colorspace != "raw":
        data[list(color)] = unpremultiply(data[list(color)], alpha.detach().cpu().float())
    if colorspace == "srgb":
        data[list(color)] = linear_to_srgb(data[list(color)])
    return np.ascontiguousarray(data.permute(1, 2, 0).numpy())


def codes(values: np.ndarray) -> np.ndarray:
    """Values from 0 to 1 as 8-bit codes; those outside are clamped."""
    import numpy as np

    safe = np.nan_to_num(values, nan=0.0, posinf=1.0, neginf=0.0)
    return (np.clip(safe, 0, 1) * 255 + 0.5).astype(np.uint8)


def pil_of(values: np.ndarray) -> PIL.Image.Image:
    """Values `[H, W, 1 to 4]` from 0 to 1 as 8-bit L, LA, RGB or RGBA of Pillow."""
    import PIL.Image

    samples = codes(values)
    return PIL.Image.fromarray(samples[..., 0].copy() if samples.shape[-1] == 1 else samples)


def labels_pil(indices: np.ndarray, colors: Sequence[str]) -> PIL.Image.Image:
    """Class indices uint8 `[H, W]` as a palette picture of Pillow: the class is the value, and its colour the palette's."""
    import PIL.Image

    picture = PIL.Image.fromarray(indices)
    picture.putpalette([code for color in colors for code in parse_hex(color)[:3]])  # L becomes P
    return picture


def array_of(picture: Any) -> tuple[np.ndarray, Colorspace]:
    """A picture of Pillow as an array, and how its values are meant; palettes, bits and CMYK become RGB, grey or with alpha."""
    import numpy as np
    import PIL.Image

    if not isinstance(picture, PIL.Image.Image):
        raise UsageError(f"from_pil takes a picture of Pillow, not {type(picture).__name__}")
    if picture.mode == "F":
        return np.asarray(picture), "linear"
    if picture.mode.startswith("I"):  # 16-bit files; I holds them in 32 bits
        return np.asarray(picture).astype(np.uint16), "srgb"
    if picture.mode not in ("L", "LA", "RGB", "RGBA"):
        clear = picture.mode in ("PA", "La", "RGBa") or "transparency" in picture.info
        picture = picture.convert("RGBA" if clear else "L" if picture.mode == "1" else "RGB")
    return np.asarray(picture), "srgb"


def class_indices(array: Any, count: int) -> Tensor:
    """Class indices `[H, W]` as uint8. Raises UsageError for an array of another kind, or with an index that no class has."""
    import numpy as np
    import torch

    indices = _array(array)
    if indices.ndim != 2 or indices.dtype.kind not in "ui" or not indices.size:
        raise UsageError(f"labels are whole numbers [height, width], not {indices.dtype} {list(indices.shape)}")
    low, high = int(indices.min()), int(indices.max())
    if low < 0 or high >= count:
        raise UsageError(f"the array has the class {low if low < 0 else high}, but there are {count} classes, from 0")
    return torch.from_numpy(indices.astype(np.uint8))


def _array(value: Any) -> np.ndarray:
    import numpy as np

    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
