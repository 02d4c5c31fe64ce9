"""`rotonodes view`: one frame of any node as a picture, or all frames on a contact sheet."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rotonodes.errors import UsageError
from rotonodes.graph.graph import Graph, Handle, Link
from rotonodes.imaging.picture.show import CELL, first_pass, shown, write_view
from rotonodes.node.base import Node
from rotonodes.node.parameters import OutputPath, param
from rotonodes.node.signature import FRAME_TYPES
from rotonodes.values.frames import parse_frames
from rotonodes.values.pixels import Clip, Image, Labels, Layers, Matte

if TYPE_CHECKING:
    from rotonodes.engine.events import Reporter
    from rotonodes.engine.kept import Kept
    from rotonodes.engine.result import Result


def view_node(
    graph: Graph,
    target: str,
    frames: str | None = None,
    output: str | None = None,
    *,
    contact: bool = False,
    device: str = "auto",
    reporter: Reporter | None = None,
    stop: threading.Event | None = None,
    kept: Kept | None = None,
    **places: Any,
) -> tuple[str, Result]:
    """Run `graph` up to `target` (`node` or `node.output`) and write its output as a PNG; returns the path and the result of the run.

    `frames` is one frame (default: the first), or with `contact` a range (default: all). `kept` has the networks of earlier looks,
    `places` are the options of `rotonodes.engine.run.run` for paths and the cache. Raises UsageError for an unknown target, or one
    that is not a picture.
    """
    from rotonodes.engine.run import run
    from rotonodes.plan.make_plan import make_plan

    link = find_target(graph, target)
    numbers: Sequence[int] = parse_frames(frames) if frames else ()
    if not numbers:
        numbers = graph.frames or make_plan(graph, nodes=[link.node], **places).delivered
        numbers = numbers if contact else numbers[:1]
    if len(numbers) > 1 and not contact:
        raise UsageError(f"view shows one frame: take one of {frames}, or --contact for a sheet of them")
    path = output or default_name(link, numbers, contact)
    if Path(path).suffix.lower() != ".png":
        raise UsageError(f"-o {path}: view writes PNG; to deliver other formats, put a WriteFrames into the graph")
    view = Graph(graph.frames, file=graph.file)
    view.vertices.update(graph.vertices)
    view.add(ViewSheet(path=path) if contact else View(path=path), "view", value=Handle(view, *link))
    return path, run(view, frames=numbers or None, nodes=["view"], device=device, reporter=reporter, stop=stop, kept=kept, **places)


def find_target(graph: Graph, target: str) -> Link:
    """The output that `node` or `node.output` names. Raises UsageError when there is none, or when it is not a picture."""
    link = graph.links_of(target)[0]
    name = link.node
    kinds = graph.output_types(link) or ()
    if not any(issubclass(kind, FRAME_TYPES) for kind in kinds):
        what = " or ".join(kind.__name__ for kind in kinds) or "nothing"
        hint = ": look at one of its inputs" if type(graph.vertices[name].node).is_writer() else ""
        raise UsageError(f"view shows pictures, mattes, labels and layers, and {name} gives {what}{hint}")
    return link


def default_name(link: Link, frames: Sequence[int], contact: bool) -> str:
    """`roto.labels.0012.png` in the current folder."""
    number = ["contact"] if contact else [f"{frame:04d}" for frame in frames]
    return ".".join([*(word.replace("/", "-") for word in link), *number, "png"])


class View(Node):
    """Write a value as a picture to look at. Used only by `rotonodes view`."""

    in_catalogue: ClassVar[bool] = False
    path: OutputPath = param(help="the PNG file", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, value: Image | Matte | Labels | Layers) -> Path:
        write_view(self.path, shown(value))
        return Path(self.path)


class ViewSheet(Node):
    """Write a clip as a contact sheet with frame numbers. Used only by `rotonodes view`."""

    in_catalogue: ClassVar[bool] = False
    path: OutputPath = param(help="the PNG file", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, value: Clip[Image | Matte | Labels | Layers]) -> Path:
        from rotonodes.imaging.picture.sheet import cell, cell_size, contact_sheet

        cells: list[Image] = []
        for one in value:
            picture = shown(first_pass(one) if isinstance(one, Layers) else one)
            cells.append(cell(picture, cells[0].size if cells else cell_size(picture, CELL)))
        write_view(self.path, contact_sheet(cells, [str(frame) for frame in value.frames]))
        return Path(self.path)
