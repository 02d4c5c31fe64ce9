"""Options shared by several commands."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import click

from rotonodes.cli.session import Session
from rotonodes.errors import ListLength, UsageError
from rotonodes.machine.precision import PRECISIONS

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _be_verbose(context: click.Context, _: click.Parameter, value: int) -> None:
    context.ensure_object(Session).verbose += value
    ListLength.whole = ListLength.whole or bool(value)


def json_name(_: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """The value of an option that names a JSON file to write: never a picture or a graph, which would be lost."""
    if value and not value.lower().endswith(".json"):
        raise UsageError(f"{option.opts[0]} {value}: name a file that ends in .json")
    return value


def _keep(context: click.Context, option: click.Parameter, value: object) -> None:
    """Keep the value of an option for the callback of another, which reads it from `context.meta`."""
    if value is not None:
        context.meta[str(option.name)] = value


def options(*decorators: Decorator) -> Decorator:
    """Several options as one decorator."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def frame_range(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """The value of -F: a range, or that of a clip (--clip, --handles) in a timeline.

    Raises UsageError when it is neither; an empty range is none.
    """
    from rotonodes.io.timeline import clip_frames, is_timeline
    from rotonodes.values.frames import format_frames, parse_frames

    clip, handles = context.meta.get("clip"), context.meta.get("handles", 0)
    if value is not None and is_timeline(value):
        return format_frames(clip_frames(value, clip, handles))
    if clip is not None or handles:
        given = f"--clip {clip}" if clip is not None else f"--handles {handles}"
        raise UsageError(f"{given}: name the timeline that has the clip: {option.opts[0]} edit.otio")
    try:
        return value if value is None or parse_frames(value) else None
    except UsageError as error:
        raise UsageError(f"{option.opts[0]}: {error}") from None


verbose_option = click.option(
    "-v", "--verbose", count=True, expose_value=False, is_eager=True, callback=_be_verbose, help="More messages, with tracebacks."
)
PROGRESS = ("auto", "rich", "plain", "json", "openjd", "alf", "none")
progress_option = click.option(
    "--progress", type=click.Choice(PROGRESS), default="auto", help="Form of progress messages; none: only the result."
)
types_option = click.option(
    "--nodes", "node_files", metavar="FILE.py", multiple=True, help="Import node types from a Python file; repeatable."
)
graph_options = options(
    click.option(
        "--set",
        "settings",
        metavar="NODE.PARAM=VALUE",
        multiple=True,
        help="Change a parameter, or with frames=RANGE|auto the frames of the shot; repeatable.",
    ),
    click.option("--var", "variables", metavar="NAME=VALUE", multiple=True, help="Change a variable of the graph; repeatable."),
    types_option,
)
job_options = options(
    click.option("--input", "input_path", metavar="PATTERN", help="The files that the graph reads, where it declares its input."),
    click.option("--output", "output_folder", metavar="DIR", help="Folder of all outputs, where the graph declares them."),
)
path_options = options(
    click.option("--root", metavar="DIR", default=".", help="Folder that relative paths in the graph start from."),
    click.option("--path-map", metavar="FILE.json", help="Rules that map paths of the graph to this machine (pathmapping-1.0)."),
    click.option("--sandbox", is_flag=True, help="Refuse files outside of --root, also behind links: for graphs of strangers."),
    click.option("--allow", metavar="DIR", multiple=True, help="A further folder that may be read with --sandbox; repeatable."),
)
hash_option = click.option(
    "--hash",
    "hash_by",
    type=click.Choice(["stat", "content"]),
    default="stat",
    help="Identify input files by size and time, or by their bytes.",
)
place_options = options(
    click.option("--cache", metavar="DIR", help="Folder of intermediate results; 'none' keeps nothing.  [default: .rotonodes]"),
    path_options,
    hash_option,
)
clip_options = options(
    click.option("--clip", metavar="NAME", is_eager=True, expose_value=False, callback=_keep, help="With -F edit.otio: the clip."),
    click.option(
        "--handles",
        type=click.IntRange(min=0),
        metavar="N",
        is_eager=True,
        expose_value=False,
        callback=_keep,
        help="With -F edit.otio: N more frames on both sides.",
    ),
)
frames_option = options(
    click.option(
        "-F",
        "--frames",
        metavar="RANGE",
        callback=frame_range,
        help="Deliver only these frames: 1-100, 1-100x2, 1,5,9-12, edit.otio. Measurements and trainings still read the whole shot.",
    ),
    clip_options,
)
EVERYTHING = "*"  # --force without a node


class ForceCommand(click.Command):
    """A command with `--force [NODE]` and the argument GRAPH: `run --force g.yaml` forces everything in g.yaml."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        with contextlib.suppress(click.UsageError):  # whatever is wrong is reported below
            if not isinstance(self.make_parser(ctx).parse_args(list(args))[0].get("graph_file"), str):
                at = max((i for i, word in enumerate(args[:-1]) if word == "--force" and not args[i + 1].startswith("-")), default=None)
                if at is not None:
                    args = [*args[:at], args[at + 1], "--force", *args[at + 2 :]]
        return super().parse_args(ctx, args)


def forced(_: click.Context, __: click.Parameter, value: tuple[str, ...]) -> bool | tuple[str, ...]:
    """The value of --force: everything, the nodes named, or nothing."""
    return True if EVERYTHING in value else value


force_option = click.option(
    "--force",
    metavar="[NODE]",
    is_flag=False,
    flag_value=EVERYTHING,
    multiple=True,
    callback=forced,
    help="Make everything again, even what is there; or only this node and what is made from it; repeatable.",
)
verify_option = click.option(
    "--verify", is_flag=True, help="Read every byte of the outputs that are there; without it size, structure and key are checked."
)
only_option = click.option("-X", "--node", "only", metavar="NAME", multiple=True, help="Deliver only this node; repeatable.")
farm_plan_options = options(
    click.option("--farm", is_flag=True, help="Simulate the job on a farm, from measured times."),
    click.option("--machines", metavar="N,N,...", default="1,10,100,1000", show_default=True, help="Numbers of machines for --farm."),
    click.option("--stats", metavar="FILE.json", multiple=True, help="Times for --farm, written by run --stats; repeatable."),
    click.option("--chunk", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="Frames in a task of --farm."),
    click.option("--cpus", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Cores of a task of --farm."),
    click.option(
        "--startup",
        type=click.FloatRange(min=0),
        default=3.0,
        show_default=True,
        metavar="S",
        help="Seconds until a task of --farm makes its first frame.",
    ),
    click.option("--picture", metavar="FILE.svg", help="Draw the machines that are busy over time, for the last number of --machines."),
)
device_option = click.option("--device", metavar="auto|cpu|cuda[:N]", default="auto", help="Device that networks run on.")
batch_option = click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Frames a network takes at once.")
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="Frames made in parallel.  [default: one per core]"
)
precision_option = click.option(
    "--precision",
    type=click.Choice(["auto", *PRECISIONS]),
    help="Arithmetic of networks and trainings, instead of their nodes' own. auto, the default of networks, is what the device multiplies "
    "natively.",
)
graph_argument = click.argument("graph_file", metavar="GRAPH", type=click.Path())
