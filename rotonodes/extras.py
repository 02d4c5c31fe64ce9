"""Libraries that only some methods need, and the extra (`pip install "rotonodes[...]"`) that installs each."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, NamedTuple

from rotonodes.errors import UsageError


class OptionalLibrary(NamedTuple):
    """How a library is called on PyPI, and the extra of rotonodes that installs it."""

    package: str
    extra: str


LIBRARIES = {  # by the name that Python imports
    "av": OptionalLibrary("av", "video"),
    "dask_jobqueue": OptionalLibrary("dask-jobqueue", "farm"),
    "deadline": OptionalLibrary("deadline", "farm"),
    "distributed": OptionalLibrary("distributed", "farm"),
    "onnx": OptionalLibrary("onnx", "onnx"),
    "onnxruntime": OptionalLibrary("onnxruntime", "onnx"),
    "onnxscript": OptionalLibrary("onnxscript", "onnx"),
    "PyOpenColorIO": OptionalLibrary("opencolorio", "studio"),
    "opencue": OptionalLibrary("opencue-pycue", "farm"),
    "opentimelineio": OptionalLibrary("opentimelineio", "otio"),
    "openjd": OptionalLibrary("openjd-cli", "farm"),
    "outline": OptionalLibrary("opencue-pyoutline", "farm"),
    "psd_tools": OptionalLibrary("psd-tools", "psd"),
    "pymatting": OptionalLibrary("pymatting", "matting"),
    "scipy": OptionalLibrary("scipy", "post"),
    "starlette": OptionalLibrary("starlette", "page"),
    "skimage": OptionalLibrary("scikit-image", "post"),
    "tensorboard": OptionalLibrary("tensorboard", "tensorboard"),
    "uvicorn": OptionalLibrary("uvicorn", "page"),
    "wandb": OptionalLibrary("wandb", "wandb"),
    "websockets": OptionalLibrary("websockets", "page"),
}


def has_library(module: str) -> bool:
    """Whether an optional library can be imported; it is not imported yet, which may take seconds."""
    return importlib.util.find_spec(module.partition(".")[0]) is not None


def need_library(module: str, purpose: str) -> None:
    """Raises UsageError with the install command when a library of `LIBRARIES` is not installed; `purpose` begins the message."""
    if not has_library(module):
        package, extra = LIBRARIES[module.partition(".")[0]]
        raise UsageError(f'{purpose} needs {package}, which is not installed: pip install "rotonodes[{extra}]"')


def load_library(module: str, purpose: str) -> Any:
    """The library, or one module of it (`scipy.ndimage`), imported now. Raises UsageError as `need_library` does."""
    need_library(module, purpose)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package, extra = LIBRARIES[module.partition(".")[0]]
        raise UsageError(f'{purpose} needs {package}, which cannot be imported ({error}): pip install "rotonodes[{extra}]"') from None
