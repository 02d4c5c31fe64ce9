"""The Python API: `Graph`, with `load` and `run`, and the function `run`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, Unpack

from rotonodes.describe.draw import draw_graph
from rotonodes.engine import run as engine
from rotonodes.engine.events import Reporter
from rotonodes.engine.result import Result
from rotonodes.engine.run_options import RunOptions, checked_options
from rotonodes.errors import UsageError
from rotonodes.graph import graph as core
from rotonodes.graph.builder import Builder
from rotonodes.graph.document import read_document
from rotonodes.graph.writing import graph_yaml
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

    def run(self, *, progress: str = "none", reporter: Reporter | None = None, **options: Unpack[RunOptions]) -> Result:
        """Run on this machine; the options are those of `rotonodes.run` (`frames`, `nodes`, `device`, `root`, ...)."""
        return run(self, progress=progress, reporter=reporter, **options)

    def to_yaml(self, path: str | Path | None = None) -> str:
        """The graph as a graph file, which is written to `path` if one is given; `Graph.load` makes the same graph of it.

        Only values that are not defaults are written, and variables are filled in.
        """
        text = graph_yaml(self)
        if path is not None:
            from rotonodes.io.files import write_bytes

            write_bytes(str(path), text.encode())
        return text

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """How a notebook shows it: a drawing of its nodes and links."""
        return {"text/plain": repr(self), **({"image/svg+xml": draw_graph(self, "svg")} if self.vertices else {})}


def run(graph: core.Graph, *, progress: str = "none", reporter: Reporter | None = None, **options: Unpack[RunOptions]) -> Result:
    """Run a graph on this machine and return the result; `options` are those of `rotonodes.engine.run.run`.

    `progress` names a reporter ("plain", "rich", "json", ...), unless a `reporter` is given. Raises UsageError for options that
    do not fit, and as the engine does.
    """
    _check_is_graph(graph)
    return engine.run(graph, reporter=reporter or make_reporter(progress), **checked_options(options))


def _check_is_graph(given: Any) -> None:
    """Raise UsageError for what is no graph, such as the path of one."""
    if not isinstance(given, core.Graph):
        hint = f': Graph.load("{given}")' if isinstance(given, str | Path) else ""
        raise UsageError(f"run takes a Graph, not {type(given).__name__}{hint}")
