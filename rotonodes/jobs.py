"""Everyday jobs without writing YAML: each is a graph, which `--print-graph` shows and the engine runs."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rotonodes.errors import UsageError
from rotonodes.frames import FilePattern, format_frames, parse_frames
from rotonodes.session import Session

if TYPE_CHECKING:
    from rotonodes.engine import Result


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
    from rotonodes.tones import CLASSES

    names = words(classes, "--classes") if classes else list(CLASSES)
    if len(set(names)) < len(names) or len(names) > 256:
        raise UsageError(f"--classes {classes}: 1 to 256 names, each once")
    if ignore is not None and ignore not in names:
        raise UsageError(f"--ignore {ignore}: there is no such class; the classes are {', '.join(names)}")
    loads: dict[str, dict[str, Any]] = {}
    for name, path, given in (("prediction", prediction, values), ("truth", truth, truth_values or values)):
        loads[name] = {"type": "LoadLabels", "path": path, "classes": names}
        if given:
            option = "--truth-values" if given is truth_values else "--values"
            loads[name]["values"] = greys(given, len(names), option)
    scores: dict[str, Any] = {"type": "EvaluateLabels", "in": {"prediction": "prediction", "truth": "truth"}}
    chosen = {"clip_length": clip_length, "worst": worst, "path": output}
    scores |= {name: value for name, value in chosen.items() if value}
    if ignore is not None:
        scores["ignore"] = names.index(ignore)
    return graph_text(paired_frames(prediction, truth, frames), {**loads, "scores": scores})


def words(text: str, option: str) -> list[str]:
    """The parts of `a,b,c`; UsageError for an empty one."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise UsageError(f"{option} {text}: write them with commas between, a,b,c")
    return parts


def greys(text: str, count: int, option: str) -> list[int]:
    """The value of each class in the files; UsageError unless there is one whole number for each."""
    try:
        found = [int(word) for word in words(text, option)]
    except ValueError:
        raise UsageError(f"{option} {text}: write whole numbers with commas between, 200,40,80") from None
    if len(found) != count or len(set(found)) < count:
        raise UsageError(f"{option} {text}: {len(found)} values for {count} classes: give one for each class, each another")
    return found


def paired_frames(prediction: str, truth: str, frames: str | None) -> str:
    """The frames of both sequences. UsageError names a file that is missing or of another size than its partner."""
    patterns = {"--prediction": FilePattern(prediction), "--truth": FilePattern(truth)}
    there: dict[str, tuple[int, ...]] = {}
    for option, pattern in patterns.items():
        there[option] = pattern.on_disk() if pattern.has_token else ((1,) if os.path.isfile(str(pattern)) else ())
        if not there[option]:
            hint = "write the name with a frame token, as in 'p/####.png'" if not pattern.has_token else "check the path"
            raise UsageError(f"{option} {pattern}: there is no such file; {hint}")
    wanted: Sequence[int] = parse_frames(frames) if frames else sorted({*there["--prediction"], *there["--truth"]})
    for option, pattern in patterns.items():
        if not pattern.has_token and len(wanted) > 1:
            raise UsageError(f"{option} {pattern} is one file for {len(wanted)} frames: put a frame token in the name (####)")
        missing = [frame for frame in wanted if frame not in set(there[option])] if pattern.has_token else []
        if missing:
            other = next(name for name in patterns if name != option)
            counts = f"{option[2:]} has {len(there[option])} files, {other[2:]} {len(there[other])}"
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise UsageError(f"{pattern.path(missing[0])}: no such file{more} (frames {format_frames(missing)}); {counts}")
    refuse_other_size(*(pattern.path(wanted[0]) for pattern in patterns.values()))
    return frames or format_frames(wanted)


def refuse_other_size(prediction: str, truth: str) -> None:
    """UsageError for two files of different size; within a sequence, LoadLabels sees to it."""
    from rotonodes.errors import FrameError
    from rotonodes.io.pictures import picture_size

    try:
        (width, height), (across, down) = picture_size(prediction), picture_size(truth)
    except FrameError:
        return  # the run will say what is wrong with the file
    if (width, height) != (across, down):
        raise UsageError(f"{prediction} is {width} x {height}, but {truth} is {across} x {down}: reformat one of them")


def graph_text(frames: str, nodes: dict[str, dict[str, Any]]) -> str:
    """A graph file. Values are written as JSON, which YAML reads as the same; a `$` is no variable here."""

    def written(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False).replace("$", "$$")

    lines = ["rotonodes: 1", f"frames: {written(frames)}", "nodes:"]
    for name, body in nodes.items():
        lines.append(f"  {name}:")
        lines += [f"    {key}: {value if key == 'type' else written(value)}" for key, value in body.items()]
    return "\n".join(lines) + "\n"


def run_job(text: str, title: str, session: Session) -> tuple[int, Result | None]:
    """Run the graph in `text`, whole and without a cache: the exit code, and the result unless it was interrupted.

    On a terminal progress is shown; elsewhere only warnings and the first failure are said.
    """
    from rotonodes.builder import Builder
    from rotonodes.engine import run
    from rotonodes.errors import EXIT_INTERRUPTED, Interrupted
    from rotonodes.graphfile import parse_document
    from rotonodes.interrupt import StopOnSignal
    from rotonodes.report import QuietReporter, make_reporter

    graph = Builder(parse_document(text, title), {}, {}).build()
    reporter = make_reporter("rich", session.verbose) if sys.stderr.isatty() else QuietReporter(session.verbose)
    session.reporter, reporter.again = reporter, lambda frames: ""  # the command itself, which the user has just written
    stop = threading.Event()
    with StopOnSignal(stop) as signals:
        try:
            result = run(graph, cache="none", force=True, device="cpu", reporter=reporter, stop=stop)
        except Interrupted:
            return signals.code or EXIT_INTERRUPTED, None
    return result.exit_code, result
