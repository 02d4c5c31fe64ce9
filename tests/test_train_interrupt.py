"""`rotonodes train` as a process of its own: Ctrl-C and TERM leave a checkpoint, and the training that goes on is as one unbroken."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from rotonodes.nets.model import Model
from rotonodes.nets.weights import load_weights
from rotonodes.train.checkpoint import NEWEST, read_checkpoint

ROOT = Path(__file__).parents[1]
STEPS = 60
# Nothing is scored, so that the only checkpoints are that of the end, and that of a stop.
ARGUMENTS = ("train", "data", "--validation", "0", "--epochs", str(STEPS / 2), "--batch-size", "2", "--width", "2", "--crop", "32")


def start(folder: Path, output: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "rotonodes", *ARGUMENTS, "--device", "cpu", "-o", output],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(folder: Path, output: str, resumed_at: int = 0) -> Model:
    with start(folder, output) as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert (f"train: resumed at step {resumed_at} of {STEPS}\n" in said) == bool(resumed_at), said
    return load_weights(folder / output)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures of a bright square on noise, and their masks."""
    folder, random = tmp_path_factory.mktemp("training"), np.random.default_rng(0)
    for name in ("imgs", "masks"):
        (folder / "data" / name).mkdir(parents=True)
    for at in range(4):
        mask = np.zeros((40, 40), np.uint8)
        mask[4 + at : 24 + at, 6 : 26 + at] = 255
        picture = random.integers(0, 90, (40, 40, 3)) + mask[..., None] // 2
        PIL.Image.fromarray(picture.astype(np.uint8)).save(folder / f"data/imgs/{at}.png")
        PIL.Image.fromarray(mask).save(folder / f"data/masks/{at}.png")
    return folder


@pytest.fixture(scope="module")
def unbroken(folder: Path) -> Model:
    return finish(folder, "unbroken.safetensors")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_training_goes_on_to_the_weights_of_an_unbroken_one(
    folder: Path, unbroken: Model, number: signal.Signals, code: int
) -> None:
    name = f"stopped_by_{code}"
    log = folder / f"{name}_training" / "log.jsonl"
    process = start(folder, f"{name}.safetensors")
    with process:
        try:
            deadline = time.monotonic() + 120
            while not log.exists():
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, "it does not begin to learn"
                time.sleep(0.005)
            process.send_signal(number)
            out, said = process.communicate(timeout=30)
        finally:
            process.kill()
    assert (process.returncode, out) == (code, ""), said
    assert "Traceback" not in said
    assert not (folder / f"{name}.safetensors").exists()
    left = read_checkpoint(log.parent)
    assert left is not None
    assert 0 < left["run"]["step"] < STEPS, "it was stopped on its way"
    assert [file.name for file in log.parent.glob("*.pt")] == [NEWEST]
    assert [file.name for file in log.parent.glob(".*")] == [], "nothing half written is left"
    step = left["run"]["step"]
    assert f"train: saved at step {step} of {STEPS} in {name}_training; the same command resumes there\n" in said
    resumed = finish(folder, f"{name}.safetensors", resumed_at=step)
    assert resumed.training == unbroken.training
    assert resumed.state.keys() == unbroken.state.keys()
    assert all(torch.equal(resumed.state[key], tensor) for key, tensor in unbroken.state.items())
    steps = [line.split(",")[0] for line in (log.parent / "log.csv").read_text().splitlines()]
    assert steps == [line.split(",")[0] for line in (folder / "unbroken_training/log.csv").read_text().splitlines()]
