"""WriteVideo and LoadMovie: codecs, exact rates and frame numbers, colour tags, alpha, keys; checked with ffprobe where it is."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from rotonodes import Graph, Image
from rotonodes.errors import FrameError, RotoError, UsageError
from rotonodes.io.movies import read_frame, video_index
from rotonodes.io.pictures import read_key
from rotonodes.io.samples import encode
from rotonodes.io.video_codecs import CODECS, USUAL
from rotonodes.io.video_key import is_whole
from rotonodes.io.video_read import VideoFile, VideoIndex, _converted, _is_full, _matrix, _rotation, _timed, damaged, frame_samples
from rotonodes.io.yuv import to_planes, to_rgb
from rotonodes.node.annotations import Monitor
from rotonodes.nodes import LoadMovie, WriteFrames, WriteVideo
from rotonodes.values.color import srgb_to_linear
from rotonodes.values.pixels import Clip, Labels, Matte
from rotonodes.values.rates import exact_rate

av = pytest.importorskip("av")
ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="no ffprobe: apt-get install ffmpeg")
KEY = "0123456789abcdef"
SIZE = (260, 122)


def picture(codes: np.ndarray) -> Image:
    """sRGB codes `[H, W, 3]`, or straight RGBA, as a linear picture."""
    data = torch.from_numpy(codes.astype(np.float32) / 255).permute(2, 0, 1)
    color = srgb_to_linear(data[:3])
    return Image(color if len(data) == 3 else torch.cat([color * data[3:], data[3:]]))


def ramp(size: tuple[int, int] = SIZE) -> Image:
    """All greys from left to right, two columns each."""
    return picture((np.arange(size[0]) * 256 // size[0])[None, :, None].repeat(size[1], 0).repeat(3, 2))


def numbered(count: int, size: tuple[int, int] = (64, 48)) -> list[Image]:
    """Flat frames, each of another grey."""
    return [picture(np.full((size[1], size[0], 3), 10 + 9 * i)) for i in range(count)]


def grey(file: Path, number: int) -> int:
    return int(np.median(read_frame(file, number)))


def probed(file: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-count_frames", "-show_streams", "-of", "json", str(file)]
    return dict(json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)["streams"][0])


NAMES = {"dnxhr": "dnxhd", "prores": "prores"}


@ffprobe
@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_has_its_rate_its_frames_and_its_tags(codec: str, tmp_path: Path) -> None:
    """And a grey ramp survives within one code of 8 bits (two where a lossy codec is 8-bit itself)."""
    encoder = CODECS[codec]  # type: ignore[index]
    file = tmp_path / f"a{encoder.containers[0]}"
    WriteVideo(path=str(file), codec=codec, fps=23.976, **({} if encoder.crf is None else {"crf": 1}))([ramp()] * 3, key=KEY)
    found = probed(file)
    assert found["codec_name"] == NAMES.get(codec.partition("_")[0], codec)
    assert (found["width"], found["height"]) == SIZE and found["nb_read_frames"] == "3"
    assert found["r_frame_rate"] == found["avg_frame_rate"] == "24000/1001"
    assert found["color_primaries"] == found["color_transfer"] == "bt709"
    assert (found["color_space"], found["color_range"]) == (("gbr", "pc") if encoder.rgb else ("bt709", "tv"))
    assert read_key(file) == KEY
    apart = np.abs(encode(LoadMovie(path=str(file))(frame=2), "8", "srgb").astype(int) - encode(ramp(), "8", "srgb"))
    assert apart.max() <= (2 if codec.startswith("dnxhr") and encoder.bits == (8,) else 1)


@ffprobe
def test_what_ffmpeg_decodes_is_what_was_written(tmp_path: Path) -> None:
    """Colours as another program sees them: patches, from 4:2:0 video and back to RGB by ffmpeg."""
    patches = np.array([[250, 10, 10], [10, 250, 10], [10, 10, 250], [128, 128, 128], [255, 255, 255], [224, 164, 88]], np.uint8)
    codes = patches.repeat(40, 0)[None].repeat(64, 0)
    WriteVideo(path=str(tmp_path / "a.mp4"), crf=1)([picture(codes)] * 2)
    command = ["ffmpeg", "-v", "error", "-i", str(tmp_path / "a.mp4"), "-frames:v", "1", "-sws_flags", "accurate_rnd+full_chroma_int",
               "-vf", "scale=in_color_matrix=auto", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]  # fmt: skip
    seen = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8).reshape(64, 240, 3)
    inside = seen[32, 20::40].astype(int)
    assert np.abs(inside - patches).max() <= 3
    assert np.abs(read_frame(tmp_path / "a.mp4", 1)[32, 20::40].astype(int) - patches).max() <= 3


@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("shift", [(0, 0), (1, 0), (1, 1)])
@pytest.mark.parametrize("size", [(1, 1), (5, 4), (7, 9)])
def test_colours_survive_the_way_to_planes_and_back(bits: int, shift: tuple[int, int], size: tuple[int, int]) -> None:
    """Flat colour of any size; greys of 10 bits to less than half a code."""
    for color in ([0, 0, 0], [255, 255, 255], [200, 30, 90], [17, 17, 17]):
        codes = np.full((size[1], size[0], 3), color, np.uint8)
        samples = codes if bits == 8 else codes.astype(np.uint16) * 257
        planes = to_planes(samples, bits, shift)
        assert planes[1].shape == (-(-size[1] >> shift[1]) or 1, -(-size[0] >> shift[0]) or 1) or size == (1, 1) or min(size) > 1
        found = to_rgb(planes, bits, shift) / (1 if bits == 8 else 257)
        assert found.shape == codes.shape and np.abs(found - codes).max() <= (2 if bits == 8 else 0.5)


@pytest.mark.parametrize("fps, rate", [
    (24, "24"), (23.976, "24000/1001"), (23.98, "24000/1001"),
    (29.97, "30000/1001"), (59.94, "60000/1001"),
                                       ("24000/1001", "24000/1001"), (25.0, "25"), (12.5, "25/2"), ("2997/100", "2997/100")])  # fmt: skip
def test_rates_are_exact(fps: float | str, rate: str) -> None:
    assert exact_rate(fps) == Fraction(rate)


@pytest.mark.parametrize("fps", [0, -24, "24/0", "fast", float("nan"), 1e6])
def test_what_is_no_rate_is_refused(fps: float | str) -> None:
    with pytest.raises(UsageError, match="fps"):
        WriteVideo(path="a.mp4", fps=fps)


@pytest.mark.parametrize("extension, codec", [(".mp4", "h264"), (".mkv", "ffv1"), (".webm", "vp9"), (".mov", "prores_hq")])
def test_any_frame_is_found_by_its_number(extension: str, codec: str, tmp_path: Path) -> None:
    file = tmp_path / f"a{extension}"
    WriteVideo(path=str(file), codec=codec)(numbered(24))
    load = LoadMovie(path=str(file), first=1001, colorspace="raw")
    assert load.available() == tuple(range(1001, 1025))
    for frame in (1001, 1024, 1010, 1011, 1009, 1003, 1023, 1001):
        assert abs(float(load(frame=frame).data.median()) * 255 - (10 + 9 * (frame - 1001))) <= 2
    with pytest.raises(FrameError, match="there is no frame 1025: it has 24, which are frames 1001-1024"):
        load(frame=1025)


@pytest.mark.parametrize("codec", [codec for codec, encoder in CODECS.items() if encoder.alpha])
def test_alpha_survives(codec: str, tmp_path: Path) -> None:
    codes = np.full((48, 64, 4), 200, np.uint8)
    codes[..., 3] = np.arange(64) * 4
    file = tmp_path / f"a{CODECS[codec].containers[0]}"  # type: ignore[index]
    WriteVideo(path=str(file), codec=codec)([picture(codes)] * 2)
    for number in (1, 2):
        found = LoadMovie(path=str(file))(frame=number)
        assert found.channels == ("R", "G", "B", "A")
        assert np.abs(encode(found, "8", "srgb")[..., 3].astype(int) - codes[..., 3]).max() <= (3 if codec == "vp9" else 1)
    WriteVideo(path=str(file), codec=codec, alpha=False)([picture(codes)])
    assert LoadMovie(path=str(file))(frame=1).channels == ("R", "G", "B")


def test_without_loss_a_picture_is_bit_identical(tmp_path: Path) -> None:
    codes = np.random.default_rng(1).integers(0, 256, (33, 47, 4), dtype=np.uint8)
    codes[..., 3] = 255
    WriteVideo(path=str(tmp_path / "a.mkv"))([picture(codes)])
    assert (read_frame(tmp_path / "a.mkv", 1) == codes).all()
    deep = Image(torch.rand(3, 33, 47))
    WriteVideo(path=str(tmp_path / "b.mkv"), bits=16)([deep])
    assert (read_frame(tmp_path / "b.mkv", 1) == encode(deep, "16", "srgb")).all()


@pytest.mark.parametrize("size", [(1, 1), (33, 2), (65, 49), (321, 241)])
@pytest.mark.parametrize(
    "extension, codec", [(".mp4", "h264"), (".mov", "prores_hq"), (".mov", "prores_4444"), (".webm", "vp9"), (".mkv", "ffv1")]
)
def test_odd_sizes_are_written_with_their_last_lines_repeated(extension: str, codec: str, size: tuple[int, int], tmp_path: Path) -> None:
    file = tmp_path / f"a{extension}"
    WriteVideo(path=str(file), codec=codec)([ramp(size)] * 2)
    found = read_frame(file, 1)
    even = {"h264": (2, 2), "prores_hq": (2, 1)}.get(codec, (1, 1))
    assert found.shape[:2] == tuple(-(-side // step) * step for side, step in zip(size[::-1], even[::-1], strict=True))
    wanted = encode(ramp(size), "8", "srgb").astype(int)
    codes = found / (1 if found.dtype == np.uint8 else 257)
    assert np.abs(codes[: size[1], : size[0]] - wanted).max() <= 4
    assert np.abs(codes[-1, -1] - wanted[-1, -1]).max() <= 4


@ffprobe
@pytest.mark.parametrize("codec", CODECS)
def test_odd_sizes_of_every_codec_as_ffmpeg_decodes_them(codec: str, tmp_path: Path) -> None:
    """As large as asked for, or a column and a row larger where it must be even, and right up to the last column."""
    encoder, size = CODECS[codec], (261, 123)  # type: ignore[index]
    file = tmp_path / f"a{encoder.containers[0]}"
    WriteVideo(path=str(file), codec=codec, fps=23.976, **({} if encoder.crf is None else {"crf": 1}))([ramp(size)] * 2)
    found = probed(file)
    chroma = encoder.chroma[0]
    steps = (1, 1) if not encoder.even else (1 if chroma == "444" else 2, 2 if chroma == "420" else 1)
    assert (found["width"], found["height"]) == tuple(-(-side // step) * step for side, step in zip(size, steps, strict=True))
    assert found["avg_frame_rate"] == "24000/1001" and found["nb_read_frames"] == "2"
    command = ["ffmpeg", "-v", "error", "-i", str(file), "-frames:v", "1", "-sws_flags", "accurate_rnd+full_chroma_int",
               "-vf", "scale=in_color_matrix=auto", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]  # fmt: skip
    seen = np.frombuffer(subprocess.run(command, capture_output=True, check=True).stdout, np.uint8)
    seen = seen.reshape(found["height"], found["width"], 3)[: size[1], : size[0]].astype(int)
    assert np.abs(seen - encode(ramp(size), "8", "srgb")).max() <= (4 if encoder.bits[0] == 8 and not encoder.rgb else 2)


def test_labels_and_mattes_are_written(tmp_path: Path) -> None:
    labels = Labels(torch.zeros(16, 16, dtype=torch.uint8) + 1, ("a", "b"), ("#000000", "#e0a458"))
    WriteVideo(path=str(tmp_path / "a.mkv"))([labels])
    assert read_frame(tmp_path / "a.mkv", 1)[3, 3].tolist() == [0xE0, 0xA4, 0x58]
    WriteVideo(path=str(tmp_path / "b.mkv"), bits=16)([labels])
    assert (read_frame(tmp_path / "b.mkv", 1)[3, 3] // 257).tolist() == [0xE0, 0xA4, 0x58]
    WriteVideo(path=str(tmp_path / "c.mkv"))([Matte(torch.full((1, 16, 16), 0.5))])
    assert read_frame(tmp_path / "c.mkv", 1)[3, 3].tolist() == [128, 128, 128]


def test_the_same_frames_are_the_same_bytes(tmp_path: Path) -> None:
    for extension in USUAL:
        for name in "ab":
            WriteVideo(path=str(tmp_path / f"{name}{extension}"))(numbered(5), key=KEY)
        assert (tmp_path / f"a{extension}").read_bytes() == (tmp_path / f"b{extension}").read_bytes(), extension


# Keys and files that are cut off.


@pytest.mark.parametrize("extension", USUAL)
def test_a_video_that_is_cut_off_is_made_again(extension: str, tmp_path: Path) -> None:
    WriteVideo(path=str(tmp_path / f"clip{extension}"))(numbered(8))
    graph = Graph(frames="1-8")
    graph.add(WriteVideo(path=f"out/a{extension}"), image=graph.add(LoadMovie(path=f"clip{extension}")))
    file = tmp_path / f"out/a{extension}"
    assert graph.run(root=str(tmp_path), cache="none").exit_code == 0
    whole, written = file.read_bytes(), file.stat().st_mtime_ns
    assert graph.run(root=str(tmp_path), cache="none").exit_code == 0 and file.stat().st_mtime_ns == written
    for length in (len(whole) - 1, len(whole) // 2, 40, 0):
        file.write_bytes(whole[:length])
        assert read_key(file) is None
        assert graph.run(root=str(tmp_path), cache="none").exit_code == 0
        assert file.read_bytes() == whole
    assert [hidden.name for hidden in file.parent.glob(".*")] == [f".{file.name}.key"], "its checksum, and nothing unfinished"


class Heard(Monitor):
    """A monitor that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def warn(self, text: str) -> None:
        self.said.append(text)


