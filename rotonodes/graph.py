"""YAML or Python -> a checked Graph: nodes, links, types, all faults at once; networkx carries the topology."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rotonodes import graphfile
from rotonodes.errors import Fault, GraphError, UsageError, did_you_mean
from rotonodes.frames import parse_frames
from rotonodes.graphfile import Document, Variables
from rotonodes.node import Node, Socket, all_nodes, find_node, parameter_faults

if TYPE_CHECKING:
    import networkx as nx

    from rotonodes.engine import Result

FORMAT_VERSION = 1
MOST_SUBGRAPHS = 16  # levels of graphs within graphs

_TOP = ("rotonodes", "frames", "vars", "nodes", "inputs", "outputs")
_RESERVED = ("type", "in", "disable", "label", "cache")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


class Link(NamedTuple):
    """Where an input comes from: a node's output."""

    node: str
    output: str


@dataclass(frozen=True)
class Vertex:
    """A node in its graph: its links by input, and what the graph says of it."""

    name: str
    node: Node
    links: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)
    disabled: bool = False
    label: str = ""
    cache: bool | None = None

    def all_links(self) -> Iterator[tuple[str, Link]]:
        """(input, link) of every link."""
        for name, links in self.links.items():
            for link in links:
                yield name, link

    @property
    def keeps(self) -> bool:
        """Whether its outputs are worth keeping on disk: what the graph says, else what the class says."""
        return type(self.node).cached if self.cache is None else self.cache


class Handle:
    """A node of a graph under construction; its attributes (or items) are its outputs."""

    def __init__(self, graph: Graph, name: str, output: str) -> None:
        self._graph, self._name, self._output = graph, name, output

    def __getattr__(self, output: str) -> Handle:
        if output.startswith("__"):
            raise AttributeError(output)
        return self[output]

    def __getitem__(self, output: str) -> Handle:
        outputs = self._graph.vertices[self._name].node.outputs()
        if output not in outputs:
            raise UsageError(f"{self._name} has no output {output!r}{did_you_mean(output, outputs)}; it has {', '.join(outputs)}")
        return Handle(self._graph, self._name, output)

    @property
    def _link(self) -> Link:
        return Link(self._name, self._output)


