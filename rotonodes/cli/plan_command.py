"""The command plan: the work of a run, and with --farm how long a job takes on a farm, from measured times."""

from __future__ import annotations

import json
from typing import Any

import click

from rotonodes.cli.farm_commands import make_job
from rotonodes.cli.options import (
    ForceCommand,
    device_option,
    farm_plan_options,
    force_option,
    frames_option,
    graph_argument,
    graph_options,
    job_options,
    only_option,
    place_options,
    precision_option,
    verbose_option,
    verify_option,
)
from rotonodes.cli.session import load, places
from rotonodes.errors import EXIT_OK, UsageError


@click.command(cls=ForceCommand)
@graph_argument
@frames_option
@only_option
@job_options
@graph_options
@place_options
@force_option
@verify_option
@device_option
@precision_option
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON.")
@farm_plan_options
@verbose_option
def plan(graph_file: str, as_json: bool, farm: bool, **given: Any) -> int:
    """Show the work of a run: outputs that are there, outputs to make and why.

    With --farm: how long the job takes on how many machines.
    """
    if farm:
        return plan_farm(graph_file, given, as_json)
    only_farm = [name for name in ("stats", "picture") if given[name]]
    if only_farm:
        raise UsageError(f"--{only_farm[0]}: is for --farm")
    from rotonodes.plan.explain import as_json as plan_data
    from rotonodes.plan.explain import explain
    from rotonodes.plan.make_plan import make_plan
    from rotonodes.values.frames import parse_frames

    graph = load(graph_file, given)
    frames = parse_frames(given["frames"]) if given["frames"] is not None else None
    options = {name: given[name] for name in ("force", "verify", "device", "precision")}
    made = make_plan(graph, frames=frames, nodes=given["only"], **options, **places(given))
    if as_json:
        click.echo(json.dumps(plan_data(made), indent=2))
    else:
        click.echo("\n".join(explain(made)))
    return EXIT_OK


def plan_farm(graph_file: str, given: dict[str, Any], as_data: bool) -> int:
    """Print the wall time on each of the wished numbers of machines, and write the picture."""
    from rotonodes.farm import course
    from rotonodes.farm.simulate import longest_wait, most_useful, read_stats, simulate, times_of
    from rotonodes.io.files import write_bytes

    if not given["stats"]:
        raise UsageError("--farm: needs measured times: run the graph on a few frames with --stats FILE.json, and give that file here too")
    job = make_job(graph_file, {**given, "device": "cuda" if given["device"].startswith("cuda") else "cpu", "gpus": 1, "chunk_seconds": 0})
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
