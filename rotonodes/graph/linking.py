"""Resolves and checks the links of a graph file, also those into and out of subgraphs."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any, Protocol

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.graph.graph import Graph, Link, link_faults
from rotonodes.graph.overwriting import OverwriteRule


class ReportFault(Protocol):
    """Records a fault at a place in the file."""

    def __call__(self, message: str, *place: str | int, node: str = "", key: bool = False) -> None: ...


class Linker:
    """Links the nodes of one graph file and reports faulty links to `fault`.

    `data` is the data of the file; `broken` are nodes with faults of their own, whose links are not checked.
    """

    def __init__(self, graph: Graph, data: Mapping[str, Any], broken: AbstractSet[str], fault: ReportFault) -> None:
        self.graph, self.data, self.broken, self.fault = graph, data, broken, fault

    def link_all(self, nodes: Mapping[str, Any]) -> None:
        """Fill in default outputs, join subgraphs, then check cycles, links, paths and the nodes' own `faults`."""
        graph = self.graph
        for vertex in list(graph.vertices.values()):
            links = {key: tuple(resolve(graph, link) for link in given) for key, given in vertex.links.items()}
            graph.insert(replace(vertex, links=links))
        cyclic = self.cycles()
        rule = self.files_read()
        outside = self.linked_outside()
        self.check_outputs()
        graph.open_inputs = tuple(sockets_of(self.data, "inputs"))
        graph.data = {key: self.data[key] for key in ("files", "inputs", "outputs") if key in self.data}
        for name, vertex in graph.vertices.items():
            top = name.partition("/")[0]  # the node in this file: itself, or the subgraph it came with
            if top != name and top in self.broken:
                continue
            for key, message in link_faults(graph, vertex, self.broken | cyclic, outside):
                at = ("in", key) if key and isinstance(nodes.get(name, {}).get("in"), dict) else (("in",) if key else ())
                self.fault(message, "nodes", top, *at, node=name)
            if name not in self.broken and not vertex.disabled:
                for message in filter(None, (rule.writes(name, path) for _, path in vertex.node.paths("output"))):
                    self.fault(message, "nodes", top, *(("path",) if top == name else ()), node=name)
                linked = frozenset(vertex.links) | outside.get(name, frozenset())
                for message in vertex.node.faults(linked, 1 if graph.frames is None else len(graph.frames)):
                    self.fault(message, "nodes", top, node=name)

    def files_read(self) -> OverwriteRule:
        """The rule about overwriting, told of every file that a node reads."""
        rule = OverwriteRule()
        for name, vertex in self.graph.vertices.items():
            for _, path in vertex.node.paths("input") if not vertex.disabled and name not in self.broken else ():
                rule.reads(name, path)
        return rule

    def linked_outside(self) -> dict[str, frozenset[str]]:
        """Node -> its inputs that `inputs:` of this file leaves to the graph that uses it."""
        graph = self.graph
        if not isinstance(self.data.get("inputs") or {}, dict):  # reported already: it may mean any input
            return {name: frozenset(type(vertex.node).signature.inputs) for name, vertex in graph.vertices.items()}
        found: dict[str, frozenset[str]] = {}
        for key, targets in sockets_of(self.data, "inputs").items():
            for node, socket in (found for target in targets for found in inner_inputs(graph, target)):
                found[node] = found.get(node, frozenset()) | {socket}
                if node.partition("/")[0] in self.broken:
                    continue  # its own faults are reported
                if node not in graph.vertices:
                    hint = did_you_mean(node, graph.vertices)
                    self.fault(f"the input {key!r} names {node!r}{hint}; there is no such node", "inputs", key)
                elif socket not in (sockets := type(graph.vertices[node].node).signature.inputs):
                    has = ", ".join(sockets) or "none"
                    self.fault(f"{node} has no input {socket!r}{did_you_mean(socket, sockets)}; it has {has}", "inputs", key)
        return found

    def check_outputs(self) -> None:
        """Report names under `outputs:` that are not outputs of the nodes."""
        graph = self.graph
        for key, targets in sockets_of(self.data, "outputs").items():
            if len(targets) != 1:
                self.fault(f"the output {key!r} stands for one node's output, not {len(targets)}", "outputs", key)
            elif targets[0].partition(".")[0].partition("/")[0] not in self.broken:
                try:
                    graph.links_of(targets[0])
                except UsageError as error:
                    self.fault(f"the output {key!r}: {error}", "outputs", key)

    def cycles(self) -> set[str]:
        """Every node on a cycle. Each group of nodes in a cycle is one fault, which names the nodes in order."""
        graph = self.graph
        if len(graph.order()) == len(graph.vertices):
            return set()
        import networkx as nx  # only where there is a cycle to name: the import takes a tenth of a second

        on_cycle: set[str] = set()
        place = {name: i for i, name in enumerate(graph.vertices)}
        for group in nx.strongly_connected_components(graph.topology):
            first = min(group, key=place.__getitem__)
            if len(group) > 1 or graph.topology.has_edge(first, first):
                cycle = [edge[0] for edge in nx.find_cycle(graph.topology.subgraph(group), first)]
                cycle = cycle[cycle.index(first) :] + cycle[: cycle.index(first)] if first in cycle else cycle
                self.fault(f"the links form a cycle: {' -> '.join([*cycle, cycle[0]])}", "nodes", first, "in", node=first)
                on_cycle |= group
        return on_cycle


