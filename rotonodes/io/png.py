"""PNG: reads any file to its stored samples, writes quickly, text chunks (PNG Specification, third edition, W3C 2025)."""

from __future__ import annotations

import hashlib
import io
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Literal, NamedTuple

from rotonodes.errors import FrameError, RotoError
from rotonodes.io.deflate import deflate
from rotonodes.io.files import decoding, read_bytes, write_bytes
from rotonodes.io.limits import check_size, open_with_pillow
from rotonodes.io.orientation import UPRIGHT, orientation_of, upright
from rotonodes.io.seal import without_seal

if TYPE_CHECKING:
    import numpy as np
    from PIL.ImageFile import ImageFile

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEY = "rotonodes:key"
_END = b"\0\0\0\0IEND\xaeB`\x82"  # the last chunk
_HEAD = 1 << 10  # bytes that usually hold all chunks before the pixels
_GREY, _RGB, _PALETTE, _GREY_ALPHA, _RGBA = 0, 2, 3, 4, 6
_LINEAR_GAMMA = 100_000  # gAMA is in 1/100000
_COLOR_TYPE = {1: _GREY, 2: _GREY_ALPHA, 3: _RGB, 4: _RGBA}


class Chunk(NamedTuple):
    """One chunk of a file: its four-letter kind and its bytes."""

    kind: bytes
    data: memoryview


class Png(NamedTuple):
    """Samples `[H, W, C]` as returned by `read_png`; `linear` is True when the file declares linear light (gAMA 1.0)."""

    samples: np.ndarray
    linear: bool


class PaletteSamples(NamedTuple):
    """An indexed picture: `indices` `[H, W]` uint8 and `colors` `[N, 3]` uint8 (sRGB)."""

    indices: np.ndarray
    colors: np.ndarray


def _chunks(data: bytes, path: str | os.PathLike[str]) -> Iterator[Chunk]:
    """Every chunk up to IEND, with its checksum verified. Raises FrameError for a truncated chunk, a wrong CRC, or a missing IEND."""
    from isal import isal_zlib

    if data[:8] != SIGNATURE:
        raise FrameError(f"{path}: not a PNG file")
    view, at = memoryview(data), 8
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if end > len(data):
            break
        if isal_zlib.crc32(view[at + 4 : end - 4]) != struct.unpack_from(">I", data, end - 4)[0]:
            raise FrameError(f"{path}: damaged PNG: wrong checksum in its {kind.decode('latin-1')} chunk; render the frame again")
        yield Chunk(kind, view[at + 8 : end - 4])
        if kind == b"IEND":
            return
        at = end
    raise FrameError(f"{path}: truncated PNG: {len(data)} bytes and no end; render the frame again")


def read_png(path: str | os.PathLike[str]) -> np.ndarray:
    """The file's samples `[H, W, C]` as stored, uint8 or uint16; C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.

    Palettes become RGB or RGBA, 1, 2 and 4 bit grey is scaled to 8 bit, a transparent colour becomes an alpha channel.
    Alpha is straight. The picture is upright, as its Exif orientation says. Raises FrameError for files that are missing,
    truncated, damaged, or no PNG.
    """
    return read_noted(path).samples


def read_noted(path: str | os.PathLike[str]) -> Png:
    """As `read_png`, with what the file declares about its colour."""
    data = read_bytes(path)
    with decoding(path, "PNG"):
        found = list(_chunks(data, path))
        chunks = {chunk.kind: chunk.data for chunk in found}
        depth, color_type = chunks[b"IHDR"][8:10] if len(chunks.get(b"IHDR", b"")) == 13 else (0, 0)
        _check_size(chunks, len(data), path)
        samples = _read_16(data, color_type, chunks.get(b"tRNS"), path) if depth == 16 else _read_8(data)
        if any(_may_turn(chunk.kind, bytes(chunk.data[:40])) for chunk in found):
            samples = upright(samples, orientation_of(_open(data)))
        return Png(samples, _is_linear(chunks))


