"""Draws a graph: Mermaid and DOT text, and SVG with a layered layout from the sources to the writers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import NamedTuple

from rotonodes.errors import UsageError
from rotonodes.graph.graph import Graph, Vertex

BOX, GAP_X, GAP_Y, MARGIN = 44, 56, 22, 24  # height of a box, least space between layers and between boxes, px
CHARACTER, SMALL_CHARACTER, SMALL_LINE = 7.6, 6.2, 13  # mean widths of the 13 px and 10.5 px fonts, height of a line, px


class Edge(NamedTuple):
    """A link from a node's output to a node's input, with its text."""

    source: str
    target: str
    text: str


def draw_graph(graph: Graph, form: str) -> str:
    """The drawing as text: `form` is mermaid, dot or svg. Raises UsageError for another form."""
    if form not in ("mermaid", "dot", "svg"):
        raise UsageError(f"a graph is drawn as mermaid, dot or svg, not {form!r}")
    return "\n".join({"mermaid": mermaid, "dot": dot, "svg": svg}[form](graph)) + "\n"


def edges(graph: Graph) -> list[Edge]:
    """All links. A link from a node's default output to a node's only input has no text."""
    found = []
    for vertex in graph.vertices.values():
        for name, link in vertex.all_links():
            if link.node not in graph.vertices:
                continue
            default = next(iter(graph.outputs_of(link.node)), "")
            words = [link.output] if link.output != default else []
            words += [name] if len(vertex.links) > 1 else []
            found.append(Edge(link.node, vertex.name, " → ".join(words)))
    return found


def kind(vertex: Vertex) -> str:
    """The style of a node: off, source, writer, clip or plain."""
    cls = type(vertex.node)
    if vertex.disabled:
        return "off"
    if cls.is_writer():
        return "writer"
    return "source" if not vertex.links else ("clip" if cls.takes_whole_clip() else "plain")


COLORS = {  # fill, line
    "source": ("#e8f1fa", "#4c78a8"),
    "writer": ("#fdf0e0", "#d9822b"),
    "clip": ("#f3ebf7", "#8e63a8"),
    "plain": ("#ffffff", "#6b7280"),
    "off": ("#f4f4f5", "#b4b7bd"),
}


def mermaid(graph: Graph) -> Iterator[str]:
    """A Mermaid flowchart, as GitHub and GitLab show it."""
    ids = {name: f"n{i}" for i, name in enumerate(graph.vertices)}
    yield "flowchart LR"
    for name, vertex in graph.vertices.items():
        text = f"<b>{escape(vertex.label or name)}</b><br/>{escape(type(vertex.node).type_name)}"
        yield f'    {ids[name]}["{text}"]:::{kind(vertex)}'
    for edge in edges(graph):
        arrow = f'-- "{escape(edge.text)}" -->' if edge.text else "-->"
        yield f"    {ids[edge.source]} {arrow} {ids[edge.target]}"
    used = {kind(vertex) for vertex in graph.vertices.values()}
    for name, (fill, line) in COLORS.items():
        if name in used:
            yield f"    classDef {name} fill:{fill},stroke:{line},color:#1f2328" + (",stroke-dasharray:4 3" if name == "off" else "")


def dot(graph: Graph) -> Iterator[str]:
    """DOT text for Graphviz."""

    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

    yield "digraph rotonodes {"
    yield '    rankdir=LR; node [shape=box, style="rounded,filled", fontname="Helvetica"]; edge [fontname="Helvetica", fontsize=10];'
    for name, vertex in graph.vertices.items():
        fill, line = COLORS[kind(vertex)]
        text = quoted(f"{vertex.label or name}\n{type(vertex.node).type_name}").replace("\n", "\\n")
        style = ', style="rounded,filled,dashed"' if vertex.disabled else ""
        yield f'    {quoted(name)} [label={text}, fillcolor="{fill}", color="{line}"{style}];'
    for edge in edges(graph):
        yield f"    {quoted(edge.source)} -> {quoted(edge.target)}" + (f" [label={quoted(edge.text)}];" if edge.text else ";")
    yield "}"


# SVG.


def joined(found: list[Edge]) -> list[Edge]:
    """Links between the same two nodes as one edge, with a line of text for each."""
    texts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for edge in found:
        texts[edge.source, edge.target].append(edge.text)
    return [Edge(source, target, "\n".join(filter(None, lines))) for (source, target), lines in texts.items()]


@dataclass
class Spot:
    """A node's box, or (`name` None) the bend of an edge that crosses a layer."""

    name: str | None
    layer: int
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = BOX


