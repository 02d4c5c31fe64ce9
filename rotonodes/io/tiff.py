"""TIFF: 8 and 16 bit and float pictures, exactly (TIFF Revision 6.0, Adobe 1992; Technical Notes 1 and 3).

Uncompressed and deflated files are read here; other compressions of 8 and 16 bit files by Pillow.
"""

from __future__ import annotations

import io
import os
import struct
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple

from rotonodes.errors import FrameError
from rotonodes.io.files import read_bytes, write_bytes

if TYPE_CHECKING:
    import numpy as np

MAGICS = (b"II*\0", b"MM\0*")
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC = 256, 257, 258, 259, 262
_STRIPS, _COUNT, _ROWS, _STRIP_BYTES, _PLANAR, _PREDICTOR = 273, 277, 278, 279, 284, 317
_TILE_WIDTH, _TILE_LENGTH, _TILES, _TILE_BYTES, _EXTRA, _FORMAT = 322, 323, 324, 325, 338, 339
_FIELD_TYPES = {1: "B", 3: "H", 4: "I"}  # byte, short, long: all that is asked for here
_DEFLATE = (8, 32946)
_NO_PREDICTOR, _DIFFERENCE, _FLOAT_DIFFERENCE = 1, 2, 3
_ASSOCIATED, _UNASSOCIATED = 1, 2
_LARGEST_SIDE = 1 << 17


class Tiff(NamedTuple):
    """`samples` `[H, W, C]` uint8, uint16, float16 or float32, and whether colour is premultiplied by alpha."""

    samples: np.ndarray
    premultiplied: bool


def read_tiff(path: str | os.PathLike[str]) -> Tiff:
    """The first picture of the file, as stored: C is 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA.

    Raises FrameError when it is missing, truncated, damaged, or of a kind that cannot be read without loss.
    """
    data = read_bytes(path)
    try:
        tags, order = _tags(data)
        premultiplied = tags.get(_EXTRA, (0,))[0] == _ASSOCIATED
        if _is_plain(tags):
            return Tiff(_read_plain(data, tags, order), premultiplied)
        if _type(tags) not in ("u1", "u2"):
            raise FrameError(f"{path}: this compression of a float TIFF cannot be read: save it with ZIP compression or as EXR")
        return _read_with_pillow(data, tags, path)
    except (struct.error, ValueError, KeyError, IndexError, OSError, SyntaxError, TypeError, zlib.error) as error:
        raise FrameError(f"{path}: damaged or unusual TIFF: {error}; save it with ZIP compression or as EXR") from error


