"""The live page as its pages see it: edits, undo, other editors, faults, pictures, runs, labels."""

import io
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest

from page_browser import PATIENCE, Page, open_page
from rotonodes.errors import Interrupted, RetryError, UsageError
from rotonodes.io.files import hidden_name
from rotonodes.io.palettes import find_palette, palette_names
from rotonodes.io.pictures import read_labels
from rotonodes.page.graph_run import NodeStates, PageReporter
from rotonodes.page.node_positions import NodePositions
from rotonodes.page.open_graph import Conflict, OpenGraph
from rotonodes.page.server import free_socket
from rotonodes.values.tones import CLASSES

GRAPH = """rotonodes: 1
frames: 1-3
nodes:
  flat: {type: Swatch, value: 0.5, side: 8}
  crop: {type: Crop, in: flat, left: 2}  # a comment
  mean: {type: Average, in: crop, path: out/mean.txt}
  png:  {type: WriteFrames, in: crop, path: "out/a.####.png"}
"""


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    path = tmp_path / "graph.yaml"
    path.write_text(GRAPH)
    return path


@pytest.fixture
def page(graph: Path, sample_nodes: str) -> Iterator[Page]:
    with open_page(graph, graph.parent, sample_nodes) as page:
        yield page


def until(true: Callable[[], Any]) -> Any:
    """Wait for something that must come."""
    end = time.monotonic() + PATIENCE
    while not (found := true()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def picture(body: bytes) -> np.ndarray:
    return np.array(PIL.Image.open(io.BytesIO(body)))


def node(graph: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in graph["nodes"] if one["name"] == name)


# The graph.


def test_the_graph_as_the_page_gets_it(page: Page) -> None:
    found = page.ask("/api/graph").json()
    assert found["shot"] == "1-3" and found["revision"] == 1 and found["text"] == GRAPH
    crop = node(found, "crop")
    assert crop["params"] == {"left": 2} and crop["links"] == {"image": "flat.image"} and (crop["line"], crop["column"]) == (5, 3)
    assert crop["outputs"] == [{"name": "image", "kind": "Image", "kinds": ["Image"]}]
    assert [one["name"] for one in crop["inputs"]] == ["image"] and crop["inputs"][0]["optional"] is False
    assert not crop["faults"] and not found["faults"] and found["readable"]


def test_types_have_fields(page: Page) -> None:
    found = page.ask("/api/types").json()
    types = {one["name"]: one for one in found["types"]}
    fields = {one["name"]: one for one in types["PaintTones"]["params"]}
    assert fields["palette"]["kind"] == "palette"
    kinds = {(one["name"], param["name"]) for one in found["types"] for param in one["params"] if param["kind"] == "palettes"}
    assert kinds == {("PaintObjects", "objects")}
    assert set(found["palettes"]) == set(palette_names())
    assert list(found["palettes"]["clay"]) == ["highlight", "midtone", "form_shadow", "cast_shadow", "ground_shadow"]
    assert found["palettes"]["clay"]["midtone"] == find_palette("clay").for_classes(CLASSES)["midtone"]
    side = next(one for one in types["Swatch"]["params"] if one["name"] == "side")
    assert (side["kind"], side["min"], side["unit"], side["default"]) == ("integer", 1, "px", 4)
    assert "View" not in types and "Shrink" not in types
    assert types["WriteGIF"]["whole_clip"] and types["WriteGIF"]["writes"]
    assert all(socket["kinds"] for one in found["types"] for socket in one["inputs"])
    assert {kind for one in found["types"] for socket in (*one["inputs"], *one["outputs"]) for kind in socket["kinds"]} <= set(
        found["kinds"]
    )


def test_an_edit_is_written_and_every_page_is_told(page: Page, graph: Path) -> None:
    with page.socket() as one, page.socket() as two:
        assert one.hear("graph")["by"] == "open"
        two.hear("graph")
        answer = one.edit(1, {"op": "set", "node": "crop", "param": "left", "value": 4})
        assert answer == {"type": "ok", "id": 1, "revision": 2}
        assert one.hear("graph")["by"] == "me"
        told = two.hear("graph")
        assert told["by"] == "other" and node(told, "crop")["params"] == {"left": 4} and told["undo"] == 1
        assert graph.read_text() == GRAPH.replace("left: 2}  # a comment", "left: 4}  # a comment")


def test_undo_and_redo(page: Page, graph: Path) -> None:
    with page.socket() as socket:
        socket.hear("graph")
        socket.edit(1, {"op": "set", "node": "crop", "param": "left", "value": 4})
        socket.edit(2, {"op": "disable", "node": "crop", "value": True})
        after = graph.read_text()
        for _ in range(2):
            socket.send("undo")
            socket.hear("ok")
        assert graph.read_text() == GRAPH
        socket.send("undo")
        assert socket.hear("ok")["moved"] is False
        socket.send("redo")
        socket.send("redo")
        until(lambda: graph.read_text() == after)


def test_edits_of_one_group_are_one_step(page: Page, graph: Path) -> None:
    with page.socket() as socket:
        socket.hear("graph")
        for number in range(5):
            socket.edit(1 + number, {"op": "set", "node": "crop", "param": "left", "value": 3 + number}, group="drag 1")
        socket.send("undo")
        socket.hear("ok")
        assert graph.read_text() == GRAPH


def test_what_another_editor_saves_appears_and_stays(page: Page, graph: Path) -> None:
    with page.socket() as socket:
        socket.hear("graph")
        theirs = GRAPH.replace("side: 8", "side: 6") + "# theirs\n"
        graph.write_text(theirs)
        told = socket.hear("graph", fits=lambda graph: graph["by"] == "file")
        assert node(told, "flat")["params"]["side"] == 6
        answer = socket.edit(1, {"op": "set", "node": "crop", "param": "left", "value": 1})
        assert answer["type"] == "ok", "an edit elsewhere in an older revision still fits"
        assert graph.read_text() == theirs.replace("left: 2", "left: 1")


def test_what_killed_pages_left_half_written_is_cleared_when_a_graph_is_opened(graph: Path, tmp_path: Path) -> None:
    place = NodePositions(str(tmp_path), str(graph)).path
    place.parent.mkdir(parents=True, exist_ok=True)
    torn = [hidden_name(graph), hidden_name(place)]
    for path in torn:
        path.touch()
    OpenGraph(str(graph))
    NodePositions(str(tmp_path), str(graph))
    assert not any(path.exists() for path in torn)


def test_a_save_between_two_looks_is_taken_in_before_an_edit(graph: Path) -> None:
    """Without the server's regular look, so that the edit comes first."""
    file = OpenGraph(str(graph))
    graph.write_text(GRAPH + "# theirs\n")
    file.edit(1, [{"op": "set", "node": "crop", "param": "left", "value": 1}])
    assert graph.read_text() == GRAPH.replace("left: 2", "left: 1") + "# theirs\n"
    assert file.undo() and graph.read_text() == GRAPH + "# theirs\n"
    assert file.undo() and graph.read_text() == GRAPH
    assert file.redo() and graph.read_text() == GRAPH + "# theirs\n", "no text of anybody is lost"


def test_a_conflict_is_shown_and_nothing_overwritten(page: Page, graph: Path) -> None:
    with page.socket() as socket:
        socket.hear("graph")
        theirs = GRAPH.replace("left: 2", "left: 7")
        graph.write_text(theirs)
        answer = socket.edit(1, {"op": "set", "node": "crop", "param": "left", "value": 3})
        assert answer["type"] == "conflict" and answer["text"] == theirs and "crop.left" in answer["message"]
        assert graph.read_text() == theirs
        told = socket.hear("graph", fits=lambda graph: node(graph, "crop")["params"]["left"] == 7)
        answer = socket.edit(told["revision"], {"op": "set", "node": "crop", "param": "left", "value": 3})
        assert answer["type"] == "ok"


def test_an_edit_of_a_node_that_is_gone_is_a_conflict(graph: Path) -> None:
    file = OpenGraph(str(graph))
    graph.write_text(GRAPH.replace("  crop: {type: Crop, in: flat, left: 2}  # a comment\n", ""))
    with pytest.raises(Conflict, match="crop"):
        file.edit(1, [{"op": "set", "node": "crop", "param": "left", "value": 3}])


def test_a_file_that_vanishes_keeps_its_text(page: Page, graph: Path) -> None:
    with page.socket() as socket:
        socket.hear("graph")
        graph.unlink()
        assert "was removed" in socket.hear("error")["message"]
        assert page.ask("/api/graph").json()["gone"] is True
        assert socket.edit(1, {"op": "set", "node": "crop", "param": "left", "value": 3})["type"] == "ok"
        assert graph.read_text() == GRAPH.replace("left: 2", "left: 3")
    assert any("was removed" in line for line in page.said)


def test_rights_and_links_of_the_file_stay(graph: Path) -> None:
    os.chmod(graph, 0o640)
    link = graph.with_name("link.yaml")
    link.symlink_to(graph)
    OpenGraph(str(link)).edit(1, [{"op": "set", "node": "crop", "param": "left", "value": 3}])
    assert link.is_symlink() and "left: 3" in graph.read_text()
    assert graph.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("data", [b"\xff\xfe", b"rotonodes: 1\nnodes: {a: [}\n", b"", b"x: " + b"y" * 1_000_001])
def test_a_text_that_is_no_graph_is_shown_and_never_overwritten(page: Page, graph: Path, data: bytes) -> None:
    with page.socket() as socket:
        socket.hear("graph")
        graph.write_bytes(data)
        told = socket.hear("graph", fits=lambda graph: bool(graph["faults"]))
        assert [one["name"] for one in told["nodes"]] == ["flat", "crop", "mean", "png"], "the nodes of the last text that could be read"
        answer = socket.edit(told["revision"], {"op": "set", "node": "crop", "param": "left", "value": 3})
        assert answer["type"] == "error" and answer["message"]
        assert graph.read_bytes() == data
        graph.write_text(GRAPH)
        assert not socket.hear("graph", fits=lambda graph: not graph["faults"])["faults"]


def test_a_byte_order_mark_stays(graph: Path) -> None:
    graph.write_bytes(b"\xef\xbb\xbf" + GRAPH.encode())
    OpenGraph(str(graph)).edit(1, [{"op": "set", "node": "crop", "param": "left", "value": 3}])
    assert graph.read_bytes() == b"\xef\xbb\xbf" + GRAPH.replace("left: 2", "left: 3").encode()


def test_faults_are_on_their_nodes_and_others_show_pictures(graph: Path, sample_nodes: str) -> None:
    graph.write_text(GRAPH.replace("left: 2", "lefft: 2").replace("path: out/mean.txt", "pth: out/mean.txt"))
    with open_page(graph, graph.parent, sample_nodes) as page:
        found = page.ask("/api/graph").json()
        (fault,) = node(found, "crop")["faults"]
        assert "did you mean 'left'" in fault["message"] and (fault["line"], fault["column"]) == (5, 32)
        assert not node(found, "flat")["faults"]
        assert page.ask("/api/picture", node="flat", frame=1).status == 200
        refused = page.ask("/api/picture", node="png", frame=1)
        assert refused.status == 404 and "it needs crop" in refused.json()["message"]


def test_a_fault_in_a_graph_within_is_on_the_node_that_uses_it(graph: Path, sample_nodes: str) -> None:
    """Not on a node of the same name in this file."""
    graph.with_name("inner.yaml").write_text("rotonodes: 1\noutputs: {out: flat}\nnodes:\n  flat: {type: Constant, siz: [8, 8]}\n")
    graph.write_text(GRAPH.replace("  mean:", "  sub: {type: ./inner.yaml}\n  look: {type: Crop, in: sub}\n  mean:"))
    with open_page(graph, graph.parent, sample_nodes) as page:
        found = page.ask("/api/graph").json()
        assert not node(found, "flat")["faults"] and not found["faults"]
        faults = node(found, "sub")["faults"]
        assert (
            faults and "inner.yaml:4:" in faults[0]["message"] and "did you mean 'size'" in faults[0]["message"] and faults[0]["line"] == 6
        )
        assert page.ask("/api/picture", node="flat", frame=1).status == 200
        refused = page.ask("/api/picture", node="look", frame=1)
        assert refused.status == 404 and refused.json()["message"]


def test_nodes_in_a_circle_have_no_picture_and_others_do(graph: Path, sample_nodes: str) -> None:
    graph.write_text(GRAPH.replace("  mean:", "  a: {type: Crop, in: b}\n  b: {type: Crop, in: a}\n  c: {type: Crop, in: b}\n  mean:"))
    with open_page(graph, graph.parent, sample_nodes) as page:
        assert page.ask("/api/picture", node="c", frame=1).status == 404
        assert page.ask("/api/picture", node="crop", frame=1).status == 200


def test_positions_are_kept_beside_the_graph(page: Page, graph: Path) -> None:
    with page.socket() as one, page.socket() as two:
        one.hear("graph")
        two.hear("graph")
        one.send("positions", positions={"crop": [10, 20.5]})
        assert two.hear("positions")["positions"] == {"crop": [10, 20.5]}
        one.edit(
            1, {"op": "rename", "node": "crop", "to": "cut"}, {"op": "add", "name": "b", "type": "Blur", "params": {}, "position": [5, 6]}
        )
        told = two.hear("graph")
        assert node(told, "cut")["position"] == [10, 20.5] and node(told, "b")["position"] == [5, 6]
    assert [file.parent.name for file in graph.parent.rglob("graph.*.json")] == ["page"]
    assert "10" not in graph.read_text()


# Pictures.


def test_a_picture_and_the_numbers_under_a_pixel(page: Page) -> None:
    answer = page.ask("/api/picture", node="crop", frame=2)
    assert answer.status == 200 and answer.headers["x-size"] == "6,8"
    codes = picture(answer.body)
    assert codes.shape == (8, 6, 3) and codes.min() == codes.max() == 89  # 0.1 in linear light
    again = page.ask(
        "/api/picture",
        node="crop",
        frame=2,
        headers={"Authorization": f"Bearer {page.server.token}", "If-None-Match": answer.headers["etag"]},
    )
    assert again.status == 304
    assert page.ask("/api/value", node="crop", frame=2, x=1, y=1).json()["values"]["R"] == pytest.approx(0.1)
    assert page.ask("/api/value", node="crop", frame=2, x=6, y=1).status == 400
    assert picture(page.ask("/api/picture", node="crop", frame=2, width=3).body).shape == (4, 3, 3)
    assert picture(page.ask("/api/picture", node="crop", frame=2, view="g").body).ndim == 2
    assert "no channel A" in page.ask("/api/picture", node="crop", frame=2, view="a").json()["message"]


def test_a_writer_shows_what_it_writes(page: Page) -> None:
    assert page.ask("/api/picture", node="png", frame=1).body == page.ask("/api/picture", node="crop", frame=1).body


def test_a_picture_has_the_key_of_a_run(page: Page, graph: Path) -> None:
    key = page.ask("/api/picture", node="crop", frame=2).headers["x-key"]
    from rotonodes import Graph
    from rotonodes.plan.make_plan import make_plan

    plan = make_plan(Graph.load(graph), root=str(graph.parent))
    assert plan.keys.of("crop", 2) == key


def test_a_frame_that_fails_is_told_on_its_node(graph: Path, sample_nodes: str) -> None:
    graph.write_text(GRAPH.replace("side: 8", "side: 8, bad: [2]"))
    with open_page(graph, graph.parent, sample_nodes) as page, page.socket() as socket:
        answer = page.ask("/api/picture", node="crop", frame=2)
        assert answer.status == 409 and answer.json()["node"] == "flat" and "no such file" in answer.json()["message"]
        told = socket.hear("node", fits=lambda state: state["state"] == "failed")
        assert told["name"] == "flat" and told["frame"] == 2
        assert page.ask("/api/picture", node="crop", frame=3).status == 200
        socket.send("look", frame=3, nodes=["crop"], scale=1)


def test_a_crash_of_a_node_is_told_and_the_server_goes_on(graph: Path, sample_nodes: str) -> None:
    graph.write_text(GRAPH.replace("side: 8", "crash: true"))
    with open_page(graph, graph.parent, sample_nodes) as page:
        answer = page.ask("/api/picture", node="crop", frame=2)
        assert answer.status == 409 and "ZeroDivisionError" in answer.json()["message"]
        assert page.ask("/api/graph").status == 200


def test_a_change_makes_again_only_what_depends_on_it(page: Page) -> None:
    with page.socket() as socket:
        socket.hear("graph")
        page.ask("/api/picture", node="crop", frame=1)
        made: list[str] = []
        tell = page.server.session.live.tell
        page.server.session.previews.tell = lambda name, frame, state, spent, text: (
            made.append(name) if state == "running" else None,
            tell(name, frame, state, spent, text),
        )[1]
        socket.edit(1, {"op": "set", "node": "crop", "param": "left", "value": 4})
        assert picture(page.ask("/api/picture", node="crop", frame=1).body).shape == (8, 4, 3)
        assert made == ["crop"]


@pytest.mark.parametrize("scale", [2, 4])
def test_a_proxy_is_smaller_and_crops_the_same_part(page: Page, scale: int) -> None:
    answer = page.ask("/api/picture", node="crop", frame=1, scale=scale)
    assert picture(answer.body).shape[:2] == (8 // scale, (8 - 2) // scale if scale == 2 else 2)
    assert answer.headers["x-key"] != page.ask("/api/picture", node="crop", frame=1).headers["x-key"]


def test_what_nobody_looks_at_is_cancelled_and_the_rest_answers(graph: Path, sample_nodes: str) -> None:
    """While a node takes its time, other requests are answered; when the look goes elsewhere, it is let go at its next node."""
    graph.write_text(GRAPH.replace("side: 8", "side: 8, seconds: 1"))
    with open_page(graph, graph.parent, sample_nodes) as page, page.socket() as socket:
        socket.hear("graph")
        answers: list[Any] = []
        slow = threading.Thread(target=lambda: answers.append(page.ask("/api/picture", node="crop", frame=1)))
        slow.start()
        until(lambda: page.server.session.jobs._jobs)
        assert page.ask("/api/graph").status == 200
        assert not answers, "the server answered while the node was at work"
        socket.send("look", frame=2, nodes=["flat"], scale=1)
        slow.join(PATIENCE)
        assert answers[0].status == 409 and answers[0].json()["superseded"] is True


def test_a_request_that_is_given_up_is_cancelled(graph: Path, sample_nodes: str) -> None:
    import http.client

    graph.write_text(GRAPH.replace("side: 8", "side: 8, seconds: 1"))
    with open_page(graph, graph.parent, sample_nodes) as page:
        connection = http.client.HTTPConnection("127.0.0.1", page.server.port, timeout=PATIENCE)
        connection.request("GET", "/api/picture?node=crop&frame=1", headers={"Authorization": f"Bearer {page.server.token}"})
        (job,) = until(lambda: list(page.server.session.jobs._jobs.values()))
        connection.close()
        until(lambda: job.cancelled and job.future.done())
        assert job.future.exception() is not None


def test_many_wishes_for_one_picture_make_it_once(graph: Path, sample_nodes: str) -> None:
    graph.write_text(GRAPH.replace("side: 8", "side: 8, seconds: 0.3"))
    with open_page(graph, graph.parent, sample_nodes) as page:
        made: list[str] = []
        page.server.session.previews.tell = lambda name, frame, state, spent, text: made.append(name) if state == "running" else None
        answers: list[int] = []
        threads = [
            threading.Thread(target=lambda node=node: answers.append(page.ask("/api/picture", node=node, frame=1).status))
            for node in ("crop", "crop", "flat", "png")
        ]  # type: ignore[misc]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert answers == [200] * 4
        assert sorted(made) == ["crop", "flat"]


@pytest.mark.parametrize("scale", [1, 2])
def test_a_graph_within_the_graph_shows_its_pictures(graph: Path, sample_nodes: str, scale: int) -> None:
    inner = "rotonodes: 1\ninputs: {image: crop.image}\noutputs: {out: crop}\nnodes:\n  crop: {type: Crop, left: 4}\n"
    graph.with_name("inner.yaml").write_text(inner)
    graph.write_text(GRAPH.replace("  mean:", "  sub: {type: ./inner.yaml, in: flat}\n  look: {type: Crop, in: sub, top: 4}\n  mean:"))
    with open_page(graph, graph.parent, sample_nodes) as page:
        found = page.ask("/api/graph").json()
        assert not node(found, "sub")["faults"] and node(found, "look")["links"] == {"image": "sub.out"}
        assert [one["name"] for one in node(found, "sub")["inputs"]] == ["image"]
        assert [one["kind"] for one in node(found, "sub")["outputs"]] == ["Image"]
        answer = page.ask("/api/picture", node="sub", frame=1, scale=scale)
        assert answer.status == 200, answer.body
        assert picture(answer.body).shape[:2] == (8 // scale, 4 // scale)
        assert picture(page.ask("/api/picture", node="look", output="image", frame=1, scale=scale).body).shape[:2] == (
            4 // scale,
            4 // scale,
        )


# Runs.


def test_a_run_delivers_and_tells(page: Page, graph: Path) -> None:
    with page.socket() as socket:
        socket.hear("graph")
        socket.send("run", outputs=["png"], frames=None)
        ended = socket.hear("run", fits=lambda event: event["state"] != "running")
        assert ended["state"] == "done" and ended["line"].startswith("3 of 3 frames are there: out/a.####.png; ")
        assert len(list((graph.parent / "out").glob("a.*.png"))) == 3
        socket.send("run", outputs=["png"], frames="1-2")
        assert socket.hear("run", fits=lambda event: event["state"] != "running")["state"] == "done"


def test_a_run_is_stopped(graph: Path, sample_nodes: str) -> None:
    graph.write_text(GRAPH.replace("side: 8", "side: 8, seconds: 0.05").replace("1-3", "1-2000"))
    with open_page(graph, graph.parent, sample_nodes) as page, page.socket() as socket:
        socket.hear("graph")
        socket.send("run", outputs=None, frames=None)
        socket.hear("run")
        socket.send("run", outputs=None, frames=None)
        assert "already" in socket.hear("error")["message"]
        socket.send("stop")
        assert socket.hear("run", fits=lambda event: event["state"] != "running")["state"] == "stopped"


def test_a_run_that_fails_says_where(graph: Path, sample_nodes: str) -> None:
    graph.write_text(GRAPH.replace("side: 8", "side: 8, bad: [2]"))
    with open_page(graph, graph.parent, sample_nodes) as page, page.socket() as socket:
        socket.hear("graph")
        socket.send("run", outputs=["png"], frames=None)
        ended = socket.hear("run", fits=lambda event: event["state"] != "running")
        assert ended["state"] == "failed" and "2 of 3 frames" in ended["line"] and "flat" in ended["line"]
        socket.send("run", outputs=["nothing"], frames=None)
        ended = socket.hear("run", fits=lambda event: event["state"] != "running")
        assert ended["state"] == "failed" and "no node 'nothing'" in ended["line"]
        socket.send("run", outputs=[], frames="a-b")
        assert "a-b" in socket.hear("error")["message"]


def test_a_graph_with_faults_is_not_run(graph: Path, sample_nodes: str) -> None:
    graph.write_text(GRAPH.replace("left: 2", "lefft: 2"))
    with open_page(graph, graph.parent, sample_nodes) as page, page.socket() as socket:
        socket.send("run", outputs=[], frames=None)
        assert "lefft" in socket.hear("error")["message"]


@pytest.mark.parametrize(
    ("error", "state", "message"),
    [
        (UsageError("patience needs validation frames"), "failed", "patience needs validation frames"),
        (ZeroDivisionError("zero"), "failed", "ZeroDivisionError: zero"),
        (Interrupted(), "idle", ""),
        (RetryError("a file has changed"), "idle", ""),
    ],
)
def test_a_node_that_ends_a_run_is_not_running_any_more(error: Exception, state: str, message: str) -> None:
    told: list[Any] = []
    with pytest.raises(type(error)), NodeStates(lambda *one: told.append(one)).span("train", [None]):
        raise error
    assert told == [("train", None, "running", 0.0, ""), ("train", None, state, 0.0, message)]


def test_the_loss_of_a_training_without_a_log_is_that_of_its_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    reporter = PageReporter(sent.append, lambda *_: None)
    nodes = {"logged": SimpleNamespace(checkpoints="ckpt"), "train": SimpleNamespace(checkpoints="")}
    monkeypatch.setattr(reporter, "plan", SimpleNamespace(nodes=nodes))
    for node, step, text in [
        ("train", 2, "loss 1.5, 3.0 steps/s"),
        ("train", 4, "loss 0.75, mean IoU 0.713"),
        ("logged", 6, "loss 9.0"),
        ("gif", 8, "frame 8"),
        ("train", 1, "loss 2"),
    ]:
        reporter.on_progress(node, step, 10, text)
    assert [{**one, "type": ""} for one in sent if one["type"] == "loss"] == [
        {"type": "", "node": "train", "step": 2, "loss": 1.5, "reset": True},
        {"type": "", "node": "train", "step": 4, "loss": 0.75},
        {"type": "", "node": "train", "step": 1, "loss": 2.0, "reset": True},
    ]


# Labels.


def palette_png(indices: np.ndarray, colors: int = 5) -> bytes:
    image = PIL.Image.fromarray(indices, "P")
    image.putpalette(bytes(range(3 * colors)))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_painted_labels_are_what_load_labels_reads(page: Page, graph: Path) -> None:
    indices = np.arange(24, dtype=np.uint8).reshape(4, 6) % 5
    answer = page.ask("/api/labels", "PUT", palette_png(indices), path="labels/a.####.png", frame=7)
    assert answer.status == 200 and answer.json() == {"path": "labels/a.0007.png"}
    read = read_labels(graph.parent / "labels/a.0007.png", CLASSES)
    assert (read.data.numpy() == indices).all()
    back = page.ask("/api/labels", path="labels/a.####.png", frame=7)
    assert (picture(back.body) == indices).all()
    assert page.ask("/api/labels", path="labels/a.####.png", frame=8).status == 404


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"not a png", "no PNG"),
        (palette_png(np.full((2, 2), 9, np.uint8), 12), "class 9"),
        (b"", "no PNG"),
    ],
)
def test_labels_that_are_none_are_refused(page: Page, graph: Path, body: bytes, message: str) -> None:
    answer = page.ask("/api/labels", "PUT", body, path="labels/a.####.png", frame=7)
    assert answer.status == 400 and message in answer.json()["message"]
    assert not (graph.parent / "labels").exists()


