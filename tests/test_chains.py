"""Nodes in a row are made by one job: which nodes these are, and that nothing else changes."""

import weakref
from pathlib import Path

import pytest
import torch

from rotonodes import Graph, run
from rotonodes.engine.chains import chains_to
from rotonodes.errors import FrameError
from rotonodes.graph.graph import Handle
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.nodes import Composite, WriteFrames, WriteGIF
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.pixels import Batch, Clip, Image
from rotonodes.values.tones import ToneScale

ALIVE: list[weakref.ref[torch.Tensor]] = []


class RowSource(Node):
    def process(self, frame: Frame) -> Image:
        return Image(torch.full((3, 4, 4), frame / 10))


class RowStep(Node):
    """The picture, a little brighter; it fails at one frame, and notes which pictures of the row are still in memory."""

    bad: int = param(0, help="the frame that fails")

    def process(self, image: Image, frame: Frame) -> Image:
        if frame == self.bad:
            raise FrameError("broken on purpose")
        made = image.with_data(image.data + 0.01)
        ALIVE.append(weakref.ref(made.data))
        return made


class RowAround(Node):
    def needs(self, frame: int) -> range:
        return range(frame - 1, frame + 2)

    def process(self, image: Clip[Image]) -> Image:
        return next(iter(image))


class RowBatch(Node):
    def process(self, image: Batch[Image]) -> Batch[Image]:
        return image


class RowMeasure(Node):
    def process(self, image: Clip[Image]) -> ToneScale:
        return ToneScale((sum(float(value.data.mean()) for value in image),))


class RowUse(Node):
    def process(self, image: Image, scale: ToneScale) -> Image:
        return image.with_data(image.data * scale.thresholds[0])


def chains(graph: Graph, *sinks: str, tapped: tuple[str, ...] = (), cache: str = "none") -> set[tuple[str, ...]]:
    return set(chains_to(make_plan(graph, cache=cache), sinks, tapped).values())


def row(graph: Graph, *nodes: tuple[str, Node]) -> dict[str, Handle]:
    """Add nodes one after another, each linked to the one before it."""
    last, made = None, {}
    for name, node in nodes:
        made[name] = last = graph.add(node, name) if last is None else graph.add(node, name, image=last)
    return made


def test_nodes_in_a_row_are_one_chain_up_to_the_writer(tmp_path: Path) -> None:
    graph = Graph(frames="1-3")
    row(graph, ("a", RowSource()), ("b", RowStep()), ("c", RowStep()), ("w", WriteFrames(path=f"{tmp_path}/o.####.png")))
    assert chains(graph, "w") == {("a", "b", "c", "w")}
    assert chains(graph, "c", "w") == {("a", "b", "c")}, "what is delivered itself ends a chain"
    assert chains(graph, "w", tapped=("b",)) == {("a", "b"), ("c", "w")}, "what a clip takes ends a chain"


@pytest.mark.parametrize("middle", [RowAround(), RowBatch()])
def test_neighbours_and_batches_break_a_chain(middle: Node, tmp_path: Path) -> None:
    graph = Graph(frames="1-3")
    row(graph, ("a", RowSource()), ("b", RowStep()), ("m", middle), ("d", RowStep()), ("w", WriteFrames(path=f"{tmp_path}/o.####.png")))
    assert ("a", "b") in chains(graph, "w")
    assert all("b" not in chain or "m" not in chain for chain in chains(graph, "w"))


def test_a_value_that_two_nodes_take_ends_a_chain_and_one_made_once_does_not() -> None:
    graph = Graph(frames="1-3")
    source = graph.add(RowSource(), "a")
    step = graph.add(RowStep(), "b", image=source)
    graph.add(Composite(), "over", fg=graph.add(RowStep(), "c", image=step), bg=graph.add(RowStep(), "d", image=step))
    assert chains(graph, "over") == {("a", "b")}, "over takes two pictures"
    scaled = graph.add(
        RowUse(), "use", image=graph.add(RowStep(), "e", image=source), scale=graph.add(RowMeasure(), "measure", image=source)
    )
    graph.add(RowStep(), "f", image=scaled)
    assert chains(graph, "f") == {("e", "use", "f")}, "a is measured too"


def test_a_failing_node_of_a_chain_is_named_and_the_other_frames_are_made(tmp_path: Path) -> None:
    graph = Graph(frames="1-4")
    row(graph, ("a", RowSource()), ("b", RowStep(bad=3)), ("c", RowStep()), ("w", WriteFrames(path=f"{tmp_path}/o.####.png")))
    result = run(graph, cache="none", on_error="continue")
    assert [(failure.node, failure.frame) for failure in result.failures] == [("b", 3)]
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["o.0001.png", "o.0002.png", "o.0004.png"]
    assert (result.stats["b"].ran, result.stats["c"].ran, result.stats["b"].failed) == (3, 3, 1)
    assert result.missing == (3,)


def test_a_picture_of_a_chain_is_dropped_when_the_next_one_is_made() -> None:
    class RowCount(Node):
        def process(self, image: Image) -> Image:
            counted.append(sum(ref() is not None for ref in ALIVE))
            return image.with_data(image.data.clone())

    counted: list[int] = []
    ALIVE.clear()
    graph = Graph(frames="1")
    row(graph, ("a", RowSource()), *((f"s{n}", RowStep()) for n in range(20)), ("count", RowCount()))
    run(graph, cache="none", threads=1, nodes=["count"])
    assert counted == [1], "only the picture that is handed over"


def test_a_chain_that_begins_in_the_cache_is_loaded_from_there(tmp_path: Path) -> None:
    class RowKept(RowStep):
        cached = True

    def graph() -> Graph:
        made = Graph(frames="1-3")
        row(made, ("a", RowSource()), ("b", RowKept()), ("c", RowStep()), ("w", WriteFrames(path=f"{tmp_path}/o.####.png")))
        return made

    run(graph(), cache=str(tmp_path / "cache"))
    first = [path.read_bytes() for path in sorted(tmp_path.glob("*.png"))]
    for path in tmp_path.glob("*.png"):
        path.unlink()
    again = run(graph(), cache=str(tmp_path / "cache"))
    assert again.stats["b"].cached == 3 and again.stats["a"].ran == 0
    assert [path.read_bytes() for path in sorted(tmp_path.glob("*.png"))] == first


def test_a_clip_beside_a_chain_gets_its_frames(tmp_path: Path) -> None:
    graph = Graph(frames="1-5")
    made = row(graph, ("a", RowSource()), ("b", RowStep()), ("c", RowStep()), ("w", WriteFrames(path=f"{tmp_path}/o.####.png")))
    graph.add(WriteGIF(path=f"{tmp_path}/o.gif"), "gif", image=made["b"])
    result = run(graph, cache="none")
    assert result.exit_code == 0 and len(list(tmp_path.glob("*.png"))) == 5 and (tmp_path / "o.gif").stat().st_size > 100
    assert result.stats["b"].ran == 5
