"""Training runs started, saved to a checkpoint and resumed from it."""

from __future__ import annotations

import copy
import hashlib
import logging
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from rotonodes.errors import UsageError
from rotonodes.nets.compiling import Compiled
from rotonodes.nets.encoder_weights import read_encoder
from rotonodes.nets.model import Model, build
from rotonodes.train.checkpoint import NEWEST, clear_unfinished, read_checkpoint, write_checkpoint
from rotonodes.train.cpu_layers import quicken
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.distributed import ProcessGroup
from rotonodes.train.fit_checks import (
    advice,
    differences,
    refuse_misfits,
    refuse_unfit,
    warn_of_absent_classes,
    warn_of_near_copies,
)
from rotonodes.train.log.journal import Journal
from rotonodes.train.log.watchers import watchers
from rotonodes.train.objective.tasks import task_of
from rotonodes.train.optimizer import Patience, class_weights, make_optimizer
from rotonodes.train.settings import TrainSettings
from rotonodes.train.training_run import TrainError, TrainingRun
from rotonodes.train.warm_start import EarlierTraining, logit_order, read_training, warm_start

log = logging.getLogger(__name__)


def start_run(
    settings: TrainSettings,
    dataset: LabelledFrames,
    initial: Model | None,
    device: torch.device,
    warn: Callable[[str], None] = log.warning,
    group: ProcessGroup | None = None,
    previews: Sequence[tuple[int, Tensor]] = (),
) -> TrainingRun:
    """A run ready for its next step: with fresh weights, those of `initial`, or resumed from the checkpoint folder.

    Raises UsageError for settings, frames, weights and checkpoints that do not fit together.
    """
    group = group or ProcessGroup()
    group.frames_of(settings.batch)
    refuse_unfit(settings, device)
    refuse_misfits(settings, dataset)
    earlier = None
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay unchanged
        torch.manual_seed(settings.seed)
        network = build(settings.architecture, settings.network_config())
    if settings.encoder_weights and initial:
        raise UsageError("training: encoder_weights are for a new network, and here one is given: remove one of them")
    if settings.encoder_weights:
        network.load_state_dict(read_encoder(settings.encoder_weights, network), strict=False)
    if settings.start_from:
        earlier = read_training(settings.start_from)
        initial = earlier.model
        if logit_order(initial, settings) != list(range(len(settings.logit_classes))):
            raise UsageError(f"{settings.start_from}: its network has other classes than these frames: link it as a model instead")
    warnings_of_start: list[str] = []  # only shown if the run is not resumed from a checkpoint
    if initial:
        warm_start(network, settings, dataset, initial, warnings_of_start.append)
    network = network.to(device).to(memory_format=torch.channels_last).train()
    shares = dataset.class_shares(len(settings.logit_classes))
    warn_of_absent_classes(settings, dataset, shares, warn)
    warn_of_near_copies(dataset, warn)
    run = _fresh(settings, dataset, network, device, warn, group, previews, shares)
    if earlier:
        load_optimizer(run, earlier)
    group.require_same(f"{run.origin} {settings.fingerprint()}", "frames, settings or first weights")
    resume(run)
    for line in warnings_of_start if run.step == 0 else ():
        warn(line)
    if run.journal.folder:
        run.journal.watchers = watchers(settings.watch, run.journal.folder, run.step, settings.fingerprint(), warn)
    return run


def _fresh(
    settings: TrainSettings,
    dataset: LabelledFrames,
    network: nn.Module,
    device: torch.device,
    warn: Callable[[str], None],
    group: ProcessGroup,
    previews: Sequence[tuple[int, Tensor]],
    shares: list[float],
) -> TrainingRun:
    """A run before its first step."""
    average = copy.deepcopy(network).eval().requires_grad_(False)
    if device.type == "cpu" and not settings.compile:  # a compiler makes its own
        quicken(network)
    learner = group.wrap(network)
    return TrainingRun(
        settings=settings,
        task=task_of(settings),
        dataset=dataset,
        device=device,
        network=network,
        learner=Compiled(learner) if settings.compile else learner,
        size_multiple=cast("int", network.size_multiple),
        average=average,
        optimizer=make_optimizer(settings, network),
        scaler=torch.amp.GradScaler(device.type, enabled=settings.precision == "float16"),
        journal=Journal(settings.checkpoint_folder if group.is_first else None, settings.classes, warn=warn, task=settings.task),
        class_weights=class_weights(settings, shares).to(device),
        origin=_origin(dataset, network),
        warn=warn,
        group=group,
        previews=previews,
    )


