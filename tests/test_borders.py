"""Borders between pixels: where they are found, at which place, what smoothing may move, and which of two lines is kept."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rotonodes.imaging.lines.borders import (
    KINDS,
    Borders,
    Found,
    depth_borders,
    field_borders,
    front_of,
    identity_borders,
    label_borders,
    nearness,
    same_object,
    unit_vectors,
)
from rotonodes.imaging.lines.identities import NOBODY, Identity

Place = tuple[int, int, int]  # axis, row, column


def places(found: Found) -> list[Place]:
    return sorted(zip(found.axis.tolist(), found.row.tolist(), found.column.tolist(), strict=True))


def at_place(found: Found) -> dict[Place, tuple[float, float, bool]]:
    keys = zip(found.axis.tolist(), found.row.tolist(), found.column.tolist(), strict=True)
    return dict(zip(keys, zip(found.at.tolist(), found.play.tolist(), found.strong.tolist(), strict=True), strict=True))


def one(axis: int, row: int, column: int, strong: bool = True) -> Found:
    return Found.of([([axis], [row], [column], [0.25], [0.1], [strong])])


small_ids = hnp.arrays(np.int64, st.tuples(st.integers(2, 6), st.integers(2, 6)), elements=st.integers(0, 3))


@given(small_ids, st.integers(0, 2))
def test_ids_have_a_border_wherever_two_neighbours_differ(ids: np.ndarray, padding: int) -> None:
    found = identity_borders(Identity(ids), padding)
    around = np.pad(ids, padding, "edge")
    height, width = around.shape
    expected = [(0, y, x) for y in range(height) for x in range(width - 1) if around[y, x] != around[y, x + 1]]
    expected += [(1, y, x) for y in range(height - 1) for x in range(width) if around[y, x] != around[y + 1, x]]
    assert places(found) == sorted(expected)
    assert all(value == (0.5, 0.5, True) for value in at_place(found).values()), "half way, and free to move half a pixel"


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from([0, 2]))
def test_coverages_tell_where_a_border_runs(first: float, second: float, padding: int) -> None:
    """Pixels of 7 and of 9: the border lies where both together are covered by 7 as far."""
    ids = np.array([[7, 9]])
    pairs = (
        (np.array([[7, 9]]), np.array([[first, 1 - second]], np.float32)),
        (np.array([[9, 7]]), np.array([[1 - first, second]], np.float32)),
    )
    found = at_place(identity_borders(Identity(ids, pairs), padding))[0, padding, padding]
    assert found[0] == pytest.approx(min(max(first + second - 0.5, 0), 1), abs=1e-5)
    assert found[1:] == (pytest.approx(0.12), True), "a measured place may move a little only"
    down = Identity(ids.T, tuple((a.T, b.T) for a, b in pairs))
    assert at_place(identity_borders(down, padding))[1, padding, padding][0] == pytest.approx(found[0])


def test_pixels_that_neither_covers_have_their_border_half_way() -> None:
    nothing = np.zeros((1, 2), np.float32)
    found = at_place(identity_borders(Identity(np.array([[7, 9]]), ((np.array([[3, 3]]), nothing + 1),))))
    assert found[0, 0, 0][0] == 0.5


@given(small_ids, st.data())
def test_classes_have_a_border_within_one_object(labels: np.ndarray, data: st.DataObject) -> None:
    ids = data.draw(hnp.arrays(np.int64, labels.shape, elements=st.integers(0, 1)))
    found = label_borders(labels, same_object(ids))
    height, width = ids.shape
    expected = [
        (axis, y, x)
        for axis, down, right in ((0, 0, 1), (1, 1, 0))
        for y in range(height - down)
        for x in range(width - right)
        if ids[y, x] == ids[y + down, x + right] and labels[y, x] != labels[y + down, x + right]
    ]
    assert places(found) == sorted(expected)
    assert all(value == (0.5, 0.5, True) for value in at_place(found).values())


def test_nearness_is_one_over_depth_where_there_is_something() -> None:
    depth = np.array([[2.0, 0.5, 0.0, -1.0, np.inf, np.nan, 999.0, 1000.0, 1001.0]])
    assert nearness(depth, 1000.0)[0].tolist() == [0.5, 2, 0, 0, 0, 0, np.float32(1 / 999), 0, 0]
    assert nearness(depth, 1000.0).dtype == np.float32


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(2, 8)), elements=st.sampled_from([0.0, 1.0, 1.1, 1.25, 2.0, 4.0])))
def test_depth_has_a_border_where_it_steps_beyond_its_slope(near: np.ndarray) -> None:
    """The rule, edge by edge: the step less 1.5 times the larger one beside it, over the nearer of the two."""
    least = 0.2
    found = at_place(depth_borders(near, least))
    for axis, plane in ((0, near), (1, near.T)):
        rows, columns = plane.shape
        for y in range(rows):
            steps = [abs(plane[y, x + 1] - plane[y, x]) for x in range(columns - 1)]
            for x, step in enumerate(steps):
                beside = max([steps[i] for i in (x - 1, x + 1) if 0 <= i < len(steps)], default=0.0)
                larger = max(plane[y, x], plane[y, x + 1])
                excess = (step - 1.5 * beside) / larger if larger else 0.0
                seen = found.pop((0, y, x) if axis == 0 else (1, x, y), None)
                if abs(excess - 0.3 * least) > 1e-9 and abs(excess - least) > 1e-9:
                    assert (seen is not None) == (excess > 0.3 * least), "weak ones are kept until they are joined"
                    assert seen is None or seen == (0.5, 0.5, excess > least)
    assert not found


def test_a_step_of_depth_of_just_the_least_is_weak_and_one_above_is_strong() -> None:
    for step, strong in ((0.24, False), (0.25, False), (0.26, True)):
        near = np.full((1, 6), 1.0)
        near[:, 3:] = 1 - step
        assert at_place(depth_borders(near, 0.25)) == {(0, 0, 2): (0.5, 0.5, strong)}
    assert places(depth_borders(np.array([[1.0, 1.0, 0.93, 0.93]]), 0.25)) == [], "below 0.3 of it there is none"
    assert places(depth_borders(np.array([[1.0, 1.0, 0.92, 0.92]]), 0.25)) == [(0, 0, 1)]


def turned(degrees: list[float]) -> np.ndarray:
    """Unit vectors `[3, 1, W]` in the plane of x and z, at these angles."""
    at = np.radians(degrees)
    return np.stack([np.sin(at), np.zeros_like(at), np.cos(at)])[:, None].astype(np.float64)


def everywhere(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    height, width = values.shape[1:]
    return np.ones((height, width - 1), bool), np.ones((height - 1, width), bool)


@pytest.mark.parametrize(("angle", "found"), [(8, []), (8.9, []), (9.1, [False]), (29.9, [False]), (30.1, [True]), (90, [True])])
def test_a_crease_is_a_turn_of_more_than_the_angle(angle: float, found: list[bool]) -> None:
    """From 0.3 of the angle it is weak: drawn only where it is joined to a strong one."""
    values = turned([0] * 4 + [angle] * 4)
    across = field_borders(values, everywhere(values), math.radians(30), unit=True)
    assert places(across) == [(0, 0, 3)] * len(found) and across.strong.tolist() == found
    down = values.transpose(0, 2, 1)
    along = field_borders(down, everywhere(down), math.radians(30), unit=True)
    assert places(along) == [(1, 3, 0)] * len(found) and along.strong.tolist() == found
    assert all(value[:2] == (pytest.approx(0.5), pytest.approx(0.24)) for value in (at_place(across) | at_place(along)).values())


@pytest.mark.parametrize("rounding", [6, 9, 11])
def test_an_even_turn_is_no_crease(rounding: float) -> None:
    """Three steps as large as those beside them are the roundness of a surface."""
    values = turned([rounding * x for x in range(8)])
    assert places(field_borders(values, everywhere(values), math.radians(30), unit=True)) == []


@pytest.mark.parametrize("beside", [0, 1, 2])
def test_what_the_turn_beside_it_explains_is_taken_off(beside: float) -> None:
    """Three times the turn of the pixels before and after."""
    for crease in (29.5, 30.5):
        step = crease + 3 * beside - 2 * beside
        angles = np.cumsum([0, *[beside] * 4, step, *[beside] * 4])
        found = field_borders(turned([*angles]), everywhere(turned([*angles])), math.radians(30), unit=True)
        assert places(found) == [(0, 0, 4)] and found.strong.tolist() == [crease > 30]


@given(st.floats(0.01, 0.99))
def test_a_mixed_pixel_tells_the_place(share: float) -> None:
    """Colours 0 and 1 with a pixel between that is `share` of the left one: the border cuts that pixel there."""
    row = np.array([0.0, 0.0, 0.0, 1 - share, 1.0, 1.0, 1.0])
    values = np.stack([row] * 3)[:, None]
    (place, (at, play, strong)) = next(iter(at_place(field_borders(values, everywhere(values), 0.5, unit=False)).items()))
    assert len(places(field_borders(values, everywhere(values), 0.5, unit=False))) == 1
    # Pixel 3 reaches from 2.5 to 3.5; positions count from the centre of the pixel before the border.
    assert place[2] + at == pytest.approx(2.5 + share, abs=1e-5)
    assert play == pytest.approx(0.24) and strong


def test_fields_have_no_border_between_objects_or_where_nothing_is_known() -> None:
    values = turned([0] * 4 + [60] * 4)
    same = everywhere(values)
    same[0][0, 3] = False
    assert places(field_borders(values, same, 0.5, unit=True)) == []
    known = values.copy()
    known[:, :, 4:] = 0
    assert places(field_borders(known, everywhere(known), 0.5, unit=True)) == []
    assert places(field_borders(known, everywhere(known), 0.5, unit=False)) == [(0, 0, 3)], "0 is a value of other fields"
    # What lies beyond another object's border explains nothing: the turn at the frame's edge is the whole one.
    near = turned([0, 60, 60])
    same = everywhere(near)
    same[0][0, 1] = False
    assert at_place(field_borders(near, same, 0.5, unit=True))[0, 0, 0][2]


def test_of_two_steps_of_one_border_the_larger_is_it_and_of_equal_ones_the_second() -> None:
    for steps, column in (((10, 50), 3), ((50, 10), 2), ((30, 30), 3)):
        values = turned([*np.cumsum([0, 0, 0, steps[0], steps[1], 0, 0, 0])])
        found = field_borders(values, everywhere(values), 0.5, unit=True)
        assert places(found) == [(0, 0, column)]


def test_vectors_get_length_1_and_wrong_ones_are_none() -> None:
    vectors = np.array(
        [[0.0, 0.0, 2.0], [0.0, 0.11, 0.0], [0.0, 0.1, 0.0], [2.1, 0, 0], [np.nan, 0, 1], [np.inf, 0, 0], [-2, 0, 0], [0.3, 0, 0.4]]
    )
    found = unit_vectors(vectors.T[:, None])[:, 0].T
    wanted = [[0, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0], [-1, 0, 0], [0.6, 0, 0.8]]
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize(("axis", "second"), [(0, (0, 1)), (1, (1, 0))])
def test_the_nearer_pixel_is_in_front(axis: int, second: tuple[int, int]) -> None:
    where = np.array([axis]), np.array([0]), np.array([0])

    def front(ids: tuple[int, int], near: tuple[float, float] | None) -> bool:
        plane, depths = np.full((2, 2), 5), np.zeros((2, 2))
        plane[0, 0], plane[second] = ids
        if near is not None:
            depths[0, 0], depths[second] = near
        return bool(front_of(plane, None if near is None else depths, *where)[0])

    assert front((7, 9), (0.5, 0.2)) and not front((7, 9), (0.2, 0.5))
    assert front((7, 9), (0.5, 0.5)), "the first where both are as near"
    assert front((7, NOBODY), (0.2, 0.5)) and not front((NOBODY, 7), (0.5, 0.2)), "something is before nothing"
    assert front((7, 9), None) and front((7, NOBODY), None) and not front((NOBODY, 7), None) and front((NOBODY, NOBODY), None)
    assert front_of(np.zeros((2, 2), int), None, *(np.zeros(0, int),) * 3).shape == (0,)


def test_the_kind_that_comes_first_keeps_its_border() -> None:
    borders = Borders.none((6, 6))
    assert borders.play.min() == borders.play.max() == 0.5 and borders.at.min() == borders.at.max() == 0.5
    borders.add("object", one(0, 2, 2))
    borders.add("material", one(0, 2, 2, strong=False))
    assert borders.kind[0, 2, 2] == 1 + KINDS.index("object") and borders.strong[0, 2, 2]
    borders.add("material", one(1, 2, 2, strong=False))
    assert borders.kind[1, 2, 2] == 1 + KINDS.index("material") and not borders.strong[1, 2, 2]
    assert (borders.at[1, 2, 2], borders.play[1, 2, 2]) == (np.float32(0.25), np.float32(0.1))
    assert np.count_nonzero(borders.kind) == 2
    borders.add("tone", Found.of([(np.zeros(0, int),) * 6]))
    assert np.count_nonzero(borders.kind) == 2


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=3),
    st.sampled_from(KINDS[2:]),
)
def test_inner_lines_are_not_drawn_again_beside_others(lines: list[Place], kind: str) -> None:
    """A border of which both pixels touch a line, or lie next to one that does, is taken for the same line."""
    borders = Borders.none((7, 7))
    touched = set()
    for axis, row, column in lines:
        borders.add("object", one(axis, row, column))
        touched |= {(row, column), (row + axis, column + 1 - axis)}
    wide = {(y + down, x + right) for y, x in touched for down in (-1, 0, 1) for right in (-1, 0, 1)}
    places_left = [(axis, y, x) for axis in (0, 1) for y in range(7 - axis) for x in range(6 + axis)]
    candidates = np.array(places_left).T
    count = len(places_left)
    before = borders.kind.copy()
    borders.add(kind, Found(*candidates, np.full(count, 0.5), np.full(count, 0.5), np.ones(count, bool)))
    for axis, y, x in places_left:
        inside = {(y, x), (y + axis, x + 1 - axis)} <= wide
        wanted = before[axis, y, x] if before[axis, y, x] or inside else 1 + KINDS.index(kind)
        assert borders.kind[axis, y, x] == wanted
