"""The command line as a process of its own: signals, pipes, and what it may not need."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

ROOT = Path(__file__).parent.parent
GRAPH = """
rotonodes: 1
frames: 1-200
nodes:
  swatch: {type: Swatch, seconds: 0.05}
  png:    {type: WriteFrames, in: swatch, path: "out/s.####.png"}
  mean:   {type: Average, in: swatch, path: out/mean.txt}
"""


def environment(**more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", **more}


def start(folder: Path, *arguments: str, hangup: Any = signal.SIG_DFL, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rotonodes", *arguments],
        cwd=folder,
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, hangup),  # whatever these tests themselves were started with
    )


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Read stderr up to a line with this word."""
    assert process.stderr is not None
    for line in process.stderr:
        if word in line:
            return
    raise AssertionError(f"it ended without saying {word!r}")


@pytest.fixture
def folder(tmp_path: Path, sample_nodes: str) -> Path:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    return tmp_path


@pytest.mark.parametrize(("number", "code"), [(signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_cleanly_and_the_next_goes_on(folder: Path, sample_nodes: str, number: signal.Signals, code: int) -> None:
    process = start(folder, "run", "graph.yaml", "--nodes", sample_nodes, "--threads", "2", "--stats", "stats.json")
    wait_for(process, "Frame 1 ")
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=10)
    assert process.returncode == code
    assert time.monotonic() - began < 5
    assert said.count("stopping: ") == 1
    assert "the same command continues from here" in said
    assert "Traceback" not in said
    assert [path for path in (folder / "out").iterdir() if path.name.startswith(".") and path.suffix != ".key"] == []
    made = len(list((folder / "out").glob("s.*.png")))
    assert 0 < made < 200
    assert json.loads((folder / "stats.json").read_text())["frames"]["missing"]
    plan = start(folder, "plan", "graph.yaml", "--nodes", sample_nodes, "--json")
    assert json.loads(plan.communicate(timeout=30)[0])["nodes"]["png"]["done_count"] == made


def test_a_run_under_nohup_outlives_its_terminal(folder: Path, sample_nodes: str) -> None:
    arguments = ("run", "graph.yaml", "--nodes", sample_nodes, "-F", "1-8", "-X", "png", "--threads", "1")
    process = start(folder, *arguments, hangup=signal.SIG_IGN)  # as nohup does
    wait_for(process, "Frame 1 ")
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_a_node_that_hangs_does_not_keep_the_process_alive(folder: Path, sample_nodes: str) -> None:
    process = start(folder, "run", "graph.yaml", "--nodes", sample_nodes, "-X", "png", "--set", "swatch.seconds=60", "--threads", "1")
    wait_for(process, "Progress: 0%")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=10)
    assert process.returncode == 143
    assert time.monotonic() - began < 5


def test_a_second_signal_ends_at_once(folder: Path, sample_nodes: str) -> None:
    process = start(folder, "run", "graph.yaml", "--nodes", sample_nodes, "-X", "png", "--set", "swatch.seconds=60", "--threads", "1")
    wait_for(process, "Progress: 0%")
    process.send_signal(signal.SIGINT)
    wait_for(process, "stopping: ")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)
    assert process.returncode == 130
    assert time.monotonic() - began < 2


ONE_FRAME = """
rotonodes: 1
frames: 1
nodes:
  r: {type: LoadFrames, path: "a.####.png"}
  w: {type: WriteFrames, in: r, path: "o.####.png"}
"""
CLOSED = [">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full 2>/dev/full", "--progress json >&-", "--progress json >/dev/full"]


def shell(folder: Path, words: str) -> tuple[int, str, str]:
    """A command line with redirections: its exit code and what came through stdout and stderr."""
    (folder / "one.yaml").write_text(ONE_FRAME)
    PIL.Image.new("RGB", (4, 4)).save(folder / "a.0001.png")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    command = f"{shlex.quote(sys.executable)} -m rotonodes {words}"
    done = subprocess.run(["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("closed", CLOSED)
def test_closed_and_full_streams_do_not_stop_a_run(tmp_path: Path, closed: str) -> None:
    code, _, err = shell(tmp_path, f"run one.yaml {closed}")
    assert (code, (tmp_path / "o.0001.png").is_file()) == (0, True)
    assert "Traceback" not in err
    assert "Frame" not in (tmp_path / "o.0001.png").read_bytes().decode("latin-1"), "no message may land in a file"


@pytest.mark.parametrize("progress", ["json", "openjd", "alf", "plain"])
def test_a_reader_that_ends_early_does_not_stop_a_run(tmp_path: Path, progress: str) -> None:
    """`run --progress json | head`: all frames are made."""
    for frame in range(2, 13):
        PIL.Image.new("RGB", (4, 4)).save(tmp_path / f"a.{frame:04d}.png")
    words = f"run one.yaml --set frames=1-12 --progress {progress} 2>&1 | head -n 1; exit ${{PIPESTATUS[0]}}"
    code, out, _ = shell(tmp_path, words)
    assert (code, out.count("\n"), len(list(tmp_path.glob("o.*.png")))) == (0, 1, 12)


@pytest.mark.parametrize(("closed", "why"), [(">&-", "bad file descriptor"), (">/dev/full", "no space left on device")])
@pytest.mark.parametrize("words", ["nodes", "check one.yaml"])
def test_data_that_cannot_be_written_is_one_line(tmp_path: Path, words: str, closed: str, why: str) -> None:
    assert shell(tmp_path, f"{words} {closed}") == (1, "", f"error: cannot write to stdout: {why}\n")


def test_an_ascii_terminal_gets_every_line(tmp_path: Path) -> None:
    first = "draw one.yaml --format svg >/dev/null; PYTHONIOENCODING=ascii"
    code, out, err = shell(tmp_path, f"{first} {sys.executable} -m rotonodes nodes Grade")
    assert (code, err) == (0, "")
    assert out.isascii()


def test_a_reader_that_has_enough_is_no_error(folder: Path) -> None:
    with start(folder, "schema") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(timeout=30) == 1


def test_neither_home_nor_terminal_nor_folder_is_needed(folder: Path, sample_nodes: str) -> None:
    process = start(
        folder, "run", str(folder / "graph.yaml"), "-F", "1", "-X", "png", "--nodes", sample_nodes, "--root", str(folder), LANG="C"
    )
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert (folder / "out/s.0001.png").exists()
    assert set(os.listdir(folder)) <= {"graph.yaml", "out", ".rotonodes"}


def test_the_script_at_the_top(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "cli.py", "check", "graph.yml"], cwd=folder, env=environment(), capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "graph.yml: cannot read the graph: no such file (did you mean 'graph.yaml'?)\n"


def test_help_is_there_at_once(folder: Path) -> None:
    """What takes seconds to import is not imported for it."""
    code = "import sys; from rotonodes.__main__ import main; sys.argv[1:] = ['run', '--help']\ntry: main()\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment(), capture_output=True, text=True, check=True)
    assert "Usage: " in done.stdout and "click" in done.stdout.split()
    slow = {"torch", "numpy", "PIL", "pydantic", "yaml", "networkx", "scipy", "av", "rich", "starlette"}
    assert not slow.intersection(done.stdout.split())


@pytest.mark.parametrize("words", [["-m", "rotonodes"], [str(ROOT / "cli.py")]], ids=["module", "script"])
def test_an_interrupt_while_python_reads_the_command_line_is_quiet(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    paths = environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    done = subprocess.run([sys.executable, *words, "--help"], cwd=tmp_path, env=paths, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
