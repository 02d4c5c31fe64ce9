"""SmoothEdge: wobbles go, the shape stays; polygons keep their tolerance, coverage is exact, borders and empty frames stay."""

from __future__ import annotations

import math
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import approximate_polygon

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.mattes.box_means import box_mean, gaussian
from rotonodes.imaging.mattes.outline import _from_segment, contours, covered, simplified
from rotonodes.nodes import SmoothEdge
from rotonodes.values.pixels import Image, Matte

METHODS = ("blur", "polygon", "guided")


def smoothed(plane: np.ndarray, picture: np.ndarray | None = None, **options: object) -> np.ndarray:
    image = None if picture is None else Image(torch.from_numpy(np.stack([picture] * 3)))
    return SmoothEdge(**options)(Matte(torch.from_numpy(plane)[None]), image).data[0].numpy()


def by_any(method: str, plane: np.ndarray, **options: object) -> np.ndarray:
    """By a method; the guided one along the matte itself."""
    return smoothed(plane, plane if method == "guided" else None, method=method, **options)


def disc(radius: float, size: int = 64, wobble: float = 0.0, times: int = 40) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    edge = radius + wobble * np.sin(times * np.arctan2(y, x))
    return np.clip(0.5 + edge - np.hypot(y, x), 0, 1).astype(np.float32)


@pytest.mark.parametrize("options", [{"method": "blur", "radius": 2.0}, {"method": "polygon", "tolerance": 1.0}], ids=str)
def test_wobbles_go_and_the_shape_stays(options: dict) -> None:
    plain, rough = disc(22), disc(22, wobble=0.8)
    found = smoothed(rough, **options)
    assert np.abs(found - plain).sum() < 0.75 * np.abs(rough - plain).sum()
    assert found.sum() == pytest.approx(plain.sum(), rel=0.05)


@pytest.mark.parametrize("softness", [1.0, 3.0])
def test_a_blurred_edge_is_as_narrow_as_asked(softness: float) -> None:
    step = np.zeros((9, 60), np.float32)
    step[:, :30] = 1
    row = smoothed(step, radius=3.0, softness=softness)[4]
    assert row[29] - row[30] == pytest.approx(1 / softness, rel=0.03)
    assert (row[29] + row[30]) / 2 == pytest.approx(0.5, abs=1e-5)


def test_a_blur_alone_is_the_softest() -> None:
    from scipy.ndimage import gaussian_filter

    plane = disc(14)
    assert np.allclose(smoothed(plane, radius=2.0, softness=99), gaussian_filter(plane, 2.0, mode="nearest"), atol=2e-5)


@pytest.mark.parametrize("tolerance", [0.3, 1.0, 2.5])
def test_a_polygon_keeps_its_tolerance(tolerance: float) -> None:
    (line,) = contours(disc(20, wobble=1.5, times=9))
    points, counts = simplified([line], tolerance)
    assert counts.tolist() == [len(points)]
    assert len(points) < len(line) / 3
    start, along = points[:-1], np.diff(points, axis=0)
    share = ((line[:, None] - start) * along).sum(-1) / (along**2).sum(-1)
    feet = start + share.clip(0, 1)[..., None] * along
    assert np.hypot(*np.moveaxis(line[:, None] - feet, -1, 0)).min(axis=1).max() <= tolerance + 1e-9


def test_polygons_are_those_of_scikit_image() -> None:
    line = np.array([[0, 0], [0.2, 3], [-0.3, 6], [4, 6.2], [8, 6], [8.4, 3], [8, 0], [0, 0]], float)
    points, _ = simplified([line], 0.5)
    start = np.flatnonzero((line == points[0]).all(axis=1))[0]
    rolled = np.concatenate([line[start:-1], line[: start + 1]])
    assert {tuple(point) for point in points} == {tuple(point) for point in approximate_polygon(rolled, 0.5)}


def test_coverage_is_exact() -> None:
    box = np.array([[2.3, 2.1], [2.3, 9.6], [7.9, 9.6], [7.9, 2.1], [2.3, 2.1]])
    found = covered([box], (12, 14))
    assert found.sum() == pytest.approx(5.6 * 7.5, rel=1e-6)
    assert found[2, 5] == pytest.approx(0.2) and found[5, 2] == pytest.approx(0.4)
    hole = np.array([[4.0, 4.0], [6.0, 4.0], [6.0, 6.0], [4.0, 6.0], [4.0, 4.0]])
    assert covered([box, hole], (12, 14)).sum() == pytest.approx(5.6 * 7.5 - 4, rel=1e-6)
    beyond = np.array([[-9.0, -9.0], [-9.0, 50.0], [50.0, 50.0], [50.0, -9.0], [-9.0, -9.0]])
    assert (covered([beyond], (12, 14)) == 1).all()
    assert not covered([], (3, 4)).any()


@settings(deadline=None, max_examples=40)
@given(arrays(np.float64, (3, 2), elements=st.floats(-4, 20)))
def test_triangles_cover_their_area(corners: np.ndarray) -> None:
    """Against points on a fine grid: those inside, by the sides they lie on."""
    triangle = np.concatenate([corners, corners[:1]])
    fine = 8
    at = (np.arange(16 * fine) + 0.5) / fine - 0.5
    sides = [
        (b[1] - a[1]) * (at[:, None] - a[0]) - (b[0] - a[0]) * (at[None] - a[1])
        for a, b in pairwise(triangle)
    ]  # fmt: skip
    inside = np.all([side > 0 for side in sides], axis=0) | np.all([side < 0 for side in sides], axis=0)
    wanted = inside.reshape(16, fine, 16, fine).mean((1, 3))
    assert np.abs(covered([triangle], (16, 16)) - wanted).max() < 0.3
    assert np.abs(covered([triangle], (16, 16)).sum() - wanted.sum()) < 1.5


