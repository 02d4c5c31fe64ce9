"""GIF, streamed: frames come one by one, each is written as the rectangle that changed (GIF89a, CompuServe 1990).

Memory does not grow with the length of the clip. Colours are exact while a frame has at most 256 of them (255 in clips with
alpha). GIF counts time in hundredths of a second: frame i is shown from round(100 i / fps) on, so that 24 frames at 24 fps
last exactly one second.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, BinaryIO

from rotonodes.errors import FrameError, UsageError
from rotonodes.io.files import check_regular, read_error
from rotonodes.io.gif_colors import KeptPalette
from rotonodes.io.seal import with_seal, without_seal
from rotonodes.values.color import parse_hex
from rotonodes.values.pixels import Box

if TYPE_CHECKING:
    from types import TracebackType

    import numpy as np

MAGICS = (b"GIF87a", b"GIF89a")
_KEY = b"rotonodes:key "
_LONGEST_KEY = 1 << 16  # bytes of a comment that are looked at
_SHORTEST = 2  # hundredths of a second; browsers show shorter frames ten times as long
_LONGEST = 65535
_KEEP, _CLEAR = 1, 2
_SPARSE = (199, 13)  # every so many-th pixel tells at once that a frame has far more than 256 colours
Color = tuple[int, int, int]
Rectangle = tuple[slice, slice]


class GifWriter:
    """Writes an animated GIF of `size` (width, height) to an open binary file, frame by frame.

    Frames are `[H, W]` indices into `palette` (`#rrggbb` colours; the index `transparent` shows nothing), or, without a
    palette, `[H, W, 3]` RGB or `[H, W, 4]` RGBA uint8 (sRGB, straight alpha; below 128 is transparent, GIF has one bit).
    Frames of more colours than fit are reduced to a palette that stays from frame to frame (`gif_colors`), undithered. Equal
    neighbours become one longer frame; above
    50 fps, a frame that would be shown for less than 2/100 s gives way to the next. `loop` is how often the clip plays, 0 for
    ever. `key` is carried in a comment; `seal` the complete file. Use as a context manager, or call `close`. Raises UsageError for
    values outside these, FrameError for a frame of another size.
    """

    def __init__(
        self,
        file: IO[bytes],
        size: tuple[int, int],
        fps: float = 24,
        *,
        loop: int = 0,
        palette: Sequence[str] | None = None,
        transparent: int | None = None,
        key: str | None = None,
    ) -> None:
        if not (0 < size[0] < 65536 and 0 < size[1] < 65536):
            raise UsageError(f"a GIF is 1 to 65535 pixels wide and high, not {size[0]} x {size[1]}")
        if not 0 < fps <= 1000:
            raise UsageError(f"fps {fps:g} is not between 0 and 1000")
        if palette is not None and not 1 <= len(palette) <= 256:
            raise UsageError(f"a GIF palette has 1 to 256 colours, not {len(palette)}")
        self._file, self.size, self._fps, self._loop, self._key = file, size, fps, loop, key
        self._colors = _Exact() if palette is None else _Known([parse_hex(color)[:3] for color in palette], transparent)
        self._screen: np.ndarray | None = None  # what is seen before the waiting frame, in the frames' own values
        self._waiting: np.ndarray | None = None
        self._since = 0
        self._count = 0
        self._start()

    def add(self, frame: np.ndarray) -> None:
        """Add the next frame; it is written once the frame after it is known."""
        import numpy as np

        width, height = self.size
        if frame.shape[:2] != (height, width):
            raise FrameError(
                f"picture {self._count + 1} of the clip is {frame.shape[1]} x {frame.shape[0]}, the first is {width} x {height}"
            )
        if frame.dtype != np.uint8 or frame.shape not in [(height, width, *deep) for deep in self._colors.deep]:
            wanted = f"{self._colors.wanted} of {width} x {height}"
            raise FrameError(f"GIF frame {self._count + 1} is {frame.dtype} {frame.shape}, not {wanted}")
        frame = self._colors.values(frame)
        now = round(self._count * 100 / self._fps)
        self._count += 1
        if self._waiting is None or now - self._since < _SHORTEST:
            self._waiting = frame
        else:  # equal frames stay frames of their own: who opens the file counts as many as the clip has
            self._flush(now, frame)
            self._waiting, self._since = frame, now

    def close(self) -> None:
        """Write the last frame and the end of the file. Raises FrameError when no frame was added."""
        if self._waiting is None:
            raise FrameError("a GIF needs at least one frame")
        self._flush(max(self._since + _SHORTEST, round(self._count * 100 / self._fps)), None)
        self._file.write(b";")

    def __enter__(self) -> GifWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.close()

    def _start(self) -> None:
        table = self._colors.table
        flags = 0xF0 | _table_bits(table) if table else 0x70
        self._file.write(struct.pack("<6sHHBBB", b"GIF89a", *self.size, flags, 0, 0) + _color_table(table))
        if self._key:
            self._file.write(b"!\xfe" + _blocks(_KEY + with_seal(self._key).encode("latin-1", "replace")))
        if self._loop != 1:
            # The count is of repeats after the first play; 0 is for ever.
            self._file.write(b"!\xff\x0bNETSCAPE2.0" + _blocks(struct.pack("<BH", 1, max(0, self._loop - 1))))

    def _flush(self, until: int, following: np.ndarray | None) -> None:
        """Write the pending frame, shown until `until` (1/100 s); the frame `following` decides what must be cleared after it."""
        import numpy as np

        frame, nothing = self._waiting, self._colors.nothing
        assert frame is not None
        # The first frame covers everything: readers do not agree on what lies around a smaller one.
        changed = np.ones(frame.shape, bool) if self._screen is None else frame != self._screen
        rectangle, disposal = _around(changed), _KEEP
        if following is not None and nothing is not None:
            # No frame can make pixels transparent; it can only ask that its own rectangle be cleared after it.
            cleared = (following == nothing) & (frame != nothing)
            if cleared.any():
                rectangle, disposal = _around(changed | cleared), _CLEAR
        indices, table, transparent = self._colors.indices(frame[rectangle], changed[rectangle])
        delay = min(until - self._since, _LONGEST)
        self._file.write(_frame(rectangle, indices, table, transparent, disposal, delay))
        self._screen = frame
        if disposal == _CLEAR:
            self._screen = frame.copy()
            self._screen[rectangle] = nothing


class _Known:
    """Colours of a clip whose frames are indices into one palette."""

    deep: tuple[tuple[int, ...], ...] = ((),)
    wanted = "uint8 indices [H, W]"

    def __init__(self, palette: list[Color], transparent: int | None) -> None:
        # A free index lets unchanged pixels inside the changed rectangle be left out.
        free = len(palette) if len(palette) < 256 else None
        self._unchanged = free if transparent is None else transparent
        self.table = [*palette, (0, 0, 0)] if self._unchanged == len(palette) else palette
        self.nothing = transparent

    def values(self, frame: np.ndarray) -> np.ndarray:
        return frame.copy()

    def indices(self, frame: np.ndarray, changed: np.ndarray) -> tuple[np.ndarray, list[Color], int | None]:
        """Indices to draw `[h, w]` uint8, the frame's own colour table (empty here), and the transparent index or None."""
        import numpy as np

        if self._unchanged is None:
            return frame, [], None
        return np.where(changed, frame, np.uint8(self._unchanged)), [], self._unchanged


