"""The state of a training run: what one step changes, what a checkpoint holds."""

from __future__ import annotations

import copy
import hashlib
import math
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor, nn

from rotonodes.errors import RotoError, UsageError
from rotonodes.nets.model import Model, build
from rotonodes.nets.prepare import pad
from rotonodes.train.checkpoint import NEWEST, read_checkpoint, write_checkpoint
from rotonodes.train.dataset import LabelledFrames
from rotonodes.train.journal import Journal
from rotonodes.train.losses import segmentation_loss
from rotonodes.train.metrics import ConfusionMatrix
from rotonodes.train.settings import TrainSettings

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class TrainError(RotoError):
    """Training cannot go on."""


@dataclass
class Run:
    """All that changes while training, which is also what a checkpoint holds."""

    settings: TrainSettings
    dataset: LabelledFrames
    device: torch.device
    network: nn.Module
    size_multiple: int
    average: nn.Module
    optimizer: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    journal: Journal
    class_weights: Tensor | None
    origin: str
    step: int = 0
    best: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def start(cls, settings: TrainSettings, dataset: LabelledFrames, initial: Model | None, device: torch.device) -> Run:
        if dataset.channels != len(settings.channels):
            names = ", ".join(settings.channels)
            raise UsageError(f"training: the frames have {dataset.channels} channels, but the settings name {names}")
        if settings.precision == "float16" and device.type != "cuda":
            raise UsageError("training: precision float16 needs a CUDA device: use float32 or bfloat16")
        with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
            torch.manual_seed(settings.seed)
            network = build(settings.architecture, settings.network_config())
        multiple = cast("int", network.size_multiple)
        if settings.crop % multiple:
            raise UsageError(f"training: crop is {settings.crop}, and this network needs a multiple of {multiple}")
        if initial:
            _take_over(network, settings, initial)
        network = network.to(device).to(memory_format=torch.channels_last).train()
        run = cls(
            settings=settings,
            dataset=dataset,
            device=device,
            network=network,
            size_multiple=multiple,
            average=copy.deepcopy(network).eval().requires_grad_(False),
            optimizer=torch.optim.AdamW(_weight_groups(network, settings.weight_decay), lr=settings.learning_rate),
            scaler=torch.amp.GradScaler(device.type, enabled=settings.precision == "float16"),
            journal=Journal(settings.checkpoint_folder, settings.classes),
            class_weights=_class_weights(settings, dataset, device),
            origin=_origin(dataset, network),
        )
        run.resume()
        return run

    def learn(self, pictures: Tensor, labels: Tensor, rate: float) -> float:
        """One step down the gradient; answers the loss."""
        settings = self.settings
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self._autocast():
            logits = self.network(pictures.to(memory_format=torch.channels_last))
        loss = segmentation_loss(logits, labels, class_weights=self.class_weights, dice=settings.dice, focal=settings.focal)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.unscale_(self.optimizer)
        largest = settings.gradient_clip or math.inf
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), largest)
        value = float(loss.detach())
        # A scaler meets infinite gradients while it looks for its scale, and passes over those steps by itself.
        if not math.isfinite(value) or not (self.scaler.is_enabled() or math.isfinite(float(norm))):
            raise TrainError(self._not_finite(value))
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._follow()
        self.step += 1
        return value

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Scores and loss of the averaged weights over the validation frames; keeps them when they are the best so far."""
        matrix = ConfusionMatrix(len(self.settings.classes))
        losses = []
        for place in self.dataset.validation:
            picture, labels = (tensor[None].to(self.device) for tensor in self.dataset.frame(place))
            height, width = labels.shape[-2:]
            padded = pad(picture, self.size_multiple).to(memory_format=torch.channels_last)
            with self._autocast():
                logits = self.average(padded)[..., :height, :width]
            matrix.add(logits.argmax(dim=1), labels)
            losses.append(segmentation_loss(logits, labels, class_weights=self.class_weights, dice=self.settings.dice))
        loss = float(torch.stack(losses).mean())
        scores = {"step": self.step, "frames": len(losses), "loss": loss, **matrix.scores(self.settings.classes)}
        if not self.best or (scores["mean_iou"] or 0) > (self.best["metrics"]["mean_iou"] or 0):
            self.best = {"metrics": scores, "state": self._averaged_state()}
        return scores

    def save(self) -> None:
        """Write the checkpoint: a Model's metadata and weights for whoever wants to use it, the rest to go on."""
        assert self.settings.checkpoint_folder
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
                "journal": self.journal.rows,
            },
        }
        write_checkpoint(self.settings.checkpoint_folder, content)

    def resume(self) -> None:
        """Go on from the folder's checkpoint, where there is one. Batches need no state: they follow from seed and step."""
        folder = self.settings.checkpoint_folder
        content = read_checkpoint(folder) if folder else None
        if content is None:
            return
        run = content.get("run", {})
        changed = [name for name, value in self.settings.learned_from().items() if run.get("settings", {}).get(name) != value]
        if changed or run.get("origin") != self.origin:
            what = f"another {changed[0]}" if changed else "other frames, labels or first weights"
            raise UsageError(f"{folder}: its checkpoint was trained with {what}: use an empty folder, or start from it as weights")
        self.step = run["step"]
        self.network.load_state_dict(run["network"])
        self.average.load_state_dict(run["average"])
        self.optimizer.load_state_dict(run["optimizer"])
        self.scaler.load_state_dict(run["scaler"])
        self.journal.rows = run["journal"]
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
            size_multiple=self.size_multiple,
            licence=settings.licence,
            training={**settings.learned_from(), **counts},
            metrics=self.best.get("metrics", {}),
            state=self.best.get("state") or self._averaged_state(),
        )

    def _autocast(self) -> torch.autocast:
        dtype = DTYPES[self.settings.precision]
        return torch.autocast(self.device.type, dtype=dtype, enabled=dtype != torch.float32)

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

    def _not_finite(self, loss: float) -> str:
        folder = self.settings.checkpoint_folder
        kept = "no checkpoint was written yet"
        if folder and (folder / NEWEST).exists():
            kept = f"the last good weights are in {folder / NEWEST}"
        what = f"the loss became {loss}" if not math.isfinite(loss) else "the gradient is not finite"
        rate = self.settings.learning_rate
        return f"training: step {self.step + 1}: {what}; {kept}: lower learning_rate (now {rate}) or gradient_clip"


