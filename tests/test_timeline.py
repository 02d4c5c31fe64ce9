"""Timelines: the frames of a clip (-F edit.otio --clip NAME --handles N), and `rotonodes timeline`."""

import shutil
from pathlib import Path

import pytest

from conftest import Call
from rotonodes.errors import UsageError
from rotonodes.io.timeline import clip_frames

otio = pytest.importorskip("opentimelineio", reason="the extra otio is not installed")
SHOT = Path(__file__).parents[1] / "examples" / "shots" / "monkey"


def time_range(first: float, count: float, rate: float = 24) -> object:
    return otio.opentime.TimeRange(otio.opentime.RationalTime(first, rate), otio.opentime.RationalTime(count, rate))


def clip(name: str, shown: object, available: object = None, start: int | None = None, rate: float = 24) -> object:
    if start is not None:
        media = otio.schema.ImageSequenceReference("renders/", "shot.", ".exr", start_frame=start, rate=rate, available_range=available)
    else:
        media = otio.schema.ExternalReference("shot.mov", available_range=available) if available else None
    return otio.schema.Clip(name=name, media_reference=media, source_range=shown)


@pytest.fixture
def edit(tmp_path: Path) -> str:
    timeline = otio.schema.Timeline("edit")
    track = otio.schema.Track("v1")
    timeline.tracks.append(track)
    track.append(clip("plain", time_range(1001, 24)))
    track.append(otio.schema.Gap(source_range=time_range(0, 12)))
    track.append(clip("sequence", time_range(8, 10), time_range(0, 48), start=1001))
    track.append(clip("timecode", time_range(86410, 10), time_range(86400, 48), start=1001))
    track.append(clip("movie", time_range(100, 10), time_range(96, 20)))
    track.append(clip("slow", time_range(10, 12, 12), time_range(0, 48, 24), start=1))
    track.append(clip("whole", None, time_range(0, 5), start=7))
    track.append(clip("twice", time_range(1, 3)))
    track.append(clip("twice", time_range(10, 3)))
    track.append(clip("endless", None))
    path = tmp_path / "edit.otio"
    otio.adapters.write_to_file(timeline, str(path))
    return str(path)


@pytest.mark.parametrize(
    ("name", "handles", "first", "last"),
    [
        ("plain", 0, 1001, 1024),
        ("plain", 8, 993, 1032),
        ("sequence", 0, 1009, 1018),
        ("sequence", 4, 1005, 1022),
        ("sequence", 100, 1001, 1048),  # no more than the media has
        ("timecode", 0, 1011, 1020),  # media that begins at one hour
        ("movie", 0, 100, 109),
        ("movie", 8, 96, 115),
        ("slow", 0, 21, 44),  # twelve frames a second in a timeline are twenty-four of the media
        ("whole", 3, 7, 11),
        ("twice", 0, 1, 12),  # both uses, and what lies between
    ],
)
def test_frames_of_a_clip(edit: str, name: str, handles: int, first: int, last: int) -> None:
    assert clip_frames(edit, name, handles) == tuple(range(first, last + 1))


def test_the_only_clip_needs_no_name(tmp_path: Path) -> None:
    path = str(tmp_path / "one.otio")
    otio.adapters.write_to_file(clip("one", time_range(5, 2)), path)
    assert clip_frames(path, None) == (5, 6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, "name one with --clip: plain, sequence, "),
        ("sequense", "--clip sequense: .* no clip of this name .did you mean 'sequence'"),
        ("endless", "says neither which part"),
    ],
)
def test_clips_that_are_not_clear(edit: str, name: str | None, message: str) -> None:
    with pytest.raises(UsageError, match=message) as told:
        clip_frames(edit, name)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-F", "none.otio"], "none.otio: there is no such file"),
        (["-F", "broken.otio"], "broken.otio: not a timeline that OpenTimelineIO can read"),
        (["-F", "empty.otio"], "empty.otio has no clips"),
        (["-F", "cut.edl"], "OpenTimelineIO has no adapter for it"),
        (["--clip", "hero"], "--clip hero: name the timeline that has the clip: -F edit.otio"),
        (["-F", "1-3", "--handles", "4"], "--handles 4: name the timeline"),
    ],
)
def test_bad_timelines_are_one_line(call: Call, tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "broken.otio").write_text('{"OTIO_SCHEMA": ')
    (tmp_path / "cut.edl").write_text("TITLE: cut\n")
    otio.adapters.write_to_file(otio.schema.Timeline("empty"), str(tmp_path / "empty.otio"))
    told = call("plan", "luminance_tones", *arguments)
    assert told.code == 2 and message in told.err and len(told.err.splitlines()) == 1


def test_a_clip_is_delivered(call: Call, tmp_path: Path) -> None:
    otio.adapters.write_to_file(clip("hero", time_range(1, 3), time_range(0, 16), start=1), str(tmp_path / "edit.otio"))
    frames = ["-F", "edit.otio", "--clip", "hero", "--handles", "1"]
    told = call("flatten", str(SHOT / "render.####.exr"), *frames, "--print-graph")
    assert told.code == 0 and 'frames: "1-5"' in told.out


def test_shots_in_a_timeline(call: Call, tmp_path: Path) -> None:
    for name, numbers in (("hero", (1001, 1002, 1003)), ("b.cam", (8, 9))):
        (tmp_path / "out" / name).mkdir(parents=True)
        for number in numbers:
            shutil.copy(SHOT.parent / "c4d" / "Cube1_0001.png", tmp_path / "out" / name / f"{name}.{number:04d}.png")
    told = call("timeline", "out/edit.otio", "out/hero", "out/b.cam/b.cam.####.png", "--fps", "25")
    assert told.code == 0, told.err
    read = otio.adapters.read_from_file("out/edit.otio")
    hero, second = read.find_clips()
    assert (hero.name, second.name) == ("hero", "b.cam")
    assert hero.media_reference.target_url_for_image_number(0) == "hero/hero.1001.png"
    assert second.media_reference.target_url_for_image_number(1) == "b.cam/b.cam.0009.png"
    assert hero.duration() == otio.opentime.RationalTime(3, 25) and second.range_in_parent().start_time.value == 3
    assert clip_frames("out/edit.otio", "hero") == (1001, 1002, 1003), "what was written is read"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["edit.otio", "nothing.####.png"], "nothing.####.png: there is no such frame"),
        (["edit.otio", "still.png"], "still.png: a timeline holds sequences with frame numbers"),
        (["edit.yaml", "s.####.png"], "edit.yaml: name a file that ends in .otio"),
    ],
)
def test_what_is_no_timeline(call: Call, tmp_path: Path, arguments: list[str], message: str) -> None:
    for name in ("still.png", "s.0001.png", "s.0002.png"):
        shutil.copy(SHOT.parent / "c4d" / "Cube1_0001.png", tmp_path / name)
    told = call("timeline", *arguments)
    assert told.code == 2 and message in told.err and len(told.err.splitlines()) == 1
    assert not (tmp_path / "edit.otio").exists()
