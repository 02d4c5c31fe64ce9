"""What torch.hub finds here: `torch.hub.load("examples/predecessors", "tones", source="local")` in a clone."""

from pathlib import Path
from typing import Any

from rotonodes.nets.hub import Network, load_model

dependencies = ["torch", "torchvision", "numpy", "PIL", "pydantic", "safetensors"]

_WEIGHTS = Path(__file__).parents[2] / "weights"


def tones(**options: Any) -> Network:
    """The shipped network that sees the picture; `options` are those of `rotonodes.nets.hub.load_model`: device, precision, tile."""
    return load_model(_WEIGHTS / "tones.safetensors", **options)


def tones_passes(**options: Any) -> Network:
    """The shipped network that sees the picture, diffuse and glossy light, normals and depth."""
    return load_model(_WEIGHTS / "tones_passes.safetensors", **options)


def network(path: str, **options: Any) -> Network:
    """Any weights file, or a checkpoint of another project."""
    return load_model(path, **options)
