"""Chooses the device that networks run on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rotonodes.errors import UsageError
from rotonodes.machine import torchrun

T = TypeVar("T")


def choose_device(wanted: str) -> str:
    """The device for `auto`, `cpu`, `cuda` or `cuda:N`. Raises UsageError when it is not available.

    Under torchrun each process gets its own GPU, as far as there are enough.
    """
    if wanted == "cpu":
        return "cpu"
    kind, _, index = wanted.partition(":")
    if kind not in ("auto", "cuda") or (index and not index.isdigit()):
        raise UsageError(f"the device is auto, cpu, cuda or cuda:N, not {wanted!r}")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index and torchrun.local_count() > 1:
        raise UsageError(f"device {wanted}: each of the {torchrun.local_count()} processes needs its own GPU: use --device cuda")
    if not index and count:
        index = str(torchrun.local_rank() % count)
    if kind == "auto":
        return f"cuda:{index}" if count else "cpu"
    if int(index or 0) >= count:
        raise UsageError(f"device {wanted}: this machine has {count} CUDA devices that torch can use; use --device auto or cpu")
    return f"cuda:{index}"


_peaks: dict[str, int] = {}  # of each GPU, before what is measured by itself


def peak_gpu_memory(device: str) -> int:
    """The peak of what torch has allocated on a GPU in this process, in bytes; 0 on the CPU."""
    if device == "cpu":
        return 0
    import torch

    return max(_peaks.get(device, 0), int(torch.cuda.max_memory_allocated(device)))


class GpuMemory:
    """The memory of a GPU as torch allocates it, in bytes."""

    def __init__(self, device: str) -> None:
        self.device = device

    def free(self) -> int:
        """What can still be allocated: free on the GPU, or kept by torch for the next tensors."""
        import torch

        kept = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
        return int(torch.cuda.mem_get_info(self.device)[0]) + kept

    def total(self) -> int:
        import torch

        return int(torch.cuda.mem_get_info(self.device)[1])

    def used_by(self, call: Callable[[], T]) -> tuple[T, int]:
        """(what `call` returns, the memory that was allocated on the way, at its peak)."""
        import torch

        _peaks[self.device] = peak_gpu_memory(self.device)
        before = torch.cuda.memory_allocated(self.device)
        torch.cuda.reset_peak_memory_stats(self.device)
        made = call()
        return made, int(torch.cuda.max_memory_allocated(self.device)) - before
