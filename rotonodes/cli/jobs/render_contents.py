"""What `rotonodes passes` says of a render."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rotonodes.cli.jobs.render_files import RenderFiles, find_shot, one_frame
from rotonodes.errors import ListLength, UsageError
from rotonodes.imaging.passes.contents import Contents, CryptomatteContents, read_contents
from rotonodes.values.frames import format_frames

_OBJECTS = 24  # named in a list without -v


def looked_at(given: str, frames: str | None) -> tuple[RenderFiles, Contents]:
    """The files of a render, and what is in one of its frames."""
    render = find_shot(given)
    chosen = render.chosen(frames, "-F") if frames is not None else (render.named,) if render.named is not None else render.frames
    if frames is not None and len(chosen) > 1:
        raise UsageError(f"-F {frames}: one frame is looked at: -F {chosen[0]}")
    return render, read_contents(one_frame(render, [f for f in chosen if f is not None]))


def contents_data(given: str, frames: str | None) -> dict[str, Any]:
    """What is in a render, as plain data."""
    render, contents = looked_at(given, frames)
    on_disk = {"frames": format_frames(render.frames) if render.frames else None, "missing": format_frames(render.gaps) or None}
    return {"path": render.path, **on_disk, "file": contents.layers.path, **contents.as_json(), "faults": list(contents.faults)}


def contents_lines(given: str, frames: str | None) -> Iterator[str]:
    """The same as lines of text."""
    render, contents = looked_at(given, frames)
    layers = contents.layers
    yield f"{layers.path}: {layers.width} x {layers.height}{_window(contents)}"
    if render.frames:
        gaps = f", without {format_frames(render.gaps)}" if render.gaps else ""
        yield f"{render.path}: {len(render.frames)} frame{'s' * (len(render.frames) > 1)} on disk, {format_frames(render.frames)}{gaps}"
    if contents.passes.views:
        yield f"views: {', '.join(contents.passes.views)}"
    for layer in contents.passes.layers:
        yield ""
        yield f"view layer {layer}" if layer else "passes outside view layers"
        rows = [
            (p.name or "(picture)", p.canonical, " ".join(short for short, _ in p.channels), contents.type_of(p), p.view)
            for p in contents.passes.passes
            if p.layer == layer
        ]
        wide = [max(len(row[column]) for row in rows) for column in range(4)]
        for name, usual, channels, kind, view in rows:
            taken = f"= {usual}" if usual != name else ""
            cells = (name.ljust(wide[0]), taken.ljust(wide[1] + 2), channels.ljust(wide[2]), kind.ljust(wide[3]), view)
            yield f"  {'  '.join(cells)}".rstrip()
    for one in contents.cryptomattes:
        yield ""
        yield from _objects(one)
    for fault in contents.faults:
        yield ""
        yield fault


def _window(contents: Contents) -> str:
    layers = contents.layers
    whole = (0, 0, *layers.size)
    return "" if tuple(layers.box) == whole else f", data window {', '.join(map(str, layers.box))}"


def _objects(one: CryptomatteContents) -> Iterator[str]:
    seen = [named for named in one.objects if named.share > 0]
    count = sum(bool(named.name) for named in one.objects)
    manifest = (
        f"{count} name{'s' * (count != 1)}, {sum(bool(n.name) for n in seen)} in this frame"
        if one.manifest
        else "no manifest: ids without names"
    )
    yield f"cryptomatte {one.name}: {manifest}"
    shown = seen if ListLength.whole else seen[:_OBJECTS]
    for named in shown:
        yield f"  {named.share:7.2%}  {named.name or '(not in the manifest)'}"
    if len(shown) < len(seen):
        yield f"  and {len(seen) - len(shown)} more (-v lists all)"
