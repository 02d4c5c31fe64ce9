"""The graph: nodes and their links, the types that links carry, and the order of the nodes (networkx)."""

from __future__ import annotations

import heapq
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rotonodes.errors import Fault, GraphError, PlanFault, UsageError, did_you_mean, listed
from rotonodes.graph.advice import FromVariables, advised
from rotonodes.node.base import Node
from rotonodes.node.outputs import NoOutput
from rotonodes.node.signature import Socket
from rotonodes.values.frames import format_frames, frame_numbers, parse_frames

if TYPE_CHECKING:
    import networkx as nx


class Link(NamedTuple):
    """The source of an input: an output of a node."""

    node: str
    output: str


@dataclass(frozen=True)
class Vertex:
    """A node in its graph: its links by input, and its settings in the graph file (`disable`, `label`, `cache`)."""

    name: str
    node: Node
    links: Mapping[str, tuple[Link, ...]] = field(default_factory=dict)
    disabled: bool = False
    label: str = ""
    cache: bool | None = None
    place: str = ""  # `file:line:column` of its input path, else of its name
    sources: tuple[FromVariables, ...] = ()  # parameters that come from variables of the graph

    def all_links(self) -> Iterator[tuple[str, Link]]:
        """(input, link) of every link."""
        for name, links in self.links.items():
            for link in links:
                yield name, link

    def line(self, message: str) -> str:
        """A fault of the node in one line: `file:line:column: node: message`."""
        return (f"{self.place}: " if self.place else "") + f"{self.name}: {self.advised(message)}"

    def advised(self, message: str) -> str:
        """A message of the node that names the graph's variables where it is about a parameter that comes from them."""
        return advised(message, self.name, self.sources)

    def located(self, error: UsageError) -> UsageError:
        """An error that a method of the node raised, with its place in front, where it has none yet."""
        if error.placed:
            return error
        made = (PlanFault if isinstance(error, PlanFault) else UsageError)(self.line(str(error)))
        made.placed = True
        return made

    @property
    def keeps(self) -> bool:
        """True when its outputs are kept in the cache: as the graph says, else as the class says."""
        return type(self.node).cached if self.cache is None else self.cache


class Handle:
    """A node of a graph under construction; its attributes (or items) are its outputs."""

    def __init__(self, graph: Graph, name: str, output: str) -> None:
        self._graph, self._name, self._output = graph, name, output  # private: every other attribute is an output

    def __getattr__(self, output: str) -> Handle:
        if output.startswith("__"):
            raise AttributeError(output)
        return self[output]

    def __getitem__(self, output: str) -> Handle:
        outputs = self._graph.vertices[self._name].node.outputs()
        if output not in outputs:
            raise NoOutput(f"{self._name} has no output {output!r}{did_you_mean(output, outputs)}; it has {', '.join(outputs)}")
        return Handle(self._graph, self._name, output)

    def __repr__(self) -> str:
        return f"Handle({self._name}{'.' if self._output else ''}{self._output})"

    @property
    def _link(self) -> Link:
        return Link(self._name, self._output)


def check_is_node(given: Any) -> None:
    """Raise UsageError for what is no node, such as a node's class."""
    if isinstance(given, type) and issubclass(given, Node):
        raise UsageError(f"add takes a node, not the class {given.__name__}: write {given.__name__}(...)")
    if not isinstance(given, Node):
        raise UsageError(f"add takes a node, not {type(given).__name__}")


def frames_or_auto(text: str) -> tuple[int, ...] | None:
    """The frames of a graph from their text; None for `auto`: the frames on disk. Raises UsageError for a wrong range."""
    return None if text.strip().lower() == "auto" else parse_frames(text)


