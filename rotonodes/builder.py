"""A graph file's data -> a checked Graph; every fault is gathered, with its line and column, before it gives up."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rotonodes import graphfile
from rotonodes.errors import Fault, GraphError, UsageError, did_you_mean
from rotonodes.frames import parse_frames
from rotonodes.graph import Graph, Link, Vertex, link_faults
from rotonodes.graphfile import Document, Filled, Variables
from rotonodes.node import Node, all_nodes, find_node, parameter_faults
from rotonodes.parameters import no_parameter

FORMAT_VERSION = 1
MOST_SUBGRAPHS = 16  # levels of graphs within graphs
_TOP = ("rotonodes", "frames", "vars", "nodes", "inputs", "outputs")
_RESERVED = ("type", "in", "disable", "label", "cache")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Builder:
    """Builds a Graph from a document, gathering every fault before it gives up."""

    def __init__(self, document: Document, variables: dict[str, Any], settings: dict[str, Any], trail: tuple[str, ...] = ()) -> None:
        self.document, self.settings, self.trail = document, settings, (*trail, str(Path(document.file).resolve()))
        self.overrides = variables
        self.faults: list[Fault] = list(document.faults)
        self.broken: set[str] = set()  # nodes with faults of their own: what hangs on them is not judged
        self.outputs: dict[str, dict[str, Link]] = {}  # of subgraph nodes: output -> inner link

    def build(self) -> Graph:
        graph = self.assemble()
        if self.faults:
            once = {str(fault): fault for fault in self.faults}  # a file used twice has its faults once
            raise GraphError(sorted(once.values(), key=lambda f: (f.line, f.column)))
        return graph

    def assemble(self) -> Graph:
        """The graph with its faults gathered in `self.faults`."""
        document, data = self.document, self.document.data
        version = data.get("rotonodes")
        if version is None:
            raise GraphError([document.fault("the format version is missing: a graph begins with `rotonodes: 1`")])
        if isinstance(version, bool) or not isinstance(version, int) or version < 1:
            raise GraphError([document.fault(f"the format version is a number, `rotonodes: 1`, not {version!r}", "rotonodes")])
        if version > FORMAT_VERSION:
            message = f"this graph is of format {version}; this rotonodes reads up to {FORMAT_VERSION}: install a newer one"
            raise GraphError([document.fault(message, "rotonodes")])
        for key in data:
            if key not in _TOP and key != "<<":
                self.fault(f"unknown key {key!r}{did_you_mean(key, _TOP)}; a graph has {', '.join(_TOP)}", key, key=True)
        for key, kinds in (("inputs", dict), ("outputs", (dict, str))):
            if data.get(key) is not None and not isinstance(data[key], kinds):
                self.fault(f"{key}: is a mapping of names to the nodes inside that they stand for", key)
        self.variables = Variables(self.merge_variables(data.get("vars")))
        graph = Graph(file=document.file)
        graph.frames = self.frames(data.get("frames"))
        nodes = data.get("nodes")
        if not isinstance(nodes, dict) or not nodes:
            self.fault("a graph needs `nodes:`, a mapping of node names", "nodes")
            return graph
        for name, body in nodes.items():
            if name != "<<":
                self.add(graph, name, body)
        self.settings_left(nodes)
        self.link_all(graph, nodes)
        return graph

    def fault(self, message: str, *place: str | int, node: str = "", key: bool = False) -> None:
        self.faults.append(self.document.fault(message, *place, node=node, key=key))

    def merge_variables(self, given: Any) -> dict[str, Any]:
        if given is None:
            given = {}
        if not isinstance(given, dict):
            self.fault("vars: is a mapping of names to values", "vars")
            given = {}
        for name in given:
            if re.fullmatch(r"F\d*|pass", name):
                self.fault(f"the variable ${name} is taken: it means the frame number or the pass", "vars", name, key=True)
        if not self.trail[:-1]:
            for name in self.overrides:
                if name not in given:
                    self.fault(f"--var {name}: the graph has no variable {name!r}{did_you_mean(name, given)}", "vars")
        return {**given, **self.overrides}

    def frames(self, text: Any) -> tuple[int, ...] | None:
        if text is None:
            return None
        try:
            return parse_frames(str(self.variables.fill(str(text).lower() if isinstance(text, bool) else str(text))))
        except (UsageError, LookupError) as error:
            self.fault(str(error.args[0]), "frames")
            return None

    # Nodes.

    def add(self, graph: Graph, name: str, body: Any) -> None:
        place = ("nodes", name)
        before = len(self.faults)
        if not _NAME.fullmatch(name):
            self.fault("a node's name is letters, digits, _ and -, beginning with a letter", *place, node=name, key=True)
        elif not isinstance(body, dict):
            self.fault("a node is a mapping with `type:`, as in {type: Crop, in: plate, left: 8}", *place, node=name)
        elif "<<" in body:
            self.broken.add(name)  # said already; what it would have brought in is not known
        elif body.get("type") is None:
            self.fault("`type:` is missing: which kind of node is it?", *place, "type", node=name)
        elif not isinstance(body["type"], str):
            self.fault(f"a type is the name of a node, not {body['type']!r}", *place, "type", node=name)
        elif body["type"].endswith((".yaml", ".yml")):
            self.add_subgraph(graph, name, body)
        else:
            self.add_node(graph, name, body)
        if len(self.faults) > before:
            self.broken.add(name)

    def add_node(self, graph: Graph, name: str, body: dict[str, Any]) -> None:
        cls = find_node(body["type"])
        if cls is None:
            known = [n.removesuffix(".1") for n in all_nodes()]
            hint = did_you_mean(body["type"], known) or ": `rotonodes nodes` lists them"
            self.fault(f"unknown type {body['type']!r}{hint}", "nodes", name, "type", node=name)
            return
        before = len(self.faults)
        given = self.parameters(name, body)
        values = {p: v for p, v in given.items() if self.check_value(cls, name, p, v)}
        misspelt = any(p not in cls.model_fields for p in given)
        for parameter, message in parameter_faults(cls, values):
            # One that is there but at fault already, or misspelt, is not missing as well.
            if parameter not in values and "is missing" in message and (parameter in body or misspelt):
                continue
            self.fault(message, "nodes", name, *((parameter,) if parameter in body else ()), node=name)
        # A node with wrong parameters stands in without them, so that its links are judged all the same.
        whole = len(self.faults) == before
        node = cls(**values) if whole else cls.model_construct()
        place = self.place(name, body, node) if whole else ""
        graph._insert(Vertex(name, node, self.links(name, body, cls), place=place, **self.flags(name, body)))

    def place(self, name: str, body: dict[str, Any], node: Node) -> str:
        """`file:line:column` of the first path that a node reads, else of its name."""
        read = next((parameter for parameter, _ in node.paths("input") if parameter in body), None)
        return str(self.document.fault("", "nodes", name, *([read] if read else []), key=not read)).removesuffix(": ")

    def parameters(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Parameter values with variables filled in and `--set` applied."""
        values = {}
        for key, value in body.items():
            if key in _RESERVED:
                continue
            try:
                values[key] = self.variables.fill(value)
            except LookupError as error:
                self.fault(str(error.args[0]), "nodes", name, key, node=name)
        for setting in [s for s in self.settings if s.partition(".")[0] == name]:
            value = self.settings.pop(setting)
            values[setting.partition(".")[2]] = Filled(value) if isinstance(value, str) else value
        return values

    def check_value(self, cls: type[Node], name: str, parameter: str, value: Any) -> bool:
        """Faults that read better said here than by pydantic: unknown names, empty values, comments by accident."""
        place = ("nodes", name, parameter)
        if parameter not in cls.model_fields:
            if parameter in _RESERVED:  # in the file it would not have come here
                message = f"--set changes parameters, and {parameter!r} is none: write it into the graph"
            elif parameter in cls.signature.inputs:
                message = f"{parameter!r} is an input, not a parameter: write it under in:"
            else:
                message = no_parameter(cls.type_name, parameter, cls.model_fields)
            self.fault(message, *place, node=name, key=True)
            return False
        comment = self.comment_after(place)
        if re.match(r"#+(\.|\s*$|[\w/])", comment) and (value is None or (isinstance(value, str) and "##" in comment)):
            self.fault(f'{comment.split()[0]!r} is a comment to YAML: put the value in quotes, {parameter}: "..."', *place, node=name)
            return False
        if value is None and any(p == parameter for p, _ in parameter_faults(cls, {parameter: None})):
            self.fault(f"the parameter {parameter!r} has no value", *place, node=name)
            return False
        return True

    def comment_after(self, place: graphfile.Place) -> str:
        """The comment behind a plain one-line value, beginning with `#`, or nothing."""
        mark = self.document.key_marks.get(place)
        if mark is None or mark[0] > len(self.document.lines):
            return ""
        rest = self.document.lines[mark[0] - 1][mark[1] - 1 :]
        match = re.match(r"[^\"'#{\[]*?:\s(?:[^\"'#{\[][^#\"']*)?(#.*)$", rest)
        return match[1] if match else ""

    def flags(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """`disable`, `label` and `cache` of a node."""
        flags: dict[str, Any] = {"label": str(body.get("label") or "")}
        for key, target in (("disable", "disabled"), ("cache", "cache")):
            value = body.get(key)
            if value is not None and not isinstance(value, bool):
                self.fault(f"{key}: is true or false, not {value!r}", "nodes", name, key, node=name)
            elif value is not None:
                flags[target] = value
        return flags

    def settings_left(self, nodes: Mapping[str, Any]) -> None:
        for setting in self.settings:
            node = setting.partition(".")[0]
            self.fault(f"--set {setting}: there is no node {node!r}{did_you_mean(node, nodes)}", "nodes")

    # Links.

    def links(self, name: str, body: dict[str, Any], cls: type[Node]) -> dict[str, tuple[Link, ...]]:
        """The links as written; whether they can be is judged when every node is known."""
        given = body.get("in")
        if given is None:
            return {}
        if not isinstance(given, dict):
            first = next(iter(cls.signature.inputs), None)
            if first is None:
                self.fault(f"{cls.type_name} has no inputs", "nodes", name, "in", node=name)
                return {}
            given = {first: given}
        return {key: self.parse_links(name, key, value) for key, value in given.items()}

    def parse_links(self, name: str, key: str, value: Any) -> tuple[Link, ...]:
        links = []
        for text in value if isinstance(value, list) else [value]:
            if not isinstance(text, str) or not text:
                self.fault(f"a link is `node` or `node.output`, not {text!r}", "nodes", name, "in", key, node=name)
                continue
            node, _, output = text.partition(".")
            links.append(Link(node, output))
        return tuple(links)

    def link_all(self, graph: Graph, nodes: Mapping[str, Any]) -> None:
        """Give links their default outputs, join subgraphs, then judge cycles, links and what nodes say themselves."""
        for vertex in list(graph.vertices.values()):
            links = {key: tuple(self.resolve(graph, link) for link in given) for key, given in vertex.links.items()}
            graph._insert(replace(vertex, links=links))
        cyclic = self.cycles(graph)
        used = self.files_used(graph)
        outside = self.linked_outside(graph)
        self.judge_outputs(graph)
        graph.open_inputs = tuple(sockets_of(self.document.data, "inputs"))
        for name, vertex in graph.vertices.items():
            top = name.partition("/")[0]  # the node in this file: itself, or the subgraph it came with
            if top != name and top in self.broken:
                continue
            for key, message in link_faults(graph, vertex, self.broken | cyclic, outside.get(name, frozenset())):
                at = ("in", key) if key and isinstance(nodes.get(name, {}).get("in"), dict) else (("in",) if key else ())
                self.fault(message, "nodes", top, *at, node=name)
            if name not in self.broken and not vertex.disabled:
                for message in self.clashes(name, vertex.node, used):
                    self.fault(message, "nodes", top, *(("path",) if top == name else ()), node=name)
                linked = frozenset(vertex.links) | outside.get(name, frozenset())
                for message in vertex.node.faults(linked, 1 if graph.frames is None else len(graph.frames)):
                    self.fault(message, "nodes", top, node=name)

    def files_used(self, graph: Graph) -> dict[str, list[tuple[str, str]]]:
        """Path -> the nodes that read or write it, in the order of the file."""
        used: dict[str, list[tuple[str, str]]] = {}
        for name, vertex in graph.vertices.items():
            for role in ("input", "output") if not vertex.disabled and name not in self.broken else ():
                for _, path in vertex.node.paths(role):
                    used.setdefault(posixpath.normpath(path), []).append((name, role))
        return used

    def clashes(self, name: str, node: Node, used: Mapping[str, list[tuple[str, str]]]) -> Iterator[str]:
        """Files that a node writes and another one reads, or has written before: one of them would be lost."""
        for _, path in node.paths("output"):
            for other, role in used.get(posixpath.normpath(path), ()):
                if other == name:
                    if role == "output":
                        break  # those behind it say it themselves
                    continue
                yield f"{path} is what {other} {'reads' if role == 'input' else 'writes'}: write somewhere else"

    def linked_outside(self, graph: Graph) -> dict[str, frozenset[str]]:
        """Node -> its inputs that this file's `inputs:` hands to the graph that uses it."""
        if not isinstance(self.document.data.get("inputs") or {}, dict):  # said already: any input may be meant
            return {name: frozenset(type(vertex.node).signature.inputs) for name, vertex in graph.vertices.items()}
        found: dict[str, frozenset[str]] = {}
        for key, targets in sockets_of(self.document.data, "inputs").items():
            for target in targets:
                node, socket = inner_input(graph, target)
                if node not in graph.vertices and node not in self.broken:
                    hint = did_you_mean(node, graph.vertices)
                    self.fault(f"the input {key!r} names {node!r}{hint}; there is no such node", "inputs", key)
                elif node not in self.broken and socket not in type(graph.vertices[node].node).signature.inputs:
                    sockets = type(graph.vertices[node].node).signature.inputs
                    self.fault(
                        f"{node} has no input {socket!r}{did_you_mean(socket, sockets)}; it has {', '.join(sockets) or 'none'}",
                        "inputs",
                        key,
                    )
                found[node] = found.get(node, frozenset()) | {socket}
        return found

    def judge_outputs(self, graph: Graph) -> None:
        """Whether this file's `outputs:` name outputs of its nodes."""
        for key, targets in sockets_of(self.document.data, "outputs").items():
            if len(targets) != 1:
                self.fault(f"the output {key!r} stands for one node's output, not {len(targets)}", "outputs", key)
            elif targets[0].partition(".")[0] not in self.broken:
                try:
                    graph.links_of(targets[0])
                except UsageError as error:
                    self.fault(f"the output {key!r}: {error}", "outputs", key)

    def resolve(self, graph: Graph, link: Link) -> Link:
        if link.node in self.outputs:
            inner = self.outputs[link.node]
            if not link.output:
                return next(iter(inner.values()), link)
            return inner.get(link.output, Link(link.node, link.output))
        vertex = graph.vertices.get(link.node)
        if vertex is not None and not link.output:
            return Link(link.node, next(iter(vertex.node.outputs()), ""))
        return link

    def cycles(self, graph: Graph) -> set[str]:
        """Every node on a cycle; each knot is one fault that names the way round."""
        import networkx as nx

        on_cycle: set[str] = set()
        place = {name: i for i, name in enumerate(graph.vertices)}
        for knot in nx.strongly_connected_components(graph.topology):
            first = min(knot, key=place.__getitem__)
            if len(knot) > 1 or graph.topology.has_edge(first, first):
                way = [edge[0] for edge in nx.find_cycle(graph.topology.subgraph(knot), first)]
                way = way[way.index(first) :] + way[: way.index(first)] if first in way else way
                self.fault(f"the links run in a circle: {' -> '.join([*way, way[0]])}", "nodes", first, "in", node=first)
                on_cycle |= knot
        return on_cycle

    # Graphs within graphs.

    def add_subgraph(self, graph: Graph, name: str, body: dict[str, Any]) -> None:
        """Put another graph file's nodes in, named `name/inner`; parameters set that file's variables."""
        beside = Path(self.document.file).parent / body["type"]
        path = beside if beside.is_file() else Path(body["type"])  # else below the current directory, as all paths are
        place = ("nodes", name, "type")
        if str(path.resolve()) in self.trail or len(self.trail) > MOST_SUBGRAPHS:
            self.fault(f"the graph file {body['type']} contains itself", *place, node=name)
            return
        if not path.is_file():
            self.fault(f"there is no graph file {body['type']}, neither beside this one nor below the current directory", *place, node=name)
            return
        try:
            document = graphfile.read_document(str(path))
            inner_settings = {key: self.settings.pop(key) for key in list(self.settings) if key.startswith(f"{name}/")}
            inner = Builder(
                document, self.parameters(name, body), {key.removeprefix(f"{name}/"): v for key, v in inner_settings.items()}, self.trail
            )
            sub = inner.assemble()
        except GraphError as error:
            self.faults += error.faults
            return
        if inner.faults:
            self.faults += inner.faults
            return
        declared = document.data.get("vars") or {}
        for parameter in inner.overrides:
            if parameter not in declared:
                hint = did_you_mean(parameter, declared)
                self.fault(f"{body['type']} has no variable {parameter!r}{hint}", "nodes", name, parameter, node=name, key=True)
        self.join(graph, name, body, sub, document)

    def join(self, graph: Graph, name: str, body: dict[str, Any], sub: Graph, document: Document) -> None:
        disabled = self.flags(name, body).get("disabled", False)
        for inner_name, vertex in sub.vertices.items():
            links = {key: tuple(Link(f"{name}/{link.node}", link.output) for link in given) for key, given in vertex.links.items()}
            graph._insert(replace(vertex, name=f"{name}/{inner_name}", links=links, disabled=vertex.disabled or disabled))
        sockets = sockets_of(document.data, "inputs")
        given = body.get("in")
        if given is not None and not isinstance(given, dict):
            given = {next(iter(sockets), "in"): given}
        for key, value in (given or {}).items():
            if key not in sockets:
                self.fault(f"{body['type']} has no input {key!r}{did_you_mean(key, sockets)}", "nodes", name, "in", key, node=name)
                continue
            for target in sockets[key]:
                self.join_input(graph, name, target, self.parse_links(name, key, value))
        misspelt = any(key not in sockets for key in given or {})
        for key in sockets:
            if key not in (given or {}) and not misspelt:
                self.fault(f"the input {key!r} is missing: link it with in:", "nodes", name, node=name)
        outputs = {key: target for key, (target, *_) in sockets_of(document.data, "outputs").items()}
        inner_links = {key: Link(f"{name}/{target.partition('.')[0]}", target.partition(".")[2]) for key, target in outputs.items()}
        self.outputs[name] = {key: self.resolve(graph, link) for key, link in inner_links.items()}
        graph.subgraphs[name] = self.outputs[name]

    def join_input(self, graph: Graph, name: str, target: str, links: tuple[Link, ...]) -> None:
        """Link what the outer graph gives to the inner node that the subgraph's `inputs:` names."""
        inner, socket = inner_input(graph, f"{name}/{target}")
        vertex = graph.vertices[inner]
        graph._insert(replace(vertex, links={**vertex.links, socket: links}))


def sockets_of(data: Mapping[str, Any], which: str) -> dict[str, list[str]]:
    """The `inputs:` or `outputs:` of a subgraph's file: name -> the inner nodes' sockets it stands for."""
    given = data.get(which) or {}
    if isinstance(given, str):
        given = {"out": given}
    if not isinstance(given, dict):
        return {}
    listed = {name: target if isinstance(target, list) else [target] for name, target in given.items()}
    return {name: [str(target) for target in targets] for name, targets in listed.items() if targets}


def inner_input(graph: Graph, target: str) -> tuple[str, str]:
    """`node` or `node.input` as (node, input); a node's first input where none is named."""
    node, _, socket = target.partition(".")
    vertex = graph.vertices.get(node)
    return node, socket or (next(iter(type(vertex.node).signature.inputs), "") if vertex is not None else "")
