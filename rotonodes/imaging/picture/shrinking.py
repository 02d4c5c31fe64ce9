"""Pictures at a whole fraction of their size, for previews: colours and mattes as means, everything else as single pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import avg_pool2d

from rotonodes.imaging.passes.names import Passes
from rotonodes.values.pixels import Box, Image, Labels, Layers, Matte

if TYPE_CHECKING:
    import numpy as np

# Passes whose pixels mean nothing when they are averaged: of each block one pixel is taken.
SINGLE = ("Depth", "Position", "Normal", "Vector", "UV", "IndexOB", "IndexMA")


def shrunk(value: Image | Matte | Labels | Layers, by: int) -> Image | Matte | Labels | Layers:
    """A value at 1/`by` of its width and height, rounded up. Of a block of pixels over the edge, those inside count.

    Pictures and mattes are means of linear, premultiplied light; of labels, ids, normals and depth one pixel of each block is taken.
    Vectors, which are in pixels, are divided by `by`.
    """
    if by == 1:
        return value
    if isinstance(value, Layers):
        return _layers(value, by)
    if isinstance(value, Labels):
        return value.with_data(_picked(value.data, by))
    if isinstance(value, Matte):
        return value.with_data(_means(value.data, by))
    box, small = _blocks(value.box, by)
    size = (-(-value.width // by), -(-value.height // by))
    return replace(value.on(box), data=_means(value.on(box).data, by), origin=(small.left, small.top), size=size, encoded=None)


def _blocks(box: Box, by: int) -> tuple[Box, Box]:
    """A box that begins with a whole block and contains `box`, and the same in blocks. The far edges stay: blocks there may be cut."""
    left, top = box.left // by, box.top // by
    return Box(left * by, top * by, box.right, box.bottom), Box(left, top, -(-box.right // by), -(-box.bottom // by))


def _means(planes: torch.Tensor, by: int) -> torch.Tensor:
    return avg_pool2d(planes[None].float(), by, ceil_mode=True, count_include_pad=False)[0]


def _places(length: int, by: int) -> torch.Tensor:
    """The middle pixel of each block."""
    return (torch.arange(-(-length // by)) * by + by // 2).clamp(max=length - 1)


def _picked(plane: torch.Tensor, by: int) -> torch.Tensor:
    rows, columns = _places(plane.shape[-2], by), _places(plane.shape[-1], by)
    return plane[..., rows.to(plane.device)[:, None], columns.to(plane.device)[None]].contiguous()


def _layers(layers: Layers, by: int) -> Layers:
    box, small = _blocks(layers.box, by)
    single, vectors = set[str](), set[str]()
    for one in Passes.of(layers).passes:
        if one.canonical in SINGLE or one.canonical.startswith("Crypto") or "crypto" in one.name.lower():
            single.update(full for _, full in one.channels)
        if one.canonical == "Vector":
            vectors.update(full for _, full in one.channels)
    planes = {}
    for name, plane in layers.planes.items():
        whole = _grown(plane, layers.box, box)
        made = _picked_array(whole, by) if name in single or whole.dtype.kind != "f" else _mean_array(whole, by)
        planes[name] = made / by if name in vectors else made
    return replace(layers, planes=planes, box=small, size=(-(-layers.width // by), -(-layers.height // by)))


def _grown(plane: np.ndarray, box: Box, wanted: Box) -> np.ndarray:
    """A plane with zeros at its left and top, up to the edges of `wanted`."""
    import numpy as np

    left, top = box.left - wanted.left, box.top - wanted.top
    return np.pad(plane, ((top, 0), (left, 0))) if left or top else plane


def _picked_array(plane: np.ndarray, by: int) -> np.ndarray:
    rows, columns = _places(plane.shape[0], by).numpy(), _places(plane.shape[1], by).numpy()
    return plane[rows[:, None], columns[None]]


def _mean_array(plane: np.ndarray, by: int) -> np.ndarray:
    """Means in float32 and in the plane's own type; infinite pixels (a background) stay infinite."""
    import numpy as np

    means = _means(torch.from_numpy(np.ascontiguousarray(plane, dtype=np.float32))[None], by)[0].numpy()
    return means.astype(plane.dtype)
