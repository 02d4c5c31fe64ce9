"""`rotonodes edit`: what it prints, and how it ends."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Any

import pytest

from conftest import Call
from rotonodes import extras
from rotonodes.cli import page_commands
from rotonodes.page import server as page_server

GRAPH = 'rotonodes: 1\nframes: 1\nnodes:\n  flat: {type: Constant, size: [4, 4], color: "#804020"}\n'
ROOT = Path(__file__).parent.parent


@pytest.fixture
def graph(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A graph, and a server that ends as soon as it serves."""
    monkeypatch.setattr(page_server.PageServer, "serve", lambda self, stop: (self.session.close(), self.socket.close()))
    path = tmp_path / "graph.yaml"
    path.write_text(GRAPH)
    return path


def test_the_address_is_all_that_goes_to_stdout(call: Call, graph: Path) -> None:
    ended = call("edit", "graph.yaml", "--no-browser", "--port", "0")
    assert ended.code == 0 and ended.err == ""
    assert ended.out.startswith("http://127.0.0.1:") and ended.out.count("\n") == 1
    assert len(ended.out.split("token=")[1].strip()) >= 32


def test_a_port_that_is_taken_is_said(call: Call, graph: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = call("edit", "graph.yaml", "--no-browser", "--port", str(port))
    assert ended.code == 0
    assert ended.err.startswith(f"port {port} is taken: this page is at port ")
    assert f":{port}/" not in ended.out


def test_no_free_port_is_one_line(call: Call, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_server, "TRIES", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = call("edit", "graph.yaml", "--no-browser", "--port", str(taken.getsockname()[1]))
    assert ended.code == 2 and "choose another one" in ended.err and ended.err.count("\n") == 1


@pytest.mark.parametrize("how", ["false", "error"])
def test_a_browser_that_cannot_be_opened_is_said(how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def opened(address: str) -> bool:
        if how == "error":
            raise webbrowser.Error("none")
        return False

    monkeypatch.setattr(webbrowser, "open", opened)
    page_commands.open_browser("http://127.0.0.1:1/")
    assert capsys.readouterr().err == "no browser could be opened: open the address above in one\n"


def test_the_browser_gets_the_address(call: Call, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, told = threading.Event(), []
    monkeypatch.setattr(webbrowser, "open", lambda address: (told.append(address), opened.set()))
    ended = call("edit", "graph.yaml", "--port", "0")
    assert opened.wait(60) and told == [ended.out.strip()]


def test_a_missing_library_is_one_line_with_the_command(call: Call, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "has_library", lambda module: module != "uvicorn")
    ended = call("edit", "graph.yaml")
    assert ended.code == 2
    assert ended.err == 'error: edit needs uvicorn, which is not installed: pip install "rotonodes[page]"\n'


def test_a_graph_that_is_not_there(call: Call, graph: Path) -> None:
    ended = call("edit", "grap.yaml")
    assert ended.code == 2 and "did you mean" in ended.err and not ended.out
    assert call("edit", "graph.yaml", "--root", "nowhere").code == 2


def test_a_graph_that_ships_is_edited_as_a_copy(call: Call, graph: Path) -> None:
    ended = call("edit", "flat_tones", "--no-browser", "--port", "0")
    assert ended.code == 0 and ended.err.startswith("flat_tones.yaml: a copy of the graph flat_tones that ships")
    copy = graph.with_name("flat_tones.yaml")
    assert copy.read_bytes() == (ROOT / "graphs" / "flat_tones.yaml").read_bytes()
    copy.write_text(GRAPH)
    assert call("edit", "flat_tones", "--no-browser", "--port", "0").err == ""
    assert copy.read_text() == GRAPH, "one's own file of that name is what is edited"


@pytest.mark.parametrize("text", ["nodes: [", "", GRAPH.replace("color", "colr")])
def test_a_graph_with_faults_opens(call: Call, graph: Path, text: str) -> None:
    graph.write_text(text)
    assert call("edit", "graph.yaml", "--no-browser", "--port", "0").code == 0


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "rotonodes", "edit", *words, "--no-browser", "--port", "0"]
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ask(address: str, path: str) -> Any:
    port, token = int(address.split(":")[2].split("/")[0]), address.strip().split("token=")[1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_it(tmp_path: Path, number: int, code: int) -> None:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    with start(tmp_path, "graph.yaml") as process:
        address = process.stdout.readline()  # type: ignore[union-attr]
        status, body = ask(address, "/api/picture?node=flat&frame=1")
        assert status == 200 and body.startswith(b"\x89PNG")
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
        assert process.returncode == code
        assert "Traceback" not in said
