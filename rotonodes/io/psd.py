"""PSD: named layers written for Photoshop and its kind, read back through psd-tools (Adobe Photoshop File Formats Specification, 2019).

The writer needs no library: header, resources, layers (8 bit: PackBits; 16 bit: deflated differences, as Photoshop does it), and the
merged picture that programs without layers show. Layers are given and read from the bottom up.
"""

from __future__ import annotations

import functools
import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape  # not xml.sax, which imports ssl
from itertools import takewhile
from typing import TYPE_CHECKING, BinaryIO, Literal

from rotonodes.errors import FrameError
from rotonodes.io.deflate import deflate
from rotonodes.io.files import write_bytes
from rotonodes.io.seal import seal_bytes, with_seal

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"8BPS"
LARGEST_SIDE = 30_000
MOST_LAYERS = 8_000
_RGB = 3  # the colour mode
_ALPHA = -1  # the id of a layer's transparency; red, green and blue are 0, 1 and 2
_RAW, _PACKBITS, _DIFFERENCES = 0, 1, 3
_ICC, _XMP = 1039, 1060
_OPEN_GROUP, _END_OF_GROUP = 1, 3
_HIDDEN = 2
_NAMESPACE = "urn:rotonodes:1"
Blend = Literal["normal", "multiply"]
BLEND_KEYS: dict[Blend, bytes] = {"normal": b"norm", "multiply": b"mul "}


@dataclass(frozen=True, eq=False)
class PsdLayer:
    """One layer: straight sRGB colour and alpha, as stored.

    `name` may have the groups it lies in before it (`body/arm`). `samples` is uint8 or uint16 `[H, W, 4]`, its top left pixel at
    `origin` = (x, y) of the frame, outside of which it may reach. `opacity` is 0 to 1. `visible` is False for a layer that is
    switched off. `blend` is how its colour meets what lies below.
    """

    name: str
    samples: np.ndarray
    origin: tuple[int, int] = (0, 0)
    opacity: float = 1.0
    visible: bool = True
    blend: Blend = "normal"

    @property
    def opacity_code(self) -> int:
        """The opacity as the file holds it, 0 to 255."""
        return int(self.opacity * 255 + 0.5)

    def inside(self, size: tuple[int, int]) -> tuple[slice, slice, np.ndarray]:
        """Rows and columns of a frame of `size` = (width, height) that the layer covers, and its samples there."""
        (x, y), (height, width) = self.origin, self.samples.shape[:2]
        left, top, right, bottom = max(x, 0), max(y, 0), min(x + width, size[0]), min(y + height, size[1])
        cut = self.samples[max(top - y, 0) : max(bottom - y, 0), max(left - x, 0) : max(right - x, 0)]
        return slice(top, max(top, bottom)), slice(left, max(left, right)), cut


def flatten(layers: Sequence[PsdLayer], size: tuple[int, int], depth: Literal[8, 16] = 8) -> np.ndarray:
    """The layers composited in order, each over those before it: straight samples `[H, W, 4]` in the encoding of the file.

    Photoshop mixes colours as they are stored, not as light: C = a Ca + (1 - a) b Cb, divided by its alpha a + (1 - a) b. A layer that
    multiplies has Ca ((1 - b) + b Cb) in place of Ca.
    """
    import numpy as np

    width, height = size
    top = (1 << depth) - 1
    shown = np.zeros((height, width, 4), np.float32)  # premultiplied, 0 to 1
    for layer in layers:
        if not layer.visible:
            continue
        rows, columns, samples = layer.inside(size)
        alpha = samples[..., 3:].astype(np.float32) * np.float32(layer.opacity_code / 255 / top)
        place = shown[rows, columns]
        color = samples[..., :3] * np.float32(1 / top)
        if layer.blend == "multiply":
            color = color * (1 - place[..., 3:] + place[..., :3])
        place *= 1 - alpha
        place[..., :3] += alpha * color
        place[..., 3:] += alpha
    alpha = shown[..., 3:]
    np.divide(shown[..., :3], alpha, out=shown[..., :3], where=alpha > 0)
    return (shown.clip(0, 1) * top + 0.5).astype(np.uint8 if depth == 8 else np.uint16)


