"""The graph of `rotonodes segment`."""

from __future__ import annotations

from typing import Any, Literal

from rotonodes.cli.jobs.job_graph import graph_text, greys
from rotonodes.cli.jobs.named_pictures import Body, Pictures
from rotonodes.cli.jobs.network_facts import is_matte
from rotonodes.errors import UsageError
from rotonodes.io.shipped import weights_path
from rotonodes.nets.model import Model, is_onnx

Form = Literal["auto", "labels", "values", "matte"]
VIZ = "_viz"


def segmentation(
    pictures: Pictures,
    output: str,
    weights: str,
    model: Model,
    *,
    form: Form = "auto",
    values: str | None = None,
    threshold: float | None = None,
    scale: float | None = None,
    viz: bool = False,
    save: bool = True,
) -> str:
    """The YAML of a graph that segments pictures; `model` is what the weights mean.

    `form` is what is written: labels (a palette of class indices), their grey `values` (those given, else those of the masks that
    the network learned from) or a matte; auto is a matte for networks that know one thing alone, unless a threshold makes it
    hard. `viz` writes each picture beside its result. UsageError for what does not go together.
    """
    if form == "auto":
        form = "values" if values else "matte" if is_matte(model) and threshold is None else "labels"
    if form == "matte" and threshold is not None:
        raise UsageError(f"--threshold {threshold:g}: a matte has none; write labels (--write labels)")
    if values and form != "values":
        raise UsageError(f"--values {values}: greys are of labels; leave --write {form} out")
    weights = weights_path(weights)
    network: Body = {"type": "OnnxSegment" if is_onnx(weights) else "UNetSegment", "in": "pictures", "weights": weights}
    chosen = {"threshold": threshold, "scale": scale}
    nodes: dict[str, Body] = {"pictures": pictures.load(), "network": network | {k: v for k, v in chosen.items() if v is not None}}
    made = "network.matte" if form == "matte" else "network.labels"
    options: dict[str, Any] = {"values": codes(values, weights, model)} if form == "values" else {}
    if save:
        nodes["write"] = pictures.write(made, output, **options)
    if viz:
        nodes["beside"] = {"type": "SideBySide", "in": {"pictures": ["pictures", made]}}
        nodes["viz"] = pictures.write("beside", output, VIZ)
    return graph_text(pictures.frames, nodes)


def codes(values: str | None, weights: str, model: Model) -> list[int]:
    """The grey of each class: those given, else those that the weights remember of their masks."""
    if values:
        return greys(values, len(model.classes), "--values")
    known = list(model.mask_values)
    if len(known) == len(model.classes) and all(isinstance(value, int) and 0 <= value <= 255 for value in known):
        return known
    what = f"they were {known}" if known else "they do not say which their masks had"
    raise UsageError(
        f"--write values: {weights}: {what}: give one grey for each class, --values 0,255 (classes {', '.join(model.classes)})"
    )
