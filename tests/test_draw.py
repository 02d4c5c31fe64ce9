"""Pictures of graphs: every node and link is in them, and the layout keeps boxes apart."""

import itertools
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from rotonodes import Graph
from rotonodes.describe.draw import GAP_Y, Edge, Layout, draw_graph, edges, joined, kind
from rotonodes.errors import UsageError

ROOT = Path(__file__).parent.parent
GRAPHS = sorted((ROOT / "graphs").glob("*.yaml"))
TEXT = """
rotonodes: 1
frames: 1-4
nodes:
  load:  {type: LoadFrames, path: "x.####.exr"}
  parts: {type: MultipassDecode, in: load.layers, passes: [Combined, "Shadow Catcher"], mattes: {shape: "a"}}
  crop:  {type: Crop, in: parts.Shadow Catcher, label: 'a <b> & "c"'}
  comp:  {type: Composite, in: {fg: crop, bg: parts.Combined, mask: parts.shape}}
  off:   {type: Crop, in: comp, disable: true}
  png:   {type: WriteFrames, in: off, path: "y.####.png"}
"""


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    (tmp_path / "graph.yaml").write_text(TEXT)
    return Graph.load(tmp_path / "graph.yaml")


def test_links_say_what_is_not_plain(graph: Graph) -> None:
    assert edges(graph) == [
        Edge("load", "parts", "layers"),
        Edge("parts", "crop", "Shadow Catcher"),
        Edge("crop", "comp", "fg"),
        Edge("parts", "comp", "bg"),
        Edge("parts", "comp", "shape → mask"),
        Edge("comp", "off", ""),
        Edge("off", "png", ""),
    ]
    assert Edge("parts", "comp", "bg\nshape → mask") in joined(edges(graph))


def test_kinds(graph: Graph) -> None:
    kinds = {name: kind(vertex) for name, vertex in graph.vertices.items()}
    assert kinds == {"load": "source", "parts": "plain", "crop": "plain", "comp": "plain", "off": "off", "png": "writer"}


def test_mermaid(graph: Graph) -> None:
    lines = draw_graph(graph, "mermaid").splitlines()
    assert lines[0] == "flowchart LR"
    assert '    n2["<b>a &lt;b&gt; &amp; &quot;c&quot;</b><br/>Crop"]:::plain' in lines
    assert '    n1 -- "Shadow Catcher" --> n2' in lines
    assert "    n3 --> n4" in lines
    assert any(line.startswith("    classDef off") for line in lines)


def test_dot(graph: Graph) -> None:
    text = draw_graph(graph, "dot")
    assert text.startswith("digraph rotonodes {")
    assert text.endswith("}\n")
    assert r'"crop" [label="a <b> & \"c\"\nCrop"' in text
    assert '"parts" -> "comp" [label="shape → mask"];' in text


@pytest.mark.parametrize("path", [*GRAPHS, None], ids=lambda path: path.name if path else "sample")
def test_svg_is_whole(path: Path | None, graph: Graph) -> None:
    drawn = Graph.load(path) if path else graph
    root = ET.fromstring(draw_graph(drawn, "svg"))
    texts = {element.text for element in root.iter() if element.tag.endswith("text")}
    for name, vertex in drawn.vertices.items():
        assert {vertex.label or name, type(vertex.node).type_name} <= texts
    assert sum(element.get("marker-end") is not None for element in root.iter()) == len(joined(edges(drawn)))


@pytest.mark.parametrize("path", [*GRAPHS, None], ids=lambda path: path.name if path else "sample")
def test_boxes_keep_apart_and_inside(path: Path | None, graph: Graph) -> None:
    layout = Layout(Graph.load(path) if path else graph)
    for layer in layout.layers:
        for above, below in itertools.pairwise(layer):
            assert below.y >= above.y + above.height + GAP_Y - 1e-6
    for spot in layout.spots.values():
        assert 0 < spot.x < spot.x + spot.width < layout.width
        assert 0 < spot.y < spot.y + spot.height < layout.height
    for edge in layout.edges:
        assert layout.spots[edge.source].x + layout.spots[edge.source].width < layout.spots[edge.target].x


def test_a_long_graph_is_drawn(tmp_path: Path) -> None:
    lines = ["rotonodes: 1", "nodes:", "  n0: {type: LoadFrames, path: x.png}"]
    lines += [f"  n{i}: {{type: Crop, in: n{i - 1 if i % 3 else i // 2}, left: 1}}" for i in range(1, 300)]
    (tmp_path / "long.yaml").write_text("\n".join(lines))
    assert draw_graph(Graph.load(tmp_path / "long.yaml"), "svg").count("<rect") == 301


def test_one_node_alone_and_an_unknown_language() -> None:
    from rotonodes.nodes import LoadFrames

    graph = Graph()
    graph.add(LoadFrames(path="x.png"), "only")
    assert draw_graph(graph, "svg").count("<rect") == 2
    with pytest.raises(UsageError, match="mermaid, dot or svg, not 'png'"):
        draw_graph(graph, "png")
