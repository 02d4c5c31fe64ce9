"""Signs of the direction that a key light comes from: a ball of known shading, with gloss and without, and faults in the gloss."""

import numpy as np
import pytest

from rotonodes.imaging.passes.light_signs import LightSigns
from rotonodes.imaging.passes.surface import Surface, views_of

SIDE, LENS = 64, 3.0
DIRECTIONS = [(0.6, 0.5, 0.62), (-0.7, 0.3, 0.65), (0.1, 0.9, 0.42)]


def ball(towards: np.ndarray, gloss: bool) -> Surface:
    """A white ball under one light and a fill; its gloss is that of a lobe around the mirrored view."""
    y, x = (0.5 - (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE) * 2.4
    x = -x
    inside = x**2 + y**2 < 0.98
    z = np.sqrt(np.where(inside, 1 - x**2 - y**2, 0))
    normals = np.where(inside, np.stack([x, y, z]), 0).astype(np.float32)
    light = np.where(inside, 0.15 + 0.8 * np.tensordot(towards, normals, 1).clip(0), 0).astype(np.float32)
    depth = np.where(inside, 10 - z, np.inf).astype(np.float32)
    shine = None
    if gloss:
        views = views_of(depth.shape, LENS)
        mirrored = 2 * (normals * views).sum(0) * normals - views
        shine = np.where(inside, np.exp(60 * (np.tensordot(towards, mirrored, 1) - 1)), 0).astype(np.float32)
    return Surface(light, light, normals, depth, inside, LENS, None, shine)


def signs(surface: Surface) -> LightSigns:
    return LightSigns.of(surface, surface.sample(800))


@pytest.mark.parametrize("gloss", [True, False])
@pytest.mark.parametrize("towards", DIRECTIONS)
def test_the_light_of_a_ball_is_the_likeliest(towards: tuple[float, float, float], gloss: bool) -> None:
    light = np.array(towards) / np.linalg.norm(towards)
    found = signs(ball(light, gloss))
    assert found.chances.sum() == pytest.approx(1)
    assert found.likely(1, apart=15, around=12)[0] @ light > np.cos(np.radians(15))
    assert found.log_chances(np.stack([light, -light]))[0] > found.log_chances(np.stack([light, -light]))[1]


def test_likely_directions_lie_apart_and_the_likeliest_comes_first() -> None:
    found = signs(ball(np.array([0.0, 0.6, 0.8]), True))
    several = found.likely(5, apart=25, around=0.1)
    assert len(several) == 5
    assert all(one @ other < np.cos(np.radians(24)) for i, one in enumerate(several) for other in several[:i])
    assert np.argsort(-found.log_chances(np.stack(several)))[0] == 0


def test_bad_pixels_of_the_gloss_say_nothing() -> None:
    light = np.array([0.6, 0.5, 0.62])
    good = ball(light, True)
    assert good.gloss is not None
    gloss = good.gloss.copy()
    gloss[30:32, 30:33] = 0
    bad = gloss.copy()
    bad[30, 30:33], bad[31, 30:33] = np.inf, np.nan
    clean, spoilt = (signs(Surface(good.light, good.calm, good.normals, good.depth, good.diffuse, LENS, None, one)) for one in (gloss, bad))
    assert np.array_equal(clean.numbers(), spoilt.numbers())


def test_a_frame_without_gloss_to_see_is_one_without_the_pass() -> None:
    light = np.array([0.6, 0.5, 0.62])
    without, dark = ball(light, False), ball(light, True)
    far = Surface(dark.light, dark.calm, dark.normals, np.full_like(dark.depth, np.inf), dark.diffuse, LENS, None, dark.gloss)
    pixels = without.sample(800)
    assert np.array_equal(LightSigns.of(without, pixels).numbers(), LightSigns.of(far, pixels).numbers())


def test_there_are_as_many_directions_as_the_network_was_trained_on() -> None:
    """Chances are shares of all of them."""
    found = signs(ball(np.array([0.0, 0.6, 0.8]), True))
    assert found.numbers().shape == (400, 196) and found.chances.shape == (400,)


def test_how_well_a_light_fits_is_told_within_bounds() -> None:
    """By hand, from terms and misfits far beyond them: a faint light has 1 added to its misfit."""
    found = signs(ball(np.array([0.0, 0.6, 0.8]), False))
    misfit, terms = np.full((2, 400), 0.5), np.zeros((2, 400, 5))
    misfit[:, 1], misfit[:, 2] = 1.25, 0.75
    terms[:, :5, 0], terms[:, :5, -1] = (-9, -1.5, 0.5, 1.5, 9), (-9, -1.5, 0.5, 2.5, 9)
    found.__dict__["fits"] = misfit, terms
    numbers = found._fitting()
    assert numbers.shape == (400, 13)
    for first in (0, 5):
        worse, log, strength, fill, faint = numbers[:5, first : first + 5].T
        assert worse.tolist() == pytest.approx([1, 0, 2, 1, 1]) and faint.tolist() == [0, 1, 0, 0, 0]
        assert log.tolist() == pytest.approx(np.log([0.5, 0.25, 0.75, 0.5, 0.5]).tolist())
        assert strength.tolist() == [-2, -1.5, 0.5, 2.5, 3] and fill.tolist() == [-2, -1.5, 0.5, 1.5, 2]
    assert np.allclose(numbers[:, 10:], np.stack([found.directions[:, 1], found.directions[:, 2], abs(found.directions[:, 0])], axis=1))
