"""Faults of parameters with better messages than pydantic's: unknown names, empty values, values lost to a YAML comment."""

from __future__ import annotations

import re
from typing import Any

from rotonodes.graph.document import Document, Place
from rotonodes.node.base import Node
from rotonodes.node.parameters import no_parameter, parameter_faults, path_role

RESERVED = ("type", "in", "disable", "label", "cache")  # keys of a node that are not parameters


BACKSLASHES = "a backslash in double quotes begins an escape; put Windows paths in single quotes, or write /"


def unknown_parameter(cls: type[Node], parameter: str) -> str:
    """The fault of a parameter that the node type does not have."""
    if parameter in RESERVED:  # comes from --set: in the file it would not be read as a parameter
        return f"--set changes parameters, and {parameter!r} is not one: write it into the graph"
    if parameter in cls.signature.inputs:
        return f"{parameter!r} is an input, not a parameter: write it under in:"
    return no_parameter(cls, parameter)


def value_fault(cls: type[Node], parameter: str, value: Any, comment: str) -> str:
    """The fault of a value that is followed by `comment` in the file, or an empty text."""
    if re.match(r"#+(\.|\s*$|[\w/])", comment) and (value is None or (isinstance(value, str) and "##" in comment)):
        return f'{comment.split()[0]!r} is a comment to YAML: put the value in quotes, {parameter}: "..."'
    if isinstance(value, str) and path_role(cls.model_fields[parameter]) and not value.isprintable():
        return f"{parameter}: {value!r} has control characters: {BACKSLASHES}"
    if value is None and any(name == parameter for name, _ in parameter_faults(cls, {parameter: None})):
        return f"the parameter {parameter!r} has no value"
    return ""


def value_hint(document: Document, place: Place, value: Any) -> str:
    """What to do about a wrong value that lost its text to a YAML comment: `; '#fff4d6' is a comment to YAML: put it in quotes`."""
    if value is None or (isinstance(value, dict | list) and not value):
        comment = document.comment_after(place)
        return f"; {comment.split()[0]!r} is a comment to YAML: put it in quotes" if re.match(r"#[\w/]", comment) else ""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return next((hint for key, item in inner if (hint := value_hint(document, (*place, key), item))), "")
