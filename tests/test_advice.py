"""What a message advises can be done: a parameter that it names is one of the node that says so."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from rotonodes.node.base import Node
from rotonodes.node.registry import full_name
from test_every_node import NODES
from test_walls import MODULES, Import, imports

WORDS = ("it", "them")
# "set sizes: any", "take normals: world", "use method: guided", "give the parameter light: [x, y, z]".
ADVICE = re.compile(r"\b(?:set|take|use|give|give the parameter|choose) `?([a-z][a-z_]*)`?:(?= )")
ADVISING_ROOMS = ("rotonodes.imaging.", "rotonodes.nodes.", "rotonodes.metrics.")


def texts(tree: ast.AST) -> Iterator[str]:
    """The texts of a file that are no docstrings, with names for what is filled in."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and node.body and isinstance(node.body[0], ast.Expr)
    }
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | inside:
            yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "..." for part in node.values)


@functools.cache  # asked of each module for each node that reaches it
def advised(module: str) -> set[str]:
    """The parameters that a module's messages advise."""
    return {name for text in texts(ast.parse(MODULES[module].read_text(encoding="utf-8"))) for name in ADVICE.findall(text)} - {*WORDS}


@functools.cache
def imported(module: str) -> tuple[Import, ...]:
    return tuple(imports(MODULES[module]))


@functools.cache
def reached(module: str) -> set[str]:
    """A node's own file, its base classes' files, and the algorithms that it imports, over any number of steps."""
    found, front = {module}, [module]
    while front:
        for other in imported(front.pop()):
            if other.module in MODULES and other.module.startswith(ADVISING_ROOMS) and other.module not in found:
                if other.module.startswith("rotonodes.nodes.") and not other.name.endswith(("Node", "Source", "Runner", "Pictures")):
                    continue  # outputs of another node
                found.add(other.module)
                front.append(other.module)
    return found


def test_advice_is_found() -> None:
    assert advised("rotonodes.imaging.passes.stacking") == {"normals"}
    assert advised("rotonodes.nodes.input.file_source") == {"sizes"}
    assert ADVICE.findall("or set hidden: true where parts may be; give the parameter light: [x, y, z]") == ["hidden", "light"]
    assert not ADVICE.findall("link a picture: it needs one")


@pytest.mark.parametrize("cls", NODES, ids=full_name)
def test_every_parameter_that_is_advised_exists(cls: type[Node]) -> None:
    for module in reached(cls.__module__):
        # What another node shares with this one may advise it to the other alone, as a function that this one does not call.
        users = [other for other in NODES if module in reached(other.__module__)]
        for name in advised(module):
            if module == cls.__module__ or len(users) == 1:
                assert name in cls.model_fields, f"{module} advises {name}:, which {cls.type_name} does not have"
            else:
                assert any(name in other.model_fields for other in users), f"{module} advises {name}:, which no node has that uses it"


def test_the_way_out_of_an_unknown_camera_is_that_of_the_node(tmp_path: Path) -> None:
    """Both nodes need the camera, each has its own way to do without."""
    import numpy as np

    from rotonodes.errors import FrameError
    from rotonodes.nodes import FindKeyLight, StackPasses, TonesFromPasses
    from rotonodes.values.pixels import Box, Layers

    random = np.random.default_rng(0)
    planes = {f"V.{name}.{c}": random.uniform(0.1, 1, (40, 40)).astype(np.float32) for name in ("Combined", "DiffDir") for c in "RGB"}
    planes |= {f"V.Normal.{axis}": np.full((40, 40), value, np.float32) for axis, value in zip("XYZ", (0.6, 0, 0.8), strict=True)}
    planes["V.Depth.Z"] = np.full((40, 40), 3, np.float32)
    layers = Layers(planes, Box(0, 0, 40, 40), (40, 40))
    for node in (FindKeyLight(), StackPasses(normals="camera"), TonesFromPasses(recipe="key")):
        inputs = {"layers": layers}
        if node.type_name == "TonesFromPasses":
            import torch

            from rotonodes.values.pixels import Matte

            inputs["matte"] = Matte(torch.ones(1, 40, 40))
        with pytest.raises(FrameError, match="no camera can be solved from Normal and Depth") as error:
            node(**inputs)
        (name,) = ADVICE.findall(str(error.value))
        value = re.search(rf"{name}: (\w+)", str(error.value))
        assert value is not None
        type(node)(**{**node.model_dump(), name: value[1]})(**inputs)  # as advised, it works
