"""Which values of masks are classes: the peaks of a histogram, counted by hand; the nearest class of a sample."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.errors import FrameError
from rotonodes.io.mask_values import as_color, common_values, is_lossy, modification_times, nearest, read_mask_samples

RED, GREEN = 0xFF0000, 0x00FF00


@pytest.mark.parametrize(
    ("counts", "found"),
    [
        ({0: 1000, 128: 300, 255: 1000}, [0, 128, 255]),
        ({0: 9950, 255: 9950, 128: 100}, [0, 128, 255]),  # half a percent
        ({0: 9951, 255: 9950, 128: 99}, [0, 255]),
        ({0: 1000, 20: 900}, [0]),  # so near is the same class
        ({0: 1000, 21: 900}, [0, 21]),
        ({0: 1000, 100: 40, 104: 60}, [0, 104]),  # beyond the flat part, still of the class
        ({0: 1000, 100: 49, 104: 25, 96: 25, 255: 1000}, [0, 255]),  # a slope: more pixels stand beside it than on it
        ({0: 1000, 100: 50, 104: 25, 96: 25, 255: 1000}, [0, 100, 255]),
        ({0: 1000, 100: 25, 102: 25, 104: 25, 96: 25}, [0, 100]),  # two beside it count as flat
        ({0: 1000, 100: 50, 108: 30, 92: 30, 255: 1000}, [0, 255]),
        ({0: 1000, 100: 50, 109: 30, 91: 30}, [0, 100]),
    ],
)
def test_peaks_of_greys(counts: dict[int, int], found: list[int]) -> None:
    assert common_values(counts, 1) == found


def test_of_16_bits_and_colours_the_distances_are_wider() -> None:
    assert common_values({0: 1000, 20 * 257: 900}, 1) == [0]
    assert common_values({0: 1000, 20 * 257 + 1: 900}, 1) == [0, 20 * 257 + 1]
    assert common_values({0: 1000, 0x002800: 900}, 3) == [0]
    assert common_values({0: 1000, 0x002900: 900, RED: 80}, 3) == [0, 0x002900, RED]
    assert common_values({0: 1000, 0xFF0000: 900, 0xFF0029: 800, 0xD60029: 700}, 3) == [0, 0xD60029, 0xFF0000, 0xFF0029]


def test_so_many_classes_as_are_asked_for() -> None:
    counts = {0: 1000, 100: 900, 200: 800, 255: 3}
    assert common_values(counts, 1, 2) == [0, 100]
    assert common_values(counts, 1, 3) == [0, 100, 200]
    assert common_values(counts, 1, 4) == [0, 100, 200, 255], "also a rare one"
    assert common_values(counts, 1, 3, known=[0]) == [100, 200], "known ones count, and are not told again"
    assert common_values(counts, 1, 3, known=[110]) == [0, 100, 200], "known ones that do not occur do not count"
    assert common_values(counts, 1, known=[100]) == [0, 200]


def test_thin_lines_reach_for_the_far_end() -> None:
    assert common_values({0: 10000, 30: 10, 200: 3}, 1) == [0, 200]
    assert common_values({255: 10000, 30: 3, 200: 10}, 1) == [30, 255]
    assert common_values({0: 10000, 40: 3}, 1) == [0], "too near to be another class"
    assert common_values({0: 10000, 41: 3}, 1) == [0, 41]
    assert common_values({0: 10000, 255: 1000, 120: 3}, 1) == [0, 255], "two peaks are enough"


@given(st.lists(st.integers(0, 255), min_size=1, max_size=4, unique=True), st.lists(st.integers(0, 255), min_size=1, max_size=20))
def test_the_nearest_grey(values: list[int], codes: list[int]) -> None:
    found = nearest(np.array([codes]), np.array(values), 1)
    assert found.dtype == np.uint8 and found.shape == (1, len(codes))
    for code, index in zip(codes, found[0].tolist(), strict=True):
        assert abs(values[index] - code) == min(abs(value - code) for value in values)


def test_the_nearest_colour_by_euclidean_distance() -> None:
    values = np.array([0x000000, 0xC80000, 0x786478])
    codes = np.array([[0x640000, 0x650000], [0x786400, 0xFFFFFF]])
    assert nearest(codes, values, 3).tolist() == [[0, 1], [2, 2]]
    assert nearest(np.array([[0]]), np.array([0x640000, 0x3C3C00]), 3).tolist() == [[1]], "not the sum of the differences"
    assert nearest(np.array([[0]]), np.array([0x500000, 0x464646]), 3).tolist() == [[0]], "nor the largest of them"
    assert nearest(np.array([[-3, 40000]]), np.array([-5, 70000, 30000]), 1).tolist() == [[0, 2]]


def test_lossy_files_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    picture = PIL.Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    for name, options, lossy in (
        ("a.jpg", {}, True), ("a.webp", {}, True), ("b.webp", {"lossless": True}, False), ("a.png", {}, False), ("a.bmp", {}, False),
    ):  # fmt: skip
        picture.save(tmp_path / name, **options)
        assert is_lossy((tmp_path / name).read_bytes()[:64]) is lossy, name


def test_samples_with_an_alpha(tmp_path: Path) -> None:
    grey = np.array([[[7, 255], [9, 0]]], np.uint8)
    PIL.Image.fromarray(grey, "LA").save(tmp_path / "a.png")
    found = read_mask_samples(str(tmp_path / "a.png"))
    assert (found.codes.tolist(), found.colored) == ([[7, 9]], False)
    assert found.alpha is not None and found.alpha.tolist() == [[255, 0]]
    rgba = np.array([[[1, 2, 3, 4], [5, 5, 5, 6]]], np.uint8)
    PIL.Image.fromarray(rgba).save(tmp_path / "b.png")
    found = read_mask_samples(str(tmp_path / "b.png"))
    assert (found.codes.tolist(), found.colored) == ([[0x010203, 0x050505]], True)
    assert found.alpha is not None and found.alpha.tolist() == [[4, 6]]
    PIL.Image.fromarray(rgba[:, 1:, :3]).save(tmp_path / "c.png")
    found = read_mask_samples(str(tmp_path / "c.png"))
    assert (found.codes.tolist(), found.colored, found.alpha) == ([[5]], False, None), "grey in three channels is grey"
    assert as_color(5) == 0x050505


def test_an_array_is_a_mask_where_it_is_whole_numbers_in_two_dimensions(tmp_path: Path) -> None:
    for number, array in enumerate((np.array([[True, False]]), np.array([[3, 1]], np.uint16), np.array([[-3, 1]]))):
        np.save(tmp_path / f"{number}.npy", array)
        assert read_mask_samples(str(tmp_path / f"{number}.npy")).codes.tolist() == array.astype(int).tolist()
    for name, array, words in (("f", np.zeros((2, 3)), r"float64 \[2, 3\]"), ("d", np.zeros((2, 2, 3), np.uint8), r"uint8 \[2, 2, 3\]")):
        np.save(tmp_path / f"{name}.npy", array)
        with pytest.raises(FrameError, match=rf"masks are whole numbers \[H, W\], this array is {words}"):
            read_mask_samples(str(tmp_path / f"{name}.npy"))


def test_when_masks_were_changed(tmp_path: Path) -> None:
    import os

    for name, when in (("a", 5), ("b", 7)):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, ns=(1, when))
    assert modification_times([str(tmp_path / name) for name in "ab"]) == (5, 7)
    with pytest.raises(FrameError, match="no such file"):
        modification_times([str(tmp_path / "c")])
