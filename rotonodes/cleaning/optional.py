"""scipy and scikit-image, the libraries of the extra `post`, imported when they are used."""

from __future__ import annotations

import importlib.util
from typing import Any

from rotonodes.errors import UsageError


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
