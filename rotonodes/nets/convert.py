"""Checkpoints of any kind that rotonodes reads -> safetensors with metadata, and a model card."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rotonodes.errors import UsageError
from rotonodes.nets.model import Model
from rotonodes.nets.model_card import write_card
from rotonodes.nets.weights import load_weights, save_weights


def convert_weights(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    licence: str = "",
    classes: Sequence[str] = (),
    colors: Sequence[str] = (),
) -> tuple[Model, bool]:
    """Read `source` (.pth, .pt, .ckpt or .safetensors) and write `target` (.safetensors) and its card (.md).

    `rotonodes convert-weights IN OUT [--licence TEXT] [--classes a,b,c]` calls this. The weights are written as float32, bit
    for bit, so that the network gives the same logits. `licence` is stored as given, since a checkpoint does not state it;
    `classes` and `colors` ("#rrggbb"), in the order of `Model.classes`, replace the guessed ones. The name and sha256 of the
    source are stored in the model's `training`.

    Returns the model, and True if its card was written; False if a hand-written card exists, which stays.
    Raises WeightsError for a source that cannot be read, UsageError for a wrong ending, a wrong number of classes, or a target
    that is the source, and the errors of `rotonodes.io.files.write_bytes`.
    """
    source, target = Path(source), Path(target)
    if target.suffix.lower() != ".safetensors":
        raise UsageError(f"{target}: converted weights are written as .safetensors: give the file that ending")
    if os.path.realpath(source) == os.path.realpath(target):
        raise UsageError(f"{target}: this is the file that is read: write somewhere else")
    model = load_weights(source)
    if classes and len(classes) != len(model.classes):
        raise UsageError(f"{len(classes)} class names ({', '.join(classes)}) for {len(model.classes)} classes: give each class one name")
    if colors and len(colors) != len(model.classes):
        raise UsageError(f"{len(colors)} colours for {len(model.classes)} classes: give each class one colour")
    if classes:
        model = replace(model, classes=tuple(classes))
    with source.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    model = replace(
        model,
        colors=tuple(colors) or model.colors,
        licence=licence or model.licence,
        training={**model.training, "converted_from": source.name, "sha256": digest},
    )
    save_weights(model, target, "float32")
    return model, write_card(model, target)
