"""Several processes that train one network: the same training as with one, one writer, one end. With gloo on the CPU."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pictures

from rotonodes.errors import Interrupted, UsageError
from rotonodes.train.checkpoint import BEFORE, NEWEST, read_checkpoint
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.distributed import ProcessGroup
from rotonodes.train.loop import train
from rotonodes.train.settings import Loss, TrainSettings
from test_loop import CLASSES, stop_before, toy_frames

ROOT = Path(__file__).parents[1]

# Sums of two halves are rounded otherwise than sums of a whole. AdamW makes steps of one size out of gradients of any size, so
# where a gradient is almost nothing its rounding shows: after twelve steps of 1e-2, as 5e-5 in a weight and 6e-7 in the loss.
TOLERANCE = {"rtol": 1e-3, "atol": 5e-4}
LOSS = 1e-4


def settings(folder: Path | None, **changes: Any) -> TrainSettings:
    plain = TrainSettings(
        steps=12,
        batch=4,
        crop=16,
        learning_rate=1e-2,
        config={"widths": [4, 8]},
        classes=CLASSES,
        colors=("#000000", "#777777", "#ffffff"),
        loss=Loss(dice=0.5, edge=1.0, isolated=0.5, consistency=0.5),
        class_balance=0.5,
        ema_decay=0.9,
        checkpoint_folder=folder,
        checkpoint_interval=4,
        validation_interval=3,
        log_interval=2,
    )
    return replace(plain, **changes)


def data(**changes: Any) -> LabelledFrames:
    return LabelledFrames(toy_frames(), classes=3, **{"validation": [10, 11, 12], **changes})


def cut_out() -> list[float]:
    """The losses of a U-2-Net, whose seven answers are all learned from, on the alpha of discs.

    Of one step and the next: norms over the few pixels of its lowest levels let what is rounded differently grow fast.
    """
    losses: list[float] = []
    alpha = settings(None, task="alpha", score="", steps=2, crop=32, architecture="u2net", loss=Loss(dice=0, bce=1, ssim=1))
    alpha = replace(alpha, config={"stages": [[2, 4]] * 11}, classes=("ground", "disc"), colors=("#000000", "#ffffff"))
    frames = LabelledFrames(((n, picture, (labels > 0).float()[None]) for n, picture, labels in toy_frames()), classes=1, mattes=True)
    train(alpha, frames, on_step=lambda step: losses.append(step.loss))
    return losses


# What each of two processes does; `say` writes a line to its own file.
TOGETHER = """
import json, sys
from pathlib import Path

import torch

sys.path.insert(0, "tests")
from rotonodes.machine import torchrun
from rotonodes.errors import RotoError
from rotonodes.train.loop import train
from test_train_parallel import cut_out, data, settings

torch.set_num_threads(1)
folder, own = Path(sys.argv[1]), torchrun.rank()
answers = {}

def answer(name, call):
    try:
        answers[name] = call()
    except RotoError as error:
        answers[name] = f"{type(error).__name__}: {error}"

def learn():
    losses = []
    # Only the first process may write: the second one is told another folder, which must stay away.
    model = train(settings(folder / f"whole-{own}"), data(), on_step=lambda step: losses.append(step.loss))
    torch.save(model.state, folder / f"whole-{own}.pt")
    return {"losses": losses, "metrics": model.metrics}

def stop():
    asked = []
    train(settings(folder / "stopped"), data(), should_stop=lambda: own == 1 and len(asked) == 5 or asked.append(1))

answer("whole", learn)
answer("stopped", stop)
def halved():
    losses = []
    train(settings(None, steps=3, precision="bfloat16"), data(), on_step=lambda step: losses.append(step.loss))
    return losses

def go_on():
    torch.save(train(settings(folder / "begun"), data()).state, folder / f"begun-{own}.pt")

