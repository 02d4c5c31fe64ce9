"""The camera's orientation in a render: noted in the file's header, or solved from the passes Position, Normal and Depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.names import Passes
from rotonodes.io.json_text import parse_json

if TYPE_CHECKING:
    from rotonodes.values.pixels import Layers

# Depths from here on mean that the ray hit nothing: renderers write 1e10 (Blender), 1e30, or infinity.
NOTHING = 1e9

_POINTS = 50_000
_FARTHEST = 1000.0  # bound of distances and depths, as a multiple of their median
_FEWEST_POINTS = 16
# px, largest accepted error of a fit: renderers write the position of a pixel's first sample, which need not be at its centre.
_WORST_FIT = 2.0

_LENSES = np.geomspace(0.25, 6.0, 47)  # focal lengths tried, in frame widths
_FINER = np.geomspace(1 / 1.06, 1.06, 25)  # those around the best of them
_STEEPEST = 0.05  # largest change of depth from pixel to pixel, as a share of it, that is no edge
_CELLS = 6  # cells per unit of a normal
_FACETS = 0.01  # 1 - cosine, 8 degrees: how much smooth-shaded normals differ from the flat faces below them
_CUT = 0.1  # 1 - cosine at which the misfit of a pixel is cut off
_FEWEST_TURNED = 0.003  # second singular value of the normals' correlation: 0 where all are parallel, 1/3 on a sphere
_WORST_NORMALS = 0.14  # mean of 1 - cosine; smooth shading of a ball of 12 faces has 0.1, normals of another space 0.18 and more


def camera_rotation(
    layers: Layers, passes: Passes, layer: str = "", view: str = "", way_out: str = "note the camera in the header"
) -> np.ndarray:
    """The rotation from world to camera, float64 `[3, 3]`; its rows are the camera's right, up, and towards the viewer.

    Taken from the header where it is noted, else solved from Depth (planar) and Position (world space), or Depth and
    Normal (world space) of the view layer. Raises FrameError when these are missing, or fit no camera, with what to render and the
    caller's `way_out`.
    """
    noted = header_camera(layers)
    if noted is not None:
        return noted
    having = {name for name in ("Position", "Normal", "Depth") if passes.has(name, layer, view)}
    other = "Position" if "Position" in having else "Normal"
    missing = [name for name in (other, "Depth") if name not in having]
    if missing:
        raise FrameError(
            f"{passes.where}: the header notes no camera, and there is no pass {' and no pass '.join(missing)} to solve it from: "
            f"render Normal and Depth too, or {way_out}"
        )
    planes = [layers.planes[full] for name in (other, "Depth") for _, full in passes.find(name, layer, view).channels]
    if len(planes) < 4:
        raise FrameError(f"{passes.where}: {other} needs three channels and Depth one: render them again, or {way_out}")
    try:
        vectors, depth = np.stack(planes[:3]), np.asarray(planes[3])
        return solve_camera(vectors, depth) if other == "Position" else turn(vectors, depth)
    except ValueError as error:
        raise FrameError(f"{passes.where}: no camera can be solved from {other} and Depth: {error}, or {way_out}") from None


def header_camera(layers: Layers) -> np.ndarray | None:
    """The rotation from the header's JSON note `{"camera": [[...], [...], [...]]}`; None where there is none."""
    for text in layers.metadata.values():
        if isinstance(text, str) and '"camera"' in text:
            rows = _rotation(text)
            if rows is not None:
                return rows
    return None


def _rotation(text: str) -> np.ndarray | None:
    """The rotation under `camera` in a JSON text; None for anything else under that name."""
    try:
        note: Any = parse_json(text)
        rows = np.asarray(note["camera"], dtype=np.float64)
    except (ValueError, TypeError, KeyError):
        return None
    if rows.shape != (3, 3) or not np.allclose(rows @ rows.T, np.eye(3), atol=1e-3) or np.linalg.det(rows) < 0:
        return None
    return rows


