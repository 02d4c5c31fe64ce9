"""The command line. Modules are imported inside the commands: `--help` needs click alone, and only `run` needs torch."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from rotonodes import __version__
from rotonodes.errors import EXIT_FRAME_FAILED, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, GraphError, Interrupted, RotoError
from rotonodes.session import Session, again, import_nodes, load, places, say, write_json

PROGRESS = ("auto", "rich", "plain", "json", "openjd", "alf", "none")
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _be_verbose(context: click.Context, _: click.Parameter, value: int) -> None:
    context.ensure_object(Session).verbose += value


def options(*decorators: Decorator) -> Decorator:
    """Several options as one decorator."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


verbose_option = click.option(
    "-v", "--verbose", count=True, expose_value=False, is_eager=True, callback=_be_verbose, help="Say more; show tracebacks."
)
types_option = click.option(
    "--nodes", "node_files", metavar="FILE.py", multiple=True, help="Import node types from a Python file; repeatable."
)
graph_options = options(
    click.option("--set", "settings", metavar="NODE.PARAM=VALUE", multiple=True, help="Change a parameter; repeatable."),
    click.option("--var", "variables", metavar="NAME=VALUE", multiple=True, help="Change a variable of the graph; repeatable."),
    types_option,
)
place_options = options(
    click.option("--cache", metavar="DIR", help="Where intermediate results are kept; 'none' keeps nothing.  [default: .rotonodes]"),
    click.option("--root", metavar="DIR", default=".", help="What relative paths in the graph start from."),
    click.option("--path-map", metavar="FILE.json", help="Rules that map the graph's paths to this machine's (pathmapping-1.0)."),
    click.option(
        "--hash", "hash_by", type=click.Choice(["stat", "content"]), default="stat", help="Tell inputs by size and time, or by their bytes."
    ),
)
frames_option = click.option("-F", "--frames", metavar="RANGE", help="Deliver only these frames: 1-100, 1-100x2, 1,5,9-12.")
force_option = click.option("--force", is_flag=True, help="Make everything again, even what is there.")
only_option = click.option("-X", "--node", "only", metavar="NAME", multiple=True, help="Only this output of the graph; repeatable.")
device_option = click.option("--device", metavar="auto|cpu|cuda[:N]", default="auto", help="Where networks run.")
graph_argument = click.argument("graph_file", metavar="GRAPH", type=click.Path())
_HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(context_settings=_HELP)
@click.version_option(__version__, prog_name="rotonodes", message="%(prog)s %(version)s")
def cli() -> None:
    """Turn 3D renders into flat 2D artwork with graphs of nodes."""


@cli.command()
@graph_argument
@frames_option
@only_option
@graph_options
@device_option
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Frames a network takes at once.")
@click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Frames made side by side.  [default: one a core]")
@place_options
@force_option
@click.option("--on-error", type=click.Choice(["stop", "continue"]), default="stop", help="What to do after a frame that failed.")
@click.option("--progress", type=click.Choice(PROGRESS), default="auto", help="How progress is told.")
@click.option("--stats", metavar="FILE.json", help="Write what ran, and for how long, to a file.")
@verbose_option
@click.pass_context
def run(context: click.Context, /, graph_file: str, **given: Any) -> int:
    """Run a graph: make every frame that is not there yet."""
    from rotonodes import ranks
    from rotonodes.interrupt import StopOnSignal
    from rotonodes.report import FaultsReporter, make_reporter

    session = context.ensure_object(Session)
    quiet = given["progress"] == "none" and ranks.is_first()
    voice = given["progress"] if ranks.is_first() else "none"
    reporter = session.reporter = FaultsReporter(session.verbose) if quiet else make_reporter(voice, session.verbose)
    reporter.again = lambda frames: again(context, frames)
    graph = load(graph_file, given, reporter.warning)
    stop = threading.Event()
    with StopOnSignal(stop) as signals:
        try:
            from rotonodes.engine import run as run_graph

            result = run_graph(
                graph,
                frames=given["frames"],
                nodes=given["only"],
                device=given["device"],
                batch=given["batch"],
                threads=given["threads"],
                force=given["force"],
                on_error=given["on_error"],
                reporter=reporter,
                stop=stop,
                **places(given),
            )
        except Interrupted:
            return signals.code or EXIT_INTERRUPTED
        finally:
            if given["stats"] and reporter.result is not None and ranks.is_first():
                write_json(given["stats"], reporter.result.as_json())
        for failure in () if ranks.is_first() else result.failures:
            say(f"error: {failure}")
        return signals.code if signals.code and result.exit_code else result.exit_code


