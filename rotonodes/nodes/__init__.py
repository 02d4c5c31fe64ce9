"""The nodes: one a file, or one small family. `from rotonodes.nodes import Crop` finds any of them by name.

A name is looked up when it is first asked for: importing this package imports no node.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return [word for word in __dir__() if word[:1].isupper() and word != "Any"]
    if not name[:1].isupper():  # a module of this package or a dunder, which the import system asks for; no node begins so
        raise AttributeError(f"module 'rotonodes.nodes' has no attribute {name!r}")
    from rotonodes.errors import did_you_mean
    from rotonodes.node.catalogue import all_nodes

    types = {full.removesuffix(".1"): cls for full, cls in all_nodes().items()}
    if name not in types:
        raise AttributeError(f"there is no node {name!r}{did_you_mean(name, types)}")
    globals()[name] = types[name]
    return types[name]


def __dir__() -> list[str]:
    from rotonodes.node.catalogue import all_nodes

    return sorted({*globals(), *(full.removesuffix(".1") for full in all_nodes() if full.endswith(".1"))})