class Graph:
    """Nodes and their links. From a file: `Graph.load(path)`; from Python: `Graph(frames=...)` and `add`."""

    def __init__(self, frames: str | Iterable[int] | None = None, *, file: str = "") -> None:
        self.file = file
        self.frames: tuple[int, ...] | None = None
        if frames is not None:
            self.frames = parse_frames(frames) if isinstance(frames, str) else tuple(frames)
        self.vertices: dict[str, Vertex] = {}
        self.subgraphs: dict[str, tuple[str, ...]] = {}  # nodes that are graph files -> their outputs
        self._topology: nx.MultiDiGraph | None = None

    @classmethod
    def load(cls, path: str | Path, *, variables: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None) -> Graph:
        """Read and check a graph file. `variables` are `--var`, `settings` are `--set` ("node.param" -> value).

        GraphError holds every fault, each with its line and column.
        """
        document = graphfile.read_document(str(path))
        return Builder(document, dict(variables or {}), dict(settings or {})).build()

    def add(self, node: Node, name: str = "", **links: Any) -> Handle:
        """Add a node; keywords link its inputs to handles (a list of handles where an input takes many)."""
        cls = type(node)
        if not name:
            base = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.type_name).lower()
            name = base if base not in self.vertices else next(f"{base}{i}" for i in range(2, 100_000) if f"{base}{i}" not in self.vertices)
        if name in self.vertices:
            raise UsageError(f"the graph already has a node {name!r}")
        made: dict[str, tuple[Link, ...]] = {}
        for socket_name, given in links.items():
            handles = list(given) if isinstance(given, list | tuple) else [given]
            for handle in handles:
                if not isinstance(handle, Handle) or handle._graph is not self:
                    raise UsageError(f"{name}.{socket_name}: link a node of this graph (what add() returned), not {type(handle).__name__}")
            made[socket_name] = tuple(handle._link for handle in handles)
        self._insert(Vertex(name, node, made))
        faults = [Fault(message, node=name) for _, message in link_faults(self, self.vertices[name])]
        faults += [Fault(m, node=name) for m in node.faults(frozenset(made), len(self.frames or ()))]
        if faults:
            del self.vertices[name]
            raise GraphError(faults)
        return Handle(self, name, next(iter(node.outputs()), ""))

    def _insert(self, vertex: Vertex) -> None:
        self.vertices[vertex.name] = vertex
        self._topology = None

    def run(self, **options: Any) -> Result:
        """Run on this machine; the options are those of `rotonodes.engine.run` (`frames`, `nodes`, `device`, `root`, ...)."""
        from rotonodes.engine import run

        return run(self, **options)

    @property
    def topology(self) -> nx.MultiDiGraph:
        """The nodes' names as a networkx graph, an edge for each link with its `input` and `output`."""
        if self._topology is None:
            import networkx as nx

            topology: nx.MultiDiGraph = nx.MultiDiGraph()
            topology.add_nodes_from(self.vertices)
            for vertex in self.vertices.values():
                for input_name, link in vertex.all_links():
                    if link.node in self.vertices:
                        topology.add_edge(link.node, vertex.name, input=input_name, output=link.output)
            self._topology = topology
        return self._topology

    def order(self) -> list[str]:
        """Names in topological order; equals keep the order of the file."""
        import networkx as nx

        place = {name: i for i, name in enumerate(self.vertices)}
        return list(nx.lexicographical_topological_sort(self.topology, key=place.__getitem__))

    def upstream(self, names: Iterable[str]) -> set[str]:
        """The names and everything they are made from."""
        import networkx as nx

        wanted = set(names)
        return wanted.union(*(nx.ancestors(self.topology, name) for name in wanted)) if wanted else set()

    def source_of(self, link: Link) -> Link:
        """The link with disabled nodes stepped over: a disabled node hands on its first linked input."""
        while link.node in self.vertices and self.vertices[link.node].disabled:
            links = next(iter(self.vertices[link.node].links.values()), ())
            if not links:
                break
            link = links[0]
        return link

    def output_types(self, link: Link, broken: AbstractSet[str] = frozenset()) -> tuple[type, ...] | None:
        """The types a link may carry; None when it cannot be told (it hangs on a broken node)."""
        link = self.source_of(link)
        if link.node in broken or link.node not in self.vertices:
            return None
        vertex = self.vertices[link.node]
        kind = vertex.node.outputs().get(link.output)
        if not isinstance(kind, TypeVar):
            return None if kind is None else (kind,)
        for name, socket in type(vertex.node).signature.inputs.items():
            if socket.variable is kind and vertex.links.get(name):
                given = self.output_types(vertex.links[name][0], broken)
                # What does not fit there is a fault there, and not once more here.
                return tuple(k for k in given or () if issubclass(k, socket.types)) or None
        return tuple(kind.__constraints__)

    def outputs_of(self, name: str) -> Iterable[str]:
        return self.vertices[name].node.outputs()

    def sinks(self) -> list[str]:
        """What a run delivers: nodes that write, and nodes whose outputs nobody takes."""
        used = {self.source_of(link).node for v in self.vertices.values() if not v.disabled for _, link in v.all_links()}
        return [n for n, v in self.vertices.items() if not v.disabled and (type(v.node).is_writer() or n not in used)]


