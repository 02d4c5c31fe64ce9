"""What a Dask worker does for one task: it runs the tool in a process that stays warm, and returns the name of a file.

The tool has a process of its own, which keeps torch and the network loaded from one task to the next (`rotonodes.cli.warm`): a worker can
interrupt it, and it ends cleanly when the worker is killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rotonodes.errors import EXIT_HUNG_UP
from rotonodes.io.json_text import parse_json

TICKET = "dask.json"  # in the folder of a job: names the submission that may run; without it, tasks stop
LOOK = 0.5  # seconds between two looks at the ticket
_WARM = ("-m", "rotonodes.cli.warm")

_lock = threading.Lock()
_idle: dict[tuple[str, ...], list[subprocess.Popen[bytes]]] = {}  # warm processes that wait, by python, root and devices
_running = 0  # tasks of this worker
_devices: list[str] | None = None  # GPUs of this worker that are free


class FarmTask(NamedTuple):
    """One task: its command (`PYTHON -m rotonodes run ...`), the root it runs in, and where its log and statistics go."""

    name: str  # of its log and statistics, without an ending
    command: tuple[str, ...]
    root: str
    folder: str  # of the job
    ticket: str
    gpus: int = 0
    devices: tuple[str, ...] = ()  # the GPUs of this machine, where its workers share them by their number


class Ended(NamedTuple):
    """How a task ended: its exit code, and the names of its log and of its statistics (`run --stats`)."""

    code: int
    log: str
    stats: str


def make(chunk: FarmTask) -> Ended:
    """Run a task on this worker."""
    global _running
    with _lock:
        _running += 1
    try:
        return _make(chunk)
    finally:
        with _lock:
            _running -= 1


def busy() -> int:
    """The number of tasks that this worker runs, those that were taken back included."""
    return _running


def _make(chunk: FarmTask) -> Ended:
    logs = Path(chunk.folder) / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log, stats = str(logs / f"{chunk.name}.log"), str(logs / f"{chunk.name}.json")
    command = [*chunk.command, f"--stats={stats}"]
    with _pinned(chunk) as devices:
        if command[1:3] == ["-m", "rotonodes"]:
            code = _warm(command[0], command[3:], log, devices, chunk)
        else:
            code = _cold(command, log, devices, chunk)
    return Ended(code, log, stats)


def may_run(folder: str, ticket: str) -> bool:
    """Whether a submission is still wanted. A folder that cannot be read just now says nothing."""
    try:
        return bool(parse_json((Path(folder) / TICKET).read_bytes()).get("ticket") == ticket)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True


def _warm(python: str, words: Sequence[str], log: str, devices: str, chunk: FarmTask) -> int:
    """Run a command in a warm process: one that waits, or a new one."""
    place = (python, chunk.root, devices)
    with _lock:
        waiting = _idle.setdefault(place, [])
        process = waiting.pop() if waiting else None
    if process is None or process.poll() is not None:
        process = _start([python, *_WARM], log, devices, chunk.root)
    answer = b""
    with contextlib.suppress(OSError):  # it has died: its exit code says so
        _say(process, json.dumps({"words": list(words), "log": log}))
        answer = _answer(process, chunk)
    if not answer:
        return _code(process.wait())
    with _lock:
        _idle[place].append(process)
    return int(parse_json(answer)["code"])


def _answer(process: subprocess.Popen[bytes], chunk: FarmTask) -> bytes:
    """The line that ends a command; empty when the process ended. A command that is no longer wanted is stopped."""
    assert process.stdout is not None
    stopped = False
    while not select.select([process.stdout], [], [], LOOK)[0]:
        if not stopped and not may_run(chunk.folder, chunk.ticket):
            stopped = True
            _say(process, "stop")
    return process.stdout.readline()


def _cold(command: Sequence[str], log: str, devices: str, chunk: FarmTask) -> int:
    """Run a command that has processes of its own (torchrun)."""
    process = _start(command, log, devices, chunk.root)
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return _code(process.wait(LOOK))
        if not may_run(chunk.folder, chunk.ticket):
            process.terminate()


def _start(command: Sequence[str], log: str, devices: str, root: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, **({"CUDA_VISIBLE_DEVICES": devices} if devices else {})}
    with open(log, "ab") as file:
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=file, cwd=root, env=environment, start_new_session=True)


def _say(process: subprocess.Popen[bytes], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(line.encode() + b"\n")
    process.stdin.flush()


def _code(returned: int) -> int:
    """An exit code as a shell has it. A process that was killed by force counts as one that may be tried again."""
    return returned if returned >= 0 else EXIT_HUNG_UP if returned == -9 else 128 - returned


@contextlib.contextmanager
def _pinned(chunk: FarmTask) -> Iterator[str]:
    """CUDA_VISIBLE_DEVICES of a task: as many of the worker's GPUs as it takes; empty for none."""
    global _devices
    if not chunk.gpus:
        yield ""
        return
    with _lock:
        if _devices is None:
            _devices = _own_devices(chunk)
        taken, _devices = _devices[: chunk.gpus], _devices[chunk.gpus :]
    try:
        yield ",".join(taken)
    finally:
        with _lock:
            _devices = [*taken, *_devices]


def _own_devices(chunk: FarmTask) -> list[str]:
    """The GPUs of this worker: its share of the machine's, else what CUDA_VISIBLE_DEVICES says, else as many as its resource GPU."""
    from distributed import get_worker

    worker = get_worker()
    own = int(worker.state.total_resources.get("GPU", chunk.gpus))
    if chunk.devices:
        return list(chunk.devices[int(worker.name) * own :][:own])
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return named.split(",") if named else [str(number) for number in range(own)]
