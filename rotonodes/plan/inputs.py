"""What a run reads is decided once, before it writes anything; and no output lands on an input or on another output."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING

from rotonodes.errors import PlanFault
from rotonodes.node.base import Node

if TYPE_CHECKING:
    from rotonodes.plan.plan import Plan


def list_files(nodes: Mapping[str, Node], sinks: Sequence[str]) -> dict[str, Node]:
    """The nodes with the files listed that they find on disk. Results that these nodes wrote in an earlier run are no inputs.

    One exception: a numbered sequence that consists of nothing else is what another output of this graph made, and is an input where
    that output is not among the `sinks` (`-X png`, then `-X gif` of the PNGs).
    """
    from rotonodes.io.folder import own_results

    def patterns(names: Iterable[str]) -> list[str]:
        return [path for name in names for _, path in nodes[name].paths("output")]

    def own(files: Sequence[str], sources: Sequence[str]) -> set[str]:
        found = own_results(files, sources, patterns(nodes))
        if found and not sources and len(found) == len(set(files)):
            return own_results(files, sources, patterns(sinks))
        return found

    return {name: node.with_files_listed(own) for name, node in nodes.items()}


def refuse_overwriting(plan: Plan) -> None:
    """Raise PlanFault for an output file that the run also reads, or that two outputs write, in whatever spelling."""
    read, written = FilesByPlace(), FilesByPlace()
    # All frames that may ever be read, not those to do: what comes from the cache today is read again tomorrow.
    every = sorted({*plan.delivered, *plan.keys.clip})
    for name in plan.graph.upstream(plan.sinks):
        if not plan.graph.vertices[name].disabled and next(plan.nodes[name].paths("input"), None):
            numbers: Sequence[int | None] = every if plan.keys.per_frame(name) else (None,)
            for path in (path for frame in numbers for path in plan.nodes[name].reads(frame)):
                read.add(path, name)
                if os.path.islink(path):
                    read.add(os.path.realpath(path), name)
    for name in plan.sinks:
        delivered: tuple[int | None, ...] = plan.delivered if plan.keys.per_frame(name) else (None,)
        for path in (path for frame in delivered for path in plan.nodes[name].writes(frame)):
            if reader := read.owner(path):
                raise PlanFault(f"{name}: {path} is what {reader} reads: write somewhere else")
            if (other := written.owner(path)) not in (None, name):
                raise PlanFault(f"{name}: {path} is what {other} writes: give one of them another name")
            written.add(path, name)


class FilesByPlace:
    """Which node a file belongs to, whichever spelling of its path is asked for.

    Folders are compared by their identity on the disk, so links and mounts do not hide that two are one. On disks that ignore case (or
    the way an accent is stored), names that differ only so are one file.
    """

    def __init__(self) -> None:
        self._folder_of = cache(_folder_identity)
        self._known: dict[tuple[object, str], dict[str, tuple[str, str]]] = {}

    def add(self, path: str, node: str) -> None:
        """Note that `node` reads or writes a file."""
        place, name = self._place(path)
        self._known.setdefault(place, {}).setdefault(name, (path, node))

    def owner(self, path: str) -> str | None:
        """The node that a file was added for, or None."""
        place, name = self._place(path)
        alike = self._known.get(place, {})
        if name in alike:
            return alike[name][1]
        return next((node for other, node in alike.values() if _same_file(other, path)), None)

    def _place(self, path: str) -> tuple[tuple[object, str], str]:
        folder, name = os.path.split(path)
        return (self._folder_of(folder), unicodedata.normalize("NFC", name).casefold()), name


def _folder_identity(folder: str) -> object:
    try:
        found = os.stat(folder or ".")
    except OSError:  # made by the run
        return os.path.realpath(folder)
    return found.st_dev, found.st_ino


def _same_file(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False
