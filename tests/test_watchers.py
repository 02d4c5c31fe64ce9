"""Who follows a training: what TensorBoard and Weights & Biases have to show, read back with their own packages; progress."""

import importlib.util
import itertools
import json
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from PIL import Image as Pictures

from rotonodes.errors import FrameError, Interrupted, RetryError, UsageError
from rotonodes.io.pictures import read_image
from rotonodes.nets.inference import Segmenter
from rotonodes.nets.model import Model
from rotonodes.nets.weights import load_weights
from rotonodes.node.annotations import Monitor
from rotonodes.nodes import TrainUNet
from rotonodes.train.checkpoint import read_checkpoint
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.log.journal import Journal
from rotonodes.train.log.pace import Pace
from rotonodes.train.log.stage_sheet import WIDTH
from rotonodes.train.log.step_report import StepReport
from rotonodes.train.log.watchers import refuse_missing, watchers
from rotonodes.train.loop import train
from rotonodes.train.settings import TrainSettings
from rotonodes.values.pixels import Clip, Image, Labels
from test_loop import stop_before, toy_frames

CLASSES = ("background", "light")
SCORES = {"loss": 0.75, "mean_iou": 0.5, "iou": {"background": 0.25, "light": None}}


def train_a_little(folder: Path, name: str, steps: range, done: int = 0) -> None:
    """A journal with one watcher, as a run fills it. On a thread, as the engine runs its long nodes."""

    def work() -> None:
        started = watchers([name], folder, done, {"steps": 8}, warned.append)
        journal = Journal(folder, CLASSES, started, warned.append)
        journal.rows = [{"step": step, "seconds": 0.0, "loss": 0.0, "learning_rate": 0.0} for step in range(1, done + 1)]
        for step in steps:
            journal.add(step, 1 / step, 0.01, step / 2, SCORES if step % 2 == 0 else None, parts={"dice": 0.125})
            if step % 2 == 0:
                journal.add_sheet(step, Image(torch.full((3, 6, 10), 0.5)))
                journal.add_weights(step, torch.nn.Linear(2, 1))
        journal.close()

    warned: list[str] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert warned == []


def test_tensorboard_shows_numbers_and_sheets(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason='needs pip install "rotonodes[tensorboard]"')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train_a_little(tmp_path, "tensorboard", range(1, 7))
    # A run that was killed behind its checkpoint of step 4 learns, and logs, from there on again.
    train_a_little(tmp_path, "tensorboard", range(5, 9), done=4)
    shown = EventAccumulator(str(tmp_path / "tensorboard"), size_guidance={"histograms": 0})
    shown.Reload()
    losses = [(event.step, event.value) for event in shown.Scalars("loss/training")]
    assert losses == [(step, pytest.approx(1 / step)) for step in range(1, 9)]
    assert {(event.step, event.value) for event in shown.Scalars("validation/mean_iou")} == {(2, 0.5), (4, 0.5), (6, 0.5), (8, 0.5)}
    assert {"learning_rate", "loss/dice", "validation/loss", "iou/background"} <= set(shown.Tags()["scalars"])
    assert "iou/light" not in shown.Tags()["scalars"]
    assert {event.step for event in shown.Histograms("weights/weight")} == {2, 4, 6, 8}
    pictures = shown.Images("stage")
    assert [picture.step for picture in pictures] == [2, 4, 6, 8]
    assert (pictures[0].width, pictures[0].height) == (10, 6)


def wandb_records(path: Path) -> list[Any]:
    """All records of an offline run, which wandb's own process may still be writing for a moment after the run has ended."""
    deadline = time.monotonic() + 60
    while not (records := list(written_records(path))) or records[-1].WhichOneof("record_type") != "exit":
        assert time.monotonic() < deadline, "it was not written to its end"
        time.sleep(0.05)
    return records


def written_records(path: Path) -> Iterator[Any]:
    """The records in a file: a LevelDB log (blocks of 32 kB, records with crc, length and kind) behind a short header."""
    from wandb.proto import wandb_internal_pb2

    data, at, whole = path.read_bytes(), 7, b""
    assert data.startswith(b":W&B")
    while at < len(data):
        if 32768 - at % 32768 < 7 or len(data) - at < 7:
            at += 32768 - at % 32768
            continue
        _, length, kind = struct.unpack_from("<IHB", data, at)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a full record, or the last part of one
            record = wandb_internal_pb2.Record()
            record.ParseFromString(whole)
            whole = b""
            yield record


