"""The pixels of EXR files whose headers were checked, through the OpenEXR library, without its words on the terminal."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rotonodes.errors import FrameError
from rotonodes.io.exr_header import Header
from rotonodes.io.files import read_bytes

if TYPE_CHECKING:
    import numpy as np


def decode_parts(path: str | os.PathLike[str], headers: Sequence[Header]) -> list[dict[str, np.ndarray]]:
    """The pixels of every part, by channel name. The library leaves out a part it cannot decode: that is an error here."""
    import OpenEXR

    try:
        with _quiet():
            try:
                file = OpenEXR.File(str(path), separate_channels=True)
            except UnicodeDecodeError:
                file = OpenEXR.File(io.BytesIO(_ascii_texts(path, headers)), separate_channels=True)
    except (RuntimeError, ValueError, TypeError, MemoryError, UnicodeDecodeError) as error:
        reason = str(error).replace("\n", " ").lower() or "out of memory"
        raise FrameError(f"{path}: damaged EXR: {reason}; render the frame again") from error
    parts = [{name: channel.pixels for name, channel in part.channels.items()} for part in file.parts]
    whole = len(parts) == len(headers) and all(
        plane.shape == (header.data_window.height, header.data_window.width)
        for header, channels in zip(headers, parts, strict=True)
        for plane in channels.values()
    )
    if not whole:
        raise FrameError(f"{path}: damaged EXR: its pixels cannot be decoded; render the frame again")
    return parts


def _ascii_texts(path: str | os.PathLike[str], headers: Sequence[Header]) -> bytes:
    """The file with every letter outside ASCII in its header texts replaced: the library refuses Latin-1."""
    data = read_bytes(path)
    for header in headers:
        for kind, value in header.attributes.values():
            if kind == "string" and not value.isascii():
                lead = b"string\0" + struct.pack("<i", len(value))
                data = data.replace(lead + value, lead + bytes(byte if byte < 128 else ord("?") for byte in value), 1)
    return data


class _Filter:
    """Stands for sys.stdout while the library decodes: it prints warnings there, among the data of our own commands."""

    def __init__(self, stream: Any) -> None:
        self.stream, self.threads = stream, set[int]()

    def write(self, text: str) -> int:
        return len(text) if threading.get_ident() in self.threads else int(self.stream.write(text) or 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


_filter_lock = threading.Lock()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Drop what this thread prints to sys.stdout; other threads' words pass."""
    me = threading.get_ident()
    with _filter_lock:
        stdout = sys.stdout if isinstance(sys.stdout, _Filter) else _Filter(sys.stdout)
        stdout.threads.add(me)
        sys.stdout = stdout
    try:
        yield
    finally:
        with _filter_lock:
            stdout.threads.discard(me)
            if not stdout.threads and sys.stdout is stdout:
                sys.stdout = stdout.stream
