"""What finds the tones of a render: the best way that its files allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from rotonodes.cli.jobs.network_facts import read_model
from rotonodes.errors import UsageError, listed
from rotonodes.imaging.passes.contents import Contents
from rotonodes.io.folder import SUFFIXES
from rotonodes.io.shipped import weights_path
from rotonodes.nets.model import SHAPE
from rotonodes.values.tones import CLASSES, GROUND_SHADOW

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
LABEL, GROUND, KEY_LIGHT = "Label", "Ground", "KeyLight"
ENCODED = tuple(suffix for suffix in SUFFIXES if suffix != ".exr")  # files whose whole numbers hold no light, depth or normals
LIGHT = {"type": "MeasureKeyLight", "in": "render.layers"}  # one direction for the whole shot; the nodes are called as in the ready graphs
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
    weights: str = ""  # the user's own

    @property
    def line(self) -> str:
        """`tones from weights that see passes (no label layer)`."""
        title = f"the weights {self.weights}" if self.weights else TITLES[self.way]
        return f"tones from {title}{f' ({self.reason})' if self.reason else ''}"


def choose_source(contents: Contents, asked: Way | None, shape: str, ground: bool, picture: str, weights: str = "") -> ToneSource:
    """The best way for a render, or the one that was asked for.

    `shape` is the link of the shape's matte, empty for none; `picture` that of the picture.

    `weights` are the user's own, and decide the way by what they see. With `ground` a way that knows the shadow on the ground goes
    before weights that do not. Raises UsageError for a way whose passes are not there, with what is there.
    """
    if weights:
        return _own_weights(contents, asked, shape, picture, weights)
    lacking = {way: list(missing(contents, way, bool(shape))) for way in WAYS}
    if asked is not None and lacking[asked]:
        raise _lacks(f"--tones {asked}", contents, lacking[asked])
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


def _lacks(option: str, contents: Contents, lacking: Sequence[str]) -> UsageError:
    there = listed(dict.fromkeys(p.canonical for p in contents.passes.passes if not p.canonical[-2:].isdigit()), 14)
    return UsageError(f"{option}: {contents.layers.path} has no {no_more(lacking)}; it has {there or 'no passes'}")


def no_more(lacking: Sequence[str]) -> str:
    """What is not there, behind `no`: `DiffDir, Normal or Depth`."""
    return " or ".join(filter(None, (", ".join(lacking[:-1]), lacking[-1])))


def knows_ground(way: Way) -> bool:
    """Whether the weights of a way know the shadow on the ground."""
    return GROUND_SHADOW in read_model(WEIGHTS[way]).classes


def _encoded(contents: Contents) -> bool:
    """Whether passes are whole numbers of pictures that are encoded for a screen."""
    return contents.layers.path.lower().endswith(ENCODED) and len({p.canonical for p in contents.passes.passes}) > 1


def missing(contents: Contents, way: Way, has_shape: bool) -> Iterator[str]:
    """What a way needs and the render does not have."""
    passes = contents.passes
    if way == "label":
        if LABEL not in passes.layers:
            yield "view layer Label"
            return
        if not any('"key_direction"' in text for text in contents.layers.metadata.values() if isinstance(text, str)):
            yield "note of the label light in the header"
    if way in ("label", "passes", "key") and _encoded(contents):
        yield "passes in EXR"
        return
    yield from (name for name in NEEDED[way] if not passes.has(name, LABEL if way == "label" else ""))
    if way in ("label", "key") and not has_shape:
        yield "cryptomatte"
    if way == "picture" and contents.layers.path.lower().endswith(ENCODED) and not passes.has("Combined"):
        yield "picture (rgba)"


def _label(contents: Contents, reason: str, shape: str) -> ToneSource:
    ground = GROUND in contents.passes.layers
    tones = {"type": "TonesFromPasses", "in": {"layers": "render.layers", "matte": shape}, **({"ground": True} if ground else {})}
    return ToneSource("label", reason, {"tones": tones}, ground=ground)


def _key(reason: str, shape: str) -> ToneSource:
    linked = {"layers": "render.layers", "matte": shape, "direction": "light"}
    tones = {"type": "TonesFromPasses", "in": linked, "recipe": "key", "ground": True}
    return ToneSource("key", reason, {"light": dict(LIGHT), "tones": tones}, ground=True)


def _cinema4d(reason: str, shape: str) -> ToneSource:
    linked = {"layers": "render.layers", **({"matte": shape} if shape else {})}
    tones = {"type": "TonesFromPasses", "in": linked, "recipe": "cinema4d", "ground": True}
    return ToneSource("cinema4d", reason, {"tones": tones}, ground=True)


def _network(way: Way, reason: str, shape: str, picture: str) -> ToneSource:
    nodes = network_nodes(NEEDED[way], way == "passes", shape, picture, f"weights/{WEIGHTS[way]}.safetensors")
    return ToneSource(way, reason, nodes, "tones.probabilities", soft=True, ground=knows_ground(way))


def network_nodes(needed: Sequence[str], light: bool, shape: str, picture: str, weights: str) -> dict[str, dict[str, object]]:
    """The nodes of a network that sees the passes `needed`, none for the `picture` alone, and where it sees it the key `light`."""
    nodes: dict[str, dict[str, object]] = {}
    if needed:
        if light:
            nodes["light"] = dict(LIGHT)
            nodes["key"] = {"type": "FindKeyLight", "in": {"layers": "render.layers", "light": "light"}}
        stacked = {"layers": "render.layers", **({"more": "key"} if light else {})}
        nodes["stack"] = {"type": "StackPasses", "in": stacked, "passes": list(needed), "normals": "camera"}
        picture = "stack"
    linked = {"image": picture, **({"shape": shape} if shape else {})}
    nodes["tones"] = {"type": "UNetSegment", "in": linked, "weights": weights}
    return nodes


def _own_weights(contents: Contents, asked: Way | None, shape: str, picture: str, weights: str) -> ToneSource:
    """The user's own weights. Raises UsageError for weights that tell no tones, and for passes that they see and the render lacks."""
    model = read_model(weights)
    if not {*CLASSES} <= {*model.classes}:
        raise UsageError(f"-m {weights}: it tells {listed(model.classes)}, and flat art needs the tones {listed(CLASSES[1:])}")
    seen = list(dict.fromkeys(channel.rpartition(".")[0] or ("" if channel == SHAPE else "Combined") for channel in model.channels))
    way: Way = "picture" if {*seen} <= {"Combined", ""} else "passes"
    needed = [name for name in seen if name not in ("", KEY_LIGHT)] if way == "passes" else []
    if asked not in (None, way):
        raise UsageError(f"-m {weights}: these weights see {listed(needed) or 'the picture'}: remove --tones {asked}")
    lacking = [name for name in needed if not contents.passes.has(name)]
    if way == "passes" and _encoded(contents):
        lacking = ["passes in EXR"]
    if lacking:
        raise _lacks(f"-m {weights}", contents, lacking)
    nodes = network_nodes(needed, KEY_LIGHT in seen, shape, picture, weights_path(weights))
    return ToneSource(way, "asked for", nodes, "tones.probabilities", True, GROUND_SHADOW in model.classes, weights)
