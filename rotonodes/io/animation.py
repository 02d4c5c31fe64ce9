"""APNG and animated WebP, streamed: frames come one by one, each is written as the rectangle that changed.

Both keep all 8 bits of alpha. Memory does not grow with the length of the clip. APNG as in the PNG Specification, third edition
(W3C 2025), 12; WebP as in RFC 9649, its frames without loss through Pillow.
"""

from __future__ import annotations

import io
import os
import re
import struct
from fractions import Fraction
from html import escape  # not xml.sax, which imports ssl
from typing import IO, TYPE_CHECKING, Protocol

from rotonodes.errors import FrameError, UsageError
from rotonodes.io import png
from rotonodes.values.pixels import Box

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np

_NAMESPACE = "urn:rotonodes:1"
_KEEP, _SOURCE = 0, 0
_MOST_MS = (1 << 24) - 1


class AnimationFile(Protocol):
    """One format: what it writes before the first frame, for each frame, and at the end."""

    def start(self) -> None: ...

    def frame(self, samples: np.ndarray, box: Box) -> None: ...

    def end(self) -> None: ...


class AnimationWriter:
    """Writes frames of one size to an open `AnimationFile`: uint8 RGB or RGBA `[H, W, C]`, sRGB, straight alpha.

    All frames are written with as many channels as the first. Use as a context manager, or call `close`. Raises FrameError for
    a frame of another size, or when there is none.
    """

    def __init__(self, file: AnimationFile) -> None:
        self._file = file
        self._shown: np.ndarray | None = None
        self._count = 0

    def add(self, samples: np.ndarray) -> None:
        """Write the next frame."""
        self._count += 1
        if self._shown is None:
            self._file.start()
            box = Box(0, 0, samples.shape[1], samples.shape[0])
        else:
            height, width, channels = self._shown.shape
            if samples.shape[:2] != (height, width):
                found = f"{samples.shape[1]} x {samples.shape[0]}"
                raise FrameError(f"picture {self._count} of the clip is {found}, the first is {width} x {height}: reformat it")
            samples = _with_channels(samples, channels)
            changed = Box.around((samples != self._shown).any(axis=2)) or Box(0, 0, 1, 1)
            box = changed._replace(left=changed.left & ~1, top=changed.top & ~1)  # WebP counts places in steps of two pixels
        self._file.frame(samples[box.slices], box)
        self._shown = samples

    def close(self) -> None:
        """Write the end of the file."""
        if self._shown is None:
            raise FrameError("an animation needs at least one frame")
        self._file.end()

    def __enter__(self) -> AnimationWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()