def test_wandb_keeps_an_offline_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason='needs pip install "rotonodes[wandb]"')
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")  # who asks for a network would fail
    monkeypatch.setenv("WANDB_MODE", "online")  # a user's habit elsewhere
    train_a_little(tmp_path, "wandb", range(1, 5))
    train_a_little(tmp_path, "wandb", range(5, 7), done=4)
    files = sorted(tmp_path.glob("wandb/offline-run-*/run-*.wandb"), key=lambda path: path.stat().st_mtime)
    assert len(files) == 2
    history, runs = [], []
    for file in files:
        for record in wandb_records(file):
            if record.WhichOneof("record_type") == "run":
                runs.append(record.run)
            items = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
            history += [items] if items else []
    assert len({run.run_id for run in runs}) == 2
    assert len({run.run_group for run in runs}) == 1, "a training that goes on stays in its group"
    steps = {row["_step"]: row for row in history}
    assert sorted(steps) == [1, 2, 3, 4, 5, 6]
    assert [steps[step]["loss/training"] for step in range(1, 7)] == [pytest.approx(1 / step) for step in range(1, 7)]
    assert steps[4]["validation/mean_iou"] == 0.5
    assert any(key.startswith("stage") for key in steps[4])
    assert len(list(tmp_path.glob("wandb/offline-run-*/files/media/images/*.png"))) == 3


def test_a_watcher_that_is_not_installed_is_refused_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'^watch needs wandb, which is not installed: pip install "rotonodes\[wandb\]"$'):
        refuse_missing(["wandb"])
    with pytest.raises(UsageError, match=r"^watch: 'mlflow' is not known: use tensorboard or wandb$"):
        refuse_missing(["mlflow"])
    refuse_missing([])


def test_a_watcher_that_cannot_start_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    warned: list[str] = []
    assert watchers(["wandb"], tmp_path, 0, {}, warned.append) == []
    assert len(warned) == 1
    assert warned[0].startswith("wandb: ")
    assert warned[0].endswith("; the training continues without it")


def step(number: int, seconds: float, loss: float = 0.5, scores: dict[str, Any] | None = None) -> StepReport:
    return StepReport(number, 1000, loss, 0.01, seconds, scores)


def test_progress_says_loss_score_speed_and_what_is_left() -> None:
    pace = Pace()
    assert pace.line(step(1, 10.0)) == "loss 0.500"
    assert pace.line(step(2, 10.5, loss=0.3)) == "loss 0.400, 2.0 steps/s, 8 min left"
    assert pace.line(step(3, 11.0, scores={"mean_iou": 0.71})) == "loss 0.433, mean IoU 0.710, 2.0 steps/s, 8 min left"
    assert "mean IoU 0.710" in pace.line(step(4, 11.5, scores={"mean_iou": None})), "the last score stays"
    assert pace.line(step(1000, 12.0)).endswith("2.0 steps/s"), "at the end nothing is left"


def test_progress_says_images_where_the_batch_is_known() -> None:
    pace = Pace()
    for number, seconds in ((1, 10.0), (2, 10.5)):
        said = pace.line(replace(step(number, seconds), batch=8))
    assert said == "loss 0.500, 2.0 steps/s, 16 images/s, 8 min left"


def test_progress_knows_slow_runs() -> None:
    pace = Pace()
    pace.line(step(1, 0.0))
    assert pace.line(step(2, 8.0)).endswith("8.0 s/step, 2 h 13 min left")
    pace = Pace()
    pace.line(step(990, 0.0))
    assert pace.line(step(991, 0.25)).endswith("4.0 steps/s, 2 s left")


def test_the_speed_is_that_of_the_last_steps() -> None:
    pace = Pace(window=5)
    for number in range(1, 20):
        pace.line(step(number, number * 10.0))
    for number in range(20, 30):
        said = pace.line(step(number, 190.0 + (number - 19) * 0.5))
    assert "2.0 steps/s" in said


# A whole training.

TOY = ("background", "shadow", "light")
COLORS = ("#000000", "#777777", "#ffffff")


@pytest.fixture
def settings(tmp_path: Path) -> TrainSettings:
    return TrainSettings(
        steps=12,
        batch=2,
        crop=16,
        config={"widths": [4, 8]},
        classes=TOY,
        colors=COLORS,
        checkpoint_folder=tmp_path / "run",
        checkpoint_interval=4,
        validation_interval=4,
        log_interval=2,
    )


