"""TIFF and BigTIFF: whole numbers and floats of any width, exactly (TIFF Revision 6.0, Adobe 1992; Technical Notes 1 and 3).

Uncompressed and deflated files are read here; other compressions and samples below 8 bits by Pillow; the rest by tifffile through
imageio.
"""

from __future__ import annotations

import io
import logging
import mmap
import os
import struct
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from rotonodes.errors import FrameError
from rotonodes.io.deflate import deflate
from rotonodes.io.files import decoding, read_bytes, read_error, write_bytes
from rotonodes.io.limits import check_size, open_with_pillow
from rotonodes.io.orientation import UPRIGHT, known, orientation_of, upright, upright_size

if TYPE_CHECKING:
    import numpy as np

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_BIG = (b"II+\0", b"MM\0+")
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _ORIENTATION, _COUNT, _ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR = 273, 274, 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES, _EXTRA, _FORMAT = 322, 323, 324, 325, 338, 339
_KNOWN = {
    *(_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIPS, _ORIENTATION, _COUNT, _ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR),
    *(_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES, _EXTRA, _FORMAT),
}
_FIELD_TYPES = {1: "B", 3: "H", 4: "I", 16: "Q"}  # byte, short, long, and the long of BigTIFF: enough for the tags read here
_DEFLATE = (8, 32946)
_NO_PREDICTOR, _DIFFERENCE, _FLOAT_DIFFERENCE = 1, 2, 3
_ASSOCIATED, _UNASSOCIATED = 1, 2
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_PLANAR_PLANES = 2
_UNSIGNED, _FLOAT = 1, 3
_PILLOW_KINDS = (*((_UNSIGNED, bits) for bits in (1, 2, 4, 8, 12, 16)), (_FLOAT, 32))
_PLAIN_TYPES = ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8")
_COMPRESSIONS = {2: "CCITT", 3: "CCITT G3", 4: "CCITT G4", 5: "LZW", 6: "JPEG", 7: "JPEG", 34925: "LZMA", 50000: "Zstandard", 50001: "WebP"}
_LARGEST_SIDE = 1 << 17


class Tiff(NamedTuple):
    """`samples` `[H, W, C]`, whole numbers of any width or float16 or float32, and whether colour is premultiplied by alpha."""

    samples: np.ndarray
    premultiplied: bool


def read_tiff(path: str | os.PathLike[str]) -> Tiff:
    """The first picture of the file, as stored but upright: C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.

    Samples of 1, 2 and 4 bits are scaled to 8, those of 12 to 16; float64 becomes float32; files where white is 0 are inverted.
    Raises FrameError when it is missing, truncated, damaged, or of a kind that cannot be read without loss; the message names the kind.
    """
    data = read_bytes(path)
    with decoding(path, "TIFF"):
        tags, order = _tags(data)
        check_size(path, tags[_WIDTH][0], tags[_LENGTH][0])
        if _is_plain(tags):
            samples = _dark_is_zero(_read_plain(data, tags, order), tags)
            return Tiff(upright(_narrowed(samples), _orientation(tags)), tags.get(_EXTRA, (0,))[0] == _ASSOCIATED)
        if (tags.get(_FORMAT, (1,))[0], tags.get(_BITS, (1,))[0]) in _PILLOW_KINDS:
            found = _read_with_pillow(data, tags)
            if found is not None:
                return found
        return _read_with_tifffile(data, tags, path)


def tiff_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) of the first picture, upright, from its tags alone; errors as in `read_tiff`."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            tags, _ = _tags(data)
            size = tags[_WIDTH][0], tags[_LENGTH][0]
    except OSError as error:
        raise read_error(path, error) from error
    except (struct.error, ValueError, KeyError, IndexError) as error:
        raise FrameError(f"{path}: damaged TIFF: its header makes no sense; render the frame again") from error
    if not all(0 < side <= _LARGEST_SIDE for side in size):
        raise FrameError(f"{path}: damaged TIFF: {size[0]} x {size[1]} pixels make no sense; render the frame again")
    check_size(path, *size)
    return upright_size(size, _orientation(tags))