def save(run: TrainingRun, validation_pending: bool = False) -> None:
    """Write the checkpoint: a Model's metadata and weights, usable as weights, and all that is needed to resume.

    `validation_pending`: the step still has to be validated.
    """
    folder = run.settings.checkpoint_folder
    assert folder
    if not all(torch.isfinite(tensor).all() for tensor in run.network.state_dict().values()):
        raise TrainError(run.not_finite("the weights are no longer finite"))
    best = run.best_model()
    # The keys are those of the file format, and stay when names in the code change.
    content = {
        "rotonodes": best.metadata(),
        "state": best.state,
        "best": run.best.get("metrics"),
        "run": {
            "step": run.step,
            "settings": run.settings.fingerprint(),
            "origin": run.origin,
            "network": run.network.state_dict(),
            "average": run.average.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "scaler": run.scaler.state_dict(),
            "patience": run.patience.state(),
            "journal": run.journal.rows,
            "since": run.terms_since_entry,
            "unscored": validation_pending,
        },
    }
    run.group.from_rank_0(lambda: write_checkpoint(folder, content))


def resume(run: TrainingRun) -> None:
    """Load the folder's checkpoint, if there is one. Batches need no state: they follow from seed and step.

    Raises UsageError for a checkpoint of other settings, frames or first weights.
    """
    folder = run.settings.checkpoint_folder
    if folder is None:
        return
    run.group.from_rank_0(lambda: clear_unfinished(folder))
    content: dict[str, Any] | None = run.group.from_rank_0(lambda: read_checkpoint(folder, run.warn))
    if content is None:
        return
    state = content.get("run", {})
    before, now = state.get("settings", {}), run.settings.fingerprint()
    if changed := differences(before, now):
        raise UsageError(f"{folder}: its checkpoint was trained with {changed}: {advice(folder / NEWEST, before, now)}")
    if state.get("origin") != run.origin:
        what = "other frames, labels, clips or first weights"
        raise UsageError(f"{folder}: its checkpoint was trained with {what}: delete that folder to start over, or name another")
    run.step = state["step"]
    run.network.load_state_dict(state["network"])
    run.average.load_state_dict(state["average"])
    run.optimizer.load_state_dict(state["optimizer"])
    run.scaler.load_state_dict(state["scaler"])
    run.patience = Patience(**state["patience"])
    run.journal.restore(state["journal"])
    run.terms_since_entry = state.get("since", [])  # older checkpoints lack it
    run.validation_pending = state.get("unscored", False)
    if content["best"]:
        run.best = {"metrics": content["best"], "state": content["state"]}


def load_optimizer(run: TrainingRun, earlier: EarlierTraining) -> None:
    """Load average and optimizer of a training on other frames; steps, scores and schedule start over."""
    path, name = run.settings.start_from, earlier.optimizer_name
    if name != run.settings.optimizer:
        raise UsageError(f"{path}: it was trained by {name}, not {run.settings.optimizer}: set optimizer, or link it as a model")
    try:
        run.average.load_state_dict(earlier.average)
        run.optimizer.load_state_dict(earlier.optimizer)
    except (ValueError, RuntimeError):
        raise UsageError(f"{path}: its optimizer state does not fit this network: link it as a model instead") from None


def _origin(dataset: LabelledFrames, network: nn.Module) -> str:
    """A digest of the frames and of the weights before the first step."""
    digest = hashlib.sha256(dataset.digest.encode())
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
