"""Commands about what there is: nodes, schema, palettes."""

from __future__ import annotations

from collections.abc import Sequence

import click

from rotonodes.cli.options import types_option, verbose_option
from rotonodes.cli.session import import_nodes
from rotonodes.errors import EXIT_OK


@click.command()
@click.argument("type_name", metavar="[TYPE]", required=False)
@types_option
@click.option("--json", "form", flag_value="json", help="As JSON.")
@click.option("--markdown", "form", flag_value="markdown", help="As Markdown.")
@click.option("--stubs", "form", flag_value="stubs", help="The types of our own nodes for Python's type checkers, as a stub file.")
@click.option(
    "-o",
    "--output",
    metavar="DIR|FILE",
    help="With --markdown: write a page for each type, and an index, into this folder. With --stubs: a file.",
)
@verbose_option
def nodes(type_name: str | None, node_files: Sequence[str], form: str | None, output: str | None) -> int:
    """List the node types, or describe one in full."""
    import shutil

    from rotonodes.describe import reference

    import_nodes(node_files)
    if form == "stubs":
        return _write_stubs(output, type_name)
    if output is not None:
        return _write_pages(output, type_name, form)
    click.echo(reference.show(type_name, form or "text", width=min(100, shutil.get_terminal_size().columns)))
    return EXIT_OK


def _write_stubs(output: str | None, type_name: str | None) -> int:
    """Print the stub file of our own nodes, or write it."""
    from rotonodes.describe.stubs import node_stubs
    from rotonodes.errors import UsageError
    from rotonodes.io.files import write_bytes
    from rotonodes.node.catalogue import own_nodes

    if type_name is not None:
        raise UsageError(f"--stubs is of all types, not only of {type_name}")
    text = node_stubs(own_nodes())
    if output is None:
        click.echo(text, nl=False)
    else:
        write_bytes(output, text.encode())
    return EXIT_OK


def _write_pages(output: str, type_name: str | None, form: str | None) -> int:
    """Write the pages of all types; files that are right already are left alone."""
    from pathlib import Path

    from rotonodes.describe.node_pages import node_pages
    from rotonodes.errors import UsageError
    from rotonodes.io.files import write_bytes
    from rotonodes.node.catalogue import all_nodes

    if form != "markdown" or type_name is not None:
        raise UsageError("-o writes the pages of all types: rotonodes nodes --markdown -o DIR")
    folder = Path(output)
    pages = node_pages(all_nodes(), folder, f"rotonodes nodes --markdown -o {folder.as_posix()}")
    for name, text in pages.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != text.encode():
            write_bytes(str(path), text.encode())
    click.echo(f"{len(pages) - 1} pages and their index are in {output}")
    return EXIT_OK


@click.command()
@types_option
@verbose_option
def schema(node_files: Sequence[str]) -> int:
    """Print the JSON Schema of graph files, for editors."""
    import json

    from rotonodes.describe.schema import graph_schema

    import_nodes(node_files)
    click.echo(json.dumps(graph_schema(), indent=2))
    return EXIT_OK


@click.command()
@click.argument("names", metavar="[NAME|FILE]...", nargs=-1)
@click.option("-o", "--output", metavar="PNG", help="Write the swatches as a picture.")
@verbose_option
def palettes(names: Sequence[str], output: str | None) -> int:
    """Show the palettes that ship, or palette files, as swatches."""
    from rich.console import Console
    from rich.text import Text

    from rotonodes.io.palettes import find_palette, palette_names

    shown = [find_palette(name) for name in names or palette_names()]
    if output is not None:
        from rotonodes.imaging.picture.swatches import write_swatches

        write_swatches(shown, output)
        click.echo(f"{len(shown)} palettes are in {output}", err=True)
        return EXIT_OK
    console = Console(highlight=False, soft_wrap=True)
    longest = max(len(palette.name) for palette in shown)
    for palette in shown:
        line = Text(palette.name.ljust(longest + 2))
        for color in palette.colors:
            line.append("    " if console.is_terminal else f" {color}", style=f"on {color}" if console.is_terminal else "")
        console.print(line)
        if console.is_terminal and len(shown) == 1:
            for name, color in zip(palette.names, palette.colors, strict=True):
                console.print(Text.assemble(("    ", f"on {color}"), f"  {color}  {name}"))
    return EXIT_OK


@click.command("blender-addon")
@click.option("-o", "--output", metavar="DIR", default=".", show_default=True, help="Folder to write rotonodes-VERSION.zip into.")
@verbose_option
def blender_addon(output: str) -> int:
    """Write the Blender add-on: an extension for Blender 4.5 and newer, to install from disk."""
    from pathlib import Path

    from rotonodes.hosts.blender_addon import write_addon

    path = write_addon(Path(output))
    click.echo(f"{path}: install it in Blender by Preferences > Get Extensions > Install from Disk")
    return EXIT_OK
