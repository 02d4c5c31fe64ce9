"""Training on several GPUs, or several machines: the processes of a `torchrun` learn from one batch together.

Each process takes its share of every batch. The logits of all shares are brought together before the loss is taken, and
batch norms see the whole batch, so that a training with the same seed and the same total batch is the same training,
however many processes there are, up to the rounding of sums; with dropout, up to chance, for each draws its own. The
gradients are brought together by torch's DistributedDataParallel. The first process alone scores, writes and tells; its
decisions are everybody's.
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

T = TypeVar("T")

# How long a process waits for another one. The first one may score for long, or read a slower disk; a process that died is
# noticed by torchrun, which then ends them all.
PATIENCE = timedelta(hours=12)

_one_at_a_time = threading.Lock()
_trainings = itertools.count()


@dataclass(frozen=True)
class Team:
    """The processes that train one network together; without torchrun a team of one, for which nothing is to be done."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """True for the process that writes."""
        return self.rank == 0

    def share(self, batch: int) -> range:
        """This process's part of the frames of a batch. UsageError when they cannot be shared out evenly."""
        if batch % self.size:
            raise UsageError(f"training: a batch of {batch} cannot be shared among {self.size} processes: take a multiple of {self.size}")
        each = batch // self.size
        return range(self.rank * each, (self.rank + 1) * each)

    def spread(self, network: nn.Module) -> nn.Module:
        """What to train with in place of the network, whose weights it shares."""
        if self.size == 1:
            return network
        device = next(network.parameters()).device
        if device.type == "cuda":
            shared = nn.SyncBatchNorm.convert_sync_batchnorm(network)
            return nn.parallel.DistributedDataParallel(shared, device_ids=[device.index])
        return nn.parallel.DistributedDataParallel(_with_shared_norms(network))

    def whole(self, part: Tensor) -> Tensor:
        """The batch `[N, ...]` that the processes' parts make together; the gradient reaches this process's own part.

        Every process takes the same loss of it. Each then has the gradient through its own part, of which DistributedDataParallel
        makes the mean, where the sum is wanted: see `scaled`.
        """
        if self.size == 1:
            return part
        parts = [torch.empty_like(part, memory_format=torch.contiguous_format) for _ in range(self.size)]
        dist.all_gather(parts, part.detach().contiguous())
        parts[self.rank] = part
        return torch.cat(parts)

    def scaled(self, loss: Tensor) -> Tensor:
        """The loss to go backward from, so that the processes' mean gradient is that of the whole batch."""
        return loss * self.size

    def any(self, mine: bool) -> bool:
        """True for all as soon as one process says so."""
        if self.size == 1:
            return mine
        flag = torch.tensor([int(mine)])
        dist.all_reduce(flag, dist.ReduceOp.MAX)
        return bool(flag)

    def from_first(self, make: Callable[[], T]) -> T:
        """What the first process makes, for all; its RotoError is raised by all."""
        if self.size == 1:
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

    def agree(self, mine: str, what: str) -> None:
        """UsageError unless `mine` is the same in all processes."""
        if self.size == 1:
            return
        texts: list[Any] = [None] * self.size
        dist.all_gather_object(texts, mine)
        odd = next((rank for rank, text in enumerate(texts) if text != texts[0]), None)
        if odd is not None:
            raise UsageError(f"training: process {odd + 1} of {self.size} has other {what} than the first: give all of them the same")


@contextmanager
def gathered(device: torch.device) -> Iterator[Team]:
    """The team of this process while it trains: of all processes of a torchrun, or of it alone.

    A process group that the program has set up itself is used, and left alone.
    """
    if torchrun.count() == 1:
        yield Team()
        return
    if not dist.is_available():
        raise UsageError("training: this build of torch cannot train with several processes: run it without torchrun")
    if not _one_at_a_time.acquire(blocking=False):
        raise UsageError("training: several processes train one network at a time: run one training after the other, with -X")
    try:
        ours = not dist.is_initialized()
        if ours:
            from torch.distributed.distributed_c10d import PrefixStore  # not in every build of torch

            # Small things (flags, scores) travel between CPUs, weights between GPUs where each process has one of its own.
            own = device.type == "cuda" and torchrun.local_count() <= torch.cuda.device_count()
            store = PrefixStore(f"training {next(_trainings)}", _store())
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if own else "gloo", store=store, rank=torchrun.rank(), world_size=torchrun.count(), timeout=PATIENCE
            )
        try:
            yield Team(dist.get_rank(), dist.get_world_size())
        finally:
            if ours:
                dist.destroy_process_group()
    finally:
        _one_at_a_time.release()


@functools.cache
def _store() -> Any:
    """Where the processes first meet, one for all trainings of this process."""
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous("env://"))
    store.set_timeout(PATIENCE)
    return store


class _Sum(torch.autograd.Function):
    """The sum over all processes. What each of them makes of it adds to its gradient."""

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
    """A batch norm over the parts of all processes; torch has one for CUDA only. Scoring, it is the plain one."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        count = dist.get_world_size() * x.numel() // x.shape[1]
        values = x.float()
        mean = _sum(values) / count
        centred = values - mean[:, None, None]
        variance = _sum(centred.square()) / count
        self._remember(mean.detach(), variance.detach() * count / max(count - 1, 1))
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics, as `nn.BatchNorm2d` does."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


def _sum(values: Tensor) -> Tensor:
    """`[N, C, H, W]` of every process -> `[C]`."""
    return cast("Tensor", _Sum.apply(values.sum(dim=(0, 2, 3))))


def _with_shared_norms(network: nn.Module) -> nn.Module:
    """The same network, whose batch norms keep their parameters and statistics but see all processes' parts."""
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm  # it has no state of its own, so names and tensors stay as they are
    return network
