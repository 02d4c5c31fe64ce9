"""Writes videos through PyAV (FFmpeg), frame by frame: exact rates, BT.709 tags, the key among the file's metadata."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rotonodes.errors import FrameError, UsageError
from rotonodes.extras import load_library
from rotonodes.io.video_codecs import CODECS, Chroma, Codec, Encoder
from rotonodes.io.video_key import comment_of
from rotonodes.io.yuv import to_planes

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np

_SHIFTS: dict[Chroma, tuple[int, int]] = {"420": (1, 1), "422": (1, 0), "444": (0, 0)}
# Of ITU-T H.273: primaries, transfer and matrix; PyAV and FFmpeg use the same numbers.
_BT709, _SRGB_TRANSFER, _RGB_MATRIX = 1, 13, 0
_LIMITED, _FULL = 1, 2
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EACCES, errno.EPERM, errno.EROFS)
_X265_DELAY = 2  # frames: of clips no longer than this x265 tells no decoding times, but what was in its memory
# Encoders give other bytes with another number of threads: it must not come from the machine.
_THREADS = 4


class VideoLook(NamedTuple):
    """How a video is encoded; None is the codec's own choice. `transfer` is only a tag: the codes are sRGB's."""

    codec: Codec
    rate: Fraction
    chroma: Chroma | None = None
    bits: int | None = None
    crf: float | None = None
    transfer: Literal["bt709", "srgb"] = "bt709"


class VideoWriter:
    """Writes a video of `size` (width, height) to `path`, frame by frame.

    Frames are uint8 or uint16 sRGB `[H, W, 3]`, or `[H, W, 4]` with straight alpha where `alpha` is on and the codec holds it. H.264
    and HEVC with subsampled chroma need even sides: the last row or column is repeated. `name` is the file in messages, where `path`
    is a hidden one. Use as a context manager. Raises UsageError for what the codec cannot do, or an encoder that this build of
    PyAV lacks, FrameError for a frame of another size.
    """

    def __init__(self, path: str | os.PathLike[str], size: tuple[int, int], look: VideoLook, *, alpha: bool, key: str, name: str) -> None:
        self._name, self.size, self._count = name, size, 0
        self._encoder = encoder = CODECS[look.codec]
        self._chroma: Chroma = look.chroma or encoder.chroma[0]
        self.bits = look.bits or encoder.bits[0]
        self.alpha = alpha and encoder.alpha and (self._chroma == "420" or look.codec != "vp9")
        self._shift = _SHIFTS[self._chroma]
        self._coded = _even(size, self._shift) if encoder.even else size
        _check(encoder, self._chroma, self.bits, size, name)
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 prints its settings otherwise; 1 is errors only
        self._av = load_library("av", f"{name}: writing video")
        _find_encoder(self._av, encoder, name)
        self._format = encoder.pixel_format(self._chroma, self.bits, self.alpha)
        with self._failing(f"cannot encode {encoder.title} at {size[0]} x {size[1]}"):
            self._container, self._stream = self._opened(path, look, key)

    def add(self, samples: np.ndarray) -> None:
        """Encode the next frame."""
        import numpy as np

        height, width = samples.shape[:2]
        self._count += 1
        if (width, height) != self.size:
            raise FrameError(
                f"picture {self._count} of the clip is {width} x {height}, the first is {self.size[0]} x {self.size[1]}: reformat it"
            )
        if samples.dtype.itemsize == 1 and self.bits > 8:
            samples = samples.astype(np.uint16) * 257
        frame = self._av.VideoFrame(*self._coded, self._format)
        for plane, data in zip(frame.planes, self._planes(samples), strict=True):
            _fill(plane, data)
        frame.pts, frame.time_base = self._count - 1, 1 / self._stream.codec_context.framerate
        self._tag(frame)
        with self._failing(f"frame {self._count} cannot be encoded"):
            self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write what the encoder still holds, and the end of the file."""
        with self._failing("the end of the video cannot be written"):
            if self._count:
                packets = self._stream.encode(None)
                if self._encoder.name == "libx265" and self._count <= _X265_DELAY:
                    for packet in packets:
                        packet.dts = packet.pts
                self._container.mux(packets)
            self._container.close()

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()
            return
        try:
            self._container.close()
        except Exception:  # the error that ended the clip is the one to report
            return

    def _opened(self, path: str | os.PathLike[str], look: VideoLook, key: str) -> tuple[Any, Any]:
        encoder, extension = self._encoder, os.path.splitext(path)[1].lower()
        flags = {"fflags": "+bitexact"}  # without random numbers: the same frames are the same bytes
        if extension in (".mp4", ".mov"):
            flags["movflags"] = "+faststart+write_colr"
        container = self._av.open(f"file:{os.path.abspath(path)}", "w", options=flags)  # never a URL, whatever its name
        if key:
            container.metadata["comment"] = comment_of(key)
        options = dict(encoder.options)
        if min(self._coded) < 16 and "slices" in options:  # FFV1 cannot cut so small a picture into slices
            options = {"level": "1"}
        if encoder.crf is not None:
            options["crf"] = f"{encoder.crf if look.crf is None else look.crf:g}"
        stream = container.add_stream(encoder.name, rate=look.rate, options=options)
        context = stream.codec_context
        stream.width, stream.height = self._coded
        stream.pix_fmt = self._format
        stream.time_base = context.time_base = 1 / look.rate
        context.thread_count = _THREADS
        self._transfer = _SRGB_TRANSFER if look.transfer == "srgb" else _BT709
        self._tag(context)
        if look.codec == "hevc" and extension != ".mkv":
            context.codec_tag = "hvc1"  # QuickTime plays no other
        if look.codec == "vp9" and self.alpha:
            stream.metadata["alpha_mode"] = "1"
        context.open()
        return container, stream

    def _tag(self, target: Any) -> None:
        """Primaries, transfer, matrix and range of a codec context or a frame."""
        target.color_primaries, target.color_trc = _BT709, self._transfer
        target.colorspace = _RGB_MATRIX if self._encoder.rgb else _BT709
        target.color_range = _FULL if self._encoder.rgb else _LIMITED

    def _planes(self, samples: np.ndarray) -> list[np.ndarray]:
        """The planes of a frame in the encoder's format."""
        import numpy as np

        width, height = self._coded
        samples = np.pad(samples, ((0, height - samples.shape[0]), (0, width - samples.shape[1]), (0, 0)), mode="edge")
        color, top = samples[..., :3], np.iinfo(samples.dtype).max
        alpha = samples[..., 3] if samples.shape[2] == 4 else np.full((height, width), top, samples.dtype)
        if self._encoder.rgb and self.bits == 8:
            return [np.dstack([color[..., ::-1], alpha]).reshape(height, -1)]
        planes = [color[..., at] for at in (1, 2, 0)] if self._encoder.rgb else to_planes(color, self.bits, self._shift)
        if self.alpha:
            most = (1 << self.bits) - 1
            planes.append((alpha.astype(np.float32) * (most / top) + 0.5).astype(np.uint8 if self.bits == 8 else np.uint16))
        return planes

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        """Turn errors of FFmpeg into one line; those of the disk are left to `atomic_write`."""
        try:
            yield
        except self._av.FFmpegError as error:
            if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
                raise OSError(error.errno, error.strerror) from error
            raise FrameError(f"{self._name}: {what}: {(error.strerror or str(error)).lower()}") from error


