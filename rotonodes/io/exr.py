"""OpenEXR: reads every channel of single- and multi-part files under its full name, and writes layers bit for bit."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.exr_decode import decode_parts
from rotonodes.io.exr_header import Header, attribute_value, read_headers
from rotonodes.io.files import atomic_write
from rotonodes.io.seal import seal, with_seal, without_seal
from rotonodes.values.pixels import Box, Encoded, Image, Layers, Matte, cut

if TYPE_CHECKING:
    import numpy as np
    import OpenEXR

Depth = Literal["half", "float"]
Compression = Literal["zip", "zips", "piz", "none", "rle", "dwaa"]
KEY = "rotonodes:key"

# Attributes that describe the file, not the shot.
_STRUCTURE = {
    *("channels", "compression", "dataWindow", "displayWindow", "lineOrder", "name", "type", "version", "chunkCount", "tiles"),
    *("screenWindowCenter", "screenWindowWidth", "dwaCompressionLevel", "maxSamplesPerPixel", KEY),
}
# Attributes needed to interpret the pixels. All others are dropped: they may name users, hosts and folders.
_KEPT = ("cryptomatte/", "exr/cryptomatte/", "multiView", "pixelAspectRatio", "framesPerSecond", "chromaticities", "colorInteropID")

_SHORT = {"RED": "R", "GREEN": "G", "BLUE": "B", "ALPHA": "A"}
_SAMPLE_TYPES = ("uint32", "float16", "float32")  # by the number of a channel's type
_VIEWED_FIRST = ("COMBINED", "RGBA", "RGB", "BEAUTY", "C")


def read_layers(path: str | os.PathLike[str]) -> Layers:
    """Every channel of the file under its full name, as stored (half stays float16, float float32, uint uint32).

    A single-part file's names are taken as they are; a part's name goes before its channels' names unless they carry it
    already, so that `ViewLayer.Combined.R` has the same name in both. Parts whose data windows differ are laid on their union,
    zero where they have no pixels. `box` is the data window, relative to the top left of the display window. `metadata` holds the
    attributes of all parts; where parts differ, the first part wins. Raises FrameError for damaged and deep files.
    """
    headers = read_headers(path)
    return _as_layers(path, headers, decode_parts(path, headers))


def _as_layers(path: str | os.PathLike[str], headers: Sequence[Header], decoded: Sequence[dict[str, np.ndarray]]) -> Layers:
    """The channels of all parts as one."""
    box = _union(headers)
    planes: dict[str, np.ndarray] = {}
    parts: dict[str, str] = {}
    views: dict[str, str] = {}
    for header, channels in zip(headers, decoded, strict=True):
        for channel in sorted(channels):
            name = full_name(header.name, channel) if header.multipart else channel
            if name not in planes:
                planes[name] = _laid_on(channels[channel], header.data_window, box)
                if header.multipart:
                    parts[name] = header.name
                    view = attribute_value(*header.attributes["view"]) if "view" in header.attributes else None
                    views |= {name: view} if isinstance(view, str) and view else {}
    frame = headers[0].display_window
    seen = Box(box.left - frame.left, box.top - frame.top, box.right - frame.left, box.bottom - frame.top)
    return Layers(planes, seen, (frame.width, frame.height), _attributes(headers), parts, str(path), views)


def _union(headers: Sequence[Header]) -> Box:
    box = headers[0].data_window
    for header in headers[1:]:
        box = box.union(header.data_window)
    return box


def read_image(path: str | os.PathLike[str]) -> Image:
    """The picture a viewer shows of an EXR file (see `viewed_channels`), values as stored; errors as in `read_layers`."""
    return layers_image(read_layers(path))


def layers_image(layers: Layers) -> Image:
    """The picture a viewer shows of a multipass frame, float32; half values are exact."""
    import numpy as np
    import torch

    planes = viewed_layers(layers).planes
    channels, stack = tuple(planes), np.stack(list(planes.values()))
    if stack.dtype not in (np.float16, np.float32):
        stack = stack.astype(np.float32)
    data = torch.from_numpy(stack.astype(np.float32, copy=False))
    encoded = Encoded(stack.transpose(1, 2, 0), "linear")
    return Image(data, channels, (layers.box.left, layers.box.top), layers.size, layers.metadata, encoded)


def viewed_layers(layers: Layers) -> Layers:
    """The channels of `layers_image` under their short names, as stored."""
    import numpy as np

    names = viewed_channels(tuple(layers.planes))
    channels = tuple(_short(name) for name in names)
    planes = [layers.planes[name] for name in names]
    if len({"R", "G", "B"} & {*channels}) == 2:  # what is not there is black
        given = dict(zip(channels, planes, strict=True))
        channels = ("R", "G", "B", "A") if "A" in given else ("R", "G", "B")
        planes = [given.get(channel, np.zeros_like(planes[0])) for channel in channels]
    elif channels[0] not in ("R", "Y"):
        channels = ("Y", *channels[1:])
    return replace(layers, planes=dict(zip(channels, planes, strict=True)))


def read_key(path: str | os.PathLike[str]) -> str | None:
    """The key stored in a complete EXR file; None when the file is missing, truncated, or was not written by rotonodes."""
    try:
        attributes = read_headers(path)[0].attributes
    except FrameError:
        return None
    value = attribute_value(*attributes[KEY]) if KEY in attributes else None
    return without_seal(value) if isinstance(value, str) else None


def full_name(part: str, channel: str) -> str:
    """A channel's full name in a multi-part file: the part, then the channel, without repeating words.

    Some renderers repeat the part's name in the channel's (`ViewLayer.Depth` holds `ViewLayer.Depth.Z`), others its end
    (`Depth.Z`) or nothing of it (`Z`).
    """
    if not part or channel.startswith(f"{part}."):
        return channel
    layer, dot, last = channel.rpartition(".")
    if dot and (part == layer or part.endswith(f".{layer}")):
        return f"{part}.{last}"
    return f"{part}.{channel}"


def viewed_channels(names: Sequence[str]) -> tuple[str, ...]:
    """The channels of the picture a viewer shows, in the order R G B A or Y A; without those of R, G, B that are not there.

    RGBA or grey without a layer name; else those of the layer Combined, rgba, rgb, beauty or C; else of the first layer
    with R, G, B that is not a Cryptomatte; else of the first with some of R, G, B; else the first channel that is not alpha, alone.
    """
    by_layer: dict[str, dict[str, str]] = {}
    for name in names:
        by_layer.setdefault(name.rpartition(".")[0], {}).setdefault(_short(name), name)

    def rank(layer: str) -> int:
        word = layer.rpartition(".")[2].upper()
        if word in _VIEWED_FIRST:
            return 1 + _VIEWED_FIRST.index(word)
        return 99 if "CRYPTO" in word else 50

    layers = sorted(by_layer, key=lambda layer: rank(layer) if layer else 0)
    for layer in layers:
        short = by_layer[layer]
        for wanted in (("R", "G", "B"), ("Y",)) if layer == "" else (("R", "G", "B"),):
            if all(channel in short for channel in wanted):
                return tuple(short[channel] for channel in (*wanted, "A") if channel in short)
    for layer in layers:
        some = [channel for channel in ("R", "G", "B", "A") if channel in by_layer[layer]]
        if {*some} - {"A"}:
            return tuple(by_layer[layer][channel] for channel in some)
    return tuple([name for name in names if _short(name) != "A"][:1] or names[:1])


def _short(name: str) -> str:
    word = name.rpartition(".")[2].upper()
    return _SHORT.get(word, word)


def _attributes(headers: Sequence[Header]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for header in headers:
        for name, (kind, value) in header.attributes.items():
            known = None if name in _STRUCTURE else attribute_value(kind, value)
            if known is not None:
                merged.setdefault(name, known)
    return merged


def _laid_on(plane: np.ndarray, box: Box, wanted: Box) -> np.ndarray:
    import numpy as np

    if box == wanted:
        return plane
    out = np.zeros((wanted.height, wanted.width), plane.dtype)
    out[box.top - wanted.top : box.bottom - wanted.top, box.left - wanted.left : box.right - wanted.left] = plane
    return out


def write_exr(
    path: str | os.PathLike[str],
    picture: Image | Matte,
    layers: Mapping[str, Image | Matte] | None = None,
    *,
    depth: Depth = "half",
    compression: Compression = "zip",
    key: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write a picture's channels under their own names (R G B A, a matte as Y), and each layer's as `name.R` and so on.

    Values are written as they are; beyond half's 65504 they become infinite. The frame becomes the display window, the
    union of all data windows the data window, zero where a layer has no pixels. `key` and `metadata` (texts, numbers)
    become header attributes. Raises UsageError for layers of another frame size, and what `atomic_write` raises.
    """
    everything = {"": picture, **(layers or {})}
    for name, layer in everything.items():
        if _size(layer) != _size(picture):
            raise UsageError(f"{path}: layer {name!r} is {_times(layer)}, the picture {_times(picture)}: reformat one of them")
    boxes = [_box(layer) for layer in everything.values()]
    box = boxes[0]
    for other in boxes[1:]:
        box = box.union(other)
    if not (box.width and box.height):
        box = Box(0, 0, 1, 1)  # an EXR has at least one pixel
    planes = {}
    for name, layer in everything.items():
        for channel, plane in _planes(layer, box, depth).items():
            planes[f"{name}.{channel}" if name else channel] = plane
    _write(path, planes, box, _size(picture), compression, key, {**_kept(picture), **(metadata or {})})


