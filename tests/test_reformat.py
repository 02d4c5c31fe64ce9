"""Crop and Reformat: boxes, frames, data windows, filters."""

from __future__ import annotations

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rotonodes.errors import FrameError
from rotonodes.imaging.picture.resample import reformat
from rotonodes.node.parameters import parameter_faults
from rotonodes.nodes.picture.crop import Crop
from rotonodes.nodes.picture.reformat import Reformat
from rotonodes.values.pixels import Box, Image, Labels, Matte

FILTERS = ("nearest", "bilinear", "bicubic", "lanczos", "area")
NAN, INF = float("nan"), float("inf")


def ramp(width: int, height: int, planes: int = 3) -> Image:
    """Every sample has its own value: 100 times the row, plus the column, plus a thousandth of the plane."""
    y, x, c = torch.arange(height).view(1, -1, 1), torch.arange(width).view(1, 1, -1), torch.arange(planes).view(-1, 1, 1)
    return Image(y * 100 + x + c / 1000.0)


def labels(*rows: list[int]) -> Labels:
    return Labels(torch.tensor(rows, dtype=torch.uint8), ("a", "b", "c"), ("#000000", "#808080", "#ffffff"))


# Crop.


def test_crop_counts_negative_edges_from_the_far_edge() -> None:
    image = ramp(10, 6)
    cropped = Crop(left=2, top=1, right=-3, bottom=-2)(image)
    assert cropped.size == (5, 3)
    assert torch.equal(cropped.data, image.data[:, 1:4, 2:7])
    assert torch.equal(Crop(left=-4, top=-2)(image).data, image.data[:, 4:, 6:])


def test_crop_without_edges_gives_the_frame_itself() -> None:
    image = ramp(3, 2)
    assert Crop()(image) is image


@pytest.mark.parametrize("frame", [Image(torch.rand(3, 9, 12)), Matte(torch.rand(1, 9, 12)), labels([0] * 12, [1] * 12, [2] * 12)])
@pytest.mark.parametrize("crop", [Crop(left=2, top=1, right=-3), Crop(zoom=1.5)])
def test_a_crop_is_a_view_of_the_frame(frame: Image | Matte | Labels, crop: Crop) -> None:
    piece = crop(frame)
    assert 0 < piece.data.numel() < frame.data.numel()
    assert piece.data.untyped_storage().data_ptr() == frame.data.untyped_storage().data_ptr(), "no pixel is copied"


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_crop_is_the_slice_of_the_frame(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 9))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    from_far = data.draw(st.booleans())
    edges = {"left": left, "top": top, "right": right - width if from_far else right, "bottom": bottom - height if from_far else bottom}
    plain = torch.arange(width * height).view(height, width) % 3
    crop = Crop(**edges)
    assert torch.equal(crop(Image(plain[None].float())).data[0], plain[top:bottom, left:right].float())
    assert torch.equal(crop(Matte(plain[None] / 2)).data[0], plain[top:bottom, left:right] / 2)
    assert torch.equal(crop(Labels(plain.byte(), ("a", "b", "c"), ("#000",) * 3)).data, plain[top:bottom, left:right].byte())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_crop_sees_the_same_pixels_whatever_the_data_window(data: st.DataObject) -> None:
    left, top = data.draw(st.integers(-3, 7)), data.draw(st.integers(-3, 5))
    window = Box(left, top, left + data.draw(st.integers(1, 9)), top + data.draw(st.integers(1, 9)))
    image = ramp(8, 6).on(window)
    box = Box(2, 1, data.draw(st.integers(3, 8)), data.draw(st.integers(2, 6)))
    cropped = Crop(left=box.left, top=box.top, right=box.right, bottom=box.bottom)(image)
    assert cropped.size == (box.width, box.height)
    assert torch.equal(cropped.on_frame().data, image.on_frame().data[:, box.top : box.bottom, box.left : box.right])
    frame = Box(0, 0, *cropped.size)
    assert cropped.box.intersect(frame) == cropped.box, "the data window lies in the frame"