def _even(size: tuple[int, int], shift: tuple[int, int]) -> tuple[int, int]:
    """The size, its sides rounded up to what subsampled chroma divides."""
    width, height = (-(-side // (1 << by)) * (1 << by) for side, by in zip(size, shift, strict=True))
    return width, height


def _check(encoder: Encoder, chroma: Chroma, bits: int, size: tuple[int, int], name: str) -> None:
    """Raise UsageError for what the codec cannot hold."""
    if chroma not in encoder.chroma:
        raise UsageError(f"{name}: {encoder.title} is written with chroma {' or '.join(encoder.chroma)}, not {chroma}")
    if bits not in encoder.bits:
        raise UsageError(f"{name}: {encoder.title} is written with {' or '.join(map(str, encoder.bits))} bits, not {bits}")
    if size[0] < encoder.least[0] or size[1] < encoder.least[1]:
        least, found = f"{encoder.least[0]} x {encoder.least[1]}", f"{size[0]} x {size[1]}"
        raise UsageError(f"{name}: {encoder.title} needs at least {least} pixels, the pictures are {found}: take another codec")


def _find_encoder(av: Any, encoder: Encoder, name: str) -> None:
    """Raise UsageError when FFmpeg as PyAV has it was built without the encoder."""
    if encoder.name not in av.codecs_available or not _can_encode(av, encoder.name):
        titles = {encoder.name: encoder.title for encoder in CODECS.values()}
        others = ", ".join(title for one, title in titles.items() if _can_encode(av, one)) or "none that is known"
        raise UsageError(f"{name}: this build of PyAV has no encoder for {encoder.title} ({encoder.name}); it has {others}")


def _can_encode(av: Any, name: str) -> bool:
    try:
        av.codec.Codec(name, "w")
    except (av.FFmpegError, ValueError):  # UnknownCodecError is a ValueError
        return False
    return True


def _fill(plane: Any, data: np.ndarray) -> None:
    """Copy `[H, W]` samples into a plane whose lines are padded."""
    import numpy as np

    rows = np.ascontiguousarray(data).view(np.uint8).reshape(len(data), -1)
    target = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    target[: len(rows), : rows.shape[1]] = rows
