"""Model cards: the content of a weights file in words, as Markdown beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rotonodes.io.files import write_bytes
from rotonodes.nets.model import Model, is_onnx

# The line that marks a generated card, which may be rewritten.
MARK = "<!-- rotonodes writes this card anew with its weights; take this line out to keep your own words. -->"

_ACTIVATIONS = {
    "softmax": "one class for each pixel (softmax)",
    "sigmoid": "each class by itself (sigmoid); the first is what the others leave",
    "minmax": "each class by itself (sigmoid), stretched to 0..1 over each frame; the first is what the others leave",
}


def card_path(weights: str | os.PathLike[str]) -> Path:
    """The path of a network's card: `tones.md` beside `tones.safetensors`, `tones.onnx.md` beside `tones.onnx`."""
    path = Path(weights)
    return path.with_name(f"{path.name}.md") if is_onnx(path.name) else path.with_suffix(".md")


def is_by_hand(path: Path) -> bool:
    """True for a card without the line `MARK`: it stays as it is."""
    try:
        return MARK not in path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return False
    except OSError:  # a folder, or a file that may not be read
        return True


def with_card(weights: str) -> tuple[str, ...]:
    """The files of a writer of weights: the weights, and their card unless it was written by hand."""
    path = card_path(weights)
    return (weights,) if is_by_hand(path) else (weights, str(path))


def write_card(model: Model, weights: str | os.PathLike[str], key: str | None = None) -> bool:
    """Write the card beside an existing weights file; returns False if a hand-written card exists, which stays.

    A card with the line `MARK` is generated, and rewritten. Raises the errors of `write_bytes`.
    """
    path = card_path(weights)
    if is_by_hand(path):
        return False
    write_bytes(path, card(model, Path(weights).name, os.path.getsize(weights)).encode(), key)
    return True


def write_card_or_warn(model: Model, weights: str | os.PathLike[str], warn: Callable[[str], None], key: str | None = None) -> None:
    """`write_card` for nodes: warns of a hand-written card, which stays."""
    if not write_card(model, weights, key):
        warn(f"{card_path(weights)} was written by hand and stays as it is: see whether it still holds")


def card(model: Model, name: str, size: int) -> str:
    """The card's text, for a file of that name and size in bytes. The same model gives the same text."""
    return "\n".join([MARK, f"# {name}", "", *_table(_facts(model, name, size)), *_sections(model, name)]) + "\n"


def _facts(model: Model, name: str, size: int) -> Iterator[tuple[str, str]]:
    """Rows of the first table."""
    dtypes = {str(t.dtype).removeprefix("torch.") for t in model.state.values() if t.is_floating_point()}
    counted = [t for n, t in model.state.items() if not n.rpartition(".")[2].startswith(("running_", "num_batches"))]
    yield "architecture", f"`{model.architecture}`: {_config(model.config) or 'as it is by default'}"
    for place, member in enumerate(model.config.get("members", ()), 1):
        weights = f"weight {member['shape']:g} in what the shape is, {member['tones']:g} in which tone it has"
        seen = ", ".join(model.channels[index] for index in member["channels"])
        yield f"member {place}", f"`{member['architecture']}`: {_config(member['config'])}; sees {seen}; {weights}"
    yield "parameters", f"{sum(t.numel() for t in counted):,}"
    yield "input", f"{', '.join(model.channels)}; {_encoding(model)}"
    if model.optional:
        yield "may be missing", f"{', '.join(model.optional)}: trained with and without"
    seen = _preprocessing(model)
    if seen:
        yield "seen as", seen
    yield "size", "any" if model.size_multiple == 1 else f"any; padded to multiples of {model.size_multiple} and cut back"
    yield "answer", _ACTIVATIONS[model.activation]
    if is_onnx(name):
        yield "in the file", "the network alone, from `picture` to `logits`: what is before and after it, OnnxSegment does"
    yield "file", f"{size / 1e6:.1f} MB, weights in use {' and '.join(sorted(dtypes)) or 'none'}"
    yield "licence", model.licence or "not stated: ask whoever trained it before passing it on"


def _config(config: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in sorted(config.items()) if key != "members")


def _encoding(model: Model) -> str:
    names = {"srgb": "sRGB-encoded", "linear": "scene-linear", "raw": "as it is", "depth": "nearest / depth"}
    kinds = dict.fromkeys(model.channel_encodings())
    if len(kinds) == 1:
        return names[next(iter(kinds))]
    encodings = list(zip(model.channels, model.channel_encodings(), strict=True))
    return "; ".join(f"{names[kind]}: {', '.join(c for c, e in encodings if e == kind)}" for kind in kinds)


def _preprocessing(model: Model) -> str:
    preprocessing, words = model.preprocessing, []
    if preprocessing.grey:
        words.append("grey (luma of ITU-R BT.601)")
    if preprocessing.scale != 1:
        words.append(f"scaled by {preprocessing.scale:g}")
    if preprocessing.squash:
        words.append(f"squashed to {preprocessing.squash} x {preprocessing.squash} px")
    if preprocessing.peak:
        words.append("divided by its maximum")
    if preprocessing.mean:
        words.append(f"less {_numbers(preprocessing.mean)}, divided by {_numbers(preprocessing.std)}")
    return "; ".join(words)


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)


def _sections(model: Model, name: str) -> Iterator[str]:
    values = model.mask_values
    yield from (
        "",
        "## Classes",
        "",
        f"| value | class | colour |{' in masks |' if values else ''}",
        "|---|---|---|" + "---|" * bool(values),
    )
    for index, (label, color) in enumerate(zip(model.classes, model.colors, strict=True)):
        yield f"| {index} | {label} | {color} |" + (f" {_text(values[index])} |" if values else "")
    if model.training:
        yield from ("", "## Training", "", *_table(_flat(model.training, model.classes)))
    if model.metrics:
        yield from ("", "## Scores", "", *_table(_flat(model.metrics, model.classes)))
    node = "OnnxSegment" if is_onnx(name) else "UNetSegment"
    yield from ("", "## Use", "", f"In a graph: `{{type: {node}, in: plate, weights: {name}}}`; in Python:", "")
    if is_onnx(name):
        yield from ("    from rotonodes.nodes import OnnxSegment", f'    network = OnnxSegment(weights="{name}")')
    else:
        yield from ("    import rotonodes", f'    network = rotonodes.load_model("{name}")')
    yield "    labels, probabilities, matte = network(picture)"


def _flat(values: Mapping[str, Any], classes: tuple[str, ...], before: str = "") -> Iterator[tuple[str, str]]:
    """Rows of a table; nested values as `iou.background`.

    Names in alphabetical order, classes in their own: a network that comes from a file or the cache has lost the order of its training.
    """
    place = {name: at for at, name in enumerate(classes)}
    for name, value in sorted(values.items(), key=lambda item: (place.get(item[0], -1), item[0])):
        if isinstance(value, Mapping):
            yield from _flat(value, classes, f"{before}{name}.")
        else:
            yield f"{before}{name}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return (value if isinstance(value, str) else json.dumps(value)).replace("\n", " ").replace("|", "\\|")


def _table(rows: Iterator[tuple[str, str]]) -> list[str]:
    return ["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)]