def test_crop_says_which_box_lies_outside_of_which_frame() -> None:
    with pytest.raises(FrameError, match=r"left 8, top 0, right 2, bottom 10.* 10 x 10"):
        Crop(left=8, right=-8)(ramp(10, 10))
    with pytest.raises(FrameError, match="pad with Reformat"):
        Crop(right=11)(ramp(10, 10))


def test_crop_zoom_keeps_the_centre() -> None:
    image = ramp(14, 28)
    assert torch.equal(Crop(zoom=1.4)(image).data, image.data[:, 4:24, 2:12])
    zoomed = Crop(zoom=1.4, width=200, height=200)(ramp(280, 350))
    assert zoomed.size == (200, 200)
    assert zoomed.data.shape == (3, 200, 200)
    # 280 x 350 -> centre 200 x 250 at (40, 50), covers 200 x 200 as it is, of which the centre begins 25 rows further down.
    assert torch.equal(zoomed.data, ramp(280, 350).data[:, 75:275, 40:240])


def test_crop_refuses_zoom_below_one_and_half_a_size() -> None:
    assert "zoom" in parameter_faults(Crop, {"zoom": 0.5})[0][1]
    assert "go together" in parameter_faults(Crop, {"width": 200})[0][1]


def test_crop_of_labels_to_a_size_stays_labels() -> None:
    cropped = Crop(width=2, height=2)(labels([0, 1, 2, 0], [0, 1, 2, 0]))
    assert cropped.data.tolist() == [[1, 2], [1, 2]]
    assert cropped.classes == ("a", "b", "c")


def test_crop_keeps_alpha_extras_and_what_is_no_colour() -> None:
    image = Image(torch.tensor([[1.5, NAN], [INF, -2.0], [0.0, 9.0], [0.5, 1.0], [7.0, 8.0]])[:, None], ("R", "G", "B", "A", "Z"))
    before = image.data.clone()
    cropped = Crop(left=1)(image)
    assert cropped.channels == image.channels
    assert torch.equal(cropped.data[1:], image.data[1:, :, 1:])
    assert cropped.data[0].isnan().all()
    assert torch.equal(image.data.nan_to_num(), before.nan_to_num())


# Reformat.


@pytest.mark.parametrize(
    ("parameters", "size"),
    [
        ({}, (40, 20)),
        ({"width": 20}, (20, 10)),
        ({"height": 5}, (10, 5)),
        ({"scale": 0.5}, (20, 10)),
        ({"scale": 0.01}, (1, 1)),
        ({"width": 7, "height": 9}, (7, 9)),
    ],
)
def test_reformat_sizes(parameters: dict[str, float], size: tuple[int, int]) -> None:
    assert Reformat(**parameters)(ramp(40, 20)).size == size


def test_reformat_refuses_scale_beside_a_size() -> None:
    assert "not both" in parameter_faults(Reformat, {"scale": 2, "width": 3})[0][1]


@pytest.mark.parametrize(("filter_", "fit"), [(f, fit) for f in FILTERS for fit in ("fill", "fit", "stretch", "width", "height", "none")])
def test_reformat_keeps_a_flat_picture_flat(filter_: str, fit: str) -> None:
    flat = reformat(Image(torch.full((3, 5, 7), 1.5)), (11, 3), filter_, fit)  # type: ignore[arg-type]
    assert flat.size == (11, 3)
    assert torch.allclose(flat.data, torch.tensor(1.5))


def test_reformat_halves_by_hand() -> None:
    row = Image(torch.tensor([[[0.0, 1.0, 4.0, 9.0]]]))
    assert Reformat(width=2, height=1, filter="area", fit="stretch")(row).data.flatten().tolist() == [0.5, 6.5]
    assert Reformat(width=2, height=1, filter="nearest", fit="stretch")(row).data.flatten().tolist() == [1.0, 9.0]
    # Triangle of radius 2 around 1.0: weights 0.75 0.75 0.25 of 1.75 for pixels 0 1 2.
    halved = Reformat(width=2, height=1, filter="bilinear", fit="stretch")(row).data.flatten().tolist()
    assert halved == pytest.approx([(0.75 * 1 + 0.25 * 4) / 1.75, (0.25 * 1 + 0.75 * 4 + 0.75 * 9) / 1.75])


