"""Graph files that would hang or overflow a careless reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotonodes import Graph
from rotonodes.errors import GraphError


def load(folder: Path, text: str) -> Graph:
    (folder / "g.yaml").write_text(text)
    return Graph.load(folder / "g.yaml")


def test_variables_that_grow_are_refused(tmp_path: Path) -> None:
    lines = ["  v0: abcdefghij"] + [f"  v{i}: {'$v' + str(i - 1) + ' '}" + f"{'${v' + str(i - 1) + '}'}" * 5 for i in range(1, 14)]
    text = "rotonodes: 1\nvars:\n" + "\n".join(lines) + '\nnodes:\n  a: {type: LoadFrames, path: "$v13"}\n'
    with pytest.raises(GraphError, match="expand to more than 100000 characters"):
        load(tmp_path, text)


def test_a_ring_of_disabled_nodes(tmp_path: Path) -> None:
    text = """
rotonodes: 1
nodes:
  a: {type: Crop, in: b, disable: true}
  b: {type: Crop, in: a, disable: true}
  c: {type: Crop, in: a, disable: true}
  d: {type: Crop, in: c}
"""
    with pytest.raises(GraphError, match="the links form a cycle: a -> b -> a"):
        load(tmp_path, text)


def test_a_chain_of_thousands(tmp_path: Path) -> None:
    nodes = ["  n0: {type: LoadFrames, path: a.png}"] + [f"  n{i}: {{type: Crop, in: n{i - 1}}}" for i in range(1, 3000)]
    graph = load(tmp_path, "rotonodes: 1\nframes: 1-2\nnodes:\n" + "\n".join(nodes))
    assert graph.sinks() == ["n2999"]
    assert len(graph.order()) == 3000
