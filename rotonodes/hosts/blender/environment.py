# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python that has rotonodes: torch cannot live in Blender's own. Knows nothing of Blender."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from .label_layer.frames import Refused

VERSION = "0.1"  # of rotonodes that this add-on speaks to
_ASK = """
import importlib.util, sys
found = importlib.util.find_spec("rotonodes")
version = ""
if found:
    import rotonodes
    version = rotonodes.__version__
print("rotonodes?", sys.version_info[0], sys.version_info[1], version or "-", bool(importlib.util.find_spec("torch")))
"""
TIMEOUT = 60  # seconds


def python_in(folder: Path) -> Path:
    """The Python of a virtual environment."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def candidates(own: Path) -> Iterator[Path]:
    """Where rotonodes may be: ROTONODES_PYTHON, the add-on's own environment, beside a `rotonodes` on the PATH."""
    if named := os.environ.get("ROTONODES_PYTHON"):
        yield Path(named)
    yield python_in(own)
    if command := shutil.which("rotonodes"):
        yield python_in(Path(command).resolve().parent.parent)
        yield Path(command).resolve().parent / ("python.exe" if sys.platform == "win32" else "python3")


def usable(chosen: str, own: Path) -> Path:
    """The rotonodes Python: the `chosen` one, or one that is found. Raises Refused with what is wrong with it and what to do."""
    if chosen:
        path = Path(chosen).expanduser()
        if path.is_dir() and python_in(path).is_file():
            path = python_in(path)
        if fault := fault_of(str(path)):
            raise Refused(fault)
        return path
    there = [path for path in dict.fromkeys(candidates(own)) if path.is_file()]
    faults = [fault_of(str(path)) for path in there]
    good = next((path for path, fault in zip(there, faults, strict=True) if not fault), None)
    if good:
        return good
    if faults:
        raise Refused(faults[0])
    raise Refused("no Python with rotonodes was found: name it in the add-on's preferences, or press Install Rotonodes there")


def fault_of(python: str) -> str:
    """What is wrong with a rotonodes Python, as one line; empty for a good one. Asked once for each file."""
    try:
        return _fault_of(python, os.stat(python).st_mtime_ns)
    except OSError:
        return f"rotonodes Python {python}: there is no such file"


def forget() -> None:
    """Ask every Python again: something was installed."""
    _fault_of.cache_clear()


@lru_cache(maxsize=16)
def _fault_of(python: str, changed: int) -> str:
    start = f"rotonodes Python {python}"
    try:
        done = subprocess.run(
            [python, "-c", _ASK], capture_output=True, text=True, errors="replace", timeout=TIMEOUT, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        return f"{start}: it cannot be run ({error.strerror or error}): choose the python program of an environment with rotonodes"
    except subprocess.TimeoutExpired:
        return f"{start}: no answer in {TIMEOUT} s: choose the python program of an environment with rotonodes"
    words = done.stdout.split()
    if len(words) != 5 or words[0] != "rotonodes?":
        why = (done.stderr.strip().splitlines() or ["it does not answer as one"])[-1]
        return f"{start}: this is not a Python that works ({why}): choose the python program of an environment with rotonodes"
    _, major, minor, version, torch = words
    if (int(major), int(minor)) < (3, 11):
        return f"{start}: it is Python {major}.{minor}, rotonodes needs 3.11 or newer"
    if version == "-":
        return f"{start}: it has no rotonodes: {python} -m pip install rotonodes"
    if not version.startswith(f"{VERSION}."):
        return (
            f"{start}: it has rotonodes {version}, this add-on is for {VERSION}: install the add-on that `rotonodes blender-addon` writes"
        )
    if torch != "True":
        return f"{start}: it has no torch: {python} -m pip install torch"
    return ""
