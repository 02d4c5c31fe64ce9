"""LoadParts: the parts of a picture, from one mask for each or from the layers of a PSD."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self

from pydantic import PrivateAttr, model_validator

from rotonodes.errors import FrameError, UsageError, did_you_mean
from rotonodes.io.folder import NAME, PART
from rotonodes.io.part_files import part_file, part_words
from rotonodes.node.asks import Frame, Prepared, Wanted
from rotonodes.node.base import OwnResults
from rotonodes.node.parameters import InputPath, param
from rotonodes.nodes.input.file_source import FileSource
from rotonodes.nodes.input.listed_pictures import ListedPictures
from rotonodes.nodes.input.load_frames import file_layers, is_exr
from rotonodes.values.frames import FilePattern, literal
from rotonodes.values.pixels import Box, Image, Labels, Layers
from rotonodes.values.tones import default_colors

if TYPE_CHECKING:
    import numpy as np

    from rotonodes.io.psd import PsdLayer


class Parts(NamedTuple):
    """One channel for each part under the part's name, 0 to 1; the parts as labels, 0 for none; and the picture they are parts of."""

    parts: Layers
    labels: Labels | None
    image: Image | None


class Mask(NamedTuple):
    """A part's matte, float32 `[H, W]`, and how messages call the place it came from."""

    plane: np.ndarray
    source: str


