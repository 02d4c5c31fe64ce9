"""Two pictures merged by the operations of compositing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from rotonodes.errors import FrameError
from rotonodes.values.pixels import Box, Image, Matte, cut

if TYPE_CHECKING:
    from torch import Tensor


Operation = Literal[
    "over", "under", "plus", "multiply", "screen", "in", "out", "mask", "stencil", "atop", "xor",
    "max", "min", "difference", "overlay", "hard-light", "soft-light",
]  # fmt: skip


def merge(fg: Image, bg: Image, operation: Operation = "over", mix: float = 1.0, mask: Matte | None = None) -> Image:
    """`fg` merged with `bg`; the node Composite has the formulas and the rules for frames, data windows and channels.

    Raises FrameError for different numbers of colour channels, or a mask of another size.
    """
    import torch

    bg = bg.to(fg.device)
    richer = fg if len(fg.color_indices) > len(bg.color_indices) else bg
    names = tuple(richer.channels[i] for i in richer.color_indices)
    extras = [i for i, name in enumerate(bg.channels) if name != "A" and i not in bg.color_indices]
    box = _window(fg.box, bg.box, operation, whole_bg=bool(extras) or mask is not None or mix < 1)
    a, b = _planes(fg, len(names), box), _planes(bg, len(names), box)
    merged = OPERATIONS[operation](a, b, a[-1:], b[-1:])
    if mask is not None:
        merged = faded(b, merged, matte_on(mask.to(fg.device), bg.size, box) * mix)
    elif mix < 1:
        merged = faded(b, merged, b.new_tensor(mix))
    covered = any(picture.box.union(box) == picture.box for picture in (fg, bg))
    if fg.alpha is None and bg.alpha is None and covered:
        merged = merged[:-1]
    else:
        names = (*names, "A")
    if extras:
        merged = torch.cat([merged, cut(bg.data[extras], bg.box, box)])
    channels = names + tuple(bg.channels[i] for i in extras)
    return replace(bg, data=merged, channels=channels, origin=(box.left, box.top), encoded=None)


def _window(fg: Box, bg: Box, operation: Operation, whole_bg: bool) -> Box:
    """The smallest data window outside of which the result is empty."""
    if operation in ("in", "mask", "multiply"):
        box = fg.intersect(bg)
    elif operation in ("out", "stencil", "atop"):
        box = fg if operation == "out" else bg
    else:
        box = fg.union(bg)
    if whole_bg or not (box.width and box.height):
        box = bg if not (box.width and box.height) else box.union(bg)
    return box


def _planes(image: Image, count: int, box: Box) -> Tensor:
    """`count` colour planes and alpha on `box`; a view where the picture has exactly these planes."""
    import torch

    indices = image.color_indices
    if image.alpha is not None and len(indices) == count and (*indices, image.channels.index("A")) == tuple(range(count + 1)):
        return cut(image.data[: count + 1], image.box, box)
    if len(indices) not in (1, count):
        raise FrameError(f"cannot merge {len(indices)} colour channels ({', '.join(image.channels)}) with {count}")
    alpha = image.alpha if image.alpha is not None else image.data.new_ones(1, 1, 1).expand(1, *image.data.shape[1:])
    return cut(torch.cat([image.color.expand(count, -1, -1), alpha]), image.box, box)


def with_colors(image: Image, color: Tensor, alpha: Tensor | None = None) -> Image:
    """The picture with other colour planes and, where given, another `alpha` `[1, H, W]`, which it gets if it had none."""
    import torch

    planes = dict(zip(image.color_indices, color, strict=True))
    names = image.channels
    if alpha is not None:
        names = names if "A" in names else (*names, "A")
        planes[names.index("A")] = alpha[0]
    return image.with_data(torch.stack([planes[i] if i in planes else image.data[i] for i in range(len(names))]), names)


def multiplied(picture: Image, alpha: Tensor) -> Image:
    """A picture times a matte `[1, H, W]`, colour and alpha, which it gets after its colours if it had none; other channels stay."""
    import torch

    seen = [*picture.color_indices, *([picture.channels.index("A")] if "A" in picture.channels else [])]
    data = torch.empty_like(picture.data, memory_format=torch.contiguous_format)
    for index, plane in enumerate(picture.data):
        if index in seen:
            torch.mul(plane, alpha[0], out=data[index])
        else:
            data[index] = plane
    if not all_finite(data) or alpha.min() < 0:
        data[seen] = torch.where(alpha > 0, data[seen], 0.0)  # infinity and NaN outside the shape become 0
    if "A" in picture.channels:
        return picture.with_data(data)
    after = max(picture.color_indices) + 1
    channels = (*picture.channels[:after], "A", *picture.channels[after:])
    return picture.with_data(torch.cat((data[:after], alpha, data[after:])), channels)


def faded(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
    """`start` where the weight is 0, `end` where it is 1, mixed between; NaN and infinity of one never show where only the other counts."""
    mixed = start.lerp(end, weight)
    if all_finite(mixed):
        return mixed
    mixed = mixed.where(mixed.isfinite(), start * (1 - weight) + end * weight)
    return start.where((weight == 0) | (start == end), end.where(weight == 1, mixed))


def all_finite(planes: Tensor) -> bool:
    """Whether no value is NaN or infinite; the sum, which is quick, tells it of nearly all pictures."""
    return bool(planes.sum().isfinite()) or bool(planes.isfinite().all())


def matte_on(matte: Matte, size: tuple[int, int], box: Box) -> Tensor:
    """The matte `[1, H, W]` on a data window, 0 outside the frame. Raises FrameError when the frame is not of the matte's size."""
    if matte.size != size:
        raise FrameError(f"the matte is {matte.width} x {matte.height}, the picture {size[0]} x {size[1]}: crop or reformat one of them")
    return cut(matte.data, Box(0, 0, *matte.size), box)


