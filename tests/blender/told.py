# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scripts that addon.py runs tell of a call and of what it leaves."""

import contextlib
import os
import time
from pathlib import Path


def call(operator, **options) -> dict:
    """How a call ended, in what time, and what it said if it was refused."""
    began = time.monotonic()
    try:
        how, said = sorted(operator(**options)), ""
    except RuntimeError as error:
        how, said = ["REFUSED"], str(error).strip()
    return {"how": how, "said": said, "seconds": time.monotonic() - began}


def files(where: Path) -> list[str]:
    return sorted(str(file.relative_to(where)) for file in where.rglob("*") if file.is_file())


def changed(before: dict, after: dict) -> list[str]:
    return sorted(path for path in before.keys() | after.keys() if before.get(path, ()) != after.get(path, ()))


def processes_below() -> list[str]:
    """The command lines of this process's children that run, where there is a /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if int(parent) == os.getpid() and state != "Z":
                found.append((stat.parent / "cmdline").read_text().replace("\0", " "))
    return found
