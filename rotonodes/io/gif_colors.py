"""A palette for pictures of more colours than a GIF holds, fitted to a sample of the pixels and kept from frame to frame.

The colours of the sample are counted in cells of 4 x 4 x 4 codes. A new palette comes from cutting the fullest boxes of these cells at
their mean, along the channel with the largest variance (variance-based cuts, after Wan, Prusinkiewicz and Wong 1990), and is refined by
k-means (Lloyd 1982). Every pixel is then mapped through a table with an entry for each cell. A palette stays while it
is nearly as good as when it was fitted, and else starts from the one before: colours that change with every frame would flicker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np

_BITS = 6  # of each channel in the number of a cell
_CELLS = 1 << 3 * _BITS
_SAMPLE = 20_000  # pixels, about, that a palette is fitted to
_LEAST_SAMPLE = 4_000
_MASSIVE = 1 / 256  # share of the pixels from which a single colour is kept exactly: flat art on a photographic ground
_ROUNDS = 2  # of k-means
_WORSE, _MUCH_WORSE, _CUT = 1.1, 1.25, 2.0  # times the squared error of the last new palette
_LEAST_ERROR = 0.25  # squared codes; below, a palette is as good as it needs to be
_NONE = 0xFFFF  # a cell without an entry


class Cells(NamedTuple):
    """The cells of a sample that hold pixels: their numbers `[n]`, how many pixels `[n]`, the mean colour `[n, 3]`, and `massive`
    colours `[m, 3]`, which are counted in no cell."""

    numbers: np.ndarray
    weights: np.ndarray
    colors: np.ndarray
    massive: np.ndarray


class KeptPalette:
    """At most `count` colours for a clip; `table` is the palette `[count, 3]` float32 of whole codes 0 to 255."""

    def __init__(self, count: int) -> None:
        import numpy as np

        self.count = count
        self.table = np.zeros((0, 3), np.float32)
        self._entries = np.full(_CELLS, _NONE, np.uint16)  # the palette's index for each cell
        self._error = 0.0  # mean squared error of the last palette that was made new

    def indices(self, values: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """Indices into `table`, uint8, of pixels `[h, w]` uint32 0x..bbggrr; the palette is chosen for those that are `drawn`."""
        import numpy as np

        cells = cell_numbers(values)
        if not drawn.any():
            return np.zeros(values.shape, np.uint8)
        fitted, tested = _samples(drawn.ravel())
        test = values.ravel()[tested] & np.uint32(0xFFFFFF)  # other pixels: to those that it was fitted to a palette is always near
        sample = values.ravel()[fitted] & np.uint32(0xFFFFFF)
        if not len(self.table):
            self._fit(sample, test, anew=True)
            return self._mapped(cells)
        found = self._mapped(cells)
        worse = self._squared_error(found.ravel()[tested], test) / self._error
        if worse > _WORSE:
            self._fit(sample, test, anew=worse > _CUT)
            found = self._mapped(cells)
        return found

    def _fit(self, sample: np.ndarray, test: np.ndarray, anew: bool) -> None:
        """Refine the palette for a sample; make a new one where that is not enough, and at once with `anew`."""
        cells = counted(sample)
        if not anew:
            self._take(refined(self.table, cells, self.count), cells)
            if self._error_of(test) <= _MUCH_WORSE * self._error:
                return
        self._take(refined(cut(cells, self.count - len(cells.massive)), cells, self.count), cells)
        self._error = max(self._error_of(test), _LEAST_ERROR)

    def _take(self, table: np.ndarray, cells: Cells) -> None:
        import numpy as np

        self.table = np.rint(table).clip(0, 255).astype(np.float32)
        self._entries.fill(_NONE)
        self._entries[cells.numbers] = nearest(cells.colors, self.table)
        # A cell with a massive colour is its own: that colour is met exactly.
        self._entries[_numbers_of(cells.massive)] = np.arange(len(cells.massive))

    def _mapped(self, cells: np.ndarray) -> np.ndarray:
        """The palette's index for each pixel, by its cell; cells that were in no sample yet get their entry by their middle."""
        import numpy as np

        found = self._entries.take(cells)
        if found.max() == _NONE:
            new = np.unique(cells[found == _NONE])
            self._entries[new] = nearest(_middles(new), self.table)
            found = self._entries.take(cells)
        return found.astype(np.uint8)

    def _error_of(self, sample: np.ndarray) -> float:
        return self._squared_error(self._mapped(cell_numbers(sample)), sample)

    def _squared_error(self, indices: np.ndarray, sample: np.ndarray) -> float:
        """Mean over pixels and channels, in squared codes."""
        import numpy as np

        return float(np.square(self.table[indices] - channels(sample)).mean()) if len(sample) else 0.0


