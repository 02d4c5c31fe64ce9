"""Reads and checks the headers of an EXR file before it is decoded (openexr.com: "OpenEXR File Layout").

The OpenEXR library trusts its input: it prints to the terminal, drops a damaged part without an error, and allocates whatever size
a header claims. So every file is checked here first, without decoding: the headers are valid, every chunk is present, and the
chunks can hold the picture.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from rotonodes.errors import FrameError
from rotonodes.io.files import read_error
from rotonodes.io.limits import MOST_CHANNELS, VARIABLE, most_pixels, too_large
from rotonodes.values.pixels import Box

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"\x76\x2f\x31\x01"
_TILED, _LONG_NAMES, _DEEP, _MULTIPART = 0x200, 0x400, 0x800, 0x1000
_SAMPLE_BYTES = (4, 2, 4)  # uint, half, float
# Attributes of plain numbers, as struct formats.
_NUMBERS = {
    "int": "<i",
    "float": "<f",
    "double": "<d",
    "rational": "<iI",
    "timecode": "<2I",
    "chromaticities": "<8f",
    "box2i": "<4i",
    "box2f": "<4f",
    "v2i": "<2i",
    "v2f": "<2f",
    "v3i": "<3i",
    "v3f": "<3f",
    "m33f": "<9f",
    "m44f": "<16f",
}
# Lines in a chunk by compression: none rle zips zip piz pxr24 b44 b44a dwaa dwab, then those of newer libraries.
_CHUNK_LINES = (1, 1, 1, 16, 32, 16, 32, 32, 32, 256, 256, 32, 256, 1)
_DEFLATED = (2, 3, 5)
# Largest decoded size of one byte of a file: the limit of deflate is 1032; PIZ and DWA store a flat block in a few bytes.
_GROWTH, _DEFLATE_GROWTH = 1 << 18, 1100
_ALWAYS_ALLOWED = 256 << 20
# Decoded bytes of a file: those of the largest picture of four float channels, or of a file that is compressed no more than renders are.
_PIXEL_BYTES, _USUAL_GROWTH = 16, 1 << 8
_LARGEST_SIDE = 1 << 17
_LARGEST_COORDINATE = 1 << 30


class Channel(NamedTuple):
    """One channel of a part; `type` is 0 uint32, 1 half, 2 float; `sampling` = (x, y): it has every x-th pixel of every y-th line."""

    name: str
    type: int
    sampling: tuple[int, int]


@dataclass(frozen=True)
class Header:
    """One part: its attributes as (type, bytes), its channels, and its windows (right and bottom exclusive)."""

    attributes: dict[str, tuple[str, bytes]]
    channels: tuple[Channel, ...]
    data_window: Box
    display_window: Box
    multipart: bool
    tiled: bool

    @property
    def name(self) -> str:
        """The part's name, empty where it has none."""
        return str(attribute_value(*self.attributes["name"])) if "name" in self.attributes else ""

    @property
    def compression(self) -> int:
        return self.attributes["compression"][1][0]

    @property
    def line_bytes(self) -> int:
        """Bytes of one decoded line of all channels."""
        return self.data_window.width * sum(_SAMPLE_BYTES[channel.type] for channel in self.channels)


def attribute_value(kind: str, value: bytes) -> str | int | float | tuple[Any, ...] | None:
    """A header attribute as a text, a number, or a tuple of them; None for kinds that are not read here."""
    if kind == "string":
        return _text(value)
    if kind == "stringvector":
        texts, at = [], 0
        while at + 4 <= len(value):
            (length,) = struct.unpack_from("<i", value, at)
            texts.append(_text(value[at + 4 : at + 4 + max(0, length)]))
            at += 4 + max(0, length)
        return tuple(texts)
    form = _NUMBERS.get(kind)
    if form is None or struct.calcsize(form) != len(value):
        return None
    numbers = struct.unpack(form, value)
    return numbers[0] if len(numbers) == 1 else numbers


