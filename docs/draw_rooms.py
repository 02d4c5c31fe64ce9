"""Draws docs/rooms.svg: the rooms of rotonodes/ in their two columns, with the imports that the code has.

    python docs/draw_rooms.py          # from the repository's folder

A room is a folder or a file of rotonodes/. An arrow means "imports from"; where a room reaches another one through a third, the
direct arrow is left out (transitive reduction), and so are arrows to the ground floor, which every room may use. An import upwards
is drawn in red. Where each room stands is said in PLACES.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

import networkx as nx

CODE, PICTURE = Path("rotonodes"), Path("docs/rooms.svg")
WIDTH, COLUMN, GAP, ROW, BOX, TOP = 960, 374, 124, 92, 56, 30  # px
LEFT, RIGHT = 44, 44 + COLUMN + GAP  # where the columns begin
GROUND = ("errors", "extras", "machine")
BACK, INK, PALE, RED = "#fbfbfa", "#1f2328", "#6b7280", "#d1242f"
COLORS = {"top": ("#f0f1f3", "#8b929c"), "left": ("#e8f1fa", "#4c78a8"), "right": ("#fdf0e0", "#d9822b"), "ground": ("#f4f3ef", "#b9b4a6")}


class Place(NamedTuple):
    """Where a room is drawn: its colour, its row from the top, its left edge and width in px, and what it is for."""

    side: str
    row: int
    x: float
    width: float
    words: str


HALF, THIRD = (COLUMN - 14) / 2, (WIDTH - 2 * LEFT - 28) / 3
PLACES = {
    "cli": Place("top", 0, LEFT, WIDTH - 2 * LEFT, "the command line: options, exit codes, everyday jobs"),
    "api": Place("top", 1, RIGHT - 132, 264, "Graph and run, for Python"),
    "hosts": Place("left", 1, LEFT, 163, "Blender, Cinema 4D"),
    "page": Place("right", 1, LEFT + 177, 163, "the live page"),
    "farm": Place("right", 1, RIGHT + 146, COLUMN - 146, "jobs for render farms"),
    "nodes": Place("left", 2, LEFT, COLUMN, "one node a file, in folders by what they are for"),
    "train": Place("left", 3, LEFT, COLUMN, "training: data, objective, loop, checkpoints, log"),
    "metrics": Place("left", 4, LEFT, HALF, "scores of labels, mattes"),
    "nets": Place("left", 4, LEFT + HALF + 14, HALF, "networks and their weights"),
    "imaging": Place("left", 5, LEFT, COLUMN, "picture algorithms: passes, picture, mattes, temporal"),
    "io": Place("left", 6, LEFT, COLUMN, "file formats: EXR, PNG, TIFF, GIF, PSD and others"),
    "report": Place("right", 2, RIGHT, HALF, "what people and farms read"),
    "describe": Place("right", 2, RIGHT + HALF + 14, HALF, "drawings, node pages"),
    "engine": Place("right", 3, RIGHT, COLUMN, "run the plan: chunks, batches, threads"),
    "plan": Place("right", 4, RIGHT, COLUMN, "what is done already, and what is to do: keys, cache"),
    "graph": Place("right", 5, RIGHT, COLUMN, "a graph file as checked data"),
    "node": Place("right", 6, RIGHT, COLUMN, "what a node is: parameters, sockets"),
    "values": Place("top", 7, LEFT, WIDTH - 2 * LEFT, "what flows between nodes: Image, Matte, Labels, Layers; colour, frames, tones"),
    "errors": Place("ground", 8, LEFT, THIRD, "errors that know their exit code"),
    "extras": Place("ground", 8, LEFT + THIRD + 14, THIRD, "optional libraries"),
    "machine": Place("ground", 8, LEFT + 2 * THIRD + 28, THIRD, "cores, devices, torchrun"),
}
ONE_ROOM = {"__init__": "api", "__main__": "cli"}  # files that are drawn with another room
HEIGHT = TOP + ROW * (1 + max(place.row for place in PLACES.values())) - (ROW - BOX) + 48


def room_of(module: str) -> str:
    words = module.split(".")
    room = words[1] if len(words) > 1 and not words[1].startswith("__version") else "__init__"
    return ONE_ROOM.get(room, room)


def imported(file: Path) -> Iterator[str]:
    """Every module of ours that a file imports, also inside functions and for type checkers."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "rotonodes")
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "rotonodes":
            if node.module == "rotonodes":
                yield from (f"rotonodes.{alias.name}" if (CODE / alias.name).exists() else "rotonodes" for alias in node.names)
            else:
                yield node.module


