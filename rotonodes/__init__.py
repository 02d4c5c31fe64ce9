"""rotonodes: 3D renders in, flat 2D artwork out, by graphs of nodes.

The public names are imported when they are first used, so that `import rotonodes` stays cheap and needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Where each name is from; the imports for type checkers at the end say the same.
_NAMES = {
    "Batch": "rotonodes.pixels",
    "Box": "rotonodes.pixels",
    "Clip": "rotonodes.pixels",
    "Device": "rotonodes.node",
    "Frame": "rotonodes.node",
    "FrameError": "rotonodes.errors",
    "Graph": "rotonodes.graph",
    "GraphError": "rotonodes.errors",
    "Image": "rotonodes.pixels",
    "InputPath": "rotonodes.node",
    "Key": "rotonodes.node",
    "Labels": "rotonodes.pixels",
    "Layers": "rotonodes.pixels",
    "Matte": "rotonodes.pixels",
    "Model": "rotonodes.nets.model",
    "Monitor": "rotonodes.node",
    "Node": "rotonodes.node",
    "OutputPath": "rotonodes.node",
    "Prepared": "rotonodes.node",
    "Reporter": "rotonodes.report",
    "Result": "rotonodes.engine",
    "RotoError": "rotonodes.errors",
    "ToneScale": "rotonodes.tones",
    "UsageError": "rotonodes.errors",
    "Wanted": "rotonodes.node",
    "load_model": "rotonodes.nets.hub",
    "param": "rotonodes.node",
    "run": "rotonodes.engine",
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
    from rotonodes.engine import Result, run
    from rotonodes.errors import FrameError, GraphError, RotoError, UsageError
    from rotonodes.graph import Graph
    from rotonodes.nets.hub import load_model
    from rotonodes.nets.model import Model
    from rotonodes.node import Device, Frame, InputPath, Key, Monitor, Node, OutputPath, Prepared, Wanted, param
    from rotonodes.pixels import Batch, Box, Clip, Image, Labels, Layers, Matte
    from rotonodes.report import Reporter
    from rotonodes.tones import ToneScale