@cli.command()
@click.argument("graph_files", metavar="GRAPH...", nargs=-1, required=True, type=click.Path())
@graph_options
@verbose_option
def check(graph_files: Sequence[str], **given: Any) -> int:
    """Check graphs: every fault with its line and column."""
    code = EXIT_OK
    for path in graph_files:
        try:
            graph = load(path, given)
        except GraphError as error:
            say(str(error))
            code = EXIT_USAGE
        else:
            count = len(graph.vertices)
            click.echo(f"{path}: ok, {count} node{'' if count == 1 else 's'}")
    return code


@cli.command()
@graph_argument
@frames_option
@only_option
@graph_options
@place_options
@force_option
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON.")
@verbose_option
def plan(graph_file: str, as_json: bool, **given: Any) -> int:
    """Show what a run would do: what is there, what is missing and why."""
    import json

    from rotonodes import plan as planning
    from rotonodes.frames import parse_frames

    graph = load(graph_file, given)
    frames = parse_frames(given["frames"]) if given["frames"] else None
    made = planning.make_plan(graph, frames=frames, nodes=given["only"], force=given["force"], **places(given))
    if as_json:
        click.echo(json.dumps(planning.as_json(made), indent=2))
    else:
        click.echo("\n".join(planning.explain(made)))
    return EXIT_OK


