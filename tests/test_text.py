"""Text and BurnIn: where letters stand, which fonts and scripts, frame numbers, and what a font lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont, features

from rotonodes import Graph, Image
from rotonodes.errors import UsageError
from rotonodes.imaging.picture.lettering import SHIPPED
from rotonodes.nodes import BurnIn, Text
from rotonodes.values.frames import with_frame_number

raqm = pytest.mark.skipif(not features.check("raqm"), reason="Pillow without Raqm")


def ink(picture: Image) -> np.ndarray:
    return picture.on_frame().data[3].numpy()


def test_letters_are_those_that_pillow_draws() -> None:
    made = ink(Text(text="Ag", size=(120, 60), height=30, place="top-left", margin=0)())
    font = ImageFont.truetype(str(SHIPPED), 30)
    sheet = Pillow.new("L", (120, 60))
    ImageDraw.Draw(sheet).text((0, 40), "Ag", 255, font, anchor="ls")
    rows = np.asarray(sheet).any(1)
    found = made[made.any(1)]
    wanted = np.asarray(sheet, np.float32)[rows] / 255
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize(
    "place, across, down",
    [("top-left", 0, 0), ("top", 1, 0), ("top-right", 2, 0), ("left", 0, 1), ("center", 1, 1), ("right", 2, 1), ("bottom-right", 2, 2)],
)
def test_places(place: str, across: int, down: int) -> None:
    made = ink(Text(text="HHH", size=(300, 150), height=20, place=place, margin=10)())
    rows, columns = np.nonzero(made.any(1))[0], np.nonzero(made.any(0))[0]
    center = (columns[0] + columns[-1]) / 2, (rows[0] + rows[-1]) / 2
    assert abs(center[0] - (10 + 21, 150, 290 - 21)[across]) < 6
    assert abs(center[1] - (10 + 12, 75, 140 - 12)[down]) < 5


def test_lines_stand_one_below_the_other_and_are_aligned() -> None:
    def ends(align: str) -> tuple[int, int]:
        made = ink(Text(text="HHHHHH\nH", size=(200, 80), height=20, place="top-left", margin=0, align=align)())
        below = np.nonzero(made[26:].any(0))[0]
        return int(below[0]), int(below[-1])

    left, center, right = ends("left"), ends("center"), ends("right")
    assert left[0] < 4 and left[0] < center[0] < right[0]
    whole = np.nonzero(ink(Text(text="HHHHHH", size=(200, 80), height=20, place="top-left", margin=0)()).any(0))[0]
    assert abs(right[1] - whole[-1]) <= 1


def test_text_does_not_jump_when_its_letters_change() -> None:
    """Lines keep their height, whatever stands in them."""
    tops = {int(np.nonzero(ink(Text(text=f"H{c}", size=(200, 80), height=30)())[:, :100].any(1))[0][0]) for c in "xg1"}
    assert len(tops) == 1


def test_frame_numbers() -> None:
    assert with_frame_number("f $F of $F4, ${F3}, $Foo [$]F", 7) == "f 7 of 0007, 007, $Foo $F"
    assert with_frame_number("$F4", -12) == "-0012"
    node = Text(text="$F4", size=(200, 60), height=30)
    assert torch.equal(node.run({}, frame=12).data, Text(text="0012", size=(200, 60), height=30)().data)


def test_a_graph_leaves_the_token_alone(tmp_path: Path) -> None:
    graph = tmp_path / "g.yaml"
    graph.write_text('rotonodes: 1\nframes: 1-2\nvars: {shot: sh010}\nnodes:\n  t: {type: Text, size: [64, 32], text: "$shot $F4"}\n')
    assert Graph.load(graph).vertices["t"].node.text == "sh010 $F4"


def test_text_lies_over_a_picture_in_linear_light() -> None:
    grey = Image(torch.full((3, 60, 160), 0.2))
    made = Text(text="HHH", height=40, color="#ff0000")(grey)
    assert made.channels == ("R", "G", "B") and made.size == grey.size
    assert made.data[0].max() == 1 and made.data[1].min() == 0 and torch.equal(made.data[:, 0], grey.data[:, 0])
    clear = Text(text="HHH", size=(160, 60), height=40, color="#ff000080")()
    assert clear.data[3].max().item() == pytest.approx(128 / 255) and clear.data[0].max().item() == pytest.approx(128 / 255)


@pytest.mark.parametrize("corner", [(-7, -12), (-12, -7), (0, -9), (-9, 0), (0, 0)])
@pytest.mark.parametrize("place", ["top-left", "center", "bottom-right"])
def test_text_stands_where_it_does_on_the_frame_also_on_a_larger_picture(corner: tuple[int, int], place: str) -> None:
    """A picture that goes on beyond the frame keeps what it has there."""
    wide = Image(torch.rand(3, 90, 190, generator=torch.Generator().manual_seed(1)), origin=corner, size=(160, 60))
    node = Text(text="HH", height=30, place=place, margin=3)
    made, wanted = node(wide), node(wide.on_frame())
    assert (made.box, made.size) == (wide.box, wide.size)
    assert torch.equal(made.on_frame().data, wanted.data) and not torch.equal(wanted.data, wide.on_frame().data)
    changed = (made.data != wide.data).any(0)
    assert not changed[: -corner[1]].any() and not changed[60 - corner[1] :].any()
    assert not changed[:, : -corner[0]].any() and not changed[:, 160 - corner[0] :].any()


def test_an_outline_lies_below_the_letters() -> None:
    plain = ink(Text(text="I", size=(60, 60), height=40)())
    outlined = Text(text="I", size=(60, 60), height=40, outline=3, outline_color="#00ff00")().on_frame().data.numpy()
    assert (outlined[3] > 0.5).sum() > (plain > 0.5).sum() * 2
    assert (outlined[0] == 1).sum() == (plain == 1).sum() and outlined[1].max() == 1


@raqm
def test_right_to_left_text_is_set_from_the_right() -> None:
    """Hebrew alef and bet: alef, first in the text, stands at the right."""
    both, alef = (ink(Text(text=text, size=(200, 60), height=40, place="top-left", margin=0)()) for text in ("\u05d0\u05d1", "\u05d0"))
    columns = np.nonzero(both.any(0))[0]
    shape = alef[:, alef.any(0)]
    np.testing.assert_allclose(both[:, columns[-1] + 1 - shape.shape[1] : columns[-1] + 1], shape, atol=0.5)
    joined = ink(Text(text="\u0628\u0628", size=(200, 60), height=40)())
    assert not np.array_equal(joined.any(0), ink(Text(text="\u0628", size=(200, 60), height=40)()).any(0))


def test_without_raqm_right_to_left_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "check", lambda name: False)
    with pytest.raises(UsageError, match="text: right-to-left text needs Pillow with Raqm"):
        Text(text="\u05d0", size=(20, 20))()
    with pytest.raises(UsageError, match="text: language text needs Pillow with Raqm"):
        Text(text="a", language="sr", size=(20, 20))()
    assert ink(Text(text="a", size=(60, 60))()).any()


def test_letters_that_a_font_lacks_are_named() -> None:
    with pytest.raises(UsageError) as error:
        Text(text="ok \u6f22\u5b57\u6f22 \u4e2d\u6587", size=(100, 50))()
    assert str(error.value) == (
        "font: DejaVu Sans, the font that ships, has no letters for \u6f22 (U+6F22) \u5b57 (U+5B57) \u4e2d (U+4E2D) ...: "
        "name a font that has them, with `font`"
    )


def test_three_letters_are_named_without_more_to_come() -> None:
    with pytest.raises(UsageError, match=r"no letters for \u6f22 \(U\+6F22\) \u5b57 \(U\+5B57\) \u4e2d \(U\+4E2D\): name a font"):
        Text(text="\u6f22\u5b57\u4e2d", size=(100, 50))()


def test_fonts_that_cannot_be_read(tmp_path: Path) -> None:
    bad = tmp_path / "bad.ttf"
    bad.write_text("no font")
    with pytest.raises(UsageError, match=r"bad.ttf cannot be read as a font .*: name a .ttf, .otf or .ttc file"):
        Text(text="a", size=(20, 20), font=str(bad))()
    with pytest.raises(UsageError, match=r"there is no file none.ttf"):
        Text(text="a", size=(20, 20), font="none.ttf")()


def test_another_font_is_used(tmp_path: Path) -> None:
    copy = tmp_path / "mine.ttf"
    copy.write_bytes(SHIPPED.read_bytes())
    made = Text(text="a", size=(60, 60), font=str(copy))()
    assert torch.equal(made.data, Text(text="a", size=(60, 60))().data)


def test_the_shipped_font_has_its_licence_and_the_scripts_it_promises() -> None:
    assert "Bitstream Vera" in (SHIPPED.parent / "LICENSE-DejaVu.txt").read_text() and SHIPPED.stat().st_size < 800_000
    for text in ("Ångström ß", "Ελλάδα", "Привет", "\u05d0", "\u0628", "½ → ©"):
        assert ink(Text(text=text, size=(400, 60), height=30)()).any() or not features.check("raqm")


def test_burn_in_writes_the_frame_and_leaves_the_middle_alone() -> None:
    grey = Image(torch.full((3, 200, 400), 0.2))
    made = BurnIn(bottom_left="sh010")(grey, frame=12)
    assert torch.equal(made.data[:, :190], grey.data[:, :190]), "a strip at the bottom alone"
    low = made.data[0, 190:]
    assert low[:, :30].max() > 0.5 and low[:, 370:].max() > 0.5 and low[:, 100:300].max() == pytest.approx(0.1)
    assert not torch.equal(made.data, BurnIn(bottom_left="sh010")(grey, frame=13).data)
    top = BurnIn(top_right="2026-11-29", bottom_right="", backing=0)(grey)
    assert torch.equal(top.data[:, 20:], grey.data[:, 20:]) and top.data[:, :10, 300:].max() > 0.5


@pytest.mark.parametrize("down", ["top", "bottom"])
@pytest.mark.parametrize("across", ["left", "", "right"])
def test_places_of_burnt_in_texts(down: str, across: str) -> None:
    """Half a letter's height from the sides, and in the middle of the strip's height; two lines begin at its edge."""
    grey, place = Image(torch.full((3, 200, 400), 0.2)), f"{down}_{across}".rstrip("_")
    options = {"bottom_right": "", "height": 0.1, "backing": 0}

    def ends(text: str) -> tuple[int, int, int, int]:
        made = BurnIn(**{**options, place: text})(grey).data[0].numpy() > 0.5
        rows, columns = np.nonzero(made.any(1))[0], np.nonzero(made.any(0))[0]
        return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])

    first, last, left, right = ends("HH")
    assert abs((first + last) / 2 - (16 if down == "top" else 200 - 16)) <= 1.5
    found = {"left": left, "right": 400 - right, "": (left + right) / 2}[across]
    assert abs(found - {"left": 10, "right": 10, "": 200}[across]) <= 3.5
    above, below, *_ = ends("HH\nHH")
    assert below - above > 30 and (above < 6 if down == "top" else below > 193)


def test_strips_of_small_pictures() -> None:
    """Letters have five pixels at least, a strip 1.6 times as many; it never reaches beyond the picture."""
    for height in (20, 9, 8, 7, 3, 1):
        grey = Image(torch.full((3, height, 60), 0.2))
        for options in ({}, {"top": "a", "bottom_right": ""}):
            made = BurnIn(**options)(grey)
            assert (made.box, made.size) == (grey.box, grey.size)
            dark = (made.data[0, :, 20] < 0.15).tolist()
            assert dark == (
                [True] * min(8, height) + [False] * (height - 8) if options else [False] * (height - 8) + [True] * min(8, height)
            )


@pytest.mark.parametrize("edge", ["top", "bottom"])
def test_burnt_in_lines_are_aligned_at_their_edge(edge: str) -> None:
    """Notes of two lines begin at one column at the left, and end at one column at the right."""
    grey = Image(torch.full((3, 200, 400), 0.2))
    notes = {f"{edge}_left": "HHHHHH\nH", f"{edge}_right": "HHHHHH\nH", **({"bottom_right": ""} if edge == "top" else {})}
    made = BurnIn(**notes, height=0.1, backing=0)(grey).data[0].numpy() > 0.5
    rows = np.nonzero(made.any(1))[0]
    lines = [made[rows[0] : rows[0] + 12], made[rows[-1] - 12 :]]
    ends = [(np.nonzero(line[:, :200].any(0))[0], np.nonzero(line[:, 200:].any(0))[0]) for line in lines]
    (long_left, long_right), (left, right) = ends
    assert abs(left[0] - long_left[0]) <= 1 and left[-1] < long_left[-1] - 40
    assert abs(right[-1] - long_right[-1]) <= 1 and right[0] > long_right[0] + 40


def test_burn_in_without_any_text_changes_nothing() -> None:
    grey = Image(torch.full((3, 20, 40), 0.2))
    assert BurnIn(bottom_right="")(grey) is grey
