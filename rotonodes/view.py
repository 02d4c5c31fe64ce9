"""One frame of any node as a picture to look at, or all frames on a sheet: `rotonodes view`."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rotonodes.errors import UsageError
from rotonodes.frames import parse_frames
from rotonodes.graph import Graph, Handle, Link
from rotonodes.node import FRAME_TYPES, Node
from rotonodes.pixels import Clip, Image, Labels, Layers, Matte

if TYPE_CHECKING:
    from torch import Tensor

    from rotonodes.engine import Result
    from rotonodes.report import Reporter

CELL = 192  # width of a cell on a sheet, px
SQUARE = 8  # side of the squares below transparent pictures, px
SQUARES = (0.13, 0.32)  # their linear greys: the usual codes 102 and 153
FAR = 1e9  # renderers write 1e10 and more where a ray hits nothing

Viewable = Image | Matte | Labels | Layers


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
    **places: Any,
) -> tuple[str, Result]:
    """Run `graph` up to `target` (`node` or `node.output`) and write what comes out as a PNG; its path and the run's result.

    `frames` is one frame (the first unless given), or with `contact` a range (all unless given). `places` are the options of
    `rotonodes.engine.run` that say where files are. UsageError for a target that is not there or is no picture.
    """
    from rotonodes.engine import run
    from rotonodes.plan import make_plan

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
    shown = Graph(graph.frames, file=graph.file)
    shown.vertices.update(graph.vertices)
    shown.add(sheet_node(path) if contact else picture_node(path), "view", value=Handle(shown, *link))
    return path, run(shown, frames=numbers or None, nodes=["view"], device=device, reporter=reporter, stop=stop, **places)


def find_target(graph: Graph, target: str) -> Link:
    """The output that `node` or `node.output` names. UsageError when there is none, or when it is no picture."""
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


def picture_node(path: str) -> Node:
    """A node that writes what it is given as one picture.

    The class is made here, within a function, and taken out of the list of node types: it is not for graphs.
    """

    class View(Node):
        """Write a value as a picture to look at."""

        def writes(self, frame: int | None) -> tuple[str, ...]:
            return (path,)

        def process(self, value: Image | Matte | Labels | Layers) -> Path:
            write_view(path, shown(value))
            return Path(path)

    return unlisted(View)()


def sheet_node(path: str) -> Node:
    """A node that writes all frames it is given on one sheet, with their numbers."""

    class ViewSheet(Node):
        """Write a clip as a sheet to look at."""

        def writes(self, frame: int | None) -> tuple[str, ...]:
            return (path,)

        def process(self, value: Clip[Image | Matte | Labels | Layers]) -> Path:
            from rotonodes.nodes.contact_sheet import cell, cell_size, contact_sheet

            cells: list[Image] = []
            for one in value:
                picture = shown(first_pass(one) if isinstance(one, Layers) else one)
                cells.append(cell(picture, cells[0].size if cells else cell_size(picture, CELL)))
            write_view(path, contact_sheet(cells, [str(frame) for frame in value.frames]))
            return Path(path)

    return unlisted(ViewSheet)()


def unlisted(cls: type[Node]) -> type[Node]:
    """The class, no longer among the types that graphs may use."""
    from rotonodes.registry import withdraw

    withdraw(cls)
    return cls


# How values are made to look at.


def shown(value: Viewable) -> Image | Matte | Labels:
    """A value as something that can be shown: passes that are no colour brought into 0 to 1, layers as a sheet of passes."""
    if isinstance(value, Layers):
        return pass_sheet(value)
    if not isinstance(value, Image):
        return value.to("cpu")
    picture = value.on_frame().to("cpu")
    names = [name for name in picture.channels if name != "A"]
    if names[:3] == ["R", "G", "B"]:
        return picture
    if names == ["Y"] and float(picture.color.nan_to_num().amax()) <= 1 and float(picture.color.nan_to_num().amin()) >= 0:
        return picture
    return Image(as_codes(class_colors(picture, names) if is_classes(picture, names) else in_range(picture, names)))


def is_classes(picture: Image, names: Sequence[str]) -> bool:
    """Whether the planes are probabilities of classes: named by words, and 1 together in every pixel."""
    import torch

    words = len(names) > 1 and all(len(name) > 1 for name in names) and "A" not in picture.channels
    return words and bool(torch.allclose(picture.data.sum(0), torch.ones(()), atol=0.01))


def class_colors(picture: Image, names: Sequence[str]) -> Tensor:
    """Probabilities `[N, H, W]` as the mix of their classes' colours, codes from 0 to 1."""
    import torch

    from rotonodes.color import parse_hex
    from rotonodes.tones import CLASSES, COLORS, default_colors

    colors = (
        dict(zip(CLASSES, COLORS, strict=True)) if set(names) <= set(CLASSES) else dict(zip(names, default_colors(len(names)), strict=True))
    )
    table = torch.tensor([parse_hex(colors[name])[:3] for name in names], dtype=torch.float32) / 255
    return torch.einsum("nhw,nc->chw", picture.data, table)


