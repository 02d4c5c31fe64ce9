"""Dask distributed: the tasks of a job on a cluster on this machine, on one that runs, or on one that dask-jobqueue asks a scheduler for.

Results are names of files: pixels go through the shared cache. A few tasks more than there are workers are submitted at any time. Dask does
the tasks of a worker that dies again; when its scheduler dies, the job ends with exit code 75, and the next run makes the rest.
"""

from __future__ import annotations

import contextlib
import heapq
import importlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rotonodes.errors import EXIT_FRAME_FAILED, EXIT_OK, EXIT_RETRY, RetryError, UsageError
from rotonodes.extras import load_library
from rotonodes.farm.dask_task import TICKET, Ended, FarmTask, busy, make, may_run
from rotonodes.farm.follow import Say, States, lines, signals
from rotonodes.farm.job import FarmJob, Step, tasks_of
from rotonodes.io.files import write_bytes
from rotonodes.values.frames import parse_frames, part_of, range_text

QUEUES = {
    "slurm": "SLURMCluster",
    "pbs": "PBSCluster",
    "sge": "SGECluster",
    "lsf": "LSFCluster",
    "htcondor": "HTCondorCluster",
    "oar": "OARCluster",
}
TRIES = 4  # of a task that ends with exit code 75
PAUSE = 30.0  # seconds before it is tried again; `rotonodes.pause` in the configuration of Dask says otherwise
LOOK = 1.0  # seconds between two looks at signals and the scheduler
JOIN = 120  # seconds until the first worker must be there


@dataclass(frozen=True)
class Cluster:
    """Where the workers are: on this machine, at the `address` of a scheduler, or in the `queue` of another scheduler."""

    workers: int
    address: str = ""
    queue: str = ""
    dashboard: bool = False
    devices: tuple[str, ...] = ()  # GPUs of this machine


def need_dask(cluster: Cluster) -> None:
    """Raises UsageError when Dask, or for a queue dask-jobqueue, is not installed."""
    load_library("distributed", "--to dask --run")
    if cluster.queue:
        load_library("dask_jobqueue", f"--queue {cluster.queue}")


def run(job: FarmJob, folder: Path, cluster: Cluster, say: Say) -> int:
    """Run a job to its end; returns 0, 1 when a task failed, 128 + N after a signal.

    Raises RetryError when the scheduler or its workers do not answer, UsageError when no worker has the GPUs that a step needs.
    """
    need_dask(cluster)
    ticket = secrets.token_hex(8)
    with signals() as came, _client(job, folder, cluster) as client:
        if cluster.dashboard:
            say(f"dashboard  {client.dashboard_link}")
        _wait_for_workers(client, cluster, came)
        _refuse_missing_gpus(job, client)
        write_bytes(folder / TICKET, json.dumps({"ticket": ticket, "address": client.scheduler.address}).encode() + b"\n")
        try:
            code = _Run(client, job, folder, ticket, cluster.devices, say).all(came)
        finally:
            if may_run(str(folder), ticket):
                (folder / TICKET).unlink(missing_ok=True)
    return 128 + came[0] if came else code


