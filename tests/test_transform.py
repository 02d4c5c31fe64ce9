"""Transform and CornerPin: exact where they can be, near OpenCV-free references elsewhere; data windows, time, bad matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from rotonodes import Image, Matte
from rotonodes.errors import FrameError, UsageError
from rotonodes.imaging.picture.warping import affine, sampled
from rotonodes.nodes import CornerPin, Transform
from rotonodes.values.curves import value_at
from rotonodes.values.pixels import Box, Labels


@pytest.fixture(scope="module")
def picture() -> Image:
    return Image(torch.rand(4, 30, 40, generator=torch.Generator().manual_seed(2)))


@pytest.fixture(scope="module")
def smooth() -> Image:
    x, y = torch.meshgrid(torch.arange(60.0), torch.arange(50.0), indexing="xy")
    planes = torch.stack([torch.sin(0.2 * x + 0.1 * y), torch.cos(0.15 * y - 0.1 * x), torch.sin(0.05 * x * y / 10), torch.ones_like(x)])
    return Image(planes)


def test_nothing_to_do_returns_the_picture_itself(picture: Image) -> None:
    assert Transform()(picture) is picture and CornerPin()(picture) is picture


def test_whole_pixels_are_copied_and_cut_at_the_frame(picture: Image) -> None:
    made = Transform(translate=(5, -3))(picture)
    assert made.box == Box(5, 0, 40, 27)
    assert torch.equal(made.data, picture.data[:, 3:, :35])
    assert Transform(translate=(100, 0))(picture).data.sum() == 0


def test_overscan_is_kept_as_far_as_it_was(picture: Image) -> None:
    wide = Image(picture.data, origin=(-5, -5), size=(30, 20))
    assert Transform(translate=(2, 0))(wide).box == Box(-3, -5, 35, 25)
    assert Transform(scale=3.0)(wide).box == wide.box


def test_a_quarter_turn_is_exact() -> None:
    square = Image(torch.rand(4, 16, 16, generator=torch.Generator().manual_seed(3)))
    for filter_ in ("nearest", "bilinear", "bicubic"):
        made = Transform(rotate=90, filter=filter_)(square).on_frame()
        torch.testing.assert_close(made.data, square.data.rot90(1, (1, 2)), atol=1e-4, rtol=0)


def test_mirrors(picture: Image) -> None:
    torch.testing.assert_close(Transform(scale=(-1, 1))(picture).data, picture.data.flip(2), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "given", [{"rotate": 20}, {"scale": 1.3}, {"skew": 15}, {"rotate": -7, "scale": (0.9, 1.2), "translate": (3.5, 1.25)}]
)
@pytest.mark.parametrize("filter_, order, tolerance", [("bilinear", 1, 1e-4), ("bicubic", 3, 0.03)])
def test_against_scipy(smooth: Image, given: dict, filter_: str, order: int, tolerance: float) -> None:
    """Positions are right: a linear sampling equals scipy's, a cubic one (another kernel) is near its spline."""
    scale = given.get("scale", 1.0)
    across, down = scale if isinstance(scale, tuple) else (scale, scale)
    matrix = affine(given.get("translate", (0, 0)), given.get("rotate", 0), (across, down), (30, 25), given.get("skew", 0))
    inverse = np.linalg.inv(matrix)
    rows, columns = np.mgrid[:50, :60]
    where = inverse @ np.stack([columns.ravel() + 0.5, rows.ravel() + 0.5, np.ones(3000)])
    places = [where[1].reshape(50, 60) - 0.5, where[0].reshape(50, 60) - 0.5]
    made = Transform(filter=filter_, **given)(smooth).on_frame().data.numpy()
    inside = (places[0] > 2) & (places[0] < 47) & (places[1] > 2) & (places[1] < 57)
    for plane, source in zip(made, smooth.data.numpy(), strict=True):
        wanted = ndimage.map_coordinates(source.astype(np.float64), places, order=order)
        np.testing.assert_allclose(plane[inside], wanted[inside], atol=tolerance)