def _tags(data: bytes | mmap.mmap) -> tuple[dict[int, tuple[int, ...]], str]:
    """The number tags of the first picture, and the byte order of the file as numpy and struct write it."""
    if data[:4] not in MAGICS:
        raise ValueError("it is no TIFF file")
    order, big = "<" if data[:2] == b"II" else ">", data[:4] in _BIG
    # BigTIFF has longer offsets and counts; the rest is the same.
    address, entries, inline, size = ("Q", "Q", 8, 20) if big else ("I", "H", 4, 12)
    (at,) = struct.unpack_from(order + address, data, 8 if big else 4)
    (count,) = struct.unpack_from(order + entries, data, at)
    first = at + struct.calcsize(order + entries)
    if first + size * count > len(data):
        raise ValueError("truncated")
    tags: dict[int, tuple[int, ...]] = {}
    for entry in range(first, first + size * count, size):
        tag, kind, number = struct.unpack_from(f"{order}HH{address}", data, entry)
        if kind in _FIELD_TYPES and tag in _KNOWN and tag not in tags:
            form = f"{order}{number}{_FIELD_TYPES[kind]}"
            if struct.calcsize(form) > len(data):
                raise ValueError("truncated")
            value = entry + size - inline
            (place,) = (value,) if struct.calcsize(form) <= inline else struct.unpack_from(order + address, data, value)
            tags[tag] = struct.unpack_from(form, data, place)
    return tags, order


def _orientation(tags: dict[int, tuple[int, ...]]) -> int:
    return known(tags.get(_ORIENTATION, (UPRIGHT,))[0])


def _narrowed(samples: np.ndarray) -> np.ndarray:
    """float64 converted to float32, infinite beyond its range; other types unchanged."""
    import numpy as np

    with np.errstate(over="ignore"):
        return samples.astype(np.float32) if samples.dtype == np.float64 else samples


def _dark_is_zero(samples: np.ndarray, tags: dict[int, tuple[int, ...]]) -> np.ndarray:
    """The samples with 0 as black, inverted when the file stores white as 0."""
    import numpy as np

    if tags[_PHOTOMETRIC][0] != _WHITE_IS_ZERO:
        return samples
    top = samples.dtype.type(1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max)
    samples = samples.copy()
    samples[..., 0] = top - samples[..., 0]
    return samples


def _type(tags: dict[int, tuple[int, ...]]) -> str:
    """The numpy name of the sample type without byte order, `u2` for uint16."""
    kind = {1: "u", 2: "i", 3: "f", 4: "u"}.get(tags.get(_FORMAT, (1,))[0], "?")
    return f"{kind}{tags.get(_BITS, (1,))[0] / 8:g}"


def _is_plain(tags: dict[int, tuple[int, ...]]) -> bool:
    return (
        tags.get(_COMPRESSION, (1,))[0] in (1, *_DEFLATE)
        and _type(tags) in _PLAIN_TYPES
        and all(len(set(tags.get(tag, (1,)))) == 1 for tag in (_BITS, _FORMAT))
        and tags[_PHOTOMETRIC][0] in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
        and 1 <= tags.get(_COUNT, (1,))[0] <= 4
    )


def _read_plain(data: bytes, tags: dict[int, tuple[int, ...]], order: str) -> np.ndarray:
    """Strips or tiles, chunky or planar, uncompressed or deflated."""
    import numpy as np

    width, height, count = tags[_WIDTH][0], tags[_LENGTH][0], tags.get(_COUNT, (1,))[0]
    tiled = _TILES in tags
    across = tags[_TILE_WIDTH][0] if tiled else width
    down = tags[_TILE_LENGTH][0] if tiled else min(height, tags.get(_ROWS, (height,))[0])
    if not all(0 < side <= _LARGEST_SIDE for side in (width, height, across, down)):
        raise ValueError(f"{width} x {height} pixels make no sense")
    deflated = tags.get(_COMPRESSION, (1,))[0] in _DEFLATE
    if width * height * count > len(data) * (1100 if deflated else 1):
        raise ValueError("truncated")
    planes = count if tags.get(_PLANAR, (1,))[0] == _PLANAR_PLANES else 1
    deep = count // planes
    kind = np.dtype(order + _type(tags))
    out = np.empty((height, width, count), kind.newbyteorder("="))
    offsets, sizes = (tags[_TILES], tags[_TILE_BYTES]) if tiled else (tags[_STRIPS], tags[_STRIP_BYTES])
    places = [(plane, y, x) for plane in range(planes) for y in range(0, height, down) for x in range(0, width, across)]
    for (plane, y, x), offset, size in zip(places, offsets, sizes, strict=True):
        piece = data[offset : offset + size]
        if len(piece) != size:
            raise ValueError("truncated")
        rows = down if tiled else min(down, height - y)
        wanted = rows * across * deep * kind.itemsize
        raw = zlib.decompressobj().decompress(piece, wanted) if deflated else piece
        block = _unpredict(np.frombuffer(raw, np.uint8, wanted), kind, (rows, across, deep), tags)
        out[y : y + rows, x : x + across, plane * deep : (plane + 1) * deep] = block[: height - y, : width - x]
    return out


