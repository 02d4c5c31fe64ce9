"""Training on several GPUs or machines: the processes of a `torchrun` share each batch.

Each process computes its part of every batch. The logits of all parts are gathered before the loss, and batch norms use the
whole batch, so the same seed and total batch give the same training for any world size, up to rounding of sums; with
dropout, up to chance, since each process draws its own. Gradients are averaged by torch's DistributedDataParallel. Rank 0
alone validates, writes and reports; its decisions hold for all ranks.
"""

from __future__ import annotations

import functools
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from rotonodes.errors import RotoError, UsageError
from rotonodes.machine import torchrun
from rotonodes.train.cpu_layers import NarrowBatchNorm, remember

T = TypeVar("T")

# How long a process waits for another. Rank 0 may validate for long, or read from a slower disk; when a process dies,
# torchrun notices and ends them all.
TIMEOUT = timedelta(hours=12)

_one_at_a_time = threading.Lock()
_trainings = itertools.count()


@dataclass(frozen=True)
class ProcessGroup:
    """The processes that train one network together. Without torchrun there is one, and every method is trivial."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_first(self) -> bool:
        """True for rank 0, which writes and reports."""
        return self.rank == 0

    def frames_of(self, batch: int) -> range:
        """Indices of this process's frames of a batch. UsageError when the batch is no multiple of the world size."""
        if batch % self.world_size:
            raise UsageError(
                f"training: a batch of {batch} cannot be shared among {self.world_size} processes: take a multiple of {self.world_size}"
            )
        each = batch // self.world_size
        return range(self.rank * each, (self.rank + 1) * each)

    def wrap(self, network: nn.Module) -> nn.Module:
        """The module to train instead of the network; both share their weights."""
        if self.world_size == 1:
            return network
        device = next(network.parameters()).device
        if device.type == "cuda":
            shared = nn.SyncBatchNorm.convert_sync_batchnorm(network)
            return nn.parallel.DistributedDataParallel(shared, device_ids=[device.index])
        return nn.parallel.DistributedDataParallel(_with_shared_norms(network))

    def gather(self, part: Tensor) -> Tensor:
        """The whole batch `[N, ...]` from the parts of all processes; gradients flow to this process's own part only.

        Every process computes the same loss from it, and the gradient through its own part. DistributedDataParallel averages
        those where their sum is needed: see `scale`.
        """
        if self.world_size == 1:
            return part
        parts = [torch.empty_like(part, memory_format=torch.contiguous_format) for _ in range(self.world_size)]
        dist.all_gather(parts, part.detach().contiguous())
        parts[self.rank] = part
        return torch.cat(parts)

    def scale(self, loss: Tensor) -> Tensor:
        """The loss for the backward pass, scaled so that the mean gradient of all processes is that of the whole batch."""
        return loss * self.world_size

    def any(self, mine: bool) -> bool:
        """True in all processes if `mine` is true in one of them."""
        if self.world_size == 1:
            return mine
        flag = torch.tensor([int(mine)])
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag)

    def from_rank_0(self, make: Callable[[], T]) -> T:
        """Call `make` in rank 0 and return its result in all processes; its RotoError is raised in all."""
        if self.world_size == 1:
            return make()
        sent: list[Any] = [None, None]
        if self.is_first:
            try:
                sent[0] = make()
            except RotoError as error:
                sent[1] = error
        dist.broadcast_object_list(sent, src=0)
        if sent[1] is not None:
            raise sent[1]
        return cast("T", sent[0])

    def require_same(self, mine: str, what: str) -> None:
        """Raises UsageError unless `mine` is the same in all processes; `what` names it."""
        if self.world_size == 1:
            return
        texts: list[Any] = [None] * self.world_size
        dist.all_gather_object(texts, mine)
        odd = next((rank for rank, text in enumerate(texts) if text != texts[0]), None)
        if odd is not None:
            raise UsageError(f"training: process {odd + 1} of {self.world_size} has other {what} than the first: give all of them the same")


@contextmanager
def process_group(device: torch.device) -> Iterator[ProcessGroup]:
    """The processes of a torchrun, or this process alone, for the time of a training.

    A process group that the program has initialised itself is used, and not destroyed.
    """
    if torchrun.count() == 1:
        yield ProcessGroup()
        return
    if not dist.is_available():
        raise UsageError("training: this build of torch cannot train with several processes: run it without torchrun")
    if not _one_at_a_time.acquire(blocking=False):
        raise UsageError("training: several processes train one network at a time: run one training after the other, with -X")
    try:
        ours = not dist.is_initialized()
        if ours:
            from torch.distributed.distributed_c10d import PrefixStore  # not in every build of torch

            # Flags and scores travel between CPUs, weights between GPUs where each process has its own.
            own = device.type == "cuda" and torchrun.local_count() <= torch.cuda.device_count()
            store = PrefixStore(f"training {next(_trainings)}", _store())
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if own else "gloo", store=store, rank=torchrun.rank(), world_size=torchrun.count(), timeout=TIMEOUT
            )
        try:
            yield ProcessGroup(dist.get_rank(), dist.get_world_size())
        finally:
            if ours:
                dist.destroy_process_group()
    finally:
        _one_at_a_time.release()


@functools.cache
def _store() -> Any:
    """The rendezvous store, one for all trainings of this process."""
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous("env://"))
    store.set_timeout(TIMEOUT)
    return store


class _Sum(torch.autograd.Function):
    """The sum over all processes; the backward pass sums their gradients."""

    @staticmethod
    def forward(ctx: Any, mine: Tensor) -> Tensor:
        total = mine.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class SharedBatchNorm(nn.BatchNorm2d):
    """A batch norm over the parts of all processes; torch has one for CUDA only. In eval mode a plain batch norm."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        count = dist.get_world_size() * x.numel() // x.shape[1]
        values = x.float()
        mean = _sum(values) / count
        centred = values - mean[:, None, None]
        variance = _sum(centred.square()) / count
        remember(self, mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)


def _sum(values: Tensor) -> Tensor:
    """`[N, C, H, W]` of every process -> `[C]`."""
    return cast("Tensor", _Sum.apply(values.sum(dim=(0, 2, 3))))


def _with_shared_norms(network: nn.Module) -> nn.Module:
    """The same network, with batch norms that use the parts of all processes; parameters and statistics stay."""
    for module in network.modules():
        if type(module) in (nn.BatchNorm2d, NarrowBatchNorm):
            module.__class__ = SharedBatchNorm  # it has no state of its own, so names and tensors stay as they are
    return network
