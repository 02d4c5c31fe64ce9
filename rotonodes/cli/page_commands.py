"""`rotonodes edit`: the live page of a graph."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rotonodes.cli.options import device_option, graph_argument, graph_options, place_options, precision_option, verbose_option
from rotonodes.cli.session import graph_file, import_nodes, pairs, places, say
from rotonodes.errors import EXIT_OK

if TYPE_CHECKING:
    from rotonodes.page.session_state import PageSession

PAGE_LIBRARIES = ("starlette", "uvicorn", "websockets")


@click.command()
@graph_argument
@click.option("--port", type=click.IntRange(0, 65535), metavar="N", help="Port of the page.  [default: 8420, or the next free one]")
@click.option("--no-browser", is_flag=True, help="Do not open a browser; print the address only.")
@graph_options
@device_option
@precision_option
@place_options
@verbose_option
def edit(port: int | None, no_browser: bool, **given: Any) -> int:
    """Open the live page of a graph: see every node's picture, change it, run it (extra page).

    The page is served to this machine only. The file stays the truth: a text editor can be open beside it.
    """
    from rotonodes.cli.interrupt import StopOnSignal
    from rotonodes.extras import need_library

    for library in PAGE_LIBRARIES:
        need_library(library, "edit")
    from rotonodes.page.server import PageServer, serve_page

    file = own_copy(given["graph_file"])
    session = page_session(file, given)

    def opened(server: PageServer) -> None:
        click.echo(server.address)
        if not no_browser:
            threading.Thread(target=open_browser, args=(server.address,), daemon=True).start()

    stop = threading.Event()
    with StopOnSignal(stop) as signals:
        serve_page(session, port, opened, stop, say)
    return signals.code or EXIT_OK


def own_copy(path: str) -> str:
    """The file to edit: `path`, or for the name of a graph that ships a copy of it in the current folder."""
    file, copy = graph_file(path), Path(f"{Path(path).stem}.yaml")
    if Path(file) == Path(path):
        return file
    if not copy.exists():
        from rotonodes.io.files import write_bytes

        write_bytes(copy, Path(file).read_bytes())
        say(f"{copy}: a copy of the graph {path} that ships, to change as you like")
    return str(copy)


def page_session(file: str, given: dict[str, Any]) -> PageSession:
    """The session of a page for a graph and the options of its command."""
    from rotonodes.page.preview import Places
    from rotonodes.page.session_state import PageSession

    import_nodes(given["node_files"])
    where = Places(**places(given), device=given["device"], precision=given["precision"])
    variables = dict(pairs(given["variables"], "--var", "NAME=VALUE"))
    settings = dict(pairs(given["settings"], "--set", "NODE.PARAM=VALUE"))
    return PageSession(file, where, variables, settings)


def open_browser(address: str) -> None:
    """Open the address in a browser; where there is none, it has been printed."""
    import webbrowser

    try:
        opened = webbrowser.open(address)
    except (webbrowser.Error, OSError):
        opened = False
    if not opened:
        say("no browser could be opened: open the address above in one")
