"""A small line chart as a PNG, drawn with Pillow."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

SIZE = (960, 540)
PLOT = (70, 50, 936, 470)  # left, top, right, bottom
INK, GRID, PAPER = "#333333", "#e2e2e2", "#ffffff"


@dataclass(frozen=True)
class Curve:
    """A named series of (x, y), finite and in order of x."""

    name: str
    color: str
    points: list[tuple[float, float]]


def draw_curves(lines: list[Curve], x_label: str) -> bytes:
    """PNG bytes, 960x540: axes from 0, round ticks, one legend entry per curve."""
    from PIL import Image, ImageDraw, ImageFont

    # Drawn at twice the size and reduced, because Pillow's lines are not antialiased.
    picture = Image.new("RGB", (2 * SIZE[0], 2 * SIZE[1]), PAPER)
    draw = ImageDraw.Draw(picture)
    draw.font = ImageFont.load_default(size=30)
    points = [point for line in lines for point in line.points]
    x_ticks = ticks(max((x for x, _ in points), default=1))
    # One large first loss must not flatten the rest of the chart.
    y_ticks = ticks(_nearly_largest([y for _, y in points]))
    left, top, right, bottom = (2 * edge for edge in PLOT)

    def place(x: float, y: float) -> tuple[float, float]:
        up = min(y / y_ticks[-1], 1.0)
        return left + (right - left) * x / x_ticks[-1], bottom - (bottom - top) * up

    for y in y_ticks:
        draw.line([place(0, y), place(x_ticks[-1], y)], fill=GRID, width=2)
        draw.text((left - 14, place(0, y)[1]), f"{y:g}", fill=INK, anchor="rm")
    for x in x_ticks:
        draw.line([place(x, 0), place(x, y_ticks[-1])], fill=GRID, width=2)
        draw.text((place(x, 0)[0], bottom + 14), f"{x:g}", fill=INK, anchor="mt")
    draw.line([(left, top), (left, bottom), (right, bottom)], fill=INK, width=3)
    draw.text(((left + right) / 2, bottom + 60), x_label, fill=INK, anchor="mt")
    for line in lines:
        draw.line([place(x, y) for x, y in line.points], fill=line.color, width=5, joint="curve")
        if len(line.points) < 60:
            for x, y in line.points:
                _dot(draw, place(x, y), line.color)
    _legend(draw, lines, (left, 50))
    data = io.BytesIO()
    picture.resize(SIZE, Image.Resampling.BOX).save(data, "PNG")
    return data.getvalue()


def ticks(largest: float) -> list[float]:
    """Round numbers from 0 to at least `largest`, four to ten steps of 1, 2 or 5 times a power of ten."""
    if not largest > 0:
        return [0.0, 1.0]
    raw = largest / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    return [round(i * step, 12) for i in range(math.ceil(largest / step * 0.999) + 1)]


def _nearly_largest(values: list[float]) -> float:
    ordered = sorted(values) or [1.0]
    return ordered[min(len(ordered) - 1, int(len(ordered) * 0.98))]


def _dot(draw: ImageDraw, place: tuple[float, float], color: str) -> None:
    x, y = place
    draw.ellipse((x - 6, y - 6, x + 6, y + 6), fill=color)


def _legend(draw: ImageDraw, lines: list[Curve], start: tuple[float, float]) -> None:
    """A row above the plot: each line's colour, name and last value."""
    x, y = start
    for line in lines:
        text = f"{line.name} {line.points[-1][1]:.3g}"
        draw.line([(x, y), (x + 44, y)], fill=line.color, width=8)
        draw.text((x + 60, y), text, fill=INK, anchor="lm")
        x += draw.textlength(text) + 130
