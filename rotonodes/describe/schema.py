"""The JSON Schema of graph files, for editors: completion, hover texts, and faults while typing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rotonodes.describe.reference import doc, first_line, inputs, type_word
from rotonodes.node.base import Node
from rotonodes.node.catalogue import all_nodes

NODE_NAME = "^[A-Za-z_][A-Za-z0-9_-]*$"
LINK = {"description": "a link: node or node.output", "type": "string", "minLength": 1}
TARGET = {"description": "node.parameter", "type": "string", "pattern": "^[^.]+\\.[^.]+$"}
RESERVED = {
    "disable": {"description": "bypass this node: its first input is passed on", "type": "boolean"},
    "label": {"description": "a title to show in place of the node's name", "type": ["string", "null"]},
    "cache": {"description": "whether its outputs are kept on disk", "type": "boolean"},
}
SUBGRAPH_NODE = {
    "title": "a graph file as a node",
    "description": "Another graph file as a node; its inputs: and outputs: name the sockets, parameters set its variables.",
    "type": "object",
    "properties": {"type": {"type": "string", "pattern": "\\.ya?ml$"}, "in": {"type": ["string", "object"]}, **RESERVED},
    "required": ["type"],
}


def graph_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of graph files. `type` selects the schema of a node; descriptions are hover texts in editors."""
    types = all_nodes()
    shared: dict[str, Any] = {"link": LINK, "graph": SUBGRAPH_NODE}
    for full, cls in types.items():
        shared[full] = node_schema(cls, shared)
    kinds = [{"$ref": f"#/$defs/{full}"} for full in types] + [{"$ref": "#/$defs/graph"}]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rotonodes graph",
        "description": "What pictures should become: nodes, and the links between them.",
        "type": "object",
        "properties": {
            "rotonodes": {"description": "the version of the format", "const": 1},
            "frames": {
                "description": "frames of the shot: 1-24, 1-100x2, 1,5,9-12, or auto: those on disk; -F narrows what is delivered",
                "type": ["string", "integer"],
            },
            "vars": {"description": "variables for $name in texts; --var changes them", "type": ["object", "null"]},
            "nodes": {
                "description": "the nodes by name",
                "type": "object",
                "minProperties": 1,
                "patternProperties": {NODE_NAME: {"oneOf": kinds}},
                "additionalProperties": False,
            },
            "files": {
                "description": "what `run --input` and `run --output` set: the parameter with the input, those with the outputs",
                "type": "object",
                "properties": {"input": TARGET, "outputs": {"anyOf": [TARGET, {"type": "array", "items": TARGET, "minItems": 1}]}},
                "additionalProperties": False,
            },
            "inputs": {
                "description": "the inputs of this graph where another graph uses it as a node: name -> node.input",
                "type": "object",
                "additionalProperties": {"anyOf": [LINK, {"type": "array", "items": LINK}]},
            },
            "outputs": {
                "description": "the outputs of this graph where another graph uses it as a node: name -> node.output",
                "anyOf": [LINK, {"type": "object", "additionalProperties": LINK}],
            },
        },
        "required": ["rotonodes", "nodes"],
        "additionalProperties": False,
        "$defs": shared,
    }


def node_schema(cls: type[Node], shared: dict[str, Any]) -> dict[str, Any]:
    """The schema of one node type in a graph; definitions that its parameters refer to are added to `shared`."""
    word = type_word(cls)
    full = f"{cls.type_name}.{cls.version}"
    own = cls.model_json_schema(ref_template=f"#/$defs/{full}.{{model}}")
    shared |= {f"{full}.{name}": ecma(schema) for name, schema in own.get("$defs", {}).items()}
    properties: dict[str, Any] = {"type": {"description": first_line(cls), "enum": list(dict.fromkeys([word, full]))}}
    required = ["type", *own.get("required", ())]
    if cls.signature.inputs:
        properties["in"] = links_schema(cls)
        if any(socket.required for socket in cls.signature.inputs.values()):
            required.append("in")
    properties |= RESERVED
    for name, schema in own.get("properties", {}).items():
        properties[name] = parameter_schema(schema)
    return {
        "title": word,
        "description": doc(cls),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def ecma(schema: Any) -> Any:
    """A schema with ECMA 262 patterns, which JSON Schema asks for: Python's `(?i)` is spelt out, `[Gg]` for `g`."""
    if isinstance(schema, list):
        return [ecma(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: _ecma_pattern(value) if key == "pattern" and isinstance(value, str) else ecma(value) for key, value in schema.items()}


def _ecma_pattern(pattern: str) -> str:
    if not pattern.startswith("(?i)"):
        return pattern
    pieces = re.findall(r"\\.|\[[^]]*\]|.", pattern.removeprefix("(?i)"))
    return "".join(f"[{piece.upper()}{piece.lower()}]" if len(piece) == 1 and piece.isalpha() else piece for piece in pieces)


def links_schema(cls: type[Node]) -> dict[str, Any]:
    """The schema of `in:`: a link for the first input, or a mapping of inputs."""
    sockets = cls.signature.inputs
    link = {"$ref": "#/$defs/link"}
    several = {"type": "array", "items": link, "minItems": 1}
    first = next(iter(sockets.values()))
    members = {
        name: {"description": words, "anyOf": [link, several] if sockets[name].many else [link]} for name, words in inputs(cls).items()
    }
    mapping = {
        "type": "object",
        "properties": members,
        "required": [name for name, socket in sockets.items() if socket.required],
        "additionalProperties": False,
    }
    description = "\n".join(f"{name}: {words}" for name, words in inputs(cls).items())
    return {"description": description, "anyOf": [link, *([several] if first.many else []), mapping]}


def parameter_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a parameter: its unit is part of the description, and a variable ($name) is accepted for any value."""
    kept = {
        key: value for key, value in ecma(dict(schema)).items() if key not in ("title", "unit", "pixels", "added", "description", "default")
    }
    unit = f" ({schema['unit']})" if schema.get("unit") else ""
    shown = {"description": schema.get("description", "") + unit}
    if "default" in schema:
        shown["default"] = schema["default"]
    if kept == {"type": "string"}:
        return {**shown, "type": ["string", "number"]}
    if kept.get("type") == "string" and "enum" not in kept and "pattern" not in kept:
        return {**shown, **kept}
    return {**shown, "anyOf": [kept, {"type": "string", "pattern": "\\$"}]}
