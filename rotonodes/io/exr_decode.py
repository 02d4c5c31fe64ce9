"""Decodes the pixels of EXR files whose headers were checked, with the OpenEXR library."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rotonodes.errors import FrameError
from rotonodes.io.decoder_output import quiet_openexr
from rotonodes.io.exr_header import Channel, Header, ascii_channels, channel_list
from rotonodes.io.files import read_bytes

if TYPE_CHECKING:
    import numpy as np


def decode_parts(path: str | os.PathLike[str], headers: Sequence[Header]) -> list[dict[str, np.ndarray]]:
    """The pixels of every part, by channel name, those of a lower resolution repeated to the full one.

    The library silently drops a part it cannot decode; here that is an error. It cannot read Latin-1 names and texts, so these are
    replaced by ASCII before decoding.
    """
    import OpenEXR

    known = [header.channels for header in headers]
    try:
        with quiet_openexr():
            try:
                for header in headers:  # the library silently drops a part with names outside UTF-8
                    header.attributes["channels"][1].decode("utf-8")
                file = OpenEXR.File(str(path), separate_channels=True)
            except UnicodeDecodeError:
                file = OpenEXR.File(io.BytesIO(_ascii_texts(path, headers)), separate_channels=True)
                known = [channel_list(ascii_channels(header.attributes["channels"][1])) for header in headers]
    except (RuntimeError, ValueError, TypeError, MemoryError, UnicodeDecodeError) as error:
        reason = str(error).replace("\n", " ").lower() or "out of memory"
        raise FrameError(f"{path}: damaged EXR: {reason}; render the frame again") from error
    parts = [
        {
            channel.name: _full(part.channels[name].pixels, channel)
            for channel, (name, *_) in zip(header.channels, names, strict=True)
            if name in part.channels
        }
        for part, header, names in zip(file.parts, headers, known, strict=False)
    ]
    whole = len(file.parts) == len(headers) and all(
        len(channels) == len(header.channels)
        and all(plane.shape == (header.data_window.height, header.data_window.width) for plane in channels.values())
        for header, channels in zip(headers, parts, strict=True)
    )
    if not whole:
        raise FrameError(f"{path}: damaged EXR: its pixels cannot be decoded; render the frame again")
    return parts


def _full(plane: np.ndarray, channel: Channel) -> np.ndarray:
    """A subsampled plane at full resolution: each stored pixel is repeated."""
    x, y = channel.sampling
    return plane if (x, y) == (1, 1) else plane.repeat(y, axis=0).repeat(x, axis=1)


def _ascii_texts(path: str | os.PathLike[str], headers: Sequence[Header]) -> bytes:
    """The file with every letter outside ASCII in its header texts and channel names replaced: the library refuses Latin-1."""
    data = read_bytes(path)
    for header in headers:
        listed = header.attributes["channels"][1]
        lead = b"chlist\0" + struct.pack("<i", len(listed))
        data = data.replace(lead + listed, lead + ascii_channels(listed), 1)
        for kind, value in header.attributes.values():
            if kind == "string" and not value.isascii():
                lead = b"string\0" + struct.pack("<i", len(value))
                data = data.replace(lead + value, lead + bytes(byte if byte < 128 else ord("?") for byte in value), 1)
    return data