@pytest.mark.parametrize("extension", [".mp4", ".mkv"])
def test_a_truncated_video_says_how_many_frames_are_there(extension: str, tmp_path: Path) -> None:
    file = tmp_path / f"a{extension}"
    noise = np.random.default_rng(1)
    clip = [picture(noise.integers(0, 256, (48, 64, 3))) for _ in range(24)]
    WriteVideo(path=str(file), codec="h264")(clip)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    load, heard = LoadMovie(path=str(file)), Heard()
    count = len(load.available())
    assert 4 < count < 20 and not is_whole(file)
    load.run({}, frame=1, monitor=heard)
    assert heard.said == [f"{file}: the file is truncated: only its first {count} frames are there; render it again"]
    with pytest.raises(FrameError, match=r"there is no frame 24: .*; the file is truncated: render it again"):
        load(frame=24)
    file.write_bytes(file.read_bytes()[:300])
    with pytest.raises(FrameError, match="damaged") as caught:
        load(frame=1)
    assert "\n" not in str(caught.value)


def test_a_varying_rate_is_told_and_an_even_one_is_not(tmp_path: Path) -> None:
    for name, times in (("even", range(12)), ("uneven", [0, 1, 2, 5, 6, 10, 11, 12])):
        with av.open(str(tmp_path / f"{name}.mp4"), "w") as container:
            stream = container.add_stream("libx264", rate=24)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            for number, at in enumerate(times):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 + 9 * number, np.uint8), "rgb24")
                frame.pts, frame.time_base = at, Fraction(1, 24)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        heard, load = Heard(), LoadMovie(path=str(tmp_path / f"{name}.mp4"))
        assert load.available() == tuple(range(1, len(times) + 1))
        load.run({}, frame=5, monitor=heard)
        assert abs(grey(tmp_path / f"{name}.mp4", 5) - 46) <= 2
        assert [text.startswith(f"{tmp_path}/{name}.mp4: its frame rate varies, from 6 to 24 per second") for text in heard.said] == (
            [] if name == "even" else [True]
        )
    index = video_index(tmp_path / "even.mp4")
    assert index is not None and index.rate == 24 and index.even


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="no ffmpeg")
def test_a_picture_is_turned_as_the_file_says(tmp_path: Path) -> None:
    codes = np.zeros((32, 48, 3), np.uint8)
    codes[:8, :8] = 255
    WriteVideo(path=str(tmp_path / "a.mp4"))([picture(codes)] * 2)
    command = ["ffmpeg", "-v", "error", "-i", "a.mp4", "-c", "copy", "-metadata:s:v:0", "rotate=90", "b.mp4"]
    subprocess.run(command, cwd=tmp_path, check=True)
    subprocess.run(["ffmpeg", "-v", "error", "-i", "b.mp4", "-frames:v", "1", "b.png"], cwd=tmp_path, check=True)
    from rotonodes.io.png import read_png

    wanted = read_png(tmp_path / "b.png")
    if wanted.shape[:2] != (48, 32):
        pytest.skip("this ffmpeg writes rotation another way")
    assert np.abs(read_frame(tmp_path / "b.mp4", 1).astype(int) - wanted).max() < 30


