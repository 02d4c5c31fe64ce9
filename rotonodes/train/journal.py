"""The record of a training run: `log.csv` and `loss.png`, rewritten whole at every entry."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from rotonodes.nets.weights import write_whole
from rotonodes.train.curve import Line, draw_curves


class Journal:
    """Rows of a run; with a folder they are also files. Without one they only live in memory."""

    def __init__(self, folder: Path | None, classes: tuple[str, ...]) -> None:
        self.folder = folder
        scores = ("validation_loss", "mean_iou", *(f"iou_{name}" for name in classes))
        self.columns = ["step", "loss", "learning_rate", *scores, "seconds"]
        self.rows: list[dict[str, Any]] = []

    def seconds(self) -> float:
        """How long the run has taken up to its last row."""
        return float(self.rows[-1]["seconds"]) if self.rows else 0.0

    def add(self, step: int, loss: float, rate: float, seconds: float, scores: dict[str, Any] | None, last: bool = False) -> None:
        row: dict[str, Any] = {"step": step, "loss": loss, "learning_rate": rate, "seconds": round(seconds, 2)}
        if scores:
            row |= {"validation_loss": scores["loss"], "mean_iou": scores["mean_iou"]}
            row |= {f"iou_{name}": value for name, value in scores["iou"].items()}
        self.rows.append(row)
        if self.folder:
            self._write(self.folder, picture=last or scores is not None or len(self.rows) % 10 == 0)

    def _write(self, folder: Path, picture: bool) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: "" if value is None else _short(value) for name, value in row.items()} for row in self.rows)
        write_whole(folder / "log.csv", text.getvalue().encode())
        if picture:
            write_whole(folder / "loss.png", self._curves())

    def _curves(self) -> bytes:
        def points(column: str) -> list[tuple[float, float]]:
            return [(row["step"], row[column]) for row in self.rows if row.get(column) is not None]

        lines = [
            Line("loss, training", "#4c78a8", points("loss")),
            Line("loss, validation", "#f58518", points("validation_loss")),
            Line("mean IoU", "#54a24b", points("mean_iou")),
        ]
        return draw_curves([line for line in lines if line.points], x_label="step")


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
