"""Files as wholes: written under a hidden name and renamed, fingerprints, and the sidecars that carry keys."""

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

# Hidden files that are being written now, for `discard_unfinished`.
_unfinished: set[Path] = set()

_FULL = (errno.ENOSPC, errno.EDQUOT)
_AWAY = (errno.ESTALE, errno.EIO, errno.ETIMEDOUT, errno.EHOSTDOWN)
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG)


def write_error(path: str | os.PathLike[str], error: OSError) -> RotoError:
    """What a failed write means to the user: try again later, or choose another place."""
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
    """What a failed read means to the user."""
    if isinstance(error, FileNotFoundError):
        return FrameError(f"{path}: no such file")
    if error.errno in _AWAY:
        return RetryError(f"the disk or file server failed while reading {path}: run again later")
    return FrameError(f"{path}: cannot be read: {(error.strerror or str(error)).lower()}")


@contextlib.contextmanager
def decoding(path: str | os.PathLike[str], what: str, remedy: str = "render the frame again") -> Iterator[None]:
    """Whatever a decoder runs into becomes a FrameError of one line; `what` is the kind of file (`PNG`), `remedy` what to do.

    Decoders are other people's code and raise errors of every kind on damaged and hostile files.
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
    """Give a hidden path of the same folder and extension to write to; rename it to `path` when the block succeeds.

    Parent folders are made. The bytes are on the disk before the rename, so that `path` is never a half file; whatever
    ends the block early, Ctrl-C too, removes the hidden file. Raises RetryError when the disk is full or the file server
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
    """Remove every file that is half written, whichever thread writes it; only for a process that ends at once."""
    for hidden in tuple(_unfinished):
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a whole file atomically; errors as in `atomic_write`."""
    with atomic_write(path) as hidden:
        hidden.write_bytes(data)


def fingerprint(path: str | os.PathLike[str], content: bool = False) -> tuple[int, int] | tuple[str]:
    """What stands for a source file in keys: (size, mtime in ns), or the sha256 of its bytes with `content`."""
    try:
        if content:
            with open(path, "rb") as file:
                return (hashlib.file_digest(file, "sha256").hexdigest(),)
        stat = os.stat(path)
    except OSError as error:
        raise read_error(path, error) from error
    return stat.st_size, stat.st_mtime_ns


def sidecar_path(path: str | os.PathLike[str]) -> Path:
    """The hidden file beside `path` that carries the key of formats that cannot: `.NAME.key`."""
    return Path(path).with_name(f".{Path(path).name}.key")


def write_sidecar(path: str | os.PathLike[str], key: str) -> None:
    """Note the key and size of the finished file `path` beside it."""
    write_bytes(sidecar_path(path), json.dumps({"key": key, "size": os.path.getsize(path)}).encode())


def remove_sidecar(path: str | os.PathLike[str]) -> None:
    """Forget the key of `path`, before it is written anew: a run killed in between must not leave the old key on it."""
    with contextlib.suppress(OSError):
        sidecar_path(path).unlink(missing_ok=True)


def read_sidecar(path: str | os.PathLike[str]) -> str | None:
    """The key noted beside `path`, or None when there is none or the file is not the size it was finished with."""
    try:
        noted = json.loads(sidecar_path(path).read_bytes())
        whole = os.path.getsize(path) == noted["size"]
        return str(noted["key"]) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
