"""RemoveSpecks: regions and holes by area, soft edges kept, the class that surrounds, and what holds for any matte and labels."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest
import scipy.ndimage
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.mattes.regions import regions
from rotonodes.node.base import Node
from rotonodes.nodes import CheckEdges, RemoveSpecks, SmoothEdge
from rotonodes.values.pixels import Labels, Matte
from rotonodes.values.tones import default_colors

SHAPES = st.tuples(st.integers(1, 12), st.integers(1, 12))
MATTES = SHAPES.flatmap(lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0, 0, 0, 0.2, 0.49, 0.5, 0.7, 1, 1, 1])))
LABELS = SHAPES.flatmap(lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 3)))


def matte(plane: object) -> Matte:
    return Matte(torch.tensor(np.array(plane), dtype=torch.float32)[None])


def labels(plane: object) -> Labels:
    return Labels(torch.tensor(np.array(plane), dtype=torch.uint8), ("a", "b", "c", "d"), default_colors(4))


def cleaned(plane: object, **options: object) -> np.ndarray:
    return RemoveSpecks(**options)(matte(plane)).data[0].numpy()


def merged(plane: object, **options: object) -> np.ndarray:
    return RemoveSpecks(**options)(labels(plane)).data.numpy()


def soft_disc(size: int, y: float, x: float, radius: float, ramp: float = 4) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size]
    return np.clip(0.5 + (radius - np.hypot(rows - y, columns - x)) / ramp, 0, 1).astype(np.float32)


def frame(*boxes: tuple[int, int, int, int, float], size: int = 24) -> np.ndarray:
    """Zeros with boxes of (top, left, bottom, right, value)."""
    plane = np.zeros((size, size), np.float32)
    for top, left, bottom, right, value in boxes:
        plane[top:bottom, left:right] = value
    return plane


def test_a_speck_that_stands_alone_becomes_0_whatever_is_around_it() -> None:
    """Mattes may have values below 0."""
    plane = frame((5, 5, 6, 6, 1), (12, 12, 20, 20, 1)) - np.float32(0.25) * frame((0, 0, 10, 10, 1))
    plane[5, 5] = 1
    wanted = plane.copy()
    wanted[5, 5] = 0
    assert np.array_equal(cleaned(plane, area=4, holes=0), wanted)


def test_a_region_goes_below_the_area_and_stays_at_it() -> None:
    plane = frame((2, 2, 5, 5, 1), (10, 10, 20, 20, 1))  # 9 and 100 px
    assert np.array_equal(cleaned(plane, area=9), plane)
    assert np.array_equal(cleaned(plane, area=10), frame((10, 10, 20, 20, 1)))


def test_a_hole_is_filled_below_its_own_area() -> None:
    plane = frame((2, 2, 22, 22, 1), (5, 5, 8, 8, 0), (12, 12, 14, 14, 0))  # holes of 9 and 4 px
    assert np.array_equal(cleaned(plane, area=5), frame((2, 2, 22, 22, 1), (5, 5, 8, 8, 0)))
    assert np.array_equal(cleaned(plane, area=1, holes=10), frame((2, 2, 22, 22, 1)))
    assert np.array_equal(cleaned(plane, area=50, holes=0), plane)


def test_corners_belong_together_by_connectivity() -> None:
    plane = frame((0, 0, 20, 20, 1), (20, 20, 22, 22, 1))  # 400 px and, over a corner, 4
    assert np.array_equal(cleaned(plane, area=5, connectivity=8), plane)
    assert np.array_equal(cleaned(plane, area=5, connectivity=4), frame((0, 0, 20, 20, 1)))


def test_soft_edges_of_what_stays_are_kept_bit_by_bit_and_those_of_specks_go() -> None:
    body, speck = soft_disc(64, 40, 40, 14, 8), soft_disc(64, 8, 8, 2.5, 4)
    assert np.array_equal(cleaned(np.maximum(body, speck)), body)
    assert np.array_equal(cleaned(1 - np.maximum(body, speck)), 1 - body)


def test_a_speck_on_a_soft_edge_sinks_to_the_level_around_it() -> None:
    body = soft_disc(64, 32, 20, 10, 30)  # so soft that the speck stands on its edge
    plane = body.copy()
    plane[31:34, 38:41] = 1
    found = cleaned(plane, area=16)
    away = np.ones_like(plane, bool)
    away[31:34, 38:41] = False
    assert np.array_equal(found[away], body[away])
    assert (found[~away] <= body[30:35, 37:42].max()).all()
    assert (found[~away] >= body[30:35, 37:42].min()).all()


def test_faint_specks_go_and_faint_smoke_stays() -> None:
    smoke = frame((4, 4, 16, 16, 0.2))
    assert np.array_equal(cleaned(np.maximum(smoke, frame((20, 20, 22, 22, 0.3))), area=20), smoke)


def test_a_speck_in_noise_sinks_into_it() -> None:
    """A network's matte is nowhere quite 0. Around the speck, where its soft edge could be, bumps of the noise sink with it."""
    noise = np.random.default_rng(4).uniform(0.001, 0.02, (40, 40)).astype(np.float32)
    plane = noise.copy()
    plane[20:23, 20:23] = 0.9
    found = cleaned(plane, holes=0)
    assert found.max() <= 0.02
    away = np.ones_like(plane, bool)
    away[11:32, 11:32] = False
    assert np.array_equal(found[away], noise[away])
    away[20:23, 20:23] = True
    assert (found[~away] <= noise[~away]).all()


