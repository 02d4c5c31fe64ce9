"""A graph file's text as the page shows it: nodes, links, parameters as written, and each fault on the node it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from rotonodes.errors import Fault, GraphError, RotoError
from rotonodes.graph.builder import Builder, Shared, is_graph_file
from rotonodes.graph.document import Document, parse_document
from rotonodes.graph.graph import Graph, Link
from rotonodes.graph.value_check import RESERVED
from rotonodes.node.catalogue import find_node
from rotonodes.page.node_types import inputs_data, kinds_of, socket_data
from rotonodes.values.frames import format_frames


@dataclass
class GraphState:
    """What a text says. `graph` holds the nodes that could be made; those in `broken`, and what is made from them, make no picture.

    `readable` is False for a text that is no graph file at all: then `data` is empty, and `faults` say why.
    """

    text: str
    graph: Graph
    data: Mapping[str, Any] = field(default_factory=dict)
    document: Document | None = None
    faults: list[Fault] = field(default_factory=list)
    broken: frozenset[str] = frozenset()
    readable: bool = True


def read_state(
    text: str, file: str, variables: Mapping[str, Any], settings: Mapping[str, Any], refusal: Callable[[str], str] = lambda path: ""
) -> GraphState:
    """The state of a text; nothing is raised for faults. `variables` are `--var`, `settings` `--set`; `refusal` says why a graph file
    may not be read."""
    graph = Graph(file=file)
    try:
        document = parse_document(text, file)
        builder = Builder(document, dict(variables), dict(settings), shared=Shared(refusal))
        builder.assemble(graph)
    except GraphError as error:
        return GraphState(text, graph, faults=error.faults, readable=False)
    once = {str(fault): fault for fault in _own_faults(builder, document, file)}
    faults = sorted(once.values(), key=lambda fault: (fault.line, fault.column))
    broken = frozenset({*builder.broken, *(fault.node for fault in faults if fault.node)})
    return GraphState(text, graph, document.data, document, faults, broken)


def _own_faults(builder: Builder, document: Document, file: str) -> Iterator[Fault]:
    """The faults of a file; one that lies in another graph file is the fault of the node that uses that file."""
    yield from (fault for fault in builder.faults if fault.file == file)
    inside = [fault for fault in builder.faults if fault.file != file]
    nodes = document.data.get("nodes")
    for name, body in nodes.items() if inside and isinstance(nodes, dict) else ():
        if name in builder.broken and is_graph_file(body):
            stem = PurePath(body["type"]).name
            yield from (
                document.fault(str(fault), "nodes", name, "type", node=name) for fault in inside if PurePath(fault.file).name == stem
            )


def state_data(state: GraphState, positions: Mapping[str, Any]) -> dict[str, Any]:
    """The state as JSON data for the page, in the order of the file."""
    nodes = state.data.get("nodes")
    bodies = nodes if isinstance(nodes, dict) else {}
    by_node: dict[str, list[Fault]] = {}
    for fault in state.faults:
        by_node.setdefault(fault.node.partition("/")[0], []).append(fault)
    graph = state.graph
    return {
        "frames": state.data.get("frames"),
        "shot": format_frames(graph.frames or ()),
        "fps": next(filter(_is_number, (getattr(vertex.node, "fps", None) for vertex in graph.vertices.values())), 24),
        "variables": state.data.get("vars") if isinstance(state.data.get("vars"), dict) else {},
        "nodes": [_node_data(state, name, body, by_node.get(name, []), positions.get(name)) for name, body in bodies.items()],
        "faults": [fault_data(fault) for fault in by_node.get("", []) if not fault.node]
        + [fault_data(fault) for name, found in by_node.items() if name and name not in bodies for fault in found],
        "readable": state.readable,
        "text": state.text,
    }


def fault_data(fault: Fault) -> dict[str, Any]:
    return {"message": fault.message, "line": fault.line, "column": fault.column, "node": fault.node, "file": fault.file}


def _node_data(state: GraphState, name: str, body: Any, faults: list[Fault], position: Any) -> dict[str, Any]:
    given: Mapping[str, Any] = body if isinstance(body, dict) else {}
    line, column = (state.document.key_marks.get(("nodes", name), (0, 0))) if state.document is not None else (0, 0)
    found: dict[str, Any] = {"name": name, "type": given.get("type"), "line": line, "column": column, "position": position}
    found["params"] = {key: value for key, value in given.items() if key not in RESERVED}
    found["disabled"], found["label"] = given.get("disable") is True, given.get("label") or ""
    found["links"] = _links(state, given)
    found["faults"] = [fault_data(fault) for fault in faults]
    found["outputs"] = _outputs(state, name)
    cls = None if is_graph_file(given) else find_node(str(given.get("type")))
    inside = state.graph.subgraph_inputs.get(name, {})
    subgraph = [{"name": key, **_inner_kinds(state, at), "optional": False, "many": False} for key, at in inside.items()]
    found["inputs"] = subgraph if cls is None else inputs_data(cls)
    found["category"] = "graph" if is_graph_file(given) else cls.category if cls is not None else ""
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _inner_kinds(state: GraphState, places: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """The kinds that an input of a graph file takes: those of the first inner node's."""
    for node, socket in places:
        vertex = state.graph.vertices.get(node)
        found = type(vertex.node).signature.inputs.get(socket) if vertex is not None else None
        if found is not None:
            data = socket_data("", found.types)
            return {"kind": data["kind"], "kinds": data["kinds"]}
    return {"kind": "", "kinds": []}


def _links(state: GraphState, body: Mapping[str, Any]) -> dict[str, Any]:
    """Input -> its link with the output written out, or a list of them. What is no link is left out; its fault says so."""
    given = body.get("in")
    if given is None:
        return {}
    if not isinstance(given, dict):
        cls = find_node(str(body.get("type"))) if not is_graph_file(body) else None
        given = {next(iter(cls.signature.inputs), "in") if cls is not None else "in": given}
    found: dict[str, Any] = {}
    for key, value in given.items():
        links = [whole_link(state.graph, one) for one in (value if isinstance(value, list) else [value]) if isinstance(one, str) and one]
        if links:
            found[key] = links if isinstance(value, list) else links[0]
    return found


def whole_link(graph: Graph, text: str) -> str:
    """`roto.labels` for `roto`: a link with its default output."""
    node, dot, _ = text.partition(".")
    if dot:
        return text
    if node in graph.subgraphs:
        return f"{node}.{next(iter(graph.subgraphs[node]), '')}".rstrip(".")
    vertex = graph.vertices.get(node)
    try:
        output = next(iter(vertex.node.outputs()), "") if vertex is not None else ""
    except (RotoError, AttributeError):  # a node whose parameters have faults may not tell its outputs
        output = ""
    return f"{node}.{output}" if output else node


def _outputs(state: GraphState, name: str) -> list[dict[str, Any]]:
    """The outputs of a node with what they carry here; those of its type where it has faults."""
    graph = state.graph
    if name in graph.subgraphs:
        return [socket_data(key, graph.output_types(link, state.broken) or ()) for key, link in graph.subgraphs[name].items()]
    vertex = graph.vertices.get(name)
    if vertex is None:
        return []
    try:
        outputs = dict(vertex.node.outputs())
    except (RotoError, AttributeError):
        outputs = dict(type(vertex.node).signature.outputs)
    found = []
    for key, kind in outputs.items():
        known = None if name in state.broken else graph.output_types(Link(name, key), state.broken)
        found.append(socket_data(key, known or kinds_of(kind)))
    return found
