"""Cores and threads of this machine."""

from __future__ import annotations

import os
from pathlib import Path

from rotonodes.machine import torchrun

_SPINS = "1000"  # rounds of waiting before a thread sleeps: a few microseconds

CGROUPS, OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def set_torch_threads(count: int) -> None:
    """Set the number of torch threads of the calling thread.

    A thread's first parallel work sets its number to what any thread asked for last, unless it has looked at it before.
    """
    import torch

    torch.get_num_threads()
    torch.set_num_threads(max(1, count))


def wait_briefly() -> None:
    """Have the threads of a parallel loop sleep soon while they wait, so that others can use their cores.

    GNU's OpenMP, by which torch is parallel on Linux, has them spin for milliseconds, and two trainings on the same cores then take
    twice as long as they need, or more. It is read when torch is imported; what the environment says already stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPINS)


def cpu_count() -> int:
    """Cores available to this process: its share of the cores granted by the farm, otherwise of those of the machine.

    Of the machine's cores count those that the process may use (affinity), and no more than a container's quota.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)
    quota = _cgroup_cores()
    count = min(count, max(1, round(quota))) if quota is not None else count
    for name in ("CUE_THREADS", "SLURM_CPUS_PER_TASK"):
        text = os.environ.get(name, "")
        if text.isdigit() and int(text) > 0:
            count = int(text)
    return max(1, count // torchrun.local_count())


def _cgroup_cores() -> float | None:
    """The processor time that this process's control group may use, in cores; None without a limit.

    `cpu.max` of version 2 ("quota period" or "max period"), else `cpu.cfs_quota_us` of version 1; the tightest of the group and
    those around it counts.
    """
    found: list[float] = []
    try:
        lines = OWN_GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = CGROUPS if not controllers else CGROUPS / "cpu"
        for folder in (mount / group.lstrip("/"), *(mount / parent for parent in Path(group.lstrip("/")).parents)):
            found += _quota_in(folder)
    return min(found, default=None)


def _quota_in(folder: Path) -> list[float]:
    """The limit that a control group's folder states, in cores; empty without one."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text(encoding="utf-8").strip()
            period = (folder / "cpu.cfs_period_us").read_text(encoding="utf-8").strip()
        return [int(quota) / int(period)] if quota.isdigit() and int(period) > 0 and int(quota) > 0 else []
    except (OSError, ValueError):
        return []