def in_range(picture: Image, names: Sequence[str]) -> Tensor:
    """Depth, normals, positions, ids: up to three planes as codes from 0 to 1.

    Normals map -1 to 1 onto 0 to 1, as is usual; everything else its own range, background at infinity left out.
    """
    import torch

    planes = picture.data[[picture.channels.index(name) for name in names[:3]]]
    finite = planes.isfinite() & (planes.abs() < FAR)
    known = planes[finite]
    low, high = (float(known.min()), float(known.max())) if known.numel() else (0.0, 1.0)
    if len(names) >= 3 and -1.01 <= low < 0 and high <= 1.01:
        low, high = -1.0, 1.0
    elif low >= 0 and high <= 1 and len(names) >= 2:
        low, high = 0.0, 1.0
    scaled = (planes - low) / (high - low if high > low else 1.0)
    far = torch.ones_like(planes) if len(names) == 1 else torch.zeros_like(planes)
    codes = torch.where(finite, scaled, far).clamp(0, 1)
    missing = codes.new_zeros((3 - codes.shape[0], *codes.shape[1:]))
    return codes if codes.shape[0] == 1 else torch.cat([codes, missing])


def as_codes(codes: Tensor) -> Tensor:
    """Linear values that are written as these codes (0 to 1)."""
    from rotonodes.color import srgb_to_linear

    return srgb_to_linear(codes)


def first_pass(layers: Layers) -> Image:
    """The picture of a multipass frame: its Combined pass, or whatever comes first."""
    from rotonodes.io.passes import Passes, pass_image

    passes = Passes.of(layers)
    return pass_image(layers, passes.find("Combined") if passes.has("Combined") else passes.passes[0])


def pass_sheet(layers: Layers) -> Image:
    """Every pass of a multipass frame with its name below."""
    from rotonodes.io.passes import Passes, pass_image
    from rotonodes.nodes.contact_sheet import cell, cell_size, contact_sheet

    passes = Passes.of(layers).passes
    pictures = [shown(pass_image(layers, one)) for one in passes]
    return contact_sheet([cell(picture, cell_size(picture, CELL)) for picture in pictures], [one.full_name for one in passes])


def write_view(path: str, value: Image | Matte | Labels) -> None:
    """Write a picture as 8-bit sRGB, transparent ones over grey squares; mattes grey, labels in their colours."""
    import numpy as np

    from rotonodes.color import linear_to_srgb
    from rotonodes.io.pictures import write_labels
    from rotonodes.io.png import write_png

    if isinstance(value, Labels):
        write_labels(path, value)
        return
    codes = value.data if isinstance(value, Matte) else linear_to_srgb(over_squares(value))
    samples = (codes.nan_to_num(posinf=1.0).clamp(0, 1) * 255 + 0.5).byte().permute(1, 2, 0).numpy()
    write_png(path, np.ascontiguousarray(samples))


def over_squares(picture: Image) -> Tensor:
    """Colour `[3 or 1, H, W]` over a ground of squares; opaque pictures as they are."""
    import torch

    picture = picture.on_frame()
    if picture.alpha is None:
        return picture.color
    down = torch.arange(picture.height) // SQUARE
    across = torch.arange(picture.width) // SQUARE
    ground = torch.tensor(SQUARES)[(down[:, None] + across[None]) % 2]
    return picture.color + ground * (1 - picture.alpha)
