"""Rendered clips with their truth: what the benchmarks of tones compare methods on."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Literal, Protocol

from torch import Tensor

from rotonodes.errors import RotoError, UsageError
from rotonodes.imaging.passes.names import Passes
from rotonodes.nodes import LoadFrames, LoadLabels, MeasureKeyLight, MultipassDecode, TonesFromPasses
from rotonodes.values.frames import FilePattern, parse_frames
from rotonodes.values.pixels import Image, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS, GROUND_SHADOW, SIX_CLASSES, LightDirection

CLIPS, MANIFEST = "clips.####.exr", "manifest.jsonl"  # how examples/blender/clips.py names what it renders, and tells what is in it


GROUND = SIX_CLASSES.index(GROUND_SHADOW)


def tones_of(labels: Labels) -> Labels:
    """Labels of the five tones, with background in the place of ground_shadow."""
    return Labels(labels.data.where(labels.data != GROUND, 0), CLASSES, COLORS)


@dataclass(frozen=True)
class Rendered:
    """One frame: the beauty (scene-linear, with channels R, G, B), its true tones, and all passes where the file has them.

    `ground` is where the truth has ground_shadow, bool `[H, W]`, where the file tells; in the tones it is background. `light` is the key
    light of the whole clip, where it was looked for (`read_clip`).
    """

    name: str
    beauty: Image
    truth: Labels
    layers: Layers | None = None
    ground: Tensor | None = None
    light: LightDirection | None = None

    @property
    def shape(self) -> Matte:
        """The true matte: 1 wherever the truth is not background."""
        return Matte((self.truth.data > 0).float()[None])

    @property
    def motion(self) -> Image | None:
        """The render's Vector pass, where it has one."""
        if self.layers is None or not Passes.of(self.layers).has("Vector"):
            return None
        return MultipassDecode(passes=["Vector"])(self.layers)["Vector"].on_frame()


class Source(Protocol):
    """Clips of frames; a frame is read when it is asked for."""

    title: str
    beauty: str  # exr or png
    has_passes: bool
    clips: list[tuple[str, ...]]  # the frames of each clip in order, by name

    def read(self, name: str) -> Rendered: ...


def read_clip(source: Source, names: Sequence[str]) -> list[Rendered]:
    """The frames of a clip, with the key light of all of them together, as the ready graphs look for it."""
    clip = [source.read(name) for name in names]
    light = measured_light([frame.layers for frame in clip if frame.layers])
    return [replace(frame, light=light) for frame in clip]


def measured_light(layers: Sequence[Layers]) -> LightDirection | None:
    """The key light of frames together; None where none is found."""
    try:
        return MeasureKeyLight()(layers) if layers else None
    except RotoError:
        return None


def frames(source: Source, every: int = 1) -> Iterator[Rendered]:
    """Every so many-th frame of all clips in order, one after the other."""
    names = [name for clip in source.clips for name in clip]
    return map(source.read, names[::every])


