"""Mattes of the parts of a picture: from mask files, the layers of a PSD, channels, or a cryptomatte."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from rotonodes.errors import FrameError, UsageError, did_you_mean
from rotonodes.values.pixels import Labels, Layers
from rotonodes.values.tones import default_colors

if TYPE_CHECKING:
    from rotonodes.io.psd import PsdLayer


class PartMask(NamedTuple):
    """A part's matte, float32 `[H, W]`, and its source as messages name it."""

    plane: np.ndarray
    source: str


def read_mask(file: str) -> np.ndarray:
    """A mask file as a matte, float32 `[H, W]`, 0 to 1: its alpha, or its brightest colour channel where alpha is 1 everywhere."""
    from rotonodes.io.pictures import read_image

    image = read_image(file, "raw").on_frame()
    alpha = image.alpha
    plane = alpha[0] if alpha is not None and bool((alpha != 1).any()) else image.color.amax(0)
    found: np.ndarray = plane.clamp(0, 1).numpy()
    return found


def file_masks(files: Mapping[str, str], exists: Callable[[str], bool]) -> dict[str, PartMask]:
    """The masks of parts from one file each (part -> file, at least one of which `exists`); the others give empty masks."""
    found = {name: PartMask(read_mask(file), file) for name, file in files.items() if exists(file)}
    first = next(iter(found.values()))
    return {name: found.get(name) or PartMask(np.zeros_like(first.plane), file) for name, file in files.items()}


def psd_masks(layers: Sequence[PsdLayer], size: tuple[int, int], file: str, words: Mapping[str, str] | None) -> dict[str, PartMask]:
    """The mattes of a PSD's layers by name, or of the `words` asked for: a layer, a layer in any group, or a whole group.

    Layers of a group cover together 1 - (1 - a)(1 - b)... Raises FrameError for a name that several layers have.
    """
    found = {}
    for word in dict.fromkeys(words.values() if words is not None else (layer.name for layer in layers)):
        of = [layer for layer in layers if layer.name == word] or [layer for layer in layers if layer.name.endswith(f"/{word}")]
        if len(of) > 1:
            where = " and ".join(dict.fromkeys(layer.name for layer in of))
            raise FrameError(
                f"{file}: {len(of)} layers are called {word!r} ({where}): give each another name, or say in which group (group/{word})"
            )
        of = of or [layer for layer in layers if f"/{word}/" in f"/{layer.name}"]
        left = np.ones(size[::-1], np.float32)
        for layer in of:
            rows, columns, samples = layer.inside(size)
            left[rows, columns] *= 1 - samples[..., 3] / np.float32(np.iinfo(samples.dtype).max)
        if of:
            found[word] = PartMask(1 - left, f"{file}: the layer {word!r}")
    return found


def channel_masks(layers: Layers, file: str, words: Sequence[str], kind: str, hidden: bool) -> dict[str, PartMask]:
    """The channels of a picture as mattes by name, or of the `words` asked for, which may also be names in its cryptomatte.

    Raises FrameError for a word that no name in the cryptomatte matches, unless parts may be `hidden`.
    """
    from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte

    names = [word for word in words if word in layers.planes] if words else list(layers.planes)
    planes = layers.image(names, tuple(names)).on_frame().data.clamp(0, 1).numpy() if names else ()
    found = {name: PartMask(plane, f"{file}: the channel {name!r}") for name, plane in zip(names, planes, strict=True)}
    if len(found) < len(words) and any("cryptomatte/" in key for key in layers.metadata):
        crypto = find_cryptomatte(layers, kind)
        for word in words:
            try:
                found[word] = found.get(word) or PartMask(
                    decode_matte(layers, crypto, word).data[0].numpy(), f"{file}: {word!r} of {crypto.name}"
                )
            except FrameError:
                if not hidden:
                    raise
    return found


def chosen_masks(
    found: Mapping[str, PartMask], words: Mapping[str, str], file: str, known: Sequence[str], hidden: bool
) -> dict[str, PartMask]:
    """Part -> mask, for masks found by the `words` of a file (part -> word; empty: all of them under their own words).

    Raises FrameError for a word that the file does not have, with all that it has (`known`); `hidden` parts are empty instead.
    """
    masks = {}
    for name, word in (words or dict(zip(found, found, strict=True))).items():
        if word in found:
            masks[name] = found[word]
        elif hidden and found:
            masks[name] = PartMask(np.zeros_like(next(iter(found.values())).plane), file)
        else:
            raise FrameError(f"{file}: it has no {word!r}{did_you_mean(word, known) or '; it has ' + ', '.join(known)}")
    return masks


def refuse_sizes(masks: Mapping[str, PartMask]) -> None:
    """Raises FrameError for masks of different sizes."""
    (first, *others) = masks.values()
    for mask in others:
        if mask.plane.shape != first.plane.shape:
            (height, width), (h, w) = first.plane.shape, mask.plane.shape
            raise FrameError(f"{mask.source}: the mask is {w} x {h}, but {first.source} is {width} x {height}: make them one size")


def refuse_empty(masks: Mapping[str, PartMask]) -> None:
    """Raises FrameError for an empty mask."""
    for name, mask in masks.items():
        if not mask.plane.any():
            raise FrameError(
                f"{mask.source}: an empty mask, nothing of {name!r} is in it: correct it, or set hidden: true where parts may be"
            )


def refuse_overlap(masks: Sequence[PartMask]) -> None:
    """Raises FrameError for the two masks that share the most pixels with a value of 0.5 or more in both."""
    solid = [mask.plane >= 0.5 for mask in masks]
    shared = np.sum(solid, axis=0) > 1
    if not shared.any():
        return
    pairs = [(int((solid[i] & solid[j]).sum()), i, j) for j in range(len(masks)) for i in range(j)]
    count, i, j = max(pairs, key=lambda pair: pair[0])
    y, x = np.argwhere(solid[i] & solid[j])[0].tolist()
    others = sum(1 for pair in pairs if pair[0]) - 1
    more = f"; {others} more pairs of masks do" if others else ""
    raise FrameError(
        f"{masks[i].source} and {masks[j].source} overlap in {count} pixel{'s' * (count > 1)} (first at x {x}, y {y}){more}: "
        "correct them, or set overlap: allow"
    )


def foremost_parts(planes: Mapping[str, Any]) -> Labels:
    """The foremost part of each pixel as labels: the last one whose matte is 0.5 or more; 0 is the background.

    Raises UsageError for more than 255 parts.
    """
    import torch

    names = ("background", *(name for name in planes if name != "background"))
    if len(names) > 256:
        raise UsageError(f"labels hold 255 parts, these are {len(names) - 1}: take `parts` instead, or name fewer")
    labels = np.zeros(next(iter(planes.values())).shape, np.uint8)
    for name, plane in planes.items():
        labels[plane >= 0.5] = names.index(name)
    return Labels(torch.from_numpy(labels), names, default_colors(len(names)))
