"""Jobs run by a real Slurm, which slurm_up.sh starts on this machine: two nodes with two cores and two pretended GPUs each."""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from one_graph import FILES, PATIENT_GRAPH, PATIENT_NODES, ROOT, environment, one_machine, outputs, rotonodes, shot, until  # noqa: F401
from PIL import Image

from rotonodes import __version__
from rotonodes.farm import slurm as target
from rotonodes.farm.job import load_job

pytestmark = pytest.mark.xdist_group("farm")  # one after another: they measure out seconds, and start daemons
SUBMIT = ("submit", "graph.yaml", "--to", "slurm", "--nodes", "nodes.py")


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A running Slurm; its folder, with slurm.conf."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("starting a Slurm needs root")
    if not all(map(shutil.which, ("slurmctld", "slurmd", "sbatch", "munge"))):
        pytest.skip("Slurm is not installed: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge")
    folder = tmp_path_factory.mktemp("slurm")
    words = ["bash", str(ROOT / "tests/farm/slurm_up.sh"), str(folder), "2"]
    # Ports of its own: were they another Slurm's, that one would run the jobs, and no node of ours could be killed.
    up = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env={**os.environ, "PORT": str(free_ports(3))})
    try:
        assert up.returncode == 0
        assert len(daemons(folder)) == 3, told(folder)
        yield folder
    finally:
        for _ in range(100):  # one that was started a moment ago may not be found yet
            for process in daemons(folder):
                with suppress(OSError):
                    os.kill(process, signal.SIGTERM)
            time.sleep(0.1)
            if not daemons(folder):
                break


