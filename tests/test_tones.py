"""The classes of tones and their colours, which graphs, weights and label pictures rely on."""

from rotonodes.values.tones import CLASSES, COLORS, OUTSIDE, SIX_CLASSES, SIX_COLORS, ToneScale, default_colors, known_colors


def test_the_classes_are_a_contract() -> None:
    assert CLASSES == ("background", "cast_shadow", "form_shadow", "midtone", "highlight")
    assert (*CLASSES, "ground_shadow") == SIX_CLASSES and len(set(SIX_COLORS)) == 6
    assert OUTSIDE == ("background", "ground_shadow")


def test_colours_are_the_tones_own_where_names_are_known() -> None:
    assert default_colors(5) == COLORS
    assert len(set(default_colors(14))) == 14 and len(default_colors(40)) == 40
    assert known_colors(["highlight", "hat", "ground_shadow"]) == (COLORS[4], COLORS[1], SIX_COLORS[5])


def test_a_scale_comes_back() -> None:
    scale = ToneScale((0.1, 0.4), "srgb")
    assert ToneScale.unpack(scale.pack()) == scale
