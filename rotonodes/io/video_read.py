"""Reads videos through PyAV (FFmpeg): any frame by its number, exactly, in the colours that the file's tags say."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from rotonodes.errors import FrameError, RotoError
from rotonodes.extras import load_library
from rotonodes.io.limits import check_size
from rotonodes.io.video_key import is_whole
from rotonodes.io.yuv import Matrix, to_rgb

if TYPE_CHECKING:
    import numpy as np

# ITU-T H.273, table 4: numbers of matrices.
_MATRICES: dict[int, Matrix] = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_FULL = 2
# FFmpeg's names of containers that hold their frames themselves.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mxf,mpegts,mpeg,flv,asf,ogg,ivf,h264,hevc,av1,obu,mpegvideo,m4v,dv,nut,mjpeg"
_SD_HEIGHT = 576  # pictures without a tag: BT.601 up to this height, as players have it, above it BT.709
# Decoders of FFmpeg that know no alpha, and the ones that do.
_ALPHA_DECODERS = {"vp9": "libvpx-vp9", "vp8": "libvpx"}


class VideoIndex(NamedTuple):
    """The frames of a video in the order in which they are shown.

    `times` are their times in units of `time_base` seconds, None where the container has no times. `rate` is the number of frames
    in a second; `even` is False where frames last differently (a variable frame rate), from `slowest` to `fastest` in a second.
    `whole` is False for a file that ends early.
    """

    frames: int
    times: tuple[int, ...] | None
    time_base: Fraction
    rate: Fraction | None
    even: bool
    slowest: Fraction | None
    fastest: Fraction | None
    whole: bool


def read_index(path: str | os.PathLike[str]) -> VideoIndex:
    """The frames of a video, from its packets; nothing is decoded. Raises FrameError when it is damaged or holds no video."""
    av = load_library("av", f"{path}: reading video")
    try:
        with _opened(av, path) as container:
            stream = _stream(container, path)
            check_size(path, stream.codec_context.width or 0, stream.codec_context.height or 0)
            base = Fraction(stream.time_base or Fraction(1, 90_000))
            times, untimed = [], 0
            for packet in container.demux(stream):
                if not packet.size or getattr(packet, "is_discard", False):
                    continue
                if packet.pts is None:
                    untimed += 1
                else:
                    times.append(packet.pts)
            rate = stream.average_rate or stream.guessed_rate
    except RotoError:
        raise
    except Exception as error:  # FFmpeg's errors, and what PyAV makes of values that make no sense
        raise damaged(path, error) from error
    count = len(times) + untimed
    if not count:
        raise FrameError(f"{path}: damaged video: it holds no frame; render it again")
    times.sort()
    if untimed or len(set(times)) < len(times):
        return VideoIndex(count, None, base, rate and Fraction(rate), True, None, None, is_whole(path))
    return _timed(tuple(times), base, rate and Fraction(rate), is_whole(path))


def _timed(times: tuple[int, ...], base: Fraction, rate: Fraction | None, whole: bool) -> VideoIndex:
    """The index of frames with times; steps that differ by more than one unit of the clock are a variable rate."""
    steps = [after - before for before, after in pairwise(times)]
    if not steps:
        return VideoIndex(len(times), times, base, rate, True, None, None, whole)
    even = max(steps) - min(steps) <= 1 or (max(steps) - min(steps)) * base <= Fraction(1, 500)
    if not even or rate is None:
        rate = len(steps) / ((times[-1] - times[0]) * base)
    return VideoIndex(len(times), times, base, rate, even, 1 / (max(steps) * base), 1 / (min(steps) * base), whole)


class VideoFile:
    """A video that is open for reading. `read(number)` gives a frame, from 1; frames in order are decoded once."""

    def __init__(self, path: str | os.PathLike[str], index: VideoIndex) -> None:
        self._av = load_library("av", f"{path}: reading video")
        self._path, self._index = path, index
        self._size: tuple[int, int] | None = None
        self._next = 1
        try:
            self._open()
        except RotoError:
            raise
        except Exception as error:
            raise damaged(path, error) from error

    def close(self) -> None:
        self._container.close()

    def read(self, number: int) -> np.ndarray:
        """Frame `number`, from 1: R'G'B' or R'G'B'A, uint8 or (of more than 8 bits) uint16 `[H, W, C]`, upright."""
        try:
            frame = self._frame(number)
        except RotoError:
            raise
        except Exception as error:
            self._next = self._index.frames + 1  # what was decoded so far is not to be trusted
            raise damaged(self._path, error, number) from error
        if frame is None:
            why = "it cannot be decoded" if self._index.whole else "the file is truncated"
            raise FrameError(f"{self._path}: damaged video: frame {number} of {self._index.frames} is missing: {why}; render it again")
        size = frame.width, frame.height
        if frame.is_corrupt:
            raise FrameError(f"{self._path}: damaged video: frame {number} of {self._index.frames} is incomplete; render it again")
        first = self._size or size
        if first != size:
            was, now = (f"{width} x {height}" for width, height in (first, size))
            raise FrameError(f"{self._path}: frame {number} is {now}, earlier ones are {was}: a video has one size; split it there")
        self._size = size
        return upright(frame_samples(self._av, frame), _rotation(frame))

    def _open(self) -> None:
        """Open the file at its beginning."""
        self._container = _opened(self._av, self._path)
        self._stream = _stream(self._container, self._path)
        self._stream.thread_type = "AUTO"
        self._decoder = _alpha_decoder(self._av, self._stream)
        self._frames = self._decoded()

    def _frame(self, number: int) -> Any:
        """The decoded frame, or None where the file ends before it."""
        times = self._index.times
        # Frames further on are found through the nearest key frame before them; decoding on is quicker for the next few.
        if number < self._next or (times is not None and number > self._next + 48):
            self._seek(number)
        for frame in self._frames:
            if times is not None and frame.pts is not None:
                if frame.pts >= times[number - 1]:
                    self._next = number + 1
                    return frame if frame.pts == times[number - 1] else None
                continue
            self._next += 1
            if self._next > number:
                return frame
        self._next = self._index.frames + 1
        return None

    def _seek(self, number: int) -> None:
        times = self._index.times
        if times is None or number == 1:
            self.close()
            self._open()
        else:
            self._container.seek(times[number - 1], stream=self._stream)
            (self._decoder or self._stream.codec_context).flush_buffers()
            self._frames = self._decoded()
        self._next = 1

    def _decoded(self) -> Iterator[Any]:
        """The frames from where the file stands."""
        if self._decoder is None:
            yield from self._container.decode(self._stream)
            return
        for packet in self._container.demux(self._stream):
            yield from self._decoder.decode(packet if packet.size else None)


def _opened(av: Any, path: str | os.PathLike[str]) -> Any:
    """An open container. Only this file is read, whatever its name looks like and whatever it says: playlists name other files and URLs.

    Texts in other encodings than UTF-8 are no reason to refuse a video.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": _CONTAINERS}
    return av.open(f"file:{os.path.abspath(path)}", options=options, metadata_errors="replace")


