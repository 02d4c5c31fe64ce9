"""The log of a training run: `log.csv`, `log.jsonl`, `loss.png`, and at each stage a sheet and weights; passed on to watchers."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rotonodes.errors import RotoError
from rotonodes.io.files import write_bytes, write_error
from rotonodes.io.pictures import write_image
from rotonodes.nets.weights import save_weights
from rotonodes.train.log.curve import Curve, draw_curves
from rotonodes.train.settings import SCORE_NAMES
from rotonodes.values.pixels import Image

if TYPE_CHECKING:
    from torch import nn

    from rotonodes.nets.model import Model

CSV, JSONL, CURVE, STAGES, TABLE = "log.csv", "log.jsonl", "loss.png", "stages", "scores.txt"

DRAWN_EACH = 10  # entries at the beginning whose curve is drawn at once, later every tenth: drawing takes longer than writing

Entry = dict[str, Any]


class Watcher(Protocol):
    """Another logger of a run: TensorBoard, Weights & Biases."""

    name: str

    def entry(self, entry: Entry) -> None:
        """A new entry of the journal."""

    def sheet(self, step: int, path: Path) -> None:
        """The sheet of a stage has been written."""

    def weights(self, step: int, network: nn.Module) -> None:
        """The network at a stage."""

    def close(self) -> None:
        """The run has ended."""


class Journal:
    """Entries of a run; in files if there is a folder, else in memory only.

    An entry is a plain JSON object: step, seconds, loss (mean since the last entry), learning_rate, and where known the
    `parts` of the loss by name and the scores of a `validation`. Entries are part of the checkpoint, and the files are
    rewritten from them when a run is resumed: steps that a killed run logged after its checkpoint are trained and logged again.

    A log that cannot be written never ends a run: `warn` is called once, and the next successful write catches up.
    """

    def __init__(
        self,
        folder: Path | None,
        classes: tuple[str, ...],
        watchers: Sequence[Watcher] = (),
        warn: Callable[[str], None] = lambda text: None,
        task: str = "labels",
    ) -> None:
        self.folder = folder
        self.shown = ("mae", "max_f") if task == "alpha" else ("mean_iou",)  # scores that are columns and curves
        of_classes = {"labels": classes, "alpha": (), "parts": classes[1:]}[task]
        scores = ("validation_loss", *self.shown, *(f"iou_{name}" for name in of_classes))
        self.columns = ["step", "loss", "learning_rate", *scores, "seconds"]
        self.rows: list[Entry] = []
        self.watchers, self.warn = list(watchers), warn
        self._sizes: dict[str, int] = {}  # of the logs after our last write, bytes
        self._warned: set[str] = set()

    def seconds(self) -> float:
        """Duration of the run up to its last entry."""
        return float(self.rows[-1]["seconds"]) if self.rows else 0.0

    def restore(self, rows: list[Entry]) -> None:
        """Continue from a checkpoint's entries."""
        self.rows = list(rows)
        self._sizes.clear()
        self._write_logs()

    def add(
        self,
        step: int,
        loss: float,
        rate: float,
        seconds: float,
        scores: dict[str, Any] | None = None,
        last: bool = False,
        parts: dict[str, float] | None = None,
    ) -> None:
        """Log the steps since the last entry; `last`: the run ends with it."""
        entry: Entry = {"step": step, "seconds": round(seconds, 2), "loss": loss, "learning_rate": rate}
        if parts:
            entry["parts"] = dict(parts)
        if scores:
            entry["validation"] = {name: value for name, value in scores.items() if name != "step"}
        self.rows.append(_plain(entry))
        self._write_logs()
        if self.folder and (last or scores or len(self.rows) < DRAWN_EACH or len(self.rows) % 10 == 0):
            with self._kept_going("log"):
                write_bytes(self.folder / CURVE, self._curves())
        for watcher in tuple(self.watchers):
            self._tell(watcher, lambda watcher: watcher.entry(self.rows[-1]))

    def add_sheet(self, step: int, sheet: Image) -> None:
        """Write a stage's sheet as `stages/step_000500.png`."""
        if not self.folder:
            return
        path = stage_path(self.folder, step, ".png")
        with self._kept_going("sheet"):
            write_image(path, sheet)
            for watcher in tuple(self.watchers):
                self._tell(watcher, lambda watcher: watcher.sheet(step, path))

    def add_snapshot(self, model: Model) -> None:
        """Write a stage's weights as `stages/step_000500.safetensors`; the step is in the model's metadata."""
        if self.folder:
            with self._kept_going("snapshot"):
                save_weights(model, stage_path(self.folder, model.training["steps"], ".safetensors"))

    def add_weights(self, step: int, network: nn.Module) -> None:
        """Pass the current network to the watchers."""
        for watcher in tuple(self.watchers):
            self._tell(watcher, lambda watcher: watcher.weights(step, network))

    def write_table(self, scores: Entry, figures: str) -> None:
        """Write the best scores so far as a table, `scores.txt`; `figures` are size and speed of the network."""
        if self.folder:
            with self._kept_going("table"):
                write_bytes(self.folder / TABLE, score_table(scores, figures).encode())

    def close(self) -> None:
        for watcher in tuple(self.watchers):
            self._tell(watcher, lambda watcher: watcher.close())

    def _tell(self, watcher: Watcher, call: Callable[[Watcher], None]) -> None:
        try:
            call(watcher)
        except Exception as error:  # third-party code: whatever it raises must not end the training
            self.watchers.remove(watcher)
            self.warn(f"{watcher.name}: {type(error).__name__}: {error}; the training continues without it")

    def _write_logs(self) -> None:
        if not self.folder or not self.rows:
            return
        for name, text in ((CSV, self._csv), (JSONL, _json_lines)):
            with self._kept_going("log"):
                self._extend(self.folder / name, text)

    def _extend(self, path: Path, text: Callable[[Sequence[Entry]], str]) -> None:
        """Append the last entry to a log that nobody else has changed; rewrite it otherwise."""
        known = self._sizes.pop(path.name, None)
        if known is None or not path.exists() or path.stat().st_size != known:
            whole = (",".join(self.columns) + "\n" if path.name == CSV else "") + text(self.rows)
            write_bytes(path, whole.encode())
            self._sizes[path.name] = len(whole.encode())
            return
        line = text(self.rows[-1:]).encode()
        try:
            with path.open("ab") as file:
                file.write(line)
        except OSError as error:
            raise write_error(path, error) from error
        self._sizes[path.name] = known + len(line)

    @contextmanager
    def _kept_going(self, what: str) -> Iterator[None]:
        try:
            yield
        except RotoError as error:
            if what not in self._warned:
                self._warned.add(what)
                self.warn(f"{error}; the training continues without its {what}")

    def _csv(self, entries: Sequence[Entry]) -> str:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        for entry in entries:
            row = {name: entry[name] for name in ("step", "loss", "learning_rate", "seconds")}
            scores = entry.get("validation")
            if scores:
                row |= {"validation_loss": scores["loss"], **{name: scores[name] for name in self.shown}}
                row |= {f"iou_{name}": value for name, value in scores.get("iou", {}).items()}
            writer.writerow({name: "" if value is None else _short(value) for name, value in row.items()})
        return text.getvalue()

    def _curves(self) -> bytes:
        def points(name: str, inside: str = "") -> list[tuple[float, float]]:
            found = [(entry["step"], (entry.get(inside, {}) if inside else entry).get(name)) for entry in self.rows]
            return [(step, value) for step, value in found if value is not None]

        lines = [
            Curve("loss, training", "#4c78a8", points("loss")),
            Curve("loss, validation", "#f58518", points("loss", "validation")),
            *(
                Curve(SCORE_NAMES[name], color, points(name, "validation"))
                for name, color in zip(self.shown, ("#54a24b", "#b279a2"), strict=False)
            ),
        ]
        return draw_curves([line for line in lines if line.points], x_label="step")


