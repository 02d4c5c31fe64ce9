"""Why an output has another key: what differs between how it was made, from a record, and how it would be made now."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rotonodes.errors import visible
from rotonodes.node.registry import full_name
from rotonodes.plan.keys import FileFingerprints
from rotonodes.plan.made_from import Record, Records
from rotonodes.values.frames import frames_named, range_text

if TYPE_CHECKING:
    from rotonodes.plan.plan import Plan, Task

MOST_SHOWN = 3  # differences in a reason
_MOST_TEXT = 40  # characters of a value that is shown

ChangedFiles = frozenset["Task"]  # the tasks that read a changed file


class History:
    """What changed since the outputs of a plan were made, from the records of earlier runs."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._records = plan, Records(plan.cache.folder)
        self._differences: dict[int, Differences] = {}

    def changed(self, name: str, frame: int | None, key: str) -> str:
        """What changed for a writer at a frame since its output with this key was made; empty where no record tells."""
        found = self._records.find(key)
        if found is None:
            return ""
        record, node = found
        differences = self._differences.setdefault(id(record), Differences(self._plan, record))
        return visible(differences.of(name, frame, node))


class Differences:
    """The differences between a plan and one record of an earlier run."""

    def __init__(self, plan: Plan, record: Record) -> None:
        self.plan, self.record = plan, record
        self._lines: dict[tuple[str, str], tuple[list[str], frozenset[str]]] = {}
        self._changed: dict[Task, ChangedFiles] = {}
        self._other_hash = False  # files were told apart by their bytes, and are by size and time, or the other way round

    def of(self, name: str, frame: int | None, old: str) -> str:
        """What changed for a writer at a frame, in words; `old` is its name in the record. Empty when nothing is found."""
        if (name, old) not in self._lines:
            self._lines[name, old] = self._compare(name, old)
        lines, same = self._lines[name, old]
        lines = [*lines, *self._file_lines(name, frame, same)]
        lines += ["files are told apart in another way (--hash)"] if self._other_hash else []
        more = f" and {len(lines) - MOST_SHOWN} more" if len(lines) > MOST_SHOWN else ""
        return "; ".join(lines[:MOST_SHOWN]) + more

    def _compare(self, name: str, old: str) -> tuple[list[str], frozenset[str]]:
        """(differences of the nodes that a writer depends on, the nodes that are still what they were), walked side by side."""
        lines: list[str] = []
        same: set[str] = set()
        stack, seen = [(name, old)], {(name, old)}
        while stack:
            now, then = stack.pop()
            facts = self.record["nodes"].get(then)
            if facts is None:
                continue
            lines += self._node_lines(now, facts)
            same.add(now)
            before, after = (
                _by_input(facts["links"]),
                _by_input([[key, link.node, link.output] for key, link in self.plan.keys.inputs(now)]),
            )
            for key in dict.fromkeys([*before, *after]):
                ours, theirs = after.get(key, []), before.get(key, [])
                if [self._kind(link) for link in ours] != [self._kind_then(link) for link in theirs]:
                    lines.append(f"{now}.{key} was linked to {_named(theirs)}, is linked to {_named(ours)}")
                    continue
                pairs = [(a[0], b[0]) for a, b in zip(ours, theirs, strict=True)]
                stack += [pair for pair in dict.fromkeys(pairs) if pair not in seen]
                seen.update(pairs)
        return list(dict.fromkeys(lines)), frozenset(same)

    def _kind(self, link: tuple[str, str]) -> tuple[str, str]:
        return full_name(type(self.plan.graph.vertices[link[0]].node)), link[1]

    def _kind_then(self, link: tuple[str, str]) -> tuple[str, str]:
        return str(self.record["nodes"].get(link[0], {}).get("type")), link[1]

    def _node_lines(self, name: str, facts: Record) -> Iterator[str]:
        node, keys = self.plan.graph.vertices[name].node, self.plan.keys
        now, then = keys.parameters(name), facts["parameters"]
        for parameter in dict.fromkeys([*now, *then]):
            if now.get(parameter) != then.get(parameter):
                yield _value_line(f"{name}.{parameter}", then.get(parameter), now.get(parameter))
        if facts["revision"] != type(node).revision:
            yield f"{name}: this version of {type(node).type_name} makes other pixels"
        if facts.get("code", []) != keys.code(name):
            yield f"{name}: the code of {type(node).type_name} has changed"
        span, spanned = range_text(keys.span(name) or ()), facts.get("frames", "")
        if span != spanned:
            yield f"{name} took frames {spanned or 'none'}, takes {span or 'none'}"

    def _file_lines(self, name: str, frame: int | None, same: frozenset[str]) -> Iterator[str]:
        """A line for each node that reads a file that has changed; its frames where they are not just the output's own."""
        frames: dict[str, list[int | None]] = {}
        for node, at in self._changed_files((name, frame)):
            if node in same:
                frames.setdefault(node, []).append(at)
        for node in sorted(frames):
            numbers = sorted(f for f in frames[node] if f is not None)
            where = f", {frames_named(numbers)}" if numbers not in ([], [frame]) else ""
            path = next((path for _, path in self.plan.graph.vertices[node].node.paths("input")), "")
            yield f"a file that {node} reads has changed ({path}{where})"

    def _changed_files(self, task: Task) -> ChangedFiles:
        """The tasks above a task, itself included, that read a file whose fingerprint is not that of the record."""
        stack, made = [task], self._changed
        while stack:
            top = stack[-1]
            above = self.plan.keys.tasks(*top)
            missing = [one for one in above if one not in made]
            if missing and top not in made:
                stack += missing
                continue
            stack.pop()
            if top not in made:
                own = frozenset([top]) if self._reads_changed(*top) else frozenset()
                made[top] = own.union(*(made[one] for one in above))
        return made[task]

    def _reads_changed(self, name: str, frame: int | None) -> bool:
        known = self.plan.keys.fingerprint
        if not isinstance(known, FileFingerprints):
            return False
        changed = False
        for path, *now in map(known, self.plan.nodes[name].reads(frame)):
            then = self.record["files"].get(path)
            if then is None:  # it was not read for this output: that other frames are taken is said elsewhere
                continue
            if then and now and len(then) != len(now):
                self._other_hash = True
            else:
                changed = changed or then != now
        return changed


def _by_input(links: list[Any]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for key, node, output in links:
        found.setdefault(key, []).append((node, output))
    return found


def _named(links: list[tuple[str, str]]) -> str:
    return " and ".join(f"{node}.{output}" for node, output in links) or "nothing"


def _value_line(where: str, then: Any, now: Any) -> str:
    """`grade.gain was 1.0, is 1.5`; of a mapping the entry that changed, of long values only that they did."""
    if isinstance(then, dict) and isinstance(now, dict):
        keys = [key for key in dict.fromkeys([*then, *now]) if then.get(key) != now.get(key)]
        if len(keys) == 1:
            return _value_line(f"{where}.{keys[0]}", then.get(keys[0]), now.get(keys[0]))
    texts = ["not given" if value is None else json.dumps(value, ensure_ascii=False) for value in (then, now)]
    if max(map(len, texts)) > _MOST_TEXT:
        return f"{where} has changed"
    return f"{where} was {texts[0]}, is {texts[1]}"
