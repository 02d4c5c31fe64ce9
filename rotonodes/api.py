"""The Python API: `Graph`, with `load` and `run`, and the function `run`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from rotonodes.engine import run as engine
from rotonodes.engine.events import Reporter
from rotonodes.engine.result import Result
from rotonodes.graph import graph as core
from rotonodes.graph.builder import Builder
from rotonodes.graph.document import read_document
from rotonodes.report.choose import make_reporter


class Graph(core.Graph):
    """Nodes and their links. From a file: `Graph.load(path)`; from Python: `Graph(frames=...)` and `add`."""

    @classmethod
    def load(cls, path: str | Path, *, variables: Mapping[str, Any] | None = None, settings: Mapping[str, Any] | None = None) -> Self:
        """Read and check a graph file. `variables` are `--var`, `settings` are `--set` ("node.param" or "frames" -> value).

        Raises GraphError with every fault and its line and column.
        """
        graph = cls()
        Builder(read_document(str(path)), dict(variables or {}), dict(settings or {})).build(graph)
        return graph

    def run(self, **options: Any) -> Result:
        """Run on this machine; the options are those of `rotonodes.run` (`frames`, `nodes`, `device`, `root`, ...)."""
        return run(self, **options)


def run(graph: core.Graph, *, progress: str = "none", reporter: Reporter | None = None, **options: Any) -> Result:
    """Run a graph on this machine and return the result; `options` are those of `rotonodes.engine.run.run`.

    `progress` names a reporter ("plain", "rich", "json", ...), unless a `reporter` is given.
    """
    return engine.run(graph, reporter=reporter or make_reporter(progress), **options)