def resolve(graph: Graph, link: Link) -> Link:
    """A link with its default output filled in; a link to a subgraph's output becomes a link to the node inside."""
    if link.node in graph.subgraphs:
        inner = graph.subgraphs[link.node]
        if not link.output:
            return next(iter(inner.values()), link)
        return inner.get(link.output, link)
    vertex = graph.vertices.get(link.node)
    if vertex is not None and not link.output:
        return Link(link.node, next(iter(vertex.node.outputs()), ""))
    return link


def sockets_of(data: Mapping[str, Any], which: str) -> dict[str, list[str]]:
    """The `inputs:` or `outputs:` of a subgraph's file: name -> the sockets of inner nodes that it stands for."""
    given = data.get(which) or {}
    if isinstance(given, str):
        given = {"out": given}
    if not isinstance(given, dict):
        return {}
    listed = {name: target if isinstance(target, list) else [target] for name, target in given.items()}
    return {name: [str(target) for target in targets] for name, targets in listed.items() if targets}


def inner_inputs(graph: Graph, target: str) -> tuple[tuple[str, str], ...]:
    """`node` or `node.input` as (node, input); without an input, the node's first. A graph within the graph may stand for several."""
    node, _, socket = target.partition(".")
    if node in graph.subgraph_inputs:
        inside = graph.subgraph_inputs[node]
        return inside.get(socket or next(iter(inside), ""), ((node, socket),))
    vertex = graph.vertices.get(node)
    return ((node, socket or (next(iter(type(vertex.node).signature.inputs), "") if vertex is not None else "")),)


def add_subgraph_sockets(graph: Graph, name: str, sub: Graph, data: Mapping[str, Any]) -> None:
    """Record which inner nodes the inputs and outputs of a subgraph stand for, also those of graphs within it."""
    own = {key: tuple(at for target in targets for at in inner_inputs(sub, target)) for key, targets in sockets_of(data, "inputs").items()}
    for inner, given in (("", own), *sub.subgraph_inputs.items()):
        whole = f"{name}/{inner}" if inner else name
        graph.subgraph_inputs[whole] = {key: tuple((f"{name}/{node}", socket) for node, socket in found) for key, found in given.items()}
    for inner, outputs in sub.subgraphs.items():
        graph.subgraphs[f"{name}/{inner}"] = {key: Link(f"{name}/{link.node}", link.output) for key, link in outputs.items()}
    targets = {key: target for key, (target, *_) in sockets_of(data, "outputs").items()}
    links = {key: Link(f"{name}/{target.partition('.')[0]}", target.partition(".")[2]) for key, target in targets.items()}
    graph.subgraphs[name] = {key: resolve(graph, link) for key, link in links.items()}


def link_inner_inputs(graph: Graph, target: str, links: tuple[Link, ...]) -> None:
    """Link the inputs of inner nodes that an input of a subgraph stands for (`subgraph.input`)."""
    for inner, socket in inner_inputs(graph, target):
        vertex = graph.vertices[inner]
        graph.insert(replace(vertex, links={**vertex.links, socket: links}))