def imports_of_rooms() -> nx.DiGraph:
    """Rooms, and which of them imports from which."""
    graph: nx.DiGraph = nx.DiGraph()
    for file in sorted(CODE.rglob("*.py")):
        here = room_of(".".join(file.with_suffix("").parts).removesuffix(".__init__") if file.parent != CODE else f"rotonodes.{file.stem}")
        graph.add_node(here)
        graph.add_edges_from((here, room_of(module)) for module in imported(file) if room_of(module) != here)
    unknown = sorted(set(graph) - set(PLACES))
    if unknown:
        raise SystemExit(f"docs/draw_rooms.py: give the room {unknown[0]!r} a place in PLACES")
    return graph


def arrows(graph: nx.DiGraph) -> Iterator[tuple[str, str, bool]]:
    """(from, to, whether it runs upwards): only those that do not follow from others."""
    plain = graph.subgraph(set(graph) - set(GROUND))
    upward = [(a, b) for a, b in plain.edges if PLACES[b].row <= PLACES[a].row]
    yield from ((a, b, True) for a, b in upward)
    down = nx.DiGraph(edge for edge in plain.edges if edge not in upward)
    yield from ((a, b, False) for a, b in sorted(nx.transitive_reduction(down).edges))


def draw(graph: nx.DiGraph) -> Iterator[str]:
    font = "font-family='Helvetica Neue, Helvetica, Arial, DejaVu Sans, sans-serif'"
    yield f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' width='{WIDTH}' height='{HEIGHT}' {font}>"
    yield "<!-- Made by `python docs/draw_rooms.py` from the imports of rotonodes/. -->"
    yield "<defs>"
    for name, color in (("tip", PALE), ("up", RED)):
        yield f"<marker id='{name}' viewBox='0 0 8 8' refX='7' refY='4' markerWidth='7' markerHeight='7' orient='auto'>"
        yield f"<path d='M0,0.5 L8,4 L0,7.5 z' fill='{color}'/></marker>"
    yield "</defs>"
    yield f"<rect width='{WIDTH}' height='{HEIGHT}' fill='{BACK}'/>"
    for side, x, words in (("left", LEFT + COLUMN / 4, "PICTURES"), ("right", RIGHT + COLUMN / 2, "THE GRAPH")):
        at = f"x='{x:.0f}' y='{top_of(2) - 16}' font-size='12' letter-spacing='2' text-anchor='middle'"
        yield f"<text {at} fill='{COLORS[side][1]}'>{words}</text>"
    at = f"x='{WIDTH / 2:.0f}' y='{HEIGHT - 16}' font-size='11.5' text-anchor='middle'"
    yield f"<text {at} fill='{PALE}'>an arrow: imports from. The ground floor is open to every room.</text>"
    found = list(arrows(graph))
    for a, b, upward in found:
        yield arrow(a, b, upward, found)
    for room in PLACES:
        if room in graph:
            yield from box(room)
    yield "</svg>"


def top_of(row: int) -> float:
    return TOP + ROW * row


def box(room: str) -> Iterator[str]:
    side, row, x, width, words = PLACES[room]
    fill, line = COLORS[side]
    y = top_of(row)
    yield f"<rect x='{x:.0f}' y='{y:.0f}' width='{width:.0f}' height='{BOX}' rx='8' fill='{fill}' stroke='{line}' stroke-width='1.4'/>"
    middle = x + width / 2
    yield f"<text x='{middle:.0f}' y='{y + 23:.0f}' font-size='15' font-weight='600' text-anchor='middle' fill='{INK}'>{room}</text>"
    yield f"<text x='{middle:.0f}' y='{y + 42:.0f}' font-size='11.5' text-anchor='middle' fill='{PALE}'>{escape(words)}</text>"


