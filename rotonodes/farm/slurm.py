"""Slurm: each step of a job as an array job with dependencies; its state, following it, cancelling it.

A task is the tool itself (`exec`), so its exit code is the task's: 75 is requeued where slurm.conf has RequeueExit=75. Which frames a
task makes follows from its index (`run --part K/N`).
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from rotonodes.errors import EXIT_RETRY, RetryError, UsageError
from rotonodes.farm.follow import Say, States, lines
from rotonodes.farm.job import FarmJob, Step, plain, tasks_of
from rotonodes.io.files import write_bytes
from rotonodes.io.json_text import parse_json

SUBMITTED = "slurm.json"  # in the folder of a job: its array jobs in the queue, by step
WAIT, PATIENCE = 2.0, 300.0  # seconds between two questions to the scheduler, and until its silence ends `follow`
_ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL", "DEADLINE", "PREEMPTED", "LEFT"}


def scripts(job: FarmJob) -> dict[str, str]:
    """The batch script of each step by file name. Its argument is the number of tasks in earlier arrays of the step."""
    made = {}
    for step in job.steps:
        part = ["--part=PART"] if step.chunks else []
        frames = [f"--frames={step.frames}"] if step.frames else []
        words = shlex.join(job.command(step, job.places(), [*frames, *part, "--progress=plain"]))
        words = words.replace("--part=PART", f'"--part=$(($1 + SLURM_ARRAY_TASK_ID))/{tasks_of(job, step)}"')
        made[_script(job, step)] = f"#!/bin/sh\n# {job.name}: {step.name}, written by rotonodes {job.version}\nexec {words}\n"
    return made


def write_scripts(job: FarmJob, folder: Path) -> None:
    """Write the scripts of all steps and the folder of their logs."""
    for name, text in scripts(job).items():
        write_bytes(folder / name, text.encode())
    (folder / "logs").mkdir(parents=True, exist_ok=True)


def commands(job: FarmJob, folder: Path, ids: dict[str, list[str]], largest: int = 1000) -> Iterator[tuple[Step, list[str]]]:
    """The sbatch commands of a job, several for a step of more than `largest` tasks; `ids` has the jobs of earlier steps."""
    for step in job.steps:
        count = tasks_of(job, step)
        for offset in range(0, count, largest):
            words = ["sbatch", "--parsable", f"--job-name={job.name}.{step.name}", f"--chdir={job.root}", "--requeue", "--open-mode=append"]
            words.append(f"--array=1-{min(largest, count - offset)}" if step.chunks else "--array=1")
            words.append(f"--output={folder}/logs/{job.stem(step)}-{offset}-%a.log")
            words.append(f"--cpus-per-task={job.cpus}")
            words += [f"--mem={job.memory}M"] if job.memory else []
            words += [f"--gres=gpu:{job.gpus_of(step)}"] if job.gpus_of(step) else []
            if after := [number for name in step.after for number in ids.get(name, [f"JOB_OF_{plain(name)}"])]:
                words += [f"--dependency=afterok:{':'.join(after)}", "--kill-on-invalid-dep=yes"]
            yield step, [*words, str(folder / _script(job, step)), str(offset)]


def submit(job: FarmJob, folder: Path, say: Say) -> None:
    """Submit every step. Raises UsageError when Slurm refuses, RetryError when it does not answer; nothing stays in the queue then."""
    need_slurm()
    config = _ask(["scontrol", "show", "config"])
    if any(number for number in _recorded(folder).values()) and _active(states(job, folder)):
        raise UsageError(f"{folder}: its tasks are in the queue already: rotonodes status {folder}, or cancel it first")
    largest = max(1, int(_setting(config, "MaxArraySize") or 1001) - 1)
    if str(EXIT_RETRY) not in re.split(r"\D+", _setting(config, "RequeueExit")):
        say("warning: slurm.conf has no RequeueExit=75: a task that should be tried again later (a full disk) counts as failed")
    write_scripts(job, folder)
    ids: dict[str, list[str]] = {}
    try:
        for step, words in commands(job, folder, ids, largest):
            ids.setdefault(step.name, []).append(_ask(words).strip().partition(";")[0])
            say(f"submitted {step.name}: job {ids[step.name][-1]}")
    except BaseException:
        with contextlib.suppress(UsageError, RetryError):
            _cancel([number for numbers in ids.values() for number in numbers])
        raise
    write_bytes(folder / SUBMITTED, json.dumps(ids, indent=1).encode() + b"\n")


def states(job: FarmJob, folder: Path) -> States:
    """Tasks by state for each step. Tasks that Slurm has forgotten are LEFT. Raises UsageError when the job was never submitted."""
    found: States = {}
    for step in job.steps:
        counted = found[step.name] = Counter[str]()
        for number in _recorded(folder).get(step.name, ()):
            for record in _records(number):
                counted[record.get("JobState", "LEFT")] += _tasks(record.get("ArrayTaskId", "1"))
        counted["LEFT"] += max(0, tasks_of(job, step) - counted.total()) if _recorded(folder).get(step.name) else 0
    return found


def follow(job: FarmJob, folder: Path, say: Say) -> int:
    """Wait until no task is in the queue; prints a line at each change. Returns 1 when a task has not ended well.

    Raises RetryError when Slurm does not answer for long; the tasks go on. `sbatch --wait` is not used: for a job whose
    dependency failed it returns 0.
    """
    said, silent = "", 0.0
    while True:
        try:
            found, silent = states(job, folder), 0.0
        except RetryError:
            silent += WAIT
            if silent > PATIENCE:
                raise
            time.sleep(WAIT)
            continue
        line = "; ".join(lines(found))
        if line != said:
            say(line)
            said = line
        if not _active(found):
            bad = {state for counted in found.values() for state, count in counted.items() if count} - {"COMPLETED", "LEFT"}
            return int(bool(bad))
        time.sleep(WAIT)


def cancel(folder: Path) -> int:
    """Cancel the tasks of a job; running ones get TERM first. Returns the number of array jobs."""
    need_slurm()
    numbers = [number for numbers in _recorded(folder).values() for number in numbers]
    if not numbers:
        raise UsageError(f"{folder}: was not submitted to Slurm")
    _cancel(numbers)
    return len(numbers)


def need_slurm() -> None:
    """Raises UsageError when Slurm's commands are not here."""
    if shutil.which("sbatch") is None:
        raise UsageError("--to slurm needs sbatch, which is not here: apt-get install slurm-client, or submit on a machine of the cluster")


