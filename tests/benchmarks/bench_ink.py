"""Lines of InkLines against the true ones, as Markdown tables: recall, precision, flicker on a moving shot, time per frame.

    python tests/benchmarks/bench_ink.py [--frames 8]
    python tests/benchmarks/bench_ink.py --render desk/render.####.exr --frames 2     # renders of tests/blender/ink_desk.py

The true lines are those of a box and balls on a floor, traced by hand, seen by a camera that goes round them, or Freestyle's pass of a
Blender render. Recall is the share of true places that have a drawn pixel (coverage of 0.5 or more) within 1 px, precision the
share of drawn pixels that have a true place within 1 px. Freestyle draws no lines where objects stand in each other; `outside of
contacts` leaves those of our pixels out that lie on a border between objects without a step of depth.

Flicker: places of true lines (with --render: drawn pixels) of one frame are followed into the next by their place in the world (by the pass
Vector); it is the share of those seen in both that are drawn in one and not in the other. `wobble` is the spread, in px, of the drawn
line's distance to a true place from one frame to the next. For comparison, `plain edges` are drawn where neighbouring pixels differ by
the same thresholds, without joining and smoothing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from rotonodes.imaging.lines.borders import depth_borders, identity_borders, nearness, same_object, unit_vectors
from rotonodes.imaging.lines.identities import find_identity
from rotonodes.imaging.passes.names import Passes, pass_planes
from rotonodes.io.exr import read_layers
from rotonodes.nodes import InkLines
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Layers
from traced_desk import Desk, desk, distances, drawn

WIDE = {"material": 1.0, "depth": 1.0, "normal": 1.0, "tone": 1.0}
NEAR = 1.0  # px
STEP, CREASE = 0.01, 30.0

Drawer = Callable[[Layers], np.ndarray]  # the lines' coverage `[H, W]`


def inked(layers: Layers) -> np.ndarray:
    return InkLines(width=1.4, widths=WIDE)(layers).matte.data[0].numpy()


def inked_by_depth(layers: Layers) -> np.ndarray:
    """Without a cryptomatte."""
    planes = {name: plane for name, plane in layers.planes.items() if "Crypto" not in name and "Index" not in name}
    return inked(replace(layers, planes=planes))


def plain(layers: Layers) -> np.ndarray:
    """Pixels that differ from their right or lower neighbour, by the same thresholds: what a compositor makes of an edge filter."""
    passes = Passes.of(layers)
    identity = find_identity(layers, passes, "object")
    assert identity is not None
    near = nearness(pass_planes(layers, passes, passes.find("Depth"), 1)[0], 1e9)
    normal = unit_vectors(pass_planes(layers, passes, passes.find("Normal"), 3))
    made = np.zeros(near.shape, np.float32)
    for found in (identity_borders(identity), depth_borders(near, STEP)):
        made[found.row, found.column] = 1
    limit = (2 * np.sin(np.radians(CREASE) / 2)) ** 2
    right, down = same_object(identity.ids)
    made[:, :-1][(((normal[:, :, 1:] - normal[:, :, :-1]) ** 2).sum(0) > limit) & right] = 1
    made[:-1][(((normal[:, 1:] - normal[:, :-1]) ** 2).sum(0) > limit) & down] = 1
    return made


WAYS: dict[str, Drawer] = {"InkLines": inked, "InkLines without cryptomatte": inked_by_depth, "plain edges": plain}


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def traced(frames: int, size: tuple[int, int]) -> None:
    print("| lines | noise of normals | recall | precision | flicker | wobble, px |\n|---|---|---|---|---|---|")
    for noise in (0.0, 0.1):
        shot = [desk(azimuth=0.3 + 0.004 * step, size=size, noise=noise) for step in range(frames)]
        for name, way in WAYS.items():
            lines = [drawn(way(seen.layers)) for seen in shot]
            recall = statistics.mean((distances(seen.lines, one) <= NEAR).mean() for seen, one in zip(shot, lines, strict=True))
            precision = statistics.mean((distances(one, seen.lines) <= NEAR).mean() for seen, one in zip(shot, lines, strict=True))
            flicker, wobble = followed(shot, lines)
            print(f"| {name} | {noise:g} | {percent(recall)} | {percent(precision)} | {percent(flicker)} | {wobble:.2f} |")


def followed(shot: Sequence[Desk], lines: Sequence[np.ndarray]) -> tuple[float, float]:
    """(flicker, wobble) over pairs of frames."""
    changed, moved = [], []
    for first, second, before, after in zip(shot, shot[1:], lines, lines[1:], strict=False):
        places, depth = second.project(first.points)
        x, y = places.round().astype(int).T
        height, width = second.layers.planes["L.Depth.Z"].shape
        there = (x >= 0) & (y >= 0) & (x < width) & (y < height)
        there &= np.abs(second.layers.planes["L.Depth.Z"][y.clip(0, height - 1), x.clip(0, width - 1)] - depth) < 0.05
        one, other = distances(first.lines, before)[there], distances(places, after)[there]
        changed.append(((one <= NEAR) != (other <= NEAR)).mean())
        both = (one <= 2) & (other <= 2)
        moved.append(np.std(one[both] - other[both]))
    return float(np.mean(changed)), float(np.mean(moved))


def speed() -> None:
    layers = desk(size=(1920, 1080), fine=2).layers
    times = []
    for _ in range(5):
        start, used = time.perf_counter(), time.process_time()
        InkLines()(layers)
        times.append((time.perf_counter() - start, time.process_time() - used))
    wall, cpu = (1000 * statistics.median(column) for column in zip(*times, strict=True))
    print(f"\n1920 x 1080: {wall:.0f} ms a frame, {cpu:.0f} ms of one core (median of five)")


def rendered(pattern: str, frames: int) -> None:
    shot = [read_layers(FilePattern(pattern).path(frame)) for frame in range(1, frames + 1)]
    print("| lines | against Freestyle | recall | precision | outside of contacts | flicker |\n|---|---|---|---|---|---|")
    for name, way in WAYS.items():
        lines = [drawn(way(layers)) for layers in shot]
        scores = []
        for layers, one in zip(shot, lines, strict=True):
            passes = Passes.of(layers)
            true = drawn(pass_planes(layers, passes, passes.find("Freestyle"), 4)[3])
            right = distances(one, true) <= NEAR
            scores.append(((distances(true, one) <= NEAR).mean(), right.mean(), right[~at_contacts(layers, passes, one)].mean()))
        recall, precision, apart = np.mean(scores, axis=0)
        pairs = [by_vectors(*pair) for pair in zip(shot, shot[1:], lines, lines[1:], strict=False)]
        shown = percent(float(np.mean(pairs))) if pairs else ""
        print(f"| {name} | {pattern} | {percent(recall)} | {percent(precision)} | {percent(apart)} | {shown} |")


def at_contacts(layers: Layers, passes: Passes, places: np.ndarray) -> np.ndarray:
    """Whether drawn pixels lie within 2 px of a border between objects that has no step of depth."""
    identity = find_identity(layers, passes, "object")
    assert identity is not None
    near = nearness(pass_planes(layers, passes, passes.find("Depth"), 1)[0], 1e9)
    found = identity_borders(identity)
    down, right = (found.axis == 1).astype(int), (found.axis == 0).astype(int)
    one, other = near[found.row, found.column], near[found.row + down, found.column + right]
    touching = np.abs(one - other) < 2 * STEP * np.maximum(one, other)
    return distances(places, np.stack([found.column, found.row], axis=1)[touching].astype(float)) <= 2


def by_vectors(first: Layers, second: Layers, before: np.ndarray, after: np.ndarray) -> float:
    """The share of the first frame's drawn pixels, seen in both, that are not drawn in the second one."""
    one, other = Passes.of(first), Passes.of(second)
    vector = pass_planes(first, one, one.find("Vector"), 4)
    world, later = (pass_planes(layers, passes, passes.find("Position"), 3) for layers, passes in ((first, one), (second, other)))
    height, width = vector.shape[1:]
    places, x, y = in_front(before, pass_planes(first, one, one.find("Depth"), 1)[0])
    best: tuple[float, float] = (np.inf, 0.0)
    for planes in ((0, 1), (2, 3)):  # programs differ in which pair leads to the next frame, and in its sign
        for sign in (1, -1):
            moved = places + np.stack([sign * vector[planes[0], y, x], -sign * vector[planes[1], y, x]], axis=1)
            tx, ty = (np.stack([x, y], axis=1) + moved - places).round().astype(int).T
            inside = (tx >= 0) & (ty >= 0) & (tx < width) & (ty < height)
            apart = np.linalg.norm(later[:, ty.clip(0, height - 1), tx.clip(0, width - 1)] - world[:, y, x], axis=0)
            seen = inside & (apart < 0.05)
            if np.median(apart) < best[0]:
                best = float(np.median(apart)), float((distances(moved[seen], after) > 1.5).mean())
    return best[1]


def in_front(places: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The places, and for each the column and row of the nearest surface at most one pixel away: an outline moves with what is in front."""
    height, width = depth.shape
    around = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    columns = np.stack([places[:, 0].astype(int) + right for _, right in around]).clip(0, width - 1)
    rows = np.stack([places[:, 1].astype(int) + down for down, _ in around]).clip(0, height - 1)
    best = depth[rows, columns].argmin(axis=0)[None]
    return places, np.take_along_axis(columns, best, 0)[0], np.take_along_axis(rows, best, 0)[0]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--size", type=int, nargs=2, default=(384, 288), metavar=("W", "H"), help="of the traced frames")
    parser.add_argument("--render", help="EXRs with Freestyle's pass, #### for the frame")
    parser.add_argument("--no-speed", action="store_true")
    options = parser.parse_args(arguments)
    if options.render:
        rendered(options.render, options.frames)
    else:
        traced(options.frames, tuple(options.size))
        if not options.no_speed:
            speed()
    return 0


if __name__ == "__main__":
    sys.exit(main())
