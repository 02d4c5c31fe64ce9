"""Which way the camera of a render looks: noted in the file's header, or solved from its Position and Depth passes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from rotonodes.errors import FrameError
from rotonodes.io.passes import Passes

if TYPE_CHECKING:
    from rotonodes.pixels import Layers

# Depths from here on mean that there is nothing: renderers write 1e10 (Blender), 1e30, or infinity.
NOTHING = 1e9

_POINTS = 50_000
_FEWEST_POINTS = 16
# Renderers take the position of a pixel's first sample, which may lie this far beside its middle.
_WORST_FIT = 2.0


def camera_rotation(layers: Layers, passes: Passes, layer: str = "", view: str = "") -> np.ndarray:
    """The rotation from the world to the camera, float64 `[3, 3]`; its rows are the camera's right, up, and towards the viewer.

    Taken from the header where a renderer noted it, else solved from the passes Position (world space) and Depth (planar) of
    the view layer. Raises FrameError that says what to render when there is neither, or when the two do not fit a camera.
    """
    noted = header_camera(layers)
    if noted is not None:
        return noted
    missing = [name for name in ("Position", "Depth") if not passes.has(name, layer, view)]
    if missing:
        raise FrameError(
            f"{passes.where}: the header notes no camera, and there is no pass {' and no pass '.join(missing)} to solve it from: "
            "render Position and Depth too, or take normals: world"
        )
    planes = [layers.planes[full] for name in ("Position", "Depth") for _, full in passes.find(name, layer, view).channels]
    if len(planes) < 4:
        raise FrameError(f"{passes.where}: Position needs three channels and Depth one: render them again, or take normals: world")
    try:
        return solve_camera(np.stack(planes[:3]), np.asarray(planes[3]))
    except ValueError as error:
        raise FrameError(f"{passes.where}: no camera can be solved from Position and Depth: {error}, or take normals: world") from None


def header_camera(layers: Layers) -> np.ndarray | None:
    """The rotation that the renders' header notes as JSON, `{"camera": [[...], [...], [...]]}`; None where there is none."""
    for text in layers.metadata.values():
        if isinstance(text, str) and '"camera"' in text:
            rows = _rotation(text)
            if rows is not None:
                return rows
    return None


def _rotation(text: str) -> np.ndarray | None:
    """The rotation under `camera` in a JSON text; None for whatever else a program may call by that name."""
    try:
        note: Any = json.loads(text)
        rows = np.asarray(note["camera"], dtype=np.float64)
    except (ValueError, TypeError, KeyError):
        return None
    if rows.shape != (3, 3) or not np.allclose(rows @ rows.T, np.eye(3), atol=1e-3) or np.linalg.det(rows) < 0:
        return None
    return rows


def solve_camera(position: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """World positions `[3, H, W]` and planar depths `[H, W]` -> the rotation from the world to the camera, float64 `[3, 3]`.

    In a perspective picture P = C + depth * M [x, y, 1], in an orthographic one P = C + M [x, y, depth], both linear in C and M
    (least squares over the pixels where there is something); the first two columns of M point right and up. A shifted lens
    and pixels that are not square change neither direction. Raises ValueError, in words, when there is too little to go by.
    """
    rows, columns = np.nonzero((depth > 0) & (depth < NOTHING) & np.isfinite(position).all(axis=0))
    if len(rows) > _POINTS:
        chosen = np.linspace(0, len(rows) - 1, _POINTS).astype(int)
        rows, columns = rows[chosen], columns[chosen]
    if len(rows) < _FEWEST_POINTS:
        raise ValueError(f"{len(rows)} pixels have a depth: show more of the scene")
    height, width = depth.shape
    x, y = columns + 0.5 - width / 2, height / 2 - rows - 0.5
    points, depths = position[:, rows, columns].T.astype(np.float64), depth[rows, columns].astype(np.float64)
    one = np.ones_like(depths)
    fits = [
        _fit(np.stack([one, depths, depths * x, depths * y], axis=1), points, depths),
        _fit(np.stack([one, depths, x, y], axis=1), points, one),
    ]
    axes, error = min(fits, key=lambda fit: fit[1])
    if error > _WORST_FIT:
        raise ValueError(f"they are {error:.3g} px beside any picture: the position must be in world space and the depth planar")
    right, up = axes / np.linalg.norm(axes, axis=1, keepdims=True)
    if abs(right @ up) > 0.1:
        raise ValueError("right and up are not at right angles: show more of the scene")
    # The nearest rotation (Schönemann, the orthogonal Procrustes problem, 1966).
    left, _, other = np.linalg.svd(np.stack([right, up, np.cross(right, up)]))
    return np.asarray(left @ other)


def _fit(design: np.ndarray, points: np.ndarray, scale: np.ndarray) -> tuple[np.ndarray, float]:
    """(the last two rows of the solution, the median error in pixels); `scale` * those rows is the size of a pixel there.

    Points at edges, where renderers mix what lies in front with what lies behind, are left out in the second round.
    """
    kept = np.ones(len(points), dtype=bool)
    for _ in range(2):
        sizes = np.linalg.norm(design[kept], axis=0).clip(min=1e-30)
        triangle = np.linalg.qr(design[kept] / sizes, mode="r")
        if abs(np.diag(triangle))[2:].min() < 1e-4:
            raise ValueError("the pixels that have a depth lie in a line: show more of the scene")
        solution = np.linalg.lstsq(design[kept] / sizes, points[kept], rcond=1e-9)[0] / sizes[:, None]
        pixel = scale * np.linalg.norm(solution[2:], axis=1).max().clip(min=1e-30)
        errors = np.linalg.norm(design @ solution - points, axis=1) / pixel
        kept = errors <= 3 * np.median(errors) + 1e-6
    return solution[2:], float(np.median(errors))