# What cannot be.


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="picture 2 of the clip is 32 x 32, the first is 64 x 48: reformat it"):
        WriteVideo(path=str(tmp_path / "a.mp4"))([*numbered(1), *numbered(1, (32, 32))])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "values, match",
    [
        ({"path": "a.mp4", "codec": "prores_hq"}, "ProRes 422 HQ goes into .mov or .mkv, not .mp4"),
        ({"path": "a.webm", "codec": "h264"}, "H.264 goes into .mp4 or .mov or .mkv, not .webm"),
        ({"path": "a.mp4", "bits": 16}, "bits: H.264 has 8 or 10, not 16"),
        ({"path": "a.mov", "chroma": "420"}, "chroma: ProRes 4444 has 444, not 420"),
        ({"path": "a.mov", "crf": 10}, "crf: ProRes 4444 has no crf"),
        ({"path": "a.mp4", "crf": 60}, "crf: H.264 has 0 to 51"),
    ],
)
def test_what_a_codec_cannot_do_is_a_fault_of_the_graph(values: dict[str, Any], match: str) -> None:
    node = WriteVideo(**values)
    assert match in " ".join(node.faults(frozenset({"image"}), 3))
    with pytest.raises(UsageError, match=match.replace(".", r"\.")):
        node(numbered(1))