def _check_size(chunks: Mapping[bytes, memoryview], length: int, path: str | os.PathLike[str]) -> None:
    """Raise FrameError for more pixels than are allowed, or than a file of `length` bytes can hold."""
    if len(chunks.get(b"IHDR", b"")) == 13:
        width, height, depth, color_type = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
        check_size(path, width, height)
        if width * height * depth * {_GREY_ALPHA: 2, _RGB: 3, _RGBA: 4}.get(color_type, 1) // 8 > 1100 * length:  # deflate gives 1032
            raise FrameError(f"{path}: damaged PNG: it claims {width} x {height} pixels in {length} bytes; render the frame again")


def orientation(path: str | os.PathLike[str]) -> int:
    """The Exif orientation of a PNG, 1 to 8; the file is decoded only when it has Exif or XMP data."""
    with open(path, "rb") as file:
        file.seek(8)
        while len(head := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            start = file.read(min(length, 40)) if kind != b"IDAT" else b""
            if _may_turn(kind, start):
                with decoding(path, "PNG"):
                    return orientation_of(_open(read_bytes(path)))
            file.seek(length - len(start) + 4, os.SEEK_CUR)
    return UPRIGHT


def _may_turn(kind: bytes, start: bytes) -> bool:
    """True for a chunk that may hold an orientation: Exif, XMP, or the text chunks in which older programs store them."""
    return kind == b"eXIf" or (kind in (b"iTXt", b"zTXt", b"tEXt") and start.startswith((b"XML:com.adobe.xmp", b"Raw profile type")))


def _is_linear(chunks: Mapping[bytes, memoryview]) -> bool:
    """True when a file declares gAMA 1.0 and has no chunk that overrides gAMA."""
    gamma = chunks.get(b"gAMA", memoryview(b""))
    return bytes(gamma) == struct.pack(">I", _LINEAR_GAMMA) and not chunks.keys() & {b"sRGB", b"iCCP", b"cICP"}


def _read_8(data: bytes) -> np.ndarray:
    """Samples of up to 8 bits as uint8 `[H, W, C]`."""
    import numpy as np

    picture = _open(data)
    transparent = "transparency" in picture.info or picture.mode in ("LA", "RGBA", "PA")
    grey = picture.mode in ("1", "L", "LA")
    mode = ("LA" if transparent else "L") if grey else ("RGBA" if transparent else "RGB")
    samples = np.array(picture if picture.mode == mode else picture.convert(mode))
    return samples[..., None] if samples.ndim == 2 else samples


def read_palette(path: str | os.PathLike[str]) -> PaletteSamples | None:
    """Indices and colours of a palette PNG, or None when the file is another kind of PNG. Errors as in `read_png`."""
    import numpy as np

    data = read_bytes(path)
    with decoding(path, "PNG"):
        chunks = {chunk.kind: chunk.data for chunk in _chunks(data, path)}
        if b"PLTE" not in chunks or chunks[b"IHDR"][9] != _PALETTE:
            return None
        _check_size(chunks, len(data), path)
        picture = _open(data)
        return PaletteSamples(upright(np.array(picture), orientation_of(picture)), np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3))


def _open(data: bytes, rawmode: str | None = None) -> ImageFile:
    """The file decoded by Pillow; `rawmode` overrides how Pillow unpacks the samples."""
    import PIL.Image

    try:
        picture = open_with_pillow(io.BytesIO(data), ["PNG"])
    except PIL.UnidentifiedImageError:
        raise ValueError("its header makes no sense") from None
    if rawmode:
        picture.tile = [tile._replace(args=rawmode) for tile in picture.tile]
    picture.load()
    return picture


