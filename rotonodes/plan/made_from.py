"""What outputs were made from: a record of each run beside its cache, so that a plan can say what changed since.

A record holds the nodes with their parameters and links, the fingerprints of the files they read, and the keys of the outputs
that the run set out to make. It is written before the first frame, so that it is there whatever ends the run. Records are a help
and no more: without one, or with a damaged one, a plan says that an output is made from something else, but not from what.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotonodes.errors import RotoError
from rotonodes.io.json_text import parse_json
from rotonodes.node.registry import full_name
from rotonodes.plan.keys import FileFingerprints
from rotonodes.values.frames import range_text

if TYPE_CHECKING:
    from rotonodes.plan.plan import Plan

FOLDER = "made"  # in the cache
_MOST_TEXT = 1 << 26  # bytes of an unpacked record
_MOST_BYTES = 32 << 20  # of all records; the oldest go first
_MOST_OUTPUTS = 100_000  # of a run with a record: its keys are all made before the first frame
_DIGITS = 16  # of a key in a record
_HEAD = 4  # the CRC-32 of what follows

Record = dict[str, Any]


def record_of(plan: Plan) -> Record:
    """The record of a run of `plan`, as plain data."""
    graph, keys = plan.graph, plan.keys
    nodes: Record = {}
    for name in sorted(graph.upstream(plan.todo)):
        node = graph.vertices[name].node
        facts: Record = {"type": full_name(type(node)), "revision": type(node).revision, "parameters": keys.parameters(name)}
        facts["links"] = [[key, link.node, link.output] for key, link in keys.inputs(name)]
        if code := keys.code(name):
            facts["code"] = code
        if span := keys.span(name):
            facts["frames"] = range_text(span)
        nodes[name] = facts
    made = {
        name: {"" if frame is None else str(frame): keys.of(name, frame)[:_DIGITS] for frame in plan.todo[name]}
        for name in plan.sinks
        if name in plan.todo and type(plan.nodes[name]).is_writer()
    }
    known = keys.fingerprint
    files = {one[0]: one[1:] for one in known.all()} if isinstance(known, FileFingerprints) else {}
    return {"nodes": nodes, "files": files, "made": made}


class Records:
    """The records beside a cache: `note` adds one, `find` looks for the one that holds a key."""

    def __init__(self, cache: Path | None) -> None:
        self.folder = cache / FOLDER if cache is not None else None
        self._newest: Iterator[Record] | None = None
        self._known: dict[str, tuple[Record, str]] = {}  # key -> its record, and the node that made it

    def note(self, plan: Plan) -> None:
        """Write the record of a run that is about to begin. A folder that cannot be written is no fault: nothing is lost."""
        from rotonodes.io.files import write_bytes

        if self.folder is None or sum(len(plan.todo.get(name, ())) for name in plan.sinks) > _MOST_OUTPUTS:
            return
        record = record_of(plan)
        if not record["made"]:
            return
        body = zlib.compress(json.dumps(record, sort_keys=True).encode(), 1)
        with contextlib.suppress(RotoError, OSError):
            write_bytes(self.folder / hashlib.sha256(body).hexdigest()[:32], zlib.crc32(body).to_bytes(_HEAD, "big") + body)
            self._prune()

    def find(self, key: str) -> tuple[Record, str] | None:
        """The newest record of a run that made an output with this key, and the node that wrote it; None without one."""
        short = key[:_DIGITS]
        if self._newest is None:
            self._newest = self._read()
        while short not in self._known:
            record = next(self._newest, None)
            if record is None:
                return None
            for node, made in record["made"].items():
                for one in made.values():
                    self._known.setdefault(one, (record, node))
        return self._known[short]

    def clear(self) -> None:
        """Remove every record."""
        for path in self._paths():
            with contextlib.suppress(OSError):
                path.unlink()

    def _paths(self) -> list[Path]:
        """The records, newest first."""
        found = []
        with contextlib.suppress(OSError), os.scandir(self.folder or "") as entries:
            found = [(entry.stat().st_mtime_ns, Path(entry.path)) for entry in entries if not entry.name.startswith(".")]
        return [path for _, path in sorted(found, reverse=True)]

    def _read(self) -> Iterator[Record]:
        for path in self._paths():
            with contextlib.suppress(OSError, ValueError, zlib.error, KeyError, TypeError, AttributeError):
                data = path.read_bytes()
                if zlib.crc32(data[_HEAD:]).to_bytes(_HEAD, "big") == data[:_HEAD]:
                    yield parse_json(zlib.decompressobj().decompress(data[_HEAD:], _MOST_TEXT))

    def _prune(self) -> None:
        total = 0
        for path in self._paths():
            total += path.stat().st_size
            if total > _MOST_BYTES:
                path.unlink()
