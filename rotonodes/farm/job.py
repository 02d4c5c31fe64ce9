"""A job for a farm, made from a plan: its steps, what each waits for, and the command of each.

A stage becomes a step of frame chunks (outputs made frame by frame) and steps of one task (nodes that take the whole clip). Steps
hand over through the shared cache, by key: what one task has made, every later one reads.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rotonodes.errors import UsageError, did_you_mean_file
from rotonodes.io.files import write_bytes
from rotonodes.io.json_text import parse_json
from rotonodes.io.shipped import weights_written
from rotonodes.node.annotations import Device, Prepared
from rotonodes.node.base import Node
from rotonodes.plan.plan import Plan
from rotonodes.values.frame_sets import FrameSet
from rotonodes.values.frames import FilePattern, frames_named, range_text

DESCRIPTION = "rotonodes.json"  # the job in its folder, for submitting it again and asking for its status
GRAPH, ROOT, CACHE, DEVICE = "Graph", "Root", "Cache", "Device"  # parameters of a job in its commands


@dataclass(frozen=True)
class Step:
    """One step: the outputs that it delivers, and its frames as a range.

    A step in `chunks` is cut by frames, `count` of them; any other is a single task, which delivers `frames` too where it writes a
    whole clip. `after` names the steps that must end first.
    """

    name: str
    nodes: tuple[str, ...]
    frames: str = ""
    count: int = 0
    chunks: bool = False
    after: tuple[str, ...] = ()
    network: bool = False  # it runs a network, on the device of the job
    shared: bool = False  # several processes (torchrun) may share the work: a training
    runs: tuple[tuple[str, bool], ...] = ()  # the nodes that its tasks run, and whether each runs once for every frame
    length: int = 0  # frames that a single task runs over


@dataclass(frozen=True)
class FarmJob:
    """A job: paths are absolute, frame ranges are text, whatever their length."""

    name: str
    graph: str
    root: str
    cache: str
    frames: str
    steps: tuple[Step, ...]
    device: str = "cpu"
    gpus: int = 1  # for a training; other steps with a network take one
    cpus: int = 1  # of a task
    chunk: int = 10
    chunk_seconds: int = 0  # the farm may size chunks for this time; 0: all have `chunk` frames
    memory: int = 0  # MiB; 0: unknown
    options: tuple[str, ...] = ()  # further options of `run`, the same in every task
    only: tuple[str, ...] = ()  # the outputs to deliver (-X); empty for all of the graph
    reads: tuple[str, ...] = ()  # files that tasks read
    folders: tuple[str, ...] = ()  # folders with files that tasks read
    writes: tuple[str, ...] = ()  # folders that tasks write to
    python: str = sys.executable
    version: str = ""  # of the rotonodes that wrote it

    def command(self, step: Step, places: Mapping[str, str], more: Sequence[str]) -> list[str]:
        """The command of a task. `places` are what the farm calls Graph, Root, Cache and Device; `more` are options that it adds."""
        together = step.shared and self.device != "cpu" and self.gpus > 1
        module = ("rotonodes.machine.launch_torchrun", str(self.gpus)) if together else ("rotonodes",)
        words = [self.python, "-m", *module, "run", places[GRAPH], *(f"--node={name}" for name in step.nodes), *more]
        return [*words, f"--root={places[ROOT]}", f"--cache={places[CACHE]}", f"--device={places[DEVICE]}", *self.options]

    def places(self) -> dict[str, str]:
        """The parameters of a job with the values on this machine."""
        return {GRAPH: self.graph, ROOT: self.root, CACHE: self.cache, DEVICE: self.device}

    def gpus_of(self, step: Step) -> int:
        """GPUs that a task of a step needs."""
        return 0 if self.device == "cpu" or not step.network else self.gpus if step.shared else 1

    def step(self, name: str) -> Step:
        """The step of that name."""
        return next(step for step in self.steps if step.name == name)

    def stem(self, step: Step) -> str:
        """The number and name of a step, for its files."""
        return f"{self.steps.index(step) + 1}-{plain(step.name)}"

    def save(self, folder: str | Path) -> None:
        """Write the job to its folder, which is created."""
        write_bytes(Path(folder) / DESCRIPTION, json.dumps(dataclasses.asdict(self), indent=1).encode() + b"\n")


def load_job(folder: str | Path, version: str) -> FarmJob:
    """The job in a folder. Raises UsageError when there is none, or when another `version` of rotonodes wrote it."""
    file = Path(folder) / DESCRIPTION
    try:
        data = parse_json(file.read_text(encoding="utf-8"))
        if data["version"] != version:
            raise UsageError(f"{folder}: written by rotonodes {data['version']}, this is {version}: submit its graph again")
        steps = tuple(Step(**{name: _tuples(value) for name, value in step.items()}) for step in data.pop("steps"))
        fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in data.items()}
        return FarmJob(steps=steps, **fields)
    except FileNotFoundError:
        raise UsageError(f"{folder}: not the folder of a job: it has no {DESCRIPTION}{did_you_mean_file(str(folder))}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{file}: damaged ({error}): submit its graph again") from None


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def plain(name: str) -> str:
    """A name as part of a file name."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)