def _with_channels(samples: np.ndarray, count: int) -> np.ndarray:
    """RGB or RGBA samples with `count` channels: an opaque alpha more, or colour over black without alpha."""
    import numpy as np

    if samples.shape[2] == count:
        return samples
    if count == 4:
        return np.concatenate([samples, np.full_like(samples[..., :1], 255)], axis=2)
    color, alpha = samples[..., :3].astype(np.uint16), samples[..., 3:]
    return ((color * alpha + 127) // 255).astype(np.uint8)


class Apng:
    """An APNG of `frames` pictures of `size` (width, height). Each lasts 1 / `rate` seconds exactly; `loop` 0 is for ever."""

    def __init__(self, file: IO[bytes], size: tuple[int, int], rate: Fraction, frames: int, loop: int, channels: int, key: str) -> None:
        delay = (1 / rate).limit_denominator(65535)
        if not 0 < delay.numerator < 65536:
            raise UsageError(f"fps {float(rate):g}: APNG frames last from 1/65535 to 65535 seconds")
        self._file, self._size, self._delay, self._frames, self._loop = file, size, delay, frames, loop
        self._channels, self._key = channels, key
        self._sequence = 0

    def start(self) -> None:
        header = struct.pack(">IIBBBBB", *self._size, 8, 2 if self._channels == 3 else 6, 0, 0, 0)
        texts = [(b"tEXt", png.KEY.encode() + b"\0" + self._key.encode("latin-1", "replace"))] if self._key else []
        chunks = [(b"IHDR", header), (b"sRGB", b"\0"), *texts, (b"acTL", struct.pack(">II", self._frames, self._loop))]
        self._file.write(png.SIGNATURE + b"".join(png.chunk(kind, data) for kind, data in chunks))

    def frame(self, samples: np.ndarray, box: Box) -> None:
        place = (box.width, box.height, box.left, box.top)
        control = struct.pack(">5I2H2B", self._number(), *place, self._delay.numerator, self._delay.denominator, _KEEP, _SOURCE)
        self._file.write(png.chunk(b"fcTL", control))
        data = png.packed_rows(samples)
        first = self._sequence == 1
        self._file.write(png.chunk(b"IDAT", data) if first else png.chunk(b"fdAT", struct.pack(">I", self._number()) + data))

    def end(self) -> None:
        self._file.write(png.chunk(b"IEND", b""))

    def _number(self) -> int:
        """The next number in the order of chunks."""
        self._sequence += 1
        return self._sequence - 1


class WebP:
    """An animated WebP of pictures of `size` (width, height). WebP counts milliseconds: frame i is shown from round(1000 i / rate) on.

    Without loss, or with `quality` 0 to 100 for colour; alpha never loses.
    """

    def __init__(
        self, file: IO[bytes], size: tuple[int, int], rate: Fraction, loop: int, channels: int, key: str, quality: int | None = None
    ) -> None:
        if max(size) > 16_383:
            raise UsageError(f"a WebP is at most 16383 pixels wide and high, not {size[0]} x {size[1]}: write APNG")
        self._file, self._size, self._rate, self._loop = file, size, rate, loop
        self._channels, self._key, self._quality = channels, key, quality
        self._count = 0

    def start(self) -> None:
        flags = 2 | (16 if self._channels == 4 else 0) | (4 if self._key else 0)
        canvas = struct.pack("<I", flags) + _three(self._size[0] - 1) + _three(self._size[1] - 1)
        animation = struct.pack("<IH", 0, self._loop)
        self._file.write(b"RIFF\0\0\0\0WEBP" + _riff(b"VP8X", canvas) + _riff(b"ANIM", animation))

    def frame(self, samples: np.ndarray, box: Box) -> None:
        begin, end = (round(1000 * number / self._rate) for number in (self._count, self._count + 1))
        self._count += 1
        place = (box.left // 2, box.top // 2, box.width - 1, box.height - 1, min(max(end - begin, 1), _MOST_MS))
        do_not_blend = 2
        head = b"".join(_three(number) for number in place) + bytes([do_not_blend])
        self._file.write(_riff(b"ANMF", head + _webp_chunks(samples, self._quality)))

    def end(self) -> None:
        if self._key:
            self._file.write(_riff(b"XMP ", _xmp(self._key)))
        size = self._file.tell()
        self._file.seek(4)
        self._file.write(struct.pack("<I", size - 8))


def _three(number: int) -> bytes:
    return struct.pack("<I", number)[:3]


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _webp_chunks(samples: np.ndarray, quality: int | None) -> bytes:
    """The chunks of one picture (ALPH, VP8, VP8L), out of a file that Pillow wrote."""
    import numpy as np
    import PIL.Image

    buffer = io.BytesIO()
    options = {"lossless": True, "quality": 60, "method": 3, "exact": True} if quality is None else {"quality": quality, "method": 4}
    PIL.Image.fromarray(np.ascontiguousarray(samples)).save(buffer, "WEBP", **options)
    data, at, found = buffer.getvalue(), 12, b""
    while at + 8 <= len(data):
        end = at + 8 + struct.unpack_from("<I", data, at + 4)[0]
        end += end % 2
        if data[at : at + 4] in (b"ALPH", b"VP8 ", b"VP8L"):
            found += data[at:end]
        at = end
    return found


def _xmp(key: str) -> bytes:
    """Adobe's metadata packet, which holds the key."""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:rotonodes="{_NAMESPACE}" rotonodes:key="{escape(key)}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


def is_webp(start: bytes) -> bool:
    """Whether a file that begins so is a WebP."""
    return start[:4] == b"RIFF" and start[8:12] == b"WEBP"


def read_webp_key(path: str | os.PathLike[str]) -> str | None:
    """The key in a complete WebP; None when it is missing, truncated, or has none."""
    try:
        with open(path, "rb") as file:
            (size,) = struct.unpack("<4xI", file.read(8))
            if size + 8 > os.path.getsize(path):
                return None
            at = 12
            while at + 8 <= size + 8:
                file.seek(at)
                kind, length = struct.unpack("<4sI", file.read(8))
                if kind == b"XMP ":
                    found = re.search(rb'rotonodes:key="([0-9A-Za-z:.-]+)"', file.read(length))
                    return found[1].decode() if found else None
                at += 8 + length + length % 2
    except (OSError, struct.error):
        return None
    return None
