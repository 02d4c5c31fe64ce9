"""Frame ranges and numbered files: what is read is what was meant, and what was written is found again."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.errors import UsageError
from rotonodes.values.frames import FilePattern, format_frames, name_of, parse_frames


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("7", (7,)),
        ("-7", (-7,)),
        ("1-4", (1, 2, 3, 4)),
        ("1-10x3", (1, 4, 7, 10)),
        ("1-10:3", (1, 4, 7, 10)),
        ("1,5,9-12", (1, 5, 9, 10, 11, 12)),
        ("-2-1", (-2, -1, 0, 1)),
        ("-5--3", (-5, -4, -3)),
        ("4-1", (4, 3, 2, 1)),
        ("4,1,2", (4, 1, 2)),
        ("1-3,2-5", (1, 2, 3, 4, 5)),
        (" 1 - 3 , 7 ", (1, 2, 3, 7)),
        ("0010-0012", (10, 11, 12)),
    ],
)
def test_a_range_names_its_frames_in_order(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize("text", ["", "a", "1-", "-", "1..4", "1-4x0", "1-4x", "1-4y2", "1,,2", "1.5", "1-4x-1", "1 2", "١"])
def test_what_is_no_range_is_refused_with_the_piece(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_frames(text)
    assert repr(text) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_range_of_millions_is_refused_before_it_is_made() -> None:
    with pytest.raises(UsageError, match="more than 1000000"):
        parse_frames("1-999999999999")


@given(st.lists(st.integers(-3000, 3000), min_size=1, max_size=60))
def test_formatted_frames_are_read_back(frames: list[int]) -> None:
    assert parse_frames(format_frames(frames)) == tuple(sorted(set(frames)))


@given(st.integers(-200, 200), st.integers(-200, 200), st.integers(1, 30), st.sampled_from("x:"))
def test_a_step_counts_from_the_first_frame(first: int, last: int, step: int, sign: str) -> None:
    wanted = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
    assert parse_frames(f"{first}-{last}{sign}{step}") == tuple(wanted)


@given(st.text("0123456789-,x: a#", max_size=12))
def test_any_text_is_frames_or_a_usage_error(text: str) -> None:
    try:
        frames = parse_frames(text)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert frames and len(set(frames)) == len(frames)


@pytest.mark.parametrize(
    ("pattern", "frame", "path"),
    [
        ("a.####.png", 7, "a.0007.png"),
        ("a.#.png", 1001, "a.1001.png"),
        ("a.%04d.png", 7, "a.0007.png"),
        ("a.%d.png", 7, "a.7.png"),
        ("a.$F4.png", 7, "a.0007.png"),
        ("a.$F.png", 7, "a.7.png"),
        ("a.####.png", 12345, "a.12345.png"),
        ("a.####.png", -1, "a.-001.png"),
        ("##/a.##.png", 3, "03/a.03.png"),
        ("a.png", 3, "a.png"),
        ("a.$Folder.png", 3, "a.$Folder.png"),
    ],
)
def test_a_token_becomes_the_frame(pattern: str, frame: int, path: str) -> None:
    assert FilePattern(pattern).path(frame) == path


def test_only_the_very_pattern_counts_on_disk(tmp_path: Path) -> None:
    names = ["a.0001.png", "a.0003.png", "a.-001.png", "a.12345.png", "a.02.png", "a.0002.jpg", "a_v2.0004.png", "a.0005.png.bak"]
    for name in names:
        (tmp_path / name).touch()
    assert FilePattern(f"{tmp_path}/a.####.png").on_disk() == (-1, 1, 3, 12345)
    assert FilePattern(f"{tmp_path}/a.%d.png").on_disk() == (12345,)
    assert FilePattern(f"{tmp_path}/gone/a.%d.png").on_disk() == ()
    assert FilePattern(f"{tmp_path}/a.0001.png").on_disk() == ()


def test_a_token_in_folder_and_name_must_agree(tmp_path: Path) -> None:
    for folder, name in (("01", "a.01.png"), ("02", "a.02.png"), ("03", "a.04.png")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).touch()
    assert FilePattern(f"{tmp_path}/##/a.##.png").on_disk() == (1, 2)


@given(st.integers(-9999, 99999), st.sampled_from(["####", "%04d", "$F4", "#", "%d", "$F"]))
def test_a_written_frame_is_found_again(frame: int, token: str) -> None:
    from rotonodes.values.frames import _expression

    name = f"shot(v1)+{token}.exr"
    match = _expression(name).fullmatch(name_of(name, frame))
    assert match is not None and int(match["frame"]) == frame
