"""The registry: a dictionary of node classes by full name. `node/catalogue.py` fills it."""

from __future__ import annotations

import inspect
import os
from typing import Any

from rotonodes.errors import UsageError

NODES: dict[str, type[Any]] = {}  # full name -> class


class DuplicateNode(UsageError):
    """Two node classes have the same name."""


def full_name(cls: type[Any]) -> str:
    """The type with its version: `Crop.1`."""
    return f"{cls.type_name}.{cls.version}"


def source_file(cls: type) -> str:
    """The file that defines a class, for messages."""
    try:
        return inspect.getsourcefile(cls) or cls.__module__
    except (TypeError, OSError):
        return cls.__module__


def register(cls: type[Any]) -> None:
    """Add a class. Raises DuplicateNode, naming both files, when another file has a class of that name."""
    name = full_name(cls)
    known = NODES.get(name)
    if known is not None and "<locals>" not in cls.__qualname__ + known.__qualname__:
        here, there = source_file(cls), source_file(known)
        if os.path.abspath(here) != os.path.abspath(there):
            raise DuplicateNode(f"two nodes are called {name!r}: {there} and {here}; rename one of them")
    NODES[name] = cls