@cli.command()
@click.argument("type_name", metavar="[TYPE]", required=False)
@types_option
@click.option("--json", "form", flag_value="json", help="As JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="As Markdown.")
@verbose_option
def nodes(type_name: str | None, node_files: Sequence[str], form: str | None) -> int:
    """List the node types, or show all about one."""
    import shutil

    from rotonodes import reference

    import_nodes(node_files)
    click.echo(reference.show(type_name, form or "text", width=min(100, shutil.get_terminal_size().columns)))
    return EXIT_OK


@cli.command()
@types_option
@verbose_option
def schema(node_files: Sequence[str]) -> int:
    """Print the JSON Schema of graph files, for editors."""
    import json

    from rotonodes.schema import graph_schema

    import_nodes(node_files)
    click.echo(json.dumps(graph_schema(), indent=2))
    return EXIT_OK


@cli.command()
@graph_argument
@click.option("--format", "form", type=click.Choice(["mermaid", "dot", "svg"]), default="mermaid", help="The language of the picture.")
@graph_options
@verbose_option
def draw(graph_file: str, form: str, **given: Any) -> int:
    """Draw a graph, as text that shows it."""
    from rotonodes.draw import draw_graph

    click.echo(draw_graph(load(graph_file, given), form), nl=False)
    return EXIT_OK


@cli.command()
@graph_argument
@click.argument("target", metavar="NODE[.OUT]")
@click.option("-F", "--frames", metavar="N", help="The frame to show; with --contact a range.  [default: the first]")
@click.option("-o", "--output", metavar="FILE", help="The picture to write.  [default: NODE.OUTPUT.FRAME.png]")
@click.option("--contact", is_flag=True, help="All frames on one sheet.")
@graph_options
@device_option
@place_options
@verbose_option
@click.pass_context
def view(context: click.Context, /, graph_file: str, target: str, output: str | None, contact: bool, **given: Any) -> int:
    """Write one frame of any node as a picture to look at."""
    from rotonodes.interrupt import StopOnSignal
    from rotonodes.report import make_reporter
    from rotonodes.view import view_node

    session = context.ensure_object(Session)
    graph = load(graph_file, given)
    reporter = session.reporter = make_reporter("rich" if contact and sys.stderr.isatty() else "none", session.verbose)
    stop = threading.Event()
    with StopOnSignal(stop) as signals:
        try:
            path, result = view_node(
                graph,
                target,
                given["frames"],
                output,
                contact=contact,
                device=given["device"],
                reporter=reporter,
                stop=stop,
                **places(given),
            )
        except Interrupted:
            return signals.code or EXIT_INTERRUPTED
    for failure in result.failures:
        say(f"error: {failure}")
    if not result.exit_code:
        click.echo(path)
    return result.exit_code


@cli.command()
@click.option("--prediction", metavar="'p/####.png'", required=True, help="Predicted labels: palette PNGs, grey pictures or .npy.")
@click.option("--truth", metavar="'t/####.png'", required=True, help="True labels, of the same frames.")
@click.option("-F", "--frames", metavar="RANGE", help="Score only these frames.  [default: all on disk]")
@click.option("--classes", metavar="A,B,C", help="Names of the classes in index order.  [default: the five tones]")
@click.option("--values", metavar="N,N,N", help="Value of each class in the files.  [default: its index]")
@click.option("--truth-values", metavar="N,N,N", help="The same for the truth, where it differs.")
@click.option("--ignore", metavar="NAME", help="Class in the truth whose pixels do not count.")
@click.option("--clip-length", type=click.IntRange(min=0), default=0, metavar="N", help="Frames of each clip: no flicker across cuts.")
@click.option("--worst", metavar="FILE.png", help="Write the worst frames, prediction beside truth, as a sheet.")
@click.option("-o", "--output", metavar="FILE.json", help="Write the scores to a file, too.")
@click.option("--json", "as_json", is_flag=True, help="The scores as JSON.")
@click.option("--print-graph", is_flag=True, help="Only show the graph that this runs.")
@verbose_option
@click.pass_context
def evaluate(context: click.Context, /, as_json: bool, print_graph: bool, **given: Any) -> int:
    """Score predicted labels against the truth: IoU, Dice, accuracy, boundaries, flicker."""
    import json

    from rotonodes import jobs

    text = jobs.evaluation(**given)
    if print_graph:
        click.echo(text, nl=False)
        return EXIT_OK
    code, result = jobs.run_job(text, "evaluate", context.ensure_object(Session))
    if result is not None and code == EXIT_OK:
        scores = result.values["scores"]["scores"]
        click.echo(json.dumps(scores.as_json()) if as_json else scores.table())
    return code


# The one way in.


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code: 0, 1, 2, 75, 130 or 143."""
    session = Session()
    code = EXIT_FRAME_FAILED
    try:
        code = call(arguments, session)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read our output has gone (`| head`). Python would complain once more when it closes stdout.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def call(arguments: Sequence[str] | None, session: Session) -> int:
    """One call of the command line; errors become one line and an exit code."""
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
        if session.reporter is not None:
            session.reporter.abort(str(error))
        say(str(error) if isinstance(error, GraphError) else f"error: {error}")
        show_trace(session)
        return error.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:
        message = f"internal error: {type(error).__name__}: {error}"
        if session.reporter is not None:
            session.reporter.abort(message)
        say(message if session.verbose else f"{message}; run again with -v, and report it")
        show_trace(session)
        return EXIT_FRAME_FAILED


def show_trace(session: Session) -> None:
    """The traceback of the error at hand, when -v asks for it."""
    if session.verbose:
        import traceback

        say(traceback.format_exc().rstrip())


def program_name() -> str:
    """How this program was called, so that the commands it prints work."""
    name = Path(sys.argv[0]).name
    return {"__main__.py": "python -m rotonodes", "cli.py": f"python {sys.argv[0]}"}.get(name, "rotonodes")
