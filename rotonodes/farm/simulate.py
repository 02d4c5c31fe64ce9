"""How long a job takes on a number of machines, from measured times: plain arithmetic, no scheduler.

Tasks are given out in the order of the job, each to the machine that is free first, as a farm with nothing else to do would.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from rotonodes.errors import UsageError
from rotonodes.farm.job import FarmJob, Step, tasks_of
from rotonodes.io.json_text import parse_json

COLUMNS = 400  # of the picture of machines over time
LITTLE = 0.05  # of the wall time: more machines that gain less do not help


class StepTimes(NamedTuple):
    """Seconds of a step: for each of its frames, and once for each task (what is made once is made, or loaded, by all)."""

    frame: float
    task: float


@dataclass(frozen=True)
class Course:
    """One simulated run: its wall time in seconds, and for each step how many machines are busy in each of `COLUMNS` parts of it."""

    machines: int
    seconds: float
    busy: float  # share of the machines' time that is work, 0 to 1
    ends: dict[str, float] = field(default_factory=dict)
    over_time: dict[str, list[float]] = field(default_factory=dict)


class Measured(NamedTuple):
    """How often a node ran, in how many seconds, and how many frames its runs delivered."""

    ran: int = 0
    seconds: float = 0.0
    frames: int = 0


def read_stats(paths: Sequence[str]) -> dict[str, Measured]:
    """The times of each node in files that `run --stats` has written. Raises UsageError."""
    found: dict[str, Measured] = {}
    for path in paths:
        try:
            data = parse_json(Path(path).read_text(encoding="utf-8"))
            frames = int(data["frames"]["wanted"])
            for name, stats in data["nodes"].items():
                before = found.get(name, Measured())
                if stats["ran"]:
                    seconds = before.seconds + float(stats["seconds"])
                    found[name] = Measured(before.ran + int(stats["ran"]), seconds, before.frames + frames)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = getattr(error, "strerror", None) or "it is no file of run --stats"
            raise UsageError(f"--stats {path}: cannot be read: {why}") from None
    return found


def times_of(job: FarmJob, stats: Mapping[str, Measured], startup: float) -> dict[str, StepTimes]:
    """The times of each step. Raises UsageError for a node whose time was not measured.

    A node that takes a whole clip waits for its frames while they are made; that time is not its own. A writer's own time grows with
    the clip, a training's does not.
    """
    for name, _ in (run for step in job.steps for run in step.runs):
        if name not in stats:
            raise UsageError(f"--stats: has no time of {name}: run the graph on a few frames with --force --stats FILE.json")
    every = sum(stats[name].seconds for name in {name for step in job.steps for name, per_frame in step.runs if per_frame})
    made: dict[str, StepTimes] = {}
    for step in job.steps:
        waited = sum(stats[name].seconds for name, per_frame in step.runs if per_frame)
        frame = sum(stats[name].seconds / stats[name].ran for name, per_frame in step.runs if per_frame)
        task = 0.0
        for measured in (stats[name] for name, per_frame in step.runs if not per_frame):
            if step.chunks:
                task += measured.seconds / measured.ran
            elif step.frames:
                frame += max(0.0, measured.seconds - every) / max(1, measured.frames)
            else:
                task += max(0.0, measured.seconds - waited) / measured.ran
        made[step.name] = StepTimes(frame / job.cpus, task + startup)
    return made


def simulate(job: FarmJob, times: Mapping[str, StepTimes], machines: int) -> Course:
    """The course of a job on that many machines."""
    free = [0.0] * machines
    ends: dict[str, float] = {}
    spans: dict[str, list[tuple[float, float]]] = {}
    for step in job.steps:
        ready = max((ends[name] for name in step.after), default=0.0)
        spans[step.name] = []
        for seconds in _tasks(job, step, times[step.name]):
            begin = max(heapq.heappop(free), ready)
            heapq.heappush(free, begin + seconds)
            spans[step.name].append((begin, begin + seconds))
        ends[step.name] = max(end for _, end in spans[step.name])
    wall = max(ends.values(), default=0.0)
    work = sum(end - begin for tasks in spans.values() for begin, end in tasks)
    over_time = {name: _columns(tasks, wall) for name, tasks in spans.items()}
    return Course(machines, wall, work / (wall * machines) if wall else 0.0, ends, over_time)


def _tasks(job: FarmJob, step: Step, times: StepTimes) -> Iterator[float]:
    """The seconds of each task of a step."""
    count, every = tasks_of(job, step), step.count if step.chunks else step.length
    for number in range(count):
        frames = every * (number + 1) // count - every * number // count
        yield times.task + times.frame * frames


def _columns(tasks: Sequence[tuple[float, float]], wall: float) -> list[float]:
    """How many machines are busy in each part of the wall time."""
    # The difference of neighbours first: a task counts from the column of its begin to that of its end.
    steps = [0.0] * (COLUMNS + 2)
    for begin, end in tasks:
        first, last = begin / wall * COLUMNS, end / wall * COLUMNS
        for at, sign in ((first, 1.0), (last, -1.0)):
            column = min(int(at), COLUMNS)
            steps[column] += sign * (column + 1 - at)
            steps[column + 1] += sign * (at - column)
    busy, made = 0.0, []
    for step in steps[:COLUMNS]:
        busy += step
        made.append(busy)
    return made


def most_useful(job: FarmJob, times: Mapping[str, StepTimes]) -> Course:
    """The course on as many machines as help: with all the machines in the world, the wall time would be at most 5 % shorter."""
    most = max(1, sum(tasks_of(job, step) for step in job.steps))
    best = simulate(job, times, most).seconds
    fewest, enough = 0, most
    while enough - fewest > 1:
        middle = (fewest + enough) // 2
        if simulate(job, times, middle).seconds <= best * (1 + LITTLE):
            enough = middle
        else:
            fewest = middle
    return simulate(job, times, enough)


def longest_wait(job: FarmJob, times: Mapping[str, StepTimes]) -> list[tuple[str, float]]:
    """The chain of steps that takes longest however many machines there are, with the seconds of one task of each."""
    chains: dict[str, list[tuple[str, float]]] = {}
    for step in job.steps:
        before = max((chains[name] for name in step.after), key=lambda chain: sum(s for _, s in chain), default=[])
        chains[step.name] = [*before, (step.name, max(_tasks(job, step, times[step.name])))]
    return max(chains.values(), key=lambda chain: sum(seconds for _, seconds in chain), default=[])
