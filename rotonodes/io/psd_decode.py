"""PSD files of any program, read through psd-tools: their layers with names and places, and the merged picture."""

from __future__ import annotations

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.files import read_bytes
from rotonodes.io.psd import MAGIC, PsdLayer, flatten, is_whole

if TYPE_CHECKING:
    import numpy as np

_one_at_a_time = threading.Lock()  # what a warning means is said for the whole process


@dataclass(frozen=True, eq=False)
class Psd:
    """What a file holds: its layers from the bottom up, and the merged picture, straight samples `[H, W, 4]` uint8 or uint16.

    `size` is (width, height), `depth` the bits of a sample. Layers are `PsdLayer`s whose alpha has their mask in it. Groups are in their
    names; adjustments, which have no pixels, are left out.
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
        if damaged:  # it would go on with black; older ones raise an error
            warnings.simplefilter("error", damaged)
        try:
            document = psd_tools.PSDImage.open(io.BytesIO(data))
            mode, depth = document.color_mode.name, int(document.depth)
            if mode not in ("RGB", "GRAYSCALE") or depth not in (8, 16):
                raise FrameError(
                    f"{path}: a {mode} file with {depth} bits: convert it to RGB with 8 or 16 bits in the program that made it"
                )
            layers = tuple(_layers(document, depth))
            merged = _codes(document.numpy(), depth) if document.has_preview() else None
        except FrameError:
            raise
        except Exception as error:  # psd-tools has no error of its own for what it cannot read
            why = " ".join(str(error).split()) or type(error).__name__
            raise FrameError(f"{path}: damaged PSD: {why.lower()[:200]}; save it again") from error
    if not layers:
        raise FrameError(f"{path}: a PSD without layers: save it with its layers, or load it as a picture saved as PNG")
    size = (int(document.width), int(document.height))
    return Psd(layers, flatten(layers, size, 8 if depth == 8 else 16) if merged is None else merged, size, depth)


def _psd_tools() -> Any:
    try:
        import psd_tools
    except ImportError:
        raise UsageError("reading PSD needs psd-tools, which is not installed: pip install 'rotonodes[psd]'") from None
    logging.getLogger("psd_tools").setLevel(logging.ERROR)  # what matters of its warnings becomes an error here
    return psd_tools


def _layers(group: Any, depth: int, before: str = "") -> Iterator[PsdLayer]:
    """The layers with pixels in a document or group, from the bottom up, groups walked into."""
    for layer in group:
        name = before + str(layer.name)
        if layer.is_group():
            yield from _layers(layer, depth, name + "/")
            continue
        color = layer.numpy("color") if layer.has_pixels() and layer.width and layer.height else None
        if color is None and layer.kind != "pixel":
            continue
        samples = _with_alpha(layer, color, depth)
        yield PsdLayer(name, samples, (int(layer.left), int(layer.top)), layer.opacity / 255, bool(layer.is_visible()))


def _with_alpha(layer: Any, color: Any, depth: int) -> np.ndarray:
    """Samples `[H, W, 4]` of a layer; a layer in which nothing is painted has none."""
    import numpy as np

    if color is None:
        return np.zeros((0, 0, 4), np.uint8 if depth == 8 else np.uint16)
    alpha = layer.numpy("shape")
    alpha = np.ones_like(color[..., :1]) if alpha is None else alpha
    mask = layer.mask
    if mask is not None and not mask.disabled:
        shown = np.full(alpha.shape, mask.background_color / 255, np.float32)
        plane, x, y = layer.numpy("mask"), mask.left - layer.left, mask.top - layer.top
        if plane is not None:
            rows, columns = slice(max(y, 0), max(y + plane.shape[0], 0)), slice(max(x, 0), max(x + plane.shape[1], 0))
            height, width = shown[rows, columns].shape[:2]
            shown[rows, columns] = plane[max(-y, 0) :, max(-x, 0) :][:height, :width]
        alpha = alpha * shown
    return _codes(np.concatenate([color, alpha], axis=2), depth)


def _codes(values: Any, depth: int) -> np.ndarray:
    """0 to 1 `[H, W, C]`, grey or RGB with or without alpha, as RGBA samples."""
    import numpy as np

    planes = [values[..., index] for index in range(values.shape[2])]
    if len(planes) < 3:
        planes = [planes[0]] * 3 + planes[1:]
    planes = planes[:4] if len(planes) >= 4 else [*planes, np.ones_like(planes[0])]
    top = (1 << depth) - 1
    return np.rint(np.stack(planes, axis=2).clip(0, 1) * top).astype(np.uint8 if depth == 8 else np.uint16)