class _Exact:
    """Colours of a clip of RGB or RGBA frames, each with its own colour table; a pixel's value is 0xffbbggrr, 0 where transparent."""

    deep: tuple[tuple[int, ...], ...] = ((3,), (4,))
    wanted = "uint8 RGB or RGBA [H, W, C]"
    nothing = 0

    def __init__(self) -> None:
        import numpy as np

        self.table: list[Color] = []
        # A clip with alpha has a transparent index in every frame, used or not: Pillow clears to opaque where there is none.
        self._alpha = False
        self._index_of = np.zeros(1 << 24, np.uint8)  # by 0xbbggrr; only a frame's own colours are up to date
        self._palette = KeptPalette(255)  # of frames with more colours; one index draws nothing

    def values(self, frame: np.ndarray) -> np.ndarray:
        import numpy as np

        if frame.shape[2] == 4:
            self._alpha = True
            values = np.ascontiguousarray(frame).view("<u4")[..., 0] | np.uint32(0xFF000000)
            values[frame[..., 3] < 128] = self.nothing
            return values
        packed = np.empty((*frame.shape[:2], 4), np.uint8)
        for channel in range(3):  # one by one: three of four at once take four times as long
            packed[..., channel] = frame[..., channel]
        packed[..., 3] = 255
        return packed.view("<u4")[..., 0]

    def indices(self, frame: np.ndarray, changed: np.ndarray) -> tuple[np.ndarray, list[Color], int | None]:
        """As `_Known.indices`; more than 256 colours are reduced."""
        import numpy as np

        opaque = frame != self.nothing
        drawn = changed & opaque
        for step in _SPARSE:
            if len(_distinct(frame.ravel()[::step][drawn.ravel()[::step]])) > 256:  # then it is many more, which is quickly seen
                return self._reduced(frame, drawn)
        colors = _distinct(frame[drawn])
        if len(colors) > 255 and opaque.all() and not self._alpha:  # the index that draws nothing can be spared
            every = _distinct(frame.ravel())
            drawn, colors = (opaque, every) if len(every) <= 256 else (drawn, colors)
        transparent = self._alpha or not drawn.all()
        if len(colors) > 256 - transparent:
            return self._reduced(frame, drawn)
        codes = colors[::-1] & 0xFFFFFF  # falling: Pillow ignores a table that rises 0, 1, 2 ... in grey
        self._index_of[codes] = np.arange(len(codes), dtype=np.uint8)
        indices = self._index_of.take(frame & 0xFFFFFF)
        table = [(code & 255, code >> 8 & 255, code >> 16) for code in codes.tolist()]
        if not transparent:
            return indices, table, None
        indices[~drawn] = len(table)
        return indices, [*table, (0, 0, 0)], len(table)

    def _reduced(self, frame: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, list[Color], int | None]:
        indices = self._palette.indices(frame, drawn)
        table: list[Color] = [(r, g, b) for r, g, b in self._palette.table.astype(int).tolist()]
        if drawn.all() and not self._alpha:
            return indices, table, None
        indices[~drawn] = len(table)
        return indices, [*table, (0, 0, 0)], len(table)


