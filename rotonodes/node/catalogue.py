"""Finds node types: our own, entry points, folders on ROTONODES_PATH, and `--nodes` files."""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import sys

from rotonodes.errors import UsageError, did_you_mean_file
from rotonodes.node.base import Node
from rotonodes.node.registry import NODES, DuplicateNode

_plugin_faults: list[str] = []
_loaded: set[str] = set()


def all_nodes() -> dict[str, type[Node]]:
    """Every node type by full name: our own, entry points `rotonodes.nodes`, folders on `ROTONODES_PATH`, imported files."""
    _load_all()
    return dict(sorted(NODES.items()))


def _load_all() -> None:
    if "own" not in _loaded:
        _load_own()
        _loaded.add("own")
        _load_entry_points()
        for folder in os.environ.get("ROTONODES_PATH", "").split(os.pathsep):
            if folder:
                _load_folder(folder)


def own_nodes() -> dict[str, type[Node]]:
    """The node types of rotonodes itself, by full name."""
    return {full: cls for full, cls in all_nodes().items() if cls.__module__.startswith("rotonodes.nodes.")}


def find_node(name: str) -> type[Node] | None:
    """A node type by name (`Crop` means `Crop.1`); None when there is none."""
    _load_all()
    return NODES.get(name if "." in name else f"{name}.1")


def load_file(path: str) -> None:
    """Import one Python file of nodes (`--nodes FILE.py`). Raises UsageError when it cannot be imported."""
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
    except (Exception, SystemExit) as error:  # a script may call sys.exit when it is imported
        sys.modules.pop(name, None)
        raise UsageError(f"cannot import the nodes of {path}: {type(error).__name__}: {error}") from error
    _loaded.add(absolute)


def plugin_faults() -> list[str]:
    """One line for each plugin that could not be imported; all other nodes are available."""
    return list(_plugin_faults)


def _load_own() -> None:
    """Import every file below `rotonodes/nodes/`."""
    own = importlib.import_module("rotonodes.nodes")
    for module in sorted(m.name for m in pkgutil.walk_packages(own.__path__, "rotonodes.nodes.") if not m.ispkg):
        importlib.import_module(module)


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
