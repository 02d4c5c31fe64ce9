"""Graphs from files and from Python: links, types, order, subgraphs, variables."""

from pathlib import Path
from typing import Any

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotonodes import Graph
from rotonodes.errors import GraphError, UsageError
from rotonodes.graph.graph import Link
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.values.pixels import Clip, Image, Labels, Matte, Picture


class GraphSource(Node):
    gain: float = param(1.0, help="factor", ge=0)
    names: list[str] = param([], help="words")

    def outputs(self) -> dict[str, type]:
        return {"image": Image, "matte": Matte, "labels": Labels}

    def process(self, frame: Frame) -> dict[str, Any]: ...


class GraphPass(Node):
    amount: int = param(0, help="how much", ge=-5, le=5)

    def process(self, image: Picture) -> Picture: ...


class GraphMix(Node):
    def process(self, a: Image, b: Image | None = None, mask: Matte | None = None, more: list[Image | Matte] | None = None) -> Image: ...


class GraphEnd(Node):
    def process(self, image: Clip[Image | Labels]) -> Path: ...


def load(folder: Path, text: str, name: str = "g.yaml", **options: Any) -> Graph:
    (folder / name).write_text(text)
    return Graph.load(folder / name, **options)


def faults(folder: Path, text: str, **options: Any) -> list[str]:
    with pytest.raises(GraphError) as caught:
        load(folder, text, **options)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


TEXT = """\
rotonodes: 1
frames: 1-9x2
vars: {gain: 2, word: a}
nodes:
  end:  {type: GraphEnd, in: mix, label: the end}
  mix:  {type: GraphMix, in: {a: soft.image, mask: plate.matte, more: [plate, soft]}, cache: true}
  soft: {type: GraphPass, in: plate, amount: 3}
  plate: {type: GraphSource, gain: $gain, names: ["${word}1", b]}
"""


def test_a_file_becomes_nodes_and_links(tmp_path: Path) -> None:
    graph = load(tmp_path, TEXT)
    assert graph.frames == (1, 3, 5, 7, 9)
    assert graph.order() == ["plate", "soft", "mix", "end"]
    assert graph.vertices["plate"].node == GraphSource(gain=2, names=["a1", "b"])
    assert graph.vertices["mix"].links == {
        "a": (Link("soft", "image"),), "mask": (Link("plate", "matte"),), "more": (Link("plate", "image"), Link("soft", "image")),
    }  # fmt: skip
    assert graph.vertices["end"].label == "the end"
    assert graph.vertices["mix"].keeps and not graph.vertices["soft"].keeps
    assert graph.sinks() == ["end"]
    assert graph.upstream(["soft"]) == {"soft", "plate"}
    assert graph.topology.number_of_edges() == 6


def test_variables_and_settings_of_the_command_line(tmp_path: Path) -> None:
    graph = load(tmp_path, TEXT, variables={"gain": 7}, settings={"soft.amount": "-2", "plate.names": ["x"]})
    assert graph.vertices["plate"].node == GraphSource(gain=7, names=["x"])
    assert graph.vertices["soft"].node == GraphPass(amount=-2)
    wrong = faults(tmp_path, TEXT, variables={"gian": 7}, settings={"soft.amont": 1, "sfot.amount": 1, "plate.gain": -1})
    assert len(wrong) == 4
    text = "\n".join(wrong)
    for words in ("--var gian", "did you mean 'gain'", "'amont' (did you mean 'amount'?)", "there is no node 'sfot'", "not -1"):
        assert words in text