def test_a_picture_that_is_too_small_for_a_codec_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="DNxHR HQ needs at least 256 x 120 pixels, the pictures are 64 x 48"):
        WriteVideo(path=str(tmp_path / "a.mov"), codec="dnxhr_hq")(numbered(1))


def test_an_encoder_that_is_missing_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = av.codec.Codec

    def without(name: str, mode: str = "r") -> Any:
        if name == "libx265":
            raise ValueError("unknown")
        return real(name, mode)

    monkeypatch.setattr(av.codec, "Codec", without)
    with pytest.raises(UsageError, match=r"this build of PyAV has no encoder for HEVC \(libx265\); it has .*H\.264") as caught:
        WriteVideo(path=str(tmp_path / "a.mp4"), codec="hevc")(numbered(1))
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_frames_are_streamed_not_kept(tmp_path: Path) -> None:
    """At most two pictures are alive at a time, however long the clip."""
    import gc
    import weakref

    alive: list[weakref.ref[Image]] = []
    most = 0

    def frames() -> Iterator[Image]:
        nonlocal most
        for i in range(10):
            made = picture(np.full((16, 16, 3), i, np.uint8))
            alive.append(weakref.ref(made))
            most = max(most, sum(ref() is not None for ref in alive))
            yield made
            del made
            gc.collect(0)

    WriteVideo(path=str(tmp_path / "a.mkv"))(Clip(range(10), frames))
    assert most <= 3


