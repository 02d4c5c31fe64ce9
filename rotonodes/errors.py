"""Errors whose messages say where, what and what to do, each with the exit code of the command."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterable

EXIT_OK = 0
EXIT_FRAME_FAILED = 1
EXIT_USAGE = 2
EXIT_RETRY = 75  # EX_TEMPFAIL: a farm may try the same task again
EXIT_HUNG_UP = 129
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class RotoError(Exception):
    """Base of every error that rotonodes raises on purpose. `exit_code` ends the command.

    The message is one line, whatever stands in the file that it speaks of: control characters become escapes.
    """

    exit_code = EXIT_FRAME_FAILED

    def __init__(self, *arguments: object) -> None:
        super().__init__(*(visible(one) if isinstance(one, str) else one for one in arguments))


class UsageError(RotoError):
    """The graph, a parameter or the command line is wrong; nothing was rendered."""

    exit_code = EXIT_USAGE
    placed = False  # whether the message begins with its place in the graph


class FrameError(RotoError):
    """One frame could not be made: a file is missing, truncated, of another size, or not a picture."""


class RetryError(RotoError):
    """A failure of the system that may not occur again later (a full disk, an unreachable file server)."""

    exit_code = EXIT_RETRY


class Interrupted(RotoError):
    """The run was asked to stop (Ctrl-C, TERM or HUP) and did so cleanly."""

    exit_code = EXIT_INTERRUPTED


def machine_error(error: BaseException) -> RotoError:
    """An error of the user's machine (disk, permission, memory) in one line: RetryError where it may work later."""
    if isinstance(error, MemoryError):
        return FrameError("out of memory: use fewer --threads, or smaller frames")
    number, name = getattr(error, "errno", None), getattr(error, "filename", None)
    why = (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
    text = f"{name}: {why}" if name else why
    if number in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return RetryError(f"{text}: free some space and run again")
    if number in (getattr(errno, "ESTALE", errno.EIO), errno.EIO, errno.ETIMEDOUT, getattr(errno, "EHOSTDOWN", errno.EIO)):
        return RetryError(f"{text}: run again later")
    if number in (errno.EMFILE, errno.ENFILE):
        return RetryError(f"{text}: use fewer --threads, or raise the limit (ulimit -n)")
    return FrameError(text)


class Fault:
    """One fault in a graph file, with its position. Lines and columns count from 1."""

    __slots__ = ("column", "file", "line", "message", "node")

    def __init__(self, message: str, *, node: str = "", file: str = "", line: int = 0, column: int = 0) -> None:
        self.message, self.node = visible(message), visible(node)  # one line, also when a name in it has a line break
        self.file, self.line, self.column = file, line, column

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.column}: " if self.line else (f"{self.file}: " if self.file else "")
        return place + (f"{self.node}: " if self.node else "") + self.message

    def __repr__(self) -> str:
        return f"Fault({str(self)!r})"


class PlanFault(UsageError):
    """The graph is wrong in a way that only its frames and files show: no render that comes later can mend it."""


class GraphError(UsageError):
    """A graph with one or more faults; the message has one line per fault."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = faults
        Exception.__init__(self, "\n".join(str(fault) for fault in faults))


_MANY = 500  # names up to which a misspelt one is compared with all

# The ways in which other programs write a frame number or a range of them in a path.
_FRAME_TOKEN = re.compile(r"#+|@+(?=\.)|%0?\d*d|\$F\d*|<[Ff](?:rame)?\d*>|\[\d+-\d+\]|\{\d+\.\.\d+\}|\*")


def visible(text: str) -> str:
    """Text with its control characters as escapes (`\\r`, `\\x07`), so that it is one line and moves no cursor."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\u00a0" else c.encode("unicode_escape").decode() for c in text)


class ListLength:
    """Whether lists of names in messages are whole (`-v`) or shortened."""

    whole = False


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names for a message: `a, b, c and 40 more (-v lists all)`; all of them where the user asked for it."""
    all_names = list(names)
    if ListLength.whole or len(all_names) <= most:
        return ", ".join(all_names)
    return f"{', '.join(all_names[:most])} and {len(all_names) - most} more (-v lists all)"


def did_you_mean(word: str, known: object) -> str:
    """` (did you mean "x"?)` for the nearest of the known words, or nothing when none is near."""
    import bisect
    import difflib

    names = [str(k) for k in known]  # type: ignore[attr-defined]
    if len(names) > _MANY:  # a thousand typos in a thousand names: the neighbours in the alphabet are enough
        names.sort()
        at = bisect.bisect(names, word)
        names = names[max(0, at - 10) : at + 10]
    near = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""


def did_you_mean_file(path: str, suffixes: tuple[str, ...] = ()) -> str:
    """The same for a file that is not there: the nearest name beside it, or for a folder that is not there beside that.

    For a frame range written in another program's way (`[1-100]`, `*`), the nearest sequence, or that `####` is the way here.
    `suffixes` are the endings that count, in lower case; none for every ending.
    """
    import difflib

    folder, name = os.path.split(os.path.normpath(path))
    spelled = name
    if folder and not os.path.isdir(folder):
        return did_you_mean_file(folder)
    try:
        known = [entry for entry in os.listdir(folder or ".") if entry.lower().endswith(suffixes or "")]
        token = _FRAME_TOKEN.search(name)
        if token:  # of a sequence the nearest sequence, not one of its thousand frames
            known = list(dict.fromkeys(re.sub(r"\d+", lambda number: "#" * len(number[0]), entry) for entry in known))
            spelled = _FRAME_TOKEN.sub("####", name)
    except PermissionError:
        return f"; the folder {folder or '.'} cannot be listed: permission denied"
    except OSError:
        return ""
    near = difflib.get_close_matches(spelled, known, n=1, cutoff=0.65)
    if not near or near[0] == name:
        return f"; a frame number is written ####, as in {os.path.join(folder, spelled)!r}" if spelled != name else ""
    return f" (did you mean {os.path.join(folder, near[0])!r}?)"
