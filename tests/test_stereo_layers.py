"""A law over all nodes that take a view layer or an eye: they give what a file with only that one would give."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from raytraced import Ball, ball, looking, unit
from rotonodes.imaging.passes.cryptomatte import murmur3_32, name_id
from rotonodes.node.base import Node
from rotonodes.node.catalogue import all_nodes
from rotonodes.nodes import FindKeyLight, GroundShadow, MultipassDecode, PaintObjects, StackPasses, TonesFromPasses
from rotonodes.values.pixels import Box, Clip, Image, Labels, Layers, Matte
from rotonodes.values.tones import CLASSES, COLORS

LAYERS, VIEWS = ("Beauty", "Other"), ("right", "left")  # the first of each is what is read unless another is asked for
# Parameters of nodes whose defaults would not read what is here, or not all of it.
VALUES: dict[type[Node], list[dict[str, Any]]] = {
    MultipassDecode: [{"passes": ["Combined", "DiffDir", "Depth"], "mattes": {"ball": "ball"}}],
    StackPasses: [{}, {"normals": "camera"}],
    FindKeyLight: [{}, {"normals": "camera"}],
    PaintObjects: [{"palette": {"midtone": "#ffffff"}, "objects": {"ball": {"midtone": "#ff0000"}}}],
    TonesFromPasses: [{"recipe": "key", "objects": "ball"}, {"recipe": "cinema4d", "encoding": "raw"}],
}


# What else these nodes need.
MIDTONE = Labels(torch.full((48, 64), 3, dtype=torch.uint8), CLASSES, COLORS)
BESIDE: dict[type[Node], dict[str, Any]] = {
    PaintObjects: {"labels": MIDTONE},
    GroundShadow: {"matte": Matte(torch.zeros(1, 48, 64))},
}


def examples() -> list[tuple[type[Node], dict[str, Any]]]:
    """Every node that takes layers, and the name of a view layer or an eye; those whose first input is another have an entry above."""
    ours = [cls for cls in all_nodes().values() if cls.__module__.startswith("rotonodes.") and {"layer", "view"} & cls.model_fields.keys()]
    asking = [
        cls for cls in ours if Layers in [kind for socket in [*cls.signature.inputs.values()][:1] for kind in socket.types] or cls in BESIDE
    ]
    return [(cls, values) for cls in asking for values in VALUES.get(cls, [{}])]


def scenes() -> dict[tuple[str, str], Ball]:
    """A ball from another side, under another sun and through another lens for each view layer and eye."""
    suns = (unit(1, -1, 1), unit(-1, -1, 0.6), unit(0.2, -1, 0.4), unit(1, 0.1, 1))
    places = [(layer, view) for layer in LAYERS for view in VIEWS]
    return {
        place: ball(looking(0.4 * number - 0.6, 0.3 + 0.1 * number), sun, 1.2 + 0.2 * number)
        for number, (place, sun) in enumerate(zip(places, suns, strict=True))
    }


def planes_of(scene: Ball, layer: str, view: str) -> dict[str, np.ndarray]:
    """The passes of a scene under full names; `view` is the eye in front of the channel, or empty."""
    shape = scene.on_ball.astype(np.float32)
    tint = np.random.default_rng(int(shape.sum())).uniform(0, 1, (3, *shape.shape))
    ids = np.where(scene.on_ball, np.float32(0), 0) + np.array([name_id("ball")], np.uint32).view(np.float32)
    found = {
        "Combined": ("RGBA", [*(scene.light * tint), shape]),
        "DiffDir": ("RGB", scene.light),
        "Normal": ("XYZ", scene.normals),
        "Depth": ("Z", [scene.depth]),
        "CryptoObject00": ("RGBA", [ids, shape, np.zeros_like(shape), np.zeros_like(shape)]),
        **{name: ("RGB", tint[[n, 1, 2]] * scene.light) for n, name in enumerate(("MatColor", "Illum", "Shadow"))},
        "Specular": ("RGB", tint * 0.2),
    }
    middle = f".{view}" if view else ""
    return {
        f"{layer}.{name}{middle}.{channel}": np.asarray(plane, np.float32)
        for name, (channels, planes) in found.items()
        for channel, plane in zip(channels, planes, strict=True)
    }


def file_of(scenes: dict[tuple[str, str], Ball], alone: bool) -> Layers:
    planes: dict[str, np.ndarray] = {}
    header: dict[str, Any] = {} if alone else {"multiView": VIEWS}
    for (layer, view), scene in scenes.items():
        planes |= planes_of(scene, layer, "" if alone else view)
        key = f"cryptomatte/{len(layer)}"
        header |= {f"{key}/name": f"{layer}.CryptoObject", f"{key}/manifest": json.dumps({"ball": f"{murmur3_32(b'ball'):08x}"})}
    height, width = next(iter(scenes.values())).depth.shape
    return Layers(planes, Box(0, 0, width, height), (width, height), header)


def told(node: Node, layers: Layers) -> list[Any]:
    """What a node makes of a frame, in a form that can be compared."""
    given = next(socket for socket in type(node).signature.inputs.values() if Layers in socket.types)
    made = node(**{given.name: Clip.of([layers]) if given.feed == "clip" else layers}, **BESIDE.get(type(node), {}))
    values = [*made.values()] if isinstance(made, dict) else [*made] if isinstance(made, tuple) else [made]
    return [value.data.numpy().tobytes() if isinstance(value, Image | Labels | Matte) else value for value in values]


@pytest.mark.parametrize(("cls", "values"), examples())
def test_another_layer_and_eye_are_read_as_if_they_were_alone(cls: type[Node], values: dict[str, Any]) -> None:
    every = scenes()
    whole = file_of(every, alone=False)
    results = []
    for layer, view in every:
        if "view" not in cls.model_fields and view != VIEWS[0]:
            continue
        asked = {"layer": layer, **({"view": view} if "view" in cls.model_fields else {})}
        results.append(told(cls(**values, **asked), whole))
        assert results[-1] == told(cls(**values), file_of({(layer, view): every[layer, view]}, alone=True)), asked
    assert told(cls(**values), whole) == results[0]  # the first layer, the hero's eye
    assert all(one != other for number, one in enumerate(results) for other in results[:number])
