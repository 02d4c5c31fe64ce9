"""The graph of `rotonodes segment`."""

from __future__ import annotations

import re
from typing import Any, Literal

from rotonodes.cli.jobs.job_graph import grey_values
from rotonodes.cli.jobs.named_pictures import VIZ, InputPictures, NodeFields
from rotonodes.cli.jobs.network_facts import is_matte
from rotonodes.errors import UsageError
from rotonodes.graph.writing import graph_text
from rotonodes.io.shipped import weights_path
from rotonodes.nets.model import Model, is_onnx

Kind = Literal["auto", "labels", "values", "matte"]


def segmentation_graph(
    pictures: InputPictures,
    output: str,
    weights: str,
    model: Model,
    *,
    write: Kind = "auto",
    values: str | None = None,
    threshold: float | None = None,
    scale: float | None = None,
    viz: bool = False,
    save: bool = True,
) -> str:
    """The YAML of a graph that segments pictures; `model` is what the weights hold.

    `write` is what is written: `labels` (a palette PNG of class indices), their grey `values` (those given, else those of the masks
    that the network was trained on) or a `matte`. `auto` is a matte for networks with a single foreground class, unless a threshold
    makes it hard. An output that ends in .psd has the picture and a layer for each class. `viz` writes each picture beside its
    result. Raises UsageError for options that exclude each other.
    """
    if write == "auto":
        write = "values" if values else "matte" if is_matte(model) and threshold is None else "labels"
    if write == "matte" and threshold is not None:
        raise UsageError(f"--threshold {threshold:g}: a matte has none; write labels (--write labels)")
    if values and write != "values":
        raise UsageError(f"--values {values}: only labels have grey values; remove --write {write}")
    weights = weights_path(weights)
    network: NodeFields = {"type": "OnnxSegment" if is_onnx(weights) else "UNetSegment", "in": "pictures", "weights": weights}
    chosen = {"threshold": threshold, "scale": scale}
    nodes: dict[str, NodeFields] = {"pictures": pictures.load(), "network": network | {k: v for k, v in chosen.items() if v is not None}}
    result = "network.matte" if write == "matte" else "network.labels"
    options: dict[str, Any] = {"values": class_values(values, weights, model)} if write == "values" else {}
    if save and output.lower().endswith(".psd"):
        if write == "values":
            raise UsageError(f"-o {output}: layers have no grey values; write labels or a matte")
        layers = {"picture": "pictures"} | ({"matte": result} if write == "matte" else {})
        nodes["write"] = pictures.write_layers(layers, "" if write == "matte" else result, output)
    elif save:
        nodes["write"] = pictures.write(result, output, **options)
    if viz:
        nodes["beside"] = {"type": "SideBySide", "in": {"pictures": ["pictures", result]}}
        nodes["viz"] = pictures.write("beside", re.sub(r"(?i)\.psd$", ".png", output), VIZ)
    return graph_text(pictures.frames, nodes)


def class_values(values: str | None, weights: str, model: Model) -> list[int]:
    """The grey value of each class: those given, else those stored with the weights. UsageError when there are none."""
    if values:
        return grey_values(values, len(model.classes), "--values")
    stored = list(model.mask_values)
    if len(stored) == len(model.classes) and all(isinstance(value, int) and 0 <= value <= 255 for value in stored):
        return stored
    why = f"the masks had {stored}" if stored else "the weights do not say which grey values their masks had"
    raise UsageError(
        f"--write values: {weights}: {why}: give one grey value for each class, --values 0,255 (classes {', '.join(model.classes)})"
    )