def link_faults(
    graph: Graph, vertex: Vertex, broken: AbstractSet[str] = frozenset(), outside: AbstractSet[str] = frozenset()
) -> Iterator[tuple[str, str]]:
    """(input, message) for every link of a node that cannot be: unknown ends, wrong types, missing inputs.

    Links to `broken` nodes are not judged: what is wrong with them is said elsewhere. Inputs in `outside` are linked by the
    graph that uses this one.
    """
    sockets = type(vertex.node).signature.inputs
    for name, links in vertex.links.items():
        socket = sockets.get(name)
        if socket is None:
            has = f"it has {', '.join(sockets)}" if sockets else "it has none"
            yield name, f"{type(vertex.node).type_name} has no input {name!r}{did_you_mean(name, sockets)}; {has}"
            continue
        if len(links) > 1 and not socket.many:
            yield name, f"the input {name!r} takes one link, not {len(links)}"
        for link in links:
            message = "" if link.node.partition("/")[0] in broken else one_link_fault(graph, socket, link, broken)
            if message:
                yield name, message
    misnamed = any(name not in sockets for name in vertex.links)  # that is why a required one is missing
    for name, socket in sockets.items():
        if socket.required and name not in {*vertex.links, *outside} and not vertex.disabled and not misnamed:
            yield "", f"the input {name!r} ({socket.type_names()}) is missing: link it with in:"


def one_link_fault(graph: Graph, socket: Socket, link: Link, broken: AbstractSet[str]) -> str:
    """What is wrong with one link, or nothing."""
    if link.node in graph.subgraphs:
        gives = graph.subgraphs[link.node]
        return f"{link.node} has no output {link.output!r}{did_you_mean(link.output, gives)}; it has {', '.join(gives) or 'none'}"
    if link.node not in graph.vertices:
        return f"there is no node {link.node!r}{did_you_mean(link.node, graph.vertices)}"
    outputs = graph.vertices[link.node].node.outputs()
    if link.output not in outputs:
        has = f"it has {', '.join(list(outputs)[:12])}" if outputs else "it has none"
        return f"{link.node} has no output {link.output!r}{did_you_mean(link.output, outputs)}; {has}"
    kinds = graph.output_types(link, broken)
    if kinds is None or any(issubclass(kind, socket.types) for kind in kinds):
        return ""
    given = " or ".join(kind.__name__ for kind in kinds)
    return f"the input {socket.name!r} takes {socket.type_names()}, but {link.node}.{link.output} is {given}"


