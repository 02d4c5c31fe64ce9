"""Chooses the reporter for a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

from rotonodes.engine.events import Again, Reporter
from rotonodes.errors import UsageError, did_you_mean
from rotonodes.machine import torchrun
from rotonodes.report.farm_messages import AlfReporter, JsonReporter, OpenJDReporter
from rotonodes.report.plain import EndReporter, FaultsReporter, PlainReporter

NAMES = ("auto", "rich", "plain", "json", "openjd", "alf", "none")


def make_reporter(name: str, verbose: int = 0, stream: TextIO | None = None, again: Again | None = None) -> Reporter:
    """The reporter called `name`. `stream` replaces the stream it writes to (stderr; for reporters that programs read, stdout).

    `auto` is openjd inside an Open Job Description session, rich on a terminal, else plain. `again` returns the command that
    renders only the given frames. Raises UsageError for an unknown name.
    """
    if name == "auto":
        name = _fitting(stream or sys.stderr)
    if name == "rich":
        from rotonodes.report.rich import RichReporter

        return RichReporter(verbose, stream, again=again)
    if name == "plain":
        return PlainReporter(verbose, stream, again=again)
    if name in ("openjd", "alf", "json"):
        reporter: Callable[..., Reporter] = {"openjd": OpenJDReporter, "alf": AlfReporter, "json": JsonReporter}[name]
        return reporter(verbose, out=stream, again=again)
    if name == "none":
        return Reporter(verbose, again=again)
    raise UsageError(f"there is no progress {name!r}{did_you_mean(name, NAMES)}; there are {', '.join(NAMES)}")


def _fitting(stream: TextIO | None) -> str:
    if os.environ.get("OPENJD_SESSION_WORKING_DIR"):
        return "openjd"
    return "rich" if stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb" else "plain"


def reporter_for(progress: str, quiet: bool, verbose: int, again: Again | None = None) -> Reporter:
    """The reporter for `--progress` and `--quiet`. In a torchrun, only the process of rank 0 reports."""
    if not torchrun.is_first():
        return make_reporter("none", verbose)
    if quiet and progress in ("auto", "rich", "plain", "none"):
        return FaultsReporter(verbose, again=again)
    return EndReporter(verbose, again=again) if progress == "none" else make_reporter(progress, verbose, again=again)
