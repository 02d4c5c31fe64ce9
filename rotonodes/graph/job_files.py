"""`files:` of a graph: the parameter that `run --input` sets, and those that `run --output` puts into a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.graph.document import Document
from rotonodes.graph.variables import Variables
from rotonodes.node.catalogue import find_node

KEYS = ("input", "outputs")


def declared(data: Mapping[str, Any]) -> dict[str, list[str]]:
    """`input` and `outputs` of a graph's `files:`, each as a list of `node.parameter`; empty where the graph has none."""
    files = data.get("files")
    given = files if isinstance(files, dict) else {}
    return {key: [str(one) for one in (value if isinstance(value, list) else [value])] for key, value in given.items() if value}


def files_faults(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, message) for every fault of `files:`."""
    files = data.get("files")
    if files is None:
        return
    if not isinstance(files, dict):
        yield "", "files: is a mapping, as in {input: render.path, outputs: [gif.path, png.path]}"
        return
    given = data.get("nodes")
    nodes: Mapping[str, Any] = given if isinstance(given, dict) else {}
    for key, targets in declared(data).items():
        if key not in KEYS:
            yield key, f"files: has {' and '.join(KEYS)}, not {key!r}{did_you_mean(key, KEYS)}"
            continue
        if key == "input" and len(targets) > 1:
            yield key, "files: input is one parameter"
        for target in targets:
            yield from ((key, message) for message in _target_faults(target, nodes))


def _target_faults(target: str, nodes: Mapping[str, Any]) -> Iterator[str]:
    name, _, parameter = target.partition(".")
    body = nodes.get(name)
    if not isinstance(body, dict):
        yield f"files: there is no node {name!r}{did_you_mean(name, nodes)}: write node.parameter"
        return
    cls = find_node(body["type"]) if isinstance(body.get("type"), str) else None
    if cls is not None and parameter not in cls.model_fields:
        yield f"files: {cls.type_name} has no parameter {parameter!r}{did_you_mean(parameter, cls.model_fields)}"


def file_settings(document: Document, variables: Mapping[str, Any], given: str | None, folder: str | None) -> dict[str, Any]:
    """The settings (`node.parameter` -> value) of `--input` and `--output`.

    Outputs keep their names and their places below the folder that they have in common; that folder becomes `folder`. Raises
    UsageError where the graph declares no input or outputs.
    """
    found = declared(document.data)
    settings: dict[str, Any] = {}
    for option, value, key in (("--input", given, "input"), ("--output", folder, "outputs")):
        if value is not None and not found.get(key):
            raise UsageError(f"{option} {value}: {document.file} does not declare its {key}: `files: {{{key}: node.path}}`, or use --set")
    if given is not None:
        settings[found["input"][0]] = given
    if folder is not None:
        own = document.data.get("vars")
        filled = Variables({**(own if isinstance(own, dict) else {}), **variables})
        paths = {target: _path(document, filled, target) for target in found["outputs"]}
        above = os.path.commonpath([os.path.dirname(path) or "." for path in paths.values()])
        settings |= {target: os.path.join(folder, os.path.relpath(path, above)) for target, path in paths.items()}
    return settings


def _path(document: Document, variables: Variables, target: str) -> str:
    """The path that the graph gives to an output. Raises UsageError where it gives none."""
    name, _, parameter = target.partition(".")
    body = (document.data.get("nodes") or {}).get(name)
    value = body.get(parameter) if isinstance(body, dict) else None
    try:
        path = variables.fill(value)
    except LookupError as error:
        raise UsageError(f"{document.file}: {name}: {error.args[0]}") from None
    if not isinstance(path, str) or not path:
        raise UsageError(f"{document.file}: {name}: {parameter} is no path to put into another folder")
    return path