class Builder:
    """Builds a Graph from a document, gathering every fault before it gives up."""

    def __init__(self, document: Document, variables: dict[str, Any], settings: dict[str, Any], trail: tuple[str, ...] = ()) -> None:
        self.document, self.settings, self.trail = document, settings, (*trail, str(Path(document.file).resolve()))
        self.overrides = variables
        self.faults: list[Fault] = list(document.faults)
        self.broken: set[str] = set()  # nodes with faults of their own: what hangs on them is not judged
        self.outputs: dict[str, dict[str, Link]] = {}  # of subgraph nodes: output -> inner link
        self.inputs: dict[str, dict[str, list[tuple[str, str]]]] = {}  # of subgraph nodes: input -> inner (node, input)

    def build(self) -> Graph:
        graph = self.assemble()
        if self.faults:
            raise GraphError(sorted(self.faults, key=lambda f: (f.line, f.column)))
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
            if key not in _TOP:
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
            return parse_frames(str(self.variables.fill(text if isinstance(text, str) else str(text))))
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
        elif not isinstance(body.get("type"), str):
            self.fault("`type:` is missing: which kind of node is it?", *place, "type", node=name)
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
        values = self.parameters(name, body)
        before = len(self.faults)
        values = {p: v for p, v in values.items() if self.check_value(cls, name, p, v)}
        missing_already = {f.message for f in self.faults[before:]}
        for parameter, message in parameter_faults(cls, values):
            at = (parameter,) if parameter in body else ()
            if not (missing_already and "is missing" in message):
                self.fault(message, "nodes", name, *at, node=name)
        # A node with wrong parameters stands in without them, so that its links are judged all the same.
        node = cls(**values) if len(self.faults) == before else cls.model_construct()
        graph._insert(Vertex(name, node, self.links(name, body, cls), **self.flags(name, body)))

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
            values[setting.partition(".")[2]] = self.settings.pop(setting)
        return values

    def check_value(self, cls: type[Node], name: str, parameter: str, value: Any) -> bool:
        """Faults that read better said here than by pydantic: unknown names, empty values, comments by accident."""
        place = ("nodes", name, parameter)
        if parameter not in cls.model_fields:
            if parameter in cls.signature.inputs:
                message = f"{parameter!r} is an input, not a parameter: write it under in:"
            else:
                has = f"; it has {', '.join(cls.model_fields)}" if cls.model_fields else "; it has none"
                hint = did_you_mean(parameter, cls.model_fields)
                message = f"{cls.type_name} has no parameter {parameter!r}{hint or has}"
            self.fault(message, *place, node=name, key=True)
            return False
        comment = self.comment_after(place)
        if re.match(r"#+(\.|\s*$|[\w/])", comment) and (value is None or (isinstance(value, str) and "##" in comment)):
            self.fault(f'{comment.split()[0]!r} is a comment to YAML: put the value in quotes, {parameter}: "..."', *place, node=name)
            return False
        if (
            value is None
            and parameter_faults(cls, {parameter: None})
            and any(p == parameter for p, _ in parameter_faults(cls, {parameter: None}))
        ):
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
        outside = self.linked_outside(graph) if self.trail[:-1] else {}
        for name, vertex in graph.vertices.items():
            top = name.partition("/")[0]  # the node in this file: itself, or the subgraph it came with
            if top != name and top in self.broken:
                continue
            for key, message in link_faults(graph, vertex, self.broken | cyclic, outside.get(name, frozenset())):
                at = ("in", key) if key and isinstance(nodes.get(name, {}).get("in"), dict) else (("in",) if key else ())
                self.fault(message, "nodes", top, *at, node=name)
            if name not in self.broken and not vertex.disabled:
                linked = frozenset(vertex.links) | outside.get(name, frozenset())
                for message in vertex.node.faults(linked, len(graph.frames or ())):
                    self.fault(message, "nodes", top, node=name)

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
                found[node] = found.get(node, frozenset()) | {socket}
        return found

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
        for knot in nx.strongly_connected_components(graph.topology):
            first = min(knot, key=list(graph.vertices).index)
            if len(knot) > 1 or graph.topology.has_edge(first, first):
                way = [edge[0] for edge in nx.find_cycle(graph.topology.subgraph(knot), first)]
                way = way[way.index(first) :] + way[: way.index(first)] if first in way else way
                self.fault(f"the links run in a circle: {' -> '.join([*way, way[0]])}", "nodes", first, "in", node=first)
                on_cycle |= knot
        return on_cycle

    # Graphs within graphs.

    def add_subgraph(self, graph: Graph, name: str, body: dict[str, Any]) -> None:
        """Put another graph file's nodes in, named `name/inner`; parameters set that file's variables."""
        path = Path(self.document.file).parent / body["type"]
        place = ("nodes", name, "type")
        if str(path.resolve()) in self.trail or len(self.trail) > MOST_SUBGRAPHS:
            self.fault(f"the graph file {body['type']} contains itself", *place, node=name)
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
        for key in sockets:
            if key not in (given or {}):
                self.fault(f"the input {key!r} is missing: link it with in:", "nodes", name, node=name)
        outputs = {key: target for key, (target, *_) in sockets_of(document.data, "outputs").items()}
        inner_links = {key: Link(f"{name}/{target.partition('.')[0]}", target.partition(".")[2]) for key, target in outputs.items()}
        self.outputs[name] = {key: self.resolve(graph, link) for key, link in inner_links.items()}
        graph.subgraphs[name] = tuple(outputs)

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


def select(graph: Graph, names: Sequence[str]) -> list[str]:
    """Check the names given to -X; UsageError for one that is not there. All sinks when none is given."""
    for name in names:
        if name not in graph.vertices:
            raise UsageError(f"-X {name}: the graph has no node {name!r}{did_you_mean(name, graph.vertices)}")
    return list(names) or graph.sinks()
