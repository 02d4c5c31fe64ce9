"""Files of two folders in pairs: a folder that holds one numbered sequence becomes its pattern, other files are paired by name."""

from __future__ import annotations

import os
import re

from rotonodes.cli.session import say
from rotonodes.errors import UsageError
from rotonodes.io.folder import is_wildcard, list_pictures, unique_names
from rotonodes.nodes.input.mask_source import ANY, SUFFIXES, MaskSource
from rotonodes.values.frames import FilePattern, literal

_NUMBERED = re.compile(r"(.*?)(\d+)(\.[^.]+)")


def has_many_files(path: str) -> bool:
    """Whether a path stands for files that are paired by name: a folder or a wildcard."""
    return os.path.isdir(path) or ("*" in path and not os.path.exists(path))


def as_sequence(path: str) -> str:
    """The pattern with a frame token of a folder or wildcard whose files are one numbered sequence; any other path as it is."""
    if not has_many_files(path):
        return path
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    if os.path.isdir(path):
        names = [name for name in os.listdir(path) if name.lower().endswith(SUFFIXES) and not name.startswith(".")]
    else:
        names = [os.path.basename(file) for file in (list_pictures([path]) if is_wildcard(path) else ())]
    matches = [match for match in map(_NUMBERED.fullmatch, names) if match]
    if not names or len(matches) < len(names) or len({(match[1], match[3]) for match in matches}) > 1:
        return path
    widths = {len(match[2]) for match in matches}
    padded = len(widths) == 1 or all(len(match[2]) == min(widths) or match[2][0] != "0" for match in matches)
    token = "#" * min(widths) if padded and min(widths) > 1 else "%d"
    pattern = os.path.join(literal(folder), f"{literal(matches[0][1])}{token}{matches[0][3]}")
    return pattern if len(FilePattern(pattern).on_disk()) == len(names) else path


def mask_path(path: str) -> str:
    """A folder or wildcard as LoadLabels and LoadMattes take it beside `pictures`: a name with `*`. Raises UsageError for others."""
    if os.path.isdir(path):
        return os.path.join(path, f"*{ANY}")
    if path.count("*") != 1 or "*" not in os.path.basename(path):
        raise UsageError(f"{path}: its partner is paired by name; name a folder, or a wildcard with one * for the name ('p/*_mask.png')")
    return path


def check_names(prediction: str, truth: str) -> None:
    """Raise UsageError for true files without a prediction; predictions without a true file are told, and are not scored."""
    if not has_many_files(truth):
        raise UsageError(f"--truth {truth}: the prediction is paired by name; name a folder of true files, too")
    files = list_pictures([truth])
    unique_names(files)
    masks = MaskSource(path=mask_path(prediction), pictures=truth)
    found = {file: masks.mask_of(file) for file in files}
    lost = [os.path.basename(file) for file, mask in found.items() if not os.path.exists(mask)]
    if lost:
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        raise UsageError(f"{prediction}: {len(lost)} of {len(files)} true files have no prediction: {', '.join(lost[:5])}{more}")
    others = set(list_pictures([prediction])).difference(found.values())
    if others:
        say(f"{len(others)} file{'s' * (len(others) > 1)} of {prediction} without a true file not scored, as {sorted(others)[0]}")
