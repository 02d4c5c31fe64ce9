"""Graph files that would hang or overflow a careless reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from rotonodes import Graph
from rotonodes.errors import GraphError
from rotonodes.graph.document import Document, read_document


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


def test_a_graph_file_that_many_nodes_use_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine of nine of nine: 729 nodes from three files."""
    ends = "rotonodes: 1\ninputs: {image: n0.image}\noutputs: {out: n8}\nnodes:\n"
    for level in range(3):
        body = f"type: ./g{level - 1}.yaml" if level else "type: Crop, left: 1"
        nodes = [f"  n{at}: {{{body}{f', in: n{at - 1}' if at else ''}}}\n" for at in range(9)]
        (tmp_path / f"g{level}.yaml").write_text(ends + "".join(nodes))
    read: list[str] = []

    def counted(path: str) -> Document:
        read.append(Path(path).name)
        return read_document(path)

    monkeypatch.setattr("rotonodes.graph.builder.read_document", counted)
    graph = load(tmp_path, "rotonodes: 1\nnodes:\n  a: {type: LoadFrames, path: a.png}\n  b: {type: ./g2.yaml, in: a}\n")
    assert len(graph.vertices) == 730
    assert sorted(read) == ["g0.yaml", "g1.yaml", "g2.yaml"]


def test_a_chain_of_thousands(tmp_path: Path) -> None:
    nodes = ["  n0: {type: LoadFrames, path: a.png}"] + [f"  n{i}: {{type: Crop, in: n{i - 1}}}" for i in range(1, 3000)]
    graph = load(tmp_path, "rotonodes: 1\nframes: 1-2\nnodes:\n" + "\n".join(nodes))
    assert graph.sinks() == ["n2999"]
    assert len(graph.order()) == 3000


def test_one_text_of_many_long_variables(tmp_path: Path) -> None:
    text = 'rotonodes: 1\nvars: {a: "' + "x" * 90_000 + '", b: "' + "$a" * 50_000 + '"}\nnodes:\n  s: {type: LoadFrames, path: "$b"}\n'
    with pytest.raises(GraphError, match="expand to more than 100000 characters"):
        load(tmp_path, text)
    many = "".join(f'  n{i}: {{type: LoadFrames, path: "$a{i}"}}\n' for i in range(200))
    with pytest.raises(GraphError, match="the texts of the graph expand to more than 10000000 characters"):
        load(tmp_path, 'rotonodes: 1\nvars: {a: "' + "x" * 90_000 + '"}\nnodes:\n' + many.replace("$a", "${a}"))


def test_graphs_within_graphs_that_grow(tmp_path: Path) -> None:
    """Nine wide and six deep would be half a million nodes."""
    (tmp_path / "g6.yaml").write_text("rotonodes: 1\noutputs: o\nnodes:\n  o: {type: LoadFrames, path: x.png}\n")
    for level in range(6):
        uses = "".join(f"  a{at}: {{type: ./g{level + 1}.yaml}}\n" for at in range(9))
        (tmp_path / f"g{level}.yaml").write_text(f"rotonodes: 1\noutputs: o\nnodes:\n{uses}  o: {{type: Crop, in: a0}}\n")
    with pytest.raises(GraphError) as caught:
        Graph.load(tmp_path / "g0.yaml")
    assert len(caught.value.faults) == 1
    assert "used more than 1000 times" in str(caught.value)


def test_a_thousand_misspelt_links(tmp_path: Path) -> None:
    text = "rotonodes: 1\nnodes:\n  s: {type: LoadFrames, path: x.png}\n"
    text += "".join(f"  node_number_{i}: {{type: Crop, in: node_nomber_{i}x}}\n" for i in range(1000))
    with pytest.raises(GraphError) as caught:
        load(tmp_path, text)
    assert len(caught.value.faults) == 1000
    assert "(did you mean 'node_number_0'?)" in str(caught.value.faults[0])
