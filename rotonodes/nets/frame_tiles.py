"""Large frames in tiles that change nothing: each is seen with everything around it that the network sees of it. (In efficient
U-Nets nothing but the last digit, since torch adds up depthwise convolutions in an order that depends on the width.)

Without torch: the plan's estimate of memory needs it too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Any, NamedTuple

from rotonodes.nets.efficient_stages import VARIANTS, reach_of_blocks, widest

GIGABYTE = 1 << 30
MOST_PARTS = 64  # of a side

# Whether an ensemble's rules are trusted is told in cells of so many px, from so many cells around, twice (`key_rules`).
RULES_CELL, RULES_AROUND = 8, 8


class FrameTile(NamedTuple):
    """A part of a frame that is kept, and the larger part that the network is shown; both as (rows, columns)."""

    kept: tuple[slice, slice]
    seen: tuple[slice, slice]

    def to_the_end(self, height: int, width: int, padded_height: int, padded_width: int) -> FrameTile:
        """The same tile of the padded frame: one at an edge goes on to where the padding ends."""

        def longer(part: tuple[slice, slice]) -> tuple[slice, slice]:
            rows, columns = part
            return _longer(rows, height, padded_height), _longer(columns, width, padded_width)

        return FrameTile(longer(self.kept), longer(self.seen))


def reach_of(architecture: str, config: Mapping[str, Any]) -> int | None:
    """How far away, in px, a pixel may be and still change a network's logits; None where there is no bound, as with context. Of an
    ensemble that looks twice it is that of each look: the second is told of the whole frame what the first has found.

    For a U-Net: at level k a pixel of a map spans 2^k squares of `patch`, and a 3x3 convolution looks one of them further. There
    are four convolutions at each level and two at the bottom. Pooling and unfolding add at most a square of the bottom level.
    """
    if architecture == "ensemble":
        reaches = [reach_of(member["architecture"], member["config"]) for member in config["members"]]
        own = RULES_CELL * (2 * RULES_AROUND + 2) if config.get("rules") else 0  # the last for cells that are stretched to pixels
        own += 2 if config.get("clean") else 0
        return None if None in reaches else max(reaches) + own  # type: ignore[type-var, operator]
    if architecture == "efficient_unet":
        return reach_of_blocks(variant) if (variant := config.get("variant")) in VARIANTS else None
    exact = (
        architecture == "unet"
        and not config.get("context")
        and config.get("norm", "batch") == "batch"  # the other takes statistics of the whole frame
        and config.get("upsampling", "transposed") == "transposed"  # the other is stretched between the frame's edges
        and config.get("odd", "refuse") != "resize"
    )
    if not exact:
        return None
    levels = len(level_widths(config)) - 1
    bottom = 1 << levels
    squares = 4 * (bottom - 1) + 2 * bottom + bottom
    squares += 2 * (bottom - 1) if config.get("attention") else 0  # its weights come from the level below, upsampled
    return int(config.get("patch", 1)) * squares + (3 if config.get("refine") else 0)


def level_widths(config: Mapping[str, Any]) -> list[int]:
    """The features of each level, the first one first; for networks that are no U-Nets those of the most common one."""
    if config.get("variant") in VARIANTS:
        return widest(config["variant"])
    return list(config.get("widths") or [config.get("width", 64) * 2**level for level in range(config.get("depth", 4) + 1)])


def frame_bytes(config: Mapping[str, Any], pixels: int) -> int:
    """An estimate of a network's memory, in bytes, for a frame of so many pixels: feature maps of all levels and the workspace
    of convolutions, in float32. Those of an efficient U-Net are the widest ones, which are dropped at once. The members of an
    ensemble run one after another; their means are four maps of all classes, and four more are what rules say of them, or what is
    kept while members are told the shape."""
    if config.get("members"):
        maps = 8 if config.get("rules") or config.get("clean") or config.get("tell") else 4
        return max(frame_bytes(member["config"], pixels) for member in config["members"]) + maps * 4 * int(config["classes"]) * pixels
    squares = pixels / config.get("patch", 1) ** 2
    maps = 2 if config.get("variant") in VARIANTS else 12
    return int(sum(maps * 4 * features * squares / 4**level for level, features in enumerate(level_widths(config))))


def tiles_of(width: int, height: int, architecture: str, config: Mapping[str, Any], limit: float) -> list[FrameTile]:
    """The tiles of a frame whose network would need more than `limit` GB; none where it needs less, or cannot be cut.

    They depend on the frame's size, the network and the limit alone, so that every machine makes the same. Tiles begin where the
    network's coarsest squares do.
    """
    reach = reach_of(architecture, config) if limit else None
    if reach is None or frame_bytes(config, width * height) <= limit * GIGABYTE:
        return []
    unit = _unit(config)
    margin = reach + -reach % unit
    # Each side in 1, 2, 3, ... equal parts; smaller ones than twice the margin would show the network everything nine times.
    down, across = (
        [_parts(side, count, margin, unit) for count in range(1, min(max(1, side // (2 * margin)), MOST_PARTS) + 1)]
        for side in (height, width)
    )
    most = limit * GIGABYTE / frame_bytes(config, GIGABYTE) * GIGABYTE  # pixels
    ways = [(rows, columns) for rows, columns in product(down, across) if rows.longest * columns.longest <= most]
    # The one that shows the network fewest pixels; where none is small enough, the smallest.
    rows, columns = min(ways, key=lambda way: way[0].shown * way[1].shown) if ways else (down[-1], across[-1])
    tiles = [FrameTile((a[0], b[0]), (a[1], b[1])) for a, b in product(rows.parts, columns.parts)]
    return tiles if len(tiles) > 1 else []


def _unit(config: Mapping[str, Any]) -> int:
    """The side of a network's coarsest squares, in px; for an ensemble one that holds those of all members."""
    if config.get("members"):
        return math.lcm(RULES_CELL if config.get("rules") else 1, *(_unit(member["config"]) for member in config["members"]))
    return int(config.get("patch", 1)) << (len(level_widths(config)) - 1)


class _Cut(NamedTuple):
    """A way to cut a side: (kept, seen) of each part, and of what is seen the longest and the sum."""

    parts: list[tuple[slice, slice]]
    longest: int
    shown: int


def _parts(side: int, count: int, margin: int, unit: int) -> _Cut:
    """A side in at most `count` parts, which begin at multiples of `unit`."""
    step = -(-side // count)
    step += -step % unit
    starts = range(0, side, step)
    parts = [(slice(at, min(at + step, side)), slice(max(at - margin, 0), min(at + step + margin, side))) for at in starts]
    lengths = [_length(seen) for _, seen in parts]
    return _Cut(parts, max(lengths), sum(lengths))


def _longer(part: slice, side: int, padded: int) -> slice:
    return slice(part.start, padded) if part.stop == side else part


def pixels_of(rows: slice, columns: slice) -> int:
    """The pixels of a part of a frame."""
    return _length(rows) * _length(columns)


def _length(part: slice) -> int:
    return int(part.stop - part.start)
