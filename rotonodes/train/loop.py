"""The training loop: labelled frames in, the best network out."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from statistics import fmean

import torch
from torch import Tensor

from rotonodes.errors import Interrupted
from rotonodes.machine import torchrun
from rotonodes.nets.model import Model
from rotonodes.train.data.dataset import Batch, LabelledFrames
from rotonodes.train.distributed import Team, gathered
from rotonodes.train.log.step import Step
from rotonodes.train.objective.tasks import is_better
from rotonodes.train.optimizer import rate_factor
from rotonodes.train.settings import SCORE_NAMES, TrainSettings
from rotonodes.train.training_run import Run, stopped

log = logging.getLogger(__name__)

# A network whose score gains so much in the last quarter of its steps would go on gaining; at the end of a schedule some is usual.
LATE, STILL_BETTER = 0.25, 0.02


def train(
    settings: TrainSettings,
    dataset: LabelledFrames,
    *,
    initial: Model | None = None,
    device: str = "cpu",
    on_step: Callable[[Step], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    warn: Callable[[str], None] = log.warning,
    previews: Sequence[tuple[int, Tensor]] = (),
) -> Model:
    """Train a network and return the averaged weights of the validation with the best score.

    Without validation frames, the last averaged weights. `initial` is a network to start from (fine-tuning): its
    architecture must be the same; where its classes are others, the head starts afresh, and `warn` is told. A checkpoint in
    the settings' folder is continued, and the run then equals one without a break, on the CPU bit for bit. `should_stop` is
    asked before every step; on True, or on Ctrl-C, a checkpoint is written and Interrupted raised. `warn` is told what does
    not stop the run. `previews` are frames outside the training set (number, scene-linear `[C, H, W]`), which are predicted
    on the sheet of every stage.

    The processes of a torchrun train together: all of them call this alike, the first one writes and scores, and all get the
    same model. A wish to stop in any of them stops them all.

    Raises TrainError when the loss is no longer finite, UsageError for settings that do not fit the frames or the checkpoint.
    """
    with _ctrl_c() as asked, gathered(torch.device(device)) as team:
        run = Run.start(settings, dataset, initial, torch.device(device), warn if team.is_first else _silent, team, previews)
        with closing(run.journal):
            _learn(run, on_step, lambda: asked.is_set() or bool(should_stop and should_stop()))
        return run.best_model()


def _learn(run: Run, on_step: Callable[[Step], None] | None, should_stop: Callable[[], bool]) -> None:
    """All steps that are left of a run."""
    settings = run.settings
    if run.patience.is_over(settings):
        run.warn(_over(run))
        return
    folder, start = settings.checkpoint_folder, time.monotonic() - run.journal.seconds()

    def conclude(terms: dict[str, float], rate: float) -> bool:
        """What follows a step: scores, the journal, a sheet, a checkpoint; whether the run is over."""
        stage = run.step == settings.steps or run.step % settings.validation_interval == 0
        try:
            scores = run.validate(should_stop) if stage and run.dataset.validation else None
        except Interrupted:  # scoring may take long, and a stop does not wait for it
            if folder:
                run.save(unscored=True)
            raise
        over = run.patience.is_over(settings)
        last = over or run.step == settings.steps
        seconds = time.monotonic() - start
        if scores or last or run.step % settings.log_interval == 0:
            means = {name: fmean(step[name] for step in run.since) for name in terms}
            run.journal.add(run.step, sum(means.values()), rate, seconds, scores, last, means if len(means) > 1 else None)
            run.since.clear()
        if stage:
            run.add_stage(scores)
        if folder and (last or run.step % settings.checkpoint_interval == 0):
            run.save()
        if on_step:
            figures = ", ".join(filter(None, (_best(run), run.figures()))) if last else ""
            on_step(Step(run.step, settings.steps, sum(terms.values()), rate, seconds, scores, terms, figures))
        if over:
            run.warn(_over(run))
        elif last and (unfinished := _unfinished(run)):
            run.warn(unfinished)
        return over

    if run.unscored:  # stopped while it was scored
        rate = settings.learning_rate * rate_factor(settings, run.step - 1) * run.patience.factor
        if conclude(run.since[-1], rate):
            return
    with closing(_batches(settings, run.dataset, run.step, run.device, run.team)) as batches:
        for batch in batches:
            if run.team.any(should_stop()):
                if folder:
                    run.save()
                raise Interrupted(stopped(settings, run.step))
            rate = settings.learning_rate * rate_factor(settings, run.step) * run.patience.factor
            terms = run.learn(batch, rate)
            run.since.append(terms)
            if conclude(terms, rate):
                break


def _batches(
    settings: TrainSettings, dataset: LabelledFrames, first: int, device: torch.device, team: Team
) -> Generator[Batch, None, None]:
    """This process's part of the batches from step `first` on; the next is made on a thread while the network learns from this."""
    share, pairs = team.share(settings.batch), settings.loss.consistency > 0

    def make(step: int) -> Batch:
        batch = dataset.batch(step, settings.batch, settings.crop, settings.augment, settings.seed, pairs=pairs, only=share)
        return batch.pinned() if device.type == "cuda" else batch

    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        coming = thread.submit(make, first) if first < settings.steps else None
        for step in range(first, settings.steps):
            assert coming
            batch = coming.result()
            coming = thread.submit(make, step + 1) if step + 1 < settings.steps else None
            yield batch.to(device)


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a wish to stop between two steps; the second one interrupts at once.

    In the middle of a step the weights are neither old nor new. A handler that the program has set itself stays. The processes
    of a torchrun hear of one Ctrl-C twice, from the terminal and from torchrun: with them, only the first counts.
    """
    asked = threading.Event()
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def ask(number: int, frame: object) -> None:
        asked.set()
        if torchrun.count() == 1:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    if ours:
        signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _silent(text: str) -> None:
    """For what the first process says."""


def _best(run: Run) -> str:
    """`best mean IoU 0.310 at step 3`, or nothing where nothing was scored."""
    name, metrics = run.settings.score, run.best.get("metrics", {})
    return f"best {SCORE_NAMES[name]} {metrics[name]:.3f} at step {metrics['step']}" if metrics.get(name) is not None else ""


def _unfinished(run: Run) -> str:
    """What to say of a score that was still getting better when the steps were over, or that never got better; or nothing."""
    name, steps = run.settings.score, run.settings.steps
    scored = [(row["step"], row["validation"][name]) for row in run.journal.rows if "validation" in row]
    scored = [(step, score) for step, score in scored if score is not None]
    if len(scored) < 2:
        return ""
    (first, _), (best, score) = scored[0], _best_of(scored, name)
    if best == first:
        _, value = _best_of(scored[1:], name)
        if abs(score - value) < STILL_BETTER:
            return ""
        found = f"was never better than when it was first looked at ({score:.3f} at step {best} of {steps})"
        return f"training: the {SCORE_NAMES[name]} {found}: learn for longer, and look at the sheets and the loss"
    early = [(step, value) for step, value in scored if step <= steps * (1 - LATE)]
    if best <= steps * (1 - LATE) or not early:
        return ""
    before, value = _best_of(early, name)
    if abs(score - value) < STILL_BETTER:
        return ""
    found = f"was still getting better at the end ({value:.3f} at step {before}, {score:.3f} at step {best} of {steps})"
    return f"training: the {SCORE_NAMES[name]} {found}: learn for longer, with more steps or epochs"


def _best_of(scored: Sequence[tuple[int, float]], name: str) -> tuple[int, float]:
    """The first (step, score) that no other one beats."""
    best = scored[0]
    for one in scored[1:]:
        best = one if is_better(one[1], best[1], name) else best
    return best


def _over(run: Run) -> str:
    best = run.best["metrics"]
    name = run.settings.score
    score = "none" if best[name] is None else f"{best[name]:.3f}"
    return (
        f"training: over after step {run.step} of {run.settings.steps}: no better {SCORE_NAMES[name]} than {score} of step {best['step']} "
        f"in {run.patience.worse} validations (patience {run.settings.patience})"
    )
