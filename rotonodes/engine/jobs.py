"""Jobs: what a thread of a run does at a time, and how it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

from rotonodes.engine.clip_feed import ClipFeed, Upstream
from rotonodes.engine.evaluate import Evaluator, Unstored
from rotonodes.engine.result import Values
from rotonodes.errors import Interrupted, UsageError
from rotonodes.plan.plan import Task


@dataclass(eq=False)
class Job:
    """One call of a node, of a `chain` of nodes that ends with it, or (with `feed`) the delivery of one frame to a whole-clip node."""

    name: str
    frames: tuple[int | None, ...]
    chunk: int
    feed: ClipFeed | None = None
    chain: tuple[str, ...] = ()
    inputs: list[Job] = field(default_factory=list)
    consumers: list[Job] = field(default_factory=list)
    waits: int = 0  # inputs that are not made yet
    uses: int = 0  # jobs, sinks and the next chunk that still need the values
    values: dict[int | None, Values] = field(default_factory=dict)
    unstored: list[Unstored] | None = None  # values for the cache; None: each is stored at once
    failed: set[int | None] = field(default_factory=set)
    finished: bool = False

    def inputs_made(self) -> dict[Task, Values]:
        """The values that the job is made from; those of frames that failed are not there."""
        return {(source.name, frame): values for source in self.inputs for frame, values in source.values.items()}


def make_values(job: Job, evaluator: Evaluator) -> None:
    """Make the values of a job's frames, in the thread that calls; frames that could not be made are in `failed`. Raises nothing."""
    try:
        if job.chain:
            _make_chain(job, evaluator)
        else:
            _make_frames(job, evaluator)
    finally:
        job.failed.update(frame for frame in job.frames if frame not in job.values)


def _make_frames(job: Job, evaluator: Evaluator) -> None:
    """One call of a node. When a batch fails, its frames are tried one by one."""
    inputs: dict[int | None, Values] = {}
    try:
        made, cached = job.inputs_made(), evaluator.plan.cached.get(job.name, ())
        for frame in job.frames:
            try:
                inputs[frame] = {} if frame is None or frame in cached else evaluator.gather(job.name, frame, made)
            except Upstream:
                job.failed.add(frame)
        if inputs and not evaluator.record.stop.is_set():
            job.values = evaluator.make(job.name, inputs, job.unstored)
    except BaseException as error:  # memory may end anywhere, a node may call sys.exit: the run must not hang on that
        if len(inputs) == len(job.frames) > 1 and not isinstance(error, UsageError | Interrupted):
            for frame, given in inputs.items():
                evaluator.record.guard(job.name, frame, partial(_make_frame, job, evaluator, frame, given))
        else:
            evaluator.record.fail(job.name, next(iter(inputs), job.frames[0]), error)


def _make_frame(job: Job, evaluator: Evaluator, frame: int | None, given: Values) -> None:
    job.values.update(evaluator.make(job.name, {frame: given}, job.unstored))


def _make_chain(job: Job, evaluator: Evaluator) -> None:
    """The nodes of a chain at one frame, each from the one before it, which is dropped then."""
    (frame,) = job.frames
    before: Task | None = None
    name = job.chain[0]
    try:
        made = job.inputs_made()
        for name in job.chain:
            if evaluator.record.stop.is_set():
                return
            values = evaluator.make(name, {frame: evaluator.gather(name, frame, made)})
            if before is not None:
                del made[before]
            before = (name, frame)
            made[before] = values[frame]
        job.values = values
    except BaseException as error:
        evaluator.record.fail(name, frame, error)


def store_values(unstored: Iterable[Unstored], evaluator: Evaluator, done: Callable[[], None]) -> None:
    """Store values that a job left to another thread, then call `done`. What cannot be stored is a failed frame."""
    try:
        for name, frame, values in unstored:
            evaluator.record.guard(name, frame, partial(evaluator.store, (name, frame, values)))
    finally:
        done()
