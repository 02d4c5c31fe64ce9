"""Commands for farms: submit a graph as a job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rotonodes import __version__
from rotonodes.cli.farm_targets import FARMS, QUEUES, TARGETS, plan_of, save, what_is_left
from rotonodes.cli.options import frames_option, graph_options, hash_option, job_options, only_option, options, verbose_option
from rotonodes.cli.session import load, places, say
from rotonodes.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from rotonodes.farm.job import FarmJob
    from rotonodes.plan.plan import Plan


def _at_least_one(_: click.Context, option: click.Parameter, value: int | None) -> int | None:
    if value is not None and value < 1:
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


dask_options = options(
    click.option("--workers", type=int, metavar="N", callback=_at_least_one, help="Dask workers.  [default: as cores and GPUs allow]"),
    click.option("--address", metavar="tcp://HOST:PORT", help="A Dask scheduler that runs already."),
    click.option("--queue", type=click.Choice(QUEUES), help="Where dask-jobqueue starts the workers."),
    click.option("--dashboard", is_flag=True, help="Show the job in a browser: Dask's own dashboard, on this machine alone."),
)


@click.command()
@click.argument("graph_or_job", metavar="GRAPH|JOB", type=click.Path())
@click.option("--to", "target", type=click.Choice(tuple(TARGETS)), help="The scheduler that runs the job.")
@click.option("--print-command", "farm", type=click.Choice(FARMS), help="Only print the commands, with the farm's own words for frames.")
@click.option("-o", "job_folder", metavar="DIR", help="Folder of the job.  [default: .rotonodes/jobs/NAME below the root]")
@click.option("--run", "now", is_flag=True, help="Submit the job; without it, the job is written and its commands are printed.")
@click.option("--wait", is_flag=True, help="Submit the job and wait for its end; the exit code is that of the job.")
@frames_option
@only_option
@farm_options
@dask_options
@click.option("--show", metavar="NAME", help="The show of --to opencue.  [default: that of OpenCue's configuration]")
@job_options
@graph_options
@verbose_option
def submit(graph_or_job: str, target: str | None, farm: str | None, job_folder: str | None, now: bool, wait: bool, **given: Any) -> int:
    """Write a graph as a job for a render farm.

    JOB is the folder of a job that is to be run again: what it has made already is skipped.
    """
    if (target is None) == (farm is None):
        raise UsageError("submit: give one of --to and --print-command")
    if target != "dask" and (given["workers"] or given["address"] or given["queue"] or given["dashboard"]):
        raise UsageError("--workers, --address, --queue and --dashboard are for --to dask")
    if given["address"] and given["queue"]:
        raise UsageError("--address and --queue: choose one, a Dask scheduler that runs or one that is started in a queue")
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
    if farm is not None:
        from rotonodes.farm.command_lines import command_lines

        for line in command_lines(job, farm):
            click.echo(line)
        return EXIT_OK
    assert target is not None
    save(job, folder)
    return TARGETS[target](job, folder, given, now or wait, wait)


@click.command()
@click.argument("job_folder", metavar="JOB", type=click.Path())
@verbose_option
def status(job_folder: str) -> int:
    """Show how far a job is: tasks by step, and the outputs that are not there yet."""
    from rotonodes.farm import slurm
    from rotonodes.farm.follow import lines
    from rotonodes.farm.job import load_job

    job, folder = load_job(job_folder, __version__), Path(job_folder).absolute()
    if (folder / slurm.SUBMITTED).exists():
        slurm.need_slurm()
        for line in lines(slurm.states(job, folder)):
            click.echo(line)
    left = what_is_left(job)
    click.echo(f"not there yet: {left}" if left else "every output is there")
    return EXIT_OK


@click.command()
@click.argument("job_folder", metavar="JOB", type=click.Path())
@verbose_option
def cancel(job_folder: str) -> int:
    """Cancel a job that was submitted to Slurm or Dask. Finished frames are kept, and nothing is left half written."""
    from rotonodes.farm import dask, slurm
    from rotonodes.farm.job import load_job

    load_job(job_folder, __version__)
    if dask.cancel(Path(job_folder)):
        click.echo("cancelled: its tasks end within five seconds")
        return EXIT_OK
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
    plan = plan_of(graph, given["frames"], given["only"], {**places(given), "device": given["device"]})
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
        options=(*_same_options(given), *fixed, *_sandbox(plan, given["root"])),
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


def _sandbox(plan: Plan, root: str) -> list[str]:
    """The options that keep tasks inside the root, and let them read what the graph reads elsewhere on the day it is submitted."""
    from rotonodes.plan.inputs import files_read
    from rotonodes.plan.paths import Paths
    from rotonodes.plan.sandbox import Sandbox, folders_outside

    outside = folders_outside([*(path for _, path in files_read(plan)), *plan.graph.graph_files], Sandbox(Paths(root)))
    return ["--sandbox", *(f"--allow={folder}" for folder in outside)]
