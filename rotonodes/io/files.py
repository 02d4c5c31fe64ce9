"""Whole files: atomic writes (hidden name, then rename), fingerprints, sidecars that carry keys, and errors in plain words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from rotonodes.errors import FrameError, RetryError, RotoError, UsageError

# Hidden files being written now, for `discard_unfinished`.
_unfinished: set[Path] = set()

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
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise read_error(path, error) from error


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
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a hidden path with the same folder and extension to write to; rename it to `path` when the block succeeds.

    Parent folders are created. The bytes are on disk before the rename, so `path` is never incomplete; if the block ends
    early, also by Ctrl-C, the hidden file is removed. Raises RetryError when the disk is full or the file server
    is away, UsageError when writing there is not permitted.
    """
    final = Path(path)
    # Not tempfile: its files are private (0600), but a farm's frames must be readable by the next task's user.
    hidden = final.with_name(f".{final.stem[:100]}.{secrets.token_hex(4)}{final.suffix}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        _unfinished.add(hidden)
        yield hidden
        descriptor = os.open(hidden, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(hidden, final)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)
        _unfinished.discard(hidden)


def discard_unfinished() -> None:
    """Remove every unfinished file, whichever thread writes it; only for a process that is about to end."""
    for hidden in tuple(_unfinished):
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file atomically; errors as in `atomic_write`."""
    with atomic_write(path) as hidden:
        hidden.write_bytes(data)


def fingerprint(path: str | os.PathLike[str], content: bool = False) -> tuple[int, int] | tuple[str]:
    """The fingerprint of a source file in keys: (size, mtime in ns), or with `content` the sha256 of its bytes."""
    try:
        if content:
            with open(path, "rb") as file:
                return (hashlib.file_digest(file, "sha256").hexdigest(),)
        stat = os.stat(path)
    except OSError as error:
        raise read_error(path, error) from error
    return stat.st_size, stat.st_mtime_ns


def sidecar_path(path: str | os.PathLike[str]) -> Path:
    """The hidden file beside `path` that stores the key for formats that cannot hold one: `.NAME.key`."""
    return Path(path).with_name(f".{Path(path).name}.key")


def write_sidecar(path: str | os.PathLike[str], key: str) -> None:
    """Store the key and size of the finished file `path` in its sidecar."""
    write_bytes(sidecar_path(path), json.dumps({"key": key, "size": os.path.getsize(path)}).encode())


def remove_sidecar(path: str | os.PathLike[str]) -> None:
    """Remove the sidecar of `path` before the file is rewritten: a run killed in between must not leave the old key."""
    with contextlib.suppress(OSError):
        sidecar_path(path).unlink(missing_ok=True)


def read_sidecar(path: str | os.PathLike[str]) -> str | None:
    """The key in the sidecar of `path`; None without a sidecar, or when the size of the file has changed since."""
    try:
        noted = json.loads(sidecar_path(path).read_bytes())
        whole = os.path.getsize(path) == noted["size"]
        return str(noted["key"]) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
