"""The training loop: labelled frames in, the best network out."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from rotonodes.errors import Interrupted
from rotonodes.machine.ctrl_c import stop_on_ctrl_c
from rotonodes.nets.model import Model
from rotonodes.train.data.dataset import LabelledFrames, TrainingBatch
from rotonodes.train.distributed import ProcessGroup, process_group
from rotonodes.train.log.step_report import StepReport
from rotonodes.train.objective.tasks import is_better
from rotonodes.train.optimizer import rate_factor
from rotonodes.train.resume import save, start_run
from rotonodes.train.settings import SCORE_NAMES, TrainSettings
from rotonodes.train.training_run import TrainingRun, stopped
from rotonodes.train.validation import add_stage, validate

log = logging.getLogger(__name__)

# A score that rises by this much in the last quarter of the steps would rise further; a little at the end of a schedule is usual.
LATE, STILL_BETTER = 0.25, 0.02

# A checkpoint is never older than this, since a stop may not wait for a long step to end.
_OLDEST_CHECKPOINT = 60.0  # seconds

OnStep = Callable[[StepReport], None]


def train(
    settings: TrainSettings,
    dataset: LabelledFrames,
    *,
    initial: Model | None = None,
    device: str = "cpu",
    on_step: OnStep | None = None,
    should_stop: Callable[[], bool] | None = None,
    warn: Callable[[str], None] = log.warning,
    note: Callable[[str], None] = log.info,
    previews: Sequence[tuple[int, Tensor]] = (),
) -> Model:
    """Train a network and return the averaged weights of the best validation.

    Without validation frames, the last averaged weights. `initial` is a network to start from (fine-tuning): its
    architecture must be the same; where its classes differ, the head starts with fresh weights and `warn` is called. A
    checkpoint in the settings' folder is resumed, and the run then equals one without a break, on the CPU bit for bit.
    `should_stop` is asked before every step; on True, or on Ctrl-C, a checkpoint is written and Interrupted raised. `warn` is
    called with problems that do not stop the run, `note` when a checkpoint is resumed. `previews` are frames outside the
    training set (number, scene-linear `[C, H, W]`), which are predicted on the sheet of every stage.

    The processes of a torchrun train together: all call this alike, rank 0 writes and validates, and all get the same model. A
    stop in one of them stops them all.

    Raises TrainError when the loss is no longer finite, UsageError for settings that do not fit the frames or the checkpoint.
    """
    with stop_on_ctrl_c() as stop, process_group(torch.device(device)) as group:
        run = start_run(settings, dataset, initial, torch.device(device), warn if group.is_first else _silent, group, previews)
        if run.step and group.is_first:
            note(f"resumed at step {run.step} of {settings.steps}")
        with closing(run.journal):
            Loop(run, on_step, lambda: stop.is_set() or bool(should_stop and should_stop())).run_steps()
        return run.best_model()


class Loop:
    """The steps that are left of a run, with what follows each of them."""

    def __init__(self, run: TrainingRun, on_step: OnStep | None, should_stop: Callable[[], bool]) -> None:
        self.run, self.on_step, self.should_stop = run, on_step, should_stop
        self.settings, self.folder = run.settings, run.settings.checkpoint_folder
        self.saved = time.monotonic()
        self.start = self.saved - run.journal.seconds()

    def run_steps(self) -> None:
        """Train until the steps or the patience are over, or a stop is asked for."""
        run, settings = self.run, self.settings
        if run.patience.is_over(settings):
            run.warn(_over(run))
            return
        if run.validation_pending:  # it was stopped during the validation
            rate = settings.learning_rate * rate_factor(settings, run.step - 1) * run.patience.factor
            if self._conclude(run.terms_since_entry[-1], rate):
                return
        with closing(_batches(settings, run.dataset, run.step, run.device, run.group)) as batches:
            for batch in batches:
                if run.group.any(self.should_stop()):
                    if self.folder:
                        save(run)
                    raise Interrupted(stopped(settings, run.step))
                rate = settings.learning_rate * rate_factor(settings, run.step) * run.patience.factor
                terms = run.train_step(batch, rate)
                run.terms_since_entry.append(terms)
                if self._conclude(terms, rate):
                    break

    def _conclude(self, terms: dict[str, float], rate: float) -> bool:
        """What follows a step: validation, journal, sheet, checkpoint; returns True when patience ends the run."""
        run, settings = self.run, self.settings
        stage = run.step == settings.steps or run.step % settings.validation_interval == 0
        scores = self._validated() if stage and run.dataset.validation else None
        over = run.patience.is_over(settings)
        last = over or run.step == settings.steps
        seconds = time.monotonic() - self.start
        if scores or last or run.step % settings.log_interval == 0:
            means = {name: fmean(step[name] for step in run.terms_since_entry) for name in terms}
            run.journal.add(run.step, sum(means.values()), rate, seconds, scores, last, means if len(means) > 1 else None)
            run.terms_since_entry.clear()
        if stage:
            add_stage(run, scores)
        if self.folder and (last or run.step % settings.checkpoint_interval == 0 or time.monotonic() - self.saved > _OLDEST_CHECKPOINT):
            save(run)
            self.saved = time.monotonic()
        if self.on_step:
            figures = ", ".join(filter(None, (_best(run), run.figures()))) if last else ""
            self.on_step(StepReport(run.step, settings.steps, sum(terms.values()), rate, seconds, scores, terms, figures, settings.batch))
        if over:
            run.warn(_over(run))
        elif last and (unfinished := _unfinished(run)):
            run.warn(unfinished)
        return over

    def _validated(self) -> dict[str, Any]:
        """The validation's scores. It may take long, and a stop does not wait for it: the step is saved as not yet validated."""
        try:
            return validate(self.run, self.should_stop)
        except Interrupted:
            if self.folder:
                save(self.run, validation_pending=True)
            raise