def _over(A: Tensor, B: Tensor, a: Tensor) -> Tensor:
    """A + B (1 - a), plane by plane: planes of one shape are computed twice as fast as with one alpha stretched over them."""
    import torch

    made, rest = torch.empty_like(A, memory_format=torch.contiguous_format), 1 - a[0]
    for out, top, below in zip(made, A, B, strict=True):
        torch.addcmul(top, below, rest, out=out)
    return made


def _screen(A: Tensor, B: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return (A + B - A * B).where((A <= 1) | (B <= 1), A.maximum(B))


def _overlay(A: Tensor, B: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return (2 * A * B).where(B < 0.5, 1 - 2 * (1 - A) * (1 - B))


def _soft_light(A: Tensor, B: Tensor, a: Tensor, b: Tensor) -> Tensor:
    both = A * B
    return (B * (2 * A + B * (1 - both))).where(both < 1, 2 * both)


# The formulas of Nuke's reference of merge operations; A and B hold alpha as their last plane.
OPERATIONS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "over": lambda A, B, a, b: _over(A, B, a),
    "under": lambda A, B, a, b: _over(B, A, b),
    "plus": lambda A, B, a, b: A + B,
    "multiply": lambda A, B, a, b: A * B,
    "screen": _screen,
    "in": lambda A, B, a, b: A * b,
    "out": lambda A, B, a, b: A * (1 - b),
    "mask": lambda A, B, a, b: B * a,
    "stencil": lambda A, B, a, b: B * (1 - a),
    "atop": lambda A, B, a, b: (A * b).addcmul(B, 1 - a),
    "xor": lambda A, B, a, b: (A * (1 - b)).addcmul(B, 1 - a),
    "max": lambda A, B, a, b: A.maximum(B),
    "min": lambda A, B, a, b: A.minimum(B),
    "difference": lambda A, B, a, b: (A - B).abs(),
    "overlay": _overlay,
    "hard-light": lambda A, B, a, b: _overlay(B, A, b, a),
    "soft-light": _soft_light,
}