def _cancel(numbers: Sequence[str]) -> None:
    if numbers:
        _ask(["scancel", "--quiet", "--full", *numbers])


def _ask(words: Sequence[str]) -> str:
    """The output of one of Slurm's commands."""
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if not done.returncode:
        return done.stdout
    why = " ".join((done.stderr or done.stdout).split())
    if re.search(r"[Uu]nable to contact|Connection (refused|timed out)|Socket timed out|Zero Bytes", why):
        raise RetryError(f"Slurm does not answer ({why}): try again later, or see that SLURM_CONF names your cluster's slurm.conf")
    raise UsageError(f"{words[0]}: {why}")


def _records(number: str) -> list[dict[str, str]]:
    """What Slurm knows of the tasks of an array job; empty when it has forgotten them."""
    try:
        text = _ask(["scontrol", "--oneliner", "show", "job", number])
    except UsageError as error:
        if "Invalid job id" in str(error):
            return []
        raise
    return [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in text.splitlines() if line.strip()]


def _tasks(indices: str) -> int:
    """The number of array tasks that `7`, `3-10` or `1,4-6%2` names."""
    count = 0
    for piece in indices.partition("%")[0].split(","):
        first, _, last = piece.partition("-")
        count += int(last.partition(":")[0] or first) - int(first) + 1 if first.isdigit() else 1
    return count


def _recorded(folder: Path) -> dict[str, list[str]]:
    try:
        return {str(step): [str(number) for number in numbers] for step, numbers in parse_json((folder / SUBMITTED).read_bytes()).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UsageError(f"{folder / SUBMITTED}: cannot be read: {error}") from None


def _active(found: States) -> bool:
    return any(count for counted in found.values() for state, count in counted.items() if state not in _ENDED)


def _setting(config: str, name: str) -> str:
    match = re.search(rf"^{name}\s*=\s*(.*)$", config, re.MULTILINE)
    return match[1].strip() if match else ""


def _script(job: FarmJob, step: Step) -> str:
    return f"slurm/{job.stem(step)}.sh"