class Graph:
    """Nodes and their links: `Graph(frames=...)` and `add`. `rotonodes.Graph` can also be loaded from a file, and run.

    `frames` are the frames of the shot, as text ("1-24") or numbers; without it, or with "auto", they come from disk.
    """

    def __init__(self, frames: str | int | Iterable[int] | None = None, *, file: str = "") -> None:
        self.file = file
        self.frames: tuple[int, ...] | None = None
        if frames is not None:
            self.frames = frames_or_auto(frames) if isinstance(frames, str) else frame_numbers(frames)
        self.vertices: dict[str, Vertex] = {}
        self.subgraphs: dict[str, dict[str, Link]] = {}  # nodes that are graph files: output -> the output inside
        self.subgraph_inputs: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {}  # the same: input -> (node, input) inside
        self.graph_files: Collection[str] = ()  # the graph files that are nodes of it, at any depth
        self.data: dict[str, Any] = {}  # `files`, `inputs` and `outputs` as the file has them
        self.open_inputs: tuple[str, ...] = ()  # inputs that a graph which uses this one as a node must link
        self._topology: nx.MultiDiGraph | None = None
        self._types: dict[Link, tuple[type, ...]] = {}  # types of links, as far as they are known
        self._numbered: dict[str, int] = {}  # base of generated names -> the first number that may be free

    def add(self, node: Node, name: str = "", **links: Any) -> Handle:
        """Add a node; keywords link its inputs to handles (a list of handles where an input takes many).

        Raises GraphError for links that do not fit, UsageError for a name that is taken or a link that is not a handle.
        """
        check_is_node(node)
        cls = type(node)
        if not name:
            name = self._free_name(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.type_name).lower())
        if name in self.vertices:
            raise UsageError(f"the graph already has a node {name!r}")
        made: dict[str, tuple[Link, ...]] = {}
        for socket_name, given in links.items():
            handles = list(given) if isinstance(given, list | tuple) else [given]
            for handle in handles:
                if not isinstance(handle, Handle) or handle._graph is not self:
                    raise UsageError(f"{name}.{socket_name}: link a node of this graph (what add() returned), not {type(handle).__name__}")
            made[socket_name] = tuple(handle._link for handle in handles)
        self.insert(Vertex(name, node, made))
        faults = [Fault(message, node=name) for _, message in link_faults(self, self.vertices[name])]
        faults += [Fault(m, node=name) for m in node.faults(frozenset(made), 1 if self.frames is None else len(self.frames))]
        if faults:
            del self.vertices[name]
            raise GraphError(faults)
        return Handle(self, name, next(iter(node.outputs()), ""))

    def __repr__(self) -> str:
        frames = "frames on disk" if self.frames is None else f"frames {format_frames(self.frames) or 'none'}"
        return f"Graph({len(self.vertices)} nodes, {frames}{', ' if self.file else ''}{self.file})"

    def insert(self, vertex: Vertex) -> None:
        """Add a vertex, or replace the one of that name; its links are not checked."""
        if vertex.name in self.vertices:
            self._types.clear()  # a new one changes no type that is known
        self.vertices[vertex.name] = vertex
        self._topology = None

    def _free_name(self, base: str) -> str:
        """`base`, or `base2`, `base3`, ... where that is taken. The search goes on where the last one for this base ended."""
        if base not in self.vertices:
            return base
        number = self._numbered.get(base, 2)
        while f"{base}{number}" in self.vertices:
            number += 1
        self._numbered[base] = number
        return f"{base}{number}"

    @property
    def topology(self) -> nx.MultiDiGraph:
        """The node names as a networkx graph, with an edge for each link that has its `input` and `output`."""
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
        """Names in topological order; nodes that do not depend on each other keep the order of the file. Without those on cycles."""
        names = list(self.vertices)
        place = {name: i for i, name in enumerate(names)}
        waiting = [0] * len(names)  # links from nodes that are not in the order yet
        users: list[list[int]] = [[] for _ in names]
        for at, vertex in enumerate(self.vertices.values()):
            for _, link in vertex.all_links():
                if link.node in place:
                    waiting[at] += 1
                    users[place[link.node]].append(at)
        ready = [at for at, count in enumerate(waiting) if not count]  # rising, so it is a heap
        found: list[str] = []
        while ready:
            first = heapq.heappop(ready)
            found.append(names[first])
            for at in users[first]:
                waiting[at] -= 1
                if not waiting[at]:
                    heapq.heappush(ready, at)
        return found

    def upstream(self, names: Iterable[str]) -> set[str]:
        """The names, and the names of all nodes that they depend on."""
        stack = list(names)
        found = set(stack)
        while stack:
            vertex = self.vertices.get(stack.pop())
            for _, link in vertex.all_links() if vertex is not None else ():
                if link.node in self.vertices and link.node not in found:
                    found.add(link.node)
                    stack.append(link.node)
        return found

    def source_of(self, link: Link) -> Link:
        """The link with disabled nodes bypassed: a disabled node passes on its first linked input."""
        seen: set[str] = set()  # disabled nodes may form a cycle
        while link.node in self.vertices and self.vertices[link.node].disabled and link.node not in seen:
            seen.add(link.node)
            links = next(iter(self.vertices[link.node].links.values()), ())
            if not links:
                break
            link = links[0]
        return link

    def output_types(self, link: Link, broken: AbstractSet[str] = frozenset()) -> tuple[type, ...] | None:
        """The types that a link may carry; None when they are unknown (it depends on a broken node)."""
        start = link
        fits: list[tuple[type, ...]] = []  # types accepted by the nodes on the way whose output has the type of their input
        while True:
            link = self.source_of(link)
            if link.node in broken or link.node not in self.vertices:
                return None
            if link in self._types:
                kinds = self._types[link]
                break
            vertex = self.vertices[link.node]
            kind = vertex.node.outputs().get(link.output)
            if not isinstance(kind, TypeVar):
                kinds = () if kind is None else (kind,)
                break
            sockets = type(vertex.node).signature.inputs
            handed = next((s for n, s in sockets.items() if s.variable is kind and vertex.links.get(n)), None)
            if handed is None:
                kinds = tuple(kind.__constraints__)
                break
            fits.append(handed.types)
            link = vertex.links[handed.name][0]
        # A type that does not fit on the way is reported there, not here a second time.
        carried = tuple(k for k in kinds if all(issubclass(k, types) for types in fits))
        if carried:
            self._types[start] = carried  # or a chain of thousands would be walked from each of its links
        return carried or None

    def outputs_of(self, name: str) -> Iterable[str]:
        """The output names of a node; the first is the default output."""
        return self.vertices[name].node.outputs()

    def sinks(self) -> list[str]:
        """The nodes that a run delivers: writers, and unused nodes whose results are kept (a training).

        In a graph without writers, every node that no other node uses.
        """
        used = {self.source_of(link).node for v in self.vertices.values() if not v.disabled for _, link in v.all_links()}
        writers = {n for n, v in self.vertices.items() if not v.disabled and type(v.node).is_writer()}
        unused = [n for n, v in self.vertices.items() if not v.disabled and n not in used and (v.keeps or not writers)]
        return [n for n in self.vertices if n in writers or n in unused]

    def links_of(self, target: str) -> list[Link]:
        """The links that `node` or `node.output` names: one, or every output of a graph within the graph.

        Raises UsageError, which lists the names there are, when there is no such node or output.
        """
        name, _, output = target.partition(".")
        if name not in self.vertices and name not in self.subgraphs:
            known = [n for n in (*self.vertices, *self.subgraphs) if "/" not in n]
            raise UsageError(f"the graph has no node {name!r}{did_you_mean(name, known)}; it has {', '.join(known)}")
        inside = self.subgraphs.get(name)
        outputs = list(self.outputs_of(name)) if inside is None else list(inside)
        if output and output not in outputs:
            raise UsageError(f"{name} has no output {output!r}{did_you_mean(output, outputs)}; it has {', '.join(outputs) or 'none'}")
        if inside is not None:
            return [inside[output]] if output else list(inside.values())
        return [Link(name, output or next(iter(outputs), ""))]