def write_layers(
    path: str | os.PathLike[str],
    layers: Layers,
    *,
    compression: Compression = "zip",
    key: str | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Write every plane under its full name and in its own type (half, float, uint), bit for bit unless `dwaa` is asked for.

    Of the header only what the pixels need is kept (Cryptomatte manifests, views, pixel aspect); `metadata` adds to it.
    """
    import numpy as np

    planes = {name: np.ascontiguousarray(plane) for name, plane in layers.planes.items()}
    _write(path, planes, layers.box, layers.size, compression, key, {**_kept(layers), **(metadata or {})})


def _size(layer: Image | Matte) -> tuple[int, int]:
    return layer.width, layer.height


def _times(layer: Image | Matte) -> str:
    return f"{layer.width} x {layer.height}"


def _box(layer: Image | Matte) -> Box:
    return layer.box if isinstance(layer, Image) else Box(0, 0, *layer.size)


def _planes(layer: Image | Matte, box: Box, depth: Depth) -> dict[str, np.ndarray]:
    """Each channel `[H, W]` on the data window, in the type of the file."""
    import numpy as np
    import torch

    wanted = np.float16 if depth == "half" else np.float32
    encoded = layer.encoded if isinstance(layer, Image) else None
    channels = layer.channels if isinstance(layer, Image) else ("Y",)
    if encoded and encoded.samples.dtype == wanted and encoded.colorspace != "srgb" and layer.box == box:  # type: ignore[union-attr]
        stack = encoded.samples.transpose(2, 0, 1)
    else:
        data = layer.to("cpu").data.detach().to(torch.float16 if depth == "half" else torch.float32)
        stack = cut(data, _box(layer), box).numpy()
    return {channel: np.ascontiguousarray(plane) for channel, plane in zip(channels, stack, strict=True)}


def _kept(value: Image | Matte | Layers) -> dict[str, Any]:
    found = {} if isinstance(value, Matte) else value.metadata
    kept = {name: entry for name, entry in found.items() if name.startswith(_KEPT)}
    # A manifest beside the picture is named by an absolute path in some renderers: it says where somebody works.
    places = {name: entry for name, entry in kept.items() if name.endswith("/manif_file") and isinstance(entry, str)}
    return kept | {name: re.split(r"[/\\]", entry)[-1] for name, entry in places.items() if re.match(r"[/\\~]|[A-Za-z]:", entry)}


def _write(
    path: str | os.PathLike[str],
    planes: Mapping[str, np.ndarray],
    box: Box,
    size: tuple[int, int],
    compression: Compression,
    key: str | None,
    metadata: Mapping[str, Any],
) -> None:
    import numpy as np
    import OpenEXR

    def corners(*edges: int) -> tuple[np.ndarray, np.ndarray]:
        left, top, right, bottom = edges
        return np.array([left, top], np.int32), np.array([right - 1, bottom - 1], np.int32)

    kept = {name: value for name, value in metadata.items() if _writable(name, value)}
    header: dict[str, Any] = {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}
    header["compression"] = getattr(OpenEXR, f"{compression.upper()}_COMPRESSION".replace("NONE_", "NO_"))
    header["type"] = OpenEXR.scanlineimage
    header["dataWindow"], header["displayWindow"] = corners(*box), corners(0, 0, *size)
    if key:
        header[KEY] = with_seal(key)
    # The library changes the dict it is given: this one is ours.
    file = OpenEXR.File(header, dict(planes))
    with atomic_write(path) as hidden:
        _save(file, hidden)
        if key:
            seal(hidden)


def _writable(name: str, value: Any) -> bool:
    texts = isinstance(value, tuple | list) and len(value) > 0 and all(isinstance(word, str) for word in value)
    return name not in _STRUCTURE and (isinstance(value, str | int | float) or texts)


def _save(file: OpenEXR.File, hidden: Path) -> None:
    """Write, giving the system's own error where the library only has words for it."""
    try:
        file.write(str(hidden))
    except RuntimeError as error:
        for code in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM, errno.ESTALE, errno.EIO):
            if os.strerror(code) in str(error):
                raise OSError(code, os.strerror(code)) from error
        raise FrameError(f"{hidden.parent}: cannot write EXR: {str(error).lower()}") from error
