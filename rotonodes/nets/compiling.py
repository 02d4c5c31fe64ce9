"""Networks that torch compiles (`torch.compile`): an option for long clips, since compiling takes a minute or more."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rotonodes.errors import UsageError


class Compiled(nn.Module):
    """A network that is compiled at its first call with each size of picture.

    Calls return what the network returns, but for rounding, and may come from several threads. Raises UsageError where compiling
    fails, most often for want of a compiler (C++ for the CPU, Triton for CUDA).
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = torch.compile(network, dynamic=False)

    def forward(self, pictures: Tensor, *found: Tensor) -> Tensor | tuple[Tensor, ...] | list[Tensor]:
        from torch._dynamo.exc import TorchDynamoException

        try:
            made: Tensor | tuple[Tensor, ...] | list[Tensor] = self.network(pictures, *found)
        except TorchDynamoException as error:
            said = str(getattr(error, "inner_exception", error))
            reason = next((line.strip() for line in said.splitlines() if line.strip()), type(error).__name__)
        else:
            return made
        raise UsageError(f"compile: torch cannot compile the network here ({reason[:200]}): take compile out")
