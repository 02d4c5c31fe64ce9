"""The graph page in Blender: opened, answering, closed, and gone with the add-on and with Blender; by ROTONODES_BPY."""

import time
from pathlib import Path
from typing import Any

import pytest

from in_blender import calls_in_blender, in_blender
from rotonodes.graph.document import parse_document


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return calls_in_blender(tmp_path_factory.mktemp("blender"), "addon_page.py")


@in_blender
def test_flat_art_without_a_render_has_no_graph(told: dict[str, Any]) -> None:
    assert "no frame is rendered" in told["nothing rendered"]["said"]
    assert told["close none"]["how"] == ["REFUSED"]  # the button is grey


@in_blender
@pytest.mark.parametrize(("which", "graph"), [("ready", "key_light_tones"), ("own", "own.yaml"), ("flat", "scene.yaml")])
def test_the_page_of_a_graph_answers(told: dict[str, Any], which: str, graph: str) -> None:
    assert told[which]["how"] == ["FINISHED"], told[which]["said"]
    assert told[which]["answers"] == 200 and Path(told[which]["graph"]).name == graph


@in_blender
def test_a_page_that_is_open_is_shown_again(told: dict[str, Any]) -> None:
    assert told["again"]["pid"] == told["ready"]["pid"]


@in_blender
def test_a_ready_graph_is_copied_to_be_changed(told: dict[str, Any]) -> None:
    assert (told["folder"] / "out" / "key_light_tones.yaml").is_file()


@in_blender
def test_the_graph_of_flat_art_is_that_of_the_scene(told: dict[str, Any]) -> None:
    nodes = parse_document((told["folder"] / "out" / "scene.yaml").read_text()).data["nodes"]
    assert nodes["render"]["path"] == str(told["folder"] / "out" / "render" / "scene.####.exr")
    assert nodes["tones"]["type"] == "TonesFromPasses" and nodes["paint"]["type"] == "PaintObjects"


@in_blender
def test_a_page_ends_when_it_is_closed_and_with_the_addon_and_with_blender(told: dict[str, Any]) -> None:
    assert told["close"]["how"] == ["FINISHED"] and told["after close"] == {"pid": 0, "answers": 0, "there": False}
    assert not told["after disable"]["there"]
    process, until = Path("/proc", str(told["flat"]["pid"])), time.monotonic() + 60
    while process.exists() and "Z" not in (process / "stat").read_text().rpartition(")")[2][:3]:
        assert time.monotonic() < until, "the page is open without Blender"
        time.sleep(0.1)
