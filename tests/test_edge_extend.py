"""EdgeExtend: the nearest colour of the shape, no further than asked; what stays as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from rotonodes import Image, Matte
from rotonodes.errors import FrameError
from rotonodes.imaging.picture.edge_colors import _grown
from rotonodes.nodes import EdgeExtend
from rotonodes.values.pixels import Box


def disc(size: int = 41, radius: float = 10, fringe: float = 0.0) -> Image:
    """A soft red disc whose edge pixels are mixed with a `fringe` of blue that does not belong to it."""
    y, x = torch.meshgrid(torch.arange(size) - size // 2, torch.arange(size) - size // 2, indexing="ij")
    alpha = (radius - torch.hypot(x.float(), y.float()) + 0.5).clamp(0, 1)
    blue = torch.where(alpha < 1, fringe, 0.0)
    return Image(torch.stack([0.8 * alpha, 0.1 * alpha, blue * alpha, alpha]))


def test_a_fringe_takes_the_shapes_own_colour() -> None:
    made = EdgeExtend(distance=4)(disc(fringe=0.9))
    torch.testing.assert_close(made.data, disc().data)


def test_the_colour_is_that_of_the_nearest_pixel() -> None:
    generator = torch.Generator().manual_seed(4)
    image = disc().with_data(torch.cat([torch.rand(3, 41, 41, generator=generator), disc().data[3:]]))
    image = image.with_data(torch.cat([image.data[:3] * image.data[3:], image.data[3:]]))
    known = image.data[3].numpy() >= 0.98
    away, (rows, columns) = ndimage.distance_transform_edt(~known, return_indices=True)
    made = EdgeExtend(distance=6, alpha="opaque")(image)
    reached = away <= 6
    np.testing.assert_array_equal(made.data[3].numpy(), reached)
    assert not made.data[:, torch.from_numpy(~reached)].any()
    found, straight = made.data[:3].numpy(), (image.data[:3] / image.data[3:].clamp(min=1e-9)).numpy()
    for y, x in zip(*np.nonzero(reached), strict=True):  # among equally near ones any will do
        near = np.argwhere(known & (np.hypot(*np.ogrid[-y : 41 - y, -x : 41 - x]) <= away[y, x] + 1e-6))
        assert any(np.allclose(found[:, y, x], straight[:, r, c], atol=1e-6) for r, c in near)
    assert rows.shape == columns.shape


def test_distance_0_and_opaque_pictures_change_nothing() -> None:
    assert torch.equal(EdgeExtend(distance=0)(disc(fringe=0.9)).data, disc(fringe=0.9).data)
    opaque = Image(torch.rand(3, 5, 5))
    assert EdgeExtend()(opaque) is opaque
    empty = Image(torch.zeros(4, 5, 5))
    assert EdgeExtend()(empty) is empty


def test_a_matte_may_say_what_the_shape_is() -> None:
    picture = Image(torch.linspace(0, 1, 9).view(1, 1, 9).repeat(3, 3, 1))
    matte = Matte((torch.arange(9) < 4).float().view(1, 1, 9).repeat(1, 3, 1))
    made = EdgeExtend(distance=3)(picture, matte)
    assert made.data[0, 1].tolist() == pytest.approx([0, 0.125, 0.25, 0.375, 0.375, 0.375, 0.375, 0.875, 1])
    with pytest.raises(FrameError, match="the matte is 9 x 3, the picture 5 x 5: crop or reformat one of them"):
        EdgeExtend()(Image(torch.rand(3, 5, 5)), matte)


def test_soft_colours_stay_between_those_around_them() -> None:
    picture = disc(41, 10)
    two = picture.with_data(picture.data.clone())
    two.data[0, :, 21:] = 0  # the right half is black
    hard, soft = (EdgeExtend(distance=8, alpha="opaque", soften=s)(two).data[0] for s in (0, 2))
    assert {round(v, 4) for v in hard[4, 15:27].tolist()} == {0.0, 0.8}
    assert 0.1 < soft[4, 21] < 0.7 and (soft >= 0).all() and soft.max() <= 0.8001


def test_a_data_window_grows_for_colours_that_go_beyond_it() -> None:
    small = Image(torch.ones(4, 4, 4), origin=(10, 0), size=(30, 20))
    made = EdgeExtend(distance=3, alpha="opaque")(small)
    assert made.box == Box(7, 0, 17, 7) and made.data[3, 1, 1] == 1 and made.data[3, 6, 0] == 0
    assert EdgeExtend(distance=3)(small).box == small.box


@pytest.mark.parametrize(
    ("box", "grown"),
    [
        (Box(5, 6, 10, 9), Box(2, 3, 13, 12)),
        (Box(1, 2, 19, 14), Box(0, 0, 20, 15)),  # as far as the frame
        (Box(-4, 6, 10, 9), Box(-4, 3, 13, 12)),  # overscan stays, and does not grow
        (Box(5, -2, 24, 18), Box(2, -2, 24, 18)),
        (Box(30, 2, 34, 5), Box(30, 2, 34, 5)),  # beside the frame
        (Box(20, 2, 24, 5), Box(20, 2, 24, 5)),
    ],
)
def test_room_for_the_colours(box: Box, grown: Box) -> None:
    image = Image(torch.zeros(4, box.height, box.width), origin=(box.left, box.top), size=(20, 15))
    assert _grown(image, 3) == grown
