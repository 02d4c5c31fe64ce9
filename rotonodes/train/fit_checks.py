"""Whether frames, settings and checkpoints of a training fit together; warnings of what may be unintended."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch

from rotonodes.errors import UsageError
from rotonodes.nets.encoder_weights import read_encoder
from rotonodes.nets.model import Model, skeleton
from rotonodes.train.data.dataset import LabelledFrames
from rotonodes.train.settings import TrainSettings
from rotonodes.values.frames import format_frames

# Entries of a network's configuration that may differ between weights and the training that starts from them; see `warm_start`.
FREE_ON_START = ("classes", "in_channels", "odd")


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Differences of two nested mappings in words: `config.widths [4, 8], not [8, 16], and seed 0, not 1`; "" if there are none."""
    there, here = _flat(before), _flat(now)
    said = [f"{name} {_value(there.get(name))}, not {_value(here.get(name))}" for name in _differing(there, here)]
    more = f", and {len(said) - 3} more" if len(said) > 3 else ""
    return ", and ".join(said[:3]) + more


def advice(checkpoint: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What to do when the settings of a checkpoint differ from the current ones.

    Unless the settings need another network, its weights can start another training in another folder.
    """
    if _differing(_flat(before), _flat(now)) == ["precision"]:
        back = f"give --precision {before['precision']}"
        return f"{back} to resume, or use an empty folder, and link {checkpoint} as a model to start from its weights"
    fixed = {"architecture", "channels", "preprocessing.grey"}
    free = {f"config.{name}" for name in FREE_ON_START}
    if any(name in fixed or (name.startswith("config.") and name not in free) for name in _differing(_flat(before), _flat(now))):
        return "set that back to resume, or use an empty folder to start over: weights of one network do not fit another"
    return f"set that back to resume, or use an empty folder, and link {checkpoint} as a model to start from its weights"


def _differing(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    return [name for name in {**here, **there} if there.get(name) != here.get(name)]


def _flat(values: Mapping[str, Any], stem: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = "preprocessing" if key == "sight" else key  # "sight" is its key in files
        flat |= _flat(value, f"{stem}{name}.") if isinstance(value, dict) else {stem + name: value}
    return flat


def _value(value: object) -> str:
    return "unset" if value is None or value == "" else str(value)


def refuse_misfits(settings: TrainSettings, dataset: LabelledFrames) -> None:
    """Raises UsageError for settings that do not fit the frames."""
    if dataset.channels != settings.channels:
        names = [" ".join(channels) for channels in (dataset.channels, settings.channels)]
        raise UsageError(f"training: the frames have channels {names[0]}, but the settings name {names[1]}")
    if dataset.preprocessing != settings.preprocessing or dataset.mattes != settings.mattes:
        raise UsageError("training: the frames were loaded for another task or preprocessing than the settings name: make them the same")
    if dataset.ignore != settings.ignored():
        raise UsageError(f"training: the frames ignore class {dataset.ignore}, the settings {settings.ignored()}: make them the same")
    if settings.encoder_weights and set(dataset.encodings[:3]) != {"srgb"}:
        raise UsageError(f"training: encoder_weights know sRGB, and these frames are {dataset.encodings[0]}: leave one of them out")
    wants = "schedule plateau" if settings.schedule == "plateau" else "patience" if settings.patience else ""
    if wants and not dataset.validation:
        raise UsageError(f"training: {wants} needs validation frames: set validation")


def refuse_other_classes(initial: Model | None, classes: Sequence[str]) -> None:
    """Raises UsageError for an ensemble that is to learn other classes: its members have one head each."""
    if initial is not None and initial.architecture == "ensemble" and tuple(classes) != initial.classes:
        raise UsageError(
            f"training: an ensemble keeps its classes, {', '.join(initial.classes)}, and these frames have {', '.join(classes)}: "
            "start from one of its members: LoadModel with `member`"
        )


def refuse_unfit(settings: TrainSettings, device: torch.device | str) -> None:
    """Raises UsageError for settings that cannot work with any frames; to be called before frames are read."""
    if settings.precision == "float16" and torch.device(device).type != "cuda":
        raise UsageError("training: precision float16 needs a CUDA device: use float32 or bfloat16")
    network = skeleton(settings.architecture, settings.network_config())
    if settings.encoder_weights:
        read_encoder(settings.encoder_weights, network)  # better known before the frames are read
    multiple = network.size_multiple
    if settings.crop % cast("int", multiple):
        raise UsageError(f"training: crop is {settings.crop}, and this network needs a multiple of {multiple}")


def warn_of_near_copies(dataset: LabelledFrames, warn: Callable[[str], None]) -> None:
    """Warn when a validation frame is adjacent to a training frame; where clips are known, this has been refused before."""
    validation, numbers = set(dataset.validation), dataset.numbers
    for here, after in dataset.division.following.items():
        if (here in validation) != (after in validation) and numbers[after] == numbers[here] + 1:
            one, other = (here, after) if here in validation else (after, here)
            warn(
                f"training: validation frame {numbers[one]} is adjacent to training frame {numbers[other]}: near copies flatter the "
                "scores; set clip_length or clips, so that whole clips are held out"
            )
            return


def warn_of_absent_classes(settings: TrainSettings, dataset: LabelledFrames, shares: Sequence[float], warn: Callable[[str], None]) -> None:
    """Warn of classes without a pixel and of empty mattes; raises UsageError when no class has a pixel."""
    absent = [name for name, share in zip(settings.logit_classes, shares, strict=True) if not share and name != settings.ignore]
    if len(absent) == len(settings.logit_classes):
        what = "a matte that is not empty: check the mattes" if settings.mattes else "a labelled pixel: check the labels"
        raise UsageError(f"training: no training frame has {what}")
    empty = dataset.empty_frames() if settings.task == "alpha" else []
    if empty:
        warn(f"training: the matte is empty in frames {format_frames(empty)}: check whether that is right")
    if absent:
        warn(f"training: no training frame has a pixel of {', '.join(absent)}: it cannot be learned, and gets no weight")