@pytest.fixture(scope="module")
def data() -> LabelledFrames:
    return LabelledFrames(toy_frames(), classes=3, validation=[10, 11, 12])


class Killed(BaseException):
    """The end of a process that has no time for anything."""


def logged(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_a_run_that_was_killed_or_stopped_has_the_log_of_one_that_was_not(
    data: LabelledFrames, settings: TrainSettings, tmp_path: Path
) -> None:
    train(settings, data)
    broken = replace(settings, checkpoint_folder=tmp_path / "broken")

    def die_behind_the_log(step: StepReport) -> None:
        if step.step == 6:
            raise Killed

    with pytest.raises(Killed):
        train(broken, data, on_step=die_behind_the_log)
    assert logged(tmp_path / "broken")[-1]["step"] == 6
    done: list[int] = []
    with pytest.raises(Interrupted):  # between two entries
        train(broken, data, on_step=lambda step: done.append(step.step), should_stop=lambda: 9 in done)
    assert logged(tmp_path / "broken")[-1]["step"] == 8
    train(broken, data)
    assert logged(tmp_path / "broken") == logged(tmp_path / "run")
    assert (tmp_path / "broken/log.csv").read_text().count("\n") == 7


def test_each_stage_has_a_sheet(data: LabelledFrames, settings: TrainSettings, tmp_path: Path) -> None:
    previews = [(99, torch.full((3, 40, 40), 0.5))]
    train(settings, data, previews=previews)
    sheets = sorted((tmp_path / "run/stages").iterdir())
    assert [sheet.name for sheet in sheets] == ["step_000004.png", "step_000008.png", "step_000012.png"]
    with Pictures.open(sheets[0]) as sheet:
        assert sheet.height > 4 * WIDTH, "three frames to score with, and the preview"
    plain = replace(settings, checkpoint_folder=tmp_path / "plain")
    train(plain, LabelledFrames(toy_frames(2), classes=3))
    with Pictures.open(tmp_path / "plain/stages/step_000012.png") as sheet:
        assert 2 * WIDTH < sheet.height < 3 * WIDTH, "without validation, the frames that are learned from"


def snapshots(folder: Path) -> dict[str, Model]:
    return {path.stem: load_weights(path) for path in sorted((folder / "stages").glob("*.safetensors"))}


@pytest.mark.parametrize("ema", [0.9, 0.0])
def test_each_stage_keeps_its_weights_where_that_is_asked_for(
    data: LabelledFrames, settings: TrainSettings, tmp_path: Path, ema: float
) -> None:
    """Rows A5 and D6. They are the averaged weights that are scored, at the stage's step, whether they are the best or not."""
    kept = replace(settings, snapshots=True, ema_decay=ema, learning_rate=1e-2)
    seen: dict[int, dict[str, torch.Tensor]] = {}

    def look(step: StepReport) -> None:
        if step.step % 4 == 0:
            run = read_checkpoint(tmp_path / "run")["run"]  # type: ignore[index]
            seen[step.step] = run["average" if ema else "network"]
            assert ema == 0.0 or not torch.equal(run["average"]["head.weight"], run["network"]["head.weight"])

    train(kept, data, on_step=look)
    made = snapshots(tmp_path / "run")
    assert list(made) == ["step_000004", "step_000008", "step_000012"]
    for (step, state), (name, model) in zip(seen.items(), made.items(), strict=True):
        assert (name, model.training["steps"], model.metrics["step"]) == (f"step_{step:06d}", step, step)
        assert all(torch.allclose(model.state[key].float(), tensor.float(), atol=2e-3) for key, tensor in state.items()), "as halves"
        assert Segmenter(model)(torch.zeros(1, 3, 16, 16)).shape == (1, 3, 16, 16)
    weights = [model.state["head.weight"] for model in made.values()]
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(weights, 2))


def test_snapshots_of_a_run_that_was_stopped_or_killed_are_those_of_one_that_was_not(
    data: LabelledFrames, settings: TrainSettings, tmp_path: Path
) -> None:
    kept = replace(settings, snapshots=True)
    train(kept, data)
    broken = replace(kept, checkpoint_folder=tmp_path / "broken", checkpoint_interval=5)

    def die(step: StepReport) -> None:
        if step.step == 9:  # behind the stage of step 8, whose checkpoint is that of step 5
            raise Killed

    with pytest.raises(Interrupted):
        train(replace(broken, snapshots=False), data, should_stop=stop_before(2))
    with pytest.raises(Killed):
        train(broken, data, on_step=die)
    assert list(snapshots(tmp_path / "broken")) == ["step_000004", "step_000008"]
    for path in (tmp_path / "broken/stages").glob("step_000008.*"):
        path.write_bytes(b"torn")
    train(broken, data)
    whole, again = snapshots(tmp_path / "run"), snapshots(tmp_path / "broken")
    assert list(whole) == list(again)
    for name, model in whole.items():
        assert all(torch.equal(model.state[key], again[name].state[key]) for key in model.state), name


