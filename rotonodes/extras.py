"""Libraries that only some methods need."""

from __future__ import annotations

import importlib.util
from typing import Any

from rotonodes.errors import UsageError


def has_pymatting() -> bool:
    """Whether the extra `matting` is installed."""
    return importlib.util.find_spec("pymatting") is not None


def pymatting(method: str) -> Any:
    """The library, imported now: it takes seconds. UsageError with the install command when it is not there."""
    if not has_pymatting():
        raise UsageError(f'{method} needs pymatting, which is not installed: pip install "rotonodes[matting]"')
    import pymatting as library

    return library


def ndimage(what: str) -> Any:
    """scipy.ndimage; `what` is the name of the node that needs it. UsageError with the install command when it is not there."""
    need("scipy", "scipy", what)
    from scipy import ndimage as library

    return library


def measure(what: str) -> Any:
    """skimage.measure; `what` is the name of the node that needs it. UsageError with the install command when it is not there."""
    need("skimage", "scikit-image", what)
    from skimage import measure as library

    return library


def need(module: str, library: str, what: str) -> None:
    """UsageError with the install command when a library is not there."""
    if importlib.util.find_spec(module) is None:
        raise UsageError(f'{what} needs {library}, which is not installed: pip install "rotonodes[post]"')
