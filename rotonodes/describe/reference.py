"""The reference of all node types, as text, Markdown and JSON, made from their declarations."""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from inspect import getdoc
from typing import Any, TypeVar

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.node.base import Node
from rotonodes.node.catalogue import all_nodes, find_node
from rotonodes.node.parameters import changes_pixels, path_role, unit_of
from rotonodes.node.signature import Socket

# The order of a job; others follow by name.
CATEGORIES = ("input", "passes", "draw", "picture", "channels", "time", "mattes", "tones", "networks", "output")
FEEDS = {"frame": "one frame at a time", "batch": "frames in batches", "clip": "the whole clip", "once": "made once"}
KINDS = {"integer": "whole number", "number": "number", "boolean": "true or false", "string": "text"}


@dataclass(frozen=True)
class Parameter:
    """A parameter as users read it: `kind` in words with its range, `default` as it is written in a graph (None: required)."""

    name: str
    kind: str
    default: str | None
    unit: str
    help: str
    pixels: bool


def show(name: str | None, form: str = "text", width: int = 100) -> str:
    """The list of node types, or all about one, as `text`, `markdown` or `json`. UsageError for a name that is none."""
    if name is None:
        types = all_nodes()
    else:
        found = find_node(name)
        if found is None:
            known = [short_name(full) for full in all_nodes()]
            raise UsageError(f"there is no node type {name!r}{did_you_mean(name, known) or '; `rotonodes nodes` lists them'}")
        types = {name: found}
    if form == "json":
        data = {type_word(cls): node_data(cls) for cls in types.values()}
        return json.dumps(data if name is None else next(iter(data.values())), indent=2)
    if form == "markdown":
        return "\n".join(markdown(types) if name is None else markdown_page(types[name], "#"))
    return "\n".join(listing(types, width) if name is None else page(types[name], width))


def short_name(full: str) -> str:
    """`Crop` for `Crop.1`: the first version needs no number."""
    return full.removesuffix(".1")


def type_word(cls: type[Node]) -> str:
    """The type as a graph writes it."""
    return short_name(f"{cls.type_name}.{cls.version}")


def by_category(types: Mapping[str, type[Node]]) -> dict[str, list[type[Node]]]:
    """Categories in the order of a job, with their types by name."""
    groups: dict[str, list[type[Node]]] = {}
    for cls in sorted(types.values(), key=type_word):
        groups.setdefault(cls.category, []).append(cls)
    place = {category: i for i, category in enumerate(CATEGORIES)}
    return {name: groups[name] for name in sorted(groups, key=lambda name: (place.get(name, len(place)), name))}


def doc(cls: type[Node]) -> str:
    return getdoc(cls) or ""


def first_line(cls: type[Node]) -> str:
    return doc(cls).partition("\n")[0]


def reach(cls: type[Node]) -> float | None:
    """How far apart, in px, a pixel of an input and one that it changes can be, with the defaults; None where parameters are required."""
    try:
        return cls().pixel_reach()
    except UsageError:
        return None


def reach_words(cls: type[Node]) -> str:
    """The same as a sentence; empty where each pixel depends only on those in its own place, or where it is not known."""
    distance = reach(cls)
    if not distance:
        return ""
    return (
        "Each pixel may depend on the whole frame."
        if distance == math.inf
        else f"With the defaults it reads pixels up to {distance:g} px away."
    )


# What a type declares, in words.


def parameters(cls: type[Node]) -> Iterator[Parameter]:
    """The parameters of a type, in the order they are declared."""
    schema = cls.model_json_schema()
    for name, info in cls.model_fields.items():
        given = schema["properties"][name]
        role = path_role(info)
        kind = {"input": "path of a file to read", "output": "path of a file to write"}.get(role or "") or kind_of(
            given, schema.get("$defs", {})
        )
        default = default_words(given["default"]) if "default" in given else None
        yield Parameter(name, kind, default, unit_of(info), info.description or "", changes_pixels(info))


def default_words(value: Any) -> str:
    """A default as a graph would write it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)


def kind_of(schema: Mapping[str, Any], shared: Mapping[str, Any]) -> str:
    """A JSON Schema in words: `whole number, 1 to 8`, `stop | continue`, `list of text`."""
    if "$ref" in schema:
        return kind_of(shared[schema["$ref"].rpartition("/")[2]], shared)
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    if "anyOf" in schema:
        kinds = [kind_of(member, shared) for member in schema["anyOf"] if member.get("type") != "null"]
        return (" | " if any(" | " in kind for kind in kinds) else " or ").join(dict.fromkeys(kinds))
    if schema.get("type") == "array":
        return f"list of {plural(kind_of(schema['items'], shared))}" if "items" in schema else "list"
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return f"mapping of names to {plural(kind_of(inner, shared))}" if isinstance(inner, dict) else "mapping"
    kind = KINDS.get(str(schema.get("type")), "any value")
    return ", ".join(filter(None, (kind, range_of(schema))))


def plural(kind: str) -> str:
    return kind.replace("number", "numbers", 1) if kind.startswith(("number", "whole number")) else kind


def range_of(schema: Mapping[str, Any]) -> str:
    """`0 to 1`, `at least 1`, `above 0`, or nothing."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    words = (("minimum", "at least"), ("exclusiveMinimum", "above"), ("maximum", "at most"), ("exclusiveMaximum", "below"))
    return ", ".join(f"{word} {schema[key]:g}" for key, word in words if key in schema)


