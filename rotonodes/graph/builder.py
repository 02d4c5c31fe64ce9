"""Builds a checked Graph from the data of a graph file; collects every fault with its line and column before it raises."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rotonodes.errors import Fault, GraphError, UsageError, did_you_mean
from rotonodes.graph.advice import from_variables
from rotonodes.graph.document import Document, read_document
from rotonodes.graph.graph import Graph, Link, Vertex, frames_or_auto
from rotonodes.graph.job_files import files_faults
from rotonodes.graph.linking import Linker, add_subgraph_sockets, link_inner_inputs, sockets_of
from rotonodes.graph.value_check import RESERVED, unknown_parameter, value_fault, value_hint
from rotonodes.graph.variables import Filled, Variables
from rotonodes.node.base import Node
from rotonodes.node.catalogue import all_nodes, find_node
from rotonodes.node.parameters import parameter_faults

FORMAT_VERSION = 1
MOST_SUBGRAPHS = 16  # levels of graphs within graphs
MOST_USES = 1_000  # graph files used in one graph, each counted as often as it is used
Trail = tuple[str, ...]
Values = dict[str, Any]  # of variables or settings, by name
_TOP = ("rotonodes", "frames", "vars", "nodes", "files", "inputs", "outputs")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


@dataclass
class Shared:
    """What a graph and the graphs in it have in common: the files that were read, and how often graph files are used.

    `refusal` says why a graph file may not be looked at, or nothing.
    """

    refusal: Callable[[str], str] = field(default=lambda path: "")
    read: dict[str, Document] = field(default_factory=dict)
    uses: int = 0

    @property
    def too_many(self) -> bool:
        return self.uses > MOST_USES

    def graph_file(self, used_by: str, written: str) -> tuple[Path, str]:
        """(the graph file that a graph means, why it may not be read or nothing): beside that graph, else in the current directory."""
        ways = (Path(used_by).parent / written, Path(written))
        refused = {path: self.refusal(str(path)) for path in ways}  # before anything is looked at
        allowed = [path for path in ways if not refused[path]]
        found = next((path for path in allowed if path.is_file()), allowed[-1] if allowed else ways[0])
        return found, refused[found]

    def document(self, path: str) -> Document:
        """A graph file, which is read once. Raises GraphError."""
        if path not in self.read:
            self.read[path] = read_document(path)
        return self.read[path]


class Builder:
    """Builds a Graph from a document. `variables` are `--var`, `settings` are `--set`; `trail` has the files that contain this one."""

    def __init__(self, document: Document, variables: Values, settings: Values, trail: Trail = (), shared: Shared | None = None) -> None:
        self.document, self.settings, self.trail = document, settings, (*trail, str(Path(document.file).resolve()))
        self.overrides = variables
        self.shared = shared or Shared()
        self.ways: dict[str, str] = {}  # variable -> what changes it, of a graph that is a node of another one
        self.faults: list[Fault] = list(document.faults)
        self.broken: set[str] = set()  # nodes with faults of their own: links from them are not checked

    def build(self, graph: Graph) -> None:
        """Fill an empty graph. Raises GraphError with every fault, in the order of the file."""
        self.assemble(graph)
        if self.faults:
            once = {str(fault): fault for fault in self.faults}  # a file used twice has its faults once
            raise GraphError(sorted(once.values(), key=lambda f: (f.line, f.column)))

    def assemble(self, graph: Graph) -> None:
        """Fill an empty graph and collect its faults in `self.faults`."""
        document, data = self.document, self.document.data
        check_version(document)
        for key in data:
            if key not in _TOP and key != "<<":
                self.fault(f"unknown key {key!r}{did_you_mean(key, _TOP)}; a graph has {', '.join(_TOP)}", key, key=True)
        for key, kinds in (("inputs", dict), ("outputs", (dict, str))):
            if data.get(key) is not None and not isinstance(data[key], kinds):
                self.fault(f"{key}: is a mapping of names to the nodes inside that they stand for", key)
        for key, message in files_faults(data):
            self.fault(message, "files", *([key] if key else []))
        self.variables = Variables(self.merge_variables(data.get("vars")))
        graph.file = document.file
        graph.graph_files = self.shared.read
        graph.frames = self.frames(self.settings.get("frames", data.get("frames")))
        nodes = data.get("nodes")
        if not isinstance(nodes, dict) or not nodes:
            self.fault("a graph needs `nodes:`, a mapping of node names", "nodes")
            return
        for name, body in nodes.items():
            if name != "<<":
                self.add(graph, name, body)
        for message in unknown_settings(self.settings, nodes):
            self.fault(message, "nodes")
        Linker(graph, data, self.broken, self.fault).link_all(nodes)

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
        """The frames of the graph; None where they come from disk (`auto`, or no `frames:`)."""
        if text is None:
            return None
        try:
            filled = str(self.variables.fill(str(text).lower() if isinstance(text, bool) else str(text)))
            return frames_or_auto(filled)
        except (UsageError, LookupError) as error:
            self.fault(("--set frames: " if "frames" in self.settings else "") + str(error.args[0]), "frames")
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
            self.broken.add(name)  # reported already; the parameters that it would have merged in are unknown
        elif body.get("type") is None:
            self.fault("`type:` is missing: which kind of node is it?", *place, "type", node=name)
        elif not isinstance(body["type"], str):
            self.fault(f"a type is the name of a node, not {body['type']!r}", *place, "type", node=name)
        elif is_graph_file(body):
            self.add_subgraph(graph, name, body)
        else:
            self.add_node(graph, name, body)
        if len(self.faults) > before:
            self.broken.add(name)

    def add_node(self, graph: Graph, name: str, body: dict[str, Any]) -> None:
        cls = find_node(body["type"])
        if cls is None:
            hint = did_you_mean(body["type"], [n.removesuffix(".1") for n in all_nodes()]) or ": `rotonodes nodes` lists them"
            self.fault(f"unknown type {body['type']!r}{hint}; --nodes FILE.py adds your own", "nodes", name, "type", node=name)
            return
        before = len(self.faults)
        given = self.parameters(name, body)
        sources = from_variables(name, body, given, self.settings, self.ways)
        hints = {one.parameter: one.hint for one in sources}
        values = {p: v for p, v in given.items() if self.is_usable(cls, name, p, v, hints.get(p, ""))}
        misspelt = any(p not in cls.model_fields for p in given)
        node = made_or_none(cls, values)
        for parameter, message in parameter_faults(cls, values) if node is None else ():
            # Do not report a parameter as missing when it is there with a fault, or misspelt.
            if parameter not in values and "is missing" in message and (parameter in body or misspelt):
                continue
            message += value_hint(self.document, ("nodes", name, parameter), body.get(parameter)) + hints.get(parameter, "")
            self.fault(message, "nodes", name, *((parameter,) if parameter in body else ()), node=name)
        # A node with wrong parameters is added without them, so that its links are still checked.
        whole = node is not None and len(self.faults) == before
        node = node if node is not None and whole else cls.model_construct()
        place = place_of(self.document, name, body, node) if whole else ""
        graph.insert(Vertex(name, node, self.links(name, body, cls), place=place, sources=sources, **self.flags(name, body)))

    def parameters(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        """Parameter values with variables filled in and `--set` applied."""
        values = {}
        for key, value in body.items():
            if key in RESERVED:
                continue
            try:
                values[key] = self.variables.fill(value)
            except LookupError as error:
                self.fault(str(error.args[0]), "nodes", name, key, node=name)
        for setting in [s for s in self.settings if s.startswith(f"{name}.")]:
            value = self.settings[setting]
            values[setting.partition(".")[2]] = Filled(value) if isinstance(value, str) else value
        return values

    def is_usable(self, cls: type[Node], name: str, parameter: str, value: Any, hint: str = "") -> bool:
        """True when a parameter's value can be passed to pydantic; otherwise its fault is recorded, with a `hint`."""
        place = ("nodes", name, parameter)
        if parameter not in cls.model_fields:
            self.fault(unknown_parameter(cls, parameter), *place, node=name, key=True)
            return False
        message = value_fault(cls, parameter, value, self.document.comment_after(place))
        if message:
            self.fault(message + hint, *place, node=name)
        return not message

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

    # Links.

    def links(self, name: str, body: dict[str, Any], cls: type[Node]) -> dict[str, tuple[Link, ...]]:
        """The links as written; they are checked when every node is known."""
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

    # Graphs within graphs.

    def add_subgraph(self, graph: Graph, name: str, body: dict[str, Any]) -> None:
        """Add the nodes of another graph file, named `name/inner`; parameters set that file's variables.

        The file is searched beside this one first, then in the current directory.
        """
        place = ("nodes", name, "type")
        path, refused = self.shared.graph_file(self.document.file, body["type"])
        if refused:
            self.fault(refused, *place, node=name)
            return
        self.shared.uses += 1
        if self.shared.too_many:
            if self.shared.uses == MOST_USES + 1:
                self.fault(f"graph files are used more than {MOST_USES} times in one graph: they contain each other", *place, node=name)
            self.broken.add(name)
            return
        if str(path.resolve()) in self.trail or len(self.trail) > MOST_SUBGRAPHS:
            self.fault(f"the graph file {body['type']} contains itself", *place, node=name)
            return
        if not path.is_file():
            self.fault(f"there is no graph file {body['type']}, neither beside this one nor below the current directory", *place, node=name)
            return
        try:
            document = self.shared.document(str(path))
            settings = {key.removeprefix(f"{name}/"): value for key, value in self.settings.items() if key.startswith(f"{name}/")}
            given = self.parameters(name, body)
            inner = Builder(document, given, settings, self.trail, self.shared)
            inner.ways = {variable: f"--set {name}.{variable}=..." for variable in document.data.get("vars") or ()}
            inner.ways |= {one.parameter: one.way for one in from_variables(name, body, given, self.settings, self.ways)}
            sub = Graph()
            inner.assemble(sub)
        except GraphError as error:
            self.faults += error.faults
            return
        if inner.faults or self.shared.too_many:
            self.faults += inner.faults
            return
        declared = document.data.get("vars") or {}
        for parameter in (parameter for parameter in inner.overrides if parameter not in declared):
            hint = did_you_mean(parameter, declared)
            self.fault(f"{body['type']} has no variable {parameter!r}{hint}", "nodes", name, parameter, node=name, key=True)
        self.join(graph, name, body, sub, document)

    def join(self, graph: Graph, name: str, body: dict[str, Any], sub: Graph, document: Document) -> None:
        """Add the nodes of `sub` to `graph`, and link its inputs and outputs."""
        disabled = self.flags(name, body).get("disabled", False)
        for inner_name, vertex in sub.vertices.items():
            links = {key: tuple(Link(f"{name}/{link.node}", link.output) for link in given) for key, given in vertex.links.items()}
            graph.insert(replace(vertex, name=f"{name}/{inner_name}", links=links, disabled=vertex.disabled or disabled))
        add_subgraph_sockets(graph, name, sub, document.data)
        sockets = sockets_of(document.data, "inputs")
        given = body.get("in")
        if given is not None and not isinstance(given, dict):
            given = {next(iter(sockets), "in"): given}
        for key, value in (given or {}).items():
            if key not in sockets:
                self.fault(f"{body['type']} has no input {key!r}{did_you_mean(key, sockets)}", "nodes", name, "in", key, node=name)
                continue
            link_inner_inputs(graph, f"{name}.{key}", self.parse_links(name, key, value))
        misspelt = any(key not in sockets for key in given or {})
        own = {target for targets in sockets_of(self.document.data, "inputs").values() for target in targets}
        for number, key in enumerate(sockets):
            outside = f"{name}.{key}" in own or (number == 0 and name in own)  # linked by the graph that uses this one
            if key not in (given or {}) and not misspelt and not outside:
                self.fault(f"the input {key!r} is missing: link it with in:", "nodes", name, node=name)


