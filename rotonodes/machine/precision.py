"""The arithmetic that a device multiplies at its full rate, found without importing torch: a plan's keys depend on it."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import re
from pathlib import Path

from rotonodes.errors import UsageError
from rotonodes.machine import torchrun

PRECISIONS = ("float32", "bfloat16", "float16")

# CPU flags, as Linux writes them, of instructions that multiply bfloat16 and add in float32.
_NATIVE_BFLOAT16 = {"avx512_bf16", "amx_bf16"}
# CUDA compute capabilities from which tensor cores multiply: float16 since Volta, bfloat16 since Ampere.
_FLOAT16_FROM, _BFLOAT16_FROM = (7, 0), (8, 0)
_MAJOR, _MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR (CUDA driver API)


def native_precision(device: str) -> str:
    """What `auto` means on a device (`auto`, `cpu`, `cuda` or `cuda:N`): bfloat16 where it multiplies that natively (AVX512-BF16,
    AMX, CUDA 8.0 and later), float16 on CUDA 7.x, else float32. A CUDA device that is not here is taken to be 8.0 or later."""
    capability = cuda_capability(device)
    if capability is None and device.startswith("cuda"):
        return "bfloat16"
    if capability is None:
        return "bfloat16" if _NATIVE_BFLOAT16 & cpu_flags() else "float32"
    return "bfloat16" if capability >= _BFLOAT16_FROM else "float16" if capability >= _FLOAT16_FROM else "float32"


def resolved_precision(wanted: str, asked: str, device: str) -> str:
    """The arithmetic that a `wanted` one stands for: for auto what a model has `asked` for, else what the device multiplies natively."""
    return (asked or native_precision(device)) if wanted == "auto" else wanted


def refuse_lacking(precision: str, device: str) -> None:
    """Raise UsageError for an arithmetic that a device does not have. bfloat16 runs on any CPU, slowly where it is not native."""
    capability = cuda_capability(device)
    if capability is None and device.startswith("cuda"):
        return  # its arithmetic is unknown
    if precision == "float16" and capability is None:
        raise UsageError(f"precision float16 needs a CUDA device, and this runs on {device}: use auto, bfloat16 or float32")
    if precision == "bfloat16" and capability is not None and capability < _BFLOAT16_FROM:
        shown = ".".join(map(str, capability))
        raise UsageError(f"precision bfloat16 needs CUDA compute capability 8.0, and {device} has {shown}: use auto, float16 or float32")


def cuda_capability(device: str) -> tuple[int, int] | None:
    """The compute capability of the GPU that a device stands for; None for the CPU, and for `auto` where no GPU can be used."""
    if device.partition(":")[0] not in ("auto", "cuda"):
        return None
    found = cuda_capabilities()
    index = device.partition(":")[2]
    place = int(index) if index.isdigit() else torchrun.local_rank() % max(len(found), 1)
    return found[place] if place < len(found) else None


@functools.cache
def cuda_capabilities() -> tuple[tuple[int, int], ...]:
    """The compute capability of each GPU that torch can use, from the driver; empty for a torch without CUDA."""
    if not _torch_has_cuda():
        return ()
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return ()
    count, value = ctypes.c_int(), ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return ()

    def attribute(which: int, index: int) -> int:
        handle = ctypes.c_int()
        driver.cuDeviceGet(ctypes.byref(handle), index)
        driver.cuDeviceGetAttribute(ctypes.byref(value), which, handle)
        return value.value

    return tuple((attribute(_MAJOR, index), attribute(_MINOR, index)) for index in range(count.value))


@functools.cache
def _torch_has_cuda() -> bool:
    """Whether torch was built with CUDA, by its `version.py`: importing torch takes a second or two."""
    found = importlib.util.find_spec("torch")
    try:
        text = (Path(found.origin or "").parent / "version.py").read_text(encoding="utf-8") if found else ""
    except OSError:
        return False
    return re.search(r"^cuda\b.*=\s*['\"]\d", text, re.MULTILINE) is not None


@functools.cache
def cpu_flags() -> frozenset[str]:
    """The instruction sets of this CPU, as Linux names them; empty on other systems."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    found = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return frozenset(found[1].split()) if found else frozenset()