def test_a_failing_frame_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for frame in (1, 3):
        WriteFrames(path=str(tmp_path / "in/a.####.png"))(numbered(1)[0], frame=frame)
    graph = Graph(frames="1-3")
    from rotonodes.nodes import LoadFrames

    graph.add(WriteVideo(path="out/a.mp4"), image=graph.add(LoadFrames(path="in/a.####.png")))
    assert graph.run(root=str(tmp_path), cache="none").exit_code == 1
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_errors_of_a_full_disk_ask_to_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import errno

    from rotonodes.io import video_write

    def full(*_: object) -> None:
        raise av.error.OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(video_write.VideoWriter, "_planes", full)
    writer = WriteVideo(path=str(tmp_path / "a.mkv"))
    with pytest.raises(RotoError, match="disk full") as caught:
        writer(numbered(2))
    assert caught.value.exit_code == 75


# What a file says about its frames.


@pytest.mark.parametrize(
    ("times", "base", "even", "rate", "slowest", "fastest"),
    [
        ((0, 1, 2, 3), (1, 24), True, 24, 24, 24),
        ((0, 1, 3), (1, 24), True, 24, 12, 24),  # one unit of the clock more is rounding: 1/24 s here, and no way to tell better
        ((0, 1, 4), (1, 24), False, 12, 8, 24),  # two units are not
        ((0, 33, 67, 100), (1, 1000), True, 24, Fraction(1000, 34), Fraction(1000, 33)),
        ((0, 3600, 7380), (1, 90_000), True, 24, Fraction(90_000, 3780), 25),  # 1/500 s apart is even
        ((0, 3600, 7381), (1, 90_000), False, 2 / Fraction(7381, 90_000), Fraction(90_000, 3781), 25),
    ],
)
def test_frames_that_last_differently_are_a_varying_rate(
    times: tuple[int, ...], base: tuple[int, int], even: bool, rate: Any, slowest: Any, fastest: Any
) -> None:
    clock = Fraction(*base)
    assert _timed(times, clock, Fraction(24), True) == VideoIndex(len(times), times, clock, Fraction(rate), even, slowest, fastest, True)
    measured = (len(times) - 1) / ((times[-1] - times[0]) * clock)
    assert _timed(times, clock, None, False) == VideoIndex(len(times), times, clock, measured, even, slowest, fastest, False)


