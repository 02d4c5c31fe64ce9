"""Bundles run by openjd-cli itself."""

import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from one_graph import environment, one_machine, outputs, rotonodes, shot  # noqa: F401
from PIL import Image

pytest.importorskip("openjd.cli", reason="openjd-cli is not installed: pip install 'rotonodes[farm]'")
pytestmark = pytest.mark.xdist_group("farm")  # one after another: they measure out seconds, and start daemons


def test_a_job_delivers_the_bytes_of_one_machine_and_trains_once(tmp_path: Path, one_machine: dict[str, bytes]) -> None:  # noqa: F811
    folder = shot(tmp_path / "farm")
    one_core = {"CUE_THREADS": "1"}  # a task takes what its machine has
    done = rotonodes(folder, "submit", "graph.yaml", "--to", "openjd", "--chunk", "2", "--run", **one_core)
    assert done.returncode == 0, done.stdout + done.stderr
    assert outputs(folder) == one_machine
    assert done.stdout.count("Process pid") == 4  # the training, two chunks, the GIF
    assert done.stdout.count("openjd_status: stage 1 of 1: train") == 1
    assert "openjd_progress: 100" in done.stdout
    assert done.stdout.endswith("done: every output is there\n")


@pytest.mark.parametrize(("batch", "code"), [(2, 0), (3, 2)])
def test_a_training_task_has_two_processes(tmp_path: Path, batch: int, code: int) -> None:
    """As for two GPUs; the job's parameter Device puts both of them on the CPU of this machine, where they talk by gloo."""
    folder = shot(tmp_path / "farm")
    words = ("--to", "openjd", "--device", "cuda", "--gpus", "2", "--set", f"train.batch={batch}")
    written = rotonodes(folder, "submit", "graph.yaml", *words)
    assert written.returncode == 0, written.stderr
    command = shlex.split(written.stdout.splitlines()[-1].removeprefix("run"))
    command[command.index("Device=cuda")] = "Device=cpu"
    done = subprocess.run([*command, "--step", "train"], cwd=folder, env=environment(), capture_output=True, text=True)
    assert f"exited with code: {code} " in done.stdout, done.stdout
    assert done.stdout.count("Process pid") == 1
    if code:
        assert "a batch of 3 cannot be shared among 2 processes" in done.stdout
    else:
        assert done.stdout.count("openjd_status: stage 1 of 1: train") == 1
        assert "train   TrainUNet        from the cache" in rotonodes(folder, "plan", "graph.yaml").stdout


GRAPH = """
rotonodes: 1
frames: 1-6
nodes:
  load: {type: LoadFrames, path: "in.####.png"}
  png:  {type: WriteFrames, in: load, path: "out/s.####.png"}
"""


def test_a_failed_chunk_fails_the_job_and_the_next_makes_the_rest(tmp_path: Path) -> None:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    for frame in (1, 2, 4, 5, 6):
        Image.new("RGB", (8, 8), (frame, 0, 0)).save(tmp_path / f"in.{frame:04d}.png")
    words = ["submit", "graph.yaml", "--to", "openjd", "--chunk", "3", "--run"]
    failed = rotonodes(tmp_path, *words)
    assert failed.returncode == 1
    assert "openjd_fail: " in failed.stdout
    assert "submit the job again to make what is missing" in failed.stderr
    first = (tmp_path / "out/s.0001.png").stat().st_mtime_ns
    Image.new("RGB", (8, 8), (3, 0, 0)).save(tmp_path / "in.0003.png")
    assert rotonodes(tmp_path, *words).returncode == 0
    assert len(outputs(tmp_path)) == 6
    assert (tmp_path / "out/s.0001.png").stat().st_mtime_ns == first


CLIP = """
rotonodes: 1
frames: 1-6
nodes:
  swatch: {type: Swatch, seconds: 20}
  png:    {type: WriteFrames, in: swatch, path: "out/s.####.png"}
"""


def test_cancelling_leaves_no_partial_file(tmp_path: Path, sample_nodes: str) -> None:
    (tmp_path / "graph.yaml").write_text(CLIP)
    words = [sys.executable, "-m", "rotonodes", "submit", "graph.yaml", "--to", "openjd", "--nodes", sample_nodes, "--run"]
    process = subprocess.Popen(words, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert any("openjd_progress: 0" in line for line in process.stdout)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert process.returncode == 143, out
    assert "exited with code: 143" in out
    assert "error: not made: frames 1-6" in err
    assert not list(tmp_path.glob("out/*"))
