"""The arithmetic of each network of a run: what `precision: auto` stands for is decided before the keys are made."""

from __future__ import annotations

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
            asks = any(nodes[one].asks_float32() for one in (name, *_networks_of(graph, name)))
            wanted = resolved_precision(wanted, "float32" if asks else "", device)
        nodes[name] = node.model_copy(update={"precision": wanted})
        chosen[name] = wanted
    return chosen


def _networks_of(graph: Graph, name: str) -> set[str]:
    """The nodes whose networks a node runs: those linked to it, and to an Ensemble that is."""
    found: set[str] = set()
    waiting = [(name, "model")]
    while waiting:
        one, wanted = waiting.pop()
        here = {graph.source_of(link).node for key, link in graph.vertices[one].all_links() if key == wanted} - found
        found |= here
        waiting += [(other, "models") for other in here]
    return found
