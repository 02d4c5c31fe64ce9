"""`rotonodes bench`: what is measured, what is said to limit a run, the picture and the trace."""

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import PIL.Image
import pytest

from conftest import Call
from rotonodes.cli.timeline_picture import legend_lines, shown_time, ticks
from rotonodes.engine.call_timeline import Span, Timeline
from rotonodes.report.measured import NodeSpeed, _limit, measured
from rotonodes.values.pixels import Clip


def test_a_table_for_people(swatches: Call) -> None:
    ended = swatches("bench", "--device", "cpu", "--threads", "2")
    assert ended.code == 0 and ended.err == ""
    lines = ended.out.splitlines()
    assert lines[0].startswith("6 frames in ") and " frames a second on 2 cores" in lines[0]
    rows = {line.split()[0]: line.split() for line in lines if line.split()}
    assert [rows[name][1] for name in ("swatch", "png", "mean")] == ["read", "write", "write"]
    assert any(line.startswith("limited by ") for line in lines) and any(line.startswith("peak memory ") for line in lines)
    assert [path.name for path in Path().iterdir() if path.name != "graph.yaml"] == [], "nothing is left, and no output is touched"


def test_json_picture_and_trace(swatches: Call) -> None:
    options = ["--json", "--picture", "t.png", "--trace", "t.json", "-F", "2-5", "--device", "cpu", "--set", "swatch.seconds=0.01"]
    ended = swatches("bench", *options)
    assert ended.code == 0
    found = json.loads(ended.out)
    assert found["frames"] == 4 and found["frames_per_second"] == pytest.approx(4 / found["seconds"], rel=0.01)
    assert sum(node["share"] for node in found["nodes"].values()) == pytest.approx(1, abs=0.01)
    assert {name: node["calls"] for name, node in found["nodes"].items()}["png"] == 4
    assert found["nodes"]["swatch"]["ms_per_frame"] >= 10 and found["nodes"]["swatch"]["cpu_seconds"] < found["nodes"]["swatch"]["seconds"]
    with PIL.Image.open("t.png") as picture:
        assert picture.width == 1400 and len(picture.getcolors(1 << 16) or ()) > 5
    events = json.loads(Path("t.json").read_text())["traceEvents"]
    named = {event["tid"] for event in events if event["ph"] == "M"}
    calls = [event for event in events if event["ph"] == "X"]
    assert {event["tid"] for event in calls} == named and all(event["dur"] >= 0 for event in calls)
    assert sorted(event["args"]["frames"] for event in calls if event["name"] == "png") == [[2], [3], [4], [5]]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--picture", "t.jpg"], 2, "--picture t.jpg: name a file that ends in .png"),
        (["--trace", "t.png"], 2, "--trace t.png: name a file that ends in .json"),
        (["--device", "cuda:77"], 2, "cuda:77"),
        (["--set", "swatch.bad=[3]", "--device", "cpu"], 1, "swatch: frame 3: cannot read swatch.0003.png: no such file"),
        (["-X", "nothing"], 2, "-X: the graph has no node 'nothing'"),
    ],
)
def test_what_is_wrong_is_one_line(swatches: Call, options: list[str], code: int, said: str) -> None:
    ended = swatches("bench", *options)
    assert ended.code == code and len(ended.err.splitlines()) == 1 and said in ended.err
    assert not list(Path().glob(".rotonodes-bench-*"))


def test_waiting_for_a_frame_is_not_work() -> None:
    timeline = Timeline()

    def slow() -> Any:
        for value in range(3):
            time.sleep(0.05)
            yield value

    for _ in timeline.watched("gif", Clip((4, 5, 6), slow)):
        pass
    assert [span.frames for span in timeline.spans] == [(4,), (5,), (6,)]
    assert sum(span.seconds for span in timeline.spans) < 0.05 <= 0.15 <= timeline.spans[-1].end


def test_a_span_is_kept_when_the_node_raises() -> None:
    timeline = Timeline()
    with pytest.raises(ZeroDivisionError), timeline.span("a", [None]):
        raise ZeroDivisionError
    assert [(span.node, span.frames) for span in timeline.spans] == [("a", ())]


def node(name: str, stage: str, seconds: float, threads: int = 2) -> NodeSpeed:
    return NodeSpeed(name, "Node", stage, 10, 10, seconds, seconds, threads)


def test_what_limits_a_run_is_named() -> None:
    network, gif, reader = node("roto", "network", 15), node("gif", "write", 9.5, 1), node("render", "read", 12)
    calm = {"read": 0.0, "network": 0.0, "write": 0.0}
    assert _limit([network, node("png", "write", 4)], 10, 2, calm, "cpu") == (
        "the cores, all of them busy: 79% of their time is the network, most of all roto"
    )
    assert _limit([node("roto", "network", 5), gif], 10, 2, calm, "cpu").startswith(
        "the encoding and writing (gif), one frame after another: 95%"
    )
    assert _limit([node("roto", "network", 9, 1)], 10, 8, calm, "cuda:0").startswith(
        "the network (roto) on cuda:0, one frame after another"
    )
    waiting = calm | {"read": 0.7}
    assert _limit([node("roto", "network", 5), reader], 10, 2, waiting, "cpu").startswith("files: reading and decoding waits for the disk")
    everything = dict.fromkeys(calm, 0.7)  # the machine is busy with other things
    assert not _limit([node("roto", "network", 5), reader], 10, 2, everything, "cpu").startswith("files")
    assert _limit([node("roto", "network", 5)], 10, 2, calm, "cpu").startswith("too little to do at once: the cores are busy 25%")
    assert _limit([], 0, 2, {}, "cpu") == "nothing: no node was called"


def test_a_whole_clip_node_counts_by_what_it_does_with_frames() -> None:
    """Its own call, which waits for frames all the time, is left out."""

    class Writer:
        type_name, signature = "WriteGIF", SimpleNamespace(is_batch=False, inputs={"image": 1}, asks={})
        takes_whole_clip = staticmethod(lambda: True)
        is_writer = staticmethod(lambda: True)

    plan = SimpleNamespace(
        nodes={"gif": Writer()},
        delivered=(1, 2),
        keys=SimpleNamespace(per_frame=lambda name: False),
        graph=SimpleNamespace(order=lambda: ["gif"]),
        precision_words=lambda: "",
    )
    spans = [Span("gif", (1,), "t", 1.0, 1.5, 0.5), Span("gif", (2,), "t", 2.0, 2.5, 0.5), Span("gif", (), "t", 0.0, 4.0, 1.0)]
    found = measured(SimpleNamespace(plan=plan, device="cpu", peak_bytes=1), spans, 2)  # type: ignore[arg-type]
    (gif,) = found.nodes
    assert (gif.seconds, gif.frames, gif.alone, gif.threads) == (1.0, 2, 2.0, 1)
    assert (found.seconds, found.fps, found.stage_alone("write")) == (4.0, 0.5, 2.0)


def test_what_is_drawn() -> None:
    spans = [Span("a", (1,), "t", 1.0, 9.0, 1.0)]
    assert shown_time(spans) == (4.0, 6.0)
    assert shown_time([Span("a", (1,), "t", 1.0, 1.2, 0.1)]) == (1.0, 1.2)
    assert ticks(4.0, 6.0) == [4.0, 4.5, 5.0, 5.5, 6.0]
    names = [f"node{number}" for number in range(40)]
    assert [name for line in legend_lines(names) for name in line] == names and len(legend_lines(names)) > 1