def test_painting_never_overwrites_another_picture(page: Page, graph: Path) -> None:
    PIL.Image.new("RGB", (4, 4)).save(graph.parent / "photo.png")
    before = (graph.parent / "photo.png").read_bytes()
    answer = page.ask("/api/labels", "PUT", palette_png(np.zeros((4, 4), np.uint8)), path="photo.png", frame=1)
    assert answer.status == 400 and "no picture of labels" in answer.json()["message"]
    assert (graph.parent / "photo.png").read_bytes() == before


# The server.


def test_frames_are_checked_as_they_are_typed(page: Page) -> None:
    def ask(text: Any) -> Any:
        return page.ask("/api/check_frames", "POST", json.dumps({"text": text})).json()

    assert ask("1-24x2")["ok"] and ask("auto")["ok"]
    assert not ask("1-")["ok"] and ask("1-")["message"] and not ask(3)["ok"]
    assert page.ask("/api/check_frames", "POST", "x").status == 400


def test_a_port_that_is_taken_gives_the_next_free_one() -> None:
    first, taken = free_socket(0)
    port = first.getsockname()[1]
    second, wanted = free_socket(port)
    try:
        assert taken == 0 and wanted == port and second.getsockname()[1] > port
        assert first.getsockname()[0] == "127.0.0.1"
    finally:
        first.close()
        second.close()