def test_turning_goes_anticlockwise_and_about_the_centre() -> None:
    dot = torch.zeros(1, 21, 21)
    dot[0, 10, 18] = 1
    assert Transform(rotate=90)(Image(dot)).on_frame().plane("Y")[0].argmax() == 2 * 21 + 10
    assert Transform(rotate=90, center=(18.5, 10.5))(Image(dot)).on_frame().plane("Y")[0].argmax() == 10 * 21 + 18


def test_invert_undoes(smooth: Image) -> None:
    given = {"rotate": 10, "scale": 1.1, "translate": (2.5, 1)}
    back = Transform(**given, invert=True)(Transform(**given)(smooth)).on_frame()
    assert (back.data - smooth.data)[:, 15:35, 15:45].abs().max() < 0.03


def test_reductions_are_averaged() -> None:
    fine = Image((torch.arange(64)[None] + torch.arange(64)[:, None]).fmod(2)[None].float().expand(3, 64, 64).clone())
    made = Transform(scale=0.25)(fine)
    assert (made.on_frame().data[:3, 26:38, 26:38] - 0.5).abs().max() < 1e-3
    assert (Transform(scale=0.25, filter="nearest")(fine).data[:3] % 1 == 0).all()


def test_a_quarter_size_is_the_mean_of_whole_blocks_and_black_beyond_the_edges() -> None:
    """9 x 5 pixels on blocks of 4 x 4: the last ones reach beyond the picture to the right and below."""
    planes = torch.rand(2, 5, 9, generator=torch.Generator().manual_seed(3))
    whole = torch.zeros(2, 8, 12)
    whole[:, :5, :9] = planes
    blocks = whole.reshape(2, 2, 4, 3, 4).mean(dim=(2, 4))
    quarter = affine((0, 0), 0, (0.25, 0.25), (0, 0))
    made = sampled(planes, Box(0, 0, 9, 5), quarter, Box(0, 0, 3, 2), "bilinear")
    torch.testing.assert_close(made, blocks)
    inside = sampled(planes, Box(-4, 4, 5, 9), quarter, Box(-1, 1, 2, 3), "bilinear")
    torch.testing.assert_close(inside, blocks)  # the data window lies elsewhere
    assert not sampled(planes, Box(0, 0, 9, 5), quarter, Box(5, 5, 7, 7), "bilinear").any()


def test_tall_pictures_are_made_in_bands_without_a_seam() -> None:
    ramp = torch.arange(600, dtype=torch.float32)[None, :, None].expand(1, 600, 3).contiguous()
    box, wanted = Box(0, 0, 3, 600), ramp[:, 1:598] + 0.5
    made = sampled(ramp, box, affine((0, -0.5), 0, (1, 1), (0, 0)), Box(0, 1, 3, 598), "bilinear")
    torch.testing.assert_close(made, wanted, atol=2e-3, rtol=0)
    bent = np.array([[1, 0, 0], [0, 1, 0], [0, 1e-3, 1]], np.float64)  # y' = y / (1 + y / 1000)
    made = sampled(ramp, box, bent, Box(0, 1, 1, 370), "bilinear")
    rows = torch.arange(1, 370) + 0.5
    torch.testing.assert_close(made[0, :, 0], rows / (1 - rows / 1000) - 0.5, atol=0.05, rtol=0)


def test_what_lies_beside_an_opaque_picture_is_transparent() -> None:
    made = Transform(rotate=45)(Image(torch.ones(3, 20, 20)))
    assert made.channels == ("R", "G", "B", "A")
    assert made.on_frame().data[3, 0, 0] == 0 and made.on_frame().data[3, 10, 10] == pytest.approx(1)


def test_mattes_stay_in_range_and_labels_take_the_nearest(picture: Image) -> None:
    hard = Matte((picture.data[:1] > 0.5).float())
    made = Transform(rotate=10)(hard)
    assert made.size == hard.size and made.data.min() >= 0 and made.data.max() <= 1
    labels = Labels((picture.data[0] * 5).to(torch.uint8), tuple("abcde"), ("#000000",) * 5)
    turned = Transform(translate=(0.4, 0))(labels)
    assert torch.equal(turned.data, labels.data) and turned.data.dtype == torch.uint8


