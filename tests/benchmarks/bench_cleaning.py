"""What cleaning a matte costs, each node beside the library functions it could have called: a Markdown table.

    python tests/benchmarks/bench_cleaning.py --size 1920x1080 --repeats 7

Three frames: `clean`, one shape with a wavy anti-aliased edge; `specks`, the same with specks and pinholes all over the frame; `blobs`,
hundreds of blobs, which is the worst case. One core; processor time, the best of all repeats, the two sides by turns, in ms. What
the libraries do is less: they label or measure hard masks, where the nodes keep soft edges and count parts of pixels.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy import ndimage
from skimage import measure, morphology
from skimage.draw import polygon2mask

from rotonodes.nodes import CheckEdges, GrowShrink, RemoveSpecks, SmoothEdge
from rotonodes.values.pixels import Image, Labels, Matte
from rotonodes.values.tones import default_colors

AREA = 64


class Row(NamedTuple):
    """A node, the library's way, and what each is called in the table."""

    name: str
    ours: Callable[[], Any]
    library: str
    theirs: Callable[[], Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="1920x1080", help="of the frames, in px")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")  # scikit-image renames parameters from release to release
    print("| frame | node | ms | library | ms | times as fast |\n| --- | --- | ---: | --- | ---: | ---: |")
    for name, plane in (("clean", shape(width, height, 0)), ("specks", shape(width, height, 300)), ("blobs", blobs(width, height))):
        for row in rows(plane):
            ours, theirs = best_of(options.repeats, row.ours, row.theirs)
            print(f"| {name} | {row.name} | {ours:.1f} | {row.library} | {theirs:.1f} | {theirs / ours:.1f} |", flush=True)
    return 0


def rows(plane: np.ndarray) -> list[Row]:
    matte = Matte(torch.from_numpy(plane)[None])
    hard = plane >= 0.5
    classes = np.clip(ndimage.gaussian_filter(plane, 3) * 5, 0, 4).astype(np.uint8)
    labels = Labels(torch.from_numpy(classes), tuple("abcde"), default_colors(5))
    image = Image(torch.from_numpy(np.stack([plane] * 3)))

    def removed() -> Any:
        return morphology.remove_small_holes(morphology.remove_small_objects(hard, AREA), AREA)

    def regions_by_size() -> Any:
        parts = measure.label(classes, background=-1, connectivity=2)
        return np.bincount(parts.ravel())[parts]

    def polygons() -> Any:
        lines = (measure.approximate_polygon(line, 1.0) for line in measure.find_contours(plane, 0.5))
        return sum(polygon2mask(plane.shape, line) for line in lines)

    def distances() -> Any:
        return ndimage.distance_transform_edt(~hard) <= 5

    def both_ways() -> Any:
        return measure.find_contours(plane, 0.5), ndimage.distance_transform_edt(hard), ndimage.distance_transform_edt(~hard)

    return [
        Row("RemoveSpecks", lambda: RemoveSpecks(area=AREA)(matte), "remove_small_objects, remove_small_holes", removed),
        Row("RemoveSpecks (labels)", lambda: RemoveSpecks(area=AREA)(labels), "measure.label, sizes", regions_by_size),
        Row("SmoothEdge blur", lambda: SmoothEdge(radius=2)(matte), "gaussian_filter", lambda: ndimage.gaussian_filter(plane, 2)),
        Row("SmoothEdge polygon", lambda: SmoothEdge(method="polygon")(matte), "approximate_polygon, polygon2mask", polygons),
        Row(
            "SmoothEdge guided",
            lambda: SmoothEdge(method="guided", radius=8)(matte, image),
            "uniform_filter, 6 times",
            lambda: [ndimage.uniform_filter(plane, 17) for _ in range(6)],
        ),
        Row("GrowShrink 5 px", lambda: GrowShrink(radius=5)(matte), "distance_transform_edt", distances),
        Row("GrowShrink 60 px", lambda: GrowShrink(radius=60)(matte), "distance_transform_edt", distances),
        Row("CheckEdges", lambda: CheckEdges()([matte]), "find_contours, distance_transform_edt of both sides", both_ways),
    ]


def shape(width: int, height: int, specks: int) -> np.ndarray:
    """A wavy disc with so many specks and as many pinholes, of 1 to 25 px."""
    random = np.random.default_rng(1)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    y, x = y - height / 2, x - width / 2
    edge = height * (0.3 + 0.03 * np.sin(9 * np.arctan2(y, x)))
    plane = np.clip(0.5 + edge - np.hypot(y, x), 0, 1)
    for value in (1, 0):
        for _ in range(specks):
            top, left, side = random.integers(0, height), random.integers(0, width), random.integers(1, 6)
            plane[top : top + side, left : left + side] = value
    return plane.astype(np.float32)


def blobs(width: int, height: int) -> np.ndarray:
    """Smooth noise cut at its mean, with a thousandth of all pixels set to 0 or 1."""
    random = np.random.default_rng(0)
    noise = ndimage.gaussian_filter(random.standard_normal((height, width)).astype(np.float32), 12)
    plane = np.clip(0.5 + 8 * (noise - noise.mean()) / noise.std(), 0, 1).astype(np.float32)
    chance = random.random((height, width))
    plane[chance < 0.0005] = 1
    plane[chance > 0.9995] = 0
    return plane


def best_of(repeats: int, *ways: Callable[[], Any]) -> list[float]:
    """The least time of each way, in ms, by turns."""
    best = [float("inf")] * len(ways)
    for _ in range(repeats):
        for at, way in enumerate(ways):
            begun = time.process_time()
            way()
            best[at] = min(best[at], 1000 * (time.process_time() - begun))
    return best


if __name__ == "__main__":
    sys.exit(main())
