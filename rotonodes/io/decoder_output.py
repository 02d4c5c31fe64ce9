"""Keeps off the terminal what native decoders print: what is wrong with a file is said once, by the error that is raised.

Two libraries write lines of their own. libtiff has a handler for them, which is taken away. OpenEXR writes to descriptor 2 and has no
switch for it; so while it decodes, descriptor 2 leads into a temporary file, of which everything but OpenEXR's own lines is passed on.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

# As the library's default handler writes them: "FILE: (EXR_ERR_CORRUPT_CHUNK) Unable to decompress ...".
_OF_OPENEXR = re.compile(rb"[^\n]*: \(EXR_ERR_[A-Z_]+\)[^\n]*\n?")
_STDERR = 2


class ErrorDescriptor:
    """Descriptor 2, which leads into a file while anybody decodes. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock, self._decoding = threading.Lock(), 0
        self._file: BinaryIO | None = None
        self._read = 0  # bytes of the file that were passed on or dropped
        self._own = -1  # where descriptor 2 leads otherwise

    def begin(self) -> None:
        """A decoder begins. Where no temporary file can be made, its lines are seen."""
        with self._lock:
            self._decoding += 1
            if self._decoding > 1:
                return
            with contextlib.suppress(OSError):
                file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - open for as long as anybody decodes
                self._own = os.dup(_STDERR)
                os.dup2(file.fileno(), _STDERR)
                self._file, self._read = file, 0

    def end(self) -> None:
        """A decoder has ended: pass on what others wrote meanwhile."""
        with self._lock:
            self._decoding -= 1
            if self._file is None:
                return
            if self._decoding:
                self._pass_on(self._file)
                return
            os.dup2(self._own, _STDERR)
            self._pass_on(self._file, last=True)
            os.close(self._own)
            self._file.close()
            self._file = None

    def _pass_on(self, file: BinaryIO, last: bool = False) -> None:
        """Write what is new in the file where it belongs; a line that is not complete waits, unless it is the `last`."""
        if os.fstat(file.fileno()).st_size == self._read:
            return
        data = os.pread(file.fileno(), 1 << 24, self._read)
        data = data if last else data[: data.rfind(b"\n") + 1]
        self._read += len(data)
        with contextlib.suppress(OSError):  # a full or closed stderr must not stop anything
            os.write(self._own, _OF_OPENEXR.sub(b"", data))


_descriptor = ErrorDescriptor()


class _Filter:
    """Replaces sys.stdout while OpenEXR decodes: its Python binding prints warnings there, where our commands print data."""

    def __init__(self, stream: object) -> None:
        self.stream, self.threads = stream, set[int]()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() in self.threads else int(self.stream.write(text) or 0)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> object:
        return getattr(self.stream, name)


_filter_lock = threading.Lock()


@contextlib.contextmanager
def quiet_openexr() -> Iterator[None]:
    """Drop what OpenEXR prints in this thread, to stdout as to stderr; output of others passes."""
    me = threading.get_ident()
    with _filter_lock:
        stdout = sys.stdout if isinstance(sys.stdout, _Filter) else _Filter(sys.stdout)
        stdout.threads.add(me)
        sys.stdout = stdout  # type: ignore[assignment]
    _descriptor.begin()
    try:
        yield
    finally:
        _descriptor.end()
        with _filter_lock:
            stdout.threads.discard(me)
            if not stdout.threads and sys.stdout is stdout:
                sys.stdout = stdout.stream  # type: ignore[assignment]


@functools.cache
def quiet_pillow() -> None:
    """Pillow logs what is odd in a file, and its libtiff prints errors: both are raised all the same, and not said twice."""
    import PIL._imaging

    quiet_logger("PIL")
    with contextlib.suppress(AttributeError, OSError):  # a Pillow that has libtiff inside, without its names: its lines are seen
        library = ctypes.CDLL(PIL._imaging.__file__)
        library.TIFFSetErrorHandler.restype = ctypes.c_void_p
        library.TIFFSetErrorHandler.argtypes = [ctypes.c_void_p]
        library.TIFFSetErrorHandler(None)


def quiet_logger(name: str) -> None:
    """Without a handler, Python prints what a library logs to stderr. Handlers that a program has set up get it all the same."""
    logger = logging.getLogger(name)
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
