"""What a measured run tells: the speed of each node and stage, what limits the run, and its peak memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rotonodes.plan.plan import Plan

if TYPE_CHECKING:
    from rotonodes.engine.call_timeline import Span
    from rotonodes.engine.result import Result

STAGES = ("read", "network", "pixels", "write")
_FULL = 0.85  # share of the time from which a thread, or all cores, count as busy
_WAITING = 0.4  # share of a stage's time without the processor, beyond that of other stages, from which it waits for files
_BUSY = 0.25  # share of all stages' time without the processor from which other programs are at work


@dataclass(frozen=True)
class NodeSpeed:
    """A node in a measured run. `seconds` of its calls added up, `cpu` the processor's part of them; `alone` is how many frames a second it
    could make if nothing else ran, with `threads` at once."""

    name: str
    type_name: str
    stage: str
    calls: int
    frames: int
    seconds: float
    cpu: float
    threads: int

    @property
    def alone(self) -> float:
        return self.threads * self.frames / self.seconds if self.seconds else float("inf")


@dataclass(frozen=True)
class MeasuredRun:
    """A measured run of `frames` frames in `seconds`, from its first call to its last."""

    frames: int
    seconds: float
    started: float  # seconds until the first call: planning, imports
    cores: int
    nodes: tuple[NodeSpeed, ...]
    waits: dict[str, float]  # share of each stage's time that the processor was not at it
    limit: str
    peak_bytes: int
    gpu_bytes: int
    network: str  # `network in bfloat16`

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else float("inf")

    def stage_alone(self, stage: str) -> float:
        """Frames a second that a stage could make if nothing else ran."""
        each = sum(1 / node.alone for node in self.nodes if node.stage == stage)
        return 1 / each if each else float("inf")

    def as_json(self) -> dict[str, Any]:
        total = sum(node.seconds for node in self.nodes) or 1.0
        return {
            "frames": self.frames,
            "seconds": round(self.seconds, 4),
            "frames_per_second": round(self.fps, 3),
            "seconds_before_the_first_call": round(self.started, 3),
            "cores": self.cores,
            "limited_by": self.limit,
            "precision": self.network,
            "peak_memory_bytes": self.peak_bytes,
            "peak_gpu_memory_bytes": self.gpu_bytes,
            "stages": {
                stage: {"alone_frames_per_second": _finite(self.stage_alone(stage)), "share_waiting": round(self.waits[stage], 3)}
                for stage in self.waits
            },
            "nodes": {
                node.name: {
                    "type": node.type_name,
                    "stage": node.stage,
                    "calls": node.calls,
                    "seconds": round(node.seconds, 4),
                    "cpu_seconds": round(node.cpu, 4),
                    "share": round(node.seconds / total, 4),
                    "ms_per_frame": round(1000 * node.seconds / max(node.frames, 1), 3),
                    "alone_frames_per_second": _finite(node.alone),
                }
                for node in self.nodes
            },
        }

    def lines(self) -> list[str]:
        """The table for people."""
        total = sum(node.seconds for node in self.nodes) or 1.0
        network = f", {self.network}" if self.network else ""
        cores = f"{self.cores} core{'' if self.cores == 1 else 's'}"
        found = [f"{self.frames} frames in {self.seconds:.2f} s: {self.fps:.3g} frames a second on {cores}{network}"]
        found += [f"{self.started:.2f} s before the first call", ""]
        width = max(len("node"), *(len(node.name) for node in self.nodes), 4)
        found.append(f"{'node':{width}}  {'stage':8}  {'ms a frame':>10}  {'share':>6}  {'alone, frames/s':>15}")
        for node in self.nodes:
            each = f"{1000 * node.seconds / max(node.frames, 1):.2f}"
            found.append(f"{node.name:{width}}  {node.stage:8}  {each:>10}  {node.seconds / total:>6.1%}  {node.alone:>15.1f}")
        found.append("")
        for stage, waiting in self.waits.items():
            found.append(f"{stage:{width}}  {'alone':8}  {'':>10}  {'':>6}  {self.stage_alone(stage):>15.1f}  waiting {waiting:.0%}")
        found += ["", f"limited by {self.limit}", f"peak memory {self.peak_bytes / (1 << 20):.0f} MB"]
        if not self.gpu_bytes and min(self.waits.values(), default=0) > _BUSY:
            found.append("this machine is busy with other programs: threads waited for a core, so the speeds are too low")
        return found + ([f"peak GPU memory {self.gpu_bytes / (1 << 20):.0f} MB"] if self.gpu_bytes else [])


def measured(result: Result, spans: Sequence[Span], cores: int, gpu_bytes: int = 0) -> MeasuredRun:
    """What the spans of a run on so many cores tell."""
    plan = result.plan
    by_node: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_node[span.node].append(span)
    nodes = tuple(_speed(plan, name, _without_inner(by_node[name]), cores, result.device) for name in plan.graph.order() if name in by_node)
    begun, ended = min((s.begin for s in spans), default=0.0), max((s.end for s in spans), default=0.0)
    waits = {}
    for stage in STAGES:
        inside = [node for node in nodes if node.stage == stage]
        total = sum(node.seconds for node in inside)
        if inside:
            waits[stage] = max(0.0, 1 - sum(node.cpu for node in inside) / total) if total else 0.0
    limit = _limit(nodes, ended - begun, cores, waits, result.device)
    frames = len(plan.delivered)
    return MeasuredRun(frames, ended - begun, begun, cores, nodes, waits, limit, result.peak_bytes, gpu_bytes, plan.precision_words())


def _without_inner(spans: Sequence[Span]) -> list[Span]:
    """A whole-clip node's call contains what it did with each frame, and waiting for them: only the frames count, where there are any."""
    frames = [span for span in spans if span.frames]
    return frames or list(spans)