def _tags(data: bytes) -> tuple[dict[int, tuple[int, ...]], str]:
    """The number tags of the first picture, and the byte order of the file as numpy and struct write it."""
    if data[:4] not in MAGICS:
        raise ValueError("it is no TIFF file")
    order = "<" if data[:2] == b"II" else ">"
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, at)
    tags: dict[int, tuple[int, ...]] = {}
    for entry in range(at + 2, at + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(f"{order}HHI", data, entry)
        if kind in _FIELD_TYPES:
            form = f"{order}{number}{_FIELD_TYPES[kind]}"
            if struct.calcsize(form) > len(data):
                raise ValueError("truncated")
            (place,) = (entry + 8,) if struct.calcsize(form) <= 4 else struct.unpack_from(f"{order}I", data, entry + 8)
            tags[tag] = struct.unpack_from(form, data, place)
    return tags, order


def _type(tags: dict[int, tuple[int, ...]]) -> str:
    """The numpy name of the sample type without byte order, `u2` for uint16."""
    kind = {1: "u", 3: "f"}.get(tags.get(_FORMAT, (1,))[0], "?")
    return f"{kind}{tags.get(_BITS, (1,))[0] / 8:g}"


def _is_plain(tags: dict[int, tuple[int, ...]]) -> bool:
    return (
        tags.get(_COMPRESSION, (1,))[0] in (1, *_DEFLATE)
        and _type(tags) in ("u1", "u2", "f2", "f4")
        and tags[_PHOTOMETRIC][0] in (1, 2)
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
    planes = count if tags.get(_PLANAR, (1,))[0] == 2 else 1
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
    """The samples `[rows, columns, channels]` of a block whose neighbours were subtracted before it was compressed."""
    import numpy as np

    predictor = tags.get(_PREDICTOR, (_NO_PREDICTOR,))[0]
    if predictor == _NO_PREDICTOR:
        return raw.view(kind).reshape(shape)
    if predictor == _DIFFERENCE and kind.kind == "u":
        return np.cumsum(raw.view(kind).reshape(shape), axis=1, dtype=kind.newbyteorder("="))
    if predictor == _FLOAT_DIFFERENCE and kind.kind == "f":
        # All first bytes of a row, then all second ones (high to low), each byte less the one `channels` before it.
        rows, _, deep = shape
        summed = np.cumsum(raw.reshape(rows, -1, deep), axis=1, dtype=np.uint8).reshape(rows, kind.itemsize, -1)
        return np.ascontiguousarray(summed.transpose(0, 2, 1)).view(kind.newbyteorder(">")).reshape(shape)
    raise ValueError(f"unknown predictor {predictor}")


def _read_with_pillow(data: bytes, tags: dict[int, tuple[int, ...]], path: str | os.PathLike[str]) -> Tiff:
    """8 and 16 bit files of any compression Pillow knows. Of 16-bit colour it keeps the high byte: the low one is asked for too."""
    import numpy as np
    import PIL.Image

    def opened(order: str = "") -> PIL.Image.Image:
        picture = PIL.Image.open(io.BytesIO(data), formats=["TIFF"])
        if order:
            rawmode = f"{picture.mode};16{order}"
            picture.tile = [tile._replace(args=(rawmode, *tile.args[1:])) for tile in picture.tile]  # type: ignore[index]
        picture.load()
        return picture

    if _type(tags) == "u2":
        picture = opened()
        if picture.mode.startswith("I;16"):
            return Tiff(np.array(picture).astype(np.uint16)[..., None], False)
        if picture.mode not in ("RGB", "RGBA") or tags.get(_PLANAR, (1,))[0] != 1 or tags.get(_EXTRA, (2,))[0] != _UNASSOCIATED:
            raise FrameError(f"{path}: this 16-bit TIFF cannot be read exactly: save it with ZIP compression or as EXR")
        # Pillow's decoder hands over samples in this machine's order where it decompresses.
        high, low = (np.array(opened(order)) for order in "LB")
        return Tiff(high.astype(np.uint16) << 8 | low, False)
    picture = opened()
    grey = picture.mode in ("1", "L", "LA")
    mode = ("LA" if picture.mode == "LA" else "L") if grey else ("RGBA" if picture.has_transparency_data else "RGB")
    samples = np.array(picture if picture.mode == mode else picture.convert(mode))
    return Tiff(samples[..., None] if samples.ndim == 2 else samples, False)


def write_tiff(path: str | os.PathLike[str], samples: np.ndarray, *, premultiplied: bool = False) -> None:
    """Write `[H, W, C]` uint8, uint16, float16 or float32 samples, deflated; C as in `read_tiff`.

    `premultiplied` says so of colour with alpha. Files beyond 4 GB are refused with FrameError.
    """
    import numpy as np
    from isal import isal_zlib

    height, width, count = samples.shape
    integer = samples.dtype.kind == "u"
    rows = max(1, (1 << 18) // max(1, width * count * samples.itemsize))
    strips = []
    for y in range(0, height, rows):
        block = np.ascontiguousarray(samples[y : y + rows].astype(samples.dtype.newbyteorder("<"), copy=False))
        if integer:
            block = block.copy()
            block[:, 1:] -= samples[y : y + rows, :-1]
        strips.append(isal_zlib.compress(block, 1))
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
    write_bytes(path, struct.pack("<2sHI", b"II", 42, start) + body + _directory(tags, start))


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