def inputs(cls: type[Node]) -> dict[str, str]:
    """Input name -> what may be linked, and how it is fed."""
    return {name: socket_words(cls, socket) for name, socket in cls.signature.inputs.items()}


def socket_words(cls: type[Node], socket: Socket) -> str:
    feed = "some frames around each frame" if socket.feed == "clip" and cls.has_neighbours() else FEEDS[socket.feed]
    words = [socket.type_names(), "several links" if socket.many else "", feed, "" if socket.required else "optional"]
    return ", ".join(filter(None, words))


def outputs(cls: type[Node]) -> dict[str, str] | None:
    """Output name -> its type; None when the outputs depend on the parameters."""
    if cls.outputs is not Node.outputs:
        return None
    found = {}
    for name, kind in cls.signature.outputs.items():
        follows = next((s.name for s in cls.signature.inputs.values() if isinstance(kind, TypeVar) and s.variable is kind), None)
        found[name] = f"as {follows}" if follows else getattr(kind, "__name__", str(kind))
    return found


def node_data(cls: type[Node]) -> dict[str, Any]:
    """All about a type, as plain data."""
    return {
        "type": type_word(cls),
        "category": cls.category,
        "doc": doc(cls),
        "cached": cls.cached,
        "writes_files": cls.is_writer(),
        "reach": "frame" if reach(cls) == math.inf else reach(cls),
        "inputs": {
            name: {
                "types": [t.__name__ for t in socket.types],
                "feed": "neighbours" if socket.feed == "clip" and cls.has_neighbours() else socket.feed,
                "required": socket.required,
                "many": socket.many,
            }
            for name, socket in cls.signature.inputs.items()
        },
        "outputs": outputs(cls),
        "parameters": cls.model_json_schema().get("properties", {}),
        "required": [p.name for p in parameters(cls) if p.default is None],
    }


# Text.


def listing(types: Mapping[str, type[Node]], width: int) -> Iterator[str]:
    """Types by category, each with the first line of its text."""
    longest = max(map(len, map(type_word, types.values())), default=0)
    for number, (category, members) in enumerate(by_category(types).items()):
        if number:
            yield ""
        yield category
        for cls in members:
            lines = textwrap.wrap(first_line(cls), max(20, width - longest - 4)) or [""]
            yield f"  {type_word(cls):{longest}}  {lines[0]}".rstrip()
            yield from (" " * (longest + 4) + line for line in lines[1:])
    yield ""
    yield "`rotonodes nodes TYPE` tells all about one."


def page(cls: type[Node], width: int) -> Iterator[str]:
    """All about one type."""
    yield f"{type_word(cls)}  ({cls.category})"
    for paragraph in doc(cls).split("\n\n"):
        yield ""
        yield from textwrap.wrap(paragraph, width, initial_indent="  ", subsequent_indent="  ")
    if words := reach_words(cls):
        yield from ("", f"  {words}")
    for title, rows in (("inputs", inputs(cls)), ("outputs", outputs(cls))):
        if rows is None:
            rows = {"": "they depend on the parameters"}
        if rows:
            yield ""
            yield title
            longest = max(map(len, rows))
            for name, words in rows.items():
                yield f"  {name:{longest}}  {words}" if name else f"  {words}"
    found = list(parameters(cls))
    if found:
        yield ""
        yield "parameters"
        longest = max(len(p.name) for p in found)
        indent = " " * (longest + 4)
        for p in found:
            unit = f" ({p.unit})" if p.unit else ""
            default = "  required" if p.default is None else f"  default {textwrap.shorten(p.default, 60, placeholder=' ...')}"
            yield f"  {p.name:{longest}}  {p.kind}{unit}{default}"
            yield from textwrap.wrap(p.help, width, initial_indent=indent, subsequent_indent=indent)


# Markdown.


def markdown(types: Mapping[str, type[Node]]) -> Iterator[str]:
    """The whole reference."""
    yield "# Nodes"
    for category, members in by_category(types).items():
        yield from ("", f"## {category}")
        for cls in members:
            yield ""
            yield from markdown_page(cls, "###")


def markdown_page(cls: type[Node], heading: str) -> Iterator[str]:
    """All about one type."""
    yield from (f"{heading} {type_word(cls)}", "", doc(cls))
    yield from markdown_tables(cls)


def markdown_tables(cls: type[Node]) -> Iterator[str]:
    """How far a type reads, and tables of its inputs, outputs and parameters."""
    if words := reach_words(cls):
        yield from ("", words)
    for title, rows in (("input", inputs(cls)), ("output", outputs(cls))):
        if rows is None:
            yield from ("", f"The {title}s depend on the parameters.")
        elif rows:
            yield from ("", f"| {title} | |", "|---|---|")
            yield from (f"| `{name}` | {words} |" for name, words in rows.items())
    found = list(parameters(cls))
    if found:
        yield from ("", "| parameter | kind | default | |", "|---|---|---|---|")
        for p in found:
            default = "required" if p.default is None else f"`{p.default}`"
            cells = [f"`{p.name}`", p.kind + (f" ({p.unit})" if p.unit else ""), default, p.help]
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
