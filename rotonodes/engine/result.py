"""The result of a run: how often each node ran, failures with their reasons, missing frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rotonodes.errors import EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED, Interrupted
from rotonodes.values.frames import format_frames

if TYPE_CHECKING:
    from rotonodes.plan.plan import Plan


Values = dict[str, Any]  # output name -> value


@dataclass
class Failure:
    """One task that failed."""

    node: str
    frame: int | None
    reason: str
    error: BaseException
    trace: str = ""
    place: str = ""  # `file:line:column` of the node in its graph file

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place else ""
        return where + (f"{self.node}: {self.reason}" if self.frame is None else f"{self.node}: frame {self.frame}: {self.reason}")


@dataclass
class NodeStats:
    """How often a node ran, was loaded from the cache, was done already, or failed; `seconds` is its total time."""

    ran: int = 0
    cached: int = 0
    done: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass(repr=False)
class Result:
    """The result of a run. `exit_code` is 0 when every frame is there; `values` are the outputs of whole-clip nodes."""

    plan: Plan
    failures: list[Failure] = field(default_factory=list)
    stats: dict[str, NodeStats] = field(default_factory=dict)
    values: dict[str, Values] = field(default_factory=dict)
    seconds: float = 0.0
    wanted: int = 0
    missing: tuple[int, ...] = ()  # frames with an output that is not there
    missing_clips: tuple[str, ...] = ()  # whole-clip nodes (GIF, training) that did not finish
    exit_code: int = 0
    peak_bytes: int = 0
    device: str = "cpu"
    outputs: dict[str, tuple[int, int]] = field(default_factory=dict)  # sink -> (tasks that are there, tasks wanted)

    def __repr__(self) -> str:
        return f"Result(exit_code={self.exit_code}, delivered={self.delivered} of {self.wanted}, failures={len(self.failures)})"

    def _repr_html_(self) -> str:
        """How a notebook shows it: what is there, what failed and why, and what each node did."""
        from html import escape

        cells = [(escape(name), one.ran, one.cached + one.done, one.failed, f"{one.seconds:.2f}") for name, one in self.stats.items()]
        rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in cells)
        head = "<tr><th>node</th><th>ran</th><th>there already</th><th>failed</th><th>seconds</th></tr>"
        failures = "".join(f"<li>{escape(str(failure))}</li>" for failure in self.failures)
        told = f"<p>{self.delivered} of {self.wanted} frames are there; {self.seconds:.2f} s on {escape(self.device)}</p>"
        return told + (f"<ul>{failures}</ul>" if failures else "") + f"<table>{head}{rows}</table>"

    @property
    def delivered(self) -> int:
        """Number of frames whose outputs are all there, those of earlier runs included."""
        return self.wanted - len(self.missing)

    def failed_frames(self) -> tuple[int, ...]:
        """Frames at which a node failed (not the frames that the run did not reach)."""
        return tuple(sorted({f.frame for f in self.failures if f.frame is not None}))

    def as_json(self) -> dict[str, Any]:
        """For `--stats FILE.json`."""
        return {
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
            "frames": {
                "wanted": self.wanted,
                "delivered": self.delivered,
                "failed": format_frames(self.failed_frames()) if self.failed_frames() else None,
                "missing": format_frames(self.missing) if self.missing else None,
            },
            "outputs": {name: {"there": there, "wanted": wanted} for name, (there, wanted) in self.outputs.items()},
            "nodes": {name: {**vars(stats), "seconds": round(stats.seconds, 4)} for name, stats in self.stats.items()},
            "failures": [
                {"node": f.node, "frame": f.frame, "reason": f.reason, **({"place": f.place} if f.place else {})} for f in self.failures
            ],
            "peak_memory_bytes": self.peak_bytes,
            "device": self.device,
            "precision": self.plan.precision,
            "cache": str(self.plan.cache.folder) if self.plan.cache.folder else None,
        }


def stopped(result: Result) -> bool:
    """True for a run that stopped on request before everything was there."""
    by_signal = result.exit_code in (EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED)
    asked = by_signal or any(isinstance(f.error, Interrupted) for f in result.failures)
    return asked or (result.exit_code == 0 and bool(result.missing or result.missing_clips))