def _batches(
    settings: TrainSettings, dataset: LabelledFrames, first: int, device: torch.device, group: ProcessGroup
) -> Generator[TrainingBatch, None, None]:
    """This process's part of the batches from step `first`; the next one is made on a thread during the current step."""
    own, pairs = group.frames_of(settings.batch), settings.loss.consistency > 0
    side = torch.cuda.Stream(device) if device.type == "cuda" else None  # batches are made on the GPU beside the step

    def make(step: int) -> tuple[TrainingBatch, torch.cuda.Event | None]:
        with torch.cuda.stream(side) if side else nullcontext():
            batch = dataset.batch(
                step, settings.batch, settings.crop, settings.augment, settings.seed, pairs=pairs, only=own, device=device
            )
        return batch, side.record_event() if side else None

    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        coming = thread.submit(make, first) if first < settings.steps else None
        for step in range(first, settings.steps):
            assert coming
            batch, made = coming.result()
            coming = thread.submit(make, step + 1) if step + 1 < settings.steps else None
            yield (batch.after(made) if made else batch).to(device)


def _silent(text: str) -> None:
    """Warnings of all ranks but the first."""


def _best(run: TrainingRun) -> str:
    """`best mean IoU 0.310 at step 3`; "" without a validation."""
    name, metrics = run.settings.score, run.best.get("metrics", {})
    return f"best {SCORE_NAMES[name]} {metrics[name]:.3f} at step {metrics['step']}" if metrics.get(name) is not None else ""


def _unfinished(run: TrainingRun) -> str:
    """A warning if the score was still rising at the end, or never rose; else ""."""
    name, steps = run.settings.score, run.settings.steps
    validated = [(row["step"], row["validation"][name]) for row in run.journal.rows if "validation" in row]
    validated = [(step, score) for step, score in validated if score is not None]
    if len(validated) < 2:
        return ""
    (first, _), (best, score) = validated[0], _best_of(validated, name)
    if best == first:
        _, value = _best_of(validated[1:], name)
        if abs(score - value) < STILL_BETTER:
            return ""
        found = f"was never better than at the first validation ({score:.3f} at step {best} of {steps})"
        return f"training: the {SCORE_NAMES[name]} {found}: train for longer, and look at the sheets and the loss"
    early = [(step, value) for step, value in validated if step <= steps * (1 - LATE)]
    if best <= steps * (1 - LATE) or not early:
        return ""
    before, value = _best_of(early, name)
    if abs(score - value) < STILL_BETTER:
        return ""
    found = f"was still getting better at the end ({value:.3f} at step {before}, {score:.3f} at step {best} of {steps})"
    return f"training: the {SCORE_NAMES[name]} {found}: train for longer, with more steps or epochs"


def _best_of(validated: Sequence[tuple[int, float]], name: str) -> tuple[int, float]:
    """The first (step, score) with the best score."""
    best = validated[0]
    for one in validated[1:]:
        best = one if is_better(one[1], best[1], name) else best
    return best


def _over(run: TrainingRun) -> str:
    best = run.best["metrics"]
    name = run.settings.score
    score = "none" if best[name] is None else f"{best[name]:.3f}"
    return (
        f"training: over after step {run.step} of {run.settings.steps}: no better {SCORE_NAMES[name]} than {score} of step {best['step']} "
        f"in {run.patience.worse} validations (patience {run.settings.patience})"
    )
