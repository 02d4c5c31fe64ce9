"""stdin, stdout and stderr that are closed or full: a run must not fail because of them."""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_STDERR = 2


def open_closed_streams() -> None:
    """Put `os.devnull` in place of streams that are closed (`>&-`); writing to a stdout that was closed still fails.

    Without it the next file that is opened would take the number of the closed stream, and messages of libraries would be
    written into it.
    """
    for name, mode in (("stdin", os.O_RDONLY), ("stdout", os.O_RDONLY), ("stderr", os.O_WRONLY)):  # lowest number first
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, mode)  # takes the number of the closed stream
            setattr(sys, name, os.fdopen(descriptor, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False))
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # an ASCII terminal gets \u2192 for an arrow


@contextlib.contextmanager
def own_stderr() -> Iterator[None]:
    """Our messages get a descriptor of their own: what libraries print themselves to descriptor 2 can then be held back.

    See `rotonodes.io.decoder_output`. What libraries warn of is not shown either, unless PYTHONWARNINGS asks for it. Nothing is done in a
    program that has put another stream in place of stderr.
    """
    before: Any = sys.stderr
    try:
        plain = before.fileno() == _STDERR
        descriptor = os.dup(_STDERR) if plain else -1
    except (AttributeError, OSError, ValueError):
        plain = False
    if not plain:
        yield
        return
    with (
        warnings.catch_warnings(),
        os.fdopen(descriptor, "w", buffering=1, encoding=before.encoding, errors=before.errors) as sys.stderr,
    ):
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        try:
            yield
        finally:
            discard_unwritable()  # or closing it would raise
            sys.stderr = before


def can_write(name: str) -> bool:
    """True when everything written to `stdout` or `stderr` has been passed on, or can be now."""
    try:
        getattr(sys, name).flush()
    except OSError:
        return False
    except (ValueError, AttributeError):  # closed by somebody in this process
        return True
    return True


def is_of_stdout(error: OSError) -> bool:
    """True for an error of writing to stdout, which names no file: what raised it last is the command line or what prints for it.

    Flushing again does not tell: Python has dropped what it could not write.
    """
    if error.filename is not None:
        return False
    last = traceback.extract_tb(error.__traceback__)[-1:]
    parts = Path(last[0].filename).parts if last else ()
    return not can_write("stdout") or parts[-2:-1] == (Path(__file__).parent.name,) or "click" in parts


def discard_unwritable() -> None:
    """Point streams that cannot be written at `os.devnull`: Python flushes them at its end, and would exit with 120."""
    for name in ("stdout", "stderr"):
        if not can_write(name):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), getattr(sys, name).fileno())
