"""Nodes that work on mattes beside the library function that each could have called: times of one 1080p frame, a Markdown table.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python tests/benchmarks/bench_mattes.py [Trimap Despill ...]

Everything runs on one thread; times are of that core, the best of --rounds, both sides by turns. A library function is given its inputs in
its own layout, a node its values, so that what a node needs to hand them over counts against it. Needs the extras `matting` and `post`.
Further nodes are added to `ROWS`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # pymatting reads it when it is imported

import numpy as np
import torch

from rotonodes.imaging.mattes.regions import largest_region
from rotonodes.nodes import Despill, EstimateForeground, SolveAlpha, Trimap
from rotonodes.values.pixels import Image, Matte

HEIGHT, WIDTH = 1080, 1920
COLUMNS = ("node", "library function", "node, ms", "library, ms")


class Frame:
    """A star-shaped cut-out with a soft edge of some 20 px in a picture with noise; tensors for nodes, arrays for libraries."""

    @cached_property
    def matte(self) -> Matte:
        y, x = torch.meshgrid(torch.arange(HEIGHT) - HEIGHT / 2, torch.arange(WIDTH) - WIDTH / 2, indexing="ij")
        radius = 350 + 60 * torch.sin(9 * torch.atan2(y, x))
        return Matte(((radius - (x * x + y * y).sqrt()) / 20 + 0.5).clamp(0, 1)[None])

    @cached_property
    def haze(self) -> Matte:
        """A matte that is soft in every pixel, as of smoke: the worst case."""
        y, x = torch.meshgrid(torch.arange(HEIGHT) / 90, torch.arange(WIDTH) / 70, indexing="ij")
        return Matte((0.5 + 0.45 * torch.sin(y) * torch.cos(x))[None])

    @cached_property
    def mask(self) -> Matte:
        """The hard shape."""
        return Matte((self.matte.data >= 0.5).float())

    @cached_property
    def image(self) -> Image:
        front, back = torch.tensor([0.7, 0.3, 0.1])[:, None, None], torch.tensor([0.1, 0.6, 0.2])[:, None, None]
        noise = 0.05 * torch.rand((3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(0))
        return Image(self.matte.data * front + (1 - self.matte.data) * back + noise)

    @cached_property
    def trimap(self) -> Matte:
        return Trimap()(self.mask)

    @cached_property
    def array(self) -> np.ndarray:
        """The picture as libraries take it, float32 `[H, W, 3]`."""
        return np.ascontiguousarray(self.image.data.permute(1, 2, 0).numpy())


class Row(NamedTuple):
    """What is called for a node, and the library function's name and call, where there is one."""

    name: str
    node: Callable[[Frame], object]
    library: str = ""
    call: Callable[[Frame], object] | None = None


def pymatting(name: str) -> Any:
    import pymatting as library

    return getattr(library, name)


def edt_trimap(frame: Frame) -> np.ndarray:
    """A trimap by scipy: the distance to the shape, and to what is not the shape."""
    from scipy.ndimage import distance_transform_edt

    inside = frame.mask.data[0].numpy() > 0.5
    made = np.full(inside.shape, 0.5, np.float32)
    made[distance_transform_edt(inside) > 10] = 1
    made[distance_transform_edt(~inside) > 10] = 0
    return made


def largest_by_skimage(frame: Frame) -> np.ndarray:
    from skimage.measure import label

    labels = label(frame.matte.data[0].numpy() >= 0.5, connectivity=1)
    return labels == np.bincount(labels[labels > 0]).argmax()


# Of trimaps, alpha and foregrounds.
MATTING = (
    Row("Trimap", lambda f: Trimap()(f.mask), "scipy distance_transform_edt, twice", edt_trimap),
    Row(
        "SolveAlpha closed_form", lambda f: SolveAlpha(method="closed_form")(f.image, f.trimap), "pymatting estimate_alpha_cf",
        lambda f: pymatting("estimate_alpha_cf")(f.array.astype(float), f.trimap.data[0].double().numpy()),
    ),
    Row(
        "SolveAlpha guided", lambda f: SolveAlpha(method="guided")(f.image, f.trimap), "pymatting estimate_alpha_cf",
        lambda f: pymatting("estimate_alpha_cf")(f.array.astype(float), f.trimap.data[0].double().numpy()),
    ),
    Row(
        "EstimateForeground blur_fusion", lambda f: EstimateForeground()(f.image, f.matte), "pymatting estimate_foreground_ml",
        lambda f: pymatting("estimate_foreground_ml")(f.array, f.matte.data[0].numpy()),
    ),
    Row(
        "EstimateForeground blur_fusion, all soft", lambda f: EstimateForeground()(f.image, f.haze), "pymatting estimate_foreground_ml",
        lambda f: pymatting("estimate_foreground_ml")(f.array, f.haze.data[0].numpy()),
    ),
    Row(
        "EstimateForeground multi_level", lambda f: EstimateForeground(method="multi_level")(f.image, f.matte),
        "pymatting estimate_foreground_ml", lambda f: pymatting("estimate_foreground_ml")(f.array, f.matte.data[0].numpy()),
    ),
    Row("Despill", lambda f: Despill(restore=0.5)(f.image)),
    Row("EvaluateMatte, one level", lambda f: largest_region(f.matte.data[0].numpy() >= 0.5), "skimage label", largest_by_skimage),
)  # fmt: skip

ROWS: tuple[Row, ...] = MATTING


def milliseconds(calls: list[Callable[[], object]], rounds: int) -> list[float]:
    """The least time that each call takes, by turns; the first round is not counted."""
    best = [float("inf")] * len(calls)
    for number in range(rounds + 1):
        for at, call in enumerate(calls):
            begun = time.process_time()
            call()
            best[at] = min(best[at], 1000 * (time.process_time() - begun)) if number else best[at]
    return best


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="rows that begin so; default all")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    frame = Frame()
    for row in (COLUMNS, ("---",) * len(COLUMNS)):
        print(f"| {' | '.join(row)} |")
    for row in ROWS:
        if not options.names or row.name.startswith(tuple(options.names)):
            calls = [row.node, row.call] if row.call else [row.node]
            times = milliseconds([lambda call=call: call(frame) for call in calls], options.rounds)  # type: ignore[misc]
            texts = [f"{each:.0f}" for each in times] + ["-"] * (2 - len(times))
            print(f"| {row.name} | {row.library or '-'} | {' | '.join(texts)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
