"""Small networks with random weights, for tests of what is done with networks."""

from typing import Any

import torch

from rotonodes.nets.model import Model, build
from rotonodes.values.tones import CLASSES, COLORS, default_colors

UNET = {"in_channels": 3, "classes": 5, "widths": [4, 8]}


def tiny_model(
    architecture: str = "unet", classes: tuple[str, ...] = CLASSES, seed: int = 3, config: dict[str, Any] | None = None, **fields: Any
) -> Model:
    """A network as after a training: its norms have statistics of their own, and its answers differ from pixel to pixel.

    Of `activation` softmax unless given; the config is laid over that of a small network.
    """
    torch.manual_seed(seed)
    maps = len(classes) - (fields.get("activation", "softmax") != "softmax")
    config = {**(UNET if architecture == "unet" else {}), "classes": maps, **(config or {})}
    network = build(architecture, config)
    # The statistics of noise, as a training would have left those of its frames; else the output is nearly flat.
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(torch.rand(2, config["in_channels"], 64, 64))
    head = network.get_submodule("outconv" if architecture == "u2net" else "head")
    head.weight.data.mul_(8)
    head.bias.data.zero_()
    colors = COLORS if classes == CLASSES else default_colors(len(classes))
    multiple = int(network.size_multiple)  # type: ignore[arg-type]
    return Model(architecture, config, classes, colors, size_multiple=multiple, state=dict(network.state_dict()), **fields)
