"""The command `cache`: what intermediate results take on the disk, and making room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from rotonodes.cli.options import options, verbose_option
from rotonodes.errors import EXIT_FRAME_FAILED, EXIT_OK, UsageError


@click.group()
def cache() -> None:
    """Intermediate results on the disk: where they are, how much they take, making room.

    A run that stores more than the limit (10 GB, or ROTONODES_CACHE_SIZE=50G) removes those that were not used for longest.
    """


_place = options(
    click.option("--cache", "folder", metavar="DIR", help="The cache.  [default: .rotonodes]"),
    click.option("--root", metavar="DIR", default=".", help="Folder that the cache is searched in."),
    verbose_option,
)


def _command(call: Callable[..., Any]) -> click.Command:
    return cache.command()(_place(call))


def _folder(given: dict[str, Any]) -> Path:
    from rotonodes.plan.make_plan import CACHE_FOLDER

    folder = Path(given["root"]) / (given["folder"] or CACHE_FOLDER)
    if given["folder"] and not folder.is_dir():
        raise UsageError(f"--cache {given['folder']}: there is no such folder")
    return folder


@_command
def where(**given: Any) -> int:
    """Print the folder of the cache."""
    click.echo(_folder(given))
    return EXIT_OK


@_command
def size(**given: Any) -> int:
    """Print how much the cache takes."""
    from rotonodes.plan.cache_entries import entries, size_limit

    found = list(entries(_folder(given)))
    total, count = sum(entry.size for entry in found), len(found)
    click.echo(f"{megabytes(total)} in {count} {'entry' if count == 1 else 'entries'}; the limit is {megabytes(size_limit())}")
    return EXIT_OK


@_command
@click.option("--to", "limit", metavar="SIZE", help="Size that is left at most, as 500M or 10G.  [default: the limit]")
def prune(limit: str | None, **given: Any) -> int:
    """Remove the entries that were not used for longest."""
    from rotonodes.plan.cache_entries import parse_size, size_limit
    from rotonodes.plan.cache_entries import prune as prune_folder

    count, freed = prune_folder(_folder(given), size_limit() if limit is None else parse_size(limit, "--to"))
    click.echo(f"removed {count} {'entry' if count == 1 else 'entries'}, {megabytes(freed)}")
    return EXIT_OK


@_command
def verify(**given: Any) -> int:
    """Read every entry; remove those that are damaged. Exit code 1 when there were any."""
    from rotonodes.plan.cache_entries import damaged_entries

    count, damaged = damaged_entries(_folder(given))
    for path in damaged:
        path.unlink(missing_ok=True)
    click.echo(f"{count} {'entry' if count == 1 else 'entries'}, {len(damaged)} damaged" + (" (removed)" if damaged else ""))
    return EXIT_FRAME_FAILED if damaged else EXIT_OK


@_command
def clear(**given: Any) -> int:
    """Remove every entry, and the records of what outputs were made from. Other files stay."""
    from rotonodes.plan.cache_entries import prune as prune_folder
    from rotonodes.plan.made_from import Records

    count, freed = prune_folder(_folder(given), -1)
    Records(_folder(given)).clear()
    click.echo(f"removed {count} {'entry' if count == 1 else 'entries'}, {megabytes(freed)}")
    return EXIT_OK


def megabytes(size: int) -> str:
    """`12.3 MB`, `4.5 GB`."""
    return f"{size / (1 << 30):.1f} GB" if size >= 1 << 30 else f"{size / (1 << 20):.1f} MB"
