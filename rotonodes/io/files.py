"""Whole files: atomic writes (hidden name, then rename), fingerprints, sidecars that carry keys, and errors in plain words."""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import importlib
import json
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from rotonodes.errors import FrameError, RetryError, RotoError, UsageError
from rotonodes.io.json_text import parse_json

fcntl: Any = importlib.import_module("fcntl") if os.name == "posix" else None  # Windows has no such locks

# Hidden files being written now, for `discard_unfinished`.
_unfinished: set[Path] = set()
_MARK = "rotonodes-"  # in the names of hidden files, before the machine and a number: `.a.0001.rotonodes-5a3c9b101f2e3d4c.png`
_UNFINISHED = re.compile(rf"\..*\.{_MARK}(?P<machine>[0-9a-f]{{8}})(?:[0-9a-f]{{8}})?(\.[^.]*)?", re.DOTALL)
_MOST_NOTE = 1 << 16  # bytes of a sidecar
_ABANDONED = 24 * 3600  # seconds without a write, after which an unfinished file of another machine is no longer being written

_FULL = (errno.ENOSPC, errno.EDQUOT)
_AWAY = (errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EHOSTDOWN)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)


def write_error(path: str | os.PathLike[str], error: OSError) -> RotoError:
    """The error for a failed write: whether to run again later or to choose another folder."""
    why = (error.strerror or str(error)).lower()
    if error.errno in _FULL:
        return RetryError(f"disk full while writing {path}: free some space and run again")
    if error.errno in _AWAY:
        return RetryError(f"the disk or file server failed while writing {path} ({why}): run again later")
    if error.errno in _DENIED:
        return UsageError(f"cannot write {path}: {why}; choose a folder you may write to")
    return FrameError(f"cannot write {path}: {why}")


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a file. Raises FrameError when it is missing or unreadable, RetryError when its server is away."""
    check_regular(path)
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise read_error(path, error) from error


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raise FrameError for a pipe, a socket or a device: reading it may wait or go on for ever. What is not there is said elsewhere."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise FrameError(f"{path}: a pipe or a device, not a file: name a file")


def read_error(path: str | os.PathLike[str], error: OSError) -> RotoError:
    """The error for a failed read."""
    if isinstance(error, FileNotFoundError):
        return FrameError(f"{path}: no such file")
    if error.errno in _AWAY:
        return RetryError(f"the disk or file server failed while reading {path}: run again later")
    return FrameError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}")


@contextlib.contextmanager
def decoding(path: str | os.PathLike[str], what: str, remedy: str = "render the frame again") -> Iterator[None]:
    """Turn any exception of a decoder into a FrameError of one line; `what` is the kind of file (`PNG`), `remedy` the advice.

    Decoding libraries raise many kinds of exceptions on damaged and hostile files.
    """
    try:
        yield
    except RotoError:
        raise
    except MemoryError as error:
        raise FrameError(f"{path}: there is not enough memory to read this {what}") from error
    except Exception as error:
        why = " ".join(str(error).lower().split())[:200] or type(error).__name__
        raise FrameError(f"{path}: damaged {what}: {why}; {remedy}") from error


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str], key: str | None = None) -> Iterator[Path]:
    """Yield a hidden path with the same folder and extension to write to; rename it to `path` when the block succeeds.

    Parent folders are created. The bytes are on disk before the rename, so `path` is never incomplete; if the block ends
    early, also by Ctrl-C, the hidden file is removed. With `key`, a sidecar with the key and the checksum of the file is written
    (see `read_sidecar`). Raises RetryError when the disk is full or the file server is away, UsageError when writing there
    is not permitted.
    """
    final = Path(path)
    hidden, lock = None, None
    try:
        hidden, lock = _begin(final)
        yield hidden
        descriptor = os.open(hidden, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        note = _Note.of(hidden, key) if key else None
        if fcntl is None:  # Windows renames no open file
            os.close(lock)
            lock = None
        os.replace(hidden, final)
    except FileNotFoundError as error:
        raise FrameError(f"cannot write {path}: its folder was removed meanwhile; run again") from error
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if lock is not None:
            os.close(lock)
        if hidden is not None:
            with contextlib.suppress(OSError):
                hidden.unlink(missing_ok=True)
            _unfinished.discard(hidden)
    if note:
        note.write(path)


def _begin(final: Path) -> tuple[Path, int]:
    """A new hidden file beside `final`, locked for as long as its descriptor is open: `sweep` leaves it alone."""
    for attempt in range(100):
        try:
            final.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:  # there when it was to be made, gone when it was looked at: see below
            if attempt == 99 or final.parent.exists():
                raise
            continue
        # Not tempfile: its files are private (0600), but a farm's frames must be readable by the next task's user.
        hidden = hidden_name(final)
        _unfinished.add(hidden)
        try:
            lock = os.open(hidden, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_BINARY", 0), 0o666)
        except FileNotFoundError:  # another writer, whose test of the folder left nothing behind, took the empty folder away
            _unfinished.discard(hidden)
            if attempt == 99:
                raise
            continue
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file server without locks: nothing is swept there
                fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:
            return hidden, lock
        os.close(lock)  # swept between its creation and its lock
        _unfinished.discard(hidden)
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(final))


def hidden_name(final: Path) -> Path:
    """A new hidden name beside `final`, which `sweep` knows."""
    return final.with_name(f".{final.stem[:100]}.{_MARK}{this_machine()}{secrets.token_hex(4)}{final.suffix}")


@functools.cache
def this_machine() -> str:
    """8 hex digits that differ between machines, and between two starts of one: nobody can tell from them which machine it is."""
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    except OSError:  # not Linux
        import uuid

        start = str(uuid.getnode())
    return hashlib.sha256(start.encode()).hexdigest()[:8]


def sweep(folder: str | os.PathLike[str]) -> int:
    """Remove the unfinished files of dead processes from a folder; returns how many. A file that is being written stays.

    Those of this machine are locked while they are written. Locks of other machines say nothing: many file servers do not pass them on,
    so an unfinished file of another machine stays until it has not been written to for a day.
    """
    swept = 0
    if fcntl is None:
        return swept
    try:
        found = [match for match in map(_UNFINISHED.fullmatch, os.listdir(folder)) if match]
    except OSError:
        return swept
    for match in found:
        name = match[0]
        with contextlib.suppress(OSError):
            if match["machine"] != this_machine():
                if time.time() - os.lstat(os.path.join(folder, name)).st_mtime > _ABANDONED:
                    os.unlink(os.path.join(folder, name))
                    swept += 1
                continue
            descriptor = os.open(os.path.join(folder, name), os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(os.path.join(folder, name))
                swept += 1
            finally:
                os.close(descriptor)
    return swept


def discard_unfinished() -> None:
    """Remove every unfinished file, whichever thread writes it; only for a process that is about to end."""
    for hidden in tuple(_unfinished):
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes, key: str | None = None) -> None:
    """Write a whole file atomically, with `key` in a sidecar; errors as in `atomic_write`."""
    with atomic_write(path, key) as hidden, open(hidden, "r+b", buffering=0) as file:
        view = memoryview(data).cast("B")
        while len(view):  # a disk that fills takes a part and raises at the next write
            view = view[file.write(view) :]


def fingerprint(path: str | os.PathLike[str], content: bool = False) -> tuple[int, int] | tuple[str]:
    """The fingerprint of a source file in keys: (size, mtime in ns), or with `content` the sha256 of its bytes."""
    try:
        if content:
            return (sha256_of(path),)
        found = os.stat(path)
    except OSError as error:
        raise read_error(path, error) from error
    return found.st_size, found.st_mtime_ns


def sidecar_path(path: str | os.PathLike[str]) -> Path:
    """The hidden file beside `path` that stores the key for formats that cannot hold one: `.NAME.key`."""
    return Path(path).with_name(f".{Path(path).name}.key")


def write_sidecar(path: str | os.PathLike[str], key: str) -> None:
    """Store the key of a finished file in its sidecar. `atomic_write` with a key is safer where two processes may write the file."""
    try:
        note = _Note.of(Path(path), key)
    except OSError as error:
        raise write_error(path, error) from error
    note.write(path)


def read_sidecar(path: str | os.PathLike[str], verify: bool = False) -> str | None:
    """The key in the sidecar of `path`; None without a sidecar, or when the file is not the one it was written for.

    A file of the same size that has the time of its sidecar, to the nanosecond, is taken for the same; otherwise (a copy, an edited
    file, or always with `verify`) all its bytes are read and their checksum is compared.
    """
    beside = sidecar_path(path)
    try:
        check_regular(beside)
        check_regular(path)
        with open(beside, "rb") as file:
            noted = parse_json(file.read(_MOST_NOTE))
        found = os.stat(path)
        if found.st_size != noted["size"]:
            return None
        same = not verify and found.st_mtime_ns == os.stat(beside).st_mtime_ns
        return str(noted["key"]) if same or sha256_of(path) == noted["sha256"] else None
    except (FrameError, OSError, ValueError, KeyError, TypeError):
        return None


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The sha256 of a file's bytes, as 64 hex digits. Raises OSError."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Note(NamedTuple):
    """What a sidecar says of its file: the same bytes for the same file; its time is the file's."""

    text: bytes
    time: int  # ns

    @classmethod
    def of(cls, path: Path, key: str) -> _Note:
        """The note for a complete file, which gets the time of now: two processes that write one file give it different ones."""
        os.utime(path, ns=(now := time.time_ns(), now))
        found = os.stat(path)
        return cls(json.dumps({"key": key, "size": found.st_size, "sha256": sha256_of(path)}).encode(), found.st_mtime_ns)

    def write(self, path: str | os.PathLike[str]) -> None:
        with atomic_write(sidecar_path(path)) as hidden:
            hidden.write_bytes(self.text)
            os.utime(hidden, ns=(self.time, self.time))
