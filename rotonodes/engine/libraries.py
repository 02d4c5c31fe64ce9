"""Optional libraries that the nodes of a graph need, looked for before any frame is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rotonodes.errors import RotoError
from rotonodes.extras import need_library
from rotonodes.graph.graph import Graph


def library_faults(graph: Graph, names: Iterable[str]) -> Iterator[str]:
    """One line for each optional library that one of these nodes needs and that is not installed; nothing is imported."""
    for name in names:
        vertex = graph.vertices[name]
        for module in () if vertex.disabled else vertex.node.libraries():
            try:
                need_library(module, name)
            except RotoError as error:
                yield f"{vertex.place}: {error}" if vertex.place else str(error)