def solve_camera(position: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The rotation from world to camera, float64 `[3, 3]`, from world positions `[3, H, W]` and planar depths `[H, W]`.

    In a perspective picture P = C + depth * M [x, y, 1], in an orthographic one P = C + M [x, y, depth], both linear in C and M
    (least squares over the pixels with a depth); the first two columns of M point right and up. A shifted lens
    and non-square pixels change neither direction. Raises ValueError, with the reason, when the data does not determine a camera.
    """
    there = (depth > 0) & (depth < NOTHING) & (abs(position) < NOTHING).all(axis=0)  # false for NaN
    if there.any():  # a point a thousand times as far away as half of the others is a fault of the render
        away = np.where(there, abs(position - np.median(position[:, there], axis=1)[:, None, None]).max(axis=0), 0)
        there &= (away <= _FARTHEST * np.median(away[there])) & (depth <= _FARTHEST * np.median(depth[there]))
    rows, columns = np.nonzero(there)
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
    """(the last two rows of the solution, the median error in px); `scale` times these rows is the size of a pixel at that depth.

    Points at edges, where renderers mix front and back, are left out in the second round.
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


@dataclass(frozen=True, eq=False)
class Slopes:
    """A depth pass at n pixels where it is smooth: `depth`, and its change to the next pixel `across` and `down`, all `[n]`.

    `x` and `y` are the pixels' places right of and above the frame's centre, in frame widths; `step` is the size of a pixel.
    `rows` and `columns` are pixel indices in the frame.
    """

    depth: np.ndarray
    across: np.ndarray
    down: np.ndarray
    x: np.ndarray
    y: np.ndarray
    step: float
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, depth: np.ndarray, normals: np.ndarray, most: int = 4000) -> Slopes:
        """From planar depths `[H, W]` and normals `[3, H, W]` where both are known; at most `most` pixels, evenly spread."""
        height, width = depth.shape
        known = (abs(normals) < 2).all(axis=0)  # false for NaN
        there = (depth > 0) & (depth < NOTHING) & known & (np.linalg.norm(np.where(known, normals, 0), axis=0) > 0.9)
        z = np.where(there, depth, 0).astype(np.float64)
        across, down, middle = np.zeros_like(z), np.zeros_like(z), np.zeros_like(there)
        across[:, 1:-1], down[1:-1] = (z[:, 2:] - z[:, :-2]) / 2, (z[2:] - z[:-2]) / 2
        middle[1:-1, 1:-1] = there[1:-1, 2:] & there[1:-1, :-2] & there[2:, 1:-1] & there[:-2, 1:-1]
        smooth = there & middle & (abs(across) < _STEEPEST * z) & (abs(down) < _STEEPEST * z)
        rows, columns = np.nonzero(smooth)
        chosen = np.linspace(0, max(len(rows) - 1, 0), min(len(rows), most)).astype(int)
        rows, columns = rows[chosen], columns[chosen]
        x, y = (columns + 0.5 - width / 2) / width, (height / 2 - rows - 0.5) / width
        return cls(z[rows, columns], across[rows, columns], down[rows, columns], x, y, 1 / width, rows, columns)

    def normals(self, lens: float) -> np.ndarray:
        """The unit normals `[3, n]` in camera space of the surface these depths describe, for a focal length in frame widths."""
        # P = depth (x / f, y / f, -1); its derivatives to the right and downwards span the surface
        right = [(self.across * self.x + self.depth * self.step) / lens, self.across * self.y / lens, -self.across]
        below = [self.down * self.x / lens, (self.down * self.y - self.depth * self.step) / lens, -self.down]
        normals = np.cross(np.stack(below), np.stack(right), axis=0)
        return np.asarray(normals / np.linalg.norm(normals, axis=0).clip(min=1e-30))


def find_lens(depth: np.ndarray, normals: np.ndarray) -> float | None:
    """The focal length, in frame widths, for which planar depths `[H, W]` describe a surface with these normals.

    Normals `[3, H, W]` are in camera space. To half a percent, between 0.24 and 6.4; None where too little of the depth is smooth.
    """
    slopes = Slopes.of(depth, normals)
    if len(slopes.rows) < _FEWEST_POINTS:
        return None
    wanted = normals[:, slopes.rows, slopes.columns]
    best = 1.0
    for lenses in (_LENSES, _FINER):
        misfits = [np.median(1 - (slopes.normals(best * lens) * wanted).sum(axis=0)) for lens in lenses]
        best *= float(lenses[int(np.argmin(misfits))])
    return best


def turn(normals: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """The rotation from world to camera, float64 `[3, 3]`, from world-space normals `[3, H, W]` and planar depths `[H, W]`.

    It turns the normals of the pass into those that the depths describe, for the focal length that fits best (the orthogonal
    Procrustes problem, Schönemann 1966, solved again with less weight on pixels that fit badly). Raises ValueError, with the reason,
    when the data does not determine a camera.
    """
    slopes = Slopes.of(depth, normals)
    if len(slopes.rows) < _FEWEST_POINTS:
        raise ValueError(f"{len(slopes.rows)} pixels have a smooth depth and a normal: show more of the scene")
    world = normals[:, slopes.rows, slopes.columns].astype(np.float64)
    world /= np.linalg.norm(world, axis=0)
    cells = np.round(world * _CELLS).astype(int)
    _, cell, size = np.unique(cells, axis=1, return_inverse=True, return_counts=True)
    weights = 1 / size[cell.ravel()]  # equal weight for each normal, not each pixel, or a floor would outvote the shapes on it
    weights /= weights.sum()
    fits = [(*_procrustes(world, slopes.normals(lens), weights), lens) for lens in _LENSES]
    rotation, _, second, lens = min(fits, key=lambda fit: fit[1])
    coarse = float(weights @ (1 - (slopes.normals(lens) * (rotation @ world)).sum(axis=0)).clip(0, 1))
    if second < _FEWEST_TURNED:
        raise ValueError("all of its normals point one way: show more of the scene")
    if coarse > _WORST_NORMALS:
        raise ValueError("the normals are not those of the depths: the normals must be in world space and the depth planar")
    return rotation


def _procrustes(world: np.ndarray, camera: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float, float]:
    """(the rotation of vectors `[3, n]` onto others, its misfit, the second singular value, which is 0 where the rotation is undetermined).

    `weights` `[n]` have the sum 1. The misfit is the weighted mean of 1 - cosine, each at most `_CUT`.
    """
    misfit = np.zeros(len(weights))
    for _ in range(4):
        near = weights / (1 + (misfit / _FACETS) ** 2)  # less weight for outliers
        left, sizes, right = np.linalg.svd((camera * near) @ world.T / near.sum())
        left[:, 2] *= np.sign(np.linalg.det(left @ right))
        rotation = left @ right
        misfit = (1 - (camera * (rotation @ world)).sum(axis=0)).clip(0)
    return rotation, float(weights @ misfit.clip(max=_CUT)), float(sizes[1])