def free_ports(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on."""
    while True:
        first = random.randrange(20000, 30000)
        with ExitStack() as stack, suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("", port))
            return first


@pytest.fixture
def farm(tmp_path: Path, slurm: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`farm(*arguments)` calls the command line in a folder with a graph of slow pictures."""
    (tmp_path / "graph.yaml").write_text(PATIENT_GRAPH)
    (tmp_path / "nodes.py").write_text(PATIENT_NODES)
    monkeypatch.setenv("SLURM_CONF", str(slurm / "slurm.conf"))
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: rotonodes(tmp_path, *arguments, SLURM_CONF=str(slurm / "slurm.conf"))


def daemons(slurm: Path, node: str = "") -> list[int]:
    """The processes of a Slurm that has its folder here, or of one of its nodes. Not from its pid files: it writes them when it likes."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            ours = f"SLURM_CONF={slurm}/slurm.conf".encode() in (place / "environ").read_bytes().split(b"\0")
            if ours and words[0].startswith(b"/usr/sbin/slurm") and (not node or node.encode() in words):
                found.append(int(place.name))
    return found


def told(slurm: Path) -> str:
    """What Slurm says of itself: for a test that waited in vain."""
    words = ("sinfo -N -o %N_%t_%E", "squeue -o %i_%t_%r_%N", "scontrol --oneliner show job")
    asked = [
        subprocess.run(line.split(), env=environment(SLURM_CONF=str(slurm / "slurm.conf")), capture_output=True, text=True)
        for line in words
    ]
    logs = [f"{path.name}\n{path.read_text()[-3000:]}" for path in sorted(slurm.glob("log/*"))]
    return "\n".join([*(done.stdout + done.stderr for done in asked), *logs])


def job_of(folder: Path) -> Path:
    return folder / ".rotonodes/jobs/graph"


def log_of(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(job_of(folder).glob("logs/*.log")))


def test_an_array_delivers_the_bytes_of_one_machine_and_trains_once(
    tmp_path: Path,
    slurm: Path,
    one_machine: dict[str, bytes],  # noqa: F811
) -> None:
    folder = shot(tmp_path / "farm")
    done = rotonodes(folder, "submit", "graph.yaml", "--to", "slurm", "--chunk", "2", "--wait", SLURM_CONF=str(slurm / "slurm.conf"))
    assert done.returncode == 0, done.stdout + done.stderr + log_of(folder)
    assert outputs(folder) == one_machine
    states, last = done.stdout.splitlines()[-2:]
    assert (states, last) == ("train: 1 task, 1 done; frames: 2 tasks, 2 done; gif: 1 task, 1 done", "done: every output is there")
    assert sorted(path.name for path in job_of(folder).glob("logs/*")) == [
        "1-train-0-1.log",
        "2-frames-0-1.log",
        "2-frames-0-2.log",
        "3-gif-0-1.log",
    ]


def test_dask_workers_in_a_queue_deliver_the_bytes_of_one_machine_and_train_once(
    tmp_path: Path,
    slurm: Path,
    one_machine: dict[str, bytes],  # noqa: F811
) -> None:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed: pip install 'rotonodes[farm]'")
    folder = shot(tmp_path / "farm")
    words = ("submit", "graph.yaml", "--to", "dask", "--queue", "slurm", "--workers", "2", "--chunk", "2", "--run")
    done = rotonodes(folder, *words, SLURM_CONF=str(slurm / "slurm.conf"))
    assert done.returncode == 0, done.stdout + done.stderr + log_of(folder)
    assert outputs(folder) == one_machine
    stats = [json.loads(path.read_text())["nodes"] for path in job_of(folder).glob("logs/*.json")]
    assert sum(nodes["train"]["ran"] for nodes in stats) == 1
    queue = ["squeue", "--noheader", "--name=dask-worker"]
    until(lambda: not subprocess.check_output(queue, env=environment(SLURM_CONF=str(slurm / "slurm.conf"))), "ended its workers")


def test_a_failed_chunk_fails_the_job_and_the_next_makes_the_rest(tmp_path: Path, farm: Callable) -> None:
    (tmp_path / "graph.yaml").write_text(FILES)
    for frame in (1, 2, 4):
        Image.new("RGB", (8, 8), (frame, 0, 0)).save(tmp_path / f"in.{frame:04d}.png")
    failed = farm("submit", "graph.yaml", "--to", "slurm", "--chunk", "2", "--wait")
    assert failed.returncode == 1, failed.stdout + failed.stderr
    last = failed.stdout.splitlines()[-1].replace("1 failed, 1 done", "1 done, 1 failed")
    assert last == "roto: 2 tasks, 1 done, 1 failed; png: 2 tasks, 1 done, 1 failed; gif: 1 task, 1 cancelled"
    assert "error: not made: gif and frames 3" in failed.stderr
    first = (tmp_path / "out/s.0001.png").stat().st_mtime_ns
    Image.new("RGB", (8, 8), (3, 0, 0)).save(tmp_path / "in.0003.png")
    again = farm("submit", str(job_of(tmp_path)), "--to", "slurm", "--wait")
    assert again.returncode == 0, again.stdout + again.stderr + log_of(tmp_path)
    assert sorted(outputs(tmp_path)) == ["s.0001.png", "s.0002.png", "s.0003.png", "s.0004.png", "s.gif"]
    assert (tmp_path / "out/s.0001.png").stat().st_mtime_ns == first


def test_exit_code_75_is_tried_again(tmp_path: Path, farm: Callable) -> None:
    (tmp_path / "away").touch()
    assert farm(*SUBMIT, "-F", "1", "--run", "--set", f"patient.while_there={tmp_path}/away").returncode == 0
    twice = farm("submit", str(job_of(tmp_path)), "--to", "slurm", "--run")
    assert twice.returncode == 2
    assert "its tasks are in the queue already" in twice.stderr
    until(lambda: "the file server is away" in log_of(tmp_path), "failed")
    (tmp_path / "away").unlink()
    until(lambda: (tmp_path / "out/s.0001.png").exists(), "tried again")
    assert log_of(tmp_path).count("the file server is away") >= 1
    assert "every output is there" in farm("status", str(job_of(tmp_path))).stdout


def test_a_cancelled_job_leaves_no_partial_file(tmp_path: Path, farm: Callable) -> None:
    assert farm(*SUBMIT, "-F", "1-2", "--run", "--set", "patient.seconds=100").returncode == 0
    until(lambda: (tmp_path / "started.1").exists(), "started")
    said = farm("status", str(job_of(tmp_path)))
    assert "png: 1 task, 1 running" in said.stdout
    assert "not there yet: frames 1-2" in said.stdout
    assert farm("cancel", str(job_of(tmp_path))).returncode == 0
    pid = int((tmp_path / "started.1").read_text().split()[1])
    until(lambda: not Path(f"/proc/{pid}").exists(), "ended")
    assert "stopping: files being written are finished first" in log_of(tmp_path)
    assert not list(tmp_path.glob("out/*"))


def test_a_node_that_dies_loses_nothing(tmp_path: Path, farm: Callable, slurm: Path) -> None:
    (tmp_path / "away").touch()  # or the job might end before its node dies
    assert farm(*SUBMIT, "-F", "1-4", "--run", "--set", f"patient.waits_for={tmp_path}/away").returncode == 0
    until(lambda: (tmp_path / "out/s.0001.png").exists(), "made its first frame", lambda: told(slurm) + log_of(tmp_path))
    first = (tmp_path / "out/s.0001.png").stat().st_mtime_ns
    node, pid, above = (tmp_path / "started.1").read_text().split()  # above: slurmstepd
    for process in (*daemons(slurm, node), int(above), int(pid)):
        os.kill(process, signal.SIGKILL)
    (tmp_path / "away").unlink()
    until(lambda: len(list(tmp_path.glob("out/s.*.png"))) == 4, "requeued", lambda: told(slurm) + log_of(tmp_path))
    nodes = {line.split()[0] for path in tmp_path.glob("started.*") for line in path.read_text().splitlines()}
    assert node in nodes
    assert nodes - {node}
    assert (tmp_path / "out/s.0001.png").stat().st_mtime_ns == first
    until(lambda: "1 done" in farm("status", str(job_of(tmp_path))).stdout, "done")
    assert not list(tmp_path.glob("out/.*"))
    subprocess.run(["/usr/sbin/slurmd", "-N", node], check=True, env=environment(SLURM_CONF=str(slurm / "slurm.conf")))


def test_two_gpu_tasks_get_gpus_of_their_own(tmp_path: Path, farm: Callable) -> None:
    assert farm(*SUBMIT, "--chunk", "2").returncode == 0
    fake = tmp_path / "python"
    fake.write_text('#!/bin/sh\necho "gpu $SLURMD_NODENAME:$CUDA_VISIBLE_DEVICES"\nsleep 3\n')
    fake.chmod(0o755)
    job = load_job(job_of(tmp_path), __version__)
    job = replace(job, device="cuda", python=str(fake), steps=tuple(replace(step, network=True) for step in job.steps))
    target.submit(job, job_of(tmp_path), print)
    assert target.follow(job, job_of(tmp_path), print) == 0
    pins = sorted(line for line in log_of(tmp_path).splitlines() if line.startswith("gpu"))
    assert len(set(pins)) == 2


def test_no_scheduler_answers(tmp_path: Path, farm: Callable, slurm: Path) -> None:
    text = (slurm / "slurm.conf").read_text()
    port = next(line for line in text.splitlines() if line.startswith("SlurmctldPort="))
    (tmp_path / "slurm.conf").write_text(text.replace(port, "SlurmctldPort=9\nMessageTimeout=2"))
    found = rotonodes(tmp_path, *SUBMIT, "--run", SLURM_CONF=str(tmp_path / "slurm.conf"))
    assert found.returncode == 75
    assert found.stderr.startswith("error: Slurm does not answer (")
    assert found.stderr.count("\n") == 1