def test_no_fault_hides_behind_another(tmp_path: Path) -> None:
    """What stands behind frames in `--set`, behind a wrong link or a wrong input is looked at, too."""
    (line,) = faults(tmp_path, TEXT, settings={"frames": "1-2", "sfot.amount": 1})
    assert "--set sfot.amount: there is no node 'sfot' (did you mean 'soft'?)" in line
    links = faults(tmp_path, TEXT.replace("more: [plate, soft]", "more: [3, {}, nowhere]"))
    assert [line.partition(": ")[2] for line in links] == [
        "mix: a link is `node` or `node.output`, not 3",
        "mix: a link is `node` or `node.output`, not {}",
        "mix: there is no node 'nowhere'",
    ]
    (tmp_path / "sub.yaml").write_text("rotonodes: 1\ninputs: {a: s}\nnodes:\n  s: {type: GraphPass}\n")
    text = "rotonodes: 1\nnodes:\n  p: {type: GraphSource}\n  sub: {type: sub.yaml, in: {b: p, a: p.image, c: p}}\n"
    assert [line.partition(": sub: ")[2] for line in faults(tmp_path, text)] == [
        "sub.yaml has no input 'b'",
        "sub.yaml has no input 'c'",
    ]
    inputs = faults(tmp_path, TEXT.replace("in: {a: soft.image,", "in: {c: soft, a: [soft.image, plate.image], d: soft,"))
    assert [line.partition(": mix: ")[2].partition(";")[0] for line in inputs] == [
        "GraphMix has no input 'c'",
        "the input 'a' takes one link, not 2",
        "GraphMix has no input 'd'",
    ]
    required = "rotonodes: 1\nframes: 1\nnodes:\n  p: {type: GraphSource}\n  w: {type: WriteGIF, in: p, pth: a.gif, fps: -1, loop: -1}\n"
    assert [line.partition(": w: ")[2].partition(":")[0].partition(" (")[0] for line in faults(tmp_path, required)] == [
        "WriteGIF has no parameter 'pth'",
        "fps",
        "loop",
    ]
    parameters = faults(tmp_path, TEXT.replace("gain: $gain, names", "gain: $gian, extra: $also, names"))
    assert len(parameters) == 2 and "$gian" in parameters[0] and "$also" in parameters[1]


def test_a_type_goes_through_nodes_that_keep_it(tmp_path: Path) -> None:
    through = TEXT.replace("in: plate, amount: 3", "in: plate.labels").replace(
        "end:  {type: GraphEnd, in: mix,", "end:  {type: GraphEnd, in: soft,"
    )
    (line,) = faults(tmp_path, through.replace(", more: [plate, soft]", ""))
    assert line == "g.yaml:6:34: mix: the input 'a' takes Image, but soft.image is Labels"
    matte = "rotonodes: 1\nnodes:\n  p: {type: GraphSource}\n  s: {type: GraphPass, in: p.matte}\n"
    matte += "  t: {type: GraphPass, in: s}\n  e: {type: GraphEnd, in: t}\n"
    assert faults(tmp_path, matte) == ["g.yaml:6:27: e: the input 'image' takes Image or Labels, but t.image is Matte"]


def test_disabled_nodes_are_stepped_over(tmp_path: Path) -> None:
    graph = load(tmp_path, TEXT.replace("amount: 3", "amount: 3, disable: true"))
    assert graph.source_of(Link("soft", "image")) == Link("plate", "image")
    assert graph.source_of(Link("mix", "image")) == Link("mix", "image")
    assert graph.sinks() == ["end"]
    labels = TEXT.replace("in: plate, amount: 3", "in: plate.labels, disable: true").replace(", more: [plate, soft]", "")
    (line,) = faults(tmp_path, labels)
    assert "takes Image, but" in line and "is Labels" in line


def test_links_from_python(tmp_path: Path) -> None:
    graph = Graph(frames="1-3")
    plate = graph.add(GraphSource())
    soft = graph.add(GraphPass(), image=plate.matte)
    graph.add(GraphMix(), "mix", a=plate, mask=soft, more=[plate, plate["matte"]])
    assert list(graph.vertices) == ["graph_source", "graph_pass", "mix"]
    assert graph.vertices["mix"].links["mask"] == (Link("graph_pass", "image"),)
    again = graph.add(GraphSource())
    assert list(graph.vertices)[-1] == "graph_source2"
    with pytest.raises(UsageError, match=r"no output 'mate' \(did you mean 'matte'\?\)"):
        _ = again.mate
    with pytest.raises(UsageError, match="already has a node 'mix'"):
        graph.add(GraphMix(), "mix", a=plate)
    with pytest.raises(UsageError, match="link a node of this graph"):
        graph.add(GraphMix(), a=Graph().add(GraphSource()))
    with pytest.raises(UsageError, match="not GraphSource"):
        graph.add(GraphMix(), a=GraphSource())
    count = len(graph.vertices)
    for links, words in (({}, "is missing"), ({"a": plate.labels}, "takes Image"), ({"a": plate, "c": plate}, "no input 'c'")):
        with pytest.raises(GraphError, match=words):
            graph.add(GraphMix(), **links)
    assert len(graph.vertices) == count, "a node that was refused is not in the graph"


