"""A graph with a copy of every node at a fraction of the size, for previews.

The copies are nodes like others: the engine, the keys and the cache serve them as they are. What differs from full size:

- File sources are read at full size and shrunk (`imaging.picture.shrinking`).
- Numbers in pixels (`unit="px"`) are divided; whole ones are rounded, so an edge may lie up to half a pixel of the preview off.
- Networks run at full size, and what they give is shrunk: of a smaller picture they would find other tones (on the example shot 20 to 25 %
  of the shape's pixels at half the size). A run finds their values in the cache.
- What is learned or measured over the shot (TrainUNet, MeasureTones, MeasureKeyLight) is taken from full size, as in a run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, TypeVar, get_args

from rotonodes.graph.graph import Graph, Link, Vertex
from rotonodes.node.base import Node
from rotonodes.node.parameters import param, parameter_faults, path_parameters, unit_of
from rotonodes.node.signature import FRAME_TYPES
from rotonodes.values.pixels import Image, Labels, Layers, Matte

Shown = TypeVar("Shown", Image, Matte, Labels, Layers)
ODD = ("median",)  # sizes of windows around a pixel
AREAS = ("area", "holes")  # numbers of pixels


class Shrink(Node):
    """A value at a fraction of its size. Used only for previews."""

    in_catalogue: ClassVar[bool] = False
    by: int = param(2, help="the size is divided by this", ge=1)

    def process(self, value: Shown) -> Shown:
        from rotonodes.imaging.picture.shrinking import shrunk

        return shrunk(value, self.by)  # type: ignore[return-value]  # of the kind that came in


def proxy_name(name: str, by: int) -> str:
    """The name of a node's copy, as messages show it."""
    return name if by == 1 else f"{name} (1:{by})"


def with_proxies(graph: Graph, by: int) -> Graph:
    """The graph with a copy at 1/`by` of each node that gives pictures, mattes, labels or layers. Links must be without faults."""
    if by == 1:
        return graph
    made = Graph(graph.frames, file=graph.file)
    made.vertices.update(graph.vertices)
    for name in graph.order():
        vertex = graph.vertices[name]
        if vertex.disabled or not _gives_pictures(graph, name):
            continue  # a disabled node is bypassed where it is linked
        if stays_full(vertex):
            for output in vertex.node.outputs():
                if _is_picture(graph, Link(name, output)):
                    copy = f"{proxy_name(name, by)} {output}"
                    made.insert(Vertex(copy, Shrink(by=by), {"value": (Link(name, output),)}, place=vertex.place))
            continue
        links = {key: tuple(_source(graph, link, by) for link in given) for key, given in vertex.links.items()}
        made.insert(replace(vertex, name=proxy_name(name, by), node=at_scale(vertex.node, by), links=links))
    return made


def proxy_of(graph: Graph, link: Link, by: int) -> Link:
    """The output of the copy that stands for an output."""
    return _source(graph, link, by) if by > 1 else link


def _source(graph: Graph, link: Link, by: int) -> Link:
    """What a copy is linked to: a copy where the link carries pictures, else the node itself."""
    link = graph.source_of(link)
    if not _is_picture(graph, link):
        return link
    vertex = graph.vertices[link.node]
    if stays_full(vertex):
        return Link(f"{proxy_name(link.node, by)} {link.output}", "value")
    return Link(proxy_name(link.node, by), link.output)


def stays_full(vertex: Vertex) -> bool:
    """Whether a node is made at full size and its pictures are shrunk: a source of files, or a network."""
    cls = type(vertex.node)
    return cls.has_precision or cls.category == "networks" or (not vertex.links and bool(path_parameters(cls, "input")))


def _is_picture(graph: Graph, link: Link) -> bool:
    return any(issubclass(kind, FRAME_TYPES) for kind in graph.output_types(link) or ())


def _gives_pictures(graph: Graph, name: str) -> bool:
    return any(_is_picture(graph, Link(name, output)) for output in graph.vertices[name].node.outputs())


def at_scale(node: Node, by: int) -> Node:
    """A node with its numbers in pixels divided."""
    cls = type(node)
    changed: dict[str, Any] = {}
    for name, info in cls.model_fields.items():
        value = getattr(node, name)
        if unit_of(info) != "px" or value is None or isinstance(value, bool):
            continue
        whole = int in (get_args(info.annotation) or (info.annotation,)) and float not in get_args(info.annotation)
        scaled = _divided(value, by * by if name in AREAS else by, whole)
        if name in ODD:
            scaled = 2 * (int(value) // (2 * by)) + 1
        if scaled != value and not _fits(node, name, scaled):
            scaled = max(1, scaled) if isinstance(scaled, int) and _fits(node, name, max(1, scaled)) else value
        if scaled != value:
            changed[name] = scaled
    return node.model_copy(update=changed) if changed else node


def _divided(value: Any, by: int, whole: bool) -> Any:
    """All numbers of a value divided: of curves over frames the values, not the frames."""
    if isinstance(value, Mapping):
        return {key: _divided(one, by, whole) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_divided(one, by, whole or isinstance(one, int)) for one in value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return round(value / by) if whole else value / by


def _fits(node: Node, name: str, value: Any) -> bool:
    return not any(parameter == name for parameter, _ in parameter_faults(type(node), {**node.model_dump(), name: value}))
