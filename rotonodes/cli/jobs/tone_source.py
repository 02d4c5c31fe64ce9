"""What finds the tones of a render: the best way that its files allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from rotonodes.cli.jobs.network_facts import read_model
from rotonodes.errors import UsageError, listed
from rotonodes.imaging.passes.contents import Contents
from rotonodes.io.folder import SUFFIXES
from rotonodes.values.tones import GROUND_SHADOW

Way = Literal["label", "passes", "key", "cinema4d", "picture"]
WAYS: tuple[Way, ...] = get_args(Way)  # the best first
NEEDED: dict[Way, tuple[str, ...]] = {
    "label": ("DiffDir", "GlossDir", "Normal"),
    "passes": ("Combined", "DiffDir", "GlossDir", "Normal", "Depth"),
    "key": ("DiffDir", "Normal", "Depth"),
    "cinema4d": ("MatColor", "Illum", "Shadow", "Specular"),
    "picture": (),
}
TITLES: dict[Way, str] = {
    "label": "the render's label layer",
    "passes": "weights that see passes",
    "key": "the key light found in the passes",
    "cinema4d": "Cinema 4D's passes",
    "picture": "weights that see the picture",
}
LABEL, GROUND = "Label", "Ground"
ENCODED = tuple(suffix for suffix in SUFFIXES if suffix != ".exr")  # files whose whole numbers hold no light, depth or normals
WEIGHTS: dict[Way, str] = {"passes": "tones_passes", "picture": "tones"}


@dataclass(frozen=True)
class ToneSource:
    """How tones are found, what for, and the nodes that find them.

    `link` is the output with the tones: probabilities where `soft`, else labels. `ground` says that it knows the shadow on the ground.
    """

    way: Way
    reason: str
    nodes: dict[str, dict[str, object]] = field(default_factory=dict)
    link: str = "tones"
    soft: bool = False
    ground: bool = False

    @property
    def line(self) -> str:
        """`tones: weights that see passes (no label layer)`."""
        return f"tones from {TITLES[self.way]}{f' ({self.reason})' if self.reason else ''}"


def choose_source(contents: Contents, asked: Way | None, shape: str, ground: bool, picture: str) -> ToneSource:
    """The best way for a render, or the one that was asked for.

    `shape` is the link of the shape's matte, empty for none; `picture` that of the picture.

    With `ground` a way that knows the shadow on the ground goes before weights that do not. Raises UsageError for a way whose passes
    are not there, with what is there.
    """
    lacking = {way: list(missing(contents, way, bool(shape))) for way in WAYS}
    if asked is not None and lacking[asked]:
        there = listed(dict.fromkeys(p.canonical for p in contents.passes.passes if not p.canonical[-2:].isdigit()), 14)
        raise UsageError(f"--tones {asked}: {contents.layers.path} has no {no_more(lacking[asked])}; it has {there or 'no passes'}")
    able = [way for way in WAYS if not lacking[way]] if asked is None else [asked]
    if not able:
        lacks = f"no {no_more(lacking['picture'])}, and no {no_more(lacking['cinema4d'])} for {TITLES['cinema4d']}"
        raise UsageError(f"{contents.layers.path}: {lacks}: render one or the other")
    way = able[0]
    better = [one for one in WAYS[: WAYS.index(way)] if one != "cinema4d" or len(lacking[one]) < len(NEEDED[one])]
    reason = "asked for" if asked else "; ".join(f"no {no_more(lacking[one])} for {TITLES[one]}" for one in better[-1:])
    if way == "passes" and ground and "key" in able and not knows_ground(way):
        way, reason = "key", f"the {TITLES['passes']} know no shadow on the ground"
    if way == "label":
        return _label(contents, reason, shape)
    if way == "key":
        return _key(reason, shape)
    if way == "cinema4d":
        return _cinema4d(reason, shape)
    return _network(way, reason, shape, picture)


def no_more(lacking: Sequence[str]) -> str:
    """What is not there, behind `no`: `DiffDir, Normal or Depth`."""
    return " or ".join(filter(None, (", ".join(lacking[:-1]), lacking[-1])))


def knows_ground(way: Way) -> bool:
    """Whether the weights of a way know the shadow on the ground."""
    return GROUND_SHADOW in read_model(WEIGHTS[way]).classes


def missing(contents: Contents, way: Way, has_shape: bool) -> Iterator[str]:
    """What a way needs and the render does not have."""
    passes = contents.passes
    if way == "label":
        if LABEL not in passes.layers:
            yield "view layer Label"
            return
        if not any('"key_direction"' in text for text in contents.layers.metadata.values() if isinstance(text, str)):
            yield "note of the label light in the header"
    encoded = contents.layers.path.lower().endswith(ENCODED)
    if way in ("label", "passes", "key") and encoded and len({p.canonical for p in passes.passes}) > 1:
        yield "passes in EXR"
        return
    yield from (name for name in NEEDED[way] if not passes.has(name, LABEL if way == "label" else ""))
    if way in ("label", "key") and not has_shape:
        yield "cryptomatte"
    if way == "picture" and encoded and not passes.has("Combined"):
        yield "picture (rgba)"


def _label(contents: Contents, reason: str, shape: str) -> ToneSource:
    ground = GROUND in contents.passes.layers
    tones = {"type": "TonesFromPasses", "in": {"layers": "render.layers", "matte": shape}, **({"ground": True} if ground else {})}
    return ToneSource("label", reason, {"tones": tones}, ground=ground)


def _key(reason: str, shape: str) -> ToneSource:
    tones = {"type": "TonesFromPasses", "in": {"layers": "render.layers", "matte": shape}, "recipe": "key", "ground": True}
    return ToneSource("key", reason, {"tones": tones}, ground=True)


def _cinema4d(reason: str, shape: str) -> ToneSource:
    linked = {"layers": "render.layers", **({"matte": shape} if shape else {})}
    tones = {"type": "TonesFromPasses", "in": linked, "recipe": "cinema4d", "ground": True}
    return ToneSource("cinema4d", reason, {"tones": tones}, ground=True)


def _network(way: Way, reason: str, shape: str, picture: str) -> ToneSource:
    weights = WEIGHTS[way]
    nodes: dict[str, dict[str, object]] = {}
    if way == "passes":
        nodes["light"] = {"type": "FindKeyLight", "in": "render.layers"}
        nodes["stack"] = {
            "type": "StackPasses",
            "in": {"layers": "render.layers", "more": "light"},
            "passes": list(NEEDED["passes"]),
            "normals": "camera",
        }
        picture = "stack"
    linked = {"image": picture, **({"shape": shape} if shape else {})}
    nodes["tones"] = {"type": "UNetSegment", "in": linked, "weights": f"weights/{weights}.safetensors"}
    return ToneSource(way, reason, nodes, "tones.probabilities", soft=True, ground=knows_ground(way))
