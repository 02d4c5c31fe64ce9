"""The node types as the page needs them: sockets with their kinds, parameters with fields to fill in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar, get_args

from pydantic.fields import FieldInfo

from rotonodes.describe.reference import doc, type_word
from rotonodes.io.palettes import find_palette, palette_file, palette_names
from rotonodes.node.base import Node
from rotonodes.node.catalogue import all_nodes
from rotonodes.node.parameters import path_role, unit_of
from rotonodes.values.color import checked_color, checked_palette
from rotonodes.values.tones import CLASSES, SIX_CLASSES, SIX_COLORS

# Colours of sockets and wires, by what they carry.
KINDS = {
    "Image": "#e0a458",
    "Matte": "#b8b8b8",
    "Labels": "#54a24b",
    "Layers": "#4c78a8",
    "Model": "#b279a2",
    "ToneScale": "#72b7b2",
    "LightDirection": "#f2cf5b",
    "Path": "#9d755d",
}
OTHER_KIND = "#ff9da6"


def types_data() -> dict[str, Any]:
    """Every node type, the colours of kinds, the usual classes with theirs, and the palettes that ship."""
    types = [type_data(cls) for cls in all_nodes().values() if cls.in_catalogue]
    kinds = {kind for one in types for socket in (*one["inputs"], *one["outputs"]) for kind in socket["kinds"]}
    colors = {**KINDS, **dict.fromkeys(sorted(kinds - set(KINDS)), OTHER_KIND)}
    classes = [{"name": name, "color": color} for name, color in zip(SIX_CLASSES, SIX_COLORS, strict=True)]
    return {"types": types, "kinds": colors, "classes": classes, "palettes": palettes_data()}


def palettes_data() -> dict[str, dict[str, str]]:
    """The colours that each palette that ships has for the usual classes: palette -> class -> "#rrggbb", the lightest tone first."""
    palettes = {name: find_palette(palette_file(name)) for name in palette_names()}
    order = (*reversed(CLASSES), *(name for name in SIX_CLASSES if name not in CLASSES))
    colors = {name: palette.for_classes(SIX_CLASSES) for name, palette in palettes.items()}
    return {name: {one: found[one] for one in order if one in found} for name, found in colors.items()}


def type_data(cls: type[Node]) -> dict[str, Any]:
    """One type. `kinds` of a socket are all that it takes or may give, `kind` is the first of them."""
    return {
        "name": type_word(cls),
        "category": cls.category,
        "help": doc(cls),
        "inputs": inputs_data(cls),
        "outputs": [socket_data(name, kinds_of(kind)) for name, kind in cls.signature.outputs.items()],
        "outputs_depend": cls.outputs is not Node.outputs,
        "params": list(parameters_data(cls)),
        "whole_clip": cls.takes_whole_clip(),
        "writes": cls.is_writer(),
        "network": cls.has_precision,
    }


def inputs_data(cls: type[Node]) -> list[dict[str, Any]]:
    """The inputs of a type: what each takes and how it is fed."""
    return [
        {**socket_data(name, socket.types), "optional": not socket.required, "many": socket.many, "feed": socket.feed}
        for name, socket in cls.signature.inputs.items()
    ]


def socket_data(name: str, kinds: tuple[type, ...]) -> dict[str, Any]:
    names = [kind.__name__ for kind in kinds]
    return {"name": name, "kind": next(iter(names), ""), "kinds": names}


def kinds_of(kind: type | TypeVar) -> tuple[type, ...]:
    """The types that an output may have: of one that follows an input, all that the input takes."""
    return tuple(kind.__constraints__) if isinstance(kind, TypeVar) else (kind,)


def parameters_data(cls: type[Node]) -> Iterator[dict[str, Any]]:
    """The parameters with the kind of their field, their range, unit and help."""
    schema = cls.model_json_schema()
    shared = schema.get("$defs", {})
    for name, info in cls.model_fields.items():
        given = schema["properties"][name]
        members = [member for member in _members(given, shared) if member.get("type") != "null"]
        found: dict[str, Any] = {"name": name, "kind": _kind(name, info, members), "default": given.get("default")}
        found["also"] = found["kind"] != "choice" and len({str(member.get("type")) for member in members}) > 1
        found |= {"required": info.is_required(), "optional": any(m.get("type") == "null" for m in _members(given, shared))}
        if role := path_role(info):
            found["role"] = role
        yield found | {"unit": unit_of(info), "help": info.description or "", **_range(members), "choices": _choices(members)}


def _members(schema: Mapping[str, Any], shared: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The alternatives of a schema, references followed."""
    if "$ref" in schema:
        return _members(shared[schema["$ref"].rpartition("/")[2]], shared)
    if "anyOf" in schema:
        return [found for member in schema["anyOf"] for found in _members(member, shared)]
    return [schema]


def _kind(name: str, info: FieldInfo, members: list[Mapping[str, Any]]) -> str:
    types = {str(member.get("type")) for member in members}
    checks = _checks(info)
    if checked_palette in checks or (name == "palette" and "object" in types):
        return "palette"
    if any(_holds_palettes(member) for member in members):
        return "palettes"
    if path_role(info):
        return "path"
    if checked_color in checks:
        return "color"
    if name == "frames" and "string" in types:
        return "frames"
    if members and all("enum" in member or "const" in member for member in members):
        return "choice"
    # A number that may also be a list or a mapping (a curve over frames) has a number's field as long as it is one.
    for one in ("number", "integer", "boolean", "string", "array"):
        if one in types and (one in ("number", "integer") or len(types) == 1):
            return {"boolean": "bool", "string": "text", "array": "list"}.get(one, one)
    return "json"


def _holds_palettes(member: Mapping[str, Any]) -> bool:
    """Whether a mapping's values are names of palettes, or palettes: class name -> colour."""
    inner = member.get("additionalProperties")
    return isinstance(inner, dict) and {str(one.get("type")) for one in _members(inner, {})} == {"string", "object"}


def _checks(info: FieldInfo) -> list[Any]:
    """The functions that check the values of a parameter."""
    marks = list(info.metadata)
    for inner in get_args(info.annotation) or (info.annotation,):
        marks += getattr(inner, "__metadata__", ())
    return [getattr(mark, "func", None) for mark in marks]


def _range(members: list[Mapping[str, Any]]) -> dict[str, Any]:
    found = {"min": None, "max": None}
    for member in members:
        low = member.get("minimum", member.get("exclusiveMinimum"))
        high = member.get("maximum", member.get("exclusiveMaximum"))
        found = {"min": low if low is not None else found["min"], "max": high if high is not None else found["max"]}
    return found


def _choices(members: list[Mapping[str, Any]]) -> list[Any] | None:
    choices = [choice for m in members for choice in (m.get("enum") or ([m["const"]] if "const" in m else []))]
    return choices or None
