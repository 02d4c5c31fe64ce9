"""`plan --farm`: how long a job takes on a farm, from measured times."""

from __future__ import annotations

import json
from typing import Any

import click

from rotonodes.cli.farm_commands import make_job
from rotonodes.errors import EXIT_OK, UsageError


def plan_farm(graph_file: str, given: dict[str, Any], as_data: bool) -> int:
    """Print the wall time on each of the wished numbers of machines, and write the picture."""
    from rotonodes.farm import course
    from rotonodes.farm.simulate import longest_wait, most_useful, read_stats, simulate, times_of
    from rotonodes.io.files import write_bytes

    if not given["stats"]:
        raise UsageError("--farm: needs measured times: run the graph on a few frames with --stats FILE.json, and give that file here too")
    job = make_job(graph_file, {**given, "device": "cpu", "gpus": 1, "chunk_seconds": 0})
    if job is None:
        click.echo("nothing to do: every output is there and carries the right key")
        return EXIT_OK
    times = times_of(job, read_stats(given["stats"]), given["startup"])
    courses = [simulate(job, times, machines) for machines in machines_of(given["machines"])]
    useful = most_useful(job, times)
    if given["picture"]:
        write_bytes(given["picture"], course.picture(job, courses[-1]).encode())
    if as_data:
        click.echo(json.dumps(course.as_data(job, times, courses, useful), indent=2))
    else:
        click.echo("\n".join(course.told(job, times, courses, useful, longest_wait(job, times))))
    return EXIT_OK


def machines_of(text: str) -> list[int]:
    """`1,10,100` as numbers. Raises UsageError."""
    try:
        found = [int(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < machines <= 100_000 for machines in found):
        raise UsageError(f"--machines {text}: give numbers from 1 to 100000, as in 1,10,100")
    return found