def _distinct(values: np.ndarray) -> np.ndarray:
    """The distinct values, sorted. Repeated neighbours are dropped first: flat art is mostly runs, and sorting every pixel is slow."""
    import numpy as np

    starts = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=starts[1:])
    return np.unique(values[starts])


def _around(area: np.ndarray) -> Rectangle:
    """The smallest rectangle around the True pixels of `area`; one pixel when there are none, since a frame cannot be empty."""
    return (Box.around(area) or Box(0, 0, 1, 1)).slices


def _frame(rectangle: Rectangle, indices: np.ndarray, table: list[Color], transparent: int | None, disposal: int, delay: int) -> bytes:
    """The blocks of one frame: control, position, colours, pixels."""
    height, width = indices.shape
    control = struct.pack("<BHB", disposal << 2 | (transparent is not None), delay, transparent or 0)
    flags = 0x80 | _table_bits(table) if table else 0
    place = struct.pack("<BHHHHB", 0x2C, rectangle[1].start, rectangle[0].start, width, height, flags)
    return b"!\xf9" + _blocks(control) + place + _color_table(table) + _compressed(indices)


def _compressed(indices: np.ndarray) -> bytes:
    """The indices as LZW blocks, taken from a one-frame file written by Pillow: an encoder in Python would take seconds."""
    import numpy as np
    import PIL.Image

    buffer = io.BytesIO()
    PIL.Image.fromarray(np.ascontiguousarray(indices)).save(buffer, "GIF", optimize=False, interlace=0)
    data = buffer.getvalue()
    at = _after_table(data[10], 13)
    while data[at : at + 1] == b"!":
        at = _after_blocks(data, at + 2)
    return data[_after_table(data[at + 9], at + 10) : -1]


