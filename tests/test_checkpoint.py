"""Checkpoints: killed in the write, damaged, on a full disk; one whole checkpoint is always left."""

import contextlib
import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from rotonodes.errors import RetryError, UsageError
from rotonodes.io.files import hidden_name
from rotonodes.nets.weights import WeightsError
from rotonodes.train.checkpoint import BEFORE, NEWEST, check_writable, read_checkpoint, write_checkpoint
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.log.journal import CURVE, stage_path
from rotonodes.train.log.step_report import StepReport
from rotonodes.train.loop import train
from rotonodes.train.settings import TrainSettings
from test_loop import toy_frames

ROOT = Path(__file__).parents[1]


def content(step: int, size: int = 2000) -> dict[str, Any]:
    return {"step": step, "weights": torch.full((size,), float(step))}


def read(folder: Path) -> tuple[int, list[str]]:
    """The step of the folder's checkpoint, which must be whole, and what was warned of."""
    warned: list[str] = []
    found = read_checkpoint(folder, warned.append)
    assert found is not None
    assert torch.equal(found["weights"], torch.full_like(found["weights"], found["step"]))
    return found["step"], warned


def test_the_newest_is_read_and_the_one_before_stays(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path) is None
    for step in (1, 2, 3):
        write_checkpoint(tmp_path / "run", content(step))
    assert read(tmp_path / "run") == (3, [])
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [BEFORE, NEWEST]
    (tmp_path / "run" / NEWEST).unlink()
    assert read(tmp_path / "run") == (2, [])


KILLED = """
import os, signal, sys
from pathlib import Path

from rotonodes.train.checkpoint import write_checkpoint
sys.path.insert(0, "tests")
from test_checkpoint import content

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def half(path, data):
    with open(path, "wb") as file:
        file.write(data[: len(data) // 2])
        file.flush()
        die()

def at_call(number):
    real, calls = os.replace, []
    def replace(*paths):
        calls.append(paths)
        die() if len(calls) == number else real(*paths)
    return replace

moments = {"half written": (Path, "write_bytes", half), "before the fsync": (os, "fsync", die)}
moments |= {f"before rename {n}": (os, "replace", at_call(n)) for n in (1, 2)}
for name, (owner, method, deadly) in moments.items():
    folder = Path(sys.argv[1]) / name
    write_checkpoint(folder, content(1))
    write_checkpoint(folder, content(2))
    child = os.fork()
    if not child:
        setattr(owner, method, deadly)
        write_checkpoint(folder, content(3))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL, name
    print(name)
"""


def test_a_process_killed_in_the_write_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    folders = [tmp_path / name for name in done.stdout.splitlines()]
    assert len(folders) == 4
    found = {folder.name: read(folder) for folder in folders}
    assert found == {
        "half written": (2, []),
        "before the fsync": (2, []),
        "before rename 1": (2, []),
        "before rename 2": (2, []),
    }
    for folder in folders:
        torn = sum(path.name.startswith(".") for path in folder.iterdir())
        assert torn == (2 if folder.name == "before rename 1" else 1)
        write_checkpoint(folder, content(4))
        assert read(folder) == (4, [])
        assert [path.name for path in folder.iterdir() if path.name not in (NEWEST, BEFORE)] == [], "what was torn is cleared away"


@pytest.mark.parametrize("keep", [0, 100, 3000])
def test_a_damaged_newest_checkpoint_is_passed_over_with_a_line(tmp_path: Path, keep: int) -> None:
    for step in (1, 2):
        write_checkpoint(tmp_path, content(step))
    data = (tmp_path / NEWEST).read_bytes()
    (tmp_path / NEWEST).write_bytes(data[:keep])
    step, warned = read(tmp_path)
    assert step == 1
    assert len(warned) == 1
    assert warned[0].startswith(f"{tmp_path / NEWEST}: ")
    assert warned[0].endswith(f"; resuming from {tmp_path / BEFORE}")
    assert "\n" not in warned[0]


def test_when_all_are_damaged_the_user_is_told_what_to_do(tmp_path: Path) -> None:
    for step in (1, 2):
        write_checkpoint(tmp_path, content(step))
    for name in (NEWEST, BEFORE):
        (tmp_path / name).write_bytes(b"gone")
    with pytest.raises(WeightsError, match=rf"{NEWEST}: damaged.*use an empty folder"):
        read_checkpoint(tmp_path)


def refuse_to_grow(path: Path, data: bytes) -> int:
    with open(path, "wb") as file:
        file.write(data[:1000])
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in (1, 2):
        write_checkpoint(tmp_path, content(step))
    with monkeypatch.context() as full:
        full.setattr(Path, "write_bytes", refuse_to_grow)
        with pytest.raises(RetryError, match=r"disk full while writing .*free some space and run again"):
            write_checkpoint(tmp_path, content(3))
    assert sorted(path.name for path in tmp_path.iterdir()) == [BEFORE, NEWEST], "half a file would only be in the way"
    assert read(tmp_path) == (2, [])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of two megabytes; needs to be root."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_disk_that_is_really_full(small_disk: Path) -> None:
    write_checkpoint(small_disk, content(1, 100_000))
    write_checkpoint(small_disk, content(2, 100_000))
    with pytest.raises(RetryError, match="disk full while writing"):
        write_checkpoint(small_disk, content(3, 400_000))
    assert read(small_disk) == (2, [])
    write_checkpoint(small_disk, content(3, 100_000))
    assert read(small_disk) == (3, [])