def test_what_is_no_number_stays_and_spoils_nothing() -> None:
    plane = frame((2, 2, 4, 4, 1), (10, 10, 20, 20, 1))
    plane[3, 4] = plane[12, 12] = np.nan
    found = cleaned(plane, area=20)
    wanted = frame((10, 10, 20, 20, 1))
    wanted[3, 4] = wanted[12, 12] = np.nan
    assert np.array_equal(found, wanted, equal_nan=True)


def test_nothing_to_do_gives_the_same_value_back() -> None:
    value = matte(frame((5, 5, 15, 15, 1)))
    assert RemoveSpecks(area=50)(value) is value


# Labels.


def test_a_region_takes_the_class_that_surrounds_it_most() -> None:
    plane = np.zeros((12, 12), int)
    plane[:, 6:] = 1
    plane[4:6, 5:8] = 2  # shares 5 sides with class 0 and 7 with class 1
    wanted = np.zeros((12, 12), int)
    wanted[:, 6:] = 1
    wanted[4:6, 5:8] = 1
    assert np.array_equal(merged(plane, area=7), wanted)
    assert np.array_equal(merged(plane, area=6), plane)


def test_regions_within_small_regions_follow_their_neighbours() -> None:
    plane = np.zeros((16, 16), int)
    plane[4:9, 4:9] = 1
    plane[5:8, 5:8] = 2
    plane[6, 6] = 3
    assert not merged(plane, area=30).any()
    assert merged(plane, area=8)[5:8, 5:8].tolist() == [[2] * 3] * 3


def test_the_largest_region_of_labels_stays() -> None:
    assert np.array_equal(merged([[1, 1, 2]], area=100), [[1, 1, 1]])
    assert merged([[3]], area=100).tolist() == [[3]]
    kept = labels([[1, 2], [1, 1]])
    found = RemoveSpecks(area=9)(kept)
    assert (found.classes, found.colors, found.data.dtype) == (kept.classes, kept.colors, torch.uint8)


# For anything.