class LoadParts(FileSource, ListedPictures):
    """Read the parts of a shape, which may overlap.

    They come from a mask file for each part of each frame, or from files that hold all parts as layers or channels.

    `{part}` in the path stands for a part's name: `masks/{part}/frame.####.png` is a folder for each part, `masks/frame.####_{part}.png` a
    file. Where pictures have names instead of numbers, `pictures` says which they are (as LoadPictures does), and `*` stands for the
    name of each: `masks/*_{part}.png`. A mask's alpha counts, or its brightest colour where its alpha is 1 everywhere.
    A path without `{part}` is a PSD, whose layers are parts by their alpha and mask, switched off or not: `body/arm` is the
    layer `arm` in the group `body`, `body` all of that group. Or it is any other picture, whose channels are; of a render also the
    names in its cryptomatte, with wildcards: `parts: {hair: "hair*"}`.

    `labels` has the foremost part of each pixel, from a matte of 0.5 on; parts lie from back to front in the order of
    `parts`. `image` is the picture itself: one of `pictures`, what a PSD shows, or a render's.
    """

    path: InputPath = param(
        help="the files: a name with {part}, a PSD or another picture, with a frame token or *", min_length=1, examples=["in/*.exr"]
    )
    parts: list[str] | dict[str, str] = param(
        [], help="parts from back to front, or part -> its word in the files; default all layers of a PSD", examples=[["R"], {"a": "R"}]
    )
    pictures: InputPath | list[InputPath] = param(
        "", help="folder, wildcard or list of the pictures whose names `*` in the path stands for"
    )
    cryptomatte: str = param("object", help="of a render, what its parts are named after: object, material or asset")
    overlap: Literal["allow", "refuse"] = param("allow", help="whether parts may share pixels")
    hidden: bool = param(False, help="whether a part may be hidden in a frame: its mask empty, or not there")

    _hidden: frozenset[str] = PrivateAttr(frozenset())  # masks that were not there when the run began

    @model_validator(mode="after")
    def _tokens(self) -> LoadParts:
        if PART in self.path and not self.parts:
            raise ValueError(f"parts: say which parts {PART} in the path stands for")
        if (NAME in self.path) != bool(self.pictures):
            raise ValueError(
                f"{NAME} in the path and `pictures` go together: the path is {self.path!r}, the pictures are {self.pictures!r}"
            )
        return self

    def words(self) -> dict[str, str]:
        """Part -> what it is called in the files."""
        return part_words(self.parts)

    def patterns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.path.replace(PART, literal(word)) for word in self.words().values())) or (self.path,)

    def picture(self, frame: int | None) -> str | None:
        """The file of the picture whose parts a frame has, where `pictures` names one."""
        return None if frame is None or not self.pictures else self.listing().file(frame)

    def with_files_listed(self, own: OwnResults) -> Self:
        listed = super().with_files_listed(own)
        frames = (listed.available() if listed._frames is not None else None) or ()
        listed._hidden = frozenset(file for frame in frames for file in listed.all_files(frame) if not os.path.exists(file))
        return listed

    def all_files(self, frame: int | None) -> tuple[str, ...]:
        """The files of all parts of a frame, whether they exist or not."""
        return tuple(part_file(pattern, self.picture(frame), frame, on_disk=True) for pattern in self.patterns())

    def files(self, frame: int | None) -> tuple[str, ...]:
        found = self.all_files(frame)
        return tuple(file for file in found if self._exists(file)) or found if self.hidden else found

    def _exists(self, file: str) -> bool:
        """Whether the mask of a part is there; in a run, whether it was there when the run began."""
        return file not in self._hidden and os.path.exists(file)

    def frames_on_disk(self) -> tuple[int, ...] | None:
        if self.pictures:
            return tuple(range(1, len(self.listing().files) + 1))
        found = [set(pattern.on_disk()) for pattern in map(FilePattern, self.patterns()) if pattern.has_token]
        return tuple(sorted((set.union if self.hidden else set.intersection)(*found))) if found else None

    def reads(self, frame: int | None) -> tuple[str, ...]:
        try:
            picture = self.picture(frame)
        except (UsageError, FrameError):
            return tuple(self.picture_paths())  # not there; the run says so
        return (*super().reads(frame), *((picture,) if picture else ()))

    def process(self, frame: Frame, wanted: Wanted, first: Prepared) -> Parts:
        from rotonodes.io.exr import layers_image
        from rotonodes.io.pictures import read_image
        from rotonodes.io.samples import decode

        picture = self.picture(frame)
        image = read_image(picture) if picture and "image" in wanted else None
        (file, *_), number = self.found(frame), self._read_for(frame)
        if PART in self.path:
            masks = self._masks(picture, number)
        elif file.lower().endswith((".psd", ".psb")):
            from rotonodes.io.psd_decode import read_psd

            psd = read_psd(file)
            masks = self._named(psd_masks(psd.layers, psd.size, file, self.words() or None), file, [layer.name for layer in psd.layers])
            image = decode(psd.merged, "srgb") if image is None and "image" in wanted else image
        else:
            layers = file_layers(file, "raw")
            found = channel_masks(layers, file, list(self.words().values()), self.cryptomatte, self.hidden)
            masks = self._named(found, file, list(layers.planes))
            image = layers_image(layers) if image is None and "image" in wanted and is_exr(file) else image
        self._check(masks)
        planes = {name: mask.plane for name, mask in masks.items()}
        height, width = next(iter(planes.values())).shape
        if image is not None and image.size != (width, height):
            raise FrameError(
                f"{picture or file}: the picture is {image.width} x {image.height}, its parts {width} x {height}: make them one size"
            )
        parts = Layers(planes, Box(0, 0, width, height), (width, height), path=file)
        labels = labels_of(planes) if "labels" in wanted else None
        return Parts(
            self.finished(parts, frame, first), labels and self.finished(labels, frame, first), image and self.finished(image, frame, first)
        )

    def _masks(self, picture: str | None, frame: int) -> dict[str, Mask]:
        """The masks that lie in files of their own; those that are not there are empty."""
        import numpy as np

        files = {
            name: part_file(self.path.replace(PART, literal(word)), picture, frame, on_disk=True) for name, word in self.words().items()
        }
        found = {name: Mask(read_mask(file), file) for name, file in files.items() if self._exists(file)}
        first = next(iter(found.values()))
        return {name: found.get(name) or Mask(np.zeros_like(first.plane), file) for name, file in files.items()}

    def _named(self, found: Mapping[str, Mask], file: str, known: Sequence[str]) -> dict[str, Mask]:
        """Of the masks by the words in a file, those asked for, by part. FrameError for one that is not there, with all that are."""
        import numpy as np

        masks = {}
        for name, word in (self.words() or dict(zip(found, found, strict=True))).items():
            if word in found:
                masks[name] = found[word]
            elif self.hidden and found:
                masks[name] = Mask(np.zeros_like(next(iter(found.values())).plane), file)
            else:
                raise FrameError(f"{file}: it has no {word!r}{did_you_mean(word, known) or '; it has ' + ', '.join(known)}")
        return masks

    def _check(self, masks: Mapping[str, Mask]) -> None:
        """FrameError for masks of several sizes, empty ones, and those that overlap where they must not."""
        (first, *others) = masks.values()
        for mask in others:
            if mask.plane.shape != first.plane.shape:
                (height, width), (h, w) = first.plane.shape, mask.plane.shape
                raise FrameError(f"{mask.source}: the mask is {w} x {h}, but {first.source} is {width} x {height}: make them one size")
        for name, mask in masks.items() if not self.hidden else ():
            if not mask.plane.any():
                raise FrameError(
                    f"{mask.source}: an empty mask, nothing of {name!r} is in it: correct it, or set hidden: true where parts may be"
                )
        if self.overlap == "refuse":
            refuse_overlap(list(masks.values()))


