"""Reads PSD files of any program with psd-tools: layers with their names and positions, and the merged picture."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError, RotoError
from rotonodes.extras import load_library
from rotonodes.io.files import read_bytes
from rotonodes.io.limits import check_size
from rotonodes.io.psd import BLEND_KEYS, MAGIC, Blend, PsdLayer, flatten, is_whole
from rotonodes.values.pixels import Box

if TYPE_CHECKING:
    import numpy as np

# Returns the coverage of each pixel of a box, 0 to 1, float32 `[H, W]`.
_BLENDS: dict[bytes, Blend] = {key: blend for blend, key in BLEND_KEYS.items()}
Cover = Callable[[Box], "np.ndarray"]

_one_at_a_time = threading.Lock()  # warning filters are set for the whole process


@dataclass(frozen=True, eq=False)
class Psd:
    """The contents of a file: layers from the bottom up, and the merged picture as straight samples `[H, W, 4]` uint8 or uint16.

    `size` is (width, height), `depth` the bits of a sample. Layers are `PsdLayer`s whose alpha is cut by their mask and its density, by
    the masks of their groups, and by the layer they are clipped to. Groups are part of layer names; adjustment layers are left out.
    """

    layers: tuple[PsdLayer, ...]
    merged: np.ndarray
    size: tuple[int, int]
    depth: int


def read_psd(path: str | os.PathLike[str]) -> Psd:
    """All layers of an RGB or grey PSD or PSB with 8 or 16 bits.

    Raises FrameError when it is missing, damaged, has no layers, or is of another kind; UsageError when psd-tools is not installed.
    """
    import io

    psd_tools = _psd_tools()
    data = read_bytes(path)
    if not data.startswith(MAGIC):
        raise FrameError(f"{path}: not a PSD file")
    if not is_whole(io.BytesIO(data)):
        raise FrameError(f"{path}: damaged PSD: it ends after {len(data)} bytes, before its picture does; save it again")
    with _one_at_a_time, warnings.catch_warnings():
        damaged = getattr(psd_tools.compression, "PSDDecompressionWarning", None)
        if damaged:  # psd-tools would continue with black; older releases raise an error
            warnings.simplefilter("error", damaged)
        try:
            document = psd_tools.PSDImage.open(io.BytesIO(data))
            mode, depth = document.color_mode.name, int(document.depth)
            if mode not in ("RGB", "GRAYSCALE") or depth not in (8, 16):
                raise FrameError(
                    f"{path}: a {mode} file with {depth} bits: convert it to RGB with 8 or 16 bits in the program that made it"
                )
            for part in (document, *document.descendants()):  # before anything is decoded
                check_size(path, int(part.width), int(part.height))
            layers = tuple(_layers(document, depth))
            merged = _codes(document.numpy(), depth) if document.has_preview() else None
        except RotoError:
            raise
        except Exception as error:  # psd-tools has no error of its own for what it cannot read
            why = " ".join(str(error).split()) or type(error).__name__
            raise FrameError(f"{path}: damaged PSD: {why.lower()[:200]}; save it again") from error
    if not layers:
        raise FrameError(f"{path}: a PSD without layers: save it with its layers, or load it as a picture saved as PNG")
    size = (int(document.width), int(document.height))
    return Psd(layers, flatten(layers, size, 8 if depth == 8 else 16) if merged is None else merged, size, depth)


def _psd_tools() -> Any:
    psd_tools = load_library("psd_tools", "reading PSD")
    logging.getLogger("psd_tools").setLevel(logging.ERROR)  # warnings that matter are raised as errors here
    return psd_tools


def _layers(group: Any, depth: int, before: str = "", within: Sequence[Cover] = (), opacity: float = 1.0) -> Iterator[PsdLayer]:
    """The layers with pixels in a document or group and its subgroups, from the bottom up.

    A layer's alpha is multiplied by its mask, by the masks of its groups (`within`), and by the coverage of the layer it is clipped
    to. `opacity` is that of the groups around it.
    """
    base: Cover | None = None  # coverage of the layer that the layers above may be clipped to
    for layer in group:
        name = before + str(layer.name)
        clipped = bool(getattr(layer, "clipping", False) or getattr(layer, "clipping_layer", False))
        cuts = [*within, *([base] if clipped and base else [])]
        if layer.is_group():
            masked = [*cuts, *_mask_of(layer)]
            inner = tuple(_layers(layer, depth, name + "/", masked, opacity * layer.opacity / 255))
            yield from inner
            base = base if clipped else _cover_of(inner)
            continue
        color = layer.numpy("color") if layer.has_pixels() and layer.width and layer.height else None
        if color is None and layer.kind != "pixel":
            continue
        samples = _with_alpha(layer, color, depth, [*cuts, *_mask_of(layer)])
        origin, visible = (int(layer.left), int(layer.top)), bool(layer.is_visible())
        blend = _BLENDS.get(getattr(getattr(layer, "blend_mode", None), "value", b""), "normal")
        found = PsdLayer(name, samples, origin, opacity * layer.opacity / 255, visible, blend)
        yield found
        base = base if clipped else _cover_of((found,))


def _with_alpha(layer: Any, color: Any, depth: int, cuts: Sequence[Cover]) -> np.ndarray:
    """Samples `[H, W, 4]` of a layer with its alpha multiplied by all `cuts`; empty for a layer without pixels."""
    import numpy as np

    if color is None:
        return np.zeros((0, 0, 4), np.uint8 if depth == 8 else np.uint16)
    alpha = layer.numpy("shape")
    alpha = np.ones_like(color[..., :1]) if alpha is None else alpha
    box = Box(int(layer.left), int(layer.top), int(layer.left) + alpha.shape[1], int(layer.top) + alpha.shape[0])
    for cut in cuts:
        alpha = alpha * cut(box)[..., None]
    return _codes(np.concatenate([color, alpha], axis=2), depth)


def _mask_of(layer: Any) -> Iterator[Cover]:
    """The mask of a layer or group, if it has one that is enabled; a density below 100 % lets the masked part show through."""
    mask = layer.mask
    if mask is None or mask.disabled:
        return
    density = getattr(mask.parameters, "user_mask_density", None) if mask.parameters else None
    strength = 1.0 if density is None else density / 255
    plane, outside = layer.numpy("mask"), mask.background_color / 255
    box = Box(int(mask.left), int(mask.top), int(mask.right), int(mask.bottom))

    def cover(wanted: Box) -> np.ndarray:
        return 1 - strength * (1 - _placed(None if plane is None else plane[..., 0], box, wanted, outside))

    yield cover


def _cover_of(layers: Sequence[PsdLayer]) -> Cover:
    """The combined coverage of some layers; of hidden layers only when all of them are hidden."""
    import numpy as np

    shown = [layer for layer in layers if layer.visible] or layers

    def cover(wanted: Box) -> np.ndarray:
        left = np.ones((wanted.height, wanted.width), np.float32)
        for layer in shown:
            (x, y), (height, width) = layer.origin, layer.samples.shape[:2]
            alpha = layer.samples[..., 3] / np.float32(np.iinfo(layer.samples.dtype).max)
            left *= 1 - _placed(alpha, Box(x, y, x + width, y + height), wanted, 0.0)
        return 1 - left

    return cover


def _placed(plane: np.ndarray | None, box: Box, wanted: Box, outside: float) -> np.ndarray:
    """A plane `[H, W]` that lies on `box`, moved to the box `wanted`, with the value `outside` where it has no pixels."""
    import numpy as np

    out = np.full((wanted.height, wanted.width), outside, np.float32)
    both = box.intersect(wanted)
    if plane is not None and both.width and both.height:
        part = plane[both.top - box.top : both.bottom - box.top, both.left - box.left : both.right - box.left]
        rows, columns = slice(both.top - wanted.top, both.bottom - wanted.top), slice(both.left - wanted.left, both.right - wanted.left)
        out[rows, columns] = part
    return out


def _codes(values: Any, depth: int) -> np.ndarray:
    """0 to 1 `[H, W, C]`, grey or RGB with or without alpha, as RGBA samples."""
    import numpy as np

    planes = [values[..., index] for index in range(values.shape[2])]
    if len(planes) < 3:
        planes = [planes[0]] * 3 + planes[1:]
    planes = planes[:4] if len(planes) >= 4 else [*planes, np.ones_like(planes[0])]
    top = (1 << depth) - 1
    return np.rint(np.stack(planes, axis=2).clip(0, 1) * top).astype(np.uint8 if depth == 8 else np.uint16)
