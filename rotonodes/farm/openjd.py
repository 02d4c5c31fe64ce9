"""Open Job Description: a job as a bundle (template, parameter values, assets), and the command that runs it on this machine.

Specification: jobtemplate-2023-09 with the extension TASK_CHUNKING. A task runs the tool itself, without a shell between, so that the
signal which cancels it reaches the tool.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

from rotonodes.errors import UsageError
from rotonodes.extras import need_library
from rotonodes.farm.job import CACHE, DEVICE, GRAPH, ROOT, FarmJob, Step
from rotonodes.io.files import write_bytes

NOTICE = 15  # seconds between the signal that cancels a task and its end by force; the tool needs at most five
LONGEST_RANGE = 1024  # characters of a range, in the specification
TEMPLATE, VALUES, ASSETS = "template.yaml", "parameter_values.yaml", "asset_references.yaml"


def write_bundle(job: FarmJob, folder: Path) -> None:
    """Write the bundle of a job into its folder. Raises UsageError for what a template cannot hold."""
    files = {TEMPLATE: template(job), VALUES: values(job), ASSETS: assets(job)}
    for name, data in files.items():
        write_bytes(folder / name, yaml.safe_dump(data, sort_keys=False, width=140, allow_unicode=True).encode())


def run_command(job: FarmJob, folder: Path, *, needed: bool = False) -> list[str]:
    """The command that runs a bundle on this machine. With `needed`, raises UsageError when openjd-cli is not installed."""
    if needed:
        need_library("openjd", "--to openjd --run")
    parameters = [word for name, value in parameter_values(job).items() for word in ("-p", f"{name}={value}")]
    return [sys.executable, "-m", "openjd", "run", str(folder / TEMPLATE), *parameters]


def parameter_values(job: FarmJob) -> dict[str, str | int]:
    """The parameters of a job by name."""
    size: dict[str, str | int] = {"Frames": job.frames, "Chunk": job.chunk, "ChunkSeconds": job.chunk_seconds}
    return {**job.places(), **size, "Python": job.python}


def values(job: FarmJob) -> dict[str, Any]:
    """parameter_values.yaml."""
    return {"parameterValues": [{"name": name, "value": value} for name, value in parameter_values(job).items()]}


def assets(job: FarmJob) -> dict[str, Any]:
    """asset_references.yaml: what a farm without shared folders carries to a worker and back."""
    read = {"filenames": [job.graph, *job.reads], "directories": list(job.folders)}
    return {"assetReferences": {"inputs": read, "outputs": {"directories": [job.cache, *job.writes]}, "referencedPaths": []}}


def template(job: FarmJob) -> dict[str, Any]:
    """template.yaml. Raises UsageError for options and ranges that do not fit into one."""
    for option in job.options:
        if "{{" in option:
            raise UsageError(f"{option}: a job template cannot hold '{{{{'")
    for step in job.steps:
        if len(step.frames) > LONGEST_RANGE:
            raise UsageError(f"{step.name}: its frames have too many gaps for one job: submit them in parts with -F")
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": job.name,
        "description": f"Written by rotonodes {job.version}",
        "parameterDefinitions": _definitions(job),
        "steps": [_step(job, step) for step in job.steps],
    }


def _definitions(job: FarmJob) -> list[dict[str, Any]]:
    def path(name: str, kind: str, flow: str, words: str) -> dict[str, Any]:
        return {"name": name, "type": "PATH", "objectType": kind, "dataFlow": flow, "description": words}

    def number(name: str, least: int, default: int, words: str) -> dict[str, Any]:
        return {"name": name, "type": "INT", "minValue": least, "default": default, "description": words}

    def text(name: str, default: str, words: str) -> dict[str, Any]:
        return {"name": name, "type": "STRING", "default": default, "description": words}

    return [
        path(GRAPH, "FILE", "IN", "Graph file."),
        path(ROOT, "DIRECTORY", "NONE", "Folder that relative paths in the graph start from."),
        path(CACHE, "DIRECTORY", "NONE", "Folder of intermediate results, the same for all machines."),
        text(DEVICE, job.device, "Device that networks run on, the same in every task: pixels may differ between devices."),
        text("Frames", job.frames, "Frames to deliver."),
        number("Chunk", 1, job.chunk, "Frames in a task."),
        number("ChunkSeconds", 0, job.chunk_seconds, "Time that a task should take, for farms that size tasks themselves; 0: all alike."),
        text("Python", job.python, "Python that has rotonodes installed."),
    ]


def _step(job: FarmJob, step: Step) -> dict[str, Any]:
    made: dict[str, Any] = {"name": step.name}
    frames = "{{Param.Frames}}" if step.frames == job.frames else step.frames
    if step.after:
        made["dependencies"] = [{"dependsOn": name} for name in step.after]
    made["hostRequirements"] = {"amounts": _requirements(job, step)}
    if step.chunks:
        chunks = {
            "defaultTaskCount": "{{Param.Chunk}}",
            "targetRuntimeSeconds": "{{Param.ChunkSeconds}}",
            "rangeConstraint": "NONCONTIGUOUS",
        }
        made["parameterSpace"] = {"taskParameterDefinitions": [{"name": "Frames", "type": "CHUNK[INT]", "range": frames, "chunks": chunks}]}
    more = [f"--frames={'{{Task.Param.Frames}}' if step.chunks else frames}"] if step.frames else []
    more += ["--progress=openjd", "--path-map={{Session.PathMappingRulesFile}}"]
    command, *arguments = job.command(step, {name: f"{{{{Param.{name}}}}}" for name in job.places()}, more)
    action = {
        "command": "{{Param.Python}}" if command == job.python else command,
        "args": arguments,
        "cancelation": {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": NOTICE},
    }
    made["script"] = {"actions": {"onRun": action}}
    return made


def _requirements(job: FarmJob, step: Step) -> list[dict[str, Any]]:
    amounts = [{"name": "amount.worker.vcpu", "min": job.cpus}]
    if job.memory:
        amounts.append({"name": "amount.worker.memory", "min": job.memory})
    if gpus := job.gpus_of(step):
        amounts.append({"name": "amount.worker.gpu", "min": gpus})
    return amounts
