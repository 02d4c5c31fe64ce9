"""Pictures resampled to another size."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from rotonodes.values.pixels import Box, Image, Labels, Matte, Picture, cut

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


Filter = Literal["nearest", "bilinear", "bicubic", "lanczos", "area"]
WarpFilter = Literal["nearest", "bilinear", "bicubic"]  # of pictures that are turned or bent
Fit = Literal["fill", "fit", "stretch", "width", "height", "none"]


def reformat(picture: Picture, size: tuple[int, int], method: Filter = "lanczos", fit: Fit = "fill") -> Picture:
    """The picture resampled to a frame of `size` = (width, height); the node Reformat explains `method` and `fit`."""
    old = picture.size
    x_scale, y_scale = size[0] / old[0], size[1] / old[1]
    if fit != "stretch":
        factors = {"fill": max(x_scale, y_scale), "fit": min(x_scale, y_scale), "width": x_scale, "height": y_scale, "none": 1.0}
        x_scale = y_scale = factors[fit]
    scaled = whole_pixels(old[0] * x_scale), whole_pixels(old[1] * y_scale)
    left, top = int((size[0] - scaled[0]) / 2), int((size[1] - scaled[1]) / 2)
    frame = Box(0, 0, *old)
    if scaled == old == size:  # nothing to resample; overscan is cut off as for any other size
        return picture.on(picture.box.intersect(frame) if _meet(picture.box, frame) else frame) if isinstance(picture, Image) else picture
    source = picture.box.union(frame) if isinstance(picture, Image) else frame
    across = _Axis(old[0], scaled[0], source.left, source.right, left, size[0])
    down = _Axis(old[1], scaled[1], source.top, source.bottom, top, size[1])
    box = Box(across.first + left, down.first + top, across.end + left, down.end + top)
    if isinstance(picture, Image):
        data = _resample(picture.on(source).data, down, across, method)
        return replace(picture, data=data, origin=(box.left, box.top), size=size, encoded=None)
    data = _resample(picture.data, down, across, "nearest" if isinstance(picture, Labels) else method)
    data = cut(data.clamp(0, 1) if isinstance(picture, Matte) else data, box, Box(0, 0, *size))
    return picture.with_data(data)


def _meet(one: Box, other: Box) -> bool:
    """Whether two boxes have pixels in common."""
    both = one.intersect(other)
    return both.width > 0 and both.height > 0


class _Axis:
    """One axis of a resize: the frame goes from `old` to `new` pixels; source pixels exist from `start` to `end`.

    Result pixels `first` to `end` are computed: those with a source, within a frame of `size` that begins at `-offset`.
    """

    def __init__(self, old: int, new: int, start: int, end: int, offset: int, size: int) -> None:
        self.old, self.new, self.start, self.known = old, new, start, end - start
        self.first = max(math.floor(start * new / old), -offset)
        self.end = min(math.ceil(end * new / old), size - offset)

    def taps(self, method: Filter) -> tuple[np.ndarray, np.ndarray]:
        return _taps(self.old, self.new, self.start, self.known, self.first, self.end, method)


def _resample(data: Tensor, down: _Axis, across: _Axis, method: Filter) -> Tensor:
    """`data` `[..., H, W]` resampled along both axes; an axis of the same length is only cut."""
    for axis, dimension in ((down, -2), (across, -1)):
        if axis.old == axis.new:
            data = data.narrow(dimension, axis.first - axis.start, axis.end - axis.first)
        else:
            data = _along(data, dimension, *axis.taps(method))
    return data.contiguous()


def _along(data: Tensor, dimension: int, index: np.ndarray, weight: np.ndarray) -> Tensor:
    import torch

    taps = torch.from_numpy(index).to(data.device)
    if index.shape[1] == 1:  # nearest: no arithmetic, so that labels and infinities stay
        return data.index_select(dimension, taps[:, 0])
    # An embedding bag sums weighted rows and reads only a pixel's own taps, so that a NaN does not spread further.
    rows = data.movedim(dimension, 0)
    summed = torch.nn.functional.embedding_bag(
        taps, rows.reshape(rows.shape[0], -1), mode="sum", per_sample_weights=torch.from_numpy(weight).to(data.device)
    )
    return summed.view(-1, *rows.shape[1:]).movedim(0, dimension)


@functools.lru_cache(maxsize=32)
def _taps(old: int, new: int, start: int, known: int, first: int, end: int, method: Filter) -> tuple[np.ndarray, np.ndarray]:
    """Source pixels of each new pixel `[n, taps]`, and their weights; every row has the sum 1."""
    import numpy as np

    step = old / new  # old pixels per new pixel
    center = (np.arange(first, end) + 0.5) * step - start
    nearest = np.clip(np.floor(center).astype(np.int64), 0, known - 1)[:, None]
    if method == "nearest":
        return nearest, np.ones(nearest.shape, np.float32)
    widened = max(step, 1.0)
    if method == "area":
        index = np.floor(center - step / 2).astype(np.int64)[:, None] + np.arange(math.ceil(step) + 1)
        from_, to = center[:, None] - step / 2, center[:, None] + step / 2
        weight = np.clip(np.minimum(index + 1, to) - np.maximum(index, from_), 0, None)
    else:
        radius, kernel = _KERNELS[method]
        reach = radius * widened
        index = np.floor(center - reach).astype(np.int64)[:, None] + np.arange(math.ceil(2 * reach) + 2)
        weight = kernel((index + 0.5 - center[:, None]) / widened)
    weight = np.where((index < 0) | (index >= known) | (np.abs(weight) < 1e-9), 0, weight)
    weight /= weight.sum(axis=1, keepdims=True)
    used = (weight != 0).any(axis=0)
    # A tap without weight points at the nearest pixel: 0 times a NaN elsewhere would be NaN.
    return np.where(weight == 0, nearest, index)[:, used], weight[:, used].astype(np.float32)


def _bilinear(x: np.ndarray) -> Any:
    import numpy as np

    return np.clip(1 - np.abs(x), 0, None)


def _bicubic(x: np.ndarray) -> Any:
    """Keys' cubic with a = -1/2, also known as Catmull-Rom (IEEE ASSP 29, 1981)."""
    import numpy as np

    x = np.abs(x)
    return np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, ((-0.5 * x + 2.5) * x - 4) * x + 2, 0))


def _lanczos(x: np.ndarray) -> Any:
    import numpy as np

    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


_KERNELS: dict[str, tuple[int, Callable[[Any], Any]]] = {"bilinear": (1, _bilinear), "bicubic": (2, _bicubic), "lanczos": (3, _lanczos)}


def whole_pixels(length: float) -> int:
    return max(1, math.floor(length + 0.5))
