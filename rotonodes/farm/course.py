"""A simulated job as lines, as JSON, and as a picture (SVG) of the machines that are busy over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from rotonodes.farm.job import FarmJob, tasks_of
from rotonodes.farm.simulate import COLUMNS, Course, StepTimes
from rotonodes.machine.durations import duration

COLORS = ("#4878a8", "#e0a458", "#6a9a58", "#b0584a", "#8a6bb0", "#5aa0a0", "#a8784a", "#808080")
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 960, 310, 80, 78, 40  # pixels


def told(
    job: FarmJob, times: dict[str, StepTimes], courses: Sequence[Course], useful: Course, chain: list[tuple[str, float]]
) -> Iterator[str]:
    """The steps with their times, the wall time on each number of machines, and where more of them stop helping."""
    for step in job.steps:
        count, (frame, task) = tasks_of(job, step), times[step.name]
        each = f"{task:.2f} s a task and {frame:.3f} s a frame"
        yield f"step    {step.name}: {count} task{'' if count == 1 else 's'}, {each}" + (
            f", after {', '.join(step.after)}" if step.after else ""
        )
    yield f"{'machines':>8}  {'wall time':>13}  {'busy':>5}  {'faster':>8}"
    for course in courses:
        faster = courses[0].seconds / course.seconds if course.seconds else 1.0
        yield f"{course.machines:>8}  {duration(course.seconds):>13}  {course.busy:>4.0%}  {faster:>7.1f}x"
    words = ", then ".join(f"{name} {duration(seconds)}" for name, seconds in chain)
    yield f"more than {useful.machines} machines hardly help ({duration(useful.seconds)}): one task of each step in a row takes {words}"


def as_data(job: FarmJob, times: dict[str, StepTimes], courses: Sequence[Course], useful: Course) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "frames": job.frames,
        "steps": [
            {
                "name": step.name,
                "frames": step.frames,
                "tasks": tasks_of(job, step),
                "after": list(step.after),
                "seconds_a_task": round(times[step.name].task, 4),
                "seconds_a_frame": round(times[step.name].frame, 6),
            }
            for step in job.steps
        ],
        "machines": [
            {
                "machines": c.machines,
                "seconds": round(c.seconds, 2),
                "busy": round(c.busy, 4),
                "ends": {n: round(e, 2) for n, e in c.ends.items()},
            }
            for c in courses
        ],
        "most_useful": useful.machines,
    }


def picture(job: FarmJob, course: Course) -> str:
    """An SVG: time from left to right, busy machines from the bottom up, one colour for each step."""
    across, up = WIDTH - LEFT - 20, HEIGHT - TOP - BOTTOM
    base = TOP + up
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(job.name)} on {course.machines} machine{"" if course.machines == 1 else "s"}: '
        f"{duration(course.seconds)}, {course.busy:.0%} busy</text>",
    ]
    lower = [0.0] * COLUMNS
    for number, step in enumerate(job.steps):
        upper = [before + more for before, more in zip(lower, course.over_time[step.name], strict=True)]
        outline = [*_edge(upper, course.machines, across, up, base), *reversed(_edge(lower, course.machines, across, up, base))]
        color = COLORS[number % len(COLORS)]
        parts.append(f'<polygon fill="{color}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in outline)}"/>')
        lower = upper
    at = LEFT
    for number, step in enumerate(job.steps):
        parts.append(f'<rect x="{at}" y="36" width="12" height="12" fill="{COLORS[number % len(COLORS)]}"/>')
        parts.append(f'<text x="{at + 17}" y="47">{escape(step.name)}</text>')
        at += 36 + 8 * len(step.name)
    parts.append(f'<path d="M{LEFT} {TOP}V{base}H{LEFT + across}" fill="none" stroke="#333333"/>')
    parts.append(f'<text x="{LEFT - 8}" y="{TOP + 5}" text-anchor="end">{course.machines}</text>')
    parts.append(f'<text x="{LEFT - 8}" y="{base}" text-anchor="end">0</text>')
    parts.append(f'<text x="{LEFT - 8}" y="{TOP - 12}" text-anchor="end">machines</text>')
    for quarter in range(5):
        x, anchor = LEFT + across * quarter / 4, "start" if quarter == 0 else "end" if quarter == 4 else "middle"
        when = duration(course.seconds * quarter / 4) if quarter else "0"
        parts.append(f'<path d="M{x:.1f} {base}v5" stroke="#333333"/>')
        parts.append(f'<text x="{x:.1f}" y="{base + 20}" text-anchor="{anchor}">{when}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _edge(values: Sequence[float], most: int, across: float, up: float, base: float) -> list[tuple[float, float]]:
    """The upper edge of a step: each part of the time is a level."""
    points = []
    for column, value in enumerate(values):
        if 0 < column < COLUMNS - 1 and values[column - 1] == value == values[column + 1]:
            continue  # in the middle of a level
        y = base - up * min(value / most, 1.0)
        points += [(LEFT + across * column / COLUMNS, y), (LEFT + across * (column + 1) / COLUMNS, y)]
    return points
