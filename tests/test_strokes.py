"""Strokes as coverage, against the distance of every pixel's centre from every segment."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rotonodes.imaging.lines.strokes import draw

SHAPE = (23, 31)


def expected(starts: np.ndarray, ends: np.ndarray, widths: np.ndarray) -> np.ndarray:
    """What a pixel's width, laid across the stroke, has in common with the stroke: looked up pixel by pixel, without windows."""
    covered = np.zeros(SHAPE)
    for (x0, y0), (x1, y1), (w0, w1) in zip(starts.tolist(), ends.tolist(), widths.tolist(), strict=True):
        for y in range(SHAPE[0]):
            for x in range(SHAPE[1]):
                along = math.dist((x0, y0), (x1, y1)) ** 2
                share = min(1.0, max(0.0, ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / along)) if along else 0.0
                away = math.dist((x, y), (x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
                half = (w0 + share * (w1 - w0)) / 2
                overlap = min(away + 0.5, half) - max(away - 0.5, -half)
                covered[y, x] = max(covered[y, x], min(1.0, max(0.0, overlap)))
    return covered


@pytest.mark.parametrize("seed", range(4))
def test_every_pixel_has_the_coverage_of_its_distance(seed: int) -> None:
    """Short and long, thin and thick strokes in all directions, some beyond the frame's edges."""
    random = np.random.default_rng(seed)
    starts = random.uniform((-6, -6), (SHAPE[1] + 6, SHAPE[0] + 6), (12, 2))
    ends = starts + random.normal(0, 1, (12, 2)) * random.choice([0.5, 4, 12], (12, 1))
    widths = random.choice([0.3, 1, 2.5, 7], (12, 2))
    made = draw(starts, ends, widths, SHAPE)
    assert made.dtype == np.float32 and made.shape == SHAPE
    np.testing.assert_allclose(made, expected(starts, ends, widths), atol=2e-4)


@pytest.mark.parametrize("way", [(9, 0), (0, 9), (-9, 0), (0, -9), (7, 7), (7, -7), (0, 0)])
def test_one_stroke_in_each_direction_and_a_dot(way: tuple[int, int]) -> None:
    starts = np.array([[15.0, 11.0]])
    for width in ((1.0, 1.0), (4.0, 0.5), (0.0, 3.0)):
        widths = np.array([width])
        np.testing.assert_allclose(draw(starts, starts + way, widths, SHAPE), expected(starts, starts + way, widths), atol=1e-5)


def test_a_straight_line_covers_exactly_its_area() -> None:
    made = draw(np.array([[5.0, 10.25]]), np.array([[25.0, 10.25]]), np.array([[1.5, 1.5]]), SHAPE)
    assert made[:, 15].tolist() == [0] * 10 + [1, 0.5] + [0] * 11
    assert made[:, 15].sum() == 1.5
    assert not draw(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2)), SHAPE).any()
