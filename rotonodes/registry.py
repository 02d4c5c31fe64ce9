"""The registry of nodes: our own, plugins by entry point, and folders and files of a studio."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from typing import TYPE_CHECKING

from rotonodes.errors import UsageError, did_you_mean_file

if TYPE_CHECKING:
    from rotonodes.node import Node

_registry: dict[str, type[Node]] = {}
_plugin_faults: list[str] = []
_loaded: set[str] = set()


def full_name(cls: type[Node]) -> str:
    """`Crop.1`: the type with its version."""
    return f"{cls.type_name}.{cls.version}"


def source_file(cls: type) -> str:
    """The file a class was written in, for messages."""
    try:
        return inspect.getsourcefile(cls) or cls.__module__
    except (TypeError, OSError):
        return cls.__module__


def register(cls: type[Node]) -> None:
    """Enter a class; another class of the same name from another place is an error that names both files."""
    name = full_name(cls)
    known = _registry.get(name)
    if known is not None and "<locals>" not in cls.__qualname__ + known.__qualname__:
        here, there = source_file(cls), source_file(known)
        if os.path.abspath(here) != os.path.abspath(there):
            raise DuplicateNode(f"two nodes are called {name!r}: {there} and {here}; rename one of them")
    _registry[name] = cls


class DuplicateNode(UsageError):
    """Two node classes of one name."""


def withdraw(cls: type[Node]) -> None:
    """Take a class out again: for nodes that a command makes for itself and that no graph may name."""
    _registry.pop(full_name(cls), None)


def all_nodes() -> dict[str, type[Node]]:
    """Every node type by full name: our own, entry points `rotonodes.nodes`, and folders on `ROTONODES_PATH`."""
    if "own" not in _loaded:
        import rotonodes.nodes as own

        for module in sorted(m.name for m in pkgutil.iter_modules(own.__path__)):
            importlib.import_module(f"rotonodes.nodes.{module}")
        _loaded.add("own")
        _load_entry_points()
        for folder in os.environ.get("ROTONODES_PATH", "").split(os.pathsep):
            if folder:
                _load_folder(folder)
    return dict(sorted(_registry.items()))


def find_node(name: str) -> type[Node] | None:
    """A node type by name: `Crop` means `Crop.1`."""
    return all_nodes().get(name if "." in name else f"{name}.1")


def load_file(path: str) -> None:
    """Import one Python file of nodes (`--nodes FILE.py`). UsageError when it cannot be imported."""
    if not os.path.isfile(path):
        raise UsageError(f"--nodes: there is no file {path!r}{did_you_mean_file(path, ('.py',))}")
    absolute = os.path.abspath(path)
    if absolute in _loaded:
        return
    all_nodes()
    name = "rotonodes_studio_" + "".join(c if c.isalnum() else "_" for c in absolute)
    spec = importlib.util.spec_from_file_location(name, absolute)
    if spec is None or spec.loader is None:
        raise UsageError(f"--nodes: {path!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except DuplicateNode:
        raise
    except (Exception, SystemExit) as error:  # a script that ends itself when it is imported
        sys.modules.pop(name, None)
        raise UsageError(f"cannot import the nodes of {path}: {type(error).__name__}: {error}") from error
    _loaded.add(absolute)


def plugin_faults() -> list[str]:
    """One line for each plugin that could not be imported; the other nodes work."""
    return list(_plugin_faults)


def _load_folder(folder: str) -> None:
    if not os.path.isdir(folder):
        _plugin_faults.append(f"ROTONODES_PATH: there is no folder {folder!r}")
        return
    for name in sorted(os.listdir(folder)):
        if name.endswith(".py") and not name.startswith("_"):
            try:
                load_file(os.path.join(folder, name))
            except DuplicateNode:
                raise
            except UsageError as error:
                _plugin_faults.append(str(error))


def _load_entry_points() -> None:
    from importlib.metadata import entry_points

    for point in entry_points(group="rotonodes.nodes"):
        try:
            point.load()
        except DuplicateNode:
            raise
        except (Exception, SystemExit) as error:
            _plugin_faults.append(f"cannot import the nodes of {point.name} ({point.value}): {type(error).__name__}: {error}")
