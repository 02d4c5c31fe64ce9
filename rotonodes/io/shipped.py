"""Graphs, weights and palettes that ship with rotonodes, found by name from any folder, in a clone and in an installed package."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from rotonodes.errors import did_you_mean, did_you_mean_file

WEIGHTS, GRAPHS = "weights", "graphs"
_PACKAGE = Path(__file__).resolve().parent.parent
_ENDINGS = {WEIGHTS: (".safetensors",), GRAPHS: (".yaml", ".yml")}


@lru_cache(maxsize=3)
def shipped_folder(kind: str) -> Path:
    """The folder of what ships, `kind` being "weights", "graphs" or "palettes": inside the package, or in a clone beside it."""
    installed = _PACKAGE / "shipped" / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind


def shipped_names(kind: str) -> list[str]:
    """The names of what ships, sorted: `cutout`, `tones`, ..."""
    try:
        files = sorted(os.listdir(shipped_folder(kind)))
    except OSError:  # a package that was put together without them
        return []
    return [Path(file).stem for file in files if file.endswith(_ENDINGS[kind])]


def weights_path(name: str) -> str:
    """Weights as a graph writes them: the file `name` where it exists, else for a shipped name `weights/NAME.safetensors`.

    Anything else comes back as it is.
    """
    if os.path.exists(name) or os.path.dirname(name):
        return name
    stem = name.removesuffix(".safetensors")
    return f"{WEIGHTS}/{stem}.safetensors" if stem in shipped_names(WEIGHTS) else name


def shipped_weights(path: str) -> str:
    """The file that ships for `weights/NAME.safetensors`; empty for any other path."""
    folder, name = os.path.split(path)
    shipped = shipped_folder(WEIGHTS) / name
    return str(shipped) if folder == WEIGHTS and name.endswith(_ENDINGS[WEIGHTS]) and shipped.is_file() else ""


def find_weights(path: str) -> str:
    """Where the weights lie that a graph writes as `path`: there if the file exists, else where they ship."""
    return path if os.path.exists(path) else shipped_weights(path) or path


def weights_written(path: str) -> str:
    """`weights/NAME.safetensors` for a file that ships, any other path as it is: the reverse of `shipped_weights`."""
    folder, name = os.path.split(path)
    return f"{WEIGHTS}/{name}" if folder == str(shipped_folder(WEIGHTS)) else path


def find_graph(name: str) -> str:
    """The file of a shipped graph by its name: `flat_tones`, `flat_tones.yaml` or `graphs/flat_tones.yaml`.

    A file that exists goes first; any other name comes back as it is.
    """
    if os.path.isfile(name):
        return name
    folder, file = os.path.split(name)
    stem = next((file.removesuffix(ending) for ending in _ENDINGS[GRAPHS] if file.endswith(ending)), file)
    return str(shipped_folder(GRAPHS) / f"{stem}.yaml") if folder in ("", GRAPHS) and stem in shipped_names(GRAPHS) else name


def near_weights(name: str) -> str:
    """What to say behind weights that are not there: a name that is near, else the names that ship."""
    if Path(name).stem in shipped_names(WEIGHTS):
        return f" (did you mean '{WEIGHTS}/{Path(name).stem}.safetensors'?)"
    near = did_you_mean_file(name) or did_you_mean(Path(name).stem, shipped_names(WEIGHTS))
    return near or f"; weights that ship: {', '.join(shipped_names(WEIGHTS))}"
