"""The ready graphs agree with each other: the same variables for the same things, all results in one place, no halo."""

import re
import shutil
from pathlib import Path

import pytest

from conftest import Call
from rotonodes import Graph
from rotonodes.graph.document import parse_document
from rotonodes.graph.job_files import declared
from rotonodes.node.catalogue import find_node
from rotonodes.node.parameters import path_parameters
from rotonodes.plan.make_plan import make_plan

ROOT = Path(__file__).parent.parent
GRAPHS = sorted((ROOT / "graphs").glob("*.yaml"))
READY = [path for path in GRAPHS if "shot: examples/shots/torus" in path.read_text()]


def test_these_are_the_graphs_for_a_shot() -> None:
    assert {"flat_tones", "key_light_tones", "luminance_tones", "passes_tones", "stabilized_tones", "train_on_shot"} <= {
        p.stem for p in READY
    }


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_out_moves_everything_that_a_ready_graph_writes(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    graph = Graph.load(path, variables={"out": "elsewhere"})
    written = [file for vertex in graph.vertices.values() for _, file in vertex.node.paths("output")]
    assert written
    assert all(file.startswith("elsewhere/") for file in written), written


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_objects_names_the_shape_in_every_ready_graph(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = path.read_text()
    if "mattes:" not in text:
        pytest.skip("it needs no cryptomatte")
    graph = Graph.load(path, variables={"objects": "Hero*, Hat"})
    chosen = [getattr(vertex.node, field, None) for vertex in graph.vertices.values() for field in ("mattes", "objects")]
    named = [set(one.values()) if isinstance(one, dict) else {one} for one in chosen if one]
    labels = {"shape*"}  # of a label layer, where TonesFromPasses has its default
    assert {"Hero*, Hat"} in named and all(names in ({"Hero*, Hat"}, labels) for names in named), named


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_no_ready_graph_composites_over_the_render_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fringe of the shape's own colour would stay: the background is a clean plate, or a picture without the shape."""
    monkeypatch.chdir(ROOT)
    graph = Graph.load(path)
    for name, vertex in graph.vertices.items():
        if type(vertex.node).type_name == "Composite":
            (behind,) = vertex.links["bg"]
            kind = type(graph.vertices[behind.node].node).type_name
            assert kind not in ("MultipassDecode", "LoadFrames"), f"{name} lies over {behind.node}"


@pytest.mark.parametrize("name", ["train_on_shot", "train_on_shot_passes"])
def test_four_labels_of_a_shot_of_twelve_frames(name: str, call: Call, tmp_path: Path) -> None:
    """No edit of the graph: its frames are those on disk, and the labelled ones are said on the command line."""
    (tmp_path / "shot").mkdir()
    for frame in range(1, 13):
        shutil.copy(ROOT / f"examples/shots/torus/render.{frame:04d}.exr", tmp_path / "shot")
    ended = call("check", name, "--var", "shot=shot")
    if name == "train_on_shot":
        assert "train names frames 1,5,9,13,17,21: --set train.frames=RANGE names others" in ended.err, ended.err
    ended = call("check", name, "--strict", "--var", "shot=shot", "--set", "train.frames=1,4,8,12")
    assert ended.code == 0, ended.err
    graph = Graph.load(ROOT / f"graphs/{name}.yaml", variables={"shot": "shot"}, settings={"train.frames": "1,4,8,12"})
    plan = make_plan(graph, cache="none")
    assert (plan.delivered, plan.missing) == (tuple(range(1, 13)), {})


def test_labels_that_were_painted_teach_weights_that_flatten_takes(call: Call, tmp_path: Path) -> None:
    """Labels of `flatten` have six classes, the weights to start from five."""
    (tmp_path / "shot").mkdir()
    for frame in (1, 13):
        shutil.copy(ROOT / f"examples/shots/torus/render.{frame:04d}.exr", tmp_path / "shot")
    short = [word for setting in ("steps=1", "batch=1", "crop=64") for word in ("--set", f"train.{setting}")]
    labels = f"labels={ROOT}/examples/labels/torus.####.png"
    taught = call("run", "train_on_painted", "--input", "shot/render.####.exr", "--output", "mine", "--var", labels, *short)
    assert taught.code == 0, taught.err
    assert "have no ground_shadow: these start with fresh weights, all others are kept" in taught.err
    graph = call("flatten", "shot", "-m", "mine/train_on_painted.safetensors", "--print-graph")
    assert graph.code == 0 and "ground_shadow" in graph.out, graph.err


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_what_a_ready_graph_writes_is_named_after_it(path: Path) -> None:
    """`out/NAME.gif`, `out/NAME.safetensors`, and all else below `out/NAME`; flat frames are `flat.####.png`. `out` is a variable, and
    every path is one of `files:`, which --output moves."""
    data = parse_document(path.read_text(encoding="utf-8"), str(path)).data
    assert data["vars"]["out"] == "out"
    written = {}
    for name, body in data["nodes"].items():
        roles = path_parameters(find_node(body["type"]), "output")
        written |= {f"{name}.{parameter}": body[parameter] for parameter in roles if parameter in body}
    assert written and set(written) == set(declared(data)["outputs"])
    for parameter, file in written.items():
        below = file.removeprefix(f"$out/{path.stem}")
        assert below != file and re.fullmatch(r"|[.][a-z]+|/.+", below), f"{parameter}: {file}"
    frames = {Path(file).name for parameter, file in written.items() if parameter.startswith("png.") and "gif.path" in written}
    assert frames <= {"flat.####.png"}
