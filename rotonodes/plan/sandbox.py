"""`--sandbox`: nothing is read or written outside of the root, whatever the graph, its shot folder or a link in it says.

Beside the root, the destinations of the path map count as inside, and for reading the weights that ship and the folders that the
caller allows. Paths are compared after every link and `..` in them is resolved.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from rotonodes.errors import PlanFault, UsageError
from rotonodes.io.shipped import weights_written
from rotonodes.plan.paths import Paths

if TYPE_CHECKING:
    from rotonodes.graph.graph import Graph
    from rotonodes.node.base import Node


class Sandbox:
    """The folders that a run may use. `more` are further folders that it may read, as the graph would write them."""

    def __init__(self, paths: Paths, more: Sequence[str] = ()) -> None:
        self.root = paths.root or "."
        self._written = [os.path.realpath(folder) for folder in (self.root, *(destination for _, destination in paths.rules))]
        self._read = [*self._written, *(os.path.realpath(paths.here(folder)) for folder in more)]
        self._real = cache(os.path.realpath)

    def fault(self, path: str, written: bool) -> str:
        """What is wrong with reading or writing a file; empty when it lies inside."""
        if not written and weights_written(path) != path:
            return ""
        folder, name = os.path.split(path)
        # Of a file that is no link, the folder decides: it is resolved once, not once a frame.
        real = os.path.realpath(path) if name in ("", ".", "..") or os.path.islink(path) else os.path.join(self._real(folder or "."), name)
        if any(_lies_in(real, inside) for inside in (self._written if written else self._read)):
            return ""
        where = f" (it leads to {real})" if os.path.abspath(path) != real else ""
        way = "write below it" if written else "--allow DIR lets its folder be read"
        return f"--sandbox: {path} lies outside of --root {self.root}{where}; {way}"

    def refuse_cache(self, folder: str) -> None:
        """Raise UsageError for a cache that leads outside; "" is one that the caller named."""
        if folder and (fault := self.fault(os.path.join(folder, "x"), written=True)):
            raise UsageError(f"the cache: {fault}")


def graph_refusal(root: str, path_map: Sequence[tuple[str, str]], sandbox: Sequence[str] | None) -> Callable[[str], str]:
    """For the options of a run, what is wrong with reading a graph file that is a node of a graph; nothing without a sandbox."""
    if sandbox is None:
        return lambda path: ""
    box = Sandbox(Paths(root, path_map), sandbox)
    return lambda path: box.fault(path, written=False)


def folders_outside(files: Iterable[str], sandbox: Sandbox) -> list[str]:
    """The real folders of files to read that lie outside, each once: what `--allow` must name."""
    return list(dict.fromkeys(os.path.dirname(os.path.realpath(path)) for path in files if sandbox.fault(path, written=False)))


def refuse_paths(graph: Graph, sandbox: Sandbox, nodes: Mapping[str, Node], sinks: Sequence[str]) -> None:
    """Raise PlanFault for a path parameter that leads outside, of a node that the sinks are made from.

    A folder to write to is searched for links that lead outside.
    """
    for name in (name for name in graph.upstream(sinks) if not graph.vertices[name].disabled):
        for role in ("input", "output"):
            for _, path in nodes[name].paths(role):
                for file in (path, *(_links(path) if role == "output" else ())):
                    if fault := sandbox.fault(file, role == "output"):
                        raise PlanFault(graph.vertices[name].line(fault))


def _links(folder: str) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        yield from (file for file in (os.path.join(place, name) for name in (*folders, *files)) if os.path.islink(file))


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(os.path.join(folder, ""))