def _unpredict(raw: np.ndarray, kind: np.dtype[Any], shape: tuple[int, int, int], tags: dict[int, tuple[int, ...]]) -> np.ndarray:
    """The samples `[rows, columns, channels]` of a block, with the predictor (differences of neighbours) undone."""
    import numpy as np

    predictor = tags.get(_PREDICTOR, (_NO_PREDICTOR,))[0]
    if predictor == _NO_PREDICTOR:
        return raw.view(kind).reshape(shape)
    if predictor == _DIFFERENCE and kind.kind in "ui":
        return np.cumsum(raw.view(kind).reshape(shape), axis=1, dtype=kind.newbyteorder("="))
    if predictor == _FLOAT_DIFFERENCE and kind.kind == "f":
        # All first bytes of a row, then all second ones (high to low), each byte less the one `channels` before it.
        rows, _, deep = shape
        summed = np.cumsum(raw.reshape(rows, -1, deep), axis=1, dtype=np.uint8).reshape(rows, kind.itemsize, -1)
        return np.ascontiguousarray(summed.transpose(0, 2, 1)).view(kind.newbyteorder(">")).reshape(shape)
    raise ValueError(f"unknown predictor {predictor}")


def _read_with_pillow(data: bytes, tags: dict[int, tuple[int, ...]]) -> Tiff | None:
    """Files of 1 to 16 bits, and grey floats, of any compression that Pillow knows; None where it would lose something.

    Pillow keeps only the high bytes of 16-bit colour, so a second pass reads the low ones.
    """
    import numpy as np
    import PIL.Image

    def opened(order: str = "") -> PIL.Image.Image:
        picture: PIL.Image.Image = open_with_pillow(io.BytesIO(data), ["TIFF"])
        if order:
            rawmode = f"{picture.mode};16{order}"
            picture.tile = [tile._replace(args=(rawmode, *tile.args[1:])) for tile in picture.tile]  # type: ignore[attr-defined, index]
        picture.load()
        return picture

    def turned(picture: PIL.Image.Image) -> np.ndarray:
        return upright(np.array(picture), orientation_of(picture))  # Pillow has turned some kinds already

    try:
        picture = opened()
    except PIL.UnidentifiedImageError:
        return None
    bits = tags.get(_BITS, (1,))[0]
    if picture.mode == "F":
        return Tiff(_dark_is_zero(turned(picture)[..., None], tags), False)
    if picture.mode.startswith("I;16"):
        samples = turned(picture).astype(np.uint16)
        if bits == 12:
            samples = ((samples.astype(np.uint32) * 65535 + 2047) // 4095).astype(np.uint16)
        return Tiff(_dark_is_zero(samples[..., None], tags), False)
    if bits > 8 or tags.get(_FORMAT, (1,))[0] != _UNSIGNED:
        straight = tags.get(_EXTRA, (_UNASSOCIATED,))[0] == _UNASSOCIATED and tags.get(_PLANAR, (1,))[0] != _PLANAR_PLANES
        if picture.mode not in ("RGB", "RGBA") or len(picture.mode) != tags[_COUNT][0] or not straight or bits != 16:
            return None
        # Pillow's decoder hands over samples in this machine's order where it decompresses.
        high, low = (turned(opened(order)) for order in "LB")
        return Tiff(high.astype(np.uint16) << 8 | low, False)
    grey = picture.mode in ("1", "L", "LA")
    mode = ("LA" if picture.mode == "LA" else "L") if grey else ("RGBA" if picture.has_transparency_data else "RGB")
    samples = turned(picture if picture.mode == mode else picture.convert(mode))
    return Tiff(samples[..., None] if samples.ndim == 2 else samples, False)


def _read_with_tifffile(data: bytes, tags: dict[int, tuple[int, ...]], path: str | os.PathLike[str]) -> Tiff:
    """Read a file that neither `_read_plain` nor Pillow supports. Raises FrameError that names the kind if tifffile fails too."""
    import imageio.v3 as imageio
    import numpy as np

    bits, count = tags.get(_BITS, (1,))[0], tags.get(_COUNT, (1,))[0]
    kind = {1: "whole number", 2: "signed whole number", 3: "float", 6: "complex"}.get(tags.get(_FORMAT, (1,))[0], "unknown")
    compression = tags.get(_COMPRESSION, (1,))[0]
    squeezed = f", compressed as {_COMPRESSIONS.get(compression, f'number {compression}')}" if compression not in (1, *_DEFLATE) else ""
    what = f"a TIFF of {count} channel{'s' if count > 1 else ''} with {bits}-bit {kind} samples{squeezed}"
    refusal = f"{path}: {what}, cannot be read: save it with up to 4 channels and ZIP compression, or as EXR"
    if tags[_PHOTOMETRIC][0] not in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB) or not 1 <= count <= 4:
        raise FrameError(refusal)
    logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)  # it logs each odd tag: what is wrong is said once, below
    try:
        found = np.asarray(imageio.imread(data, plugin="tifffile", page=0))
    except Exception as error:  # its decoders raise many kinds of exceptions
        hint = " (or install imagecodecs: pip install 'rotonodes[tiff]')" if "imagecodecs" in str(error) else ""
        raise FrameError(refusal + hint) from error
    if found.ndim == 2:
        found = found[..., None]
    elif tags.get(_PLANAR, (1,))[0] == _PLANAR_PLANES:
        found = found.transpose(1, 2, 0)
    if found.dtype.kind not in "uif" or found.ndim != 3:
        raise FrameError(refusal)
    if bits < 8 * found.dtype.itemsize and found.dtype.kind == "u":  # samples of an odd width come in the next wider type
        found = (found.astype(np.float64) * np.iinfo(found.dtype).max / ((1 << bits) - 1) + 0.5).astype(found.dtype)
    found = _narrowed(found)
    return Tiff(upright(_dark_is_zero(found, tags), _orientation(tags)), tags.get(_EXTRA, (0,))[0] == _ASSOCIATED)