def _speed(plan: Plan, name: str, spans: Sequence[Span], cores: int, device: str) -> NodeSpeed:
    cls = type(plan.nodes[name])
    whole, batch = cls.takes_whole_clip(), cls.signature.is_batch
    once = not plan.keys.per_frame(name) and not whole
    frames = len(plan.delivered) if once else len({frame for span in spans for frame in span.frames}) or 1
    threads = 1 if whole or once or (batch and device != "cpu") else cores
    stage = "write" if cls.is_writer() else "network" if batch and cls.cached else "pixels"
    stage = "read" if not cls.signature.inputs else stage
    seconds, cpu = sum(span.seconds for span in spans), sum(span.cpu for span in spans)
    return NodeSpeed(name, cls.type_name, stage, len(spans), frames, seconds, cpu, threads)


def _limit(nodes: Sequence[NodeSpeed], seconds: float, cores: int, waits: dict[str, float], device: str) -> str:
    """What the run waits for, in words."""
    if not nodes or not seconds:
        return "nothing: no node was called"
    total = sum(node.seconds for node in nodes)
    alone = [node for node in nodes if node.threads == 1 and node.seconds / seconds >= _FULL]
    if alone:
        node = max(alone, key=lambda one: one.seconds)
        where = f" on {device}" if node.stage == "network" and device != "cpu" else ""
        return f"the {_WORDS[node.stage]} ({node.name}){where}, one frame after another: {node.seconds / seconds:.0%} of the time"
    spent = {stage: sum(node.seconds for node in nodes if node.stage == stage) for stage in waits}
    stage = max(spent, key=lambda name: spent[name])
    # Where the machine is busy with other things, every stage waits: only what one waits more than the others is its own.
    if stage in ("read", "write") and waits[stage] - min(waits.values()) > _WAITING:
        return f"files: {_WORDS[stage]} waits for the disk or the network, {waits[stage]:.0%} of its time"
    most = max((node for node in nodes if node.stage == stage), key=lambda node: node.seconds)
    busy = total / (seconds * cores)
    words = f"{spent[stage] / (total or 1.0):.0%} of their time is the {_WORDS[stage]}, most of all {most.name}"
    if busy >= _FULL:
        return f"the cores, all of them busy: {words}"
    return f"too little to do at once: the cores are busy {busy:.0%} of the time (more frames, or more --threads?); {words}"


_WORDS = {"read": "reading and decoding", "network": "network", "pixels": "work on pixels", "write": "encoding and writing"}


def _finite(value: float) -> float | None:
    return None if value == float("inf") else round(value, 2)