def trimmed(layer: PsdLayer) -> PsdLayer:
    """The layer cropped to its non-transparent pixels; an empty layer gets no pixels at all."""
    from dataclasses import replace

    there = layer.samples[..., 3] != 0
    rows, columns = there.any(1).nonzero()[0], there.any(0).nonzero()[0]
    if not len(rows):
        return replace(layer, samples=layer.samples[:0, :0], origin=(0, 0))
    left, top = int(columns[0]), int(rows[0])
    origin = (layer.origin[0] + left, layer.origin[1] + top)
    return replace(layer, samples=layer.samples[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1], origin=origin)


# Writing.


def write_psd(
    path: str | os.PathLike[str],
    layers: Sequence[PsdLayer],
    size: tuple[int, int],
    *,
    depth: Literal[8, 16] = 8,
    srgb: bool = True,
    key: str | None = None,
) -> None:
    """Write layers, the bottom one first, of a frame of `size` = (width, height), atomically.

    Samples are uint8 with depth 8, uint16 with 16. Layers are trimmed; neighbours that name the same group lie in it together.
    `srgb` puts an sRGB profile into the file. Raises FrameError for what PSD cannot hold, and what `atomic_write` raises.
    """
    if max(size) > LARGEST_SIDE:
        raise FrameError(f"{path}: {size[0]} x {size[1]} is too large for PSD, which ends at {LARGEST_SIDE} pixels: write EXR")
    if len(layers) > MOST_LAYERS:
        raise FrameError(f"{path}: {len(layers)} layers are too many for PSD, which holds {MOST_LAYERS}")
    (width, height), kept = size, [trimmed(layer) for layer in layers]
    header = struct.pack(">4sH6xHIIHH", MAGIC, 1, 4, height, width, depth, _RGB)
    resources = (_resource(_ICC, _srgb_profile()) if srgb else b"") + _resource(_XMP, _xmp(with_seal(key) if key else ""))
    body = header + _sized(b"") + _sized(resources) + _sized(_layers(kept, depth)) + _merged(flatten(kept, size, depth), depth)
    if len(body) >= 1 << 31:
        raise FrameError(f"{path}: the layers take more than the 2 GB that PSD can hold: write EXR, or fewer layers")
    write_bytes(path, seal_bytes(body))


def _sized(data: bytes, unit: int = 1) -> bytes:
    """A block behind its length, which is filled up to a multiple of `unit`."""
    data += b"\0" * (-len(data) % unit)
    return struct.pack(">I", len(data)) + data


def _resource(number: int, data: bytes) -> bytes:
    return struct.pack(">4sHH", b"8BIM", number, 0) + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)