def test_a_snapshot_that_cannot_be_written_is_said_and_ends_nothing(
    data: LabelledFrames, settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(model: Model, path: Path) -> None:
        raise RetryError(f"disk full while writing {path.name}: free some space and run again")

    monkeypatch.setattr("rotonodes.train.log.journal.save_weights", refuse)
    warned: list[str] = []
    train(replace(settings, snapshots=True), data, warn=warned.append)
    told = [line for line in warned if "disk full" in line]
    assert told == [
        "disk full while writing step_000004.safetensors: free some space and run again; the training continues without its snapshot"
    ]


def test_no_weights_are_kept_unless_asked_for(tmp_path: Path) -> None:
    node(tmp_path).run(inputs(), monitor=Lines())
    assert snapshots(tmp_path / "run") == {}
    node(tmp_path / "asked", snapshots=True).run(inputs(), monitor=Lines())
    assert list(snapshots(tmp_path / "asked/run")) == ["step_000002", "step_000004"]
    nowhere = node(tmp_path, snapshots=True).model_copy(update={"checkpoints": ""})
    assert list(nowhere.faults(frozenset({"labels"}), 3)) == ["snapshots are written into the folder of checkpoints: set checkpoints"]


def test_watchers_follow_a_training(data: LabelledFrames, settings: TrainSettings, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason='needs pip install "rotonodes[tensorboard]"')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    followed = replace(settings, watch=("tensorboard",))
    with pytest.raises(Interrupted):
        train(followed, data, should_stop=stop_before(7))
    train(followed, data)
    shown = EventAccumulator(str(tmp_path / "run/tensorboard"))
    shown.Reload()
    rows = logged(tmp_path / "run")
    assert [(event.step, event.value) for event in shown.Scalars("loss/training")] == [
        (row["step"], pytest.approx(row["loss"])) for row in rows
    ]
    assert [event.step for event in shown.Scalars("validation/mean_iou")] == [4, 8, 12]
    assert [event.step for event in shown.Images("stage")] == [4, 8, 12]
    with pytest.raises(UsageError, match=r"watch is \('tensorboard',\): it must be empty without a checkpoint folder"):
        replace(followed, checkpoint_folder=None)


# The node.


class Lines(Monitor):
    """Remembers what a long node tells."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def progress(self, done: int, total: int, text: str = "") -> None:
        self.lines.append(text)


def node(folder: Path, **more: Any) -> TrainUNet:
    return TrainUNet(steps=4, every=2, batch=2, crop=16, widths=[4, 8], checkpoints=str(folder / "run"), **more)


def inputs(**more: Any) -> dict[str, Any]:
    frames = list(toy_frames(3))
    pictures = [Image(picture.contiguous()) for _, picture, _ in frames]
    return {"image": Clip.of(pictures), "labels": Clip.of([Labels(labels, TOY, COLORS) for _, _, labels in frames]), **more}


def test_a_preview_is_predicted_on_every_sheet(tmp_path: Path) -> None:
    still = Image(torch.full((3, 16, 16), 0.25))
    moving = [Image(torch.full((3, 16, 16), value)) for value in (0.25, 0.5, 0.75)]
    heights = []
    for name, preview in {"none": None, "still": [still] * 3, "moving": moving}.items():
        node(tmp_path / name).run(inputs(preview=None if preview is None else Clip.of(preview)), monitor=Lines())
        sheets = [read_image(path) for path in sorted((tmp_path / name / "run/stages").iterdir())]
        assert len(sheets) == 2
        heights.append(sheets[1].height)
        if preview:
            row = sheets[1].data[:, -WIDTH // 2, :]
            assert torch.allclose(row[:, WIDTH // 2], torch.tensor(preview[2].data[0, 0, 0].item()), atol=0.01), "its picture"
            assert row[:, WIDTH * 3 // 2].max() < 0.05, "it has no truth"
    without, one, two = heights
    assert two - one == one - without > WIDTH


def test_a_preview_without_the_channels_is_refused(tmp_path: Path) -> None:
    depths = Clip.of([Image(torch.zeros(1, 8, 8), ("Z",))] * 3)
    with pytest.raises(FrameError, match=r"^frame 1: the preview has Z, not R G B; set channels:$"):
        node(tmp_path).run(inputs(preview=depths), monitor=Lines())


def test_the_node_tells_of_its_progress(tmp_path: Path) -> None:
    lines = Lines()
    node(tmp_path, validation="3").run(inputs(), monitor=lines)
    assert len(lines.lines) == 4
    assert lines.lines[0].startswith("loss ")
    assert all(word in lines.lines[2] for word in ("mean IoU", "/s", " left"))


def test_the_last_line_says_which_step_was_the_best(tmp_path: Path) -> None:
    lines = Lines()
    made = node(tmp_path, validation="3").run(inputs(), monitor=lines)
    assert f", best mean IoU {made.metrics['mean_iou']:.3f} at step {made.metrics['step']}, " in lines.lines[-1]
    assert not any("best" in line for line in lines.lines[:-1])
    lines = Lines()
    node(tmp_path / "unscored").run(inputs(), monitor=lines)
    assert "best" not in lines.lines[-1]


@pytest.mark.parametrize(
    ("scores", "found"),
    [
        ([0.2, 0.3, 0.4, 0.5], "was still getting better at the end (0.400 at step 3, 0.500 at step 4 of 4): train for longer, with more"),
        ([0.2, 0.9, 0.9, 0.91], ""),
        ([0.2, 0.5, 0.4, 0.4], ""),
        ([0.3, 0.2, 0.2, 0.2], "was never better than at the first validation (0.300 at step 1 of 4): train for longer, and look"),
        ([0.97, 0.969, 0.97, 0.968], ""),
        ([None, None, 0.3, 0.4], "was still getting better at the end (0.300 at step 3, 0.400 at step 4 of 4)"),
        ([None, None, None, 0.4], ""),
    ],
)
def test_a_score_that_was_still_rising_is_warned_of(
    data: LabelledFrames, settings: TrainSettings, monkeypatch: pytest.MonkeyPatch, scores: list[float | None], found: str
) -> None:
    """Whatever the network makes of it, each validation has the next score."""

    scored = iter(scores)
    monkeypatch.setattr(
        "rotonodes.train.validation.measure",
        lambda run, stop: {"step": run.step, "frames": 1, "loss": 1.0, "iou": {}, "mean_iou": next(scored)},
    )
    warned: list[str] = []
    train(replace(settings, steps=4, validation_interval=1, checkpoint_folder=None), data, warn=warned.append)
    told = [line for line in warned if "mean IoU" in line]
    assert len(told) == bool(found)
    assert all(line.startswith(f"training: the mean IoU {found}") for line in told)


def test_of_an_error_that_was_still_falling() -> None:
    from rotonodes.train.loop import _unfinished

    def told(*errors: float) -> str:
        rows = [{"step": step, "validation": {"mae": error}} for step, error in enumerate(errors, 1)]
        run: Any = SimpleNamespace(settings=SimpleNamespace(score="mae", steps=len(errors)), journal=SimpleNamespace(rows=rows))
        return _unfinished(run)

    assert told(0.4, 0.3, 0.2, 0.1).startswith("training: the MAE was still getting better at the end (0.200 at step 3, 0.100 at step 4")
    assert told(0.4, 0.1, 0.1, 0.2) == ""
    assert "was never better" in told(0.1, 0.2, 0.3, 0.4)


def test_what_cannot_be_written_is_said_before_a_frame_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> Iterator[Any]:
        raise AssertionError("a frame was asked for")
        yield

    given = inputs(image=Clip((1, 2, 3), never))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"^watch needs tensorboard, which is not installed"):
        node(tmp_path, watch=["tensorboard"]).run(given, monitor=Lines())
    assert not (tmp_path / "run").exists(), "a training that does not begin leaves no folder"
    (tmp_path / "run").touch()
    with pytest.raises(UsageError, match=r"^checkpoints: cannot write "):
        node(tmp_path).run(given, monitor=Lines())
    plain = node(tmp_path, watch=["wandb"]).model_copy(update={"checkpoints": ""})
    assert list(plain.faults(frozenset({"labels"}), 3)) == ["watch is wandb, which write into the folder of checkpoints: set checkpoints"]
