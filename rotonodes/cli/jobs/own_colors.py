"""Palettes in a render's own colours: the default of `rotonodes flatten`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from rotonodes.cli.jobs.shape_choice import short_patterns
from rotonodes.imaging.passes.contents import Contents, CryptomatteContents
from rotonodes.imaging.passes.cryptomatte import Cryptomatte, coverage, find_cryptomatte, first_fits
from rotonodes.imaging.picture.own_tones import (
    GROUND_LOOKS,
    LOOKS,
    SURFACE,
    clusters,
    color_planes,
    mean_color,
    object_means,
    own_color,
    tones_of,
)
from rotonodes.imaging.picture.tones_apart import kept_apart, touching_groups
from rotonodes.io.folder import natural_order
from rotonodes.values.color import LUMINANCE

MOST_PALETTES = 14  # in one graph; objects whose colours are nearest share one
ALIKE = 0.05  # distance in OKLab below which two objects share a palette
ALIKE_WALLS = 0.02  # of the stage: the corner of a room is seen by little
SPECK = 2e-4  # share of the frame below which an object does not count
PART = 0.05  # of an object or material: as much is more than the soft edge of another
LIT, DARKEST_WALL = 0.8, 0.45  # exponent of a wall's light beside the brightest one's, and the least that is left of its colour
FEW = 0.01  # of a material colour pass: rarer colours are edges and texture
NO_MATERIAL = (0.01, 0.65)  # linear: the material colour pass is darker or lighter where nothing is
BORDER = 0.04  # of the frame, whose colour is that of the background where nothing else tells

_NUMBER = re.compile(r"[\s._-]*\d+$")

Palettes = dict[str, dict[str, str]]  # patterns of names -> class -> colour


class OwnPalettes(NamedTuple):
    """Palettes by patterns of names in a cryptomatte of a `kind`: object, or material where objects have several colours."""

    kind: str
    palettes: Palettes
    dark: tuple[str, ...]  # shapes without a diffuse colour: metal, glass, black


def own_palettes(
    contents: Contents, crypto: CryptomatteContents, shapes: Sequence[str], by_material: bool = True, by_light: bool = False, ink: str = ""
) -> OwnPalettes:
    """A palette for each group of alike objects or materials, the largest first.

    What is shape has four tones, what is stage its colour and its shadow, a material of both has all. Only what the frame shows has
    one. Materials are taken where they tell more colours apart than objects do, unless not `by_material`. Where tones come
    from the diffuse light (`by_light`), metal and glass have none and are in form shadow: they get their own colour there. Tones of
    things that touch are kept apart, and from the colour of `ink`.
    """
    objects = found_cryptomatte(contents, crypto)
    shape = coverage(contents.layers, objects, [(objects.ids or {})[name] for name in shapes])
    by_object = [
        one._replace(on_shape=one.name in shapes, on_stage=one.name not in shapes) for one in _seen(contents, crypto, objects, shape)
    ]
    dark = tuple(one.name for one in by_object if one.on_shape and not one.diffuse and one.share > SPECK)
    by_object = list(_lit(by_object))
    materials = next((c for c in contents.cryptomattes if c.manifest and "material" in c.name.rpartition(".")[2].lower()), None)
    if by_material and materials is not None:
        found = list(_seen(contents, materials, found_cryptomatte(contents, materials), shape))
        if _colors_apart(found) > _colors_apart(by_object):
            own = _apart(_grouped(found, materials, by_light), contents, found_cryptomatte(contents, materials), ink)
            return OwnPalettes("material", own, dark)
    return OwnPalettes("object", _apart(_grouped(by_object, crypto, by_light), contents, objects, ink), dark)


class Seen(NamedTuple):
    """An object or material that the frame shows: its share of the frame, its linear colour, and what it is part of.

    `diffuse` says that it is the colour of its diffuse light, where the file has that pass.
    """

    name: str
    share: float
    color: np.ndarray
    on_shape: bool
    on_stage: bool
    diffuse: bool
    light: float  # mean luminance of the diffuse light on it


def _lit(found: Sequence[Seen]) -> Iterator[Seen]:
    """The same with the colours of the stage by its light: a wall that faces away is darker than the one beside it."""
    usual = max((one.light for one in found if one.on_stage and one.diffuse), default=0.0)
    for one in found:
        factor = (one.light / usual) ** LIT if usual > 0 and one.on_stage and one.diffuse else 1.0
        yield one._replace(color=one.color * max(factor, DARKEST_WALL))


def _colors_apart(found: Sequence[Seen]) -> int:
    """The number of colours that differ on shapes; specks do not count."""
    shown = [one for one in found if one.on_shape and one.share > SPECK]
    return len(clusters([one.color for one in shown], [one.share for one in shown], len(shown), ALIKE))


def _seen(contents: Contents, named: CryptomatteContents, crypto: Cryptomatte, shape: np.ndarray) -> Iterator[Seen]:
    means = object_means(contents.layers, contents.passes, crypto, (*SURFACE, "DiffDir"), {"shape": shape})
    light = means.values.get("DiffDir")
    for one in named.objects:
        row = means.ids.get((crypto.ids or {}).get(one.name, -1), -1)
        color = own_color(means, row) if row >= 0 and means.covered[row] > 1e-3 else None
        if color is not None:
            inside = float(means.values["shape"][row])
            lit = float(light[row] @ np.array(LUMINANCE)) if light is not None else 0.0
            yield Seen(one.name, one.share, color.linear, inside > PART, 1 - inside > PART, color.diffuse, lit)


def _grouped(found: Sequence[Seen], crypto: CryptomatteContents, by_light: bool) -> Palettes:
    """Palettes of groups of alike colours, the largest group first. What this frame does not show goes with those of its name."""
    relatives = _relatives(found, crypto)
    hidden = {one.name for one in crypto.objects if one.share == 0} - {name for names in relatives.values() for name in names}
    known = [one.name for one in crypto.objects if one.name and one.name not in hidden]
    made: Palettes = {}
    kinds = [
        (on, stage, lit)
        for on, stage in ((True, False), (True, True), (False, True))
        for lit in ((True, False) if by_light and on else (None,))
    ]
    for on_shape, on_stage, lit in kinds:
        looks = {**(LOOKS if on_shape else {}), **(GROUND_LOOKS if on_stage else {})}
        alike = [one for one in found if (one.on_shape, one.on_stage) == (on_shape, on_stage) and lit in (None, one.diffuse)]
        groups = clusters([one.color for one in alike], [one.share for one in alike], MOST_PALETTES, ALIKE if on_shape else ALIKE_WALLS)
        for group in sorted(groups, key=lambda group: -sum(alike[index].share for index in group)):
            weight = sum(alike[index].share for index in group)
            color = sum((alike[index].color * alike[index].share for index in group), np.zeros(3)) / weight
            names = [name for index in group for name in (alike[index].name, *relatives.get(alike[index].name, ()))]
            patterns = short_patterns(sorted(names, key=natural_order), known, inverted=False)
            tones = tones_of(color, looks)
            if lit is False:
                tones |= {"form_shadow": tones["midtone"]}
            made[", ".join(map(_in_list, patterns))] = tones
    return made


def _apart(palettes: Palettes, contents: Contents, crypto: Cryptomatte, ink: str) -> Palettes:
    """The same, with the tones of what touches kept apart: the stage stays as it is, and smaller things make room for larger ones."""
    order = sorted(palettes, key=lambda names: "midtone" in palettes[names])  # the stage first; else as they are, largest first
    ids = dict(zip(palettes, first_fits(crypto, list(palettes)), strict=True))
    touching = touching_groups(contents.layers, crypto, [ids[names] for names in order])
    moved = dict(zip(order, kept_apart([palettes[names] for names in order], touching, ink), strict=True))
    return {names: moved[names] for names in palettes}


def _relatives(found: Sequence[Seen], crypto: CryptomatteContents) -> dict[str, list[str]]:
    """Objects that are not among `found`, by the largest one of these that differs from them in its number only: Leaf.007 by Leaf.002."""
    largest: dict[str, Seen] = {}
    for one in sorted(found, key=lambda one: one.share):
        largest[_NUMBER.sub("", one.name)] = one
    seen = {one.name for one in found}
    relatives: dict[str, list[str]] = {}
    for name in (named.name for named in crypto.objects):
        if name and name not in seen and (host := largest.get(_NUMBER.sub("", name))) is not None:
            relatives.setdefault(host.name, []).append(name)
    return relatives


def _in_list(pattern: str) -> str:
    """A name as it may stand between commas."""
    return f"?{pattern[1:]}".replace(",", "?") if pattern.startswith("!") else pattern.replace(",", "?")


def found_cryptomatte(contents: Contents, named: CryptomatteContents) -> Cryptomatte:
    """The cryptomatte with its planes."""
    layer = named.name.rpartition(".")[0]
    return find_cryptomatte(contents.layers, named.name, layer if layer in contents.passes.layers else "")


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


def material_color(contents: Contents) -> tuple[np.ndarray | None, int]:
    """The linear colour that most of a material colour pass has, and how many colours it has; (None, 0) without one.

    Black and white are no material there, as the recipe cinema4d reads it.
    """
    planes = color_planes(contents.layers, contents.passes.find("MatColor")) if contents.passes.has("MatColor") else None
    if planes is None:
        return None, 0
    pixels = planes.reshape(3, -1).T
    pixels = pixels[(pixels.max(1) > NO_MATERIAL[0]) & (pixels.min(1) < NO_MATERIAL[1])]
    cells, place, counts = np.unique((pixels ** (1 / 2.4) * 16).astype(int), axis=0, return_inverse=True, return_counts=True)
    kept = np.flatnonzero(counts > FEW * counts.sum())
    if not kept.size:
        return None, 0
    means = np.stack([np.bincount(place.ravel(), channel, len(cells)) for channel in pixels.T], axis=1)[kept] / counts[kept, None]
    groups = clusters(list(means), counts[kept].tolist(), MOST_PALETTES, ALIKE)
    weights = [counts[kept][group].sum() for group in groups]
    largest = groups[int(np.argmax(weights))]
    mean = np.average(means[largest], axis=0, weights=counts[kept][largest])
    return mean, sum(weight > PART * sum(weights) for weight in weights)
