"""Pictures moved, turned and bent by a matrix: sampled where each new pixel came from, antialiased where it gets smaller."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d, grid_sample, pad

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.compositing import with_colors
from rotonodes.imaging.picture.resample import WarpFilter
from rotonodes.values.pixels import Box, Image, Labels, Matte, Picture

Matrix = NDArray[Any]  # [3, 3], from positions (x, y, 1) in the source to positions in the result; pixel centres lie at halves

_MOST = 65536  # px, largest side of a result
_ROWS = 256  # rows of a result at a time: their positions stay in the cache


def warped(picture: Picture, matrix: Matrix, method: WarpFilter = "bicubic") -> Picture:
    """The picture with its pixels moved by `matrix`, in the same frame.

    An opaque picture gets an alpha, 0 beside it. The data window is the box around where the old one goes, cut to the frame and the old
    window. Labels take the nearest pixel. Whole pixels of movement copy pixels. Raises FrameError for a matrix without inverse.
    """
    if np.allclose(matrix, np.eye(3), atol=1e-9):
        return picture
    inverted(matrix)  # raises before anything is made
    shift = _whole_shift(matrix)
    if isinstance(picture, Image):
        allowed = picture.box.union(Box(0, 0, *picture.size))
        if shift is not None:
            return _shifted(picture, shift, allowed)
        target = _box_of(matrix, picture.box).intersect(allowed)
        if not (target.width and target.height):
            return _nothing(picture)
        if picture.alpha is None and {"R", "Y"} & set(picture.channels):  # what lies beside an opaque picture is not opaque
            picture = with_colors(picture, picture.color, torch.ones_like(picture.data[:1]))
        data = sampled(picture.data, picture.box, matrix, target, method)
        return replace(picture, data=data, origin=(target.left, target.top), encoded=None)
    frame = Box(0, 0, *picture.size)
    planes = picture.data if isinstance(picture, Matte) else picture.data[None].float()
    made = sampled(planes, frame, matrix, frame, "nearest" if isinstance(picture, Labels) else method)
    return picture.with_data(made.clamp(0, 1) if isinstance(picture, Matte) else made[0].to(picture.data.dtype))


def sampled(planes: Tensor, box: Box, matrix: Matrix, target: Box, method: WarpFilter) -> Tensor:
    """`planes` `[C, H, W]` on `box`, moved by `matrix`, on `target`; 0 where they have no pixels.

    Where the result is less than half as large, means over whole blocks are sampled. Raises FrameError for a matrix without inverse.
    """
    inverse = inverted(matrix)
    block = _block(inverse, target) if method != "nearest" else 1
    height, width = planes.shape[-2:]
    if block > 1:
        extra = (-width % block, -height % block)
        planes = avg_pool2d(pad(planes[None], (0, extra[0], 0, extra[1])), block)[0]
    # From result pixels to the unit square of grid_sample, whose -1 and 1 are the outer edges.
    size = (planes.shape[-1] * block, planes.shape[-2] * block)
    to_grid = np.array([[2 / size[0], 0, -1 - 2 * box.left / size[0]], [0, 2 / size[1], -1 - 2 * box.top / size[1]], [0, 0, 1]])
    whole = to_grid @ inverse @ np.array([[1, 0, target.left + 0.5], [0, 1, target.top + 0.5], [0, 0, 1]])
    made = planes.new_empty((planes.shape[0], target.height, target.width))
    source = planes[None]
    for top in range(0, target.height, _ROWS):
        rows = min(_ROWS, target.height - top)
        grid = _grid(whole, top, rows, target.width, planes.device)
        made[:, top : top + rows] = grid_sample(source, grid, mode=method, padding_mode="zeros", align_corners=False)[0]
    return made


def _grid(whole: Matrix, top: int, rows: int, width: int, device: torch.device) -> Tensor:
    """Where each result pixel comes from, in grid_sample's coordinates: `[1, rows, W, 2]`; what lies behind the viewer is far outside."""
    x = torch.arange(width, dtype=torch.float64, device=device)
    y = torch.arange(top, top + rows, dtype=torch.float64, device=device)
    grid = torch.empty((rows, width, 2), dtype=torch.float32, device=device)
    flat = abs(whole[2, 0]) < 1e-15 and abs(whole[2, 1]) < 1e-15
    for axis in range(2):
        a, b, c = (whole[axis] / whole[2, 2]).tolist() if flat else whole[axis].tolist()
        torch.add((a * x + c).float()[None], (b * y).float()[:, None], out=grid[..., axis])
    if not flat:
        a, b, c = whole[2].tolist()
        depth = (a * x + c).float()[None] + (b * y).float()[:, None]
        seen = depth > 1e-9
        for axis in range(2):  # faster than both at once, which lie side by side
            torch.div(grid[..., axis], depth, out=grid[..., axis])
        if not seen.all():
            grid[~seen] = 1e4
    return grid[None]