def _table_bits(table: list[Color]) -> int:
    """The size of a table as GIF stores it: n for 2 ** (n + 1) entries."""
    return max(1, (len(table) - 1).bit_length()) - 1


def _color_table(table: list[Color]) -> bytes:
    if not table:
        return b""
    return bytes(code for color in table for code in color).ljust(3 << (_table_bits(table) + 1), b"\0")


def _after_table(flags: int, at: int) -> int:
    return at + (3 << ((flags & 7) + 1) if flags & 0x80 else 0)


def _blocks(data: bytes) -> bytes:
    """Data as sub-blocks of at most 255 bytes, ended by an empty one."""
    return b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255)) + b"\0"


def _after_blocks(data: bytes, at: int) -> int:
    while data[at]:
        at += data[at] + 1
    return at + 1


def read_key(path: str | os.PathLike[str]) -> str | None:
    """The key in the comment of a complete GIF; None when the file is missing, truncated, or was not written by rotonodes.

    All of the file is gone through, which may be long, in little memory.
    """
    key = None
    try:
        with open(path, "rb") as file:
            head = file.read(13)
            file.seek(_after_table(head[10], 13))
            while (mark := file.read(1)) != b";":
                if mark == b"!":
                    comment = _first_bytes(file, _LONGEST_KEY) if file.read(1) == b"\xfe" else b""
                    _pass_blocks(file)
                    if comment.startswith(_KEY):
                        key = without_seal(comment[len(_KEY) :].decode("latin-1"))
                elif mark != b",":
                    return None
                else:
                    flags = file.read(9)[8]
                    file.seek(_after_table(flags, 0) + 1, os.SEEK_CUR)
                    _pass_blocks(file)
    except (OSError, IndexError):
        return None
    return key


def _pass_blocks(file: BinaryIO) -> None:
    while size := file.read(1)[0]:
        file.seek(size, os.SEEK_CUR)


def _first_bytes(file: BinaryIO, count: int) -> bytes:
    """The first bytes of sub-blocks, `count` or some more; the file then stands before the next sub-block, the empty one at least."""
    found = b""
    while len(found) < count and (size := file.read(1)[0]):
        found += file.read(size)
    if len(found) < count:
        file.seek(-1, os.SEEK_CUR)
    return found


def extent(path: str | os.PathLike[str]) -> tuple[int, int]:
    """(width, height) that hold the screen and every picture of a GIF: Pillow makes room for pictures that reach beyond the screen.

    What is damaged is skipped byte by byte, as Pillow does it. Raises FrameError for a file that cannot be read.
    """
    check_regular(path)
    width = height = 0
    try:
        with open(path, "rb") as file:
            head = file.read(13)
            if len(head) < 13:
                return 0, 0
            width, height = struct.unpack_from("<2H", head, 6)
            file.seek(_after_table(head[10], 13))
            while (mark := file.read(1)[0]) != ord(";"):
                if mark == ord("!"):
                    file.seek(1, os.SEEK_CUR)
                    _pass_blocks(file)
                elif mark == ord(","):
                    left, top, across, down = struct.unpack("<4H", file.read(8))
                    width, height = max(width, left + across), max(height, top + down)
                    file.seek(_after_table(file.read(1)[0], 0) + 1, os.SEEK_CUR)
                    _pass_blocks(file)
    except (IndexError, struct.error):  # the file ends early
        pass
    except OSError as error:
        raise read_error(path, error) from error
    return width, height