def test_a_single_frame_is_even() -> None:
    for rate in (None, Fraction(25)):
        assert _timed((7,), Fraction(1, 24), rate, True) == VideoIndex(1, (7,), Fraction(1, 24), rate, True, None, None, True)


def test_the_matrix_is_that_of_the_tag_else_of_the_height() -> None:
    """ITU-T H.273, table 4; 2 says that it is not known, and players then go by the height."""
    names = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
    for height, usual in ((576, "bt601"), (577, "bt709"), (1080, "bt709")):
        for number in range(12):
            assert _matrix(SimpleNamespace(colorspace=number, height=height)) == names.get(number, usual)
    for number, name, full in ((0, "yuv420p", False), (1, "yuv420p", False), (2, "yuv420p", True), (0, "yuvj420p", True)):
        assert _is_full(SimpleNamespace(color_range=number, format=SimpleNamespace(name=name))) is full


def test_a_rotation_is_the_nearest_quarter_turn_to_the_left() -> None:
    turns = {0: 0, 90: 1, 180: 2, -90: 3, -180: 2, 270: 3, 89: 1, 44: 0, 46: 1, None: 0, 360: 0}
    assert {angle: _rotation(SimpleNamespace(rotation=angle)) for angle in turns} == turns
    assert _rotation(SimpleNamespace()) == 0