SUB = """\
rotonodes: 1
vars: {amount: 1}
inputs: {plate: soft.image, also: [more.a, hard]}
outputs: {soft: soft, mixed: more.image}
nodes:
  soft: {type: GraphPass, amount: $amount}
  hard: {type: GraphPass}
  more: {type: GraphMix, in: {b: hard}}
"""

OUTER = """\
rotonodes: 1
frames: 1-3
nodes:
  plate: {type: GraphSource}
  sub: {type: ./sub.yaml, in: {plate: plate, also: plate}, amount: 4}
  end: {type: GraphEnd, in: sub.mixed}
  other: {type: GraphEnd, in: sub}
"""


def test_a_graph_within_a_graph(tmp_path: Path) -> None:
    (tmp_path / "sub.yaml").write_text(SUB)
    graph = load(tmp_path, OUTER)
    assert set(graph.vertices) == {"plate", "sub/soft", "sub/hard", "sub/more", "end", "other"}
    assert graph.vertices["sub/soft"].node == GraphPass(amount=4)
    assert graph.vertices["sub/more"].links == {"b": (Link("sub/hard", "image"),), "a": (Link("plate", "image"),)}
    assert graph.vertices["end"].links == {"image": (Link("sub/more", "image"),)}
    assert graph.vertices["other"].links == {"image": (Link("sub/soft", "image"),)}


def test_a_disabled_graph_within_a_graph_passes_its_input_on(tmp_path: Path) -> None:
    (tmp_path / "sub.yaml").write_text(SUB)
    graph = load(tmp_path, OUTER.replace("amount: 4", "amount: 4, disable: true"))
    assert {name for name, vertex in graph.vertices.items() if vertex.disabled} == {"sub/soft", "sub/hard", "sub/more"}
    assert graph.source_of(graph.vertices["end"].links["image"][0]) == Link("plate", "image")
    assert graph.source_of(graph.vertices["other"].links["image"][0]) == Link("plate", "image")
    one = load(tmp_path, OUTER.replace("rotonodes: 1\n", "rotonodes: 1\n", 1).replace("amount: 4", "amount: 4, disable: false"))
    assert not any(vertex.disabled for vertex in one.vertices.values())
    (tmp_path / "sub.yaml").write_text(SUB.replace("hard: {type: GraphPass}", "hard: {type: GraphPass, disable: true}"))
    inner = load(tmp_path, OUTER)
    assert {name for name, vertex in inner.vertices.items() if vertex.disabled} == {"sub/hard"}, "what is disabled inside stays so"


def test_a_graph_file_beside_the_graph_goes_before_one_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, amount in ((here, 2), (there, 5)):
        folder.mkdir()
        (folder / "sub.yaml").write_text(SUB.replace("vars: {amount: 1}", f"vars: {{amount: {amount}}}"))
    monkeypatch.chdir(here)
    text = OUTER.replace(", amount: 4", "")
    (there / "g.yaml").write_text(text)
    assert Graph.load(there / "g.yaml").vertices["sub/soft"].node == GraphPass(amount=5)
    (there / "sub.yaml").unlink()
    assert Graph.load(there / "g.yaml").vertices["sub/soft"].node == GraphPass(amount=2)


MIDDLE = """\
rotonodes: 1
vars: {strength: 3}
inputs: {picture: [own, sub.plate]}
outputs: sub.mixed
nodes:
  sub: {type: ./sub.yaml, in: {also: own}, amount: $strength}
  own: {type: GraphPass}
"""
OUTERMOST = """\
rotonodes: 1
frames: 1-3
nodes:
  plate: {type: GraphSource}
  a: {type: ./middle.yaml, in: plate, strength: 5}
  b: {type: ./middle.yaml, in: {picture: plate}}
  end: {type: GraphEnd, in: a}
"""