def arrow(a: str, b: str, upward: bool, found: list[tuple[str, str, bool]]) -> str:
    """From the bottom of a room to the top of another; through the gap between the columns where rooms are in the way."""
    start, end = PLACES[a], PLACES[b]
    color, tip = (RED, "up") if upward else (PALE, "tip")
    y1, y2 = top_of(start.row) + BOX, top_of(end.row) - 2
    if end.row - start.row == 1 or clear(start, end):
        x1, x2 = ends(start, end)
        bend = (y2 - y1) * 0.45
        path = f"M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + bend:.0f} {x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2:.0f}"
    else:
        path = round_about(start, end, lane_of(a, b, found))
    return f"<path d='{path}' fill='none' stroke='{color}' stroke-width='1.5' marker-end='url(#{tip})'/>"


def lane_of(a: str, b: str, found: list[tuple[str, str, bool]]) -> float:
    """The x at which an arrow runs down: in the gap between the columns, or right of them when both its rooms stand there."""
    if PLACES[a].side == PLACES[b].side == "right":
        return RIGHT + COLUMN + LEFT / 2
    lanes = [one for one in found if is_long(one) and not PLACES[one[0]].side == PLACES[one[1]].side == "right"]
    lanes.sort(key=lambda one: PLACES[one[0]].row)
    return LEFT + COLUMN + GAP * ([one[:2] for one in lanes].index((a, b)) + 1) / (len(lanes) + 1)


def round_about(start: Place, end: Place, x: float) -> str:
    """Sideways out of a room, down at `x`, sideways into the other one; straight down where the room stands above the lane."""
    stop = top_of(end.row) + BOX * (0.66 if end.side == "left" else 0.34)
    if start.x < x < start.x + start.width:
        first = f"M{x:.0f},{top_of(start.row) + BOX:.0f}"
    else:
        side = 1 if x > start.x else -1
        edge = start.x + start.width if side == 1 else start.x
        begin = top_of(start.row) + BOX / 2
        first = f"M{edge:.0f},{begin:.0f} L{x - 12 * side:.0f},{begin:.0f} Q{x:.0f},{begin:.0f} {x:.0f},{begin + 12:.0f}"
    to, side = (end.x - 2, 1) if end.x > x else (end.x + end.width + 2, -1)
    return f"{first} L{x:.0f},{stop - 12:.0f} Q{x:.0f},{stop:.0f} {x + 12 * side:.0f},{stop:.0f} L{to:.0f},{stop:.0f}"


def is_long(one: tuple[str, str, bool]) -> bool:
    start, end = PLACES[one[0]], PLACES[one[1]]
    return end.row - start.row != 1 and not clear(start, end)


def clear(start: Place, end: Place) -> bool:
    """Whether a straight arrow down meets no other room."""
    low, high = sorted((start.row, end.row))
    x1, x2 = ends(start, end)
    between = [p for p in PLACES.values() if low < p.row < high]
    return end.row > start.row and not any(p.x - 8 < x < p.x + p.width + 8 for p in between for x in (x1, x2))


def ends(start: Place, end: Place) -> tuple[float, float]:
    """Where an arrow leaves and where it arrives: one above the other where the rooms overlap."""
    left, right = max(start.x, end.x), min(start.x + start.width, end.x + end.width)
    if left < right:
        x = (left + right) / 2
        return x, x
    return held(end.x + end.width / 2, start), held(start.x + start.width / 2, end)


def held(x: float, place: Place) -> float:
    """The nearest x that lies on a room's edge, clear of its corners."""
    return min(max(x, place.x + 24), place.x + place.width - 24)


def svg() -> str:
    return "\n".join(draw(imports_of_rooms())) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(svg(), encoding="utf-8")
