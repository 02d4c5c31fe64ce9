"""A digest of the code of nodes that are not our own, so that an edited node has another key.

Our own nodes have `version` and `revision` instead.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import os
from collections.abc import Iterator
from pathlib import Path

from rotonodes.node.code_in_memory import code_in_memory, has_source

LIBRARIES = ("rotonodes", "pydantic", "builtins", "typing", "abc", "enum", "dataclasses")  # top packages that are not digested
SHARED_FOLDERS = ("site-packages", "dist-packages")  # folders of many packages: only a package inside is one plugin

_known: dict[tuple[str, int, int], tuple[bytes, tuple[str, ...]]] = {}  # (path, mtime, size) -> (sha256, imported names)


def source_digest(cls: type) -> str:
    """A digest of a node class's source file and of the files that it imports below its own folder; 16 hex digits.

    Base classes from other files are included. Empty for our own nodes, and where there is no source file (see `digest_in_memory`).
    Paths are not included: a node has the same digest wherever its folder is.
    """
    classes = [base for base in _plugin_classes(cls) if has_source(base)]
    if not classes:
        return ""
    total = hashlib.sha256()
    for base in classes:
        for part in _parts(base):
            total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:16]


def digest_in_memory(cls: type) -> str:
    """The digest of those classes among a node class and its bases that have no source file (a notebook, `exec`); empty when all have.

    Of the code as it is now: a global that it uses may have been changed since.
    """
    parts = [code_in_memory(base, LIBRARIES, SHARED_FOLDERS) for base in _plugin_classes(cls) if not has_source(base)]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16] if parts else ""


def _plugin_classes(cls: type) -> list[type]:
    """A class and its bases without those of libraries."""
    return [base for base in cls.__mro__ if base.__module__.partition(".")[0] not in LIBRARIES]


def _parts(cls: type) -> Iterator[bytes]:
    """The code of one class: for each file its path below the folder and its digest."""
    file = Path(inspect.getsourcefile(cls) or "").resolve()
    found = {file: _read(file)}
    folder = own_folder(file)
    waiting = [file] if folder.name not in SHARED_FOLDERS else []
    while waiting:
        importer = waiting.pop()
        for imported in _imported_files(importer, folder, found[importer][1]):
            if imported not in found:
                found[imported] = _read(imported)
                waiting.append(imported)
    for path in sorted(found):
        yield os.path.relpath(path, folder).encode() + found[path][0]


def own_folder(file: Path) -> Path:
    """The folder of a file, or, in a package, the folder of its top package."""
    folder = file.parent
    while (folder / "__init__.py").is_file() and (folder.parent / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _read(file: Path) -> tuple[bytes, tuple[str, ...]]:
    """(sha256 of the file, names that it imports: `.` in front for each level of a relative import)."""
    stat = file.stat()
    at = (str(file), stat.st_mtime_ns, stat.st_size)
    if at not in _known:
        data = file.read_bytes()
        names: list[str] = []
        try:
            tree: ast.AST = ast.parse(data)
        except (SyntaxError, ValueError):  # never imported, then
            tree = ast.Module([], [])
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                start = "." * node.level + (node.module or "")
                joint = "." if node.module else ""
                names += [start] if node.module else []
                names += [f"{start}{joint}{alias.name}" for alias in node.names if alias.name != "*"]
        _known[at] = hashlib.sha256(data).digest(), tuple(dict.fromkeys(names))
    return _known[at]


def _imported_files(importer: Path, folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """The files below `folder` that the names in `importer` may stand for, packages on the way included."""
    for name in names:
        words = name.lstrip(".").split(".")
        level = len(name) - len(name.lstrip("."))
        if (not level and words[0] in LIBRARIES) or level > len(importer.parents):
            continue
        starts = [importer.parents[level - 1]] if level else [importer.parent, folder, folder.parent]
        for start in starts:
            for count in range(1, len(words) + 1):
                base = start.joinpath(*words[:count])
                for file in (base.with_name(base.name + ".py"), base / "__init__.py"):
                    if file.is_relative_to(folder) and file.is_file():
                        yield file