def tasks_of(job: FarmJob, step: Step) -> int:
    """The number of tasks of a step."""
    return -(-step.count // job.chunk) if step.chunks else 1


def steps_of(plan: Plan) -> tuple[Step, ...]:
    """The steps of a plan's work, each after those that it waits for."""
    return _Steps(plan).all()


def refuse_unfit(plan: Plan, root: str) -> None:
    """Raise UsageError for frames that the graph does not have, and for outputs outside of the root, the folder that all machines share."""
    clip = FrameSet(plan.keys.clip)
    outside = [] if plan.delivered == plan.keys.clip else sorted(frame for frame in plan.delivered if frame not in clip)
    if outside:
        verb = "is" if len(outside) == 1 else "are"
        has = f"the graph has {frames_named(plan.keys.clip)}: --set frames=RANGE names others"
        raise UsageError(f"-F: {frames_named(outside)} {verb} not in the graph; {has}")
    inside = os.path.join(os.path.realpath(root), "")
    for name in plan.sinks:
        for path in dict.fromkeys(path for _, path in plan.nodes[name].paths("output")):
            if not os.path.realpath(path).startswith(inside):
                fault = f"{path} lies outside of --root {root}, the folder that all machines share: choose another --root"
                raise UsageError(plan.graph.vertices[name].line(fault))


def files_of(plan: Plan) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """(files read, folders read, folders written) by a job, absolute. Of a numbered sequence, which may be long, the folder counts."""
    files: dict[str, None] = {}
    folders: dict[str, None] = {}
    written: dict[str, None] = {}
    for name in plan.graph.order():
        if name not in plan.todo:
            continue
        for _, path in plan.nodes[name].paths("input"):
            if os.path.isdir(path) or FilePattern(path).has_token:
                folders[os.path.abspath(_folder(path))] = None
            elif weights_written(path) == path:  # weights that ship are wherever rotonodes is
                files[os.path.abspath(path)] = None
        for _, path in plan.nodes[name].paths("output"):
            written[os.path.abspath(_folder(path))] = None
    return tuple(files), tuple(folders), tuple(written)


def _folder(path: str) -> str:
    """The folder of a file or sequence; that above where a folder's name is numbered too."""
    if os.path.isdir(path):
        return path
    folder = os.path.dirname(path) or "."
    return _folder(folder) if FilePattern(folder).has_token else folder


class _Steps:
    """Makes the steps of a plan, stage by stage."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.graph = plan, plan.graph
        self.steps: list[Step] = []
        self.made: dict[str, str] = {}  # node -> the step that makes it

    def all(self) -> tuple[Step, ...]:
        for stage in self.plan.stages:
            sinks = {name: frames for name, frames in stage.sinks.items() if frames is not None}
            whole = [name for name, frames in stage.sinks.items() if frames is None]
            feeding = self._feeding(whole)
            # What the whole clips are made from by a network is made in chunks, in the step that makes it anyway if there is one.
            if sinks and not feeding.keys() & self.graph.upstream(sinks):
                self._chunks(feeding)
                feeding = {}
            self._chunks({**sinks, **feeding})
            for name in whole:
                writer = type(self.plan.nodes[name]).is_writer()
                self._add(name, (name,) if writer else tuple(self._outputs([name])), range_text(self.plan.delivered) if writer else "")
        return tuple(self.steps)

    def _feeding(self, whole: Iterable[str]) -> dict[str, Collection[int | None]]:
        """The nodes kept in the cache that these whole-clip nodes wait for, with the frames to make."""
        plan = self.plan
        found = self.graph.upstream(whole)
        names = [n for n in self.graph.order() if n in found and n in plan.kept and n in plan.todo and n not in self.made]
        return {n: FrameSet(f for f in plan.todo[n] if f is not None) for n in names if plan.keys.per_frame(n)}

    def _chunks(self, wanted: Mapping[str, Collection[int | None]]) -> None:
        """Add the step of frame chunks that makes these nodes at their frames."""
        if not wanted:
            return
        every = FrameSet()
        for numbers in wanted.values():
            every = every.with_frames(numbers)
        frames = [frame for frame in every if frame is not None]
        nodes = [word for name in wanted for word in ([name] if type(self.plan.nodes[name]).is_writer() else self._outputs([name]))]
        numbered = sum(step.chunks for step in self.steps) + 1
        name = next(iter(wanted)) if len(wanted) == 1 else "frames" if numbered == 1 else f"frames {numbered}"
        self._add(name, tuple(nodes), range_text(frames), made=tuple(wanted), count=len(frames))

    def _add(self, name: str, nodes: tuple[str, ...], frames: str, made: Sequence[str] = (), count: int = 0) -> None:
        made = made or (name,)
        above = {self.graph.source_of(link).node for n in self._needed(made) for _, link in self.graph.vertices[n].all_links()}
        after = tuple(step.name for step in self.steps if any(self.made.get(n) == step.name for n in above))
        needed = self._needed(made)
        runs = [n for n in self.graph.order() if n in needed and n not in self.made and n in self.plan.todo]
        run = [type(self.plan.nodes[n]) for n in runs]
        clips = [n for n in runs if type(self.plan.nodes[n]).takes_whole_clip()]
        length = 0 if count else max((len(self.plan.keys.clip_frames(n)) for n in clips), default=0)
        taken = {step.name for step in self.steps}
        name = next(spelled for spelled in (name, *(f"{name} {i}" for i in range(2, 1000))) if spelled not in taken)
        network = any(map(_uses_device, run))
        shared, counted = any(cls.shared for cls in run), tuple((n, self.plan.keys.per_frame(n)) for n in runs)
        self.steps.append(Step(_short(name), nodes, frames, count, bool(count), after, network, shared, counted, length))
        self.made.update(dict.fromkeys(made, self.steps[-1].name))

    def _needed(self, names: Sequence[str]) -> set[str]:
        """The nodes that a step visits: upwards to what an earlier step has made."""
        found, stack = set(names), list(names)
        while stack:
            for _, link in self.graph.vertices[stack.pop()].all_links():
                source = self.graph.source_of(link).node
                if source not in found and source not in self.made:
                    found.add(source)
                    stack.append(source)
        return found

    def _outputs(self, names: Iterable[str]) -> list[str]:
        """`node.output` of every output that is used: the cache must hold them all."""
        return [f"{name}.{output}" if output else name for name in names for output in sorted(self.plan.outputs.get(name, {""}))]


def _uses_device(cls: type[Node]) -> bool:
    asks = {Device, Prepared} & set(cls.signature.asks.values())
    return bool(asks and cls.signature.inputs)  # a source prepares files, not a network


def _short(name: str) -> str:
    """A step's name: at most 64 characters, as Open Job Description has them."""
    return name if len(name) <= 64 else name[:63] + "~"
