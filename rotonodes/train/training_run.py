"""The state of a training run: what one step changes, what a checkpoint holds."""

from __future__ import annotations

import copy
import hashlib
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from rotonodes.errors import Interrupted, RotoError, UsageError
from rotonodes.nets.encode import pad
from rotonodes.nets.model import Model, build
from rotonodes.train.checkpoint import NEWEST, read_checkpoint, write_checkpoint
from rotonodes.train.data.crop_preprocess import finished
from rotonodes.train.data.dataset import Batch, LabelledFrames
from rotonodes.train.data.division import seed_of
from rotonodes.train.distributed import Team
from rotonodes.train.log.journal import Journal
from rotonodes.train.log.stage_sheet import choose, cutout_sheet, stage_sheet
from rotonodes.train.log.watchers import watchers
from rotonodes.train.objective.losses import consistency_loss
from rotonodes.train.objective.tasks import Task, all_terms, first, is_better, maps, task_of
from rotonodes.train.optimizer import Patience, class_weights, make_optimizer
from rotonodes.train.settings import SCORE_NAMES, SCORES, TrainSettings
from rotonodes.train.start import (
    EarlierTraining,
    answer_order,
    differences,
    read_training,
    refuse_misfits,
    refuse_unfit,
    take_over,
    warn_of_absent_classes,
    warn_of_near_copies,
    way_on,
)

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

# A scaler meets infinite gradients while it looks for its scale, and passes over those steps; so many in a row are no search.
MOST_SKIPPED = 50


log = logging.getLogger(__name__)


class TrainError(RotoError):
    """Training cannot go on."""


