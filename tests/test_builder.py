"""Faults of a graph file: each stands at the key or at the value that is wrong, counted from 1, and the words say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotonodes import Graph
from rotonodes.errors import GraphError

GRAPH = """\
rotonodes: 1
frames: 1-3
vars: {size: 4}
nodes:
  plate: {type: LoadFrames, path: a.png}
  crop: {type: Crop, in: plate, left: $size}
"""


def faults(folder: Path, text: str, **options: object) -> list[str]:
    """What is wrong with a graph, without the folder in which it lies."""
    (folder / "g.yaml").write_text(text)
    with pytest.raises(GraphError) as error:
        Graph.load(str(folder / "g.yaml"), **options)  # type: ignore[arg-type]
    return [str(fault).replace(f"{folder}/", "") for fault in error.value.faults]


def test_the_graph_without_a_fault_is_built(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(GRAPH)
    graph = Graph.load(str(tmp_path / "g.yaml"))
    assert list(graph.vertices) == ["plate", "crop"] and graph.frames == (1, 2, 3) and graph.vertices["crop"].node.left == 4


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("frames: 1-3", "frmaes: 1-3", "g.yaml:2:1: unknown key 'frmaes' (did you mean 'frames'?); a graph has "),
        ("frames: 1-3", "frames: 1-x", "g.yaml:2:9: "),
        ("frames: 1-3", "inputs: 3", "g.yaml:2:9: inputs: is a mapping of names to the nodes inside that they stand for"),
        ("frames: 1-3", "outputs: [3]", "g.yaml:2:10: outputs: is a mapping of names to the nodes inside that they stand for"),
        ("{size: 4}", "[size]", "g.yaml:3:7: vars: is a mapping of names to values"),
        ("{size: 4}", "{size: 4, F4: 1}", "g.yaml:3:17: the variable $F4 is taken: it means the frame number or the pass"),
        ("{size: 4}", "{pass: 1, size: 4}", "g.yaml:3:8: the variable $pass is taken: it means the frame number or the pass"),
        ("  crop:", "  9crop:", "g.yaml:6:3: 9crop: a node's name is letters, digits, _ and -, beginning with a letter"),
        ("{type: LoadFrames, path: a.png}", "LoadFrames", "g.yaml:5:10: plate: a node is a mapping with `type:`"),
        ("{type: LoadFrames, path: a.png}", "{path: a.png}", "g.yaml:5:10: plate: `type:` is missing: which kind of node is it?"),
        ("type: LoadFrames,", "type: [LoadFrames],", "g.yaml:5:17: plate: a type is the name of a node, not ['LoadFrames']"),
        ("type: LoadFrames,", "type: LoadFrame,", "g.yaml:5:17: plate: unknown type 'LoadFrame' (did you mean 'LoadFrames'?)"),
        ("type: LoadFrames,", "type: Xyzzyqq,", "g.yaml:5:17: plate: unknown type 'Xyzzyqq': `rotonodes nodes` lists them"),
        ("left: $size", "lefft: $size", "g.yaml:6:33: crop: Crop has no parameter 'lefft' (did you mean 'left'?)"),
        ("left: $size", "left: $sise", "g.yaml:6:39: crop: "),
        ("left: $size", "left: far", "g.yaml:6:39: crop: left: "),
        ("left: $size", "disable: 1", "g.yaml:6:42: crop: disable: is true or false, not 1"),
        ("left: $size", "cache: 'yes'", "g.yaml:6:40: crop: cache: is true or false, not 'yes'"),
        ("in: plate", "in: {image: [plate, 3]}", "g.yaml:6:34: crop: a link is `node` or `node.output`, not 3"),
        ("in: plate", "in: 3", "g.yaml:6:26: crop: a link is `node` or `node.output`, not 3"),
        ("{type: LoadFrames,", "{type: LoadFrames, in: crop,", "g.yaml:5:33: plate: LoadFrames has no inputs"),
    ],
)  # fmt: skip
def test_each_fault_stands_where_it_is(old: str, new: str, wanted: str, tmp_path: Path) -> None:
    assert old in GRAPH
    found = faults(tmp_path, GRAPH.replace(old, new))
    assert found[0].startswith(wanted), found


def test_a_graph_without_nodes_says_so(tmp_path: Path) -> None:
    for nodes in ("nodes: {}\n", "nodes: [plate]\n", ""):
        assert faults(tmp_path, "rotonodes: 1\n" + nodes)[0].partition(": ")[2] == "a graph needs `nodes:`, a mapping of node names"


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("", "g.yaml:1:1: the format version is missing: a graph begins with `rotonodes: 1`"),
        ("rotonodes: one\n", "g.yaml:1:12: the format version is a number, `rotonodes: 1`, not 'one'"),
        ("rotonodes: true\n", "g.yaml:1:12: the format version is a number, `rotonodes: 1`, not True"),
        ("rotonodes: 0\n", "g.yaml:1:12: the format version is a number, `rotonodes: 1`, not 0"),
        ("rotonodes: 2\n", "g.yaml:1:12: this graph is of format 2; this rotonodes reads up to 1: install a newer one"),
    ],
)
def test_the_version_of_the_format(version: str, wanted: str, tmp_path: Path) -> None:
    assert faults(tmp_path, GRAPH.replace("rotonodes: 1\n", version))[0] == wanted


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"variables": {"sise": "3"}}, "g.yaml:3:7: --var sise: the graph has no variable 'sise' (did you mean 'size'?)"),
        ({"settings": {"crup.left": 3}}, "g.yaml:5:3: --set crup.left: there is no node 'crup' (did you mean 'crop'?)"),
        ({"settings": {"crop/in.left": 3}}, "g.yaml:5:3: --set crop/in.left: there is no node 'crop/in'"),
        ({"settings": {"frames": "1-x"}}, "g.yaml:2:9: --set frames: "),
        ({"settings": {"crop.lefft": 3}}, "g.yaml:6:3: crop: Crop has no parameter 'lefft' (did you mean 'left'?)"),
    ],
)
def test_what_the_command_line_sets_is_checked_too(options: dict[str, object], wanted: str, tmp_path: Path) -> None:
    assert faults(tmp_path, GRAPH, **options)[0].startswith(wanted)


def test_faults_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = GRAPH.replace("left: $size", "lefft: 3, riight: 4").replace("type: LoadFrames", "type: LoadFrame").replace("1-3", "1-x")
    places = [tuple(int(part) for part in line.split(":")[1:3]) for line in faults(tmp_path, text)]
    assert places == [(2, 9), (5, 17), (6, 33), (6, 43)]