def _read_16(data: bytes, color_type: int, transparent: memoryview | None, path: str | os.PathLike[str]) -> np.ndarray:
    """16-bit samples `[H, W, C]` uint16. Except for grey, Pillow keeps only the high bytes, so a second pass reads the low ones."""
    import numpy as np

    if color_type == _GREY:
        samples = np.array(_open(data)).astype(np.uint16)[..., None]
    elif color_type == _GREY_ALPHA:
        # The same bytes as an 8-bit RGBA picture: two bytes a sample, filtered with the same distance of four.
        header = struct.pack(">4s8s5B", b"IHDR", data[16:24], 8, _RGBA, *data[26:29])
        samples = np.array(_open(data[:12] + header + _crc(header) + data[33:])).view(">u2").astype(np.uint16)
    elif color_type in (_RGB, _RGBA):
        mode = "RGB" if color_type == _RGB else "RGBA"
        # Read as little-endian, what Pillow takes for the high byte is the low one.
        high, low = (np.array(_open(data, f"{mode};16{order}")) for order in "BL")
        samples = high.astype(np.uint16) << 8 | low
    else:
        raise FrameError(f"{path}: damaged PNG: 16 bits with colour type {color_type}")
    if transparent is not None and color_type in (_GREY, _RGB):
        matching = (samples == np.frombuffer(transparent, ">u2")).all(axis=-1, keepdims=True)
        samples = np.concatenate([samples, np.where(matching, 0, 65535).astype(np.uint16)], axis=-1)
    return samples


def read_text(path: str | os.PathLike[str]) -> dict[str, str]:
    """The tEXt entries before the pixels, without reading those; empty when the file is absent, no PNG, or truncated."""
    texts: dict[str, str] = {}
    try:
        with open(path, "rb", buffering=0) as file:
            head = file.read(_HEAD)  # one read for most files: a plan asks thousands of them
            file.seek(-len(_END), os.SEEK_END)
            if file.read() != _END or head[:8] != SIGNATURE:
                return {}
            at = 8
            while True:
                length, kind = struct.unpack(">I4s", _piece(file, head, at, 8))
                if kind == b"IDAT":
                    return texts
                if kind == b"tEXt":
                    word, _, text = _piece(file, head, at + 8, length).partition(b"\0")
                    texts[word.decode("latin-1")] = without_seal(text.decode("latin-1")) if word == KEY.encode() else text.decode("latin-1")
                at += length + 12
    except (OSError, struct.error):
        return {}


def _piece(file: IO[bytes], head: bytes, at: int, count: int) -> bytes:
    """Bytes of a file, of which the `head` was read."""
    if at + count <= len(head):
        return head[at : at + count]
    file.seek(at)
    return file.read(count)


def write_png(
    path: str | os.PathLike[str],
    samples: np.ndarray,
    *,
    colorspace: Literal["srgb", "linear", "raw"] = "srgb",
    text: Mapping[str, str] | None = None,
) -> None:
    """Write uint8 or uint16 samples `[H, W, C]` or `[H, W]`: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA; alpha is straight.

    `text` becomes tEXt chunks; characters outside Latin-1 are written as `?`. `colorspace` is noted in the file (sRGB or
    gAMA chunk, none for raw), the samples are written as they are.
    """
    import numpy as np

    samples = samples[..., None] if samples.ndim == 2 else samples
    height, width, count = samples.shape
    if samples.dtype == np.uint16:
        rows, depth = np.ascontiguousarray(samples, dtype=">u2").view(np.uint8), 16
    elif samples.dtype == np.uint8:
        rows, depth = np.ascontiguousarray(samples), 8
    else:
        raise TypeError(f"PNG samples are uint8 or uint16, these are {samples.dtype}")
    notes = {"srgb": [(b"sRGB", b"\0")], "linear": [(b"gAMA", struct.pack(">I", _LINEAR_GAMMA))], "raw": []}[colorspace]
    header = struct.pack(">IIBBBBB", width, height, depth, _COLOR_TYPE[count], 0, 0, 0)
    write_bytes(path, _png(header, notes + _texts(text), rows.reshape(height, -1)))


