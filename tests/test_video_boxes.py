"""The outer boxes of an MP4, as ISO/IEC 14496-12 (4.2) has them: of 32 and 64 bits, and one that goes on to the end of the file."""

from __future__ import annotations

import io
import struct

import pytest

from rotonodes.io.video_key import _boxes


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def test_boxes_of_all_sizes() -> None:
    long = struct.pack(">I4sQ", 1, b"mdat", 16 + 3) + b"abc"
    last = struct.pack(">I4s", 0, b"free") + b"to the end"
    data = box(b"ftyp", b"isom") + long + box(b"moov", b"") + last
    found = list(_boxes(io.BytesIO(data), len(data)))
    assert [(kind, data[at : at + size]) for kind, at, size in found] == [
        (b"ftyp", b"isom"), (b"mdat", b"abc"), (b"moov", b""), (b"free", b"to the end"),
    ]  # fmt: skip


@pytest.mark.parametrize("head", [struct.pack(">I4s", 7, b"moov"), struct.pack(">I4sQ", 1, b"moov", 15)])
def test_a_box_smaller_than_its_header_is_refused(head: bytes) -> None:
    """Or the same place would be read for ever."""
    data = box(b"ftyp", b"isom") + head + b"rest"
    with pytest.raises(ValueError, match="smaller than its header"):
        list(_boxes(io.BytesIO(data), len(data)))