def inverted(matrix: Matrix) -> Matrix:
    """The inverse; raises FrameError where there is none, or none that can be computed with."""
    scaled = matrix / max(1e-300, np.abs(matrix).max())
    if not np.isfinite(matrix).all() or abs(np.linalg.det(scaled)) < 1e-15:
        raise FrameError("the transformation flattens the picture to a line or a point (its matrix has no inverse): scale by more than 0")
    return np.linalg.inv(matrix).astype(np.float64)


def affine(
    translate: tuple[float, float], rotate: float, scale: tuple[float, float], center: tuple[float, float], skew: float = 0.0
) -> Matrix:
    """The matrix that scales, skews and turns (degrees, anticlockwise) about `center`, then moves by `translate` px (right, down)."""
    turn = math.radians(rotate)
    cos, sin = math.cos(turn), math.sin(turn)
    rotation = np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]])
    shear = np.array([[1, -math.tan(math.radians(skew)), 0], [0, 1, 0], [0, 0, 1]])
    there, back = _moved(center[0] + translate[0], center[1] + translate[1]), _moved(-center[0], -center[1])
    matrix: Matrix = there @ rotation @ shear @ np.diag([*scale, 1.0]) @ back
    return matrix


def _moved(x: float, y: float) -> Matrix:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def corners_matrix(source: list[tuple[float, float]], target: list[tuple[float, float]]) -> Matrix:
    """The homography that takes four points to four others; (x, y) each.

    Raises FrameError where three of four lie on one line. Hartley, Zisserman: Multiple View Geometry, 2nd edition, algorithm 4.1.
    """
    for name, points in (("from", source), ("to", target)):
        size = max(max(abs(a[0] - b[0]), abs(a[1] - b[1])) for a in points for b in points) or 1.0
        for left_out in range(4):
            (ax, ay), (bx, by), (cx, cy) = (p for i, p in enumerate(points) if i != left_out)
            if abs((bx - ax) * (cy - ay) - (by - ay) * (cx - ax)) < 1e-9 * size * size:
                raise FrameError(f"{name}: three of the four corners lie on one line: no picture can be bent to that")
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(source, target, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    found = np.linalg.solve(np.array(rows, np.float64), np.array([n for point in target for n in point], np.float64))
    matrix: Matrix = np.append(found, 1.0).reshape(3, 3)
    return matrix


def _box_of(matrix: Matrix, box: Box) -> Box:
    """The whole pixels around where a box goes; everything where a part of it is behind the viewer."""
    corners = np.array([[x, y, 1] for x in (box.left, box.right) for y in (box.top, box.bottom)], np.float64).T
    points: Any = matrix @ corners
    if (points[2] <= 1e-9).any():
        return Box(-_MOST, -_MOST, _MOST, _MOST)
    x, y = (points[:2] / points[2]).clip(-_MOST, _MOST)
    return Box(math.floor(x.min() + 1e-6), math.floor(y.min() + 1e-6), math.ceil(x.max() - 1e-6), math.ceil(y.max() - 1e-6))


def _block(inverse: Matrix, target: Box) -> int:
    """How many source pixels lie, along each side, in a result pixel in the middle of the target: a whole number."""
    center = np.array([(target.left + target.right) / 2, (target.top + target.bottom) / 2, 1])
    point = inverse @ center
    if abs(point[2]) < 1e-12:
        return 1
    slopes = (inverse[:2, :2] * point[2] - np.outer(point[:2], inverse[2, :2])) / point[2] ** 2
    return int(min(256, max(1, math.floor(math.sqrt(abs(np.linalg.det(slopes))) + 1e-6))))


def _whole_shift(matrix: Matrix) -> tuple[int, int] | None:
    """The movement in whole pixels, where the matrix does nothing else."""
    x, y = matrix[0, 2], matrix[1, 2]
    if abs(x) > _MOST or abs(y) > _MOST or not np.allclose(matrix, _moved(round(x), round(y)), atol=1e-6):
        return None
    return round(x), round(y)


def _shifted(picture: Image, shift: tuple[int, int], allowed: Box) -> Image:
    """The picture moved by whole pixels: its data window moves, its pixels are shared."""
    moved = replace(picture, origin=(picture.origin[0] + shift[0], picture.origin[1] + shift[1]), encoded=None)
    inside = moved.box.intersect(allowed)
    return moved.on(inside) if inside.width and inside.height else _nothing(picture)


def _nothing(picture: Image) -> Image:
    """One empty pixel: a picture has at least one."""
    return replace(picture, data=picture.data.new_zeros(picture.data.shape[0], 1, 1), origin=(0, 0), encoded=None)