def _samples(drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the pixels that a palette is fitted to, and of those that it is tested with: others, where there are enough."""
    import numpy as np

    count = np.count_nonzero(drawn)
    if count < _SAMPLE:
        few = np.flatnonzero(drawn)
        return (few[::3], few[1::9]) if count > 3 * _LEAST_SAMPLE else (few, few)
    step = max(3, len(drawn) // _SAMPLE) | 1  # odd: a picture's columns are mostly an even number
    fitted, tested = np.arange(0, len(drawn), step), np.arange(step // 2, len(drawn), 3 * step)
    fitted, tested = fitted[drawn[fitted]], tested[drawn[tested]]
    return (fitted, tested) if len(fitted) > _LEAST_SAMPLE and len(tested) else (np.flatnonzero(drawn),) * 2


def cell_numbers(values: np.ndarray) -> np.ndarray:
    """The cell of each pixel 0x..bbggrr, uint32: 6 bits of each channel."""
    import numpy as np

    spare, mask = 8 - _BITS, (1 << _BITS) - 1
    numbers = (values >> np.uint32(spare)) & np.uint32(mask)
    for place in (1, 2):
        numbers |= (values >> np.uint32((place + 1) * spare)) & np.uint32(mask << place * _BITS)
    return numbers


def channels(values: np.ndarray) -> np.ndarray:
    """Red, green and blue `[n, 3]` float32 of pixels 0x..bbggrr."""
    import numpy as np

    return np.stack([(values >> np.uint32(shift)) & np.uint32(255) for shift in (0, 8, 16)], axis=1).astype(np.float32)


def counted(sample: np.ndarray) -> Cells:
    """The cells of a sample of pixels 0x00bbggrr, and the colours of which it has very many."""
    import numpy as np

    # Sorted by their cell and, in it, by their last bits: equal colours are neighbours, and so are cells.
    low = (1 << 8 - _BITS) - 1
    last = sum((sample >> np.uint32(8 * c) & np.uint32(low)) << np.uint32(2 * c) for c in range(3))
    ordered = np.sort(cell_numbers(sample) << np.uint32(6) | last)
    starts = np.flatnonzero(np.diff(ordered, prepend=np.uint32(0xFFFFFFFF)))
    keys, counts = ordered[starts], np.diff(starts, append=len(ordered)).astype(float)
    numbers = keys >> np.uint32(6)
    shades = _corners(numbers) + np.stack([keys >> np.uint32(2 * c) & np.uint32(low) for c in range(3)], axis=1)
    massive = np.flatnonzero(counts >= max(_MASSIVE * len(ordered), 2))[:64]
    kept = shades[massive].astype(np.float32)
    counts[massive] = 0
    first = np.flatnonzero(np.diff(numbers, prepend=np.uint32(0xFFFFFFFF)))
    weights = np.add.reduceat(counts, first)
    sums = np.add.reduceat(counts[:, None] * shades, first)[weights > 0]
    first, weights = first[weights > 0], weights[weights > 0]
    return Cells(numbers[first], weights, (sums / weights[:, None]).astype(np.float32), kept)


def cut(cells: Cells, count: int) -> np.ndarray:
    """At most `count` colours `[k, 3]`: means of boxes, of which those with the largest squared error are cut in two, again and again."""
    import numpy as np

    weights, colors = cells.weights, cells.colors
    if not len(weights) or count < 1:
        return np.zeros((0, 3), np.float32)
    sums = weights[:, None] * colors
    box = np.zeros(len(weights), np.intp)
    boxes, rows = 1, np.arange(len(weights))
    while boxes < count:
        total, means = _means(box, weights, sums, boxes)
        squares = np.stack([np.bincount(box, sums[:, c] * colors[:, c], boxes) for c in range(3)], axis=1)
        errors = squares - means**2 * total[:, None]
        # Many boxes at once: one at a time would take 255 rounds.
        most = min(count - boxes, boxes if boxes < 32 else boxes // 2)
        chosen = np.argsort(-errors.sum(axis=1))[:most]
        chosen = chosen[errors[chosen].sum(axis=1) > 1e-3]
        if not len(chosen):
            break
        other = np.full(boxes, -1)
        other[chosen] = np.arange(boxes, boxes + len(chosen))
        channel = errors.argmax(axis=1)[box]
        moved = (other[box] >= 0) & (colors[rows, channel] > means[box, channel])
        box[moved] = other[box[moved]]
        boxes += len(chosen)
    total, means = _means(box, weights, sums, boxes)
    return means[total > 0].astype(np.float32)


def refined(table: np.ndarray, cells: Cells, count: int) -> np.ndarray:
    """A palette of the massive colours first, and of those of `table` moved by k-means to the means of the cells nearest to them."""
    import numpy as np

    free = count - len(cells.massive)
    moving = table[-free:] if free else table[:0]
    if not len(cells.weights) or not len(moving):
        return np.concatenate([cells.massive, moving]).astype(np.float32)
    sums = cells.weights[:, None] * cells.colors
    for _ in range(_ROUNDS):
        owner, distance = nearest_with_distance(cells.colors, moving)
        total, means = _means(owner, cells.weights, sums, len(moving))
        moving = np.where(total[:, None] > 0, means, moving).astype(np.float32)
        idle = np.flatnonzero(total == 0)
        worst = np.argsort(-distance * cells.weights)[: len(idle)]  # a colour that nothing uses goes where one is missing
        moving[idle[: len(worst)]] = cells.colors[worst]
    return np.concatenate([cells.massive, moving])


def nearest(colors: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The index of the nearest colour of a palette `[k, 3]` for each of `colors` `[n, 3]`."""
    return nearest_with_distance(colors, table)[0]


def nearest_with_distance(colors: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same, with the squared distances."""
    import numpy as np

    # |c - t|^2 - |c|^2 as one matrix product, in blocks that stay in the processor's cache.
    factors = np.concatenate([-2 * table.T, np.square(table).sum(axis=1)[None]]).astype(np.float32)
    extended = np.concatenate([colors, np.ones((len(colors), 1), np.float32)], axis=1).astype(np.float32)
    found = np.empty(len(colors), np.intp)
    least = np.empty(len(colors), np.float32)
    for start in range(0, len(colors), 1024):
        distances = extended[start : start + 1024] @ factors
        best = distances.argmin(axis=1)
        found[start : start + 1024] = best
        least[start : start + 1024] = np.take_along_axis(distances, best[:, None], axis=1)[:, 0]
    return found, np.maximum(least + np.square(colors).sum(axis=1), 0)


def _means(owner: np.ndarray, weights: np.ndarray, sums: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """(weight, mean colour) of each of `count` groups."""
    import numpy as np

    total = np.bincount(owner, weights, count)
    added = np.stack([np.bincount(owner, sums[:, channel], count) for channel in range(3)], axis=1)
    return total, added / np.maximum(total, 1e-9)[:, None]


def _middles(numbers: np.ndarray) -> np.ndarray:
    """The middle colour `[n, 3]` of cells."""
    import numpy as np

    return (_corners(numbers) + ((256 >> _BITS) - 1) / 2).astype(np.float32)


def _corners(numbers: np.ndarray) -> np.ndarray:
    """The darkest colour `[n, 3]` of cells."""
    import numpy as np

    mask, side = np.uint32((1 << _BITS) - 1), np.uint32(256 >> _BITS)
    return np.stack([(numbers >> np.uint32(c * _BITS) & mask) * side for c in range(3)], axis=1)


def _numbers_of(colors: np.ndarray) -> np.ndarray:
    """The cells of colours `[n, 3]` of whole codes."""
    import numpy as np

    codes = colors.astype(np.uint32)
    return cell_numbers(codes[:, 0] | codes[:, 1] << np.uint32(8) | codes[:, 2] << np.uint32(16))
