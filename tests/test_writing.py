"""The text of a graph: what it reads back as is the same graph, and notebooks show it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotonodes import Graph, UsageError
from rotonodes.graph.builder import Builder
from rotonodes.graph.document import parse_document
from rotonodes.graph.job_files import declared
from rotonodes.nodes import Crop, LoadFrames, Merge, Text, WriteFrames

ROOT = Path(__file__).parent.parent
GRAPHS = sorted([*(ROOT / "graphs").glob("*.yaml"), *(ROOT / "examples").rglob("*.yaml")])


def read(text: str, **variables: Any) -> Graph:
    graph = Graph()
    Builder(parse_document(text, "text.yaml"), variables, {}).build(graph)
    return graph


def told(graph: Graph, slash: str = "/") -> list[Any]:
    """All that a graph is, as plain data; `slash` stands for the one in the names of nodes inside graphs."""

    def name(of: str) -> str:
        return of.replace("/", slash)

    nodes = [
        (
            name(v.name),
            v.node,
            {k: [(name(at.node), at.output) for at in links] for k, links in v.links.items() if links},
            v.disabled,
            v.label,
            v.cache,
        )
        for v in graph.vertices.values()
    ]
    return [graph.frames, *nodes]


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_the_graphs_of_the_repository_come_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    graph = Graph.load(path)
    again = read(graph.to_yaml())
    assert told(again) == told(graph)
    assert again.to_yaml() == graph.to_yaml()
    assert declared(again.data) == declared(graph.data)


@given(st.text(st.sampled_from("aF4$ {}passname:'\"#\\é\n"), max_size=12), st.floats(1, 8), st.integers(-50, 50))
def test_any_values_come_back(text: str, zoom: float, left: int) -> None:
    graph = Graph(frames=[5, 3, 4])
    word = graph.add(Text(text=text or " ", size=(8, 4)), "word")
    graph.add(Crop(left=left, zoom=zoom), "cut", image=word)
    assert told(read(graph.to_yaml())) == told(graph)


def test_settings_of_nodes_and_many_links() -> None:
    graph = read(
        """
rotonodes: 1
frames: auto
vars: {wide: 8}
nodes:
  a: {type: LoadFrames, path: "a.$F4.png"}
  b: {type: Crop, in: a, left: $wide, disable: true, label: "cut: it", cache: true}
  c: {type: Merge, in: {images: [a, b]}}
"""
    )
    text = graph.to_yaml()
    assert told(read(text)) == told(graph)
    assert '"a.$F4.png"' in text and "left: 8" in text and "images: [a.image, b]" in text.replace("in: [", "images: [")


def test_graphs_in_graphs_are_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "inner.yaml").write_text(
        "rotonodes: 1\nvars: {by: 2}\nnodes:\n  cut: {type: Crop, left: $by}\n  more: {type: Crop, in: cut, top: 1}\n"
        "inputs: {image: cut.image}\noutputs: {out: more.image}\n"
    )
    (tmp_path / "outer.yaml").write_text(
        "rotonodes: 1\nnodes:\n  a: {type: LoadFrames, path: a.png}\n  sub: {type: inner.yaml, in: a, by: 5}\n"
        "  sub_cut: {type: Crop, in: sub.out}\n  out: {type: WriteFrames, in: sub_cut, path: b.png}\n"
    )
    monkeypatch.chdir(tmp_path)
    graph = Graph.load("outer.yaml")
    text = graph.to_yaml("written.yaml")
    assert (tmp_path / "written.yaml").read_text() == text
    again = Graph.load("written.yaml")
    assert list(again.vertices) == ["a", "sub_cut_", "sub_more", "sub_cut", "out"]
    assert [v.node for v in again.vertices.values()] == [v.node for v in graph.vertices.values()]
    inner = Graph.load("inner.yaml").to_yaml()
    assert "inputs: {image: cut.image}" in inner and "outputs: {out: more}" in inner


def test_a_graph_made_in_python(tmp_path: Path) -> None:
    graph = Graph(frames="1-3")
    render = graph.add(LoadFrames(path=tmp_path / "a.####.png"))
    cut = graph.add(Crop(left=2), image=render)
    both = graph.add(Merge(), images=[render.image, cut])
    graph.add(WriteFrames(path="b.####.png"), image=both)
    assert told(read(graph.to_yaml())) == told(graph)
    assert repr(graph) == "Graph(4 nodes, frames 1-3)"
    assert repr(cut) == "Handle(crop.image)"
    shown = graph._repr_mimebundle_()
    assert shown["text/plain"] == repr(graph)
    assert shown["image/svg+xml"].startswith("<svg") and "LoadFrames" in shown["image/svg+xml"]
    assert set(Graph()._repr_mimebundle_()) == {"text/plain"}


FAULTS = [
    (lambda graph: graph.add(Crop), r"add takes a node, not the class Crop: write Crop\(...\)"),
    (lambda graph: graph.add("Crop"), "add takes a node, not str"),
    (lambda graph: graph.run(frame=3), r"run has no option 'frame' \(did you mean 'frames'\?\)"),
    (lambda graph: graph.run(frames=1.5), r"frames are whole numbers or a range as text \(\"1-24\"\), not 1.5"),
    (lambda graph: graph.run(device=3), "run: device is text, not 3"),
    (lambda graph: graph.run(cache=3), "run: cache is a folder, not 3"),
    (lambda graph: graph.run(threads="3"), "run: threads is a whole number from 1, not '3'"),
    (lambda graph: graph.run(on_error="sotp"), "run: on_error is 'stop' or 'continue', not 'sotp'"),
    (lambda graph: graph.run(verify="yes"), "run: verify is True or False, not 'yes'"),
    (lambda graph: graph.run(force=3), "run: force is True, False or names of nodes, not 3"),
    (lambda graph: graph.run(nodes=[3]), r"run: nodes is names of nodes, not \[3\]"),
    (lambda graph: Graph(frames=["a"]), "frames are whole numbers or a range as text"),
]


@pytest.mark.parametrize(("do", "words"), FAULTS)
def test_what_does_not_fit_is_one_line(do: Any, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        do(Graph(frames=3))
    assert "\n" not in str(caught.value)


def test_run_takes_a_graph_and_says_how_to_load_one() -> None:
    import rotonodes

    with pytest.raises(UsageError, match=r'run takes a Graph, not str: Graph.load\("a.yaml"\)'):
        rotonodes.run("a.yaml")  # type: ignore[arg-type]


def test_a_run_in_a_notebook(tmp_path: Path) -> None:
    import PIL.Image

    for frame in (1, 2):
        PIL.Image.new("RGB", (4, 4)).save(tmp_path / f"a.{frame:04d}.png")
    graph = Graph()
    graph.add(WriteFrames(path=tmp_path / "b.####.png"), image=graph.add(LoadFrames(path=tmp_path / "a.####.png")))
    shown = graph.run(frames=2, nodes="write_frames", root=tmp_path, cache=tmp_path / "cache")._repr_html_()
    assert "1 of 1 frames are there" in shown and "<td>write_frames</td>" in shown
    failed = graph.run(frames=[3], root=tmp_path, cache="none")._repr_html_()
    assert "<li>" in failed and "a.0003.png" in failed
