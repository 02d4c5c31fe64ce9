"""Cores that a run may use: those of the machine, its affinity, a container's quota, a farm's grant."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from rotonodes.machine import cores


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A machine of 16 cores, with the files of its control groups below a folder."""
    for name in ("CUE_THREADS", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(16)), raising=False)
    monkeypatch.setattr(cores, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(cores, "OWN_GROUPS", tmp_path / "own")

    def files(own: str, **contents: str) -> None:
        (tmp_path / "own").write_text(own)
        for name, text in contents.items():
            path = tmp_path / "cgroup" / name.replace("__", "/").replace("cpu_max", "cpu.max").replace("cfs_", "cpu.cfs_")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return files


def test_without_limits_all_cores_count(machine) -> None:
    assert cores.cpu_count() == 16  # not even the file that names the groups is there
    machine("0::/\n", cpu_max="max 100000\n")
    assert cores.cpu_count() == 16


@pytest.mark.parametrize(("quota", "count"), [("250000 100000", 2), ("50000 100000", 1), ("9999999 100000", 16), ("damaged", 16)])
def test_a_quota_of_version_2(machine, quota: str, count: int) -> None:
    machine("0::/box\n", box__cpu_max=quota)
    assert cores.cpu_count() == count


def test_the_tightest_group_around_counts(machine) -> None:
    machine("0::/outer/inner\n", outer__cpu_max="300000 100000", outer__inner__cpu_max="max 100000")
    assert cores.cpu_count() == 3


def test_a_quota_of_version_1(machine) -> None:
    machine("4:memory:/a\n2:cpu,cpuacct:/job\n", cpu__job__cfs_quota_us="400000\n", cpu__job__cfs_period_us="100000\n")
    assert cores.cpu_count() == 4
    machine("2:cpu,cpuacct:/job\n", cpu__job__cfs_quota_us="-1\n")
    assert cores.cpu_count() == 16


def test_a_farm_says_how_many(machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine("0::/box\n", box__cpu_max="800000 100000")
    assert cores.cpu_count() == 8
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "4")
    assert cores.cpu_count() == 4


def test_the_torch_threads_of_a_thread_are_its_own() -> None:
    """A training sets its threads before it computes, while the threads that read its frames set theirs."""
    set_here, set_there, seen = threading.Event(), threading.Event(), []

    def training() -> None:
        cores.set_torch_threads(3)
        set_here.set()
        set_there.wait(10)
        torch.ones(100_000).sum()  # the thread's first parallel work
        seen.append(torch.get_num_threads())

    def reading() -> None:
        set_here.wait(10)
        cores.set_torch_threads(1)
        set_there.set()

    threads = [threading.Thread(target=call) for call in (training, reading)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [3]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [({}, "1000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)],
    ids=["none", "own", "all"],
)
def test_threads_of_the_command_line_wait_briefly(given: dict[str, str], wanted: str | None) -> None:
    """It is said before torch is imported, which reads it once; what the user has said stays."""
    code = (
        "import os, sys; from rotonodes.cli.main import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    )
    environment = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    done = subprocess.run([sys.executable, "-c", code], env=environment | given, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == f"{wanted} False"
