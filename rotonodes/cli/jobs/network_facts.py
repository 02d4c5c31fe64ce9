"""What a job needs to know about a network before it builds its graph, and what it reports about it afterwards."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rotonodes.errors import UsageError
from rotonodes.io.shipped import find_weights, near_weights, weights_path

if TYPE_CHECKING:
    from rotonodes.engine.result import Result
    from rotonodes.nets.model import Model


def read_model(name: str) -> Model:
    """The model in a weights file, or in the shipped weights of that name; tensors are read only where the header is not enough.

    Raises UsageError for every fault of the file, and for a name that neither is a file nor ships.
    """
    from rotonodes.nets.model import Model, is_onnx
    from rotonodes.nets.weights import TORCH_FILES, read_metadata, shared_weights

    path = find_weights(weights_path(name))
    if not os.path.exists(path) and not os.path.dirname(path):
        raise UsageError(f"{name}: no such weights file{near_weights(name)}")
    if is_onnx(path):
        from rotonodes.nets.onnx import read_onnx_metadata

        return Model.from_metadata(read_onnx_metadata(path), {})
    if path.lower().endswith(TORCH_FILES):
        return shared_weights(path)
    try:
        return Model.from_metadata(read_metadata(path), {})
    except UsageError:
        return shared_weights(path)  # without our metadata the tensors tell the architecture, or the fault is reported


def is_matte(model: Model) -> bool:
    """Whether the network makes a matte: how much of each pixel is foreground."""
    return model.activation != "softmax" and len(model.classes) == 2


def network_line(model: Model) -> str:
    """`unet of 31,036,741 parameters, 5 classes: background, cast_shadow, ...`."""
    classes = f"{len(model.classes)} classes: {', '.join(model.classes)}" if not is_matte(model) else f"a matte of {model.classes[1]}"
    return f"{model.architecture} of {model.parameter_count():,} parameters, {classes}"


def closing_line(result: Result, model: Model, node: str) -> str:
    """What was written where, and how fast: `3 pictures in 0.41 s: out/*.png; the network 12.3 frames per second; unet of ...; computed in
    bfloat16`.

    `node` is the name of the network's node in the graph.
    """
    from rotonodes.report.summary import outputs_written

    stats, count = result.stats[node], len(result.plan.delivered)
    speed = stats.ran / max(stats.seconds, 1e-6)
    pictures = f"{count} picture{'' if count == 1 else 's'}"
    where = ", ".join(outputs_written(result.plan)) or "nothing was written"
    kind = "".join(f"; computed in {kind}" for kind in set(result.plan.precision.values()))
    return f"{pictures} in {result.seconds:.2f} s: {where}; the network {speed:.3g} frames per second; {network_line(model)}{kind}"