def test_reformat_area_is_the_exact_mean_of_what_a_pixel_covers() -> None:
    row = Image(torch.tensor([[[0.0, 3.0, 9.0]]]))
    # Each of the two covers one and a half pixels.
    shrunk = Reformat(width=2, height=1, filter="area", fit="stretch")(row)
    assert shrunk.data.flatten().tolist() == pytest.approx([1.0, 7.0])


@pytest.mark.parametrize("size", [(5, 4), (13, 3), (30, 22), (1, 1)])
@pytest.mark.parametrize("filter_", ["bilinear", "bicubic"])
def test_reformat_agrees_with_torch_where_torch_has_the_filter(filter_: str, size: tuple[int, int]) -> None:
    image = Image(torch.rand(3, 11, 13, generator=torch.Generator().manual_seed(1)))
    oracle = torch.nn.functional.interpolate(image.data[None], size[::-1], mode=filter_, antialias=True)[0]
    assert torch.allclose(reformat(image, size, filter_, "stretch").data, oracle, atol=2e-5)  # type: ignore[arg-type]


def test_reformat_agrees_with_pillow_on_lanczos() -> None:
    plane = torch.rand(1, 17, 23, generator=torch.Generator().manual_seed(2))
    oracle = np.array(PIL.Image.fromarray(plane[0].numpy()).resize((9, 31), PIL.Image.Resampling.LANCZOS))
    assert torch.allclose(reformat(Image(plane), (9, 31), "lanczos", "stretch").data[0], torch.from_numpy(oracle), atol=1e-5)


def test_reformat_fit_leaves_bars_and_fill_cuts() -> None:
    wide = Image(torch.ones(4, 10, 20))
    fitted = Reformat(width=10, height=10, fit="fit")(wide)
    assert fitted.box == (0, 2, 10, 7)
    assert fitted.on_frame().data[3, :, 0].tolist() == pytest.approx([0, 0, 1, 1, 1, 1, 1, 0, 0, 0])
    filled = Reformat(width=10, height=10, fit="fill", filter="nearest")(ramp(20, 10))
    assert torch.equal(filled.data, ramp(20, 10).data[:, :, 5:15])


def test_reformat_none_pads_and_cuts_around_the_centre() -> None:
    image = ramp(4, 4)
    padded = Reformat(width=8, height=2, fit="none")(image)
    assert padded.size == (8, 2)
    assert padded.box == (2, 0, 6, 2)
    assert torch.equal(padded.data, image.data[:, 1:3])