def cancel(folder: Path) -> bool:
    """Stop a job that runs somewhere: its tasks see it within a second. False when none runs."""
    try:
        (folder / TICKET).unlink()
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def _client(job: FarmJob, folder: Path, cluster: Cluster) -> Iterator[Any]:
    """A client of the cluster, which is started where it is ours, and ended then."""
    import logging

    dask: Any = importlib.import_module("dask")
    distributed: Any = importlib.import_module("distributed")
    with contextlib.ExitStack() as stack:
        stack.callback(logging.disable, logging.NOTSET)
        logging.disable(logging.CRITICAL)  # what its libraries say of a lost worker or scheduler in pages, we say in a line
        stack.enter_context(dask.config.set({"distributed.comm.timeouts.connect": "10s"}))
        where = cluster.address
        if not where:
            start: Callable[..., Any] = _of_queue if cluster.queue else _of_this_machine
            where = stack.enter_context(start(job, folder, cluster))
        try:
            client = distributed.Client(where, timeout="10s", set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise RetryError(f"--address {where}: no Dask scheduler answers ({_first_line(error)}): try again later") from None
        except ValueError as error:
            raise UsageError(f"--address {where}: {_first_line(error)}; write tcp://HOST:8786") from None
        stack.callback(_close, client)
        yield client


def _close(client: Any) -> None:
    with contextlib.suppress(Exception):  # its scheduler may be gone
        client.close(timeout=5)


def _of_this_machine(job: FarmJob, folder: Path, cluster: Cluster) -> Any:
    """A LocalCluster. Each of its workers has one core share or, with GPUs, as many GPUs as a training takes."""
    distributed: Any = importlib.import_module("distributed")
    gpus = max(map(job.gpus_of, job.steps), default=0)
    if gpus > len(cluster.devices):
        raise UsageError(f"--device cuda: a step takes {gpus} GPU{'s' if gpus > 1 else ''}, this machine has {len(cluster.devices)}")
    options = {"resources": {"GPU": gpus}} if gpus else {}
    return distributed.LocalCluster(
        n_workers=min(cluster.workers, len(cluster.devices) // gpus) if gpus else cluster.workers,
        threads_per_worker=max(1, gpus),
        memory_limit=0,  # the pixels are not in the worker
        dashboard_address="127.0.0.1:8787" if cluster.dashboard else "127.0.0.1:0",  # anybody who reaches it may run code
        scheduler_kwargs={"dashboard": cluster.dashboard},
        silence_logs=50,
        **options,
    )


def _of_queue(job: FarmJob, folder: Path, cluster: Cluster) -> Any:
    """A cluster whose workers are jobs of another scheduler. Whatever else that needs (queue, account) is in dask's configuration."""
    jobqueue: Any = load_library("dask_jobqueue", f"--queue {cluster.queue}")
    gpus = max(map(job.gpus_of, job.steps), default=0)
    options: dict[str, Any] = {"worker_extra_args": ["--resources", f"GPU={gpus}"]} if gpus else {}
    if gpus and cluster.queue == "slurm":
        options["job_extra_directives"] = [f"--gres=gpu:{gpus}"]
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    started = getattr(jobqueue, QUEUES[cluster.queue])(
        cores=max(1, gpus),  # threads of the worker: tasks at once
        processes=1,
        job_cpu=job.cpus,
        memory=f"{job.memory or 2048}MiB",
        python=job.python,
        log_directory=str(folder / "logs"),
        silence_logs="critical",
        scheduler_options={} if cluster.dashboard else {"dashboard": False},
        **options,
    )
    started.scale(jobs=cluster.workers)
    return started


def _wait_for_workers(client: Any, cluster: Cluster, came: list[int]) -> None:
    end = time.monotonic() + JOIN
    while not client.nthreads():
        if came:
            return
        if time.monotonic() > end:
            raise RetryError(f"no Dask worker is there after {JOIN} seconds: start some, or try again later")
        time.sleep(0.1)


def _refuse_missing_gpus(job: FarmJob, client: Any) -> None:
    needed = max(map(job.gpus_of, job.steps), default=0)
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    most = max((int(worker["resources"].get("GPU", 0)) for worker in workers), default=0)
    if needed > most and workers:
        raise UsageError(f"a step takes {needed} GPU{'s' if needed > 1 else ''}, and no Dask worker has so many: --resources GPU={needed}")


def _gone() -> RetryError:
    return RetryError("the Dask scheduler is gone: submit the job again, and it makes what is missing")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


@dataclass
class _Run:
    """One submission: which tasks are out, which steps have ended, and what failed."""

    client: Any
    job: FarmJob
    folder: Path
    ticket: str
    devices: tuple[str, ...]
    say: Say
    found: States = field(default_factory=dict)
    out: dict[Any, tuple[Step, FarmTask, int]] = field(default_factory=dict)  # future -> task and how often it was tried
    later: list[tuple[float, int, Step, FarmTask, int]] = field(default_factory=list)  # to be tried again: when, ...
    said: str = ""

    def all(self, came: list[int]) -> int:
        for step in self.job.steps:
            self.found[step.name] = Counter(PENDING=tasks_of(self.job, step))
        ready = self._ready()
        upcoming = next(ready, None)
        while self.out or self.later or upcoming:
            window = self._window()
            while upcoming and len(self.out) < window and not came:
                self._submit(*upcoming, tried=1)
                upcoming = next(ready, None)
            while self.later and self.later[0][0] <= time.monotonic():
                _, _, step, chunk, tried = heapq.heappop(self.later)
                self._submit(step, chunk, tried)
            self._progress()
            if came or not may_run(str(self.folder), self.ticket):
                return self._stop(came)
            self._wait()
            upcoming = upcoming or next(ready, None)
        self._progress()
        return EXIT_FRAME_FAILED if any(counted["FAILED"] + counted["CANCELLED"] for counted in self.found.values()) else EXIT_OK

    def _window(self) -> int:
        """How many tasks may be out: enough that no worker waits for the next one."""
        try:
            return 2 * max(1, sum(self.client.nthreads().values()))
        except (OSError, TimeoutError, ValueError):
            raise _gone() from None

    def _ready(self) -> Iterator[tuple[Step, FarmTask] | None]:
        """Every task as soon as its step may start; None while all others wait for what is out."""
        waiting = list(self.job.steps)
        while waiting:
            step = next((step for step in waiting if all(self._ended(name) for name in step.after)), None)
            if step is None:
                yield None
                continue
            waiting.remove(step)
            counted = self.found[step.name]
            if any(self.found[name]["FAILED"] + self.found[name]["CANCELLED"] for name in step.after):
                counted["CANCELLED"], counted["PENDING"] = counted["PENDING"], 0
                continue
            for chunk in chunks_of(self.job, step, self.folder, self.ticket, self.devices):
                yield step, chunk

    def _ended(self, name: str) -> bool:
        return not self.found[name]["PENDING"] and not self.found[name]["RUNNING"]

    def _submit(self, step: Step, chunk: FarmTask, tried: int) -> None:
        resources = {"GPU": chunk.gpus} if chunk.gpus else None
        key = f"{chunk.name}-{self.ticket}-{tried}"
        future = self.client.submit(make, chunk, key=key, pure=False, resources=resources)
        self.out[future] = step, chunk, tried
        self._count(step, "PENDING", "RUNNING")

    def _count(self, step: Step, before: str, after: str) -> None:
        self.found[step.name][before] -= 1
        self.found[step.name][after] += 1

    def _wait(self) -> None:
        """Wait a moment, and take what has ended."""
        end = time.monotonic() + LOOK
        while time.monotonic() < end and not any(future.done() for future in self.out):
            time.sleep(0.02)
        if self.client.status != "running" or any(future.status in ("cancelled", "lost") for future in self.out):
            raise _gone()
        for future in [future for future in self.out if future.done()]:
            self._take(future)

    def _take(self, future: Any) -> None:
        step, chunk, tried = self.out.pop(future)
        if future.status == "error":
            self._failed(step, f"{chunk.name}: {_first_line(future.exception())}")
            return
        ended: Ended = future.result()
        if ended.code == EXIT_OK:
            self._count(step, "RUNNING", "COMPLETED")
        elif ended.code == EXIT_RETRY and tried < TRIES:
            dask: Any = importlib.import_module("dask")
            pause = float(dask.config.get("rotonodes.pause", PAUSE))
            self.say(f"{chunk.name}: to be tried again in {pause:.0f} s, see {ended.log}")
            self._count(step, "RUNNING", "PENDING")
            heapq.heappush(self.later, (time.monotonic() + pause, id(future), step, chunk, tried + 1))
        elif may_run(str(self.folder), self.ticket):
            self._failed(step, f"{chunk.name}: exit code {ended.code}, see {ended.log}")
        else:
            self._count(step, "RUNNING", "CANCELLED")

    def _failed(self, step: Step, line: str) -> None:
        self._count(step, "RUNNING", "FAILED")
        self.say(f"failed  {line}")

    def _stop(self, came: list[int]) -> int:
        """Take the ticket back, and let the tasks that run end cleanly: they need at most five seconds."""
        (self.folder / TICKET).unlink(missing_ok=True)
        end = time.monotonic() + 8
        with contextlib.suppress(Exception):  # the cluster may be gone already
            self.client.cancel(list(self.out))
        while time.monotonic() < end and _busy(self.client):
            time.sleep(0.1)
        self.say("stopped")
        return EXIT_FRAME_FAILED

    def _progress(self) -> None:
        line = "; ".join(lines(self.found))
        if line != self.said:
            self.say(line)
            self.said = line


def _busy(client: Any) -> bool:
    """Whether a worker still runs a task, be it one that was taken back."""
    with contextlib.suppress(Exception):  # the cluster may be gone already
        return any(client.run(busy).values())
    return False


def chunks_of(job: FarmJob, step: Step, folder: Path, ticket: str, devices: tuple[str, ...] = ()) -> Iterator[FarmTask]:
    """The tasks of a step, one after the other."""
    count = tasks_of(job, step)
    frames = parse_frames(step.frames) if step.chunks else ()
    for number in range(1, count + 1):
        named = range_text(part_of(frames, f"{number}/{count}")) if step.chunks else step.frames
        more = [*([f"--frames={named}"] if named else []), f"--threads={job.cpus}", "--progress=plain"]
        name = "-".join(filter(None, [job.stem(step), str(number) if step.chunks else ""]))
        command = tuple(job.command(step, job.places(), more))
        yield FarmTask(name, command, job.root, str(folder), ticket, job.gpus_of(step), devices)