def write_palette_png(
    path: str | os.PathLike[str],
    indices: np.ndarray,
    colors: Sequence[tuple[int, int, int]],
    *,
    text: Mapping[str, str] | None = None,
) -> None:
    """Write uint8 `[H, W]` indices with up to 256 `colors` (r, g, b in 0..255, sRGB) as a palette PNG."""
    import numpy as np

    indices = np.ascontiguousarray(indices, dtype=np.uint8)
    top = int(indices.max(initial=0))
    if top >= len(colors):
        raise FrameError(f"{path}: index {top} has no colour: the palette has {len(colors)}")
    height, width = indices.shape
    header = struct.pack(">IIBBBBB", width, height, 8, _PALETTE, 0, 0, 0)
    palette = (b"PLTE", bytes(code for color in colors for code in color))
    write_bytes(path, _png(header, [(b"sRGB", b"\0"), *_texts(text), palette], indices))


def _texts(text: Mapping[str, str] | None) -> list[tuple[bytes, bytes]]:
    pairs = ((word.encode("latin-1", "replace")[:79], value.encode("latin-1", "replace")) for word, value in (text or {}).items())
    return [(b"tEXt", word + b"\0" + value.replace(b"\0", b" ")) for word, value in pairs]


def _png(header: bytes, notes: list[tuple[bytes, bytes]], rows: np.ndarray) -> bytes:
    """A complete file from rows of bytes `[H, bytes of a row]`."""
    chunks = [(b"IHDR", header), *notes, (b"IDAT", packed_rows(rows)), (b"IEND", b"")]
    return _sealed([chunk(kind, data) for kind, data in chunks])


def packed_rows(rows: np.ndarray) -> bytes:
    """Rows of bytes `[H, ...]`, filtered and deflated, as IDAT holds them.

    Every row is filtered with its difference to the row above ("up"): one numpy subtraction, and rendered pictures come out
    smaller than with Pillow's choice of filters at deflate level 1.
    """
    import numpy as np

    rows = rows.reshape(len(rows), -1)
    filtered = np.empty((rows.shape[0], rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = 2
    filtered[:1, 1:] = rows[:1]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return deflate(filtered)


def _sealed(chunks: list[bytes]) -> bytes:
    """A file of complete chunks; behind the key in its text stands the checksum of everything else."""
    at = next((i for i, whole in enumerate(chunks) if _is_key(whole[4:8], whole[8:])), None)
    if at is not None:
        digest = hashlib.sha256(SIGNATURE + b"".join(chunks[:at] + chunks[at + 1 :])).hexdigest()
        chunks[at] = chunk(b"tEXt", chunks[at][8:-4] + f" sha256:{digest}".encode())
    return SIGNATURE + b"".join(chunks)


def _is_key(kind: bytes, data: bytes | memoryview) -> bool:
    return kind == b"tEXt" and bytes(data[: len(KEY) + 1]) == KEY.encode() + b"\0"


def holds_seal(path: str | os.PathLike[str]) -> bool:
    """True when the file carries the checksum of `write_png` and every byte is as it was written. All of it is read."""
    try:
        data = read_bytes(path)
        at, digest, told = 8, hashlib.sha256(SIGNATURE), b""
        for found in _chunks(data, path):
            end = at + 12 + len(found.data)
            if _is_key(found.kind, found.data):
                told = bytes(found.data)[-64:]
            else:
                digest.update(memoryview(data)[at:end])
            at = end
    except RotoError:
        return False
    return at == len(data) and told == digest.hexdigest().encode()


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk: length, kind, data, checksum."""
    return struct.pack(">I", len(data)) + kind + data + _crc(kind + data)


def _crc(data: bytes) -> bytes:
    from isal import isal_zlib

    return struct.pack(">I", isal_zlib.crc32(data))
