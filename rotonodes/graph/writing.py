"""The text of a graph file: from data, as everyday jobs make it, and of a graph."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rotonodes.graph.document import scalar
from rotonodes.graph.graph import Graph, Link, Vertex
from rotonodes.graph.job_files import declared
from rotonodes.graph.linking import inner_inputs, sockets_of
from rotonodes.node.parameters import changed_parameters
from rotonodes.values.frames import format_frames, parse_frames

LINE = 140  # characters
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*")  # text that needs no quotes in YAML, unless it is `true`, `null` and the like
_DOLLAR = re.compile(r"\$(?!(?:F\d*|pass)(?![A-Za-z0-9_]))")  # one that would begin a variable; $F4 and $pass stay as they are


def graph_text(frames: str, nodes: Mapping[str, Mapping[str, Any]], more: Mapping[str, Any] | None = None) -> str:
    """The text of a graph file. Empty `frames` stands for all frames on disk.

    A node is one line where it fits, else a line for each of its fields. A `$` in values is escaped, since a job's graph has no
    variables. `more` are further entries of the file: `files`, `inputs`, `outputs`.
    """
    lines = ["rotonodes: 1", *([f"frames: {_flow(frames)}"] if frames else []), "nodes:"]
    for name, fields in nodes.items():
        line = f"  {name}: {_flow(dict(fields))}"
        lines += [line] if len(line) <= LINE else [f"  {name}:", *_block(fields, "    ")]
    for name, value in (more or {}).items():
        line = f"{name}: {_flow(value)}"
        lines += [line] if len(line) <= LINE or not isinstance(value, dict) else [f"{name}:", *_block(value, "  ")]
    return "\n".join(lines) + "\n"


def _block(fields: Mapping[str, Any], indent: str) -> Iterator[str]:
    """A mapping with a line for each entry, and mappings in it that are too long for a line likewise."""
    for key, value in fields.items():
        line = f"{indent}{_flow(key)}: {_flow(value)}"
        if len(line) <= LINE or not isinstance(value, dict):
            yield line
        elif len(f"{indent}  {_flow(value)}") <= LINE:
            yield from (f"{indent}{_flow(key)}:", f"{indent}  {_flow(value)}")
        else:
            yield f"{indent}{_flow(key)}:"
            yield from _block(value, indent + "  ")


def _flow(value: Any) -> str:
    """A value as YAML on one line: words as they are, other text in quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_flow(key)}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, str) and _WORD.fullmatch(value) and scalar(value) == value:
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return _DOLLAR.sub("$$", json.dumps(value, ensure_ascii=False))


def graph_yaml(graph: Graph) -> str:
    """The text of a graph: only values that are not defaults; variables are filled in, graphs within the graph written out.

    What it reads back as is the same graph. A node of a graph within the graph, `sub/crop`, is called `sub_crop`.
    """
    names = _plain_names(graph)
    nodes = {names[name]: _node(graph, vertex, names) for name, vertex in graph.vertices.items()}
    return graph_text(_frames(graph.frames), nodes, _sockets(graph, names))


def _frames(frames: tuple[int, ...] | None) -> str:
    """Frames as a graph writes them, in their order; empty where they come from disk."""
    text = format_frames(frames or ())
    return text if not frames or parse_frames(text) == frames else ",".join(map(str, frames))


def _plain_names(graph: Graph) -> dict[str, str]:
    """Each node's name -> its name in the text, where a `/` is not allowed."""
    names = {name: name for name in graph.vertices if "/" not in name}
    for name in graph.vertices:
        plain = name.replace("/", "_")
        while name not in names:
            if plain not in names.values():
                names[name] = plain
            plain += "_"
    return names


def _node(graph: Graph, vertex: Vertex, names: Mapping[str, str]) -> dict[str, Any]:
    """One node as data: type, links, parameters that are not defaults, settings."""
    cls = type(vertex.node)
    fields: dict[str, Any] = {"type": cls.type_name if cls.version == 1 else f"{cls.type_name}.{cls.version}"}
    links = {key: [_target(graph, link, names) for link in given] for key, given in vertex.links.items() if given}
    written = {key: given[0] if len(given) == 1 else given for key, given in links.items()}
    if written:
        only_first = list(written) == [next(iter(cls.signature.inputs), "")]
        fields["in"] = next(iter(written.values())) if only_first else written
    fields |= vertex.node.model_dump(include={name for name, _ in changed_parameters(vertex.node)})
    settings = {"disable": vertex.disabled or None, "label": vertex.label or None, "cache": vertex.cache}
    return fields | {key: value for key, value in settings.items() if value is not None}


def _target(graph: Graph, link: Link, names: Mapping[str, str]) -> str:
    only = list(graph.outputs_of(link.node)) == [link.output]
    return names[link.node] + ("" if only else f".{link.output}")


def _sockets(graph: Graph, names: Mapping[str, str]) -> dict[str, Any]:
    """`files`, `inputs` and `outputs` of the graph's own file, with the names of the text."""
    found: dict[str, Any] = {}
    files = {
        key: kept
        for key, targets in declared(graph.data).items()
        if (kept := [target for target in targets if target.partition(".")[0] in graph.vertices])
    }
    if files:
        found["files"] = {key: targets[0] if len(targets) == 1 else targets for key, targets in files.items()}
    for key, targets in sockets_of(graph.data, "inputs").items():
        inside = [f"{names[node]}.{socket}" for target in targets for node, socket in inner_inputs(graph, target)]
        found.setdefault("inputs", {})[key] = inside[0] if len(inside) == 1 else inside
    for key, targets in sockets_of(graph.data, "outputs").items():
        found.setdefault("outputs", {})[key] = _target(graph, graph.links_of(targets[0])[0], names)
    return found
