"""Commands about node types: nodes, schema."""

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
@verbose_option
def nodes(type_name: str | None, node_files: Sequence[str], form: str | None) -> int:
    """List the node types, or describe one in full."""
    import shutil

    from rotonodes.describe import reference

    import_nodes(node_files)
    click.echo(reference.show(type_name, form or "text", width=min(100, shutil.get_terminal_size().columns)))
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