def _text(value: bytes) -> str:
    """Texts are UTF-8; some renderers write Latin-1."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


class _Damaged(Exception):
    """A damaged file; the message says what is wrong with it."""


class _Unsupported(Exception):
    """A valid file of a kind that is not supported; the message names the kind."""


class _Reader:
    """Reads values from the bytes of a file, never past its end."""

    def __init__(self, data: mmap.mmap, at: int) -> None:
        self.data, self.at = data, at

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise _Damaged("truncated in its header")
        self.at += count
        return self.data[self.at - count : self.at]

    def name(self) -> str:
        end = self.data.find(b"\0", self.at, self.at + 256)
        if end < 0:
            raise _Damaged("a name in its header has no end")
        return self.take(end + 1 - self.at)[:-1].decode("utf-8", "replace")


def read_headers(path: str | os.PathLike[str], check_chunks: bool = True) -> list[Header]:
    """The headers of all parts of a flat EXR file; with `check_chunks`, also that all its pixel data is there.

    Raises FrameError in one line for files that are missing, damaged, truncated, deep, or claim a size they cannot have.
    """
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            headers, at = _headers(data)
            for header in headers:
                _check_windows(header)
            _check_places(headers)
            _check_growth(headers, len(data))
            if check_chunks:
                for header in headers:
                    at = _check_chunks(data, at, header)
            return headers
    except OSError as error:
        raise read_error(path, error) from error
    except _Unsupported as error:
        raise FrameError(f"{path}: {error}") from error
    except (_Damaged, struct.error, ValueError, IndexError) as error:
        raise FrameError(f"{path}: damaged EXR: {_reason(error)}; render the frame again") from error


def _reason(error: Exception) -> str:
    if isinstance(error, _Damaged):
        return str(error)
    return "the file is empty" if "empty file" in str(error) else "its header makes no sense"


def _headers(data: mmap.mmap) -> tuple[list[Header], int]:
    """All headers, and where the first chunk table begins."""
    if data[:4] != MAGIC:
        raise _Damaged("it is no EXR file")
    (version,) = struct.unpack_from("<I", data, 4)
    if version & 0xFF != 2 or version & ~(0xFF | _TILED | _LONG_NAMES | _DEEP | _MULTIPART):
        raise _Damaged(f"unknown version {version & 0xFF}, flags {version >> 8:#x}")
    if version & _DEEP:
        raise _Unsupported("deep data has no flat picture: flatten it in the renderer")
    reader = _Reader(data, 8)
    headers: list[Header] = []
    multipart = bool(version & _MULTIPART)
    while True:
        attributes = _attributes(reader)
        if not attributes and headers:
            return headers, reader.at
        headers.append(_header(attributes, multipart, bool(version & _TILED)))
        if not multipart:
            return headers, reader.at


def _attributes(reader: _Reader) -> dict[str, tuple[str, bytes]]:
    attributes: dict[str, tuple[str, bytes]] = {}
    while name := reader.name():
        kind = reader.name()
        (size,) = struct.unpack("<i", reader.take(4))
        attributes[name] = (kind, reader.take(size))
    return attributes


def _header(attributes: dict[str, tuple[str, bytes]], multipart: bool, tiled: bool) -> Header:
    missing = [name for name in ("channels", "compression", "dataWindow", "displayWindow") if name not in attributes]
    if missing:
        raise _Damaged(f"its header has no {missing[0]}")
    part_type = attributes.get("type", ("", b""))[1].decode("latin-1") if multipart else ""
    if part_type.startswith("deep"):
        raise _Unsupported("deep data has no flat picture: flatten it in the renderer")
    data_window, display_window = (_window(attributes[name][1]) for name in ("dataWindow", "displayWindow"))
    channels = channel_list(attributes["channels"][1])
    return Header(attributes, channels, data_window, display_window, multipart, tiled or part_type == "tiledimage")


def _window(value: bytes) -> Box:
    """A window as a box; the file stores the last column and row, a box ends after them."""
    left, top, right, bottom = struct.unpack("<4i", value)
    return Box(left, top, right + 1, bottom + 1)


def channel_list(value: bytes) -> tuple[Channel, ...]:
    """The channels in the bytes of a `channels` attribute, in their order."""
    channels, at = [], 0
    while value[at : at + 1] != b"\0":
        end = value.index(b"\0", at)
        kind, _, x, y = struct.unpack_from("<iIii", value, end + 1)
        if kind not in (0, 1, 2) or x < 1 or y < 1:
            raise _Damaged("its list of channels makes no sense")
        channels.append(Channel(_text(value[at:end]), kind, (x, y)))
        at = end + 17
    if not channels:
        raise _Damaged("it has no channels")
    return tuple(channels)


def ascii_channels(value: bytes) -> bytes:
    """The bytes of a `channels` attribute with every letter outside ASCII replaced by one that keeps the order of names."""
    changed, at = bytearray(value), 0
    while value[at : at + 1] != b"\0":
        end = value.index(b"\0", at)
        changed[at:end] = bytes(min(byte, 127) for byte in value[at:end])
        at = end + 17
    return bytes(changed)


def _check_windows(header: Header) -> None:
    """Check that windows are valid, the compression is known, and the resolution of subsampled channels divides the picture's."""
    for box, what in ((header.data_window, "data window"), (header.display_window, "display window")):
        if max(map(abs, box)) > _LARGEST_COORDINATE or not (0 < box.width <= _LARGEST_SIDE and 0 < box.height <= _LARGEST_SIDE):
            raise _Damaged(f"its {what} {tuple(box)} makes no sense")
        if message := too_large(box.width, box.height):
            raise _Unsupported(f"its {what}: {message}")
    if len(header.channels) > MOST_CHANNELS:
        raise _Unsupported(f"it has {len(header.channels)} channels, more than {MOST_CHANNELS}: write fewer passes into one part")
    if header.compression >= len(_CHUNK_LINES):
        raise _Damaged(f"unknown compression {header.compression}")
    box = header.data_window
    for channel in header.channels:
        x, y = channel.sampling
        if (x, y) != (1, 1) and channel.name.rpartition(".")[2] in ("RY", "BY"):
            raise _Unsupported("its luminance and chroma channels differ in resolution: write it as R, G, B")
        if x > box.width or y > box.height or box.left % x or box.top % y or box.width % x or box.height % y:
            raise _Damaged(f"its channel {channel.name!r} has every {x}th pixel of every {y}th line, which do not fit its size")


