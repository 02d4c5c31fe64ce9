"""Frame ranges and numbered files: what is read is what was meant, and what was written is found again."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.errors import UsageError, did_you_mean_file
from rotonodes.values.frames import FilePattern, format_frames, literal, parse_frames, spread_frames


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
    with TemporaryDirectory() as folder:
        pattern = FilePattern(f"{folder}/shot(v1)+.{token}.exr")
        Path(pattern.path(frame)).touch()
        assert pattern.on_disk() == (frame,)
        assert pattern.find(frame) == pattern.path(frame)


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("Film #3/in/a.####.png", "Film #3/in/a.0007.png"),
        ("50%draft/a.####.png", "50%draft/a.0007.png"),
        ("100%d/a.%d.png", "100%d/a.7.png"),
        ("C#/a.png", "C#/a.png"),
        ("take#3.####.png", "take#3.0007.png"),
        ("frame#.png", "frame7.png"),
        ("#.png", "7.png"),
        ("shot.####/beauty.####.exr", "shot.0007/beauty.0007.exr"),
        ("shot_#/beauty.####.exr", "shot_7/beauty.0007.exr"),
        ("#/a.png", "7/a.png"),
        ("%04d/a_$F4.png", "0007/a_0007.png"),
        ("a.${F4}.png", "a.0007.png"),
        ("${F}/a.${F2}.png", "7/a.07.png"),
        ("a.@@@@.png", "a.0007.png"),
        ("icon@2x.####.png", "icon@2x.0007.png"),
        ("a.<F4>.png", "a.0007.png"),
        ("a.<frame>.png", "a.7.png"),
        ("new [#][#]/a.####.png", "new ##/a.0007.png"),
        ("a[%]04d.##.png", "a%04d.07.png"),
        ("[$]F4.png", "$F4.png"),
    ],
)
def test_signs_that_are_part_of_a_name_are_no_tokens(pattern: str, path: str) -> None:
    assert FilePattern(pattern).path(7) == path


@pytest.mark.parametrize("name", ["Film ##", "####", "shot.%04d", "$F4", "take <F>", "[new] #1", "50%draft", "Film #3"])
def test_a_folder_that_is_there_under_just_this_name_stands_for_itself(name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    pattern = FilePattern(f"{tmp_path}/{name}/a.##.png")
    Path(pattern.path(3)).touch()
    assert pattern.path(3) == f"{tmp_path}/{name}/a.03.png"
    assert pattern.on_disk() == (3,)


@pytest.mark.parametrize("name", ["Film #3.png", "50%draft.png"])
def test_a_file_that_is_there_under_just_this_name_stands_for_itself(name: str, tmp_path: Path) -> None:
    """A sign within a word is the file's own; without such a file it stands for the frame, as before."""
    pattern = FilePattern(str(tmp_path / name))
    assert (pattern.has_token, Path(pattern.path(7)).name) == (True, name.replace("#", "7").replace("%d", "7"))
    (tmp_path / name).touch()
    pattern = FilePattern(str(tmp_path / name))
    assert (pattern.has_token, pattern.find(7), pattern.on_disk()) == (False, str(tmp_path / name), ())
    (tmp_path / "a.####.png").touch()
    assert FilePattern(str(tmp_path / "a.####.png")).has_token, "marks that stand alone are the frame's, whatever lies there"


def test_names_with_any_word(tmp_path: Path) -> None:
    made = ["0001_arm.png", "0012_leg left.png", "0001_.png", "x001_arm.png", "0001_arm.png.key", "0001_a/b"]
    for name in made[:-1]:
        (tmp_path / name).touch()
    found = FilePattern(f"{tmp_path}/####_{{part}}.png").names_on_disk("{part}")
    assert [Path(file).name for file in found] == made[:2]


@given(st.text("#%$@<>F4d[]x0{}. ", min_size=1, max_size=8).filter(lambda text: text.strip(". ")))
def test_an_escaped_text_stands_for_itself(text: str) -> None:
    for place in ("{}/a.####.png", "{}.####.png", "a_{}.png"):
        path = FilePattern(place.format(literal(text))).path(12)
        assert path == place.format(text).replace("####", "0012") or "####" in text


def test_negative_frames_are_found_as_blender_writes_them(tmp_path: Path) -> None:
    for name in ("a.-0002.png", "a.-001.png", "a.0000.png"):
        (tmp_path / name).touch()
    pattern = FilePattern(f"{tmp_path}/a.####.png")
    assert pattern.on_disk() == (-2, -1, 0)
    assert [Path(pattern.find(frame)).name for frame in (-2, -1, 0)] == ["a.-0002.png", "a.-001.png", "a.0000.png"]
    assert Path(pattern.path(-2)).name == "a.-002.png"


@pytest.mark.parametrize("name", ["a.[0001-0002].png", "a.*.png", "a.@.png", "a.%d.png", "a.{1..2}.png", "a.#.png"])
def test_a_frame_range_in_another_programs_spelling_is_told_about_the_right_one(name: str, tmp_path: Path) -> None:
    for frame in (1, 2):
        (tmp_path / f"a.{frame:04d}.png").touch()
    assert did_you_mean_file(f"{tmp_path}/{name}") == f" (did you mean '{tmp_path}/a.####.png'?)"
    assert "####" in did_you_mean_file(f"{tmp_path}/other_than_this_{name}") or name == "a.#.png"


def test_a_range_has_so_many_frames_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotonodes.values.frames.MOST_FRAMES", 10)
    for text in ("1-10", "10-1", "1-5,11-15", "1-19x2", "-4-5"):
        assert len(parse_frames(text)) == 10
    for text, count in (("1-11", 11), ("1-10,5", 11), ("1-21x2", 11), ("11-1", 11), ("5-25:2", 11)):
        with pytest.raises(UsageError, match=f"names {count} frames, more than 10"):
            parse_frames(text)


@pytest.mark.parametrize(
    ("count", "found"),
    [(1, (6,)), (2, (1, 10)), (3, (1, 5, 10)), (4, (1, 4, 7, 10)), (10, tuple(range(1, 11))), (40, tuple(range(1, 11)))],
)
def test_some_of_many_frames_are_spread_evenly(count: int, found: tuple[int, ...]) -> None:
    assert spread_frames(range(1, 11), count) == found
    assert spread_frames(found, count) == found, "taken once more they stay"
