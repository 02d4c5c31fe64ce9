"""What `submit` does for each farm: writes the job, prints its commands, or runs it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rotonodes.cli.session import Session, load, places, say
from rotonodes.errors import EXIT_FRAME_FAILED, EXIT_OK
from rotonodes.machine.cores import cpu_count

if TYPE_CHECKING:
    from rotonodes.farm.job import FarmJob
    from rotonodes.graph.graph import Graph
    from rotonodes.plan.plan import Plan

QUEUES = ("slurm", "pbs", "sge", "lsf", "htcondor", "oar")  # of dask-jobqueue

FARMS = ("deadline10", "tractor", "royalrender", "afanasy", "flamenco")  # of --print-command


def plan_of(graph: Graph, frames: str | None, only: tuple[str, ...], where: dict[str, Any]) -> Plan:
    from rotonodes.plan.make_plan import make_plan
    from rotonodes.values.frames import parse_frames

    return make_plan(graph, frames=parse_frames(frames) if frames else None, nodes=only, **where)


def what_is_left(job: FarmJob) -> str:
    """What a job has not delivered, in a few words; empty when everything is there."""
    from rotonodes.cli.graph_commands import run
    from rotonodes.values.frames import frames_named

    words = [job.graph, *job.options, f"--root={job.root}", f"--cache={job.cache}"]
    given = run.make_context("run", words, obj=Session()).params
    plan = plan_of(load(job.graph, given), job.frames or None, job.only, places(given))
    frames = {frame for stage in plan.stages for sink in stage.sinks.values() for frame in sink or ()}
    whole = [name for stage in plan.stages for name, sink in stage.sinks.items() if sink is None]
    return " and ".join(filter(None, [", ".join(whole), frames_named(frames) if frames else ""]))


def verdict(job: FarmJob, code: int) -> int:
    """The exit code of a job that has ended with `code`: 0 only when every output is there. Says what is missing."""
    if left := what_is_left(job):
        say(f"error: not made: {left}; submit the job again to make what is missing")
        return code or EXIT_FRAME_FAILED
    click.echo("done: every output is there")
    return EXIT_OK


def save(job: FarmJob, folder: Path) -> None:
    """Write the folder of a job: its bundle, and what `submit`, `status` and `cancel` read."""
    from rotonodes.farm.openjd import write_bundle

    write_bundle(job, folder)
    job.save(folder)


def _describe(job: FarmJob, folder: Path) -> None:
    """Print where the job is and what it has."""
    click.echo(f"job     {folder}")
    for step in job.steps:
        tasks = -(-step.count // job.chunk) if step.chunks else 1
        size = f"{tasks} task{'' if tasks == 1 else 's'}" + (f" for frames {step.frames}" if step.chunks else "")
        click.echo(f"step    {step.name}: {size}" + (f", after {', '.join(step.after)}" if step.after else ""))
    click.echo(f"device  {job.device}")


def _openjd(job: FarmJob, folder: Path, given: dict[str, Any], now: bool, wait: bool) -> int:
    from rotonodes.farm.follow import follow
    from rotonodes.farm.openjd import TEMPLATE, run_command

    command = run_command(job, folder, needed=now)
    _describe(job, folder)
    if now:
        return verdict(job, follow(command))
    click.echo(f"check   {shlex.join(['openjd', 'check', str(folder / TEMPLATE)])}")
    click.echo(f"run     {shlex.join(command)}")
    return EXIT_OK


def _slurm(job: FarmJob, folder: Path, given: dict[str, Any], now: bool, wait: bool) -> int:
    from rotonodes.farm import slurm

    if not now:
        slurm.write_scripts(job, folder)
        _describe(job, folder)
        for _, command in slurm.commands(job, folder, {}):
            click.echo(f"run     {shlex.join(command)}")
        return EXIT_OK
    _describe(job, folder)
    slurm.submit(job, folder, click.echo)
    if not wait:
        click.echo(f"follow  rotonodes status {shlex.quote(str(folder))}")
        return EXIT_OK
    return verdict(job, slurm.follow(job, folder, click.echo))


def _dask(job: FarmJob, folder: Path, given: dict[str, Any], now: bool, wait: bool) -> int:
    from rotonodes.farm.dask import Cluster, run

    _describe(job, folder)
    devices = _gpus_here() if job.device != "cpu" else ()
    workers = given["workers"] or (len(devices) if devices else max(1, cpu_count() // job.cpus))
    cluster = Cluster(workers, given["address"] or "", given["queue"] or "", given["dashboard"], devices)
    if now:
        return verdict(job, run(job, folder, cluster, click.echo))
    words = ["rotonodes", "submit", str(folder), "--to", "dask", "--run", f"--workers={workers}"]
    words += [f"--{name}={given[name]}" for name in ("address", "queue") if given[name]] + ["--dashboard"] * given["dashboard"]
    click.echo(f"run     {shlex.join(words)}")
    return EXIT_OK


def _gpus_here() -> tuple[str, ...]:
    """The GPUs of this machine, by what CUDA_VISIBLE_DEVICES or nvidia-smi says: torch would take seconds to."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    if named:
        return tuple(named.split(","))
    try:
        said = subprocess.run(["nvidia-smi", "-L"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(str(number) for number, _ in enumerate(line for line in said.splitlines() if line.startswith("GPU ")))


def _deadline(job: FarmJob, folder: Path, given: dict[str, Any], now: bool, wait: bool) -> int:
    from rotonodes.extras import need_library
    from rotonodes.farm.follow import follow

    if now:
        need_library("deadline", "--to deadline --run")
    _describe(job, folder)
    deadline = [sys.executable, "-m", "deadline", "bundle"]
    if now:
        return follow([*deadline, "submit", "--yes", str(folder)])
    click.echo(f"check   {shlex.join([*deadline, 'info', str(folder)])}")
    click.echo(f"run     {shlex.join([*deadline, 'submit', str(folder)])}")
    return EXIT_OK


def _opencue(job: FarmJob, folder: Path, given: dict[str, Any], now: bool, wait: bool) -> int:
    from rotonodes.farm.opencue import SPEC, launch, write_spec

    write_spec(job, folder, given["show"] or "")
    _describe(job, folder)
    click.echo(f"spec    {folder / SPEC}")
    if now:
        click.echo(f"launched {', '.join(launch(folder))}")
    else:
        click.echo(f"run     {shlex.join(['rotonodes', 'submit', str(folder), '--to', 'opencue', '--run'])}")
    return EXIT_OK


# Each takes the job, its folder, the options, whether to run it now, and whether to wait for its end; it returns the exit code.
TARGETS: dict[str, Callable[[FarmJob, Path, dict[str, Any], bool, bool], int]] = {
    "openjd": _openjd,
    "slurm": _slurm,
    "dask": _dask,
    "deadline": _deadline,
    "opencue": _opencue,
}
