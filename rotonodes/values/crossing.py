"""How pixels cross between the CPU and a GPU: through pinned memory, on streams of their own, 8- and 16-bit pictures as their codes.

A copy from ordinary memory holds up the thread and everything that is queued on the GPU. Through pinned memory, on a stream of its own,
it goes on beside the network. A picture as its file has it takes a quarter of the way that its floats take: the GPU looks the
floats up in the table that the CPU uses, so they have the same bits.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from rotonodes.values.color import srgb_table

if TYPE_CHECKING:
    import numpy as np
    import torch
    from torch import Tensor


KEPT = 500  # copies of a frame: so many fill a GPU; fewer than fifty are under way at once


def is_small(data: Tensor, device: torch.device) -> bool:
    """Whether a copy may stay on a device as long as its picture lives: copies of all frames under way take a tenth of a GPU then."""
    import torch

    return device.type != "cuda" or data.nbytes * KEPT <= torch.cuda.get_device_properties(device).total_memory


def moved(data: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; itself where it is there already.

    To a GPU it returns at once: what the calling thread's stream does from now on waits for the copy. From a GPU it returns when
    the pixels are there.
    """
    if {data.device.type, device.type} != {"cpu", "cuda"}:
        return data.to(device)
    return lanes(device).up(data) if device.type == "cuda" else lanes(data.device).down(data)


class Codes(NamedTuple):
    """The pixels of a picture as its file has them: `samples` `[H, W, C]` uint8, uint16 or float16.

    Colour is read as `colorspace`; with `straight` the last plane is an alpha that colour is to be multiplied by.
    """

    samples: np.ndarray
    colorspace: str
    straight: bool

    def cut(self, rows: slice, columns: slice) -> Codes:
        """Those of a rectangle."""
        return self._replace(samples=self.samples[rows, columns])

    def developed(self, device: torch.device) -> Tensor:
        """Linear float32 `[C, H, W]`, premultiplied, made on a device; the bits of `io.samples.decode`."""
        import numpy as np
        import torch

        # Torch takes no array that is turned round or cannot be written, and has no look-up by uint16.
        usable = min(self.samples.strides) >= 0 and self.samples.flags.writeable
        bits = self.samples if usable else self.samples.copy()
        there = moved(torch.from_numpy(bits.view(np.int16) if bits.dtype == np.uint16 else bits), device).permute(2, 0, 1)
        if bits.dtype == np.float16:
            return there.float().contiguous()
        levels = 256 if bits.dtype == np.uint8 else 65536
        planes = (there.to(torch.int32) & (levels - 1)).contiguous()
        curved = _table(levels, self.colorspace == "srgb", str(device)).index_select(0, planes.flatten()).view(planes.shape)
        if not self.straight:
            return curved
        alpha = _table(levels, False, str(device)).index_select(0, planes[-1].flatten()).view(planes.shape[1:])
        curved[-1] = alpha
        if self.colorspace != "raw":
            curved[:-1] *= alpha
        return curved


def codes_in(samples: np.ndarray, colorspace: str, alpha: bool) -> Codes | None:
    """A file's samples as codes that a device can develop; None for kinds that gain nothing by it."""
    whole = samples.dtype in ("uint8", "uint16") and samples.shape[2] <= 4
    if whole or (samples.dtype == "float16" and colorspace != "srgb"):
        return Codes(samples, colorspace, straight=whole and alpha)
    return None


@functools.cache
def _table(levels: int, curved: bool, device: str) -> Tensor:
    """The float32 value of every code."""
    import numpy as np
    import torch

    values = srgb_table(levels) if curved else (np.arange(levels) / (levels - 1)).astype(np.float32)
    return torch.from_numpy(values.copy()).to(device)


class Lanes:
    """The two streams that pictures take to a GPU and from it. `cuda` is the module `torch.cuda`."""

    def __init__(self, device: torch.device, cuda: Any) -> None:
        self.device, self._cuda = device, cuda
        self._up, self._down = cuda.Stream(device), cuda.Stream(device)

    def up(self, data: Tensor) -> Tensor:
        """A tensor of the CPU on the GPU. It may be changed or freed as soon as this returns."""
        staged = self._pinned(data).copy_(data)  # torch keeps its memory until the copy is done
        here = self._cuda.current_stream(self.device)
        with self._cuda.stream(self._up):
            there = staged.to(self.device, non_blocking=True)
            done = self._up.record_event()
        here.wait_event(done)
        there.record_stream(here)
        return there

    def down(self, data: Tensor) -> Tensor:
        """A tensor of the GPU on the CPU, in pinned memory, once the stream of the calling thread has made it."""
        landed = self._pinned(data)
        self._down.wait_event(self._cuda.current_stream(self.device).record_event())
        with self._cuda.stream(self._down):
            landed.copy_(data, non_blocking=True)
            done = self._cuda.Event(blocking=True)  # the thread sleeps, others compute meanwhile
            done.record(self._down)
        done.synchronize()
        return landed

    def _pinned(self, like: Tensor) -> Tensor:
        """Pinned memory for a tensor; torch keeps what is freed for the next one."""
        import torch

        return torch.empty(like.shape, dtype=like.dtype, pin_memory=True)


def lanes(device: torch.device) -> Lanes:
    """The lanes of a GPU, made once in a process."""
    import torch

    return _lanes(torch.cuda.current_device() if device.index is None else device.index)


@functools.cache
def _lanes(index: int) -> Lanes:
    import torch

    return Lanes(torch.device("cuda", index), torch.cuda)
