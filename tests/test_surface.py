"""Surfaces of a frame from its passes: what counts as light, as a normal, as diffuse; where points lie; which pixels are sampled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.imaging.passes.camera import NOTHING
from rotonodes.imaging.passes.surface import Surface, lengths, light_luminance, sampling_chances, usable_normals

WIDTH, HEIGHT = 6, 4


def plane(value: float, **pixels: float) -> np.ndarray:
    """One value `[4, 6]`; pixels by name: p00 is row 0, column 0."""
    made = np.full((HEIGHT, WIDTH), value, np.float32)
    for name, other in pixels.items():
        made[int(name[1]), int(name[2])] = other
    return made


def up(**pixels: float) -> np.ndarray:
    """Normals towards the viewer, the z of some pixels another."""
    return np.stack([plane(0), plane(0), plane(1, **pixels)])


def grey(value: float, **pixels: float) -> np.ndarray:
    return np.stack([plane(value, **pixels)] * 3)


def test_normals_longer_than_2_or_not_finite_are_none() -> None:
    vectors = np.array([[0, 0, 1], [0, 3, 4], [2, 0, 0], [2.001, 0, 0], [0, -2.001, 0], [np.nan, 0, 1], [0, np.inf, 0], [0, 0.6, -0.8]])
    assert lengths(vectors.T[:, None])[0].tolist() == pytest.approx([1, 0, 2, 0, 0, 0, 0, 1])
    kept = usable_normals(vectors.T[:, None].astype(np.float32))[:, 0].T
    assert kept.tolist() == pytest.approx(np.where([[1], [0], [1], [0], [0], [0], [0], [1]], np.nan_to_num(vectors, posinf=0), 0))
    assert kept.dtype == np.float32


def test_luminance_is_that_of_rec_709() -> None:
    light = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [2, 2, 2], [np.inf, 1, 1]], np.float32).T[:, None]
    assert light_luminance(light)[0].tolist() == pytest.approx([0.2126, 0.7152, 0.0722, 2, np.inf])


@given(
    st.lists(
        st.sampled_from([(0, 0, 1), (1, 0, 0), (0, 1, 0), (0, -1, 0), (0.6, 0.8, 0), (-0.6, 0, 0.8), (0, 0, -1)]), min_size=1, max_size=30
    )
)
def test_pixels_of_a_crowded_direction_are_sampled_more_rarely(normals: list[tuple[float, float, float]]) -> None:
    """By the number of pixels that face alike, to the power -0.75; all chances together are 1."""
    weights = np.array([normals.count(normal) ** -0.75 for normal in normals])
    assert sampling_chances(np.array(normals, float)) == pytest.approx(weights / weights.sum())


def test_directions_are_told_apart_in_eighths() -> None:
    same, other = ([(0, 0, 1), (0.06, 0, 1)], [(0, 0, 1), (0.07, 0, 1)])
    assert sampling_chances(np.array([*same, (1, 0, 0)]))[2] == pytest.approx(1 / (1 + 2 * 2**-0.75))
    assert sampling_chances(np.array([*other, (1, 0, 0)]))[2] == pytest.approx(1 / 3)


def test_light_that_is_none_is_0_and_no_surface() -> None:
    light = grey(1.0, p00=np.nan, p01=np.inf, p02=2e6, p03=9e5, p10=-np.inf, p11=-2e6)
    surface = Surface.of(light, up(), plane(5))
    assert surface.light[0].tolist() == pytest.approx([0, 0, 0, 9e5, 1, 1], rel=1e-5) and surface.light[1, :2].tolist() == [0, 0]
    assert surface.diffuse[0].tolist() == [False, False, False, True, True, True]


def test_depth_of_nothing_is_infinite() -> None:
    depth = plane(5, p00=0, p01=-1, p02=np.nan, p03=np.inf, p04=NOTHING, p05=NOTHING * 0.99)
    found = Surface.of(grey(1), up(), depth).depth[0]
    assert found.tolist() == pytest.approx([np.inf] * 5 + [NOTHING * 0.99])


def test_normals_are_made_unit_and_short_ones_are_none() -> None:
    normals = up(p00=0.51, p01=0.49, p02=2, p03=np.nan, p04=-1)
    surface = Surface.of(grey(1), normals, plane(5))
    assert surface.normals[2, 0].tolist() == [1, 0, 1, 0, -1, 1] and surface.known[0].tolist() == [True, False, True, False, True, True]
    assert surface.diffuse[0].tolist() == [True, False, True, False, True, True]


def test_a_surface_is_diffuse_by_its_colour_else_by_its_light() -> None:
    dark = grey(1.0)
    dark[:, :, :3] = 0
    assert Surface.of(dark, up(), plane(5)).diffuse[2].tolist() == [False] * 3 + [True] * 3
    color = grey(0.5, p20=0.019, p21=0.021)
    assert Surface.of(dark, up(), plane(5), color).diffuse[2].tolist() == [False] + [True] * 5


def test_the_light_is_calmed_over_three_pixels() -> None:
    spark = Surface.of(grey(1.0, p12=50), up(), plane(5))
    assert spark.light[1, 2] == 50 and spark.calm[1, 2] == 1


def test_places_are_in_camera_space() -> None:
    """x right, y up, z towards the viewer, by depth over the focal length in frame widths; pixels by their centres."""
    depth = plane(10, p00=np.inf)
    surface = Surface(plane(1), plane(1), up(), depth, plane(1) > 0, lens=2.0)
    places = surface.places
    assert places.shape == (3, HEIGHT, WIDTH) and places.dtype == np.float32
    assert places[:, 1, 2].tolist() == pytest.approx([(2.5 - 3) / 6 * 10 / 2, (2 - 1.5) / 6 * 10 / 2, -10])
    assert places[:, 3, 5].tolist() == pytest.approx([(5.5 - 3) / 6 * 10 / 2, (2 - 3.5) / 6 * 10 / 2, -10])
    assert places[2, 0, 0] == -np.float32(NOTHING)
    flat = Surface(plane(1), plane(1), up(), plane(10), plane(1) > 0, lens=None)
    assert not flat.places[:2].any() and (flat.places[2] == -10).all(), "without a focal length only the depth is known"


def test_bounds_are_those_of_the_shape() -> None:
    depth = plane(10, p12=14, p00=99)
    shape = np.zeros((HEIGHT, WIDTH), bool)
    shape[1:3, 2:4] = True
    surface = Surface(plane(1), plane(1), up(), depth, plane(1) > 0, lens=1.0, shape=shape)
    middle, side = surface.bounds
    inside = surface.places[:, shape]
    assert middle == pytest.approx((inside.min(axis=1) + inside.max(axis=1)) / 2) and side == pytest.approx(4)
    nothing = Surface(plane(1), plane(1), up() * 0, depth, plane(1) > 0, lens=1.0, shape=shape)
    assert (nothing.bounds[0].tolist(), nothing.bounds[1]) == ([0, 0, 0], 1.0)
    point = Surface(plane(1), plane(1), up(), depth, plane(1) > 0, lens=None, shape=shape & (depth == 14))
    assert (point.bounds[0].tolist(), point.bounds[1]) == ([0, 0, -14], 1e-6)


def test_without_a_shape_bounds_are_those_of_nine_tenths_of_the_pixels() -> None:
    depth = np.linspace(1, 101, 1000, dtype=np.float32).reshape(20, 50)
    ones = np.ones((20, 50), np.float32)
    surface = Surface(ones, ones, np.stack([ones * 0, ones * 0, ones]), depth, ones > 0, lens=None)
    middle, side = surface.bounds
    assert middle.tolist() == pytest.approx([0, 0, -51], abs=0.01) and side == pytest.approx(90, abs=0.1)


def test_a_sample_is_of_diffuse_pixels_and_changes_little_with_them() -> None:
    ones = np.ones((30, 40), np.float32)
    normals = np.stack([ones * 0, ones * 0, ones])
    normals[:, :, :4] = np.array([1, 0, 0])[:, None, None]
    diffuse = ones > 0
    diffuse[0] = False
    depth = ones * 5
    depth[1] = np.inf
    surface = Surface(ones, ones, normals, depth, diffuse, lens=1.0)
    every = surface.sample(2000)
    assert every.tolist() == list(range(80, 1200))
    assert surface.sample(1120).tolist() == every.tolist()
    some = surface.sample(300)
    assert len({*some.tolist()}) == 300 and sorted(some.tolist()) == some.tolist() and {*some} <= {*every}
    narrow = sum(at % 40 < 4 for at in some.tolist())
    assert narrow > 1.5 * 30, "the tenth that faces another way is taken more often than one of ten"
    diffuse[5, 20] = not diffuse[5, 20]
    again = Surface(ones, ones, normals, depth, diffuse, lens=1.0).sample(300)
    assert len({*again.tolist()} ^ {*some.tolist()}) <= 2