@dataclass
class Run:
    """All that changes while training, which is also what a checkpoint holds.

    `learner` is the network as it learns: itself, or spread over the processes of the `team`.
    """

    settings: TrainSettings
    task: Task
    dataset: LabelledFrames
    device: torch.device
    network: nn.Module
    learner: nn.Module
    size_multiple: int
    average: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    journal: Journal
    class_weights: Tensor
    origin: str
    warn: Callable[[str], None]
    team: Team
    previews: Sequence[tuple[int, Tensor]]
    step: int = 0
    best: dict[str, Any] = field(default_factory=dict)
    patience: Patience = field(default_factory=Patience)
    frames_per_second: float | None = None  # of whole frames through the network, when it was last scored
    skipped: int = 0  # steps in a row that the scaler passed over
    unscored: bool = False  # the step of the checkpoint was to be scored, and is not yet
    since: list[dict[str, float]] = field(default_factory=list)  # terms of the steps since the last entry in the journal

    @classmethod
    def start(
        cls,
        settings: TrainSettings,
        dataset: LabelledFrames,
        initial: Model | None,
        device: torch.device,
        warn: Callable[[str], None] = log.warning,
        team: Team | None = None,
        previews: Sequence[tuple[int, Tensor]] = (),
    ) -> Run:
        team = team or Team()
        team.share(settings.batch)
        refuse_unfit(settings, device)
        refuse_misfits(settings, dataset)
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(settings.seed)
            network = build(settings.architecture, settings.network_config())
        multiple = cast("int", network.size_multiple)
        earlier = read_training(settings.start_from) if settings.start_from else None
        if earlier:
            initial = earlier.model
            if answer_order(initial, settings) != list(range(len(settings.answers))):
                raise UsageError(f"{settings.start_from}: its network has other classes than these frames: link it as a model instead")
        of_start: list[str] = []  # to be said where the start counts, not where a checkpoint replaces it
        if initial:
            take_over(network, settings, dataset, initial, of_start.append)
        network = network.to(device).to(memory_format=torch.channels_last).train()
        shares = dataset.class_shares(len(settings.answers))
        warn_of_absent_classes(settings, dataset, shares, warn)
        warn_of_near_copies(dataset, warn)
        average = copy.deepcopy(network).eval().requires_grad_(False)
        run = cls(
            settings=settings,
            task=task_of(settings),
            dataset=dataset,
            device=device,
            network=network,
            learner=team.spread(network),
            size_multiple=multiple,
            average=average,
            optimizer=make_optimizer(settings, network),
            scaler=torch.amp.GradScaler(device.type, enabled=settings.precision == "float16"),
            journal=Journal(settings.checkpoint_folder if team.is_first else None, settings.classes, warn=warn, task=settings.task),
            class_weights=class_weights(settings, shares).to(device),
            origin=_origin(dataset, network),
            warn=warn,
            team=team,
            previews=previews,
        )
        if earlier:
            run.go_on_from(earlier)
        team.agree(f"{run.origin} {settings.learned_from()}", "frames, settings or first weights")
        run.resume()
        for line in of_start if run.step == 0 else ():
            warn(line)
        if run.journal.folder:
            run.journal.watchers = watchers(settings.watch, run.journal.folder, run.step, settings.learned_from(), warn)
        return run

    def learn(self, batch: Batch, rate: float) -> dict[str, float]:
        """One step down the gradient; answers the terms of the loss, whose sum is the loss."""
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self._autocast(), self._random_numbers():
            parts = self._learned_from(finished(batch.pictures, settings.sight).to(memory_format=torch.channels_last))
        outputs, labels = [self.team.whole(part.float()) for part in parts], self.team.whole(batch.labels)
        terms = all_terms(self.task, outputs, labels, self.class_weights)
        if settings.loss.consistency:
            terms["consistency"] = settings.loss.consistency * consistency_loss(outputs[0], labels, batch.places)
        each = torch.stack(list(terms.values()))
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(self.team.scaled(each.sum())))
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), settings.gradient_clip or math.inf)
        values = each.detach().tolist()
        self._refuse_not_finite(sum(values), float(norm))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._follow()
        self.step += 1
        return dict(zip(terms, values, strict=True))

    def _learned_from(self, pictures: Tensor) -> list[Tensor]:
        """The maps of logits that gradients go through."""
        try:
            return maps(self.learner(pictures))
        except ValueError as error:
            if "more than 1 value per channel" not in str(error):
                raise
            count, side = len(pictures), self.settings.crop
            raise UsageError(
                f"training: a batch of {count} crops of {side} px ends in a single pixel, whose features have no deviation: "
                "raise batch or crop, or take norm: group"
            ) from None

    def validate(self, should_stop: Callable[[], bool]) -> dict[str, Any]:
        """Scores and loss of the averaged weights over the validation frames; keeps them when they are the best so far.

        `should_stop` is asked before each frame; Interrupted is raised when it says so.
        """
        scores = self.team.from_first(lambda: self._scores(should_stop))
        name = self.settings.score
        if not self.best or is_better(scores[name], self.best["metrics"][name], name):
            self.best = {"metrics": scores, "state": self._averaged_state()}
            self.journal.write_table(scores, self.figures())
        self.patience.see(scores[name], self.settings)
        self.unscored = False
        return scores

    def figures(self) -> str:
        """How large the network is, and how fast it was when it was last scored."""
        count = sum(parameter.numel() for parameter in self.network.parameters())
        speed = "" if self.frames_per_second is None else f", {self.frames_per_second:.3g} frames/s"
        return f"{count:,} parameters{speed}"

    @torch.no_grad()
    def _scores(self, should_stop: Callable[[], bool]) -> dict[str, Any]:
        tally, losses, seconds = self.task.tally(), [], 0.0
        for place in self.dataset.validation:
            if should_stop():
                raise Interrupted(stopped(self.settings, self.step))
            picture, truth = (tensor.to(self.device) for tensor in self.dataset.frame(place))
            start = time.perf_counter()
            outputs = self._outputs(picture)
            answer = self.task.answer(first(outputs)[0]).cpu()  # which waits for a GPU
            seconds += time.perf_counter() - start
            tally.add(answer, truth)
            terms = all_terms(self.task, maps(outputs), truth[None], self.class_weights)
            losses.append(torch.stack(list(terms.values())).sum())
        loss = float(torch.stack(losses).mean())
        if not math.isfinite(loss):
            raise TrainError(self._not_finite(f"the loss of the validation became {loss}"))
        self.frames_per_second = len(losses) / max(seconds, 1e-9)
        return {"step": self.step, "frames": len(losses), "loss": loss, **tally.scores()}

    @torch.no_grad()
    def _outputs(self, picture: Tensor) -> list[Tensor]:
        """What the averaged weights make of a whole kept picture `[C, H, W]`: maps of logits `[1, P, H, W]`."""
        height, width = picture.shape[-2:]
        smallest = getattr(self.average, "smallest", 1)
        padded = pad(finished(picture[None], self.settings.sight), self.size_multiple, smallest).to(memory_format=torch.channels_last)
        with self._autocast():
            return [logits[..., :height, :width].float() for logits in maps(self.average(padded))]

    def add_stage(self, scores: dict[str, Any] | None) -> None:
        """Keep a sheet of what the averaged weights make of a few frames, scored ones where there are some, and the previews.

        With snapshots, the averaged weights as well.
        """
        if not self.journal.folder:
            return
        settings = self.settings
        examples = choose(self.dataset, self.previews, lambda picture: self.task.answer(self._outputs(picture.to(self.device))[0][0]))
        told = [f"{SCORE_NAMES[name]} {scores[name]:.3f}" for name in SCORES[settings.task][:2] if scores and scores[name] is not None]
        title = "   ".join((f"step {self.step} of {settings.steps}", *told))
        if settings.task == "alpha":
            sheet = cutout_sheet(examples, title)
        else:
            sheet = stage_sheet(examples, settings.classes, settings.colors, title)
        self.journal.add_sheet(self.step, sheet)
        self.journal.add_weights(self.step, self.network)
        if settings.snapshots:
            self.journal.add_snapshot(self._model(self._averaged_state(), scores or {}))

    def save(self, unscored: bool = False) -> None:
        """Write the checkpoint: a Model's metadata and weights for whoever wants to use it, the rest to go on.

        `unscored` says that the step is still to be scored.
        """
        assert self.settings.checkpoint_folder
        if not all(torch.isfinite(tensor).all() for tensor in self.network.state_dict().values()):
            raise TrainError(self._not_finite("the weights are no longer finite"))
        best = self.best_model()
        content = {
            "rotonodes": best.metadata(),
            "state": best.state,
            "best": self.best.get("metrics"),
            "run": {
                "step": self.step,
                "settings": self.settings.learned_from(),
                "origin": self.origin,
                "network": self.network.state_dict(),
                "average": self.average.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scaler": self.scaler.state_dict(),
                "patience": self.patience.state(),
                "journal": self.journal.rows,
                "since": self.since,
                "unscored": unscored,
            },
        }
        folder = self.settings.checkpoint_folder
        self.team.from_first(lambda: write_checkpoint(folder, content))

    def resume(self) -> None:
        """Go on from the folder's checkpoint, where there is one. Batches need no state: they follow from seed and step."""
        folder = self.settings.checkpoint_folder
        if folder is None:
            return
        content = self.team.from_first(lambda: read_checkpoint(folder, self.warn))
        if content is None:
            return
        run = content.get("run", {})
        before, now = run.get("settings", {}), self.settings.learned_from()
        if changed := differences(before, now):
            raise UsageError(f"{folder}: its checkpoint was trained with {changed}: {way_on(folder / NEWEST, before, now)}")
        if run.get("origin") != self.origin:
            what = "other frames, labels, clips or first weights"
            raise UsageError(f"{folder}: its checkpoint was trained with {what}: delete that folder to begin afresh, or name another")
        self.step = run["step"]
        self.network.load_state_dict(run["network"])
        self.average.load_state_dict(run["average"])
        self.optimizer.load_state_dict(run["optimizer"])
        self.scaler.load_state_dict(run["scaler"])
        self.patience = Patience(**run["patience"])
        self.journal.restore(run["journal"])
        self.since = run.get("since", [])  # checkpoints of before it was kept
        self.unscored = run.get("unscored", False)
        if content["best"]:
            self.best = {"metrics": content["best"], "state": content["state"]}

    def go_on_from(self, earlier: EarlierTraining) -> None:
        """Take over the average and the optimiser of a training on other frames; steps, scores and schedule begin anew."""
        path, name = self.settings.start_from, earlier.optimizer_name
        if name != self.settings.optimizer:
            raise UsageError(f"{path}: it was trained by {name}, not {self.settings.optimizer}: set optimizer, or link it as a model")
        try:
            self.average.load_state_dict(earlier.average)
            self.optimizer.load_state_dict(earlier.optimizer)
        except (ValueError, RuntimeError):
            raise UsageError(f"{path}: what its optimiser remembers does not fit this network: link it as a model instead") from None

    def best_model(self) -> Model:
        """The averaged weights with the best score; without one, those of this step."""
        return self._model(self.best.get("state") or self._averaged_state(), self.best.get("metrics", {}))

    def _model(self, state: dict[str, Tensor], metrics: dict[str, Any]) -> Model:
        settings = self.settings
        counts = {"data": self.dataset.digest, "steps": self.step, "frames": len(self.dataset.train)}
        return Model(
            architecture=settings.architecture,
            config=settings.network_config(),
            classes=settings.classes,
            colors=settings.colors,
            channels=settings.channels,
            encoding=self.dataset.encoding,
            encodings=dict(zip(self.dataset.channels, self.dataset.encodings, strict=True)),
            size_multiple=self.size_multiple,
            answer=self.task.kind,
            sight=settings.sight,
            mask_values=settings.mask_values,
            licence=settings.licence,
            training={**settings.learned_from(), **counts},
            metrics=metrics,
            state=state,
        )

    def _autocast(self) -> torch.autocast:
        dtype = DTYPES[self.settings.precision]
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype != torch.float32)

    @contextmanager
    def _random_numbers(self) -> Iterator[None]:
        """Torch's own random numbers (dropout draws on them) follow from seed, step and process; the caller's stay as they are."""
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed_of(self.settings.seed, "step", self.step, self.team.rank))
            yield

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the average a little towards the network; faster at first, while the network is still young."""
        decay = min(self.settings.ema_decay, (1 + self.step) / (10 + self.step))
        for mean, now in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)

    def _averaged_state(self) -> dict[str, Tensor]:
        return {name: tensor.detach().cpu().clone() for name, tensor in self.average.state_dict().items()}

    def _refuse_not_finite(self, loss: float, gradient: float) -> None:
        """TrainError, before the weights are touched, when this step would spoil them."""
        if not math.isfinite(loss):
            raise TrainError(self._not_finite(f"the loss became {loss}"))
        if math.isfinite(gradient):
            self.skipped = 0
            return
        self.skipped += 1
        if not self.scaler.is_enabled():
            raise TrainError(self._not_finite("the gradient is not finite"))
        if self.skipped > MOST_SKIPPED:
            raise TrainError(self._not_finite(f"the gradient was not finite in {self.skipped} steps in a row"))

    def _not_finite(self, what: str) -> str:
        folder = self.settings.checkpoint_folder
        kept = "no checkpoint was written yet"
        if folder and (folder / NEWEST).exists():
            kept = f"the last good weights are in {folder / NEWEST}"
        rate = self.settings.learning_rate
        return f"training: step {self.step + 1}: {what}; {kept}: lower learning_rate (now {rate}) or gradient_clip"


def _origin(dataset: LabelledFrames, network: nn.Module) -> str:
    """What a run began with: the frames, and the weights before the first step."""
    digest = hashlib.sha256(dataset.digest.encode())
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def stopped(settings: TrainSettings, step: int) -> str:
    if settings.checkpoint_folder:
        return f"training: stopped after step {step} of {settings.steps}; run again to go on from {settings.checkpoint_folder}"
    return f"training: stopped after step {step} of {settings.steps}; name a checkpoint folder to be able to go on"
