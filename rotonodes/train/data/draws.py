"""Random numbers of training crops: drawn on the CPU, so that a seed means the same everywhere, and used on torch's default device.

That is the CPU, or the GPU inside `with torch.device(...)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor


def here(values: Tensor) -> Tensor:
    """The values on the default device."""
    return values.to(torch.get_default_device())


def uniform(generator: Generator) -> float:
    """A number from 0 to 1."""
    return float(torch.rand((), generator=generator, device="cpu"))


def chance(share: float, generator: Generator) -> bool:
    """True with probability `share`; nothing is drawn for 0."""
    return share > 0 and uniform(generator) < share


def whole(low: int, high: int, generator: Generator) -> int:
    """A whole number from `low` to below `high`."""
    return int(torch.randint(low, high, (), generator=generator, device="cpu"))


def rand(shape: Sequence[int], generator: Generator) -> Tensor:
    """Numbers from 0 to 1."""
    return here(torch.rand(tuple(shape), generator=generator, device="cpu"))


def randn(shape: Sequence[int], generator: Generator) -> Tensor:
    """Normally distributed numbers."""
    return here(torch.randn(tuple(shape), generator=generator, device="cpu"))


def randint(high: int, shape: Sequence[int], generator: Generator) -> Tensor:
    """Whole numbers from 0 to below `high`."""
    return here(torch.randint(high, tuple(shape), generator=generator, device="cpu"))