def write_tiff(path: str | os.PathLike[str], samples: np.ndarray, *, premultiplied: bool = False, key: str | None = None) -> None:
    """Write `[H, W, C]` uint8, uint16, float16 or float32 samples, deflated; C as in `read_tiff`.

    `premultiplied` says so of colour with alpha. Files beyond 4 GB are refused with FrameError.
    """
    import numpy as np

    height, width, count = samples.shape
    integer = samples.dtype.kind == "u"
    rows = max(1, (1 << 18) // max(1, width * count * samples.itemsize))
    strips = []
    for y in range(0, height, rows):
        block = np.ascontiguousarray(samples[y : y + rows].astype(samples.dtype.newbyteorder("<"), copy=False))
        if integer:
            block = block.copy()
            block[:, 1:] -= samples[y : y + rows, :-1]
        strips.append(deflate(block))
    offsets = [8]
    for strip in strips:
        offsets.append(offsets[-1] + len(strip))
    tags = {
        _WIDTH: [width],
        _LENGTH: [height],
        _BITS: [8 * samples.itemsize] * count,
        _COMPRESSION: [8],
        _PHOTOMETRIC: [2 if count >= 3 else 1],
        _STRIPS: offsets[:-1],
        _COUNT: [count],
        _ROWS: [rows],
        _STRIP_BYTES: [len(strip) for strip in strips],
        _PLANAR: [1],
        _PREDICTOR: [_DIFFERENCE if integer else _NO_PREDICTOR],
        _FORMAT: [1 if integer else 3] * count,
    }
    if count in (2, 4):
        tags[_EXTRA] = [_ASSOCIATED if premultiplied else _UNASSOCIATED]
    start = offsets[-1] + offsets[-1] % 2
    if start + 8 * sum(map(len, tags.values())) >= 1 << 32:
        raise FrameError(f"{path}: the picture is too large for TIFF (4 GB): write EXR")
    body = b"".join(strips) + b"\0" * (offsets[-1] % 2)
    write_bytes(path, struct.pack("<2sHI", b"II", 42, start) + body + _directory(tags, start), key)


def _directory(tags: dict[int, list[int]], start: int) -> bytes:
    """The tags in order, longer values after them; `start` is where the directory lies in the file."""
    entries, values = [], b""
    after = start + 2 + 12 * len(tags) + 4
    for tag, numbers in sorted(tags.items()):
        short = tag in (_BITS, _COMPRESSION, _PHOTOMETRIC, _COUNT, _PLANAR, _PREDICTOR, _EXTRA, _FORMAT)
        packed = struct.pack(f"<{len(numbers)}{'H' if short else 'I'}", *numbers)
        if len(packed) > 4:
            place = struct.pack("<I", after + len(values))
            values += packed
        else:
            place = packed.ljust(4, b"\0")
        entries.append(struct.pack("<HHI", tag, 3 if short else 4, len(numbers)) + place)
    return struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0" + values
