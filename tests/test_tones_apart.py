"""Tones of things that touch are kept apart, and from ink, by no more than it takes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.imaging.passes.cryptomatte import Cryptomatte
from rotonodes.imaging.picture.own_tones import GROUND_LOOKS, to_oklab, tones_of
from rotonodes.imaging.picture.tones_apart import APART, FROM_INK, kept_apart, touching_groups
from rotonodes.values.color import hex_to_linear
from rotonodes.values.pixels import Box, Layers

LEAF, BOOK = (0.08, 0.33, 0.1), (0.12, 0.3, 0.13)  # two greens
SHADOWS = ("form_shadow", "cast_shadow")
TOUCH, ALONE = np.ones((2, 2), bool), np.zeros((2, 2), bool)


def lab(color: str) -> np.ndarray:
    return to_oklab(np.array(hex_to_linear(color)[:3]))


def apart(one: str, other: str) -> float:
    return float(np.linalg.norm(lab(one) - lab(other)))


def nearest(one: dict[str, str], other: dict[str, str]) -> float:
    """The least distance between the shadows, and the midtones, of two palettes."""
    return min(apart(one["midtone"], other["midtone"]), *(apart(one[a], other[b]) for a, b in product(SHADOWS, SHADOWS)))


def test_two_greens_that_touch_do_not_merge_in_shadow() -> None:
    palettes = [tones_of(LEAF), tones_of(BOOK)]
    assert nearest(*palettes) < 0.03
    leaf, book = kept_apart(palettes, TOUCH)
    assert leaf == palettes[0], "the first stays"
    assert nearest(leaf, book) >= APART - 0.002  # hex codes are whole numbers
    assert kept_apart(palettes, ALONE) == palettes
    for name in book:
        now, then = lab(book[name]), lab(palettes[1][name])
        assert abs(now[0] - then[0]) < 0.08 and np.linalg.norm(now[1:] - then[1:]) < 0.02, "lightness alone is moved"
    assert book["highlight"] == palettes[1]["highlight"]


@given(colors=st.lists(st.tuples(*[st.floats(0, 1)] * 3), min_size=2, max_size=4))
def test_no_palette_gets_worse(colors: list[tuple[float, float, float]]) -> None:
    palettes = [tones_of(color) for color in colors]
    made = kept_apart(palettes, np.ones((len(colors),) * 2, bool))
    for at, palette in enumerate(made):
        lights = [lab(palette[name])[0] for name in ("cast_shadow", "form_shadow", "midtone", "highlight")]
        assert lights == sorted(lights), "its tones are in their order"
        before = [lab(color)[0] for color in palettes[at].values()]
        assert np.abs(np.array([lab(color)[0] for color in palette.values()]) - before).max() < 0.08


def test_what_is_no_shape_stays_and_shadows_on_it_count() -> None:
    ground, thing = tones_of((0.3, 0.3, 0.3), GROUND_LOOKS), tones_of((0.5, 0.5, 0.5))
    thing["form_shadow"] = ground["ground_shadow"]
    kept, moved = kept_apart([ground, thing], TOUCH)
    assert kept == ground and apart(moved["form_shadow"], ground["ground_shadow"]) >= APART - 0.002
    thing["midtone"] = ground["background"]
    assert kept_apart([ground, thing], TOUCH)[1]["midtone"] == ground["background"], "a thing may have the colour of its paper"
    assert kept_apart([thing, ground], TOUCH)[1] == ground


def test_lines_are_seen_in_dark_shadows() -> None:
    ink, soil = "#2a1a1f", tones_of((0.06, 0.045, 0.03))
    (moved,) = kept_apart([soil], ALONE[:1, :1], ink)
    assert apart(soil["form_shadow"], ink) < FROM_INK <= apart(moved["form_shadow"], ink) + 0.002
    assert lab(moved["cast_shadow"])[0] > max(lab(ink)[0], lab(soil["cast_shadow"])[0])


def test_tones_of_one_color_stay_one() -> None:
    """Metal, whose form shadow is painted as its midtone."""
    metal = tones_of(BOOK)
    metal["form_shadow"] = metal["midtone"]
    _, moved = kept_apart([tones_of(BOOK), metal], TOUCH)
    assert moved["form_shadow"] == moved["midtone"] != metal["midtone"]


@pytest.mark.parametrize(("gap", "touch"), [(0, True), (1, True), (4, False)])
def test_things_touch_where_they_share_a_border(gap: int, touch: bool) -> None:
    """Soft edges of a pixel or two are no gap. What only nothing is beside touches nothing."""
    ids, covered = np.zeros((40, 60), np.float32), np.ones((40, 60), np.float32)
    for left, right, number in ((5, 20, 7), (20 + gap, 30, 8), (50, 55, 9)):
        ids[10:30, left:right] = np.uint32(number).view(np.float32)
    crypto = Cryptomatte("CryptoObject", {"a": 7, "b": 8, "c": 9}, (("id", "share"),), "a.exr")
    layers = Layers({"id": ids, "share": covered}, Box(0, 0, 60, 40), (60, 40), {})
    found = touching_groups(layers, crypto, [[7], [8], [9], []])
    assert found[0, 1] == found[1, 0] == touch
    assert found.sum() == 2 * touch
    assert not touching_groups(layers, crypto, [[7, 8], [9]]).any(), "a group does not touch itself"