def stage_path(folder: Path, step: int, suffix: str) -> Path:
    """A stage's file: `run/stages/step_000500.png`."""
    return folder / STAGES / f"step_{step:06d}{suffix}"


def scalars(entry: Entry) -> dict[str, float]:
    """The numbers of an entry by their names in watchers: `loss/training`, `iou/midtone`, ..."""
    named = {"loss/training": entry["loss"], "learning_rate": entry["learning_rate"]}
    named |= {f"loss/{name}": value for name, value in entry.get("parts", {}).items()}
    scores = entry.get("validation", {})
    named |= {f"validation/{name}": value for name, value in scores.items() if isinstance(value, float)}
    named |= {f"iou/{name}": value for name, value in scores.get("iou", {}).items()}
    return {name: value for name, value in named.items() if value is not None}


def score_table(scores: Entry, figures: str) -> str:
    """Scores as aligned lines: each class with IoU, Dice and accuracy where known, then the scores over all classes."""
    by_class = {"iou": "IoU", "dice": "Dice", "class_accuracy": "accuracy"}
    columns = {name: title for name, title in by_class.items() if name in scores}
    lines = [f"step {scores['step']}, {scores['frames']} frames, {figures}", ""]
    if columns:
        names = list(scores["iou"])
        width = max(map(len, (*names, "class")))
        lines.append("  ".join(("class".ljust(width), *(title.rjust(8) for title in columns.values()))))
        rows = ((name.ljust(width), *(_score(scores[column].get(name)).rjust(8) for column in columns)) for name in names)
        lines += [*("  ".join(row) for row in rows), ""]
    wide = {name: value for name, value in scores.items() if name not in ("step", "frames", *by_class)}
    titles = {**SCORE_NAMES, "mean_class_accuracy": "mean class accuracy (mPA)"}
    lines += [f"{titles.get(name, name.replace('_', ' '))}: {_score(value)}" for name, value in wide.items()]
    return "\n".join(lines) + "\n"


def _score(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _json_lines(entries: Sequence[Entry]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def _plain(value: Any) -> Any:
    """The same with null for NaN and infinity, which JSON lacks."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
