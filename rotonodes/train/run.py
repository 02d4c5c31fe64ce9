"""The state of a training run: what one step changes, what a checkpoint holds."""

from __future__ import annotations

import copy
import hashlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from rotonodes.errors import RotoError, UsageError
from rotonodes.nets.model import Model, build
from rotonodes.nets.prepare import pad
from rotonodes.train.checkpoint import NEWEST, read_checkpoint, write_checkpoint
from rotonodes.train.clips import seed_of
from rotonodes.train.dataset import Batch, LabelledFrames
from rotonodes.train.journal import Journal
from rotonodes.train.losses import consistency_loss, loss_terms, segmentation_loss
from rotonodes.train.metrics import ConfusionMatrix
from rotonodes.train.optimize import Patience, class_weights, make_optimizer
from rotonodes.train.parallel import Team
from rotonodes.train.settings import TrainSettings
from rotonodes.train.sheet import choose, stage_sheet
from rotonodes.train.watch import watchers

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
    skipped: int = 0  # steps in a row that the scaler passed over
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
        _refuse_misfits(settings, dataset, device)
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(settings.seed)
            network = build(settings.architecture, settings.network_config())
        multiple = cast("int", network.size_multiple)
        if settings.crop % multiple:
            raise UsageError(f"training: crop is {settings.crop}, and this network needs a multiple of {multiple}")
        if initial:
            _take_over(network, settings, dataset, initial)
        network = network.to(device).to(memory_format=torch.channels_last).train()
        shares = dataset.class_shares(len(settings.classes))
        _warn_of_absent_classes(settings, shares, warn)
        average = copy.deepcopy(network).eval().requires_grad_(False)
        run = cls(
            settings=settings,
            dataset=dataset,
            device=device,
            network=network,
            learner=team.spread(network),
            size_multiple=multiple,
            average=average,
            optimizer=make_optimizer(settings, network),
            scaler=torch.amp.GradScaler(device.type, enabled=settings.precision == "float16"),
            journal=Journal(settings.checkpoint_folder if team.is_first else None, settings.classes, warn=warn),
            class_weights=class_weights(settings, shares).to(device),
            origin=_origin(dataset, network),
            warn=warn,
            team=team,
            previews=previews,
        )
        team.agree(f"{run.origin} {settings.learned_from()}", "frames, settings or first weights")
        run.resume()
        if run.journal.folder:
            run.journal.watchers = watchers(settings.watch, run.journal.folder, run.step, settings.learned_from(), warn)
        return run

    def learn(self, batch: Batch, rate: float) -> dict[str, float]:
        """One step down the gradient; answers the terms of the loss, whose sum is the loss."""
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self._autocast(), self._random_numbers():
            part = self.learner(batch.pictures.to(memory_format=torch.channels_last))
        logits, labels = self.team.whole(part.float()), self.team.whole(batch.labels)
        terms = loss_terms(logits, labels, settings.loss, self.class_weights)
        if settings.loss.consistency:
            terms["consistency"] = settings.loss.consistency * consistency_loss(logits, labels, batch.places)
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

    def validate(self) -> dict[str, Any]:
        """Scores and loss of the averaged weights over the validation frames; keeps them when they are the best so far."""
        scores = self.team.from_first(self._scores)
        if not self.best or (scores["mean_iou"] or 0) > (self.best["metrics"]["mean_iou"] or 0):
            self.best = {"metrics": scores, "state": self._averaged_state()}
        self.patience.see(scores["mean_iou"], self.settings)
        return scores

    @torch.no_grad()
    def _scores(self) -> dict[str, Any]:
        matrix = ConfusionMatrix(len(self.settings.classes))
        losses = []
        for place in self.dataset.validation:
            picture, labels = (tensor.to(self.device) for tensor in self.dataset.frame(place))
            logits, labels = self._logits(picture), labels[None]
            matrix.add(logits.argmax(dim=1), labels)
            losses.append(segmentation_loss(logits, labels, self.settings.loss, self.class_weights))
        loss = float(torch.stack(losses).mean())
        if not math.isfinite(loss):
            raise TrainError(self._not_finite(f"the loss of the validation became {loss}"))
        return {"step": self.step, "frames": len(losses), "loss": loss, **matrix.scores(self.settings.classes)}

    @torch.no_grad()
    def _logits(self, picture: Tensor) -> Tensor:
        """What the averaged weights make of a whole encoded picture `[C, H, W]`: `[1, classes, H, W]`."""
        height, width = picture.shape[-2:]
        padded = pad(picture[None], self.size_multiple).to(memory_format=torch.channels_last)
        with self._autocast():
            logits: Tensor = self.average(padded)[..., :height, :width]
        return logits

    def add_sheet(self, scores: dict[str, Any] | None) -> None:
        """Keep a sheet of what the averaged weights make of a few frames, scored ones where there are some, and the previews."""
        if not self.journal.folder:
            return
        examples = choose(self.dataset, self.previews, lambda picture: self._logits(picture.to(self.device))[0].argmax(dim=0))
        settings = self.settings
        score = (scores or {}).get("mean_iou")
        title = f"step {self.step} of {settings.steps}" + ("" if score is None else f"   mean IoU {score:.3f}")
        self.journal.add_sheet(self.step, stage_sheet(examples, settings.classes, settings.colors, title))

    def save(self) -> None:
        """Write the checkpoint: a Model's metadata and weights for whoever wants to use it, the rest to go on."""
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
            },
        }
        folder = self.settings.checkpoint_folder
        self.team.from_first(lambda: write_checkpoint(folder, content))

    def resume(self) -> None:
        """Go on from the folder's checkpoint, where there is one. Batches need no state: they follow from seed and step."""
        folder = self.settings.checkpoint_folder
        content = self.team.from_first(lambda: read_checkpoint(folder, self.warn)) if folder else None
        if content is None:
            return
        run = content.get("run", {})
        changed = differences(run.get("settings", {}), self.settings.learned_from())
        if changed:
            raise UsageError(f"{folder}: its checkpoint was trained with {changed}: use an empty folder, or start from it as weights")
        if run.get("origin") != self.origin:
            what = "other frames, labels, clips or first weights"
            raise UsageError(f"{folder}: its checkpoint was trained with {what}: use an empty folder, or start from it as weights")
        self.step = run["step"]
        self.network.load_state_dict(run["network"])
        self.average.load_state_dict(run["average"])
        self.optimizer.load_state_dict(run["optimizer"])
        self.scaler.load_state_dict(run["scaler"])
        self.patience = Patience(**run["patience"])
        self.journal.restore(run["journal"])
        self.since = run.get("since", [])  # checkpoints of before it was kept
        if content["best"]:
            self.best = {"metrics": content["best"], "state": content["state"]}

    def best_model(self) -> Model:
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
            licence=settings.licence,
            training={**settings.learned_from(), **counts},
            metrics=self.best.get("metrics", {}),
            state=self.best.get("state") or self._averaged_state(),
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


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What differs between two nested mappings, in words: `config.widths [4, 8], not [8, 16], and seed 0, not 1`; "" for nothing."""
    there, here = _flat(before), _flat(now)
    names = [name for name in {**here, **there} if there.get(name) != here.get(name)]
    said = [f"{name} {_value(there.get(name))}, not {_value(here.get(name))}" for name in names]
    more = f", and {len(said) - 3} more" if len(said) > 3 else ""
    return ", and ".join(said[:3]) + more


def _flat(values: Mapping[str, Any], stem: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{stem}{name}.") if isinstance(value, dict) else {stem + name: value}
    return flat


def _value(value: object) -> str:
    return "unset" if value is None or value == "" else str(value)


def _refuse_misfits(settings: TrainSettings, dataset: LabelledFrames, device: torch.device) -> None:
    """UsageError for settings that do not fit the frames or the device."""
    if dataset.channels != settings.channels:
        names = [" ".join(channels) for channels in (dataset.channels, settings.channels)]
        raise UsageError(f"training: the frames have channels {names[0]}, but the settings name {names[1]}")
    if dataset.ignore != settings.ignored():
        raise UsageError(f"training: the frames ignore class {dataset.ignore}, the settings {settings.ignored()}: make them the same")
    if settings.precision == "float16" and device.type != "cuda":
        raise UsageError("training: precision float16 needs a CUDA device: use float32 or bfloat16")
    wants = "schedule plateau" if settings.schedule == "plateau" else "patience" if settings.patience else ""
    if wants and not dataset.validation:
        raise UsageError(f"training: {wants} needs frames to score with: set validation")


def _warn_of_absent_classes(settings: TrainSettings, shares: Sequence[float], warn: Callable[[str], None]) -> None:
    absent = [name for name, share in zip(settings.classes, shares, strict=True) if not share and name != settings.ignore]
    if len(absent) == len(settings.classes):
        raise UsageError("training: no frame to learn from has a labelled pixel: check the labels")
    if absent:
        warn(f"training: no frame to learn from has a pixel of {', '.join(absent)}: that cannot be learned, and weighs nothing")


def _take_over(network: nn.Module, settings: TrainSettings, dataset: LabelledFrames, initial: Model) -> None:
    """Start from the weights of `initial`; for other classes, the head stays fresh."""

    def sight(config: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in config.items() if name not in ("classes", "in_channels")}

    changed = differences(
        {"architecture": initial.architecture, **sight(initial.config), "channels": " ".join(initial.channels)}
        | {"encodings": " ".join(initial.channel_encodings())},
        {"architecture": settings.architecture, **sight(settings.network_config()), "channels": " ".join(settings.channels)}
        | {"encodings": " ".join(dataset.encodings)},
    )
    if changed:
        raise UsageError(f"training: the weights to start from have {changed}: make that the same, or start without them")
    state = dict(initial.state)
    if initial.classes != settings.classes:
        state |= {name: tensor for name, tensor in network.state_dict().items() if name.startswith("head.")}
    network.load_state_dict(state)


def _origin(dataset: LabelledFrames, network: nn.Module) -> str:
    """What a run began with: the frames, and the weights before the first step."""
    digest = hashlib.sha256(dataset.digest.encode())
    for tensor in network.state_dict().values():
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
