"""The command line: the group of all commands, and `main`.

Modules are imported inside the commands: `--help` needs only click, and only commands that make pixels need torch.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import click

from rotonodes import __version__
from rotonodes.cli import bench_command as benches
from rotonodes.cli import cache_commands as cached
from rotonodes.cli import farm_commands as farm
from rotonodes.cli import graph_commands as graphs
from rotonodes.cli import job_commands as everyday
from rotonodes.cli import page_commands as pages
from rotonodes.cli import reference_commands as reference
from rotonodes.cli import render_commands as renders
from rotonodes.cli import watch_command as watching
from rotonodes.cli.interrupt import end_now, end_on_signals
from rotonodes.cli.plan_command import plan
from rotonodes.cli.session import Session, say
from rotonodes.cli.streams import discard_unwritable, is_of_stdout, open_closed_streams, own_stderr
from rotonodes.errors import (
    EXIT_FRAME_FAILED,
    EXIT_HUNG_UP,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_TERMINATED,
    EXIT_USAGE,
    GraphError,
    ListLength,
    RotoError,
    did_you_mean,
    machine_error,
)
from rotonodes.machine.cores import wait_briefly
from rotonodes.machine.memory import reuse_memory

_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Commands(click.Group):
    """The commands; a mistyped or missing command gets a suggestion."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if word.startswith("-") or self.get_command(ctx, word) is not None:
            return super().resolve_command(ctx, args)
        if word.lower().endswith((".yaml", ".yml")):
            raise click.UsageError(f"No such command {word!r}; to run a graph: {ctx.command_path} run {word}", ctx)
        names = self.list_commands(ctx)
        raise click.UsageError(f"No such command {word!r}{did_you_mean(word, names) or '; there are ' + ', '.join(names)}", ctx)


@click.group(cls=Commands, context_settings=_HELP)
@click.version_option(__version__, prog_name="rotonodes", message="%(prog)s %(version)s")
def cli() -> None:
    """Turn 3D renders into flat 2D artwork with graphs of nodes."""


for command in (
    *(graphs.run, graphs.check, plan, graphs.draw, graphs.view),
    *(pages.edit, watching.watch),
    benches.bench,
    *(farm.submit, farm.status, farm.cancel),
    *(reference.nodes, reference.schema, reference.palettes, reference.blender_addon),
    *(renders.flatten, renders.passes, renders.timeline),
    cached.cache,
    *(everyday.segment, everyday.cutout, everyday.train, everyday.evaluate, everyday.convert_weights),
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code: 0, 1, 2, 75, 129, 130 or 143."""
    wait_briefly()
    reuse_memory()  # before there are threads
    open_closed_streams()
    with end_on_signals(), own_stderr():
        ListLength.whole = False
        code = call(arguments, Session())
        discard_unwritable()
        if arguments is None and code in (EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED):
            end_now(code)  # the libraries' own endings take seconds on a busy machine
    sys.exit(code)


def call(arguments: Sequence[str] | None, session: Session) -> int:
    """Run one command and return its exit code; errors become one line on stderr."""
    try:
        return int(cli.main(arguments, prog_name=program_name(), standalone_mode=False, obj=session) or EXIT_OK)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except RotoError as error:
        return end_with(session, str(error) if isinstance(error, GraphError) else f"error: {error}", error.exit_code)
    except BrokenPipeError:  # the reader of our output has ended (`| head`)
        return EXIT_FRAME_FAILED
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and is_of_stdout(error):
            why = (error.strerror or str(error)).lower()
            return end_with(session, f"error: cannot write to stdout: {why}", EXIT_FRAME_FAILED)
        found = machine_error(error)
        return end_with(session, f"error: {found}", found.exit_code)
    except Exception as error:
        message = f"internal error: {type(error).__name__}: {error}"
        return end_with(session, message if session.verbose else f"{message}; run again with -v, and report it", EXIT_FRAME_FAILED)


def end_with(session: Session, line: str, code: int) -> int:
    """Report the error that ends a command, and return its exit code."""
    if session.reporter is not None:
        session.reporter.abort(line.removeprefix("error: "))
    say(line)
    show_trace(session)
    return code


def show_trace(session: Session) -> None:
    """Print the traceback of the current error if -v was given."""
    if session.verbose:
        import traceback

        say(traceback.format_exc().rstrip())


def program_name() -> str:
    """The name by which this program was called, so that the commands it prints work."""
    name = Path(sys.argv[0]).name
    return {"__main__.py": "python -m rotonodes", "cli.py": f"python {sys.argv[0]}"}.get(name, "rotonodes")
