"""The sheet of a stage: which frames are on it, where they are, and in which colours."""

import pytest
import torch
from torch import Tensor

from rotonodes.imaging.picture.sheet import GAP, GROUND, contact_sheet, text_mask
from rotonodes.metrics.labels import IGNORE
from rotonodes.train.log.stage_sheet import WIDTH, Example, for_display, spread, stage_sheet
from rotonodes.values.color import hex_to_linear, srgb_to_linear
from rotonodes.values.pixels import Image

CLASSES, COLORS = ("background", "light"), ("#2d2d44", "#fff4d6")


def example(truth: Tensor | None, height: int = 8, width: int = 16) -> Example:
    return Example("frame 7", torch.full((3, height, width), 0.25), truth, torch.ones((height, width), dtype=torch.uint8))


def middles(sheet: Image, rows: int, height: int) -> list[list[tuple[float, ...]]]:
    """The colours in the middle of each cell."""
    row_height = (sheet.height - heading(sheet)) // rows
    tops = [heading(sheet) + row * row_height for row in range(rows)]
    lefts = [GAP + column * (WIDTH + GAP) for column in range(3)]
    return [[tuple(sheet.data[:, top + height // 2, left + WIDTH // 2].tolist()) for left in lefts] for top in tops]


def heading(sheet: Image) -> int:
    return 2 * GAP + text_mask("light, background").shape[0]


def test_a_row_shows_picture_truth_and_prediction_in_the_colours_of_the_classes() -> None:
    truth = torch.zeros((8, 16), dtype=torch.uint8)
    unknown = torch.full((8, 16), IGNORE, dtype=torch.uint8)
    sheet = stage_sheet([example(truth), example(None), example(unknown)], CLASSES, COLORS, "step 500")
    cells = middles(sheet, 3, WIDTH // 2)
    dark, light = (pytest.approx(hex_to_linear(color)[:3], abs=1e-6) for color in COLORS)
    ground = pytest.approx((GROUND,) * 3)
    assert cells[0] == [(0.25,) * 3, dark, light]
    assert cells[1] == [(0.25,) * 3, ground, light], "a preview has no truth"
    assert cells[2] == [(0.25,) * 3, ground, light], "what is not to be learned has no colour"


def test_each_prediction_is_scored() -> None:
    truth = torch.ones((8, 16), dtype=torch.uint8)
    truth[:, :8] = 0
    scored, blind = (stage_sheet([example(given)], CLASSES, COLORS, "") for given in (truth, None))
    below = slice(-text_mask("prediction").shape[0] - GAP, None)
    last = slice(2 * (WIDTH + GAP) + GAP, None)
    words = text_mask("prediction   mean IoU 0.250")
    assert torch.allclose(scored.data[0, below, last][: words.shape[0], : words.shape[1]], GROUND + (0.6 - GROUND) * words, atol=1e-6)
    assert (scored.data[0, below, last] > GROUND).sum() > (blind.data[0, below, last] > GROUND).sum() > 0


def test_frames_of_other_proportions_are_fitted() -> None:
    sheet = stage_sheet([example(None), example(None, height=32, width=8)], CLASSES, COLORS, "")
    assert sheet.width == GAP + 3 * (WIDTH + GAP)
    second = sheet.data[:, -WIDTH // 4, GAP : GAP + WIDTH]
    shown = (second == 0.25).all(dim=0)
    assert shown.sum() == WIDTH // 2 * 8 // 32
    assert shown[WIDTH // 2]
    assert not shown[0]


def test_frames_are_spread_over_the_clips() -> None:
    assert spread(range(100), 4) == [12, 37, 62, 87]
    assert spread([5, 7], 6) == [5, 7]
    assert spread([], 6) == []


def test_a_picture_is_shown_as_the_eye_would_see_it() -> None:
    planes = torch.tensor([0.5, 0.2, 0.3, 0.4]).view(4, 1, 1).expand(4, 2, 2)
    seen = for_display(planes, ("Depth.Z", "R", "G", "B"), ("depth", "srgb", "srgb", "linear"))
    assert torch.allclose(seen[:, 0, 0], torch.stack([*srgb_to_linear(torch.tensor([0.2, 0.3])), torch.tensor(0.4)]))
    grey = for_display(planes[:1] * 3, ("Normal.X",), ("raw",))
    assert torch.equal(grey, torch.ones(3, 2, 2))


def test_a_text_has_pixels_of_its_own() -> None:
    """Also an empty one, or one of spaces: a sheet of frames without a caption is a sheet."""
    assert text_mask("").shape == (1, 1) and not text_mask("").any()
    assert not text_mask("  ").any()
    one, two = text_mask("i"), text_mask("ig")
    assert 0 < one.max() <= 1 and one.shape[1] < two.shape[1] and one.shape[0] < two.shape[0]
    assert contact_sheet([Image(torch.ones(3, 10, 20))], [""]).size == (20 + 2 * GAP, 10 + 1 + 3 * GAP)


def test_a_title_and_a_legend_stand_above_the_cells() -> None:
    cells = [Image(torch.ones(3, 10, 60))] * 2
    plain = contact_sheet(cells, columns=1)
    headed = contact_sheet(cells, columns=1, title="step 1", legend=[("light", "#ff0000"), ("a class with a very long name", "#00ff00")])
    above = headed.height - plain.height
    assert torch.equal(headed.data[:, above:], plain.data), "the cells are as they were, below the heading"
    squares = [(headed.data[:, :above] == torch.tensor(wanted).view(3, 1, 1)).all(dim=0) for wanted in ([1.0, 0, 0], [0, 1.0, 0])]
    (red, rows), (green, lower) = ((int(square.sum()), square.any(dim=1).nonzero().flatten()) for square in squares)
    side = len(rows)
    assert red == green == side * side > 0 and side == len(lower), "whole squares of one size"
    assert int(lower[0]) >= int(rows[-1]) + GAP, "one line below the other"
    one_line = contact_sheet([Image(torch.ones(3, 10, 600))], title="step 1", legend=[("light", "#ff0000")])
    assert above > one_line.height - contact_sheet([Image(torch.ones(3, 10, 600))]).height, "a legend takes the lines it needs"


@pytest.mark.parametrize("width", [*range(40, 400, 24), 600])
@pytest.mark.parametrize("title", ["", "step 1"])
def test_the_legend_goes_on_in_a_new_line_where_a_name_does_not_fit(width: int, title: str) -> None:
    """Square, name, four gaps, the next square; each name after its square, whole where the sheet is wide enough for it alone."""
    legend = [("light", "#ff0000"), ("a long name", "#00ff00"), ("dark", "#0000ff")]
    cell = [Image(torch.ones(3, 10, width))]
    headed, plain = contact_sheet(cell, title=title, legend=legend), contact_sheet(cell)
    side = max(text_mask(text).shape[0] for text in (title, *(name for name, _ in legend), "g"))
    x, line, wanted = GAP + (text_mask(title).shape[1] + 4 * GAP if title else 0), 0, []
    for name, _ in legend:
        wide = side + GAP + text_mask(name).shape[1]
        if x > GAP and x + wide > headed.width:
            x, line = GAP, line + 1
        wanted.append((x + 1, GAP + line * (side + GAP) + 1))
        x += wide + 3 * GAP
    assert headed.height - plain.height == (line + 1) * (side + GAP)
    found = []
    for (name, color), (left, top) in zip(legend, wanted, strict=True):
        there = (headed.data[:, : headed.height - plain.height] == torch.tensor(hex_to_linear(color)[:3]).view(3, 1, 1)).all(dim=0)
        found.append((int(there.any(0).nonzero()[0]), int(there.any(1).nonzero()[0])))
        place = headed.data[0, top - 1 :, left - 1 + side + GAP :][: text_mask(name).shape[0], : text_mask(name).shape[1]]
        assert torch.allclose((place - GROUND) / (0.6 - GROUND), text_mask(name)[:, : place.shape[1]], atol=1e-5)
    assert found == wanted
