"""Commands about a render on disk: passes."""

from __future__ import annotations

import click

from rotonodes.cli.options import verbose_option
from rotonodes.errors import EXIT_OK


@click.command()
@click.argument("render", metavar="FILE", type=click.Path())
@click.option("-F", "--frames", metavar="N", help="The frame to look at.  [default: the first on disk]")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@verbose_option
def passes(render: str, frames: str | None, as_json: bool) -> int:
    """Show what is in a render: view layers, passes, views, objects with their share of the frame, frames on disk.

    FILE is a frame, a pattern (render.####.exr), a folder or a wildcard.
    """
    import json

    from rotonodes.cli.jobs.render_contents import contents_data, contents_lines

    if as_json:
        click.echo(json.dumps(contents_data(render, frames), indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(contents_lines(render, frames)))
    return EXIT_OK
