"""Packs bytes as zlib does (RFC 1950), the same bytes for the same data in every thread of every run, at the speed of ISA-L."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# What ISA-L's assembly takes in its plain loop, which also ends every stream: it keeps 16 bytes from the fast one.
_SLOW = 16


def deflate(data: bytes | np.ndarray) -> bytes:
    """A zlib stream of bytes, or of a contiguous array's, at ISA-L's level 1; every zlib reads it.

    The first bytes are flushed by themselves, which takes 5 bytes: at the start of a stream the fast loop of ISA-L (2.32,
    igzip_icf_body_h1_gr_bt.asm, `.write_first_byte`) hashes a register that nobody set, where the stream's address still is. In
    one of some hundred threads a match is then found or missed that is not in the others, and a picture's file has other bytes.
    """
    from isal import isal_zlib

    whole = data if isinstance(data, bytes) else data.reshape(-1).view("u1")
    packer = isal_zlib.compressobj(1)
    head = packer.compress(whole[:_SLOW]) + packer.flush(isal_zlib.Z_SYNC_FLUSH)
    return head + packer.compress(whole[_SLOW:]) + packer.flush()