def test_graphs_within_graphs_within_graphs(tmp_path: Path) -> None:
    """Variables, settings and outputs reach through two levels, and each level has names of its own."""
    (tmp_path / "sub.yaml").write_text(SUB)
    (tmp_path / "middle.yaml").write_text(MIDDLE)
    text = OUTERMOST
    graph = load(tmp_path, text)
    inside = {"own", "sub/soft", "sub/hard", "sub/more"}
    assert set(graph.vertices) == {"plate", *(f"a/{name}" for name in inside), *(f"b/{name}" for name in inside), "end"}
    for name in ("a/own", "a/sub/soft", "b/sub/soft"):
        assert graph.vertices[name].links == {"image": (Link("plate", "image"),)}, "an input reaches through two levels"
    assert graph.vertices["end"].links == {"image": (Link("a/sub/more", "image"),)}
    assert [graph.vertices[f"{name}/sub/soft"].node for name in "ab"] == [GraphPass(amount=5), GraphPass(amount=3)]
    assert graph.vertices["b/sub/hard"].links == {"image": (Link("b/own", "image"),)}
    assert graph.links_of("a") == [Link("a/sub/more", "image")]
    (tmp_path / "g.yaml").write_text(text)
    changed = Graph.load(tmp_path / "g.yaml", settings={"a/sub/soft.amount": 4, "b/own.amount": 2})
    assert [changed.vertices[name].node for name in ("a/sub/soft", "b/sub/soft", "b/own")] == [GraphPass(amount=n) for n in (4, 3, 2)]
    with pytest.raises(GraphError, match=r"--set sft.amount: there is no node 'sft' \(did you mean 'soft'\?\)"):
        Graph.load(tmp_path / "g.yaml", settings={"a/sub/sft.amount": 8})


@pytest.mark.parametrize(("levels", "fits"), [(17, True), (18, False)])
def test_levels_of_graphs_are_limited(tmp_path: Path, levels: int, fits: bool) -> None:
    for level in range(levels):
        inner = f"{{type: ./l{level + 1}.yaml}}" if level < levels - 1 else "{type: GraphSource}"
        (tmp_path / f"l{level}.yaml").write_text(f"rotonodes: 1\noutputs: in\nnodes:\n  in: {inner}\n")
    if fits:
        assert len(Graph.load(tmp_path / "l0.yaml").vertices) == 1
    else:
        with pytest.raises(GraphError, match="contains itself"):
            Graph.load(tmp_path / "l0.yaml")


@pytest.mark.parametrize(
    ("paths", "clash"),
    [
        (("a/b.png", "./a/b.png"), "writes"),
        (("a/b.png", "a//b.png"), "writes"),
        (("a/b.png", "a/c/../b.png"), "writes"),
        (("a/b.png", "a/c.png"), ""),
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_one_output_under_two_spellings_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: tuple[str, str], clash: str, there: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    if there:
        (tmp_path / "a").mkdir()
    nodes = "".join(f"  w{at}: {{type: ContactSheet, in: plate, path: {path}}}\n" for at, path in enumerate(paths))
    text = f"rotonodes: 1\nframes: 1\nnodes:\n  plate: {{type: GraphSource}}\n{nodes}"
    found = faults(tmp_path, text) if clash else load(tmp_path, text) and []
    assert [line.partition(": ")[2] for line in found] == (
        [f"w1: {paths[1]} is what w0 writes: give one of them another name"] if clash else []
    )


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("also: plate}", "alos: plate}", ["g.yaml:5:53: sub: ./sub.yaml has no input 'alos' (did you mean 'also'?)"]),
        ("sub.mixed", "sub.mixt", ["g.yaml:6:28: end: sub has no output 'mixt' (did you mean 'mixed'?); it has soft, mixed"]),
        ("amount: 4", "amonut: 4", ["g.yaml:5:61: sub: ./sub.yaml has no variable 'amonut' (did you mean 'amount'?)"]),
        ("./sub.yaml", "./gone.yaml", ["g.yaml:5:15: sub: there is no graph file ./gone.yaml, "
                                        "neither beside this one nor below the current directory"]),
        ("plate: plate,", "plate: plate.labels,", []),
        ("also: plate}", "also: plate.matte}", ["g.yaml:5:8: sub/more: the input 'a' takes Image, but plate.matte is Matte",
                                                 "g.yaml:5:8: sub/more: the input 'b' takes Image, but sub/hard.image is Matte"]),
    ],
)  # fmt: skip
def test_faults_of_a_graph_within_a_graph(tmp_path: Path, old: str, new: str, lines: list[str]) -> None:
    (tmp_path / "sub.yaml").write_text(SUB)
    text = OUTER.replace(old, new)
    if lines:
        found = faults(tmp_path, text)
        assert sorted(line.partition(": ")[2] for line in found) == sorted(line.partition(": ")[2] for line in lines)
        assert {line.partition(":")[0] for line in found} == {line.partition(":")[0] for line in lines}
    else:
        assert load(tmp_path, text).vertices


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("amount: $amount", "amount: 9", "sub.yaml:6:35: soft: amount: must be"),
        ("in: {b: hard}", "in: {b: gone}", "sub.yaml:8:34: more: there is no node 'gone'"),
        ("inputs: {plate: soft.image, also: [more.a, hard]}", "inputs: [plate]", "sub.yaml:3:9: inputs: is a mapping of names"),
        (
            "[more.a, hard]",
            "[more.a, herd.image, hard]",
            "sub.yaml:3:35: the input 'also' names 'herd' (did you mean 'hard'?); there is no such node",
        ),
        ("rotonodes: 1", "rotonodes: 7", "sub.yaml:1:12: this graph is of format 7"),
    ],
)
def test_faults_inside_are_told_with_their_own_file(tmp_path: Path, old: str, new: str, words: str) -> None:
    (tmp_path / "sub.yaml").write_text(SUB.replace(old, new))
    found = faults(tmp_path, OUTER)
    assert words in "\n".join(found)
    assert len(found) == 1, found


