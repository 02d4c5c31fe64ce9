"""Validation of a training run: scores of the averaged weights, and a sheet of pictures at each stage."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch

from rotonodes.errors import Interrupted
from rotonodes.train.log.stage_sheet import choose, cutout_sheet, stage_sheet
from rotonodes.train.objective.tasks import all_terms, first, is_better, maps
from rotonodes.train.settings import SCORE_NAMES, SCORES
from rotonodes.train.training_run import TrainError, TrainingRun, stopped


def validate(run: TrainingRun, should_stop: Callable[[], bool]) -> dict[str, Any]:
    """Scores and loss of the averaged weights on the validation frames; keeps the weights when they are the best so far.

    `should_stop` is asked before each frame; Interrupted is raised when it returns True.
    """
    scores = run.group.from_rank_0(lambda: measure(run, should_stop))
    name = run.settings.score
    if not run.best or is_better(scores[name], run.best["metrics"][name], name):
        run.best = {"metrics": scores, "state": run.averaged_state()}
        run.journal.write_table(scores, run.figures())
    run.patience.update(scores[name], run.settings)
    run.validation_pending = False
    return scores


@torch.no_grad()
def measure(run: TrainingRun, should_stop: Callable[[], bool]) -> dict[str, Any]:
    """Step, number of frames, mean loss and the task's scores on the validation frames. Raises TrainError when the loss overflows."""
    tally, losses, seconds = run.task.tally(), [], 0.0
    for place in run.dataset.validation:
        if should_stop():
            raise Interrupted(stopped(run.settings, run.step))
        picture, truth = (tensor.to(run.device) for tensor in run.dataset.frame(place))
        start = time.perf_counter()
        outputs = run.predict(picture)
        prediction = run.task.predict(first(outputs)[0]).cpu()  # which waits for a GPU
        seconds += time.perf_counter() - start
        tally.add(prediction, truth)
        terms = all_terms(run.task, maps(outputs), truth[None], run.class_weights)
        losses.append(torch.stack(list(terms.values())).sum())
    loss = float(torch.stack(losses).mean())
    if not math.isfinite(loss):
        raise TrainError(run.not_finite(f"the loss of the validation became {loss}"))
    run.frames_per_second = len(losses) / max(seconds, 1e-9)
    return {"step": run.step, "frames": len(losses), "loss": loss, **tally.scores()}


def add_stage(run: TrainingRun, scores: dict[str, Any] | None) -> None:
    """Write a sheet of predictions for a few frames (validation frames where there are any) and the previews.

    With snapshots, the averaged weights as well.
    """
    if not run.journal.folder:
        return
    settings = run.settings
    examples = choose(run.dataset, run.previews, lambda picture: run.task.predict(run.predict(picture.to(run.device))[0][0]))
    told = [f"{SCORE_NAMES[name]} {scores[name]:.3f}" for name in SCORES[settings.task][:2] if scores and scores[name] is not None]
    title = "   ".join((f"step {run.step} of {settings.steps}", *told))
    alpha = settings.task == "alpha"
    sheet = cutout_sheet(examples, title) if alpha else stage_sheet(examples, settings.classes, settings.colors, title)
    run.journal.add_sheet(run.step, sheet)
    run.journal.add_weights(run.step, run.network)
    if settings.snapshots:
        run.journal.add_snapshot(run.model(run.averaged_state(), scores or {}))
