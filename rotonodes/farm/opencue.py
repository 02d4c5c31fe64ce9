"""OpenCue: each step of a job as a layer, written as the job specification that Cuebot reads (by pyoutline), and launched there.

A layer's command is the tool itself; Cuebot puts the frames of a chunk in place of #FRAMESPEC#.
"""

from __future__ import annotations

import importlib
import os
import shlex
import tempfile
from pathlib import Path
from typing import Any

from rotonodes.errors import RetryError, UsageError
from rotonodes.extras import load_library
from rotonodes.farm.job import FarmJob, Step, plain
from rotonodes.io.files import write_bytes

SPEC = "opencue.xml"
TOKEN = "#FRAMESPEC#"


def write_spec(job: FarmJob, folder: Path, show: str) -> None:
    """Write a job's specification into its folder. Raises UsageError when pyoutline is not installed, or refuses the job."""
    write_bytes(folder / SPEC, specification(job, show).encode() + b"\n")


def specification(job: FarmJob, show: str) -> str:
    """The job specification, as pyoutline serialises it; its show, or where that is empty the one of OpenCue's configuration."""
    outline: Any = load_library("outline", "--to opencue")
    with tempfile.TemporaryDirectory() as sessions:  # of pyoutline; its place is the home folder, which a farm need not have
        outline.config.set("outline", "session_dir", sessions)
        made = outline.Outline(plain(job.name), show=show or None)
        layers: dict[str, Any] = {}
        for step in job.steps:
            layers[step.name] = layer = _layer(job, step)
            made.add_layer(layer)
            for name in step.after:
                layer.depend_all(layers[name])
        launcher = importlib.import_module("outline.cuerun").OutlineLauncher(made)
        launcher.set_flag("nomail", True)
        try:
            return str(launcher.serialize(use_pycuerun=False))
        except outline.exception.OutlineException as error:
            raise UsageError(f"--to opencue: pyoutline refuses the job: {error}") from None


def _layer(job: FarmJob, step: Step) -> Any:
    shell: Any = importlib.import_module("outline.modules.shell")
    named = TOKEN if step.chunks else step.frames
    more = [*([f"--frames={named}"] if named else []), f"--threads={job.cpus}", "--progress=plain"]
    command = shlex.join(job.command(step, job.places(), more)).replace(f"'--frames={TOKEN}'", f"--frames={TOKEN}")
    options: dict[str, Any] = {"command": command, "cores": job.cpus}
    options |= {"memory": f"{job.memory}m"} if job.memory else {}
    options |= {"gpus": job.gpus_of(step), "gpu_memory": "1g"} if job.gpus_of(step) else {}
    if not step.chunks:
        return shell.ShellCommand(_name(job, step), **options)
    return shell.Shell(_name(job, step), range=step.frames.replace(":", "x"), chunk=job.chunk, **options)


def _name(job: FarmJob, step: Step) -> str:
    """A layer's name: letters, digits, underscores, and no two alike."""
    return job.stem(step).replace("-", "_").partition("_")[2] + f"_{job.steps.index(step) + 1}"


def launch(folder: Path) -> list[str]:
    """Send the specification in a job's folder to Cuebot; returns the names of its jobs. Raises RetryError when no Cuebot answers."""
    load_library("opencue", "--to opencue --run")
    api: Any = importlib.import_module("opencue.api")
    errors: Any = importlib.import_module("opencue.exception")
    try:
        return [job.name() for job in api.launchSpecAndWait((folder / SPEC).read_text(encoding="utf-8"))]
    except errors.CueException as error:
        first = " ".join(str(error).split())[:200] or type(error).__name__
        hosts = os.environ.get("CUEBOT_HOSTS", "localhost")
        raise RetryError(f"Cuebot does not take the job ({first}): see that CUEBOT_HOSTS={hosts} names yours, or try again later") from None
