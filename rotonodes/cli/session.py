"""Shared by the commands: the graph with its options, paths, and the command to repeat a call for other frames."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rotonodes.errors import Fault, GraphError, UsageError, did_you_mean, did_you_mean_file, visible
from rotonodes.io.json_text import parse_json
from rotonodes.machine import torchrun

if TYPE_CHECKING:
    from rotonodes.engine.events import Reporter
    from rotonodes.engine.kept import Kept
    from rotonodes.graph.graph import Graph


@dataclass
class Session:
    """State of one call of the command line: verbosity, reporter, and what earlier calls of the same process have kept."""

    verbose: int = 0
    reporter: Reporter | None = None
    kept: Kept | None = None


def load(path: str, given: dict[str, Any], warn: Callable[[str], None] | None = None) -> Graph:
    """The checked graph of a command, with its `--nodes`, `--var` and `--set` applied."""
    from rotonodes.api import Graph
    from rotonodes.graph.builder import Builder, Shared
    from rotonodes.graph.document import read_document

    import_nodes(given["node_files"], warn)
    variables = dict(pairs(given["variables"], "--var", "NAME=VALUE"))
    settings = dict(pairs(given["settings"], "--set", "NODE.PARAM=VALUE"))
    for name, value in settings.items():
        if "." not in name.strip(".") and name != "frames":
            raise UsageError(f"--set {name}: write NODE.PARAM=VALUE, or frames=RANGE")
        if name == "frames" and value is None:
            raise UsageError("--set frames=: name the frames (1-24), or auto for those on disk")
    file = graph_file(path)
    if given.get("input_path") is not None or given.get("output_folder") is not None:
        from rotonodes.graph.job_files import file_settings

        settings = file_settings(read_document(file), variables, given["input_path"], given["output_folder"]) | settings
    graph = Graph()
    Builder(read_document(file), variables, settings, shared=Shared(refusal_of(given))).build(graph)
    return graph


def refusal_of(given: dict[str, Any]) -> Callable[[str], str]:
    """Why a graph file that is a node may not be read, for the options of a command."""
    from rotonodes.plan.sandbox import graph_refusal

    return graph_refusal(**paths(given)) if given.get("sandbox") else lambda path: ""


def graph_file(path: str) -> str:
    """The file of a graph: `path`, or a graph that ships with rotonodes, by its name. Raises GraphError, with similar names."""
    from rotonodes.graph.document import near_graph
    from rotonodes.io.shipped import GRAPHS, find_graph, shipped_names

    file = find_graph(path)
    if not Path(file).exists() and not near_graph(path):
        names = shipped_names(GRAPHS)
        hint = did_you_mean(Path(path).stem, names) or (f"; graphs that ship: {', '.join(names)}" if names else "")
        raise GraphError([Fault(f"cannot read the graph: no such file{hint}", file=path)])
    return file


def import_nodes(files: Sequence[str], warn: Callable[[str], None] | None = None) -> None:
    """Import `--nodes` files, and warn about plugins that could not be imported."""
    from rotonodes.node import catalogue

    for file in files:
        catalogue.load_file(file)
    catalogue.all_nodes()
    for fault in catalogue.plugin_faults():
        (warn or (lambda text: say(f"warning: {text}")))(fault)


def pairs(texts: Sequence[str], option: str, form: str) -> Iterator[tuple[str, Any]]:
    """(name, value) of each `NAME=VALUE`. A number with another spelling than Python's (`007`) stays text."""
    from rotonodes.graph.document import parse_value

    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{option} {text}: write {form}")
        read = parse_value(value)
        yield name, value if isinstance(read, int | float) and not isinstance(read, bool) and str(read) != value else read


def places(given: dict[str, Any]) -> dict[str, Any]:
    """The options of `place_options` as arguments of `run` and `make_plan`."""
    return {**paths(given), "cache": given["cache"], "content_hash": given["hash_by"] == "content"}


def paths(given: dict[str, Any]) -> dict[str, Any]:
    """The options of `path_options` as arguments of `run` and `make_plan`."""
    if not Path(given["root"]).is_dir():
        raise UsageError(f"--root {given['root']}: there is no such folder{did_you_mean_file(given['root'])}")
    allowed, sandbox = given.get("allow", ()), given.get("sandbox", False)
    if allowed and not sandbox:
        raise UsageError(f"--allow {allowed[0]}: only --sandbox refuses to read it; give both, or none")
    rules = read_path_map(given["path_map"]) if given["path_map"] else ()
    return {"root": given["root"], "path_map": rules, "sandbox": tuple(allowed) if sandbox else None}


def read_path_map(path: str) -> list[tuple[str, str]]:
    """(source, destination) rules of a `pathmapping-1.0` file, as Open Job Description sessions write it, longest source first."""

    try:
        data = parse_json(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"--path-map {path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if data == {}:  # a session without rules
        return []
    if not isinstance(data, dict) or data.get("version") != "pathmapping-1.0":
        raise UsageError(f'--path-map {path}: not a path map: it begins with {{"version": "pathmapping-1.0"}}')
    try:
        rules = [(str(rule["source_path"]), str(rule["destination_path"])) for rule in data.get("path_mapping_rules", [])]
    except (KeyError, TypeError):
        raise UsageError(f"--path-map {path}: each rule has a source_path and a destination_path") from None
    return sorted(rules, key=lambda rule: -len(rule[0]))  # the format requires that the longest source wins


def again(context: click.Context, frames: str) -> str:
    """The command of this call with other frames and otherwise the same options."""
    import shlex

    words = context.command_path.split()
    for parameter in context.command.params:
        name = parameter.name or ""
        value: Any = context.params.get(name)
        given = context.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE
        if isinstance(parameter, click.Argument):
            words.append(shlex.quote(value))
        elif name == "frames" and frames:
            words += ["-F", frames]
        elif name in ("clip", "handles") or (name == "part" and frames):
            continue  # the frames are those of the clip, or of the part
        elif given and isinstance(parameter, click.Option):
            if parameter.is_flag or parameter.count or value is True:
                words.append(parameter.opts[0])
            else:
                for text in value if parameter.multiple else [value]:
                    words += [parameter.opts[0], shlex.quote(str(text))]
    return " ".join(words)


def write_json(path: str, data: Any) -> None:
    """Write plain data as JSON, under a temporary name first."""
    import json

    from rotonodes.io.files import write_bytes

    write_bytes(path, json.dumps(data, indent=2).encode() + b"\n")


def say(text: str) -> None:
    """Print a line to stderr; in a torchrun, processes of rank 1 and above add their number."""
    who = "" if torchrun.is_first() else f"process {torchrun.rank() + 1} of {torchrun.count()}: "
    with contextlib.suppress(OSError, ValueError):  # a full or closed stderr must not stop anything
        click.echo("\n".join(map(visible, (who + text).split("\n"))), err=True)