def _stream(container: Any, path: str | os.PathLike[str]) -> Any:
    if not container.streams.video:
        raise FrameError(f"{path}: {'holds no video' if is_whole(path) else 'damaged video: the file is truncated; render it again'}")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise FrameError(f"{path}: this FFmpeg does not know its codec, or the file is damaged: render it again, as H.264 or ProRes")
    return stream


def _alpha_decoder(av: Any, stream: Any) -> Any:
    """A decoder for a stream with alpha that FFmpeg's own decoder would leave out, or None."""
    name = _ALPHA_DECODERS.get(stream.codec_context.name)
    if name is None or {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode") != "1":
        return None
    try:
        made = av.CodecContext.create(name, "r")
    except (av.FFmpegError, ValueError):
        return None
    made.extradata = stream.codec_context.extradata
    return made


def frame_samples(av: Any, frame: Any) -> np.ndarray:
    """A decoded frame as R'G'B' or R'G'B'A samples, uint8 or uint16 `[H, W, C]`."""
    import numpy as np

    form = frame.format
    parts = form.components
    bits = max(part.bits for part in parts)
    alpha = any(part.is_alpha for part in parts)
    if form.is_rgb or form.has_palette:
        wanted = f"rgb{'a' if alpha or form.has_palette else ''}" if bits <= 8 else "rgba64le" if alpha else "rgb48le"
        return np.ascontiguousarray(_converted(av, frame, "rgb24" if wanted == "rgb" else wanted).to_ndarray())
    if not _is_plain(form):
        form_wanted = f"yuv{'a' if alpha else ''}444p{'' if bits <= 8 else '16le'}"
        matrix, full = _matrix(frame), _is_full(frame)
        frame = _converted(av, frame, form_wanted)
        form, bits = frame.format, 8 if bits <= 8 else 16
    else:
        matrix, full = _matrix(frame), _is_full(frame)
    planes = [_plane(frame, index, bits) for index in range(len(form.components))]
    if len(planes) < 3:  # grey
        zero = np.full_like(planes[0], 1 << (bits - 1))
        color = to_rgb([planes[0], zero, zero], bits, (0, 0), "bt709", full)
    else:
        color = to_rgb(planes[:3], bits, _shift(frame), matrix, full)
    if not alpha:
        return color
    top = np.iinfo(color.dtype).max
    plane = (planes[-1].astype(np.float32) * (top / ((1 << bits) - 1)) + 0.5).astype(color.dtype)
    return np.concatenate([color, plane[..., None]], axis=2)


def _converted(av: Any, frame: Any, form: str, **options: Any) -> Any:
    """The frame in another layout, in one thread: in the several that PyAV 17 takes, a sample is wrong once in a thousand conversions."""
    threads = {"threads": 1} if int(av.__version__.partition(".")[0]) >= 17 else {}
    return frame.reformat(format=form, **threads, **options)


def _is_plain(form: Any) -> bool:
    """Whether each component lies in a plane of its own, in little-endian words."""
    parts = form.components
    return (form.is_planar or len(parts) == 1) and len({part.plane for part in parts}) == len(parts) and not form.is_big_endian


def _shift(frame: Any) -> tuple[int, int]:
    """log2 of the subsampling of chroma in x and y."""
    chroma = frame.format.components[1]
    return round(math.log2(frame.width / chroma.width)), round(math.log2(frame.height / chroma.height))


def _plane(frame: Any, index: int, bits: int) -> np.ndarray:
    """The samples of a component, `[h, w]`, without the padding of its lines."""
    import numpy as np

    part = frame.format.components[index]
    plane = frame.planes[part.plane]
    kind = np.uint8 if bits <= 8 else np.dtype("<u2")
    lines = np.frombuffer(plane, kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
    return lines[: part.height, : part.width]


def _matrix(frame: Any) -> Matrix:
    """The matrix in the tags, else the one that players assume."""
    return _MATRICES.get(int(frame.colorspace), "bt601" if frame.height <= _SD_HEIGHT else "bt709")


def _is_full(frame: Any) -> bool:
    return int(frame.color_range) == _FULL or frame.format.name.startswith("yuvj")


def _rotation(frame: Any) -> int:
    """Quarter turns to the left that make the picture upright, 0 to 3, from the display matrix."""
    return round(float(getattr(frame, "rotation", 0) or 0) / 90) % 4


def upright(samples: np.ndarray, turns: int) -> np.ndarray:
    """Samples turned to the left by quarter turns."""
    import numpy as np

    return np.ascontiguousarray(np.rot90(samples, turns)) if turns else samples


def damaged(path: str | os.PathLike[str], error: Exception, number: int | None = None) -> FrameError:
    """The error for a video that FFmpeg cannot read."""
    why = " ".join(str(getattr(error, "strerror", "") or error).lower().split())[:200] or type(error).__name__
    where = f"frame {number} of " if number else ""
    truncated = "" if is_whole(path) else " (it is truncated)"
    return FrameError(f"{path}: {where}damaged animation or video: {why}{truncated}; render it again")
