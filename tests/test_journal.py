"""The record of a run: what is in the files, what a resumed run makes of them, and that no log ends a training."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Pictures

from rotonodes.errors import RetryError
from rotonodes.train.log import journal as journal_module
from rotonodes.train.log.journal import Journal, scalars
from rotonodes.values.pixels import Image

CLASSES = ("background", "light")
SCORES = {"step": 4, "frames": 2, "loss": 0.75, "mean_iou": 0.5, "iou": {"background": 0.5, "light": None}, "dice": {"light": 0.1}}


def fill(journal: Journal, steps: range) -> None:
    for step in steps:
        journal.add(step, 1 / step, 0.01, step / 2, SCORES if step % 4 == 0 else None, parts={"dice": 0.125})


def csv_rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))


def json_rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def steps(folder: Path) -> list[int]:
    found = [int(row["step"]) for row in csv_rows(folder)]
    assert [row["step"] for row in json_rows(folder)] == found, "the two logs differ"
    return found


def test_every_entry_is_a_line_of_both_logs(tmp_path: Path) -> None:
    fill(Journal(tmp_path, CLASSES), range(1, 6))
    assert steps(tmp_path) == [1, 2, 3, 4, 5]
    plain, scored = json_rows(tmp_path)[2:4]
    assert plain == {"step": 3, "seconds": 1.5, "loss": 1 / 3, "learning_rate": 0.01, "parts": {"dice": 0.125}}
    assert scored["validation"] == {name: value for name, value in SCORES.items() if name != "step"}
    row = csv_rows(tmp_path)[3]
    assert list(row) == ["step", "loss", "learning_rate", "validation_loss", "mean_iou", "iou_background", "iou_light", "seconds"]
    assert (row["validation_loss"], row["mean_iou"], row["iou_light"], row["seconds"]) == ("0.75", "0.5", "", "2")
    assert csv_rows(tmp_path)[0]["mean_iou"] == ""
    with Pictures.open(tmp_path / "loss.png") as curve:
        assert len(curve.convert("RGB").getcolors(100_000) or ()) > 10


def test_the_curve_is_there_from_the_first_entry_and_later_every_tenth(tmp_path: Path) -> None:
    journal, drawn = Journal(tmp_path, CLASSES), []
    for step in range(1, 32):
        (tmp_path / "loss.png").unlink(missing_ok=True)
        journal.add(step, 1.0, 0.01, 1.0)
        drawn += [step] if (tmp_path / "loss.png").exists() else []
    assert drawn == [*range(1, 11), 20, 30]


def test_a_resumed_run_neither_doubles_nor_loses_entries(tmp_path: Path) -> None:
    """Killed behind the checkpoint of step 4, in the middle of writing a line: steps 5 and 6 are learned, and logged, again."""
    killed = Journal(tmp_path, CLASSES)
    fill(killed, range(1, 5))
    checkpoint = list(killed.rows)
    fill(killed, range(5, 7))
    for name in ("log.csv", "log.jsonl"):
        with (tmp_path / name).open("a") as log:
            log.write('{"step": 7, "se')
    resumed = Journal(tmp_path, CLASSES)
    resumed.restore(checkpoint)
    assert steps(tmp_path) == [1, 2, 3, 4]
    assert resumed.seconds() == 2.0
    fill(resumed, range(5, 9))
    assert steps(tmp_path) == [1, 2, 3, 4, 5, 6, 7, 8]


def test_logs_that_were_removed_come_back_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path, CLASSES)
    fill(journal, range(1, 4))
    (tmp_path / "log.csv").unlink()
    (tmp_path / "log.jsonl").write_text("something else\n")
    fill(journal, range(4, 5))
    assert steps(tmp_path) == [1, 2, 3, 4]


def test_a_full_disk_costs_no_training_and_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    journal = Journal(tmp_path, CLASSES, warn=warned.append)
    fill(journal, range(1, 3))
    with monkeypatch.context() as full:

        def refuse(path: Path, data: bytes) -> None:
            raise RetryError(f"disk full while writing {path}: free some space and run again")

        full.setattr(journal_module, "write_bytes", refuse)
        full.setattr(Path, "open", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        fill(journal, range(3, 6))
    assert warned == [
        f"disk full while writing {tmp_path / 'log.csv'}: free some space and run again; the training continues without its log"
    ]
    fill(journal, range(6, 7))
    assert steps(tmp_path) == [1, 2, 3, 4, 5, 6]


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    journal = Journal(None, CLASSES)
    fill(journal, range(1, 5))
    journal.add_sheet(4, Image(torch.zeros(3, 4, 4)))
    assert len(journal.rows) == 4
    assert list(tmp_path.iterdir()) == []


def test_numbers_that_json_does_not_know_are_null(tmp_path: Path) -> None:
    journal = Journal(tmp_path, CLASSES)
    journal.add(1, float("inf"), 0.01, 1.0, {**SCORES, "loss": float("nan")})
    assert json_rows(tmp_path)[0]["loss"] is None
    assert json_rows(tmp_path)[0]["validation"]["loss"] is None
    assert "NaN" not in (tmp_path / "log.jsonl").read_text()


class Broken:
    """A watcher whose library fails."""

    name = "broken"

    def entry(self, entry: dict[str, Any]) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    def sheet(self, step: int, path: Path) -> None:
        raise AssertionError("it is not asked again")

    def close(self) -> None:
        raise AssertionError("it is not asked again")


def test_a_watcher_that_fails_is_left_behind(tmp_path: Path) -> None:
    warned: list[str] = []
    journal = Journal(tmp_path, CLASSES, [Broken()], warned.append)
    fill(journal, range(1, 3))
    journal.add_sheet(2, Image(torch.zeros(3, 4, 4)))
    journal.close()
    assert warned == ["broken: ZeroDivisionError: nobody foresaw this; the training continues without it"]
    assert steps(tmp_path) == [1, 2]
    assert (tmp_path / "stages/step_000002.png").exists()


def test_numbers_have_one_name_for_every_watcher(tmp_path: Path) -> None:
    journal = Journal(None, CLASSES)
    fill(journal, range(4, 5))
    assert scalars(journal.rows[0]) == {
        "loss/training": 0.25,
        "loss/dice": 0.125,
        "learning_rate": 0.01,
        "validation/loss": 0.75,
        "validation/mean_iou": 0.5,
        "iou/background": 0.5,
    }
