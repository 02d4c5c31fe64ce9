"""`files:` of a graph, `run --input` and `run --output`, and what -F says where a node takes the whole shot."""

import shutil
from pathlib import Path

import PIL.Image
import pytest

from conftest import Call
from rotonodes.api import Graph
from rotonodes.errors import GraphError
from rotonodes.graph.document import read_document
from rotonodes.graph.job_files import declared, file_settings
from rotonodes.node.parameters import path_role

GRAPHS = sorted((Path(__file__).parents[1] / "graphs").glob("*.yaml"))
TEXT = """rotonodes: 1
frames: auto
vars: {name: flat}
files: {input: read.path, outputs: [gif.path, png.path]}
nodes:
  read: {type: LoadFrames, path: "in/####.png"}
  gif:  {type: WriteGIF, in: read, path: "out/$name.gif"}
  png:  {type: WriteFrames, in: read, path: "out/$name/f.####.png"}
"""


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    for frame in (1, 2, 3):
        PIL.Image.new("RGB", (8, 6), (40 * frame, 10, 90)).save(tmp_path / "mine" / f"b.{frame:04d}.png")
    (tmp_path / "g.yaml").write_text(TEXT)
    return tmp_path


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_ready_graphs_declare_all_their_outputs(path: Path) -> None:
    graph, found = Graph.load(path), declared(read_document(str(path)).data)
    outputs = [
        f"{name}.{field}"
        for name, vertex in graph.vertices.items()
        for field, info in type(vertex.node).model_fields.items()
        if path_role(info) == "output" and getattr(vertex.node, field)
    ]
    assert sorted(found["outputs"]) == sorted(outputs)
    sources = [name for name, vertex in graph.vertices.items() if not vertex.links and "path" in type(vertex.node).model_fields]
    sources = [name for name in sources if type(graph.vertices[name].node).type_name in ("LoadFrames", "LoadShards")]
    assert found.get("input", []) == [f"{sources[0]}.path"] if len(sources) == 1 else "input" not in found


def test_input_and_output_of_a_run(shot: Path, call: Call) -> None:
    made = call("run", "g.yaml", "--input", "mine/b.####.png", "--output", "results/a")
    assert made.code == 0, made.err
    assert sorted(p.relative_to(shot).as_posix() for p in (shot / "results").rglob("*.*")) == [
        *("results/a/flat.gif", *(f"results/a/flat/f.{frame:04d}.png" for frame in (1, 2, 3))),
    ]


def test_set_goes_before_and_variables_count(shot: Path) -> None:
    document = read_document("g.yaml" if Path("g.yaml").exists() else str(shot / "g.yaml"))
    assert file_settings(document, {"name": "art"}, None, "r") == {"gif.path": "r/art.gif", "png.path": "r/art/f.####.png"}
    assert file_settings(document, {}, "x.####.png", None) == {"read.path": "x.####.png"}


def test_frames_narrow_what_is_read(shot: Path, call: Call) -> None:
    (shot / "mine" / "b.0003.png").write_bytes(b"damaged")
    made = call("run", "g.yaml", "--input", "mine/b.####.png", "-F", "1-2")
    assert made.code == 0 and "whole shot" not in made.err + made.out


def test_a_node_that_takes_the_whole_shot_is_said(shot: Path, call: Call) -> None:
    measured = TEXT.replace(
        "gif:  {type: WriteGIF, in: read,", "scale: {type: MeasureTones, in: read, tones: 2}\n  gif: {type: WriteGIF, in: t.labels,"
    )
    measured += "  t: {type: ToneSplit, in: {image: read, scale: scale}, classes: [background, dark, light]}\n"
    (shot / "g.yaml").write_text(measured)
    planned = call("plan", "g.yaml", "--input", "mine/b.####.png", "-F", "1")
    assert "warning: scale takes the whole shot: frames 2-3 are read too" in planned.out
    assert "whole shot" not in call("plan", "g.yaml", "--input", "mine/b.####.png").out


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("[a]", "files: is a mapping"),
        ("{inputs: read.path}", r"files: has input and outputs, not 'inputs' \(did you mean 'input'\?\)"),
        ("{input: raed.path}", r"files: there is no node 'raed' \(did you mean 'read'\?\)"),
        ("{input: read.pth}", r"files: LoadFrames has no parameter 'pth' \(did you mean 'path'\?\)"),
        ("{input: read}", "files: LoadFrames has no parameter ''"),
        ("{input: [read.path, gif.path]}", "files: input is one parameter"),
    ],
)
def test_faults_of_files(shot: Path, files: str, message: str) -> None:
    (shot / "g.yaml").write_text(TEXT.replace("{input: read.path, outputs: [gif.path, png.path]}", files))
    with pytest.raises(GraphError, match=rf"g.yaml:4:\d+: {message}"):
        Graph.load(shot / "g.yaml")


def test_every_fault_of_files_is_told(shot: Path) -> None:
    files = "{inputs: read.path, input: [raed.path, read.pth, gif.path], outpts: png.path}"
    (shot / "g.yaml").write_text(TEXT.replace("{input: read.path, outputs: [gif.path, png.path]}", files))
    with pytest.raises(GraphError) as caught:
        Graph.load(shot / "g.yaml")
    assert [line.partition("files: ")[2].partition(" (did")[0] for line in str(caught.value).splitlines()] == [
        "has input and outputs, not 'inputs'",
        "input is one parameter",
        "there is no node 'raed'",
        "LoadFrames has no parameter 'pth'",
        "has input and outputs, not 'outpts'",
    ]


@pytest.mark.parametrize(("option", "key"), [("--input", "input"), ("--output", "outputs")])
def test_a_graph_without_files_says_so(shot: Path, call: Call, option: str, key: str) -> None:
    (shot / "g.yaml").write_text(TEXT.replace("files: {input: read.path, outputs: [gif.path, png.path]}\n", ""))
    told = call("run", "g.yaml", option, "x")
    assert told.code == 2 and f"{option} x: g.yaml does not declare its {key}" in told.err


def test_a_ready_graph_on_a_shot_of_ones_own(tmp_path: Path, call: Call) -> None:
    shots = GRAPHS[0].parent.parent / "examples" / "shots" / "torus"
    (tmp_path / "mine").mkdir()
    for frame in (1, 2):
        shutil.copy(shots / f"render.{frame:04d}.exr", tmp_path / "mine" / f"knot.{frame:04d}.exr")
    assert call("run", "key_light_tones", "--input", "mine/knot.####.exr", "--output", "art").code == 0
    assert {p.name for p in (tmp_path / "art").rglob("*.*")} == {"key_light_tones.gif", "flat.0001.png", "flat.0002.png"}
