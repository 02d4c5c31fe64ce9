"""Faults of parameter values that read better here than from pydantic: unknown names, empty values, comments by accident."""

from __future__ import annotations

import re
from typing import Any

from rotonodes.node.base import Node
from rotonodes.node.parameters import no_parameter, parameter_faults

RESERVED = ("type", "in", "disable", "label", "cache")  # keys of a node that are no parameters


def unknown_parameter(cls: type[Node], parameter: str) -> str:
    """What is wrong with a parameter that the node type does not have."""
    if parameter in RESERVED:  # written in the file it would not be taken for a parameter
        return f"--set changes parameters, and {parameter!r} is none: write it into the graph"
    if parameter in cls.signature.inputs:
        return f"{parameter!r} is an input, not a parameter: write it under in:"
    return no_parameter(cls.type_name, parameter, cls.model_fields)


def value_fault(cls: type[Node], parameter: str, value: Any, comment: str) -> str:
    """What is wrong with a value that has `comment` behind it in the file; empty when nothing is."""
    if re.match(r"#+(\.|\s*$|[\w/])", comment) and (value is None or (isinstance(value, str) and "##" in comment)):
        return f'{comment.split()[0]!r} is a comment to YAML: put the value in quotes, {parameter}: "..."'
    if value is None and any(name == parameter for name, _ in parameter_faults(cls, {parameter: None})):
        return f"the parameter {parameter!r} has no value"
    return ""
