"""Commands for farms: submit a graph as a job."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rotonodes import __version__
from rotonodes.cli.options import frames_option, graph_options, hash_option, job_options, only_option, options, verbose_option
from rotonodes.cli.session import Session, load, places, say
from rotonodes.errors import EXIT_FRAME_FAILED, EXIT_OK, UsageError

if TYPE_CHECKING:
    from rotonodes.farm.job import FarmJob
    from rotonodes.graph.graph import Graph
    from rotonodes.plan.plan import Plan

TARGETS = ("openjd", "slurm")


def _at_least_one(_: click.Context, option: click.Parameter, value: int) -> int:
    if value < 1:
        what = "a chunk has at least one frame" if option.name == "chunk" else "give at least 1"
        raise UsageError(f"{option.opts[0]} {value}: {what}")
    return value


farm_options = options(
    click.option("--chunk", type=int, default=10, show_default=True, metavar="N", callback=_at_least_one, help="Frames in a task."),
    click.option(
        "--chunk-seconds",
        type=click.IntRange(min=0),
        default=0,
        metavar="S",
        help="Let the farm size chunks so that each takes about this long; --chunk is the first size.",
    ),
    click.option(
        "--device", metavar="cpu|cuda", default="cpu", show_default=True, help="Device that networks run on, the same in every task."
    ),
    click.option(
        "--gpus",
        type=int,
        default=1,
        show_default=True,
        metavar="N",
        callback=_at_least_one,
        help="GPUs of a training (--device cuda).",
    ),
    click.option("--cpus", type=int, default=1, show_default=True, metavar="N", callback=_at_least_one, help="Cores of a task."),
    click.option("--root", metavar="DIR", default=".", help="Folder that relative paths in the graph start from; all machines share it."),
    click.option("--cache", metavar="DIR", help="Folder of intermediate results; all machines share it.  [default: .rotonodes]"),
    hash_option,
)


@click.command()
@click.argument("graph_or_job", metavar="GRAPH|JOB", type=click.Path())
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="The scheduler that runs the job.")
@click.option("-o", "job_folder", metavar="DIR", help="Folder of the job.  [default: .rotonodes/jobs/NAME below the root]")
@click.option("--run", "now", is_flag=True, help="Submit the job; without it, the job is written and its commands are printed.")
@click.option("--wait", is_flag=True, help="Submit the job and wait for its end; the exit code is that of the job.")
@frames_option
@only_option
@farm_options
@job_options
@graph_options
@verbose_option
def submit(graph_or_job: str, target: str, job_folder: str | None, now: bool, wait: bool, **given: Any) -> int:
    """Write a graph as a job for a render farm.

    JOB is the folder of a job that is to be run again: what it has made already is skipped.
    """
    folder = Path(graph_or_job).absolute()
    if folder.is_dir():
        from rotonodes.farm.job import load_job

        job = load_job(graph_or_job, __version__)
    else:
        made = make_job(graph_or_job, given)
        if made is None:
            click.echo("nothing to do: every output is there and carries the right key")
            return EXIT_OK
        job = made
        folder = Path(job_folder or os.path.join(given["root"], ".rotonodes", "jobs", job.name)).absolute()
    _save(job, folder)
    return _TARGETS[target](job, folder, now or wait, wait)


@click.command()
@click.argument("job_folder", metavar="JOB", type=click.Path())
@verbose_option
def status(job_folder: str) -> int:
    """Show how far a job is: tasks by step, and the outputs that are not there yet."""
    from rotonodes.farm import slurm
    from rotonodes.farm.job import load_job

    job, folder = load_job(job_folder, __version__), Path(job_folder).absolute()
    if (folder / slurm.SUBMITTED).exists():
        slurm.need_slurm()
        for line in slurm.lines(slurm.states(job, folder)):
            click.echo(line)
    left = what_is_left(job)
    click.echo(f"not there yet: {left}" if left else "every output is there")
    return EXIT_OK


@click.command()
@click.argument("job_folder", metavar="JOB", type=click.Path())
@verbose_option
def cancel(job_folder: str) -> int:
    """Cancel a job that was submitted to Slurm. Finished frames are kept, and nothing is left half written."""
    from rotonodes.farm import slurm
    from rotonodes.farm.job import load_job

    load_job(job_folder, __version__)
    count = slurm.cancel(Path(job_folder).absolute())
    click.echo(f"cancelled {count} array job{'' if count == 1 else 's'}")
    return EXIT_OK


def make_job(path: str, given: dict[str, Any]) -> FarmJob | None:
    """The job of a graph file; None when there is nothing to do. Raises UsageError for what cannot be a job."""
    from rotonodes.farm.job import FarmJob, files_of, refuse_unfit, steps_of
    from rotonodes.plan.missing_files import missing_lines
    from rotonodes.values.frames import range_text

    if given["device"] not in ("cpu", "cuda"):
        raise UsageError(f"--device {given['device']}: a job runs on cpu or on cuda, on every machine alike")
    if given["cache"] == "none":
        raise UsageError("--cache none: the tasks of a job hand over through the cache; name a folder that all machines share")
    given["path_map"] = None
    graph = load(path, given)
    plan = _plan(graph, given["frames"], given["only"], {**places(given), "device": given["device"]})
    refuse_unfit(plan, given["root"])
    for line in (*missing_lines(plan), *plan.warnings):
        say(f"warning: {line}")
    if plan.is_empty:
        return None
    files, folders, written = files_of(plan)
    # What is measured must not depend on the files that a task happens to find.
    fixed = [] if graph.frames is not None or not plan.keys.clip else [f"--set=frames={range_text(plan.keys.clip)}"]
    # Nor may arithmetic depend on the machine of a task.
    left = {name: kind for name, kind in plan.precision.items() if graph.vertices[name].node.model_dump().get("precision") == "auto"}
    fixed += [f"--set={name}.precision={kind}" for name, kind in left.items()]
    return FarmJob(
        name=Path(graph.file).stem,
        graph=os.path.abspath(graph.file),
        root=os.path.abspath(given["root"]),
        cache=os.path.abspath(str(plan.cache.folder)),
        frames=range_text(plan.delivered),
        steps=steps_of(plan),
        device=given["device"],
        gpus=given["gpus"],
        cpus=given["cpus"],
        chunk=given["chunk"],
        version=__version__,
        chunk_seconds=given["chunk_seconds"],
        memory=plan.memory.get("peak", 0) >> 20,
        options=(*_same_options(given), *fixed),
        only=tuple(given["only"]),
        reads=(*files, *map(os.path.abspath, given["node_files"])),
        folders=folders,
        writes=written,
    )


def _same_options(given: dict[str, Any]) -> list[str]:
    """The options of `run` that every task gets as they were given."""
    files = [f"--nodes={os.path.abspath(file)}" for file in given["node_files"]]
    changes = [f"--var={text}" for text in given["variables"]] + [f"--set={text}" for text in given["settings"]]
    changes += [f"--input={given['input_path']}"] if given["input_path"] is not None else []
    changes += [f"--output={given['output_folder']}"] if given["output_folder"] is not None else []
    return [*files, *changes, *([] if given["hash_by"] == "stat" else ["--hash=content"])]


def _plan(graph: Graph, frames: str | None, only: tuple[str, ...], where: dict[str, Any]) -> Plan:
    from rotonodes.plan.make_plan import make_plan
    from rotonodes.values.frames import parse_frames

    return make_plan(graph, frames=parse_frames(frames) if frames else None, nodes=only, **where)


def what_is_left(job: FarmJob) -> str:
    """What a job has not delivered, in a few words; empty when everything is there."""
    from rotonodes.cli.graph_commands import run
    from rotonodes.values.frames import frames_named

    words = [job.graph, *job.options, f"--root={job.root}", f"--cache={job.cache}"]
    given = run.make_context("run", words, obj=Session()).params
    plan = _plan(load(job.graph, given), job.frames or None, job.only, places(given))
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


def _save(job: FarmJob, folder: Path) -> None:
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


def _openjd(job: FarmJob, folder: Path, now: bool, wait: bool) -> int:
    from rotonodes.farm.follow import follow
    from rotonodes.farm.openjd import TEMPLATE, run_command

    command = run_command(job, folder, needed=now)
    _describe(job, folder)
    if now:
        return verdict(job, follow(command))
    click.echo(f"check   {shlex.join(['openjd', 'check', str(folder / TEMPLATE)])}")
    click.echo(f"run     {shlex.join(command)}")
    return EXIT_OK


def _slurm(job: FarmJob, folder: Path, now: bool, wait: bool) -> int:
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


_TARGETS: dict[str, Callable[[FarmJob, Path, bool, bool], int]] = {"openjd": _openjd, "slurm": _slurm}
