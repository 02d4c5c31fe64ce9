"""WriteAnimation: APNG and WebP with soft alpha, exact in colour, time and size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageSequence

from rotonodes import Graph, Image
from rotonodes.errors import FrameError, UsageError
from rotonodes.io import movies
from rotonodes.io.pictures import read_key
from rotonodes.io.samples import encode
from rotonodes.nodes import LoadFrames, LoadMovie, WriteAnimation, WriteFrames

FORMATS = (".png", ".webp")


def disc(number: int, size: tuple[int, int] = (57, 41)) -> Image:
    """A soft disc that moves four pixels a frame, its colour a gradient."""
    y, x = torch.meshgrid(torch.arange(size[1]), torch.arange(size[0]), indexing="ij")
    alpha = ((15 - torch.hypot(x - 10.0 - 4 * number, y - 20.0)) / 6 + 0.5).clamp(0, 1)
    return Image(torch.stack([alpha * 0.8, alpha * x / 60, alpha * 0.1, alpha]))


CLIP = [*(disc(number) for number in range(7)), disc(6)]


def shown(file: Path) -> list[np.ndarray]:
    with PIL.Image.open(file) as picture:
        return [np.asarray(one.convert("RGBA")) for one in ImageSequence.Iterator(picture)]


def seen(samples: np.ndarray) -> np.ndarray:
    """Codes, 0 where nothing is to be seen."""
    return np.where(samples[..., 3:] > 0, samples, 0)


@pytest.mark.parametrize("extension", FORMATS)
def test_colour_and_alpha_are_exact(extension: str, tmp_path: Path) -> None:
    file = tmp_path / f"a{extension}"
    WriteAnimation(path=str(file))(CLIP, key="k1")
    frames = shown(file)
    assert len(frames) == len(CLIP) and LoadMovie(path=str(file)).available() == tuple(range(1, len(CLIP) + 1))
    for wanted, found in zip(CLIP, frames, strict=True):
        assert (seen(found) == seen(encode(wanted, "8", "srgb"))).all()
    assert read_key(file) == "k1"
    alone = tmp_path / f"alone{extension}"
    alone.write_bytes(file.read_bytes())
    assert read_key(alone) == "k1", "it is in the file itself, which may be copied without its sidecar"


def test_the_alpha_is_that_of_the_first_picture(tmp_path: Path) -> None:
    opaque = Image(torch.full((3, 41, 57), 0.5))
    for first, second, channels in ((CLIP[0], opaque, 4), (opaque, CLIP[0], 3)):
        WriteAnimation(path=str(tmp_path / "a.png"))([first, second])
        found = shown(tmp_path / "a.png")[1]
        assert found[0, 0].tolist() == ([188, 188, 188, 255] if channels == 4 else [0, 0, 0, 255])
    WriteAnimation(path=str(tmp_path / "a.webp"), alpha=False)(CLIP)
    assert (shown(tmp_path / "a.webp")[3][..., 3] == 255).all()


def test_time_is_exact_in_apng_and_never_drifts_in_webp(tmp_path: Path) -> None:
    WriteAnimation(path=str(tmp_path / "a.png"), fps=23.976, loop=2)(CLIP)
    data = (tmp_path / "a.png").read_bytes()
    at, delays = 0, []
    while (at := data.find(b"fcTL", at + 1)) > 0:
        delays.append(data[at + 24 : at + 28])
    assert set(delays) == {(1001).to_bytes(2, "big") + (24000).to_bytes(2, "big")} and len(delays) == len(CLIP)
    assert data[data.find(b"acTL") + 4 :][:8] == len(CLIP).to_bytes(4, "big") + (2).to_bytes(4, "big")
    WriteAnimation(path=str(tmp_path / "a.webp"), fps=24)([disc(number % 7) for number in range(24)])
    data, at, total = (tmp_path / "a.webp").read_bytes(), 0, 0
    while (at := data.find(b"ANMF", at + 1)) > 0:
        total += int.from_bytes(data[at + 20 : at + 23], "little")
    assert total == 1000


def test_a_small_change_is_a_small_frame(tmp_path: Path) -> None:
    noise = torch.rand(3, 80, 80, generator=torch.Generator().manual_seed(1))
    changed = noise.clone()
    changed[:, 40, 41] = 0
    for extension in FORMATS:
        sizes = []
        for clip in ([Image(noise)], [Image(noise), Image(changed)]):
            WriteAnimation(path=str(tmp_path / f"a{extension}"))(clip)
            sizes.append((tmp_path / f"a{extension}").stat().st_size)
        assert sizes[1] - sizes[0] < 300
        assert (shown(tmp_path / f"a{extension}")[1][40, 41, :3] == 0).all()


@pytest.mark.parametrize("extension", FORMATS)
def test_a_file_that_is_cut_off_is_made_again(extension: str, tmp_path: Path) -> None:
    for number, one in enumerate(CLIP, 1):
        WriteFrames(path=str(tmp_path / "in/a.####.png"))(one, frame=number)
    graph = Graph(frames=f"1-{len(CLIP)}")
    graph.add(WriteAnimation(path=f"out/a{extension}"), image=graph.add(LoadFrames(path="in/a.####.png")))
    file = tmp_path / f"out/a{extension}"
    assert graph.run(root=str(tmp_path), cache="none").exit_code == 0
    whole, written = file.read_bytes(), file.stat().st_mtime_ns
    assert graph.run(root=str(tmp_path), cache="none").exit_code == 0 and file.stat().st_mtime_ns == written
    for length in (len(whole) - 1, len(whole) // 2, 10, 0):
        file.write_bytes(whole[:length])
        assert read_key(file) is None
        assert graph.run(root=str(tmp_path), cache="none").exit_code == 0
        assert file.read_bytes() == whole


def test_what_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="picture 2 of the clip is 3 x 2, the first is 57 x 41"):
        WriteAnimation(path=str(tmp_path / "a.png"))([CLIP[0], Image(torch.zeros(3, 2, 3))])
    with pytest.raises(UsageError, match="quality: only WebP has one"):
        WriteAnimation(path=str(tmp_path / "a.png"), quality=80)(CLIP)
    with pytest.raises(UsageError, match="at most 16383"):
        WriteAnimation(path=str(tmp_path / "a.webp"))([Image(torch.zeros(3, 1, 16_384))])
    assert not list(tmp_path.iterdir())


@given(before=st.integers(0, 12), size=st.integers(1, 9))
def test_marks_are_counted_across_the_parts_that_are_read(before: int, size: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "marks.png"
    data = b"x" * ((1 << 20) - before) + b"fcTL" * size + b"fcT" + b"fcTL"
    path.write_bytes(data)
    assert movies._occurrences(str(path), b"fcTL") == data.count(b"fcTL") == size + 1
