"""rotonodes: 3D renders in, flat 2D artwork out, by graphs of nodes.

Public names are imported on first use, so that `import rotonodes` is fast and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Name -> module that defines it; the imports for type checkers at the end repeat this.
_NAMES = {
    "Batch": "rotonodes.values.pixels",
    "Box": "rotonodes.values.pixels",
    "Clip": "rotonodes.values.pixels",
    "Device": "rotonodes.node.annotations",
    "Frame": "rotonodes.node.annotations",
    "FrameError": "rotonodes.errors",
    "Graph": "rotonodes.api",
    "GraphError": "rotonodes.errors",
    "Image": "rotonodes.values.pixels",
    "InputPath": "rotonodes.node.parameters",
    "Key": "rotonodes.node.annotations",
    "Labels": "rotonodes.values.pixels",
    "Layers": "rotonodes.values.pixels",
    "Matte": "rotonodes.values.pixels",
    "Model": "rotonodes.nets.model",
    "Monitor": "rotonodes.node.annotations",
    "Node": "rotonodes.node.base",
    "OutputPath": "rotonodes.node.parameters",
    "Prepared": "rotonodes.node.annotations",
    "Reporter": "rotonodes.engine.events",
    "Result": "rotonodes.engine.result",
    "RotoError": "rotonodes.errors",
    "Palette": "rotonodes.values.palette",
    "ToneScale": "rotonodes.values.tones",
    "UsageError": "rotonodes.errors",
    "Wanted": "rotonodes.node.annotations",
    "load_model": "rotonodes.nets.hub",
    "param": "rotonodes.node.parameters",
    "run": "rotonodes.api",
}


__all__ = [
    "Batch",
    "Box",
    "Clip",
    "Device",
    "Frame",
    "FrameError",
    "Graph",
    "GraphError",
    "Image",
    "InputPath",
    "Key",
    "Labels",
    "Layers",
    "Matte",
    "Model",
    "Monitor",
    "Node",
    "OutputPath",
    "Palette",
    "Prepared",
    "Reporter",
    "Result",
    "RotoError",
    "ToneScale",
    "UsageError",
    "Wanted",
    "__version__",
    "load_model",
    "param",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module 'rotonodes' has no attribute {name!r}")
    value = getattr(importlib.import_module(_NAMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})


if TYPE_CHECKING:
    from rotonodes.api import Graph, run
    from rotonodes.engine.events import Reporter
    from rotonodes.engine.result import Result
    from rotonodes.errors import FrameError, GraphError, RotoError, UsageError
    from rotonodes.nets.hub import load_model
    from rotonodes.nets.model import Model
    from rotonodes.node.annotations import Device, Frame, Key, Monitor, Prepared, Wanted
    from rotonodes.node.base import Node
    from rotonodes.node.parameters import InputPath, OutputPath, param
    from rotonodes.values.palette import Palette
    from rotonodes.values.pixels import Batch, Box, Clip, Image, Labels, Layers, Matte
    from rotonodes.values.tones import ToneScale