class Layout:
    """Positions of boxes in layers from left to right, ordered to reduce crossings; edges bend around boxes in between."""

    def __init__(self, graph: Graph) -> None:
        self.edges = joined(edges(graph))
        depth: dict[str, int] = {}
        incoming: dict[str, list[str]] = defaultdict(list)
        for edge in self.edges:
            incoming[edge.target].append(edge.source)
        for name in graph.order():
            depth[name] = max((depth[source] + 1 for source in incoming[name]), default=0)
        # A source stands just before the first node that uses it, not far off at the left.
        users: dict[str, list[str]] = defaultdict(list)
        for edge in self.edges:
            users[edge.source].append(edge.target)
        for name in depth:
            if not incoming[name] and users[name]:
                depth[name] = max(0, min(depth[user] for user in users[name]) - 1)
        self.layers: list[list[Spot]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
        self.spots: dict[str, Spot] = {}
        for name in graph.order():
            vertex = graph.vertices[name]
            longest = max(len(vertex.label or name), len(type(vertex.node).type_name))
            self.spots[name] = spot = Spot(name, depth[name], width=max(80.0, longest * CHARACTER + 24))
            self.layers[depth[name]].append(spot)
        self.paths = [self._path(edge) for edge in self.edges]
        self._order()
        self._place()

    def _path(self, edge: Edge) -> list[Spot]:
        start, end = self.spots[edge.source], self.spots[edge.target]
        bends = [Spot(None, layer, height=4) for layer in range(start.layer + 1, end.layer)]
        for bend in bends:
            self.layers[bend.layer].append(bend)
        return [start, *bends, end]

    def _order(self) -> None:
        """Sweeps over the layers; each spot goes to the mean place of its neighbours on one side (Sugiyama 1981)."""
        before: dict[int, list[Spot]] = defaultdict(list)
        after: dict[int, list[Spot]] = defaultdict(list)
        for path in self.paths:
            for left, right in pairwise(path):
                before[id(right)].append(left)
                after[id(left)].append(right)
        self.before, self.after = before, after
        for sweep in range(8):
            near, layers = (before, self.layers) if sweep % 2 == 0 else (after, self.layers[::-1])
            places = {id(spot): i for layer in self.layers for i, spot in enumerate(layer)}
            for layer in layers:
                means = {id(s): _mean([places[id(n)] for n in near[id(s)]], places[id(s)]) for s in layer}
                layer.sort(key=lambda spot: means[id(spot)])
                places.update({id(spot): i for i, spot in enumerate(layer)})

    def _place(self) -> None:
        """Columns as wide as their widest box; then each spot is drawn towards its neighbours' height, gaps kept."""
        x = float(MARGIN)
        gaps = [float(GAP_X)] * len(self.layers)  # before each layer, wide enough for what is written there
        for edge in self.edges:
            layer_after = self.spots[edge.target].layer
            longest = max(map(len, edge.text.splitlines()), default=0)
            gaps[layer_after] = max(gaps[layer_after], longest * SMALL_CHARACTER + 36)
        for layer, gap in zip(self.layers, [0.0, *gaps[1:]], strict=True):
            x += gap
            width = max(spot.width for spot in layer)
            y = 0.0
            for spot in layer:
                spot.x, spot.width = x, width if spot.name is None else spot.width
                spot.y = y
                y += spot.height + GAP_Y
            x += width
        self.width = x + MARGIN
        for sweep in range(12):
            for layer in self.layers if sweep % 2 == 0 else self.layers[::-1]:
                near = self.before if sweep % 2 == 0 else self.after
                _spread(layer, [_mean([n.y + n.height / 2 for n in near[id(s)]], s.y + s.height / 2) for s in layer])
        top = min((spot.y for layer in self.layers for spot in layer), default=0.0)
        for layer in self.layers:
            for spot in layer:
                spot.y += MARGIN - top
        self.height = max((spot.y + spot.height for layer in self.layers for spot in layer), default=0.0) + MARGIN


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _spread(layer: list[Spot], centers: list[float]) -> None:
    """Place spots as near to the desired centres as their order and gaps allow; blocks that would overlap are merged."""
    blocks: list[tuple[float, list[Spot]]] = []  # (top, spots)
    for spot, center in zip(layer, centers, strict=True):
        block = (center - spot.height / 2, [spot])
        while blocks and blocks[-1][0] + _length(blocks[-1][1]) + GAP_Y > block[0]:
            top, spots = blocks.pop()
            # The top of the merged block is the mean of the tops that its spots desire, with equal weights.
            desired = block[0] - _length(spots) - GAP_Y
            block = ((top * len(spots) + desired * len(block[1])) / (len(spots) + len(block[1])), spots + block[1])
        blocks.append(block)
    for top, spots in blocks:
        y = top
        for spot in spots:
            spot.y = y
            y += spot.height + GAP_Y


def _length(spots: list[Spot]) -> float:
    return sum(spot.height for spot in spots) + GAP_Y * (len(spots) - 1)


def svg(graph: Graph) -> Iterator[str]:
    """An SVG picture."""
    layout = Layout(graph)
    width, height = round(layout.width), round(layout.height)
    font = "font-family='Helvetica Neue, Helvetica, Arial, DejaVu Sans, sans-serif'"
    yield f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' height='{height}' {font}>"
    yield "<defs><marker id='tip' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'>"
    yield "<path d='M0,0.5 L8,4 L0,7.5 z' fill='#6b7280'/></marker></defs>"
    yield f"<rect width='{width}' height='{height}' fill='#fbfbfa'/>"
    for path in layout.paths:
        yield f"<path d='{_curve(path)}' fill='none' stroke='#6b7280' stroke-width='1.4' marker-end='url(#tip)'/>"
    for name, vertex in graph.vertices.items():
        yield from _box(layout.spots[name], vertex)
    for edge, path in zip(layout.edges, layout.paths, strict=True):
        yield from _label(edge.text, *_middle(path))
    yield "</svg>"


def _box(spot: Spot, vertex: Vertex) -> Iterator[str]:
    fill, line = COLORS[kind(vertex)]
    dashes = " stroke-dasharray='4 3'" if vertex.disabled else ""
    ink, pale = ("#9ca3af", "#b4b7bd") if vertex.disabled else ("#1f2328", "#6b7280")
    middle = spot.x + spot.width / 2
    place = f"x='{spot.x:.0f}' y='{spot.y:.0f}' width='{spot.width:.0f}' height='{spot.height:.0f}'"
    yield f"<rect {place} rx='7' fill='{fill}' stroke='{line}' stroke-width='1.4'{dashes}/>"
    for text, dy, size, color, weight in (
        (vertex.label or vertex.name, 19, 13, ink, 600),
        (type(vertex.node).type_name, 34, 11, pale, 400),
    ):
        place = f"x='{middle:.0f}' y='{spot.y + dy:.0f}' text-anchor='middle'"
        yield f"<text {place} font-size='{size}' font-weight='{weight}' fill='{color}'>{escape(text)}</text>"


def _label(text: str, x: float, y: float) -> Iterator[str]:
    """Lines of text centred on a point, above a copy with a wide outline that hides the edge behind the letters."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        at = f"x='{x:.0f}' y='{y + 3.5 + (number - (len(lines) - 1) / 2) * SMALL_LINE:.0f}' font-size='10.5' text-anchor='middle'"
        yield f"<text {at} fill='#fbfbfa' stroke='#fbfbfa' stroke-width='5' stroke-linejoin='round'>{escape(line)}</text>"
        yield f"<text {at} fill='#4b5563'>{escape(line)}</text>"


def _ends(spot: Spot) -> tuple[float, float, float]:
    return spot.x, spot.x + spot.width, spot.y + spot.height / 2


def _curve(path: list[Spot]) -> str:
    """The SVG path of an edge: horizontal through every bend, smooth curves between layers."""
    _, x, y = _ends(path[0])
    words = [f"M{x:.1f},{y:.1f}"]
    for spot in path[1:]:
        left, right, center = _ends(spot)
        reach = (left - x) / 2
        words.append(f"C{x + reach:.1f},{y:.1f} {left - reach:.1f},{center:.1f} {left:.1f},{center:.1f}")
        if spot.name is None:
            words.append(f"L{right:.1f},{center:.1f}")
        x, y = right, center
    return " ".join(words)


def _middle(path: list[Spot]) -> tuple[float, float]:
    """The position of an edge's text: in the middle of its last step, where edges of one source have separated."""
    _, x, y = _ends(path[-2])
    left, _, center = _ends(path[-1])
    return (x + left) / 2, (y + center) / 2