def link_faults(
    graph: Graph, vertex: Vertex, broken: AbstractSet[str] = frozenset(), outside: Mapping[str, AbstractSet[str]] | None = None
) -> Iterator[tuple[str, str]]:
    """(input, message) for every faulty link of a node: unknown nodes and outputs, wrong types, missing inputs.

    Links from `broken` nodes are not checked: their own faults are reported. `outside` has the inputs of nodes that are linked
    by the graph that uses this one.
    """
    outside = outside or {}
    sockets = type(vertex.node).signature.inputs
    for name, links in vertex.links.items():
        socket = sockets.get(name)
        if socket is None:
            has = f"{did_you_mean(name, sockets)}; it has {', '.join(sockets) or 'none'}"
            if name in type(vertex.node).moved:
                has = f": {type(vertex.node).moved[name]}"
            yield name, f"{type(vertex.node).type_name} has no input {name!r}{has}"
            continue
        if len(links) > 1 and not socket.many:
            yield name, f"the input {name!r} takes one link, not {len(links)}"
        for link in links:
            message = "" if link.node.partition("/")[0] in broken else one_link_fault(graph, socket, link, broken, outside)
            if message:
                yield name, message
    misnamed = any(name not in sockets for name in vertex.links)  # the reason why a required input is missing
    for name, socket in sockets.items():
        if socket.required and name not in {*vertex.links, *outside.get(vertex.name, ())} and not vertex.disabled and not misnamed:
            yield "", f"the input {name!r} ({socket.type_names()}) is missing: link it with in:"


def one_link_fault(graph: Graph, socket: Socket, link: Link, broken: AbstractSet[str], outside: Mapping[str, AbstractSet[str]]) -> str:
    """The fault of one link, or an empty text."""
    if link.node in graph.subgraphs:
        gives = graph.subgraphs[link.node]
        return f"{link.node} has no output {link.output!r}{did_you_mean(link.output, gives)}; it has {', '.join(gives) or 'none'}"
    if link.node not in graph.vertices:
        return f"there is no node {link.node!r}{did_you_mean(link.node, graph.vertices)}"
    outputs = graph.vertices[link.node].node.outputs()
    if link.output not in outputs:
        has = f"it has {listed(outputs, 12)}" if outputs else "it has none"
        return f"{link.node} has no output {link.output!r}{did_you_mean(link.output, outputs)}; {has}"
    source = graph.source_of(link)
    if source.node in graph.vertices and graph.vertices[source.node].disabled:
        if source.node in outside:
            return ""  # its input is linked by the graph that uses this one
        return f"it comes from {source.node}, which is disabled and has no input to pass on"
    kinds = graph.output_types(link, broken)
    if kinds is None or any(issubclass(kind, socket.types) for kind in kinds):
        return ""
    given = " or ".join(kind.__name__ for kind in kinds)
    return f"the input {socket.name!r} takes {socket.type_names()}, but {link.node}.{link.output} is {given}"


def select(graph: Graph, names: Sequence[str]) -> list[Link]:
    """The outputs that -X names (`node` or `node.output`), disabled nodes bypassed. Raises UsageError for unknown names."""
    try:
        chosen = [graph.source_of(link) for name in names for link in graph.links_of(name)]
    except UsageError as error:
        raise UsageError(f"-X: {error}") from None
    return list(dict.fromkeys(chosen))
