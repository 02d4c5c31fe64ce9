"""SVG for Illustrator, Inkscape and browsers: groups of filled paths, plain attributes, no style sheets (SVG 1.1, W3C 2011)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Protocol
from xml.sax.saxutils import quoteattr

from rotonodes.io.files import write_bytes
from rotonodes.io.seal import seal_bytes, with_seal

_START = b'<?xml version="1.0" encoding="UTF-8"?>\n<svg '
_END = b"</svg>\n"
_KEY = re.compile(rb"<metadata>rotonodes:key ([0-9A-Za-z:.-]+) ")


class SvgShape(Protocol):
    """A filled path (None: the whole frame) of a name and a colour in a group ("" for none); `under` are lines of the same colour."""

    @property
    def group(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def color(self) -> str: ...
    @property
    def opacity(self) -> float: ...
    @property
    def path(self) -> str | None: ...
    @property
    def under(self) -> str: ...


def write_svg(
    path: str | os.PathLike[str], shapes: Iterable[SvgShape], size: tuple[int, int], *, overlap: float = 1.0, key: str | None = None
) -> None:
    """Write shapes in their order, neighbours of one group in one `g`, atomically. `overlap` is the width of the lines `under` in px."""
    width, height = size
    head = f'xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">\n'
    note = f"<metadata>rotonodes:key {with_seal(key)}</metadata>\n" if key else ""
    write_bytes(path, seal_bytes(_START + (head + note + "".join(_elements(shapes, size, overlap))).encode() + _END))


def _elements(shapes: Iterable[SvgShape], size: tuple[int, int], overlap: float) -> Iterator[str]:
    used: set[str] = set()
    group = ""
    for shape in shapes:
        if shape.group != group:
            yield "</g>\n" if group else ""
            group = shape.group
            yield f"<g id={quoteattr(_identifier(group, used))}>\n" if group else ""
        name = f"{group}-{shape.name}" if group else shape.name
        opacity = f' fill-opacity="{shape.opacity:.3g}"' if shape.opacity < 1 else ""
        yield f'<g id={quoteattr(_identifier(name, used))} fill="{shape.color}"{opacity}>'
        if shape.path is None:
            yield f'<rect width="{size[0]}" height="{size[1]}"/>'
        else:
            yield f'<path fill-rule="evenodd" d="{shape.path}"/>'
        if shape.under and overlap:
            yield f'<path fill="none" stroke="{shape.color}" stroke-width="{overlap:g}" stroke-linejoin="round" d="{shape.under}"/>'
        yield "</g>\n"
    yield "</g>\n" if group else ""


def _identifier(name: str, used: set[str]) -> str:
    """A name as an id of XML that no other element has."""
    made = re.sub(r"[^\w.-]", "_", name)
    made = made if made[:1].isalpha() else f"_{made}"
    number, found = 1, made
    while found in used:
        number += 1
        found = f"{made}-{number}"
    used.add(found)
    return found


def is_svg(start: bytes) -> bool:
    """Whether a file that begins so may be an SVG."""
    return start.startswith((b"<?xml", b"<svg"))


def read_key(path: str | os.PathLike[str]) -> str | None:
    """The key of a complete SVG that rotonodes wrote, or None."""
    try:
        with open(path, "rb") as file:
            found = _KEY.search(file.read(2048))
            file.seek(-len(_END), os.SEEK_END)
            return found[1].decode() if found and file.read() == _END else None
    except OSError:
        return None
