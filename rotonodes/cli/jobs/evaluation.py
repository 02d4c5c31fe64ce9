"""The graph of `rotonodes evaluate`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from rotonodes.cli.jobs.job_graph import class_names, graph_text, grey_values
from rotonodes.cli.jobs.named_pictures import check_same_size
from rotonodes.errors import UsageError, did_you_mean_file
from rotonodes.values.frames import FilePattern, format_frames, frames_named, parse_frames


def evaluation(
    prediction: str,
    truth: str,
    *,
    frames: str | None = None,
    classes: str | None = None,
    values: str | None = None,
    truth_values: str | None = None,
    ignore: str | None = None,
    clip_length: int = 0,
    worst: str | None = None,
    output: str | None = None,
) -> str:
    """The YAML of a graph that scores label files against the truth; texts are as `rotonodes evaluate` takes them.

    UsageError names the file when one is missing, or when the two sequences are not of one length and size.
    """
    from rotonodes.values.tones import CLASSES

    names = class_names(classes) if classes else list(CLASSES)
    if len(set(names)) < len(names) or len(names) > 256:
        raise UsageError(f"--classes {classes}: 1 to 256 names, each once")
    if ignore is not None and ignore not in names:
        raise UsageError(f"--ignore {ignore}: there is no such class; the classes are {', '.join(names)}")
    loads: dict[str, dict[str, Any]] = {}
    for name, path, given in (("prediction", prediction, values), ("truth", truth, truth_values or values)):
        loads[name] = {"type": "LoadLabels", "path": path, "classes": names}
        if given:
            option = "--truth-values" if given is truth_values else "--values"
            loads[name]["values"] = grey_values(given, len(names), option)
    scores: dict[str, Any] = {"type": "EvaluateLabels", "in": {"prediction": "prediction", "truth": "truth"}}
    chosen = {"clip_length": clip_length, "worst": worst, "path": output}
    scores |= {name: value for name, value in chosen.items() if value}
    if ignore is not None:
        scores["ignore"] = names.index(ignore)
    return graph_text(paired_frames(prediction, truth, frames), {**loads, "scores": scores})


def paired_frames(prediction: str, truth: str, frames: str | None) -> str:
    """The frames of both sequences. UsageError names a file that is missing or of another size than its partner."""
    patterns = {"--prediction": FilePattern(prediction), "--truth": FilePattern(truth)}
    there: dict[str, tuple[int, ...]] = {}
    for option, pattern in patterns.items():
        there[option] = pattern.on_disk() if pattern.has_token else ((1,) if os.path.isfile(str(pattern)) else ())
        if not there[option]:
            raise UsageError(f"{option} {pattern}: {nothing_there(str(pattern))}")
    wanted: Sequence[int] = parse_frames(frames) if frames else sorted({*there["--prediction"], *there["--truth"]})
    for option, pattern in patterns.items():
        if not pattern.has_token and len(wanted) > 1:
            raise UsageError(f"{option} {pattern} is one file for {len(wanted)} frames: put a frame token in the name (####)")
        missing = [frame for frame in wanted if frame not in set(there[option])] if pattern.has_token else []
        if missing:
            other = next(name for name in patterns if name != option)
            counts = f"{option[2:]} has {len(there[option])} files, {other[2:]} {len(there[other])}"
            more = f", nor any for {frames_named(missing[1:])}" if len(missing) > 1 else ""
            common = sorted({*there[option]}.intersection(there[other]).intersection(wanted))
            rest = f"; to score only what both have: -F {format_frames(common)}" if common else ""
            raise UsageError(f"{pattern.path(missing[0])}: no such file{more}; {counts}{rest}")
    check_same_size(*(pattern.find(wanted[0]) for pattern in patterns.values()))
    return frames or format_frames(wanted)


def nothing_there(path: str) -> str:
    """What is wrong with a path that names no file."""
    if os.path.isdir(path):
        numbered = (re.subn(r"\d+(?=\.\w+$)", lambda digits: "#" * len(digits[0]), name) for name in sorted(os.listdir(path)))
        name = next((name for name, numbers in numbered if numbers), "####.png")
        return f"this is a folder; write the name with a frame token, as in {os.path.join(path, name)!r}"
    if "*" in path:
        return f"files of two folders are paired by their frames; write a frame token, as in {path.replace('*', '####', 1)!r}"
    if FilePattern(path).has_token:
        return f"there is no such file{did_you_mean_file(path)}; check the path"
    return f"there is no such file{did_you_mean_file(path)}; write the name of a sequence with a frame token, as in 'p/####.png'"