def _check_places(headers: list[Header]) -> None:
    """Check that the data windows of all parts lie near each other and the frame: they are laid on their union."""
    union = headers[0].display_window
    for header in headers:
        union = union.union(header.data_window)
    if message := too_large(union.width, union.height):
        raise _Unsupported(f"its data windows lie far from each other or from the frame: together, {message}")


def _check_growth(headers: list[Header], file_size: int) -> None:
    """Check that the file is large enough for the pixels it claims, before memory is allocated."""
    decoded = sum(header.line_bytes * header.data_window.height for header in headers)
    deflated = all(header.compression in _DEFLATED for header in headers)
    box = headers[0].data_window
    if decoded > max(_ALWAYS_ALLOWED, file_size * (_DEFLATE_GROWTH if deflated else _GROWTH)):
        raise _Damaged(f"it claims {box.width} x {box.height} pixels in {file_size} bytes")
    most = max(_PIXEL_BYTES * most_pixels(), file_size * _USUAL_GROWTH)
    if decoded > most:
        asked = -(-decoded // _PIXEL_BYTES)
        raise _Unsupported(
            f"all its channels are {decoded:,} bytes, more than the limit of {most:,} for a file of {file_size:,}; to read it, "
            f"set {VARIABLE}={asked}"
        )


def _check_chunks(data: mmap.mmap, at: int, header: Header) -> int:
    """Check that every chunk of a part lies in the file and is no larger than its pixels; returns where the next table begins."""
    import numpy as np

    count = _tile_count(header) if header.tiled else -(-header.data_window.height // _CHUNK_LINES[header.compression])
    if "chunkCount" in header.attributes and struct.unpack("<i", header.attributes["chunkCount"][1])[0] != count:
        raise _Damaged("its number of chunks does not fit its size")
    end = at + 8 * count
    if end > len(data):
        raise _Damaged("truncated in its chunk table")
    offsets = np.frombuffer(data[at:end], "<u8")
    leader = (4 if header.multipart else 0) + (20 if header.tiled else 8)
    inside = (offsets >= end) & (offsets <= len(data) - leader)
    if not inside.all():
        raise _Damaged(f"truncated: {int((~inside).sum())} of its {count} chunks are not there")
    starts = offsets.astype(np.int64) + leader
    sizes = _int32_at(data, starts - 4)
    if (sizes <= 0).any() or (starts + sizes > len(data)).any():
        raise _Damaged("truncated: a chunk runs past the end of the file")
    if (sizes > _largest_chunk(header)).any():
        raise _Damaged("a chunk is larger than its pixels")
    return end


def _int32_at(data: mmap.mmap, positions: np.ndarray) -> np.ndarray:
    """The little-endian int32 at each byte position."""
    import numpy as np

    return np.array([struct.unpack_from("<i", data, position)[0] for position in positions.tolist()], np.int64)


def _largest_chunk(header: Header) -> int:
    """Bytes of the largest chunk: compressed data that grew is stored raw, give or take a little."""
    if header.tiled:
        width, height = _tile_size(header)[:2]
        return header.line_bytes // header.data_window.width * width * height + 1024
    return header.line_bytes * _CHUNK_LINES[header.compression] + 1024


def _tile_size(header: Header) -> tuple[int, int, int]:
    """Width and height of the tiles, and their level mode."""
    if "tiles" not in header.attributes:
        raise _Damaged("its header has no tiles")
    width, height, mode = struct.unpack("<IIB", header.attributes["tiles"][1])
    return int(width), int(height), int(mode)


def _tile_count(header: Header) -> int:
    """Number of tiles on all levels (one level, mip map or rip map)."""
    width, height, mode = _tile_size(header)
    if not (0 < width <= _LARGEST_SIDE and 0 < height <= _LARGEST_SIDE):
        raise _Damaged(f"its tiles of {width} x {height} pixels make no sense")

    def level(size: int, number: int) -> int:
        return max(1, -(-size >> number) if mode & 0xF0 else size >> number)

    def levels(size: int) -> range:
        return range((size - 1).bit_length() + 1 if mode & 0xF0 else size.bit_length())

    box, kind = header.data_window, mode & 0x0F
    across = [-(-level(box.width, x) // width) for x in levels(box.width)]
    down = [-(-level(box.height, y) // height) for y in levels(box.height)]
    if kind == 0:
        return across[0] * down[0]
    if kind == 1:
        n = len(levels(max(box.width, box.height)))
        across += [1] * (n - len(across))
        down += [1] * (n - len(down))
        return sum(a * d for a, d in zip(across, down, strict=True))
    return sum(across) * sum(down)
