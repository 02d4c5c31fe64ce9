"""Where the nodes of a graph stand on the page: a small file beside the cache, so that neither the graph nor any key changes.

`.rotonodes/page/NAME.HASH.json` below the root holds them; of a graph file elsewhere its real path makes the name differ.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rotonodes.errors import UsageError
from rotonodes.io.files import sweep, write_bytes

MOST = 100_000  # nodes


class NodePositions:
    """Positions by node name, `[x, y]` in px of the page. A file that is damaged or cannot be written costs only the positions."""

    def __init__(self, root: str, graph_file: str) -> None:
        real = os.path.relpath(os.path.realpath(graph_file), os.path.realpath(root))
        digest = hashlib.sha256(real.encode()).hexdigest()[:12]
        self.path = Path(root) / ".rotonodes" / "page" / f"{Path(graph_file).stem[:60]}.{digest}.json"
        self._lock = threading.Lock()
        sweep(self.path.parent)  # what killed pages left half-written
        try:
            self.known = checked_positions(json.loads(self.path.read_bytes()).get("positions"))
        except (OSError, ValueError, AttributeError, UsageError):
            self.known = {}

    def move(self, positions: Any) -> None:
        """Keep new positions, and those of other nodes. Raises UsageError for what is none, RotoError where they cannot be written."""
        checked = checked_positions(positions)
        with self._lock:
            if len({**self.known, **checked}) > MOST:
                raise UsageError(f"at most {MOST} nodes have positions")
            self.known |= checked
            self._write()

    def rename(self, old: str, new: str) -> None:
        """Take the position of a node along when it gets another name."""
        with self._lock:
            if old in self.known:
                self.known[new] = self.known.pop(old)
                self._write()

    def _write(self) -> None:
        write_bytes(self.path, json.dumps({"positions": self.known}, separators=(",", ":")).encode())


def checked_positions(given: Any) -> dict[str, list[float]]:
    """Positions from JSON. Raises UsageError for anything but names with two finite numbers each."""
    if not isinstance(given, Mapping):
        raise UsageError("positions: is a mapping of node names to [x, y]")
    found = {}
    for name, place in given.items():
        if not isinstance(place, list) or len(place) != 2 or not all(_is_number(one) for one in place):
            raise UsageError(f"the position of {name!r} is [x, y], two numbers")
        found[str(name)[:200]] = [round(float(one), 1) for one in place]
    return found


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 1e9
