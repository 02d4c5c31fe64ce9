"""Which tests reach which lines: collected once for each test file by coverage.py, kept until the file or what it reaches changes."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

IMPORTED = ""  # the context of lines that run while test files are collected


class Collector:
    """A pytest plugin: notes the lines that each test reaches, and how long it takes.

    The context of a line is the test's id. What a fixture of a whole file or session does is noted under the test file's name: it
    serves all tests of the file, though only one of them waits for it.

    One process takes a part of a long file: after `seconds` of processor time it stops at the next test, and the next process, which
    is told what was `tried` before, goes on from there and adds to the map.
    """

    def __init__(self, data_file: Path, source: Path, seconds: float, tried: frozenset[str]) -> None:
        import coverage

        self.data_file, self.limit, self.tried = data_file, seconds, tried
        self.coverage = coverage.Coverage(data_file=str(data_file), source=[str(source)], config_file=False)
        self.coverage.set_option("run:disable_warnings", ["no-data-collected"])  # tests that only start processes
        self.seconds: dict[str, float] = {}
        self.spoiled: set[str] = set()
        self.context = IMPORTED
        self.began = 0.0

    def start(self) -> None:
        """Begin; a single test that takes too long is ended, and does not count."""
        signal.signal(signal.SIGXCPU, self._end)
        if self.tried:
            self.coverage.load()
        else:
            self.coverage.erase()
        self.coverage.start()

    def _end(self, *_: Any) -> None:
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)  # it comes again each second
        self.spoiled.add(self.context)
        raise KeyboardInterrupt

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if item.nodeid not in self.tried]

    def _switch(self, context: str) -> None:
        self.coverage.switch_context(context)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[Any]:
        self.context = item.nodeid
        self._switch(item.nodeid)
        self.began = _cpu_seconds()
        try:
            return (yield)
        finally:
            self.seconds[item.nodeid] = round(_cpu_seconds() - self.began, 3)
            self.context = IMPORTED
            self._switch(IMPORTED)
            if time.process_time() > self.limit:
                item.session.shouldstop = "the rest is for the next process"

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Iterator[Any]:
        if fixturedef.scope == "function" or self.context == IMPORTED:
            return (yield)
        began = _cpu_seconds()
        self._switch(self.context.partition("::")[0])
        try:
            return (yield)
        finally:
            self._switch(self.context)
            self.began += _cpu_seconds() - began

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.spoiled.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        self.coverage.stop()
        self.coverage.save()
        passed = {name: seconds for name, seconds in self.seconds.items() if name not in self.spoiled}
        times = self.data_file.with_suffix(".json")
        before = json.loads(times.read_text(encoding="utf-8")) if self.tried else {"seconds": {}, "spoiled": []}
        text = json.dumps({"seconds": before["seconds"] | passed, "spoiled": sorted({*before["spoiled"], *self.spoiled})})
        times.write_text(text, encoding="utf-8")


class Reach:
    """The tests of each line of the code in `copy`, kept in `store`; paths are relative to `copy`."""

    def __init__(self, copy: Path, store: Path) -> None:
        self.copy, self.store = copy, store
        self.seconds: dict[str, float] = {}
        self.by_line: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        store.mkdir(parents=True, exist_ok=True)

    def collect(self, test_files: list[str], run: Callable[..., int], seconds: float) -> None:
        """Run each test file whose map is missing or stale, and read all maps; a process takes `seconds` of a file at a time."""
        for name in test_files:
            data_file = self.store / f"{Path(name).stem}.coverage"
            if self._stale(name, data_file):
                data_file.with_suffix(".digests").unlink(missing_ok=True)
                data_file.with_suffix(".json").unlink(missing_ok=True)
                tried, more, began = frozenset[str](), True, time.monotonic()
                while more:
                    collector = Collector(data_file, self.copy / "rotonodes", seconds, tried)
                    options = [f"tests/{name}", "-q", "-m", "not slow"]
                    code = run(self.copy, options, 2 * seconds, [_Starter(collector)], data_file.with_suffix(".log"))
                    more = len(tried) < len(tried := self._tried(data_file)) and code == pytest.ExitCode.INTERRUPTED
                self._note(name, data_file)
                print(f"map of {name}: {len(tried)} tests, exit {code}, {time.monotonic() - began:.0f} s", flush=True)
            self._read(data_file)

    def _tried(self, data_file: Path) -> frozenset[str]:
        times = data_file.with_suffix(".json")
        notes = json.loads(times.read_text(encoding="utf-8")) if times.exists() else {"seconds": {}, "spoiled": []}
        return frozenset({*notes["seconds"], *notes["spoiled"]})

    def _stale(self, name: str, data_file: Path) -> bool:
        notes = data_file.with_suffix(".digests")
        if not notes.exists():
            return True
        return any(self._digest(path) != digest for path, digest in json.loads(notes.read_text(encoding="utf-8")).items())

    def _note(self, name: str, data_file: Path) -> None:
        """Write down the digests of the test file and of the code that its tests reach; what they only import may change."""
        paths = [f"tests/{name}"]
        if data_file.exists():
            data = _data(data_file)
            reached = {path for path in data.measured_files() if any(map(any, data.contexts_by_lineno(path).values()))}
            paths += sorted(self._relative(path) for path in reached)
        digests = {path: self._digest(path) for path in paths}
        data_file.with_suffix(".digests").write_text(json.dumps(digests), encoding="utf-8")

    def _digest(self, path: str) -> str:
        file = self.copy / path
        return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else ""

    def _relative(self, path: str) -> str:
        """`rotonodes/io/png.py` for the place that it was copied to in this or an earlier run."""
        return path[path.rindex("/rotonodes/") + 1 :]

    def _read(self, data_file: Path) -> None:
        times = data_file.with_suffix(".json")
        if not (data_file.exists() and times.exists()):
            return
        passed: dict[str, float] = json.loads(times.read_text(encoding="utf-8"))["seconds"]
        self.seconds |= passed
        by_file: dict[str, set[str]] = defaultdict(set)
        for name in passed:
            by_file[name.partition("::")[0]].add(name)
        data = _data(data_file)
        for path in data.measured_files():
            lines = self.by_line[self._relative(path)]
            for line, contexts in data.contexts_by_lineno(path).items():
                for context in contexts:
                    lines[line] |= by_file[context] if context in by_file else {context} & passed.keys()

    def tests(self, path: str, lines: range) -> list[str]:
        """The tests that notice a change of a statement first if any do, fastest first.

        Lines that run at import (constants, fields, defaults of parameters) concern the tests that reach what uses them.
        """
        known = self.by_line.get(path, {})
        found = set[str]()
        for line in self._lines_of(path, lines):
            found |= known.get(line, set())
        return sorted(found, key=lambda name: (self.seconds[name], name))

    def _lines_of(self, path: str, lines: range) -> set[int]:
        source = (self.copy / path).read_text(encoding="utf-8")
        where = statement(source, lines.start)
        if where.used_by is None:
            return set(where.lines) | set(lines)
        users = {number for number, text in enumerate(source.splitlines(), 1) if where.used_by.search(text)}
        return set(where.lines) | users


class Statement(NamedTuple):
    """The lines of a statement, or of all that it serves; and the names it makes, when it makes some for the whole module."""

    lines: range
    used_by: re.Pattern[str] | None = None


def statement(source: str, line: int) -> Statement:
    """The innermost statement at a line: itself inside a function, the whole function for its header, the whole class for a field."""
    statements = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    inside = [node for node in statements if _begin(node) <= line <= (node.end_lineno or node.lineno)]
    inside.sort(key=lambda node: (_begin(node), -(node.end_lineno or node.lineno)))
    scopes = [node for node in inside if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)]
    functions = [node for node in scopes if not isinstance(node, ast.ClassDef)]
    if functions and line >= functions[0].body[0].lineno:
        last = inside[-1]
        body = getattr(last, "body", None) or getattr(last, "cases", None)
        end = last.end_lineno or last.lineno
        if body and not isinstance(last, ast.FunctionDef | ast.ClassDef):
            first = body[0]
            end = max(last.lineno, (first.pattern.lineno if isinstance(first, ast.match_case) else first.lineno) - 1)
            if line > end:
                end = line
        return Statement(range(last.lineno, end + 1))
    if scopes:
        scope = functions[0] if functions else scopes[-1]
        return Statement(range(_begin(scope), (scope.end_lineno or scope.lineno) + 1))
    names = {node.id for top in inside for node in ast.walk(top) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    whole = range(inside[0].lineno, (inside[0].end_lineno or inside[0].lineno) + 1) if inside else range(line, line + 1)
    return Statement(whole, re.compile(rf"\b({'|'.join(map(re.escape, sorted(names)))})\b") if names else None)


def _begin(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])


def _data(data_file: Path) -> Any:
    import coverage

    data = coverage.CoverageData(str(data_file))
    data.read()
    return data


def _cpu_seconds() -> float:
    """Processor time of this process and its children: a test takes as much on a busy machine, and one that sleeps costs nothing."""
    return sum(os.times()[:4])


class _Starter:
    """Starts the collector in the process that runs the tests, before they import anything."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self.collector.start()
        config.pluginmanager.register(self.collector)
