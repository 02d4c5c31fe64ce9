"""Chooses the device that networks run on."""

from __future__ import annotations

from rotonodes.errors import UsageError
from rotonodes.machine import torchrun


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


def peak_gpu_memory(device: str) -> int:
    """The peak of what torch has allocated on a GPU in this process, in bytes; 0 on the CPU."""
    if device == "cpu":
        return 0
    import torch

    return int(torch.cuda.max_memory_allocated(device))