@functools.cache
def _srgb_profile() -> bytes:
    import PIL.ImageCms

    profile = bytearray(PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = struct.pack(">6H", 2020, 1, 1, 0, 0, 0)  # its creation date: the same file must have the same bytes tomorrow
    return bytes(profile)


def _xmp(key: str) -> bytes:
    """Adobe's metadata packet, which holds the key."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
        f'xmlns:rotonodes="{_NAMESPACE}" rotonodes:key="{escape(key)}"/></rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def _layers(layers: Sequence[PsdLayer], depth: Literal[8, 16]) -> bytes:
    """The section of layers and masks. 16-bit layers lie in a block of their own behind an empty list."""
    records, planes, open_groups = b"", [], list[str]()
    count = 0
    for layer, groups in _with_groups(layers):
        same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(groups, open_groups, strict=False))))
        for name in reversed(open_groups[same:]):  # which lies above its layers, as in the panel
            records, count = records + _group_record(name, _OPEN_GROUP), count + 1
        for _ in groups[same:]:
            records, count = records + _group_record("</Layer group>", _END_OF_GROUP), count + 1
        planes += [b"\0\0" * 4] * (len(open_groups) + len(groups) - 2 * same)
        open_groups = groups
        if layer is not None:
            data = [_channel(layer.samples[..., index], depth) for index in (3, 0, 1, 2)]
            records, count = records + _record(layer, [len(plane) for plane in data]), count + 1
            planes.append(b"".join(data))
    # A count below zero says that the merged picture's fourth channel is its transparency.
    body = struct.pack(">h", -count) + records + b"".join(planes)
    if depth == 8:
        return _sized(body, 4) + _sized(b"")
    return _sized(b"") + _sized(b"") + b"8BIMMt16" + _sized(b"") + b"8BIMLr16" + _sized(body, 4)


def _with_groups(layers: Sequence[PsdLayer]) -> Iterator[tuple[PsdLayer | None, list[str]]]:
    """Each layer with its own name alone, and the groups it lies in; then None, for the groups that are still open."""
    from dataclasses import replace

    for layer in layers:
        *groups, name = layer.name.split("/")
        yield replace(layer, name=name), groups
    yield None, []


def _record(layer: PsdLayer, lengths: Sequence[int]) -> bytes:
    (x, y), (height, width) = layer.origin, layer.samples.shape[:2]
    ids = zip((_ALPHA, 0, 1, 2), lengths, strict=True)
    head = struct.pack(">4iH", y, x, y + height, x + width, len(lengths)) + b"".join(struct.pack(">hI", *pair) for pair in ids)
    look = struct.pack(">8sBBBx", b"8BIM" + BLEND_KEYS[layer.blend], layer.opacity_code, 0, 0 if layer.visible else _HIDDEN)
    return head + look + _sized(_names(layer.name))


def _group_record(name: str, kind: int) -> bytes:
    """The record of a layer without pixels that begins or ends a group."""
    head = struct.pack(">16xH", 4) + b"".join(struct.pack(">hI", channel, 2) for channel in (_ALPHA, 0, 1, 2))
    mode = b"8BIMpass" if kind == _OPEN_GROUP else b"8BIMnorm"
    look = mode + struct.pack(">BBBx", 255, 0, 8 | 16)  # its pixels mean nothing
    divider = b"8BIMlsct" + _sized(struct.pack(">I", kind) + (mode if kind == _OPEN_GROUP else b""))
    return head + look + _sized(_names(name) + divider)


def _names(name: str) -> bytes:
    """The end of a layer record: no mask, no blending ranges, the name in Mac Roman and in Unicode."""
    short = name.encode("mac-roman", "replace")[:255]
    pascal = bytes([len(short)]) + short
    wide = name.encode("utf-16-be", "replace")
    unicode = struct.pack(">I", len(wide) // 2) + wide
    return _sized(b"") + _sized(b"") + pascal + b"\0" * (-len(pascal) % 4) + b"8BIMluni" + _sized(unicode, 4)


def _channel(plane: np.ndarray, depth: Literal[8, 16]) -> bytes:
    """One plane `[H, W]` of a layer, compressed, behind the number of its compression."""
    import numpy as np

    if not plane.size:
        return b"\0\0"
    if depth == 8:
        counts, data = pack_bits(plane)
        return struct.pack(">H", _PACKBITS) + counts.astype(">u2").tobytes() + data
    differences = plane.copy()
    differences[:, 1:] -= plane[:, :-1]
    return struct.pack(">H", _DIFFERENCES) + deflate(np.ascontiguousarray(differences, ">u2"))


def _merged(samples: np.ndarray, depth: Literal[8, 16]) -> bytes:
    """The merged picture: its colour stands on white, as Photoshop writes it, beside its transparency."""
    import numpy as np

    top = np.float32((1 << depth) - 1)
    alpha = samples[..., 3:] / top
    color = samples[..., :3] * alpha + top * (1 - alpha)
    whole = np.concatenate([np.floor(color + np.float32(0.5)).astype(samples.dtype), samples[..., 3:]], axis=2)
    planes = np.ascontiguousarray(whole.transpose(2, 0, 1), f">u{depth // 8}").view(np.uint8)
    packed = [pack_bits(plane) for plane in planes]
    counts = np.concatenate([counts for counts, _ in packed]).astype(">u2")
    return struct.pack(">H", _PACKBITS) + counts.tobytes() + b"".join(data for _, data in packed)


def pack_bits(plane: np.ndarray) -> tuple[np.ndarray, bytes]:
    """uint8 `[H, W]` packed row by row (PackBits): the packed length of each row, and all packed bytes.

    A run of three to 128 equal bytes is a packet of 257 - length and the byte; what lies between them goes as packets of
    length - 1 and up to 128 bytes as they are. All packets of a plane are found at once, by where its runs begin.
    """
    import numpy as np

    height, width = plane.shape
    flat = np.ascontiguousarray(plane).ravel()
    if not flat.size:
        return np.zeros(height, np.int64), b""
    rows = np.zeros(flat.shape, bool)
    rows[::width] = True
    begins = rows.copy()
    begins[1:] |= flat[1:] != flat[:-1]
    starts = np.flatnonzero(begins)
    repeats = np.diff(starts, append=flat.size) >= 3
    # A packet begins at each repeat, and where other bytes follow one or begin a row.
    firsts = repeats | rows[starts]
    firsts[1:] |= repeats[:-1]
    starts, repeats = starts[firsts], repeats[firsts]
    lengths = np.diff(starts, append=flat.size)
    if lengths.max() > 128:
        pieces = -(-lengths // 128)
        of = np.repeat(np.arange(len(starts)), pieces)
        within = 128 * (np.arange(len(of)) - np.repeat(np.cumsum(pieces) - pieces, pieces))
        starts, lengths, repeats = starts[of] + within, np.minimum(lengths[of] - within, 128), repeats[of]
    payload = np.where(repeats, 1, lengths)
    counts = np.bincount(starts // width, weights=payload + 1, minlength=height).astype(np.int64)
    kinds, sizes = np.zeros((len(starts), 2), np.uint8), np.ones((len(starts), 2), np.int64)
    kinds[:, 1], sizes[:, 1] = np.where(repeats, 1, 2), payload
    places = np.repeat(kinds.ravel(), sizes.ravel())  # of each packed byte: 0 a packet's length, 1 a repeated byte, 2 others
    packed = np.empty(places.shape, np.uint8)
    packed[places == 0] = np.where(repeats, 257 - lengths, lengths - 1)  # 256, the end of a run alone, is 0: one byte as it is
    packed[places == 1] = flat[starts[repeats]]
    packed[places == 2] = flat[np.repeat(~repeats, lengths)]
    return counts, packed.tobytes()


def read_key(path: str | os.PathLike[str]) -> str | None:
    """The key of a PSD that rotonodes wrote; None when it is missing, incomplete, or from another program."""
    try:
        with open(path, "rb") as file:
            if not is_whole(file):
                return None
            file.seek(26)
            file.seek(struct.unpack(">I", file.read(4))[0], os.SEEK_CUR)
            resources = file.read(min(struct.unpack(">I", file.read(4))[0], _length(file)))
    except (OSError, struct.error):
        return None
    found = re.search(rb'xmlns:rotonodes="' + _NAMESPACE.encode() + rb'" rotonodes:key="([0-9A-Za-z:.-]+)[" ]', resources)
    return found[1].decode() if found else None


def _length(file: BinaryIO) -> int:
    """Bytes of a file: what it claims to hold is not read, let alone allocated, beyond that."""
    here = file.tell()
    length = file.seek(0, os.SEEK_END)
    file.seek(here)
    return length


def is_whole(file: BinaryIO) -> bool:
    """False for a PSD that ends before its merged picture does. A deflated PSD and a PSB are assumed to be complete."""
    try:
        magic, version, planes, height, width, depth = struct.unpack(">4sH6xHIIH2x", file.read(26))
        if magic != MAGIC or version != 1:
            return bool(magic == MAGIC)
        for _ in range(3):  # colours, resources, layers
            file.seek(struct.unpack(">I", file.read(4))[0], os.SEEK_CUR)
        (compression,) = struct.unpack(">H", file.read(2))
        if compression == _PACKBITS and 2 * planes * height > _length(file):
            return False
        rows = struct.unpack(f">{planes * height}H", file.read(2 * planes * height)) if compression == _PACKBITS else ()
        data = file.read()
    except struct.error:
        return False
    needed = sum(rows) if compression == _PACKBITS else planes * height * -(-width * depth // 8) if compression == _RAW else 0
    return len(data) >= needed