def read_mask(file: str) -> np.ndarray:
    """A mask file as a matte, float32 `[H, W]`, 0 to 1: its alpha, or its brightest colour where alpha is 1 everywhere."""
    from rotonodes.io.pictures import read_image

    image = read_image(file, "raw").on_frame()
    alpha = image.alpha
    plane = alpha[0] if alpha is not None and bool((alpha != 1).any()) else image.color.amax(0)
    found: np.ndarray = plane.clamp(0, 1).numpy()
    return found


def psd_masks(layers: Sequence[PsdLayer], size: tuple[int, int], file: str, words: Mapping[str, str] | None) -> dict[str, Mask]:
    """The mattes of a PSD's layers by name, or of the `words` asked for: a layer, a layer in any group, or all of a group.

    What lies in several layers is covered 1 - (1 - a)(1 - b)... Raises FrameError for a name that several layers have.
    """
    import numpy as np

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
            found[word] = Mask(1 - left, f"{file}: the layer {word!r}")
    return found


def channel_masks(layers: Layers, file: str, words: Sequence[str], kind: str, hidden: bool) -> dict[str, Mask]:
    """The channels of a picture as mattes by name, or of the `words` asked for, which may also be names in its cryptomatte.

    FrameError for a name that nothing in the cryptomatte has, unless it may be `hidden`.
    """
    from rotonodes.imaging.passes.cryptomatte import decode_matte, find_cryptomatte

    names = [word for word in words if word in layers.planes] if words else list(layers.planes)
    planes = layers.image(names, tuple(names)).on_frame().data.clamp(0, 1).numpy() if names else ()
    found = {name: Mask(plane, f"{file}: the channel {name!r}") for name, plane in zip(names, planes, strict=True)}
    if len(found) < len(words) and any(key.startswith("cryptomatte/") for key in layers.metadata):
        crypto = find_cryptomatte(layers, kind)
        for word in words:
            try:
                found[word] = found.get(word) or Mask(
                    decode_matte(layers, crypto, word).data[0].numpy(), f"{file}: {word!r} of {crypto.name}"
                )
            except FrameError:
                if not hidden:
                    raise
    return found


def refuse_overlap(masks: Sequence[Mask]) -> None:
    """FrameError for the two masks that share the most pixels, which both have from 0.5 on."""
    import numpy as np

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


def labels_of(planes: Mapping[str, Any]) -> Labels:
    """The foremost part of each pixel, which is the last one whose matte is 0.5 or more; 0 is the background."""
    import numpy as np
    import torch

    names = ("background", *(name for name in planes if name != "background"))
    if len(names) > 256:
        raise UsageError(f"labels hold 255 parts, these are {len(names) - 1}: take `parts` instead, or name fewer")
    labels = np.zeros(next(iter(planes.values())).shape, np.uint8)
    for name, plane in planes.items():
        labels[plane >= 0.5] = names.index(name)
    return Labels(torch.from_numpy(labels), names, default_colors(len(names)))
