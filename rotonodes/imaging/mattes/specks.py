"""Small regions removed from mattes and labels, small holes filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rotonodes.imaging.mattes.regions import Regions, regions

Plane = NDArray[Any]

_AROUND = ((0, -1), (0, 1), (-1, 0), (1, 0), (-1, -1), (-1, 1), (1, -1), (1, 1))  # the first four share a side


def without_specks(matte: Plane, area: int, threshold: float, connectivity: int) -> Plane:
    """The matte without regions smaller than `area` px: they are lowered to the level that connects them to the rest.

    A region is a connected set of pixels of `threshold` or more. A small one is removed by opening by reconstruction (Vincent,
    Morphological grayscale reconstruction in image analysis, IEEE Trans. Image Processing 2 (2), 1993): each of its pixels, and
    of the soft edge around it, gets the highest level at which a path connects it to the remaining matte. So a speck that stands alone
    becomes 0, and one on a soft edge sinks into that edge; nothing changes further away than three times its radius. After that,
    connected parts above 0 that are smaller than `area` become 0 (faint specks). A region that fills the frame stays. Applying it twice
    changes nothing more.
    """
    result = matte
    found = regions(matte >= threshold, connectivity, only_true=True)
    runs = _small(found, area, matte.size)
    if len(runs):
        radius = np.sqrt(found.sizes[found.region[runs]] / np.pi)
        steps = np.repeat((3 + 3 * radius).astype(np.int8), (found.ends - found.starts)[runs])
        result = _sunk(matte, found.pixels(runs), np.minimum(steps, 100), threshold, connectivity)
    above = regions(result > 0, connectivity, only_true=True)
    faint = _small(above, area, matte.size)
    if len(faint):
        result = result.copy() if result is matte else result
        result.reshape(-1)[above.pixels(faint)] = 0
    return result


def without_holes(matte: Plane, area: int, threshold: float, connectivity: int) -> Plane:
    """The matte with holes smaller than `area` px filled: specks of 1 - matte. A hole is a connected set of pixels below `threshold`."""
    turned = 1 - matte
    # Below the threshold becomes, inverted, strictly above 1 - threshold.
    filled = without_specks(turned, area, float(np.nextafter(np.float32(1 - threshold), np.float32(2))), connectivity)
    if filled is turned:
        return matte
    changed = np.flatnonzero(filled < turned)
    result = matte.copy()
    result.reshape(-1)[changed] = 1 - filled.reshape(-1)[changed]
    return result


def _small(found: Regions, area: int, pixels: int) -> Plane:
    """The runs of regions smaller than `area`; none where a single region fills the frame of `pixels` px."""
    sizes = found.sizes
    if len(sizes) == 1 and sizes[0] == pixels:
        return np.empty(0, np.int64)
    return np.flatnonzero((sizes < area)[found.region])


def _sunk(matte: Plane, specks: Plane, steps: Plane, threshold: float, connectivity: int) -> Plane:
    """The matte with its `specks` (flat indices), and up to `steps` px of soft edge around each, reconstructed from all other pixels.

    No pixel increases. Only these pixels are computed, in rounds until nothing changes.
    """
    flat = matte.reshape(-1)
    left = np.zeros(flat.size, np.int8)  # steps left from here on; 0 for pixels that are not computed
    left[specks] = steps
    front, looked_at = specks, [specks]
    while len(front):
        near = _neighbours(front, matte.shape, connectivity)
        budget = np.broadcast_to(left[front] - 1, near.shape)
        near, budget = near[budget > 0], budget[budget > 0]
        new = (near >= 0) & (left[near] == 0) & (flat[near] > 0) & (flat[near] < threshold)
        near, budget = near[new], budget[new]
        order = np.argsort(budget, kind="stable")  # of several paths to a pixel the one with most steps left is written last
        left[near[order]] = budget[order]
        front = np.unique(near)
        looked_at.append(front)
    places = np.concatenate(looked_at)
    near = _neighbours(places, matte.shape, connectivity)
    number = np.zeros(flat.size, np.int32)
    number[places] = np.arange(len(places))
    open_ = (near >= 0) & (left[near] > 0)
    links = np.where(open_, number[near], len(places))  # the last of `values` is 0
    # Pixels that are not computed give their value once; the others give what they have become, round by round.
    most = flat[places]
    start = np.where((near >= 0) & ~open_, flat[near], np.float32(0)).max(axis=0)
    values = np.append(np.fmin(np.nan_to_num(start), most), np.float32(0))
    active = np.arange(len(places))
    while len(active):
        raised = np.minimum(values[links[:, active]].max(axis=0), most[active])
        higher = raised > values[active]
        moved = active[higher]
        values[moved] = raised[higher]
        active = np.unique(links[:, moved])  # a pixel can only rise beside one that rose
        active = active[active < len(places)]
    result = matte.copy()
    result.reshape(-1)[places] = values[:-1]
    return result


def _neighbours(places: Plane, shape: tuple[int, ...], connectivity: int) -> Plane:
    """Flat indices of the neighbours of each place, `[4 or 8, n]`; -1 beyond the frame."""
    height, width = shape
    rows, columns = np.divmod(places, width)
    around = []
    for down, right in _AROUND[:connectivity]:
        y, x = rows + down, columns + right
        around.append(np.where((y >= 0) & (y < height) & (x >= 0) & (x < width), places + (down * width + right), -1))
    return np.stack(around)


def merged_regions(labels: Plane, area: int, connectivity: int, only: Sequence[int] = ()) -> Plane:
    """Labels uint8 `[H, W]` with regions smaller than `area` px given the class that surrounds them most.

    That is the class, among regions that stay, with which they share the most pixel sides; of equals the lowest class. A region among
    other small ones follows once its neighbours are decided. The largest region of a frame always stays, and where `only` names
    classes those of all others. Applying it twice changes nothing more.
    """
    found = regions(labels, connectivity)
    sizes, classes = found.sizes, found.classes
    waiting = (sizes < area) & (np.isin(classes, list(only)) if only else True)
    waiting[sizes.argmax()] = False
    if not waiting.any():
        return labels
    one, other, sides = _borders(found, waiting)
    while waiting.any():
        beside = waiting[one] & ~waiting[other]
        voters, votes_of = np.unique(one[beside], return_inverse=True)
        votes = np.bincount(votes_of * 256 + classes[other[beside]], sides[beside], minlength=len(voters) * 256)
        classes[voters] = votes.reshape(-1, 256).argmax(axis=1)
        waiting[voters] = False
    return np.repeat(classes[found.region], found.ends - found.starts).reshape(labels.shape)


def _borders(found: Regions, small: Plane) -> tuple[Plane, Plane, Plane]:
    """Pairs of regions that share pixel sides, in both orders, where the first is small; and the number of shared sides."""
    beside = np.flatnonzero(found.ends[:-1] % found.width)  # runs that do not end their row touch the next run
    first = np.concatenate([found.upper, beside])
    second = np.concatenate([found.lower, beside + 1])
    sides = np.concatenate([found.sides, np.ones(len(beside), np.int64)])
    one, other = found.region[np.concatenate([first, second])], found.region[np.concatenate([second, first])]
    sides = np.concatenate([sides, sides])
    wanted = small[one] & (one != other) & (sides > 0)
    return one[wanted], other[wanted], sides[wanted]
