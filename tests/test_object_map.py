"""Objects grown over the pixels of none beside them, and laid from the data window onto the frame."""

from __future__ import annotations

import numpy as np

from rotonodes.imaging.passes import object_map
from rotonodes.imaging.passes.object_map import _grown, _on_frame
from rotonodes.values.pixels import Box, Layers


def test_objects_grow_in_all_four_directions_one_pixel_a_round() -> None:
    found = np.zeros((41, 43), np.int32)
    found[20, 21] = 7
    y, x = np.mgrid[:41, :43]
    expected = np.where(np.abs(y - 20) + np.abs(x - 21) <= object_map._REACH, 7, 0)
    assert np.array_equal(_grown(found.copy()), expected)


def test_objects_do_not_grow_over_others() -> None:
    found = np.array([[1, 0, 0, 0, 2], [1, 1, 2, 2, 2]], np.int32)
    made = _grown(found.copy())
    assert np.array_equal(made[found > 0], found[found > 0])
    assert made[0].tolist() == [1, 1, 2, 2, 2]
    assert not _grown(np.zeros((3, 3), np.int32)).any()


def test_a_data_window_is_laid_on_the_frame() -> None:
    found = np.arange(1, 13, dtype=np.int32).reshape(3, 4)
    for box, rows, columns, part in (
        (Box(1, 2, 5, 5), slice(2, 5), slice(1, 5), found),
        (Box(-1, -2, 3, 1), slice(0, 1), slice(0, 3), found[2:, 1:]),
        (Box(4, 4, 8, 7), slice(4, 6), slice(4, 7), found[:2, :3]),
    ):
        whole = _on_frame(found, Layers({}, box, (7, 6)))
        expected = np.zeros((6, 7), np.int32)
        expected[rows, columns] = part
        assert np.array_equal(whole, expected)
