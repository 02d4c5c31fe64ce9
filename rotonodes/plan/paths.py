"""Translates between paths as the graph writes them and paths on this machine."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from rotonodes.io.shipped import shipped_weights, weights_written


class Paths:
    """Paths as the graph writes them <-> paths on this machine: the first rule of the path map that fits, then the root."""

    def __init__(self, root: str | os.PathLike[str] = ".", path_map: Sequence[tuple[str, str]] = ()) -> None:
        self.root = "" if str(root) in ("", ".") else str(root)
        self.rules = [(source.rstrip("/\\"), destination.rstrip("/\\")) for source, destination in path_map]

    def here(self, path: str) -> str:
        """The path on this machine for a path of the graph."""
        for source, destination in self.rules:
            if _plain(path, source) == _plain(source, source) or _plain(path, source).startswith(_plain(source, source) + "/"):
                path = destination + path[len(source) :].replace("\\", "/")
                break
        return os.path.join(self.root, os.path.expanduser(path))

    def source(self, path: str) -> str:
        """The path on this machine of an input file: `weights/NAME.safetensors` that is not there is the shipped one."""
        here, shipped = self.here(path), shipped_weights(path)
        return shipped if shipped and not os.path.exists(here) else here

    def written(self, path: str) -> str:
        """The path of the graph for a path on this machine, so that keys do not depend on the location of the root."""
        path = weights_written(path)
        if self.root and path.startswith(os.path.join(self.root, "")):
            path = path[len(os.path.join(self.root, "")) :]
        for source, destination in self.rules:
            if path == destination or path.startswith(destination + "/"):
                return source + path[len(destination) :]
        return path


def _plain(path: str, like: str) -> str:
    """A path prepared for comparison: in lower case and with slashes when `like` is a Windows path."""
    windows = re.match(r"[A-Za-z]:|\\\\", like) is not None or "\\" in like
    return path.replace("\\", "/").lower() if windows else path
