"""Trimap, and the distances beneath it."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.errors import FrameError
from rotonodes.imaging.mattes.disc import within
from rotonodes.imaging.mattes.unknown_band import make_trimap
from rotonodes.nodes import Trimap
from rotonodes.values.pixels import Labels, Matte
from rotonodes.values.tones import CLASSES, COLORS


def matte(rows: object) -> Matte:
    return Matte(torch.tensor(rows, dtype=torch.float32)[None])


def nearest(mask: torch.Tensor) -> torch.Tensor:
    """The distance of every pixel to the nearest one of a mask, one by one."""
    height, width = mask.shape
    set_pixels = [(y, x) for y in range(height) for x in range(width) if mask[y, x]]
    return torch.tensor([[min((math.hypot(y - v, x - u) for v, u in set_pixels), default=math.inf) for x in range(width)]
                         for y in range(height)])  # fmt: skip


@given(st.integers(1, 13), st.integers(1, 11), st.integers(0, 2**20), st.sampled_from([0, 0.5, 1, 1.5, 2, math.sqrt(5), 3.2, 7, 40]))
def test_within_is_the_exact_distance(width: int, height: int, seed: int, distance: float) -> None:
    mask = torch.rand((height, width), generator=torch.Generator().manual_seed(seed)) < 0.12
    before = mask.clone()
    found = within(mask, distance)
    assert torch.equal(found, nearest(mask) <= distance)
    assert torch.equal(mask, before)


def test_trimap_of_a_hard_edge() -> None:
    made = Trimap(erode=2, dilate=1)(matte([[0, 0, 0, 0, 1, 1, 1, 1]])).data
    assert made[0, 0].tolist() == [0, 0, 0, 0.5, 0.5, 0.5, 1, 1]
    assert Trimap(erode=0, dilate=0)(matte([[0, 0, 1, 1]])).data[0, 0].tolist() == [0, 0, 1, 1]


def test_trimap_is_round() -> None:
    dot = torch.zeros(1, 21, 21)
    dot[0, 10, 10] = 1
    unknown = make_trimap(dot, erode=1, dilate=5)[0] == 0.5
    y, x = torch.meshgrid(torch.arange(21) - 10, torch.arange(21) - 10, indexing="ij")
    assert torch.equal(unknown, x * x + y * y <= 25)


def test_soft_parts_are_unknown_and_the_distance_starts_behind_them() -> None:
    made = Trimap(erode=1, dilate=1)(matte([[0, 0, 0.04, 0.3, 0.94, 0.96, 1, 1]])).data
    assert made[0, 0].tolist() == [0, 0, 0.5, 0.5, 0.5, 0.5, 1, 1]
    assert Trimap(erode=0, dilate=0)(matte([[0, math.nan, 1, 1]])).data[0, 0].tolist() == [0, 0.5, 1, 1]


def test_a_shape_that_leaves_the_frame_is_not_eroded_there() -> None:
    assert Trimap(erode=3, dilate=3)(matte([[1.0] * 9] * 4)).data.eq(1).all()


def test_labels_all_but_the_first_class_or_those_named() -> None:
    labels = Labels(torch.tensor([[0, 1, 2, 3, 4, 255]], dtype=torch.uint8), CLASSES, COLORS)
    assert Trimap(erode=0, dilate=0)(labels).data[0, 0].tolist() == [0, 1, 1, 1, 1, 0]
    assert Trimap(erode=0, dilate=0, classes=["midtone", "cast_shadow"])(labels).data[0, 0].tolist() == [0, 1, 0, 1, 0, 0]
    with pytest.raises(FrameError, match=r"there is no class 'midtones' \(did you mean 'midtone'\?\); the labels have background, "):
        Trimap(classes=["midtones"])(labels)


def test_an_empty_mask_fails_in_one_line_unless_it_may_be() -> None:
    empty = matte([[0.0, 0.02], [0.0, 0.0]])
    with pytest.raises(FrameError, match=r"^the mask is empty: .*set empty: background") as failed:
        Trimap()(empty)
    assert "\n" not in str(failed.value)
    assert Trimap(empty="background")(empty).data.eq(0).all()
