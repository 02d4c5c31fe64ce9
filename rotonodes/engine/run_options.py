"""The options of a run from Python: their types, and one line for what does not fit."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from rotonodes.engine.call_timeline import Timeline
from rotonodes.errors import UsageError, did_you_mean
from rotonodes.values.frames import frame_numbers


class RunOptions(TypedDict, total=False):
    """The options of `rotonodes.run` and `Graph.run`, as `rotonodes.engine.run.run` describes them."""

    frames: str | int | Sequence[int] | None
    nodes: str | Sequence[str]
    device: str
    batch: int | None
    cache: str | os.PathLike[str] | None
    force: bool | str | Sequence[str]
    on_error: Literal["stop", "continue"]
    root: str | os.PathLike[str]
    path_map: Sequence[tuple[str, str]]
    content_hash: bool
    stop: threading.Event | None
    threads: int | None
    verify: bool
    precision: str | None
    timeline: Timeline | None
    sandbox: Sequence[str] | None
    isolate_readers: bool


def checked_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options as `run` takes them. Raises UsageError for an unknown name or a value of another type."""
    options = dict(given)
    known = RunOptions.__annotations__
    for name, value in given.items():
        if name not in known:
            raise UsageError(f"run has no option {name!r}{did_you_mean(name, known)}; it has {', '.join(known)}")
        if name == "frames" and value is not None:
            options[name] = frame_numbers(value)
        elif name in ("nodes", "force") and isinstance(value, str):
            options[name] = [value]
        elif name in ("root", "cache") and isinstance(value, os.PathLike):
            options[name] = os.fspath(value)
        elif fault := _fault(name, value):
            raise UsageError(f"run: {name} is {fault}, not {value!r}")
    return options


def _fault(name: str, value: Any) -> str:
    """What an option is, where the value is something else; else an empty text."""
    if name in ("device", "root") and not isinstance(value, str):
        return "text"
    if name == "cache" and not isinstance(value, str | None):
        return "a folder"
    if name in ("batch", "threads") and not (value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0)):
        return "a whole number from 1"
    if name in ("content_hash", "verify", "isolate_readers") and not isinstance(value, bool):
        return "True or False"
    if name == "force" and not (isinstance(value, bool) or _are_names(value)):
        return "True, False or names of nodes"
    if name == "nodes" and not _are_names(value):
        return "names of nodes"
    if name == "sandbox" and not (value is None or (_are_names(value) and not isinstance(value, str))):
        return "None or folders"
    if name == "precision" and not isinstance(value, str | None):
        return "text"
    if name == "timeline" and not isinstance(value, Timeline | None):
        return "a Timeline"
    if name == "on_error" and value not in ("stop", "continue"):
        return "'stop' or 'continue'"
    return ""


def _are_names(value: Any) -> bool:
    return isinstance(value, Sequence) and all(isinstance(name, str) for name in value)