def test_a_polygon_has_the_holes_of_its_matte() -> None:
    plane = disc(25) - disc(10)
    found = smoothed(plane, method="polygon", tolerance=0.4)
    assert found[32, 32] == 0 and found[32, 12] == 1 and found[2, 2] == 0
    assert found.sum() == pytest.approx(plane.sum(), rel=0.02)


def test_guided_moves_the_edge_to_the_pictures() -> None:
    picture = np.full((40, 40), 0.05, np.float32)
    picture[:, 20:] = 0.6
    rough = np.zeros((40, 40), np.float32)
    rough[:, 20:] = 1
    rough[10:14, 17:20] = 1
    rough[25:29, 20:23] = 0
    wanted = (picture > 0.3).astype(np.float32)
    found = smoothed(rough, picture, method="guided", radius=8, detail=0.02)
    assert np.abs(found - wanted).max() < 0.4 < np.abs(rough - wanted).max()
    assert ((found > 0.5) == (wanted > 0.5)).all()


@pytest.mark.parametrize("shape", [(40, 50), (3, 90), (1, 1)])
def test_windows_are_those_of_scipy(shape: tuple[int, int]) -> None:
    from scipy.ndimage import gaussian_filter, uniform_filter

    plane = np.random.default_rng(0).random(shape, np.float32)
    for radius in (1, 3, 8, 70):
        assert np.allclose(box_mean(plane, radius), uniform_filter(plane, 2 * radius + 1, mode="nearest"), atol=2e-6)
    for sigma in (0.05, 0.4, 2.0, 13.3):
        assert np.allclose(gaussian(plane, sigma), gaussian_filter(plane, sigma, mode="nearest"), atol=2e-6)


@pytest.mark.parametrize("method", ["blur", "guided"])
def test_no_library_is_needed_but_for_polygons(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("scipy", "scipy.ndimage", "skimage"):
        monkeypatch.setitem(sys.modules, library, None)
    assert 0 < by_any(method, disc(12)).mean() < 1


def test_guided_by_a_flat_picture_is_a_mean_of_means() -> None:
    from scipy.ndimage import uniform_filter

    plane = disc(12, 40)
    wanted = uniform_filter(uniform_filter(plane, 5, mode="nearest"), 5, mode="nearest")
    assert np.allclose(smoothed(plane, np.full_like(plane, 0.3), method="guided", radius=2), wanted, atol=1e-4)


def test_guided_needs_a_picture_of_its_size() -> None:
    plane = disc(5, 16)
    with pytest.raises(UsageError, match="method: guided follows a picture: link its `image`"):
        smoothed(plane, method="guided")
    with pytest.raises(FrameError, match="the matte is 16 x 16, the picture 9 x 8: crop or reformat one of them"):
        smoothed(plane, np.zeros((8, 9), np.float32), method="guided")
    assert list(SmoothEdge(method="guided").faults(frozenset({"matte"}), 1)) == ["method: guided follows a picture: link its `image`"]
    (fault,) = SmoothEdge(method="blur").faults(frozenset({"matte", "image"}), 1)
    assert fault.startswith("`image` is linked, but method: blur does not use it")


@pytest.mark.parametrize("method", METHODS)
def test_borders_of_the_frame_stay(method: str) -> None:
    plane = np.zeros((30, 40), np.float32)
    plane[:, :17] = 1
    found = by_any(method, plane)
    assert (found[:, :12] == 1).all() and (found[:, 22:] == 0).all()
    assert np.ptp(found, axis=0).max() < 1e-6  # the first and last rows are as those between


@pytest.mark.parametrize("method", METHODS)
def test_what_is_no_number_stays_where_it_is(method: str) -> None:
    plane = disc(20)
    plane[32, 32] = plane[1, 1] = np.nan
    found = by_any(method, plane)
    assert np.argwhere(np.isnan(found)).tolist() == [[1, 1], [32, 32]]


@settings(deadline=None, max_examples=60)
@given(
    st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(
        lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0, 0, 0.2, 0.5, 0.7, 1, 1]))
    ),
    st.sampled_from(METHODS),
    st.sampled_from([0.3, 1.0, 7.5]),
)
def test_laws(plane: np.ndarray, method: str, size: float) -> None:
    before = plane.copy()
    found = by_any(method, plane, radius=size, tolerance=size)
    assert np.array_equal(plane, before)
    assert found.shape == plane.shape and found.dtype == np.float32
    assert found.min() >= 0 and found.max() <= 1
    for value in (0.0, 1.0):
        flat = np.full_like(plane, value)
        assert np.array_equal(by_any(method, flat, radius=size, tolerance=size), flat)


def test_every_length_is_in_pixels() -> None:
    """A circle of r px has pi / acos(1 - t / r) chords that leave it by t; halving makes at most twice as many."""
    (line,) = contours(disc(20))
    points, _ = simplified([line], 1.0)
    least = math.pi / math.acos(1 - 1.0 / 20)
    assert least - 1 < len(points) - 1 < 2 * least


def test_distances_are_to_the_segment_not_to_its_line() -> None:
    points = np.array([[-3.0, 4.0], [0.0, 2.0], [5.0, -1.5], [10.0, 0.0], [13.0, 4.0], [2.0, 0.0]])
    start, end = np.zeros((6, 2)), np.tile([10.0, 0.0], (6, 1))
    assert _from_segment(points, start, end).tolist() == [5, 2, 1.5, 0, 5, 0]
    assert _from_segment(points, end, start).tolist() == [5, 2, 1.5, 0, 5, 0]
    assert _from_segment(points[:2], start[:2], start[:2]).tolist() == [5, 2], "a segment without length is a point"
