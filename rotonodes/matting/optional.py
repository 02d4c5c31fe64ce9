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
