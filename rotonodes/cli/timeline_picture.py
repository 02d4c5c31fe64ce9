"""The picture of a run's timeline: a row for each thread, a bar for each call, over the time of some frames in the middle of the run."""

from __future__ import annotations

from collections.abc import Sequence

from rotonodes.engine.call_timeline import Span

WIDTH, ROW, LEFT, TOP, LEGEND = 1400, 26, 110, 34, 22  # px
GROUND, INK, GRID = "#ffffff", "#22223b", "#d8d8e0"
COLORS = ("#3a6ea5", "#e07a5f", "#81b29a", "#f2cc8f", "#6d597a", "#b56576", "#2a9d8f", "#8d99ae", "#bc6c25", "#457b9d")
SHARE = 0.25  # of the run's time that is shown, around its middle


def draw_timeline(path: str, spans: Sequence[Span], order: Sequence[str], title: str) -> None:
    """Write a PNG. `order` are the nodes as the graph has them, which gives them their colours."""
    from PIL import Image, ImageDraw, ImageFont

    from rotonodes.io.files import atomic_write

    nodes = [name for name in order if any(span.node == name for span in spans)]
    colors = {name: COLORS[number % len(COLORS)] for number, name in enumerate(nodes)}
    first = min(span.begin for span in spans)
    begin, end = shown_time(spans)
    threads = sorted({span.thread for span in spans if span.end > begin and span.begin < end})
    lines = legend_lines(nodes)
    height = TOP + ROW * max(len(threads), 1) + 30 + LEGEND * len(lines) + 10
    picture = Image.new("RGB", (WIDTH, height), GROUND)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    draw.text((10, 8), title, INK, font)
    scale = (WIDTH - LEFT - 16) / max(end - begin, 1e-9)
    bottom = TOP + ROW * len(threads)
    for tick in ticks(begin - first, end - first):
        x = LEFT + (tick + first - begin) * scale
        draw.line((x, TOP - 2, x, bottom), GRID)
        draw.text((x, bottom + 6), f"{tick:g} s", INK, font, anchor="ma")
    for row, thread in enumerate(threads):
        draw.text((10, TOP + ROW * row + 6), thread, INK, font)
        # Long calls first: what a whole-clip node does with a frame lies inside its call.
        for span in sorted((s for s in spans if s.thread == thread and s.end > begin and s.begin < end), key=lambda s: -s.seconds):
            x0, x1 = (LEFT + (min(max(at, begin), end) - begin) * scale for at in (span.begin, span.end))
            if span.frames or span.seconds < (end - begin) / 2:
                draw.rectangle((x0, TOP + ROW * row + 3, max(x1, x0 + 0.5), TOP + ROW * (row + 1) - 3), colors[span.node])
    for number, names in enumerate(lines):
        x = float(LEFT)
        for name in names:
            y = bottom + 30 + LEGEND * number
            draw.rectangle((x, y + 2, x + 12, y + 14), colors[name])
            draw.text((x + 18, y), name, INK, font)
            x += 34 + font.getlength(name)
    with atomic_write(path) as hidden:
        picture.save(hidden, "PNG")


def shown_time(spans: Sequence[Span]) -> tuple[float, float]:
    """The part of the run that is drawn: a quarter around its middle, but all of a run that is over in half a second."""
    first, last = min(span.begin for span in spans), max(span.end for span in spans)
    if last - first < 0.5:
        return first, last
    middle, half = (first + last) / 2, SHARE * (last - first) / 2
    return middle - half, middle + half


def ticks(begin: float, end: float) -> list[float]:
    """Some five to ten round times."""
    import math

    raw = max(end - begin, 1e-9) / 8
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    return [round(step * number, 9) for number in range(math.ceil(begin / step), math.floor(end / step) + 1)]


def legend_lines(names: Sequence[str]) -> list[list[str]]:
    """The names in lines that fit the picture's width."""
    lines: list[list[str]] = [[]]
    used = 0.0
    for name in names:
        width = 34 + 8 * len(name)
        if lines[-1] and used + width > WIDTH - LEFT - 16:
            lines.append([])
            used = 0.0
        lines[-1].append(name)
        used += width
    return lines
