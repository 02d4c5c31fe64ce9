"""Pictures of nodes that only read files, made without torch: what the page shows first, while torch is not imported yet.

Importing torch takes longer than everything else before the first picture, and holds up all other threads of the process.
"""

from __future__ import annotations

import contextlib
import math
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from rotonodes.errors import RotoError
from rotonodes.graph.graph import Graph, Link
from rotonodes.node.base import Node
from rotonodes.page.encoding import png_of_samples
from rotonodes.plan.plan import Plan
from rotonodes.values.box import Box
from rotonodes.values.looks import SQUARE, SQUARES
from rotonodes.values.pixels import Layers

if TYPE_CHECKING:
    import numpy as np

PATIENCE = 1.0  # seconds that what needs torch waits at most for the first pictures
PAUSE = 0.3  # seconds after an answer in which a page asks for the next ones


def torch_is_here() -> bool:
    """Whether torch is imported, or being imported."""
    return "torch" in sys.modules


def import_readers() -> None:
    """Import the libraries that read and write pictures, before the first one is asked for."""
    import numpy as np
    import OpenEXR
    import PIL.PngImagePlugin

    assert np and OpenEXR and PIL.PngImagePlugin


def end_imports() -> None:
    """Wait for an import of torch that another thread has begun: a process that ends within it may crash."""
    if torch_is_here():
        import torch

        assert torch


class FirstLook:
    """Holds back what needs torch, until the pictures that a page asks for first and that need none are answered."""

    def __init__(self, patience: float = PATIENCE, pause: float = PAUSE) -> None:
        self.patience, self.pause = patience, pause
        self._asked = 0
        self._answered = math.inf  # when the last of them was
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def asked(self) -> Iterator[None]:
        """A request that may be answered without torch, from its beginning until it is answered or needs torch after all."""
        with self._changed:
            self._asked += 1
        try:
            yield
        finally:
            with self._changed:
                self._asked -= 1
                self._answered = time.monotonic()
                self._changed.notify_all()

    def wait(self) -> None:
        """Return when torch may be imported: at once where it is already, after `patience` seconds at the latest."""
        begun = now = time.monotonic()
        with self._changed:
            while not torch_is_here() and (left := self._left(begun, now)) > 0:
                self._changed.wait(left)
                now = time.monotonic()

    def _left(self, begun: float, now: float) -> float:
        """Seconds to wait: until no request has come for a moment after the last answer."""
        quiet = math.inf if self._asked else self._answered + self.pause
        return min(begun + self.patience, quiet) - now


def glanced_png(graph: Graph, plan: Plan, link: Link, frame: int, width: int) -> tuple[bytes, tuple[int, int]] | None:
    """(PNG, size of the frame) of a planned output as `png_of_value` makes it; None for what needs torch, or cannot be made."""
    try:
        layers = _glanced(graph, plan, graph.source_of(link), frame)
    except RotoError:
        return None  # whoever makes the value says why
    samples = _samples(layers) if layers is not None else None
    return None if layers is None or samples is None else (png_of_samples(samples, width), layers.size)


def _glanced(graph: Graph, plan: Plan, link: Link, frame: int) -> Layers | None:
    vertex = graph.vertices[link.node]
    if type(vertex.node).glance is Node.glance:
        return None
    inputs = {}
    for name, links in vertex.links.items():
        found = _glanced(graph, plan, graph.source_of(links[0]), frame) if len(links) == 1 else None
        if found is None:
            return None
        inputs[name] = found
    node = plan.nodes.get(link.node, vertex.node)  # that of the plan has its paths below the root
    return node.glance(link.output, frame, inputs)


def _samples(layers: Layers) -> np.ndarray | None:
    """uint8 `[H, W, 3]` or `[H, W]` of the frame, over grey squares where it is transparent; None for planes that are no colours."""
    import numpy as np

    names = [name for name in layers.planes if name != "A"]
    used = ["R", "G", "B"] if names[:3] == ["R", "G", "B"] else ["Y"] if names == ["Y"] else []
    if not used:
        return None
    frame = np.zeros((len(used) + 1, layers.height, layers.width), np.float32)
    both = layers.box.intersect(Box(0, 0, *layers.size))
    rows, columns = both.slices
    inside = Box(both.left - layers.box.left, both.top - layers.box.top, both.right - layers.box.left, both.bottom - layers.box.top)
    for plane, name in zip(frame, [*used, "A"] if "A" in layers.planes else used, strict=False):
        plane[rows, columns] = layers.planes[name][inside.slices]
    color, alpha = frame[:-1], frame[-1:]
    with np.errstate(all="ignore"):
        known = np.nan_to_num(color)
        if used == ["Y"] and not (known.max() <= 1 and known.min() >= 0):
            return None
        if "A" in layers.planes:
            down, across = np.ogrid[: layers.height, : layers.width]
            color = color + np.array(SQUARES, np.float32)[(down // SQUARE + across // SQUARE) % 2] * (1 - alpha)
        light = np.nan_to_num(color, posinf=1.0, neginf=0.0).clip(0, 1)
        codes = np.where(light <= 0.0031308, light * 12.92, light ** np.float32(1 / 2.4) * np.float32(1.055) - np.float32(0.055))
    made: np.ndarray = np.ascontiguousarray((codes * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0))
    return made if made.shape[-1] == 3 else made[..., 0]