def place_of(document: Document, name: str, body: Mapping[str, Any], node: Node) -> str:
    """`file:line:column` of the first input path of a node, else of its name."""
    read = next((parameter for parameter, _ in node.paths("input") if parameter in body), None)
    return str(document.fault("", "nodes", name, *([read] if read else []), key=not read)).removesuffix(": ")


def check_version(document: Document) -> None:
    """Raise GraphError for a graph file without a format version, or with one that this rotonodes cannot read."""
    version = document.data.get("rotonodes")
    if version is None:
        raise GraphError([document.fault("the format version is missing: a graph begins with `rotonodes: 1`")])
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise GraphError([document.fault(f"the format version is a number, `rotonodes: 1`, not {version!r}", "rotonodes")])
    if version > FORMAT_VERSION:
        message = f"this graph is of format {version}; this rotonodes reads up to {FORMAT_VERSION}: install a newer one"
        raise GraphError([document.fault(message, "rotonodes")])


def made_or_none(cls: type[Node], values: Mapping[str, Any]) -> Node | None:
    """The node with these parameters; None where one of them does not fit."""
    try:
        return cls(**values)
    except UsageError:
        return None


def is_graph_file(body: Any) -> bool:
    """True when the type of a node is another graph file."""
    return isinstance(body, dict) and str(body.get("type")).endswith((".yaml", ".yml"))


def unknown_settings(settings: Values, nodes: Mapping[str, Any]) -> Iterator[str]:
    """Faults of `--set` of unknown nodes. Settings inside a subgraph are checked by the subgraph's own builder."""
    for setting in settings:
        node = setting.partition(".")[0]
        top = node.partition("/")[0]
        if setting != "frames" and node not in nodes and (top == node or not is_graph_file(nodes.get(top))):
            yield f"--set {setting}: there is no node {node!r}{did_you_mean(node, nodes)}"
