"""The graph of `rotonodes evaluate`."""

from __future__ import annotations

import os
from collections.abc import Sequence

from rotonodes.cli.jobs.job_graph import class_names, grey_values
from rotonodes.cli.jobs.named_pictures import NodeFields, check_same_size
from rotonodes.cli.jobs.paired_files import as_sequence, check_names, has_many_files, mask_path
from rotonodes.errors import UsageError, did_you_mean_file
from rotonodes.graph.writing import graph_text
from rotonodes.values.frames import FilePattern, format_frames, frames_named, parse_frames


def evaluation_graph(
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
    alpha: bool = False,
) -> str:
    """The YAML of a graph that scores labels, or with `alpha` mattes, against the true ones; options as `rotonodes evaluate` takes them.

    `prediction` and `truth` are single files, sequences (with a frame token), folders or wildcards. Two folders are paired by frame
    numbers where both hold one numbered sequence, otherwise by the names of the files. Raises UsageError for a missing file, for
    sequences of different length or size, and for options that exclude each other.
    """
    of_labels = {"classes": classes, "values": values, "truth-values": truth_values, "ignore": ignore, "clip-length": clip_length}
    given = [f"--{name}" for name, value in {**of_labels, "worst": worst}.items() if value]
    if alpha and given:
        raise UsageError(f"{given[0]} is for labels: remove it, or --alpha")
    links = {"prediction": as_sequence(prediction), "truth": as_sequence(truth)}
    by_name = has_many_files(links["prediction"]) or has_many_files(links["truth"])
    if by_name:
        check_names(prediction, truth)
        loads = {name: {"path": mask_path(path), "pictures": truth, "sizes": "any"} for name, path in links.items()}
        range_of_frames = frames or ""
    else:
        range_of_frames = paired_frames(links["prediction"], links["truth"], frames)
        loads = {name: {"path": path} for name, path in links.items()}
    if alpha:
        nodes: dict[str, NodeFields] = {name: {"type": "LoadMattes", **load} for name, load in loads.items()}
        scores: NodeFields = {"type": "EvaluateMatte", "in": {"matte": "prediction", "truth": "truth"}}
    else:
        names, greys = chosen_classes(classes, values, truth_values, ignore)
        nodes = {name: {"type": "LoadLabels", **load, "classes": names, **greys[name]} for name, load in loads.items()}
        scores = {"type": "EvaluateLabels", "in": {"prediction": "prediction", "truth": "truth"}}
        scores |= {"ignore": names.index(ignore)} if ignore is not None else {}
        clip_length = clip_length or (1 if by_name else 0)  # pictures of any names do not follow each other
    chosen = {"clip_length": clip_length, "worst": worst, "path": output}
    scores |= {name: value for name, value in chosen.items() if value}
    return graph_text(range_of_frames, {**nodes, "scores": scores})


def chosen_classes(
    classes: str | None, values: str | None, truth_values: str | None, ignore: str | None
) -> tuple[list[str], dict[str, NodeFields]]:
    """The names of the classes, and the `values` of prediction and truth as LoadLabels takes them."""
    from rotonodes.values.tones import CLASSES

    names = class_names(classes) if classes else list(CLASSES)
    if len(set(names)) < len(names) or len(names) > 256:
        raise UsageError(f"--classes {classes}: 1 to 256 names, each once")
    if ignore is not None and ignore not in names:
        raise UsageError(f"--ignore {ignore}: there is no such class; the classes are {', '.join(names)}")
    greys: dict[str, NodeFields] = {}
    for name, given in (("prediction", values), ("truth", truth_values or values)):
        option = "--truth-values" if given is truth_values else "--values"
        greys[name] = {"values": grey_values(given, len(names), option)} if given else {}
    return names, greys


def paired_frames(prediction: str, truth: str, frames: str | None) -> str:
    """The frame range of two sequences. Raises UsageError for a file that is missing or of another size than its partner."""
    patterns = {"--prediction": FilePattern(prediction), "--truth": FilePattern(truth)}
    there: dict[str, tuple[int, ...]] = {}
    for option, pattern in patterns.items():
        there[option] = pattern.on_disk() if pattern.has_token else ((1,) if os.path.isfile(str(pattern)) else ())
        if not there[option]:
            raise UsageError(f"{option} {pattern}: {missing_reason(str(pattern))}")
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
            rest = f"; to score only the common frames: -F {format_frames(common)}" if common else ""
            raise UsageError(f"{pattern.path(missing[0])}: no such file{more}; {counts}{rest}")
    check_same_size(*(pattern.find(wanted[0]) for pattern in patterns.values()))
    return frames or format_frames(wanted)


def missing_reason(path: str) -> str:
    """Why a path names no file, and what to write instead."""
    advice = "check the path" if FilePattern(path).has_token else "name a file, a folder, or a sequence with a frame token ('p/####.png')"
    return f"there is no such file{did_you_mean_file(path)}; {advice}"
