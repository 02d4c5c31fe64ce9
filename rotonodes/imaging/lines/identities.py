"""Which object or material a pixel shows, and how much of the pixel it covers: from cryptomattes, index passes or object buffers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rotonodes.errors import FrameError
from rotonodes.imaging.passes.cryptomatte import Cryptomatte, find_cryptomatte
from rotonodes.imaging.passes.names import Passes, pass_planes
from rotonodes.values.pixels import Layers

NOBODY = 0  # the id of pixels that show nothing
_INDEX = {"object": "IndexOB", "material": "IndexMA"}


@dataclass(frozen=True, eq=False)
class Identity:
    """The ids of a frame: `ids` `[H, W]` int64 is the one that covers most of each pixel, NOBODY where that is none.

    `pairs` are (id, coverage) planes, in which positions of borders within a pixel can be read; empty where only the ids are known.
    `crypto` is the cryptomatte that they come from, whose names can be selected.
    """

    ids: np.ndarray
    pairs: tuple[tuple[np.ndarray, np.ndarray], ...] = ()
    crypto: Cryptomatte | None = None
    source: str = ""

    def coverage(self, at: tuple[np.ndarray, np.ndarray], wanted: np.ndarray) -> np.ndarray:
        """How much of the pixels `at` (rows, columns) the ids `wanted` cover, 0 to 1, all arrays of one length."""
        covered = np.zeros(len(wanted), np.float32)
        total = np.zeros(len(wanted), np.float32)
        for ids, share in self.pairs:
            here = share[at]
            total += here
            covered += np.where(ids[at] == wanted, here, 0)
        return np.where(wanted == NOBODY, covered + (1 - total).clip(0, 1), covered)


def find_identity(layers: Layers, passes: Passes, kind: str, layer: str = "", view: str = "") -> Identity | None:
    """The objects or materials (`kind`) of a view layer; None where the file has no pass that tells them.

    A cryptomatte goes first, or object buffers (`object_1`, ...) without one, then an index pass that holds more than one number.
    """
    if kind in ("object", "material") and (found := _crypto(layers, kind, layer, view)) is not None:
        return found
    name = _INDEX.get(kind, kind)
    if passes.has(name, layer, view):
        plane = pass_planes(layers, passes, passes.find(name, layer, view), 1)[0]
        ids = np.rint(np.where(np.isfinite(plane), plane, 0)).astype(np.int64)
        if ids.size and ids.min() != ids.max():
            return Identity(ids, source=name)
    return None


def _crypto(layers: Layers, kind: str, layer: str, view: str) -> Identity | None:
    try:
        crypto = find_cryptomatte(layers, kind, layer, view)
    except FrameError as error:
        if "there is no cryptomatte" in str(error) or "there is no channel" in str(error):
            return None
        raise
    pairs = tuple((ids.astype(np.int64), np.nan_to_num(covered).clip(0, 1)) for ids, covered in crypto.planes(layers) if covered.any())
    return Identity(dominant(pairs, (layers.box.height, layers.box.width)), pairs, crypto, crypto.name)


def dominant(pairs: tuple[tuple[np.ndarray, np.ndarray], ...], shape: tuple[int, int]) -> np.ndarray:
    """The id with the largest coverage of each pixel, int64 `[H, W]`; NOBODY where what is left uncovered is larger."""
    best, ids, total = np.zeros(shape, np.float32), np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    for one, share in pairs:
        more = share > best
        ids, best = np.where(more, one, ids), np.where(more, share, best)
        total += share
    return np.where(1 - total > best, NOBODY, ids)


def matte_identity(matte: np.ndarray) -> Identity:
    """Inside and outside of a matte `[H, W]`, as the ids 1 and NOBODY."""
    share = np.nan_to_num(matte).clip(0, 1).astype(np.float32)
    pairs = ((np.ones(share.shape, np.int64), share),)
    return Identity(dominant(pairs, (share.shape[0], share.shape[1])), pairs, source="matte")
