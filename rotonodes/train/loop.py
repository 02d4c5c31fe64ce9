"""The training loop: labelled frames in, the best network out."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from rotonodes.errors import Interrupted
from rotonodes.nets.model import Model
from rotonodes.train.dataset import LabelledFrames
from rotonodes.train.run import Run
from rotonodes.train.settings import TrainSettings


@dataclass(frozen=True)
class Step:
    """What `on_step` is told after each step: steps count from 1; `scores` are there after a validation."""

    step: int
    steps: int
    loss: float
    learning_rate: float
    seconds: float
    scores: dict[str, Any] | None = None


def train(
    settings: TrainSettings,
    dataset: LabelledFrames,
    *,
    initial: Model | None = None,
    device: str = "cpu",
    on_step: Callable[[Step], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> Model:
    """Train a network and return the averaged weights of the validation with the highest mean IoU.

    Without validation frames, the last averaged weights. `initial` is a network to start from (fine-tuning): its
    architecture must be the same; where its classes differ, the head starts afresh. A checkpoint in the settings' folder is
    continued, and the run then equals one without a break, on the CPU bit for bit. `should_stop` is asked before every step;
    on True, or on Ctrl-C, a checkpoint is written and Interrupted raised.

    Raises TrainError when the loss is no longer finite, UsageError for settings that do not fit the frames or the checkpoint.
    """
    run = Run.start(settings, dataset, initial, torch.device(device))
    losses: list[float] = []  # since the last entry in the journal
    folder, start = settings.checkpoint_folder, time.monotonic() - run.journal.seconds()
    with _ctrl_c() as asked, closing(_batches(settings, dataset, run.step, run.device)) as batches:
        for pictures, labels in batches:
            if asked.is_set() or (should_stop and should_stop()):
                if folder:
                    run.save()
                raise Interrupted(_stopped(settings, run.step))
            rate = settings.learning_rate * rate_factor(settings, run.step)
            loss = run.learn(pictures, labels, rate)
            losses.append(loss)
            last = run.step == settings.steps
            scores = None
            if dataset.validation and (last or run.step % settings.validation_interval == 0):
                scores = run.validate()
            seconds = time.monotonic() - start
            if scores or last or run.step % settings.log_interval == 0:
                run.journal.add(run.step, fmean(losses), rate, seconds, scores, last)
                losses.clear()
            if folder and (last or run.step % settings.checkpoint_interval == 0):
                run.save()
            if on_step:
                on_step(Step(run.step, settings.steps, loss, rate, seconds, scores))
    return run.best_model()


def rate_factor(settings: TrainSettings, step: int) -> float:
    """The share of the learning rate at `step` (from 0), 0 to 1.

    cosine: a linear rise over the warm-up, then half a cosine down to 1 %. onecycle: a rise over 30 % of the steps from 4 %,
    then down to almost nothing (Smith and Topin, "Super-Convergence", 2018), both along cosines.
    """
    if settings.schedule == "constant":
        return 1.0
    onecycle = settings.schedule == "onecycle"
    low, end = (0.04, 1e-4) if onecycle else (0.0, 0.01)
    rise = max(round(settings.steps * (0.3 if onecycle else settings.warm_up)), 1)
    if step < rise:
        share = (step + 1) / rise
        return low + (1 - low) * ((1 - math.cos(math.pi * share)) / 2 if onecycle else share)
    share = (step - rise) / max(settings.steps - rise, 1)
    return end + (1 - end) * (1 + math.cos(math.pi * share)) / 2


def _batches(
    settings: TrainSettings, dataset: LabelledFrames, first: int, device: torch.device
) -> Generator[tuple[Tensor, Tensor], None, None]:
    """The batches from step `first` on; the next one is made on a thread while the network learns from this one."""

    def make(step: int) -> tuple[Tensor, Tensor]:
        pictures, labels = dataset.batch(step, settings.batch, settings.crop, settings.augment, settings.seed)
        if device.type == "cuda":
            pictures, labels = pictures.pin_memory(), labels.pin_memory()
        return pictures, labels

    with ThreadPoolExecutor(1, thread_name_prefix="batches") as thread:
        coming = thread.submit(make, first) if first < settings.steps else None
        for step in range(first, settings.steps):
            assert coming
            pictures, labels = coming.result()
            coming = thread.submit(make, step + 1) if step + 1 < settings.steps else None
            yield pictures.to(device, non_blocking=True), labels.to(device, non_blocking=True)


@contextmanager
def _ctrl_c() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a wish to stop between two steps; the second one interrupts at once.

    In the middle of a step the weights are neither old nor new. A handler that the program has set itself stays.
    """
    asked = threading.Event()
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def ask(number: int, frame: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    if ours:
        signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _stopped(settings: TrainSettings, step: int) -> str:
    if settings.checkpoint_folder:
        return f"training: stopped after step {step} of {settings.steps}; run again to go on from {settings.checkpoint_folder}"
    return f"training: stopped after step {step} of {settings.steps}; name a checkpoint folder to be able to go on"