@dataclass
class Renders:
    """A sequence of multilayer EXRs with a label view layer, as examples/blender/clips.py renders them.

    `path` is the sequence, or the folder of `clips.####.exr`. Clip c (from 0) is made of the frames c * `clip_length` + 1 and on; clips
    that are not whole on disk, or not whole in `only`, or have a shape whose kind is in `without` by the manifest beside them, are left
    out. The beauty is the EXR's Combined, or with `png` the picture beside it, which Blender developed with a view transform.
    """

    path: str
    clip_length: int = 8
    beauty: Literal["exr", "png"] = "exr"
    only: tuple[int, ...] = ()
    without: tuple[str, ...] = ()
    has_passes: bool = True
    title: str = ""
    clips: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.title = self.path + (f" without {', '.join(self.without)}" if self.without else "")
        if Path(self.path).is_dir():
            self.path = str(Path(self.path) / CLIPS)
        left_out = frames_with(Path(self.path).parent / MANIFEST, self.without) if self.without else set()
        there = [frame for frame in FilePattern(self.path).on_disk() if (not self.only or frame in self.only) and frame not in left_out]
        for _, members in groupby(there, key=lambda frame: (frame - 1) // self.clip_length):
            clip = tuple(map(str, members))
            if len(clip) == self.clip_length:
                self.clips.append(clip)
        if not self.clips:
            raise UsageError(f"{self.path}: no whole clip of {self.clip_length} frames is there: check the path and the length of clips")
        self._render = LoadFrames(path=self.path, sizes="any")
        self._picture = LoadFrames(path=str(Path(self.path).with_suffix(".png")), sizes="any")

    def read(self, name: str) -> Rendered:
        frame = int(name)
        layers = self._render.run({}, frame=frame, wanted=["layers"]).layers
        if self.beauty == "png":
            beauty = self._picture.run({}, frame=frame, wanted=["image"]).image
        else:
            beauty = MultipassDecode(passes=["Combined"])(layers)["Combined"]
        tells = "Ground" in Passes.of(layers).layers
        labels = TonesFromPasses(recipe="light", ground=tells)(layers)
        ground = labels.data == GROUND if tells else None
        return Rendered(name, beauty.on_frame(), tones_of(labels), layers, ground)


@dataclass
class Pictures:
    """A folder of `cNNN_fNN_beauty.png` (sRGB) and `cNNN_fNN_label.png` (class index): no passes."""

    folder: Path
    beauty: str = "png"
    has_passes: bool = False
    title: str = ""
    clips: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.title = str(self.folder)
        names = sorted(path.name.removesuffix("_label.png") for path in self.folder.glob("c*_f*_label.png"))
        self.clips = [tuple(clip) for _, clip in groupby(names, key=lambda name: name.partition("_")[0])]
        if not self.clips:
            raise UsageError(f"{self.folder}: no cNNN_fNN_label.png is there: check the folder")

    def read(self, name: str) -> Rendered:
        beauty = LoadFrames(path=f"{self.folder / name}_beauty.png").run({}, wanted=["image"]).image
        return Rendered(name, beauty, LoadLabels(path=f"{self.folder / name}_label.png")())


def frames_with(manifest: Path, kinds: tuple[str, ...]) -> set[int]:
    """The frames of all clips that have a shape of one of these kinds, as the manifest that clips.py wrote says."""
    try:
        entries = [json.loads(line) for line in manifest.read_text().splitlines()[1:]]
    except OSError as error:
        raise UsageError(f"{manifest}: it cannot be read, and only it says of what kinds shapes are: leave --without-kinds out") from error
    held = {entry["clip"]: {shape["kind"] for shape in entry["scene"]["shapes"]} for entry in entries}
    known = set().union(*held.values())
    for kind in kinds:
        if kind not in known:
            raise UsageError(f"{manifest}: no clip has a shape of kind {kind!r}: there are {', '.join(sorted(known))}")
    spans = [entry["frames"] for entry in entries if held[entry["clip"]].intersection(kinds)]
    return {frame for first, last in spans for frame in range(first, last + 1)}


def opened(path: str, clip_length: int, beauty: Literal["exr", "png"], only: tuple[int, ...] = (), without: tuple[str, ...] = ()) -> Source:
    """The clips of a folder or sequence, of whichever kind it is."""
    if not any(Path(path).glob("c*_f*_label.png")):
        return Renders(path, clip_length, beauty, only, without)
    if without:
        raise UsageError(f"{path}: pictures alone do not say of what kinds shapes are: leave --without-kinds out")
    return Pictures(Path(path))


def add_source_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that `source_of` reads."""
    parser.add_argument("--clip-length", type=int, default=8, help="frames of each clip of a sequence")
    parser.add_argument("--frames", default="", help="only whole clips among these frames of a sequence")
    parser.add_argument("--without-kinds", default="", metavar="A,B", help="leave out clips with such shapes, by the manifest beside them")
    parser.add_argument("--beauty", choices=["exr", "png"], default="exr", help="the EXRs' Combined, or the developed PNGs beside them")
    parser.add_argument("--normals", choices=["world", "camera"], default="world", help="space of the normals that weights were trained on")


def source_of(path: str, options: argparse.Namespace) -> Source:
    """What a path stands for, with the options."""
    only = parse_frames(options.frames) if options.frames else ()
    without = tuple(filter(None, map(str.strip, options.without_kinds.split(","))))
    return opened(path, options.clip_length, options.beauty, only, without)
