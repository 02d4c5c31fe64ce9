"""The arithmetic of each network of a run: what `precision: auto` stands for is decided before the keys are made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rotonodes.graph.graph import Graph
from rotonodes.machine.precision import resolved_precision
from rotonodes.node.base import Node


def decide_precision(graph: Graph, nodes: dict[str, Node], device: str, override: str | None) -> dict[str, str]:
    """Set the `precision` of every node that runs a network, in `nodes`; returns it by node.

    `override` (`--precision`) goes before the nodes' own. `auto` is what `device` multiplies natively, and float32 for weights whose
    metadata ask for it, in the node's own file or in that of a linked LoadModel, also through an Ensemble.
    """
    chosen = {}
    for name, node in nodes.items():
        if not type(node).has_precision:
            continue
        wanted = override or str(getattr(node, "precision", "auto"))
        if wanted == "auto":
            asks = any(one.asks_float32() for one in _networks_of(graph, nodes, name))
            wanted = resolved_precision(wanted, "float32" if asks else "", device)
        nodes[name] = node.model_copy(update={"precision": wanted})
        chosen[name] = wanted
    return chosen


def _networks_of(graph: Graph, nodes: Mapping[str, Node], name: str) -> Iterator[Node]:
    """A node, and those that its networks come from."""
    yield nodes[name]
    for key, link in graph.vertices[name].all_links():
        if key in ("model", "models"):
            yield from _networks_of(graph, nodes, graph.source_of(link).node)