@pytest.mark.parametrize(
    "form",
    [
        *("yuv420p", "yuv422p", "yuv444p", "yuvj420p", "nv12", "yuyv422", "uyvy422", "yuv420p10le", "yuv422p10be", "yuv444p12le", "p010le"),
        *("yuva420p", "yuva444p10le", "gray", "gray10le", "gray16be", "rgb24", "bgr24", "rgba", "rgb48be", "rgba64le", "gbrp", "gbrp10le"),
        *("gbrap", "gbrap12le", "gray12le", "yuv440p", "yuv411p", "yuv410p", "ya8", "ya16le"),
    ],
)
def test_every_layout_of_samples_gives_its_colour(form: str) -> None:
    """Flat colour of 65 x 35 pixels, which no layout divides evenly: the codes come back to within rounding, alpha exactly."""
    color = np.array([120, 120, 120] if form.startswith(("gray", "ya")) else [200, 60, 110], np.uint8)
    source = av.VideoFrame.from_ndarray(np.full((35, 65, 3), color, np.uint8), "rgb24")
    if form.startswith(("rgba", "gbrap", "yuva", "ya")):
        source = av.VideoFrame.from_ndarray(np.dstack([np.full((35, 65, 3), color), np.full((35, 65), 90)]).astype(np.uint8), "rgba")
    frame = _converted(av, source, form, dst_colorspace="ITU709" if form.startswith(("yuv", "nv", "uyvy", "p0")) else None)
    bits, alpha = max(part.bits for part in frame.format.components), any(part.is_alpha for part in frame.format.components)
    if "yuv" in form or form.startswith(("nv", "uyvy", "p0")):
        frame.colorspace = 1
    found = frame_samples(av, frame)
    assert found.dtype == (np.uint8 if bits <= 8 else np.uint16) and found.shape == (35, 65, 4 if alpha else 3)
    codes = found.astype(float) / (1 if bits <= 8 else 257)
    assert np.abs(codes[..., :3] - color).max() <= (0.8 if frame.format.is_rgb and bits > 8 else 2)
    assert not alpha or np.abs(codes[..., 3] - 90).max() <= 0.5


def test_a_damaged_video_says_where_and_why(tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    WriteVideo(path=str(file))(numbered(3))
    error, said = OSError(1, "Invalid Data\n  found"), "damaged animation or video: invalid data found; render it again"
    assert str(damaged(file, error)) == f"{file}: {said}" and str(damaged(file, error, 7)) == f"{file}: frame 7 of {said}"
    assert "video: ValueError; render" in str(damaged(file, ValueError()))
    assert ": " + "x" * 200 + ";" in str(damaged(file, ValueError("x" * 300)))
    file.write_bytes(file.read_bytes()[:-20])
    assert str(damaged(file, ValueError("no"))) == f"{file}: damaged animation or video: no (it is truncated); render it again"


@pytest.mark.parametrize(("whole", "why"), [(True, "it cannot be decoded"), (False, "the file is truncated")])
def test_a_frame_that_does_not_come_is_missing(whole: bool, why: str, tmp_path: Path) -> None:
    file = tmp_path / "a.mp4"
    WriteVideo(path=str(file))(numbered(3))
    index = video_index(file)
    assert index is not None and index.times is not None
    for times in (None, (*index.times, index.times[-1] * 2)):
        claimed = index._replace(frames=4, times=times, whole=whole)
        with pytest.raises(FrameError, match=f"damaged video: frame 4 of 4 is missing: {why}; render it again"):
            VideoFile(file, claimed).read(4)


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_shortest_clips_are_the_same_bytes_every_time(codec: str, count: int, tmp_path: Path) -> None:
    """Encoders that look ahead must still tell when each frame is decoded: of a frame or two some tell what was in their memory."""
    files = [tmp_path / f"{number}.mp4" for number in range(5)]
    for file in files:
        WriteVideo(path=str(file), codec=codec, fps=23.976)([ramp((96, 64))] * count)
    assert len({file.read_bytes() for file in files}) == 1
    with pytest.importorskip("av").open(str(files[0])) as container:
        times = [frame.pts for frame in container.decode(video=0)]
    assert len(times) == count and times == sorted(set(times))