answer("bfloat16", halved)
answer("begun", go_on)
answer("cut-out", cut_out)
answer("odd batch", lambda: train(settings(None, batch=5, loss=type(settings(None).loss)()), data()))
answer("other frames", lambda: train(settings(None), data(validation=[11, 12] if own else [12])))
answer("nan", lambda: train(settings(None, learning_rate=1e30, gradient_clip=0), data()))
(folder / f"answers-{own}.json").write_text(json.dumps(answers))
"""


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("localhost", 0))
        return int(server.getsockname()[1])


def member(rank: int, port: int) -> dict[str, str]:
    """The environment of one of two processes, as torchrun would set it."""
    numbers = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    return {**os.environ, **numbers, "MASTER_ADDR": "localhost", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which two processes have done what they do."""
    folder = tmp_path_factory.mktemp("together")
    with pytest.raises(Interrupted):
        train(settings(folder / "begun"), data(), should_stop=stop_before(5))
    port = free_port()
    command = [sys.executable, "-c", TOGETHER, str(folder)]
    with contextlib.ExitStack() as stack:
        both = [
            stack.enter_context(subprocess.Popen(command, cwd=ROOT, env=member(rank, port), stderr=subprocess.PIPE, text=True))
            for rank in (0, 1)
        ]
        for process in both:
            stack.callback(process.kill)
        ends = [process.communicate(timeout=900)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    return folder


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same training in one process."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    losses: list[float] = []
    folder = tmp_path_factory.mktemp("alone")
    model = train(settings(folder), data(), on_step=lambda step: losses.append(step.loss))
    torch.set_num_threads(threads)
    return {"losses": losses, "metrics": model.metrics, "state": model.state, "folder": folder}


def answers(folder: Path, name: str) -> list[Any]:
    return [json.loads((folder / f"answers-{rank}.json").read_text())[name] for rank in (0, 1)]


def assert_same_weights(made: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert made.keys() == wanted.keys()
    for name in wanted:
        torch.testing.assert_close(made[name], wanted[name], **TOLERANCE, msg=lambda text, name=name: f"{name}: {text}")


def test_two_processes_train_as_one(together: Path, alone: dict[str, Any]) -> None:
    first, second = answers(together, "whole")
    assert first["losses"] == second["losses"]
    assert first["losses"] == pytest.approx(alone["losses"], rel=LOSS)
    states = [torch.load(together / f"whole-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0]), "all get the same model"
    assert_same_weights(states[0], alone["state"])
    assert first["metrics"] == second["metrics"]
    assert first["metrics"]["mean_iou"] == pytest.approx(alone["metrics"]["mean_iou"], abs=5e-3)


def test_two_processes_train_in_half_precision(together: Path, alone: dict[str, Any]) -> None:
    first, second = answers(together, "bfloat16")
    assert first == second
    assert first == pytest.approx(alone["losses"][:3], rel=0.02)


def test_two_processes_train_a_u2net_as_one(together: Path) -> None:
    first, second = answers(together, "cut-out")
    assert first == second
    assert first == pytest.approx(cut_out(), rel=1e-3)


def test_only_the_first_process_writes(together: Path, alone: dict[str, Any]) -> None:
    assert not (together / "whole-1").exists()
    written = {str(path.relative_to(together / "whole-0")) for path in (together / "whole-0").rglob("*")}
    assert written == {str(path.relative_to(alone["folder"])) for path in alone["folder"].rglob("*")}
    assert {NEWEST, BEFORE, "log.csv", "log.jsonl", "loss.png", "stages/step_000012.png"} <= written
    made, wanted = (
        [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()] for folder in (together / "whole-0", alone["folder"])
    )
    assert [row["step"] for row in made] == [row["step"] for row in wanted]
    assert [row["loss"] for row in made] == pytest.approx([row["loss"] for row in wanted], rel=LOSS)


def test_a_wish_to_stop_in_one_process_stops_all_behind_one_checkpoint(together: Path, alone: dict[str, Any], tmp_path: Path) -> None:
    both = answers(together, "stopped")
    assert both[0] == both[1]
    assert both[0].startswith("Interrupted: saved at step 5 of 12 in ")
    found = read_checkpoint(together / "stopped")
    assert found is not None
    assert found["run"]["step"] == 5
    model = train(settings(together / "stopped"), data())  # one process takes over from two
    assert_same_weights(model.state, alone["state"])
    rows = [json.loads(line) for line in (together / "stopped/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 3, 4, 6, 8, 9, 10, 12]


def test_two_processes_take_over_from_one(together: Path, alone: dict[str, Any]) -> None:
    assert answers(together, "begun") == [None, None]
    states = [torch.load(together / f"begun-{rank}.pt", weights_only=True) for rank in (0, 1)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert_same_weights(states[0], alone["state"])


def test_what_does_not_fit_is_refused_by_all(together: Path) -> None:
    assert (
        answers(together, "odd batch")
        == ["UsageError: training: a batch of 5 cannot be shared among 2 processes: take a multiple of 2"] * 2
    )
    assert (
        answers(together, "other frames")
        == ["UsageError: training: process 2 of 2 has other frames, settings or first weights than the first: give all of them the same"]
        * 2
    )
    both = answers(together, "nan")
    assert both[0] == both[1]
    assert both[0].startswith("TrainError: training: step ")


def test_a_group_of_one_has_nothing_to_do() -> None:
    network, part = torch.nn.BatchNorm2d(3), torch.rand(2, 3, 4, 4)
    group = ProcessGroup()
    assert group.wrap(network) is network
    assert group.gather(part) is part
    assert group.scale(part) is not None
    assert list(group.frames_of(5)) == [0, 1, 2, 3, 4]
    assert [list(ProcessGroup(rank, 2).frames_of(6)) for rank in (0, 1)] == [[0, 1, 2], [3, 4, 5]]
    with pytest.raises(UsageError, match=r"a batch of 6 cannot be shared among 4 processes: take a multiple of 4"):
        ProcessGroup(0, 4).frames_of(6)
    with pytest.raises(UsageError, match="no"):
        group.from_rank_0(lambda: (_ for _ in ()).throw(UsageError("no")))


# The command line, by torchrun itself.

GRAPH = """
rotonodes: 1
frames: 1-6
nodes:
  load:   {type: LoadFrames, path: "plate.####.png"}
  truth:  {type: LoadLabels, path: "truth.####.png", classes: [background, light]}
  train:
    type: TrainUNet
    in: {image: load, labels: truth}
    validation: 5-6
    steps: 24
    every: 12
    batch: 4
    crop: 16
    widths: [4, 8]
    checkpoints: out/run
  net:    {type: WriteModel, in: train, path: out/net.safetensors}
  roto:   {type: UNetSegment, in: {image: load, model: train}}
  labels: {type: WriteFrames, in: roto.labels, path: "out/labels.####.png"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    for frame in range(1, 7):
        truth = np.zeros((24, 24), np.uint8)
        truth[4:12, 2 * frame : 2 * frame + 8] = 1
        Pictures.fromarray(truth).save(tmp_path / f"truth.{frame:04d}.png")
        Pictures.fromarray((truth * 150 + 40).astype(np.uint8)).convert("RGB").save(tmp_path / f"plate.{frame:04d}.png")
    return tmp_path


Launch = Callable[..., subprocess.Popen[str]]
TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "rotonodes")
FARM = ("rotonodes.machine.launch_torchrun", "2")  # as a task of a farm starts it


@pytest.fixture
def torchrun(folder: Path) -> Iterator[Launch]:
    """Starts `torchrun --nproc-per-node 2 -m rotonodes run graph.yaml`, or its like for a farm; nothing outlives the test."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TORCHELASTIC")}
    environment |= {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with contextlib.ExitStack() as stack:

        def start(*more: str, command: tuple[str, ...] = TORCHRUN) -> subprocess.Popen[str]:
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", *command, "run", "graph.yaml", "--progress", "plain", "--device", "cpu", *more],
                    cwd=folder,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    start_new_session=True,
                )
            )
            stack.callback(kill, process)
            return process

        yield start


def kill(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def test_torchrun_trains_a_graph_and_delivers_once(folder: Path, torchrun: Launch) -> None:
    out, err = (process := torchrun("--stats", "stats.json")).communicate(timeout=900)
    assert process.returncode == 0, err
    assert err.count("Frame 1 (1 of 6)") == 2, "once read for the training, once delivered"
    assert err.count("delivered 6 frames") == 1
    assert "process 2" not in err
    assert out == ""
    assert len(list((folder / "out").glob("labels.*.png"))) == 6
    assert sorted(path.name for path in (folder / "out/run").iterdir()) == [
        BEFORE, NEWEST, "log.csv", "log.jsonl", "loss.png", "scores.txt", "stages",
    ]  # fmt: skip
    assert json.loads((folder / "stats.json").read_text())["exit_code"] == 0
    assert [path.name for path in folder.rglob(".*") if path.is_file() and not path.name.endswith(".key")] == []


def log_of_two_steps(folder: Path, process: subprocess.Popen[str]) -> Path:
    """The log of a training, once it has two entries."""
    log = folder / "out/run/log.jsonl"
    deadline = time.monotonic() + 900
    while not log.exists() or len(log.read_text().splitlines()) < 2:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "it does not begin to learn"
        time.sleep(0.05)
    return log


def test_torchrun_that_is_stopped_goes_on_in_one_process(folder: Path, torchrun: Launch) -> None:
    process = torchrun("--set", "train.steps=100000")
    log = log_of_two_steps(folder, process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to torchrun and to both processes, to which torchrun sends it again
    _, err = process.communicate(timeout=120)
    assert process.returncode != 0
    assert err.count("stopping: ") == 1
    found = read_checkpoint(folder / "out/run")
    assert found is not None
    stopped = found["run"]["step"]
    assert sorted(path.name for path in (folder / "out/run").glob("checkpoint*")) in ([NEWEST], [BEFORE, NEWEST])
    more = ["--set", f"train.steps={stopped + 4}", "--progress", "plain", "--device", "cpu"]
    done = subprocess.run([sys.executable, str(ROOT / "cli.py"), "run", "graph.yaml", *more], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line)["step"] for line in log.read_text().splitlines()]
    assert rows == sorted(set(rows))
    assert rows[-1] == stopped + 4
    assert (folder / "out/net.safetensors").exists()


def test_a_task_of_a_farm_ends_with_the_exit_code_of_its_processes(folder: Path, torchrun: Launch) -> None:
    process = torchrun("--node=net", "--set", "train.batch=3", command=FARM)
    _, err = process.communicate(timeout=900)
    assert process.returncode == 2, err
    assert "a batch of 3 cannot be shared among 2 processes: take a multiple of 2" in err
    assert "Traceback" not in err


def test_a_task_of_a_farm_that_is_cancelled_keeps_its_checkpoint(folder: Path, torchrun: Launch) -> None:
    process = torchrun("--node=net", "--set", "train.steps=100000", command=FARM)
    log_of_two_steps(folder, process)
    process.terminate()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    assert read_checkpoint(folder / "out/run") is not None
    assert not (folder / "out/net.safetensors").exists()