def _take_over(network: nn.Module, settings: TrainSettings, initial: Model) -> None:
    """Start from the weights of `initial`; for other classes, the head stays fresh."""
    config = settings.network_config()
    names = {**config, **initial.config}.keys() - {"classes"}
    differing = sorted(name for name in names if config.get(name) != initial.config.get(name))
    if initial.architecture != settings.architecture or differing:
        name = differing[0] if differing else "architecture"
        raise UsageError(
            f"training: the weights to start from are {initial.architecture} {initial.config}, the settings say "
            f"{settings.architecture} {config}: make {name} the same"
        )
    if initial.channels != settings.channels:
        raise UsageError(f"training: the weights to start from read {initial.channels}, the settings {settings.channels}")
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


def _weight_groups(network: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Weight decay is for convolutions; norms and biases (one dimension) are left alone."""
    parameters = list(network.parameters())
    return [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]


def _class_weights(settings: TrainSettings, dataset: LabelledFrames, device: torch.device) -> Tensor | None:
    """Rare classes weigh more: (1 / share) ** class_balance, with mean 1; classes without a pixel weigh nothing."""
    if not settings.class_balance:
        return None
    shares = torch.tensor(dataset.class_shares(len(settings.classes)))
    weights = torch.where(shares > 0, shares.clamp(min=1e-4) ** -settings.class_balance, 0)
    return (weights / weights.sum() * (shares > 0).sum()).to(device)