def test_values_over_time(picture: Image) -> None:
    node = Transform(translate={10: (0, 0), 20: (10, -20)})
    assert node(picture, frame=5) is picture
    assert node(picture, frame=15).box == Box(5, 0, 40, 20)
    assert node(picture, frame=30).box == Box(10, 0, 40, 10)
    assert [value_at({1: 0, 5: 8}, frame, "smooth") for frame in (0, 1, 3, 5, 9)] == [0, 0, 4, 8, 8]
    assert value_at({1: 0, 5: 8}, 2, "smooth") == 8 * 0.15625 and value_at({1: 0, 5: 8}, 4, "hold") == 0
    twice = Transform(scale={1: 1.0, 3: 3.0}, filter="nearest")(picture, frame=2).on_frame()
    assert torch.equal(twice.data[:, 15:17, 20:22], picture.data[:, 15:16, 20:21].expand(4, 2, 2))


def test_corner_pin_takes_corners_to_places(smooth: Image) -> None:
    to = ((5, 4), (50, 8), (57, 45), (2, 40))
    made = CornerPin(to=to, filter="bilinear")(smooth).on_frame()
    assert made.data[3, 30, 30] == pytest.approx(1, abs=1e-5) and made.data[3, 2, 2] == 0 and made.data[3, 47, 30] == 0
    back = CornerPin(to=to, filter="bilinear", invert=True)(made).on_frame()
    assert (back.data - smooth.data)[:, 6:44, 6:54].abs().max() < 0.08
    half = CornerPin(to=((0, 0), (30, 0), (30, 25), (0, 25)))(smooth).on_frame()
    torch.testing.assert_close(half.data[:, 1:24, 1:29], Transform(scale=0.5, center=(0, 0))(smooth).on_frame().data[:, 1:24, 1:29])


def test_corner_pin_bends_as_a_camera_does() -> None:
    """The diagonals of a pinned picture cross where its middle is seen."""
    dot = torch.zeros(1, 101, 101)
    dot[0, 50, 50] = 1
    to = ((0.0, 0.0), (100.0, 20.0), (100.0, 60.0), (0.0, 90.0))
    made = CornerPin(to=to, filter="bilinear")(Image(dot)).on_frame().plane("Y")[0]
    row, column = divmod(int(made.argmax()), 101)
    # Lines (0, 0)-(100, 60) and (100, 20)-(0, 90).
    x = 90 / (0.6 + 0.7)
    assert abs(column + 0.5 - x) < 1 and abs(row + 0.5 - 0.6 * x) < 1


def test_corner_pin_over_time_and_from_other_points(picture: Image) -> None:
    first = ((0, 0), (40, 0), (40, 30), (0, 30))
    second = tuple((x + 4, y + 2) for x, y in first)
    made = CornerPin(to={1: first, 3: second})(picture, frame=2)
    assert made.box == Box(2, 1, 40, 30) and torch.equal(made.data, picture.data[:, :29, :38])
    assert torch.equal(CornerPin(from_corners=first, to=second)(picture).data, picture.data[:, :28, :36])


def test_bad_values_are_one_line() -> None:
    with pytest.raises(FrameError, match="to: three of the four corners lie on one line: no picture can be bent to that"):
        CornerPin(to=((0, 0), (5, 5), (10, 10), (0, 9)))(Image(torch.ones(3, 8, 8)))
    with pytest.raises(UsageError, match="scale: 0 would flatten the picture to a line"):
        Transform(scale=(1, 0))
    with pytest.raises(UsageError, match="rotate: the list of frames is empty"):
        Transform(rotate={})
    with pytest.raises(FrameError, match="its matrix has no inverse"):
        Transform(scale={1: -1, 3: 1})(Image(torch.ones(3, 8, 8)), frame=2)