@pytest.mark.parametrize("filter_", FILTERS)
@pytest.mark.parametrize(("left", "top"), [(2, 4), (4, 2), (0, 2), (2, 0)])
def test_reformat_takes_overscan_for_what_it_is(filter_: str, left: int, top: int) -> None:
    """Pixels beyond the frame count as they do within a larger frame: the half of the one is cut out of the half of the other."""
    data = torch.rand(3, 14, 16, generator=torch.Generator().manual_seed(2))
    half = reformat(Image(data), (8, 7), filter_, "stretch").data  # type: ignore[arg-type]
    size = (16 - left - 2, 14 - top - 2)
    found = reformat(Image(data, origin=(-left, -top), size=size), (size[0] // 2, size[1] // 2), filter_, "stretch")  # type: ignore[arg-type]
    torch.testing.assert_close(found.on_frame().data, half[:, top // 2 : 6, left // 2 : 7], atol=1e-5, rtol=1e-5)


def test_reformat_uses_overscan_and_pads_small_windows() -> None:
    image = ramp(8, 8)
    overscan = Image(torch.ones(3, 12, 12), origin=(-2, -2), size=(8, 8))
    halved = Reformat(scale=0.5)(overscan)
    assert halved.box == (0, 0, 4, 4)
    windowed = image.on(Box(2, 2, 6, 6))
    assert torch.allclose(Reformat(scale=0.5)(windowed).on_frame().data, Reformat(scale=0.5)(windowed.on_frame()).data)


def test_reformat_of_labels_takes_the_nearest_class() -> None:
    assert Reformat(scale=2)(labels([0, 2])).data.tolist() == [[0, 0, 2, 2], [0, 0, 2, 2]]
    assert Reformat(width=4, height=1, fit="fit")(labels([1, 2])).data.tolist() == [[0, 1, 2, 0]]


def test_reformat_holds_mattes_between_0_and_1() -> None:
    edge = torch.zeros(1, 8, 8)
    edge[..., 4:] = 1
    assert reformat(Image(edge), (32, 32), "lanczos").data.max() > 1.01
    soft = reformat(Matte(edge), (32, 32), "lanczos").data
    assert soft.min() == 0
    assert soft.max() == 1


@pytest.mark.parametrize("filter_", FILTERS)
def test_reformat_spreads_a_nan_no_further_than_its_reach(filter_: str) -> None:
    image = Image(torch.ones(3, 64, 64))
    image.data[:, 32, 32] = NAN
    halved = reformat(image, (32, 32), filter_).data.isnan()  # type: ignore[arg-type]
    rows, columns = torch.nonzero(halved[0], as_tuple=True)
    if filter_ != "nearest":
        assert halved.any()
    assert all(abs(int(i) - 16) <= 6 for i in (*rows, *columns))
    assert not reformat(Image(torch.full((1, 3, 3), 100.0)), (2, 2), filter_).data.isnan().any()  # type: ignore[arg-type]


@pytest.mark.parametrize("filter_", FILTERS)
@pytest.mark.parametrize(("old", "new"), [((1, 1), (1, 1)), ((1, 1), (7, 5)), ((7, 5), (1, 1)), ((3, 1), (1, 9))])
def test_reformat_of_single_pixels(filter_: str, old: tuple[int, int], new: tuple[int, int]) -> None:
    image = Image(torch.full((5, old[1], old[0]), 2.0), ("R", "G", "B", "A", "Z"))
    result = reformat(image, new, filter_, "stretch")  # type: ignore[arg-type]
    assert result.data.shape == (5, new[1], new[0])
    assert result.channels == image.channels
    assert torch.allclose(result.data, torch.tensor(2.0))


@pytest.mark.parametrize("window", [Box(2, 1, 6, 5), Box(-3, -2, 13, 9), Box(0, 0, 9, 7), Box(7, 5, 12, 9)])
@pytest.mark.parametrize("edges", [(0, 0, 9, 7), (1, 1, 8, 6), (3, 2, 9, 7), (0, 3, 4, 7)])
def test_a_crop_never_makes_a_data_window_larger(window: Box, edges: tuple[int, int, int, int]) -> None:
    """What lies beside a render region is unknown before and after; overscan is cut with the frame."""
    data = torch.arange(1.0, 3 * window.width * window.height + 1).view(3, window.height, window.width)
    picture = Image(data, origin=(window.left, window.top), size=(9, 7))
    box = Box(*edges)
    cropped = Crop(left=box.left, top=box.top, right=box.right, bottom=box.bottom)(picture)
    left = window.intersect(box)
    assert cropped.size == (box.width, box.height)
    if left.width and left.height:
        assert cropped.box == Box(left.left - box.left, left.top - box.top, left.right - box.left, left.bottom - box.top)
    else:
        assert (cropped.box.width, cropped.box.height) == (1, 1) and not cropped.data.any()
    assert torch.equal(cropped.on_frame().data, picture.on_frame().data[:, box.top : box.bottom, box.left : box.right])