@settings(deadline=None, max_examples=60)
@given(MATTES, st.integers(0, 12), st.integers(0, 12), st.sampled_from([0.3, 0.5, 1.0]), st.sampled_from([4, 8]))
def test_laws_of_mattes(plane: np.ndarray, area: int, holes: int, threshold: float, connectivity: int) -> None:
    node = RemoveSpecks(area=area, holes=holes, threshold=threshold, connectivity=connectivity)
    value = matte(plane)
    once = node(value)
    found = once.data[0].numpy()
    assert np.array_equal(value.data[0].numpy(), plane)
    assert torch.equal(node(once).data, once.data)
    assert found.min() >= 0 and found.max() <= 1
    structure = np.ones((3, 3)) if connectivity == 8 else None
    for mask, least in ((found >= np.float32(threshold), area), (found < np.float32(threshold), holes)):
        parts, count = scipy.ndimage.label(mask, structure)
        assert mask.all() or count == 0 or np.bincount(parts.ravel())[1:].min() >= least
    everything = (plane >= np.float32(threshold)).all()
    if holes == 0 and not everything:
        assert (found <= plane).all()


@settings(deadline=None, max_examples=60)
@given(MATTES, st.sampled_from([4, 8]))
def test_hard_mattes_as_scipy_labels_them(plane: np.ndarray, connectivity: int) -> None:
    hard = (plane >= 0.5).astype(np.float32)
    parts, _ = scipy.ndimage.label(hard, np.ones((3, 3)) if connectivity == 8 else None)
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    wanted = hard * (sizes >= 6)[parts] if not hard.all() else hard
    assert np.array_equal(cleaned(hard, area=6, holes=0, connectivity=connectivity), wanted)


@settings(deadline=None, max_examples=60)
@given(LABELS, st.integers(0, 30), st.sampled_from([4, 8]))
def test_laws_of_labels(plane: np.ndarray, area: int, connectivity: int) -> None:
    once = merged(plane, area=area, connectivity=connectivity)
    assert np.array_equal(merged(once, area=area, connectivity=connectivity), once)
    assert set(np.unique(once)) <= set(np.unique(plane))
    found = regions(once, connectivity)
    assert len(found.sizes) == 1 or found.sizes.min() >= min(area, found.sizes.max())


@settings(deadline=None, max_examples=60)
@given(LABELS, st.sampled_from([4, 8]))
def test_regions_are_those_of_scipy(plane: np.ndarray, connectivity: int) -> None:
    found = regions(plane, connectivity)
    numbers = np.repeat(found.region, found.ends - found.starts).reshape(plane.shape)
    count = 0
    for value in np.unique(plane):
        parts, of_value = scipy.ndimage.label(plane == value, np.ones((3, 3)) if connectivity == 8 else None)
        count += of_value
        for part in range(1, of_value + 1):
            assert len(np.unique(numbers[parts == part])) == 1
    assert count == len(found.sizes) == numbers.max() + 1
    assert np.array_equal(found.classes[numbers], plane)


WITHOUT = [(SmoothEdge(method="polygon"), "scikit-image"), (CheckEdges(), "scikit-image")]


@pytest.mark.parametrize(("node", "library"), WITHOUT, ids=lambda value: str(value)[:30])
def test_without_the_extra_one_line_says_how_to_install_it(node: Node, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name in ("scipy", "skimage") else real(name))
    value = matte(soft_disc(20, 9, 9, 5))
    with pytest.raises(UsageError) as error:
        node([value] if isinstance(node, CheckEdges) else value)
    assert str(error.value) == f'tracing the edge of a matte needs {library}, which is not installed: pip install "rotonodes[post]"'


def test_only_the_named_classes_lose_their_specks() -> None:
    plane = np.zeros((20, 20), np.uint8)
    plane[:, 10:] = 1
    plane[3, 3], plane[3, 15], plane[12, 15] = 1, 0, 2
    value = Labels(torch.from_numpy(plane), ("background", "ground_shadow", "midtone"), ("#000000", "#808080", "#ffffff"))
    found = RemoveSpecks(area=4, classes=["background", "ground_shadow"])(value).data.numpy()
    assert (found[3, 3], found[3, 15], found[12, 15]) == (0, 1, 2)
    assert RemoveSpecks(area=4)(value).data[12, 15] == 1
    with pytest.raises(FrameError, match=r"classes: the labels have no class 'mid' \(did you mean 'midtone'\?\); they have background"):
        RemoveSpecks(classes=["mid"])(value)
