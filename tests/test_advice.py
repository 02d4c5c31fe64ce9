"""What a message advises can be done: a parameter that it names is one of the node that says so."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conftest import Call
from rotonodes.errors import GraphError, UsageError
from rotonodes.graph.builder import Builder
from rotonodes.graph.document import parse_document
from rotonodes.graph.graph import Graph
from rotonodes.io.exr import write_layers
from rotonodes.node.base import Node
from rotonodes.node.registry import full_name
from rotonodes.values.pixels import Box, Layers
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


VARIED = """rotonodes: 1
frames: 1-2
vars: {shot: shot, objects: "no*, !Floor", blur: -1, kind: object}
nodes:
  render: {type: LoadFrames, path: "$shot/render.####.exr"}
  passes: {type: MultipassDecode, in: render.layers, passes: [Combined], mattes: {shape: $objects}, cryptomatte: $kind}
  soft:   {type: Blur, in: passes.Combined, size: 2}
  out:    {type: WriteFrames, in: soft, path: "$out/o.####.png"}
"""


def varied(text: str = VARIED, variables: dict[str, Any] | None = None, settings: dict[str, Any] | None = None) -> Graph:
    graph = Graph()
    given = {"out": "out", "shot": "shot", "objects": "no*, !Floor", "blur": -1, "kind": "object", **(variables or {})}
    Builder(parse_document(text.replace("blur: -1", "blur: -1, out: out"), "graph.yaml"), given, settings or {}).build(graph)
    return graph


@pytest.mark.parametrize(
    ("node", "message", "expected"),
    [
        ("passes", "nothing is called 'no*'; it has ball", "; mattes comes from $objects: --var objects=..."),
        ("passes", "nothing is called 'Floor'", "; mattes comes from $objects: --var objects=..."),
        ("passes", "cryptomatte: there is none", "; cryptomatte comes from $kind: --var kind=..."),
        ("passes", "set cryptomatte: material", "; cryptomatte comes from $kind: --var kind=..."),
        ("passes", "passes: there is no pass", ""),
        ("render", "damaged EXR", ""),
        ("soft", "size: too large", ""),
    ],
)
def test_a_message_about_a_parameter_names_the_variable_that_it_comes_from(node: str, message: str, expected: str) -> None:
    vertex = varied().vertices[node]
    assert vertex.advised(message) == message + expected
    assert str(vertex.located(UsageError(message))).endswith(f"{node}: {message}{expected}")
    assert vertex.advised(vertex.advised(message)) == message + expected


def test_advice_to_set_a_parameter_becomes_advice_to_set_its_variable() -> None:
    vertices = varied().vertices
    assert vertices["render"].advised("check it (--set render.path=...) and --root") == "check it (--var shot=...) and --root"
    assert vertices["passes"].advised("say --set passes.cryptomatte=RANGE") == "say --var kind=RANGE"
    assert vertices["passes"].advised("say --set soft.size=1") == "say --set soft.size=1"


def test_a_parameter_that_set_has_changed_comes_from_no_variable() -> None:
    vertex = varied(settings={"passes.cryptomatte": "material"}).vertices["passes"]
    assert vertex.advised("cryptomatte: there is none") == "cryptomatte: there is none"


def test_a_wrong_value_of_a_variable_is_said_where_the_graph_is_read() -> None:
    with pytest.raises(GraphError) as caught:
        varied(VARIED.replace("size: 2", "size: $blur"))
    assert str(caught.value.faults[0]).endswith("; size comes from $blur: --var blur=...")


def test_in_a_graph_that_is_a_node_the_way_is_its_parameter_or_the_outer_variable(tmp_path: Path) -> None:
    inner = 'rotonodes: 1\nvars: {kind: object, view: ""}\ninputs: {in: decode.layers}\noutputs: {image: decode.Combined}\nnodes:\n'
    inner += "  decode: {type: MultipassDecode, passes: [Combined], cryptomatte: $kind, view: $view}\n"
    (tmp_path / "inner.yaml").write_text(inner)
    text = 'rotonodes: 1\nframes: 1\nvars: {sort: material}\nnodes:\n  render: {type: LoadFrames, path: "r.####.exr"}\n'
    text += "  part: {type: inner.yaml, in: render.layers, kind: $sort, view: left}\n"
    graph = Graph()
    Builder(parse_document(text, str(tmp_path / "graph.yaml")), {}, {}).build(graph)
    vertex = graph.vertices["part/decode"]
    assert vertex.advised("cryptomatte: none") == "cryptomatte: none; cryptomatte comes from $kind: --var sort=..."
    assert vertex.advised("view: none") == "view: none; view comes from $view: --set part.view=..."


def test_what_a_run_and_a_check_say_names_the_variable(call: Call, tmp_path: Path) -> None:
    write_layers(tmp_path / "render.0001.exr", Layers({name: np.zeros((4, 4), np.float16) for name in "RGB"}, Box(0, 0, 4, 4), (4, 4)))
    text = 'rotonodes: 1\nvars: {shot: ., pass_: Normal}\nnodes:\n  render: {type: LoadFrames, path: "$shot/render.####.exr"}\n'
    text += "  passes: {type: MultipassDecode, in: render.layers, passes: [$pass_]}\n"
    text += '  png: {type: WriteFrames, in: "passes.Normal", path: o.####.png}\n'
    (tmp_path / "graph.yaml").write_text(text)
    for words in (["run", "graph.yaml", "--device", "cpu"], ["check", "graph.yaml", "--files"]):
        ended = call(*words)
        assert "there is no pass 'Normal'" in ended.err + ended.out, ended
        assert "; passes comes from $pass_: --var pass_=..." in ended.err + ended.out
        ended = call(*words, "--var", "shot=elsewhere")
        assert "check the path (--var shot=...) and --root" in ended.err + ended.out