def test_a_graph_that_contains_itself_by_way_of_another(tmp_path: Path) -> None:
    (tmp_path / "sub.yaml").write_text(SUB.replace("{type: GraphPass}", "{type: ./g.yaml}"))
    found = faults(tmp_path, OUTER)
    assert any("contains itself" in line for line in found), found


# Random graphs.


@st.composite
def graphs(draw: st.DrawFn) -> tuple[str, dict[str, dict[str, list[tuple[str, str]]]]]:
    """A valid graph file, and its links as they must be read."""
    count = draw(st.integers(1, 12))
    outputs: dict[str, list[str]] = {}  # of what gives pictures: node -> its picture outputs
    lines, wanted = [], {}
    for number in range(count):
        name = f"n{number}"
        pictures = [(node, out) for node, outs in outputs.items() for out in outs]
        kind = draw(st.sampled_from(["GraphSource", "GraphPass", "GraphMix"])) if pictures else "GraphSource"
        links: dict[str, list[tuple[str, str]]] = {}
        if kind == "GraphPass":
            links["image"] = [draw(st.sampled_from(pictures))]
        elif kind == "GraphMix":
            links["a"] = [draw(st.sampled_from(pictures))]
            if draw(st.booleans()):
                links["more"] = draw(st.lists(st.sampled_from(pictures), min_size=1, max_size=3))
        outputs[name] = ["image"]
        wanted[name] = links

        def text(link: tuple[str, str]) -> str:
            return f"{link[0]}.{link[1]}" if draw(st.booleans()) else link[0]

        written = {key: text(given[0]) if key != "more" else "[" + ", ".join(map(text, given)) + "]" for key, given in links.items()}
        short = len(written) == 1 and draw(st.booleans())
        body = next(iter(written.values())) if short else "{" + ", ".join(f"{k}: {v}" for k, v in written.items()) + "}"
        lines.append(f"  {name}: {{type: {kind}" + (f", in: {body}" if written else "") + "}")
    shuffled = draw(st.permutations(lines))
    return "rotonodes: 1\nframes: 1-3\nnodes:\n" + "\n".join(shuffled) + "\n", wanted


@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(graphs())
def test_random_graphs_are_read_as_written(tmp_path: Path, drawn: Any) -> None:
    text, wanted = drawn
    graph = load(tmp_path, text)
    found = {name: {key: [tuple(link) for link in links] for key, links in vertex.links.items()} for name, vertex in graph.vertices.items()}
    assert found == wanted
    order = graph.order()
    place = {name: at for at, name in enumerate(graph.vertices)}
    assert order == list(nx.lexicographical_topological_sort(graph.topology, key=place.__getitem__))
    assert all(graph.upstream([name]) == {name, *nx.ancestors(graph.topology, name)} for name in order)
    for name, links in wanted.items():
        assert all(order.index(node) < order.index(name) for given in links.values() for node, _ in given)


@pytest.mark.parametrize("target", ["crop", "crop.image", "crop/inner", "crop/inner.image"])
@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("{type: GraphPas}", "g.yaml:5:16: crop: unknown type 'GraphPas'"),
        ("{type: ./gone.yaml}", "g.yaml:5:16: crop: there is no graph file ./gone.yaml"),
    ],
)
def test_the_sockets_of_a_broken_node_are_no_faults_of_their_own(tmp_path: Path, body: str, line: str, target: str) -> None:
    text = f"rotonodes: 1\ninputs: {{plate: {target}}}\noutputs: {{made: {target}}}\nnodes:\n  crop: {body}\n"
    (one,) = faults(tmp_path, text)
    assert one.startswith(line)
