"""LoadMovie: the frames of animations and videos, through imageio."""

from __future__ import annotations

from pathlib import Path
from unittest.mock import patch

import numpy as np
import PIL.Image
import pytest

from rotonodes import Graph
from rotonodes.errors import FrameError, UsageError
from rotonodes.io import movies
from rotonodes.io.video_read import damaged
from rotonodes.nodes import LoadMovie, WriteFrames

CLIP = [np.full((4, 6, 3), 40 * i, np.uint8) for i in range(5)]


def save(path: Path, frames: list[np.ndarray] = CLIP) -> str:
    pictures = [PIL.Image.fromarray(frame) for frame in frames]
    options = {"lossless": True} if path.suffix == ".webp" else {}
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, **options)
    return str(path)


def codes(values: np.ndarray) -> int:
    return round(float(values.max()) * 255)


@pytest.mark.parametrize("extension", [".gif", ".webp", ".png"])
def test_frames_of_an_animation_come_in_any_order(extension: str, tmp_path: Path) -> None:
    load = LoadMovie(path=save(tmp_path / f"a{extension}"), colorspace="raw")
    assert load.available() == (1, 2, 3, 4, 5)
    for frame in (1, 2, 5, 3, 3, 1):
        image = load(frame=frame)
        assert image.channels == ("R", "G", "B", "A") and image.size == (6, 4)
        assert codes(image.color.numpy()) == 40 * (frame - 1)


def test_the_first_picture_has_the_number_that_was_given(tmp_path: Path) -> None:
    load = LoadMovie(path=save(tmp_path / "a.gif"), first=1001, colorspace="raw")
    assert load.available() == (1001, 1002, 1003, 1004, 1005)
    assert codes(load(frame=1003).color.numpy()) == 80
    for frame in (1000, 1006):
        with pytest.raises(FrameError, match=rf"there is no frame {frame}: it has 5, which are frames 1001-1005"):
            load(frame=frame)


def test_a_movie_that_is_written_anew_is_read_anew(tmp_path: Path) -> None:
    load = LoadMovie(path=save(tmp_path / "a.gif"), colorspace="raw")
    assert codes(load(frame=2).color.numpy()) == 40
    save(tmp_path / "a.gif", CLIP[::-1][:3])
    assert load.available() == (1, 2, 3)
    assert codes(load(frame=2).color.numpy()) == 120


def test_a_graph_reads_a_movie(tmp_path: Path) -> None:
    save(tmp_path / "a.gif")
    graph = Graph(frames="2-4")
    graph.add(WriteFrames(path="out/a.####.png"), image=graph.add(LoadMovie(path="a.gif")))
    assert graph.run(root=str(tmp_path)).exit_code == 0
    assert sorted(file.name for file in (tmp_path / "out").glob("*.png")) == ["a.0002.png", "a.0003.png", "a.0004.png"]
    assert np.array(PIL.Image.open(tmp_path / "out/a.0003.png").convert("RGB"))[0, 0].tolist() == [80, 80, 80]


def test_what_is_no_movie_is_refused_in_one_line(tmp_path: Path) -> None:
    for name, match in (("a.gif", "damaged"), ("a.txt", "not an animation or a video")):
        (tmp_path / name).write_text("nothing of the kind")
        with pytest.raises(FrameError, match=match) as caught:
            LoadMovie(path=str(tmp_path / name))(frame=1)
        assert "\n" not in str(caught.value)
    with pytest.raises(FrameError, match="no such file"):
        LoadMovie(path=str(tmp_path / "gone.gif"))(frame=1)


@pytest.mark.parametrize(
    ("error", "number", "words"),
    [
        (ValueError("Two\n  words"), None, "damaged animation or video: two words; render it again"),
        (OSError(5, "Input/output error"), None, "damaged animation or video: input/output error; render it again"),
        (EOFError(), 3, "frame 3 of damaged animation or video: EOFError; render it again"),
        (ValueError("x" * 300), 1, f"frame 1 of damaged animation or video: {'x' * 200}; render it again"),
    ],
)
def test_a_damaged_movie_is_told_in_the_words_of_the_decoder(error: Exception, number: int | None, words: str, tmp_path: Path) -> None:
    path = save(tmp_path / "a.gif")
    assert str(damaged(path, error, number)) == f"{path}: {words}"


def test_a_run_of_a_movie_that_cannot_be_read_ends(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_text("nothing of the kind")
    for name in ("a.gif", "gone.gif"):
        graph = Graph(frames="1-2")
        graph.add(WriteFrames(path="out/a.####.png"), image=graph.add(LoadMovie(path=name)))
        assert graph.run(root=str(tmp_path)).exit_code == 1


def test_few_files_stay_open(tmp_path: Path) -> None:
    for i in range(8):
        LoadMovie(path=save(tmp_path / f"{i}.gif"))(frame=1)
    assert [Path(name).stem for name, *_ in movies._open] == ["4", "5", "6", "7"], "the last four"


def test_video_without_its_extra_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    with patch.dict("sys.modules", {"av": None}), pytest.raises(UsageError, match=r'pip install "rotonodes\[video\]"'):
        LoadMovie(path=str(tmp_path / "a.mp4"))(frame=1)


def test_frames_of_a_video(tmp_path: Path) -> None:
    pytest.importorskip("av")
    import imageio.v3 as imageio

    clip = np.stack([np.full((64, 64, 3), 40 * i, np.uint8) for i in range(5)])
    imageio.imwrite(tmp_path / "a.mp4", clip, plugin="pyav", codec="libx264", fps=24)
    load = LoadMovie(path=str(tmp_path / "a.mp4"), colorspace="raw")
    assert load.available() == (1, 2, 3, 4, 5)
    for frame in (1, 4, 2):
        image = load(frame=frame)
        assert image.channels == ("R", "G", "B")
        assert codes(image.color.numpy()) == pytest.approx(40 * (frame - 1), abs=4)