def test_a_training_on_a_full_disk_stops_and_goes_on_when_there_is_room(small_disk: Path) -> None:
    data = LabelledFrames(toy_frames(4), classes=3)
    settings = TrainSettings(
        steps=12,
        batch=2,
        crop=16,
        config={"widths": [8, 16]},
        classes=("background", "shadow", "light"),
        colors=("#000000", "#777777", "#ffffff"),
        checkpoint_interval=4,
        log_interval=2,
    )
    whole = train(settings, data)
    settings = replace(settings, checkpoint_folder=small_disk / "run")
    filler = small_disk / "filler"

    def fill(step: StepReport) -> None:
        if step.step == 5:
            with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(4096)):
                    pass

    with pytest.raises(RetryError, match=r"disk full while writing .*checkpoint\.pt: free some space and run again"):
        train(settings, data, on_step=fill)
    assert (read_checkpoint(small_disk / "run") or {})["run"]["step"] == 4
    filler.unlink()
    resumed = train(settings, data)
    assert all(torch.equal(whole.state[name], resumed.state[name]) for name in whole.state)
    rows = [json.loads(line)["step"] for line in (small_disk / "run/log.jsonl").read_text().splitlines()]
    assert rows == [2, 4, 6, 8, 10, 12]


def test_the_checkpoint_before_is_kept_although_another_training_sweeps_its_second_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_checkpoint(tmp_path, content(1))
    write_checkpoint(tmp_path, content(2))
    link, swept = os.link, []

    def swept_at_once(newest: Path, second: Path) -> None:
        link(newest, second)
        if not swept:
            swept.append(second.name)
            second.unlink()

    monkeypatch.setattr(os, "link", swept_at_once)
    write_checkpoint(tmp_path, content(3))
    assert swept and torch.load(tmp_path / BEFORE)["step"] == 2


def test_a_training_that_is_done_clears_what_a_killed_one_left(tmp_path: Path) -> None:
    """Killed while it wrote its last curve or sheet, a training has nothing more to do, and so no checkpoint to write, the next time."""
    data, folder = LabelledFrames(toy_frames(4), classes=3), tmp_path / "run"
    names, colors = ("background", "shadow", "light"), ("#000000", "#777777", "#ffffff")
    settings = TrainSettings(
        steps=2, batch=2, crop=16, config={"widths": [8, 16]}, classes=names, colors=colors, checkpoint_folder=folder, log_interval=1
    )
    done = train(settings, data)
    torn = [hidden_name(folder / CURVE), hidden_name(stage_path(folder, 2, ".png"))]
    for path in torn:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    again = train(settings, data)
    assert all(torch.equal(done.state[name], again.state[name]) for name in done.state)
    assert not any(path.exists() for path in torn)


def test_a_folder_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"^checkpoints: cannot write .*choose a folder you may write to$"):
        check_writable(tmp_path / "file" / "run")
    check_writable(tmp_path / "out" / "run")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"], "what was made to find out is gone again"
    (tmp_path / "run").mkdir()
    check_writable(tmp_path / "run")
    assert list((tmp_path / "run").iterdir()) == []


def test_a_changed_byte_in_a_checkpoint_is_found(tmp_path: Path) -> None:
    """torch reads its archives without comparing checksums: a flipped bit in a tensor would be trained on."""
    for step in (1, 2):
        write_checkpoint(tmp_path, {**content(step), "moments": torch.arange(500.0)})
    whole = (tmp_path / NEWEST).read_bytes()
    places = [whole.index(torch.arange(500.0).numpy().tobytes()) + at for at in range(0, 2000, 40)]
    for at in places:
        changed = bytearray(whole)
        changed[at] ^= 1
        (tmp_path / NEWEST).write_bytes(changed)
        step, warned = read(tmp_path)
        assert (step, len(warned)) == (1, 1)
        assert "wrong checksum" in warned[0] or "damaged" in warned[0]


def test_two_trainings_in_one_folder_take_nothing_from_each_other(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom rotonodes.train.checkpoint import write_checkpoint\n"
        "for step in range(1, 40):\n    write_checkpoint(Path(sys.argv[1]), {'step': step, 'who': sys.argv[2]})\n"
    )
    both = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), who], cwd=ROOT, stderr=subprocess.PIPE) for who in "ab"]
    for process in both:
        with process:
            assert process.stderr is not None
            error = process.stderr.read()
        assert (process.returncode, error) == (0, b"")
    found = read_checkpoint(tmp_path)
    assert found is not None and found["step"] == 39
    assert sorted(path.name for path in tmp_path.iterdir()) == [BEFORE, NEWEST]
