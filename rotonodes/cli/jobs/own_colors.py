"""Palettes in a render's own colours: the default of `rotonodes flatten`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rotonodes.cli.jobs.shape_choice import short_patterns
from rotonodes.imaging.passes.contents import Contents, CryptomatteContents
from rotonodes.imaging.passes.cryptomatte import find_cryptomatte
from rotonodes.imaging.picture.own_tones import GROUND_LOOKS, LOOKS, clusters, mean_color, own_color, tones_of

MOST_PALETTES = 14  # in one graph; objects whose colours are nearest share one
ALIKE = 0.05  # distance in OKLab below which two objects share a palette
BORDER = 0.04  # of the frame, whose colour is that of the background where nothing else tells

Palettes = dict[str, dict[str, str]]  # patterns of names -> class -> colour


def object_palettes(contents: Contents, crypto: CryptomatteContents, names: Sequence[str], stage: bool) -> Palettes:
    """A palette for each group of alike objects among `names`, the largest first: four tones, or for the `stage` its colour and its shadow.

    Only objects that the frame shows have one.
    """
    seen = list(_colors(contents, crypto, names))
    groups = clusters([color for _, _, color in seen], [share for _, share, _ in seen], MOST_PALETTES, ALIKE)
    groups.sort(key=lambda group: -sum(seen[index][1] for index in group))
    hidden = {one.name for one in crypto.objects if one.share == 0} & set(names)
    known = [one.name for one in crypto.objects if one.name and one.name not in hidden]
    made: Palettes = {}
    for group in groups:
        weight = sum(seen[index][1] for index in group)
        color = sum((seen[index][2] * seen[index][1] for index in group), np.zeros(3)) / weight
        patterns = short_patterns([seen[index][0] for index in group], known, inverted=False)
        made[", ".join(_in_list(name) for name in patterns)] = tones_of(color, GROUND_LOOKS if stage else LOOKS)
    return made


def _in_list(pattern: str) -> str:
    """A name as it may stand between commas."""
    return f"?{pattern[1:]}".replace(",", "?") if pattern.startswith("!") else pattern.replace(",", "?")


def _colors(contents: Contents, crypto: CryptomatteContents, names: Sequence[str]) -> Iterator[tuple[str, float, np.ndarray]]:
    """(name, share, linear colour) of the objects that the frame shows."""
    layers, wanted = contents.layers, set(names)
    found = find_cryptomatte(layers, crypto.name, crypto.name.rpartition(".")[0])
    for one in crypto.objects:
        if one.name in wanted and one.share > 0 and found.ids is not None:
            color = own_color(layers, contents.passes, found, found.ids[one.name])
            if color is not None:
                yield one.name, one.share, color


def border_palette(contents: Contents) -> dict[str, str]:
    """The background in the colour of the picture's border; without a picture white."""
    if not contents.passes.has("Combined"):
        return {"background": "#ffffff", "ground_shadow": "#d0d0d8"}
    height, width = contents.layers.box.height, contents.layers.box.width
    weight = np.ones((height, width), np.float32)
    margin = max(1, round(BORDER * min(height, width)))
    weight[margin:-margin, margin:-margin] = 0
    color = mean_color(contents.layers, contents.passes.find("Combined"), weight)
    return tones_of(color if color is not None else (0.8, 0.8, 0.8), GROUND_LOOKS)
