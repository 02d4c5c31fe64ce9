"""Jobs run by Dask distributed: on a cluster of its own, and on one that runs already."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from one_graph import FILES, PATIENT_GRAPH, PATIENT_NODES, environment, one_machine, outputs, rotonodes, shot, until  # noqa: F401
from PIL import Image

pytest.importorskip("distributed", reason="distributed is not installed: pip install 'rotonodes[farm]'")

pytestmark = pytest.mark.xdist_group("farm")  # one after another: they measure out seconds, and start daemons
SUBMIT = ("submit", "graph.yaml", "--to", "dask", "--nodes", "nodes.py", "--workers", "2", "--chunk", "1", "--run")


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`farm(*arguments)` starts the command line in a folder with a graph of slow pictures; what still runs at the end is ended."""
    (tmp_path / "graph.yaml").write_text(PATIENT_GRAPH)
    (tmp_path / "nodes.py").write_text(PATIENT_NODES)
    started = []

    def start(*arguments: str, module: str = "rotonodes") -> subprocess.Popen[str]:
        words = [sys.executable, "-m", module, *arguments]
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "stdin": subprocess.DEVNULL}
        started.append(subprocess.Popen(words, cwd=tmp_path, env=environment(DASK_ROTONODES__PAUSE="0.1"), **options))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def test_a_cluster_on_this_machine_delivers_the_bytes_of_one_process_and_trains_once(tmp_path: Path, one_machine: dict[str, bytes]) -> None:  # noqa: F811
    folder = shot(tmp_path / "farm")
    done = rotonodes(folder, "submit", "graph.yaml", "--to", "dask", "--chunk", "2", "--workers", "2", "--run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert outputs(folder) == one_machine
    last = done.stdout.splitlines()[-2:]
    assert last == ["train: 1 task, 1 done; frames: 2 tasks, 2 done; gif: 1 task, 1 done", "done: every output is there"]
    stats = {path.stem: json.loads(path.read_text())["nodes"] for path in folder.glob(".rotonodes/jobs/graph/logs/*.json")}
    assert sorted(stats) == ["1-train", "2-frames-1", "2-frames-2", "3-gif"]
    assert sum(nodes["train"]["ran"] for nodes in stats.values()) == 1


def test_the_tasks_of_a_killed_worker_are_done_again(tmp_path: Path, farm: Callable[..., subprocess.Popen[str]]) -> None:
    (tmp_path / "wait").touch()
    job = farm(*SUBMIT, "--set", f"patient.waits_for={tmp_path}/wait")
    until(lambda: (tmp_path / "started.3").exists() and (tmp_path / "out/s.0001.png").exists(), "in mid-chunk")
    first = (tmp_path / "out/s.0001.png").stat().st_mtime_ns
    _, tool, worker = (tmp_path / "started.3").read_text().split()
    os.kill(int(worker), signal.SIGKILL)
    until(lambda: not Path(f"/proc/{tool}").exists(), "ended with its worker")
    (tmp_path / "wait").unlink()
    out, _ = job.communicate(timeout=200)
    assert job.returncode == 0, out
    assert out.endswith("png: 4 tasks, 4 done\ndone: every output is there\n")
    assert len((tmp_path / "started.3").read_text().splitlines()) == 2
    assert sorted(outputs(tmp_path)) == [f"s.{frame:04d}.png" for frame in range(1, 5)]
    assert (tmp_path / "out/s.0001.png").stat().st_mtime_ns == first


def test_after_the_death_of_the_scheduler_a_second_run_makes_the_rest(tmp_path: Path, farm: Callable[..., subprocess.Popen[str]]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    scheduler = farm("--host", address, "--no-dashboard", "--no-show", module="distributed.cli.dask_scheduler")
    farm(address, "--no-dashboard", "--nworkers", "2", "--nthreads", "1", module="distributed.cli.dask_worker")
    (tmp_path / "wait").touch()
    command = ["submit", "graph.yaml", "--to", "dask", "--nodes", "nodes.py", "--chunk", "1", "--run"]
    settings = ["--set", f"patient.waits_for={tmp_path}/wait"]
    job = farm(*command, "--address", address, *settings)
    until(lambda: (tmp_path / "out/s.0001.png").exists() and (tmp_path / "started.2").exists(), "begun")
    first = (tmp_path / "out/s.0001.png").stat().st_mtime_ns
    scheduler.kill()
    out, _ = job.communicate(timeout=200)
    assert job.returncode == 75, out
    assert out.endswith("error: the Dask scheduler is gone: submit the job again, and it makes what is missing\n")
    assert "Traceback" not in out
    (tmp_path / "wait").unlink()
    again = farm(*command, "--workers", "1", *settings)
    out, _ = again.communicate(timeout=200)
    assert again.returncode == 0, out
    assert sorted(outputs(tmp_path)) == [f"s.{frame:04d}.png" for frame in range(1, 5)]
    assert (tmp_path / "out/s.0001.png").stat().st_mtime_ns == first


@pytest.mark.parametrize("way", ["a signal", "cancel"])
def test_a_stopped_job_leaves_no_partial_file(tmp_path: Path, farm: Callable[..., subprocess.Popen[str]], way: str) -> None:
    (tmp_path / "wait").touch()
    job = farm(*SUBMIT, "-F", "2-4", "--set", f"patient.waits_for={tmp_path}/wait")
    until(lambda: (tmp_path / "started.2").exists() and (tmp_path / "started.3").exists(), "started")
    tools = [int((tmp_path / f"started.{frame}").read_text().split()[1]) for frame in (2, 3)]
    if way == "cancel":
        assert rotonodes(tmp_path, "cancel", ".rotonodes/jobs/graph").stdout == "cancelled: its tasks end within five seconds\n"
    else:
        job.terminate()
    out, _ = job.communicate(timeout=100)
    assert job.returncode == (1 if way == "cancel" else 143), out
    assert "error: not made: frames 2-4" in out
    assert not any(Path(f"/proc/{tool}").exists() for tool in tools)
    assert not list(tmp_path.glob("out/*"))
    assert not (tmp_path / ".rotonodes/jobs/graph/dask.json").exists()


def test_a_failed_chunk_fails_the_job_and_the_next_makes_the_rest(tmp_path: Path, farm: Callable[..., subprocess.Popen[str]]) -> None:
    (tmp_path / "graph.yaml").write_text(FILES)
    for frame in (1, 2, 4):
        Image.new("RGB", (8, 8), (frame, 0, 0)).save(tmp_path / f"in.{frame:04d}.png")
    words = ("submit", "graph.yaml", "--to", "dask", "--chunk", "2", "--workers", "1", "--run")
    out, _ = farm(*words).communicate(timeout=200)
    assert re.search(r"failed  \d-png-2: exit code 1, see .*/logs/\d-png-2.log", out), out
    assert "roto: 2 tasks, 1 done, 1 failed" in out
    assert "gif: 1 task, 1 cancelled" in out
    assert "error: not made: gif and frames 3" in out
    Image.new("RGB", (8, 8), (3, 0, 0)).save(tmp_path / "in.0003.png")
    again = farm(*words)
    out, _ = again.communicate(timeout=200)
    assert again.returncode == 0, out
    assert sorted(outputs(tmp_path)) == ["s.0001.png", "s.0002.png", "s.0003.png", "s.0004.png", "s.gif"]


def test_exit_code_75_is_tried_again(tmp_path: Path, farm: Callable[..., subprocess.Popen[str]]) -> None:
    job = farm(*SUBMIT, "-F", "1-2", "--set", "patient.fails_times=2")
    out, _ = job.communicate(timeout=200)
    assert job.returncode == 0, out
    assert out.count("to be tried again in 0 s") == 4


def test_an_address_where_nothing_answers(tmp_path: Path, farm: Callable[..., subprocess.Popen[str]]) -> None:
    job = farm("submit", "graph.yaml", "--to", "dask", "--nodes", "nodes.py", "--run", "--address", "tcp://127.0.0.1:9")
    out, _ = job.communicate(timeout=100)
    assert job.returncode == 75
    assert out.splitlines()[-1].startswith("error: --address tcp://127.0.0.1:9: no Dask scheduler answers (")
    assert "Traceback" not in out
