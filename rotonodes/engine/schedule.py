"""One pass over the frames of a stage: chunks become jobs, jobs run when their inputs are ready, values are dropped after their last use.

A job is one call of a node, at one frame or at the frames of one batch, or the calls of a chain of nodes at one frame. A few chunks
are in flight at once, so readers run ahead of the network and writers behind it, and memory does not grow with the length of the shot.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from rotonodes.engine.chains import chains_to
from rotonodes.engine.clip_feed import ClipFeed
from rotonodes.engine.evaluate import Evaluator
from rotonodes.engine.jobs import Job, make_values, store_values
from rotonodes.engine.pool import Pool, Pools
from rotonodes.graph.graph import Link
from rotonodes.plan.plan import Stage, Task
from rotonodes.plan.sizes import CHUNKS_IN_FLIGHT, chunk_size


class StagePass:
    """Runs the sinks of a stage over its frames. `feeds` are the whole-clip nodes that take frames of it."""

    def __init__(self, evaluator: Evaluator, pools: Pools, stage: Stage, feeds: Mapping[str, ClipFeed], quiet: bool = False) -> None:
        self.evaluator, self.record, self.pools, self.feeds, self.quiet = evaluator, evaluator.record, pools, feeds, quiet
        self.plan, self.keys = evaluator.plan, evaluator.plan.keys
        self.sinks = {name: frozenset(frames) for name, frames in stage.sinks.items() if frames is not None}
        size = chunk_size(self.plan, evaluator.device, evaluator.batch, pools.threads)
        cuts = range(0, len(stage.frames), size)
        self.chunks = deque((number, stage.frames[at : at + size]) for number, at in enumerate(cuts))
        self.chains = chains_to(self.plan, self.sinks, (link.node for name, feed in feeds.items() for link in self._tapped(name, feed)))
        inside = {name for chain in self.chains.values() for name in chain[:-1]}
        self.order = [name for name in evaluator.order if name not in inside]
        self.looks_around = any(type(node).has_neighbours() for node in self.plan.nodes.values())
        self.lock = threading.RLock()
        self.admitting = False
        self.finished = threading.Event()
        self.jobs: dict[Task, Job] = {}  # jobs whose values are alive or on their way
        self.open: dict[int, int] = {}  # chunk -> jobs not finished
        self.held: list[Job] = []  # jobs kept for the next chunk
        self.left: dict[int | None, int] = {}  # frame -> unfinished jobs of sinks
        self.begun: dict[int | None, float] = {}
        self.lost: set[int | None] = set()  # frames at which a sink failed

    def start(self) -> None:
        with self.lock:
            self._admit()

    def wait(self) -> None:
        """Wait for the end, or until a job was lost; wakes regularly so that signals are handled."""
        while not (self.finished.wait(timeout=0.2) or self.record.broken.is_set()):
            self.pools.spare_memory.give_back()
            if self.record.stop.is_set():
                with self.lock:
                    self._admit()

    # Chunks become jobs; all called with the lock held.

    def _admit(self) -> None:
        if self.admitting:
            return
        self.admitting = True
        while self.chunks and len(self.open) < CHUNKS_IN_FLIGHT and not self.record.stop.is_set():
            number, frames = self.chunks.popleft()
            self.open[number] = 1  # the admission itself, so that the chunk cannot end before it has begun
            fresh = self._jobs_of(number, frames)
            kept, self.held = self.held, self._kept_for_next()
            for job in kept:
                self._drop(job)
            for job in fresh:
                if job.waits == 0 and not job.finished:
                    self._dispatch(job)
            self._close(number)
        self.admitting = False
        if self.record.stop.is_set():
            self._fail_waiting()
        if not self.open and (not self.chunks or self.record.stop.is_set()):
            self.finished.set()

    def _fail_waiting(self) -> None:
        """Fail the frames that clips still wait for. While a chunk is open, only frames of later chunks: it may itself wait for a clip."""
        ahead = {frame for _, frames in self.chunks for frame in frames}
        for feed in self.feeds.values():
            for frame in ahead.intersection(feed.wanted) if self.open else feed.wanted:
                feed.fail(frame)

    def _jobs_of(self, number: int, frames: Sequence[int]) -> list[Job]:
        """Make the jobs of a chunk, inputs before those that use them."""
        tasks = self._closure(frames)
        fresh: list[Job] = []
        for name in self.order:
            todo = [frame for frame in tasks.get(name, ()) if (name, frame) not in self.jobs]
            cached = self.plan.cached.get(name, set())
            size, calls = self.evaluator.batch_size(name), [f for f in todo if f not in cached]
            groups = [(f,) for f in todo if f in cached] + [tuple(calls[at : at + size]) for at in range(0, len(calls), size)]
            fresh += [self._new(Job(name, group, number, chain=self.chains.get(name, ()))) for group in groups]
        for frame in frames:
            sinks = [self.jobs[name, frame] for name, wanted in self.sinks.items() if frame in wanted]
            deliveries = [self._new(Job(name, (frame,), number, feed)) for name, feed in self.feeds.items() if frame in feed.wanted]
            for job in sinks:
                job.uses += 1  # until the frame is counted
            fresh += deliveries
            self.left[frame] = len(sinks) + len(deliveries)
            self.begun[frame] = time.perf_counter()
            if not self.left[frame]:
                del self.left[frame]
        return fresh

    def _closure(self, frames: Iterable[int]) -> dict[str, list[int | None]]:
        """Every task that the sinks and deliveries of a chunk depend on, by node, frames ascending."""
        stack: list[Task] = [(name, frame) for frame in frames for name, wanted in self.sinks.items() if frame in wanted]
        tasks: dict[str, set[int | None]] = {}
        for name, feed in self.feeds.items():
            stack += [task for frame in frames if frame in feed.wanted for task in self._needs_of_delivery(name, feed, frame)]
        while stack:
            name, frame = stack.pop()
            if frame not in tasks.setdefault(name, set()):
                tasks[name].add(frame)
                if (name, frame) not in self.jobs:
                    stack += self._needs(name, frame)
        return {name: sorted(found, key=lambda f: (f is not None, f or 0)) for name, found in tasks.items()}

    def _needs(self, name: str, frame: int | None) -> list[Task]:
        """The tasks that a task is made from; none when it comes from the cache, or is made once."""
        if frame is None or frame in self.plan.cached.get(name, ()):
            return []
        if name not in self.chains:
            return self.keys.tasks(name, frame)
        first, *others = self.chains[name]
        return self.keys.tasks(first, frame) + [task for other in others for task in self.keys.tasks(other, frame) if task[1] is None]

    def _needs_of_delivery(self, name: str, feed: ClipFeed, frame: int) -> list[Task]:
        per_frame = self.keys.per_frame
        return [(link.node, frame if per_frame(link.node) else None) for link in self._tapped(name, feed)]

    def _tapped(self, name: str, feed: ClipFeed) -> list[Link]:
        return [link for key, link in self.keys.inputs(name) if key in feed.inputs]

    def _new(self, job: Job) -> Job:
        needs: list[Task] = []
        for frame in job.frames:
            if job.feed is not None and frame is not None:
                needs += self._needs_of_delivery(job.name, job.feed, frame)
            else:
                needs += self._needs(job.name, frame)
        for source in dict.fromkeys(self.jobs[task] for task in needs):
            source.uses += 1
            job.inputs.append(source)
            if not source.finished:
                source.consumers.append(job)
                job.waits += 1
        if job.feed is None:
            self.jobs.update({(job.name, frame): job for frame in job.frames})
        self.open[job.chunk] += 1
        return job

    def _kept_for_next(self) -> list[Job]:
        """Keep values that the next chunk needs too (neighbouring frames), so that they are not made twice."""
        if not self.looks_around or not self.chunks:
            return []
        tasks = self._closure(self.chunks[0][1])
        jobs = {self.jobs[name, frame] for name, frames in tasks.items() for frame in frames if (name, frame) in self.jobs}
        for job in jobs:
            job.uses += 1
        return list(jobs)

    # Jobs run.

    def _dispatch(self, job: Job) -> None:
        """All inputs are made or have failed: pass the job to a pool, or its frame to the clip that waits for it."""
        if job.feed is None:
            self._pool_of(job.name).submit((job.chunk, self.evaluator.order[job.name]), lambda: self._execute(job))
            return
        frame = job.frames[0]
        try:
            job.feed.put(frame, self._for_clip(job), lambda: self._end(job))  # type: ignore[arg-type]
        except BaseException as error:
            self.record.fail(job.name, frame, error)
            job.failed.add(frame)
            self._finish(job)

    def _for_clip(self, job: Job) -> dict[str, Any]:
        assert job.feed is not None
        return self.evaluator.gather(job.name, job.frames[0], job.inputs_made(), job.feed.inputs)

    def _pool_of(self, name: str) -> Pool:
        """Nodes that take batches work on the device, one at a time; everything else on the cores."""
        return self.pools.device if type(self.plan.nodes[name]).signature.is_batch else self.pools.frames

    def _execute(self, job: Job) -> None:
        """Make the frames of a job, in a thread of a pool."""
        job.unstored = None if self._pool_of(job.name) is self.pools.frames else []
        try:
            make_values(job, self.evaluator)
            self._store_beside(job)
        finally:
            self._end(job)

    def _store_beside(self, job: Job) -> None:
        """Have another thread store what the one of the device has made; the chunk is open until that is done."""
        if unstored := job.unstored:
            job.unstored = None
            with self.lock:
                self.open[job.chunk] += 1
            store = partial(store_values, unstored, self.evaluator, lambda: self._stored(job.chunk))
            self.pools.frames.submit((job.chunk, self.evaluator.order[job.name]), store)

    def _stored(self, chunk: int) -> None:
        with self.lock:
            self._close(chunk)

    def _end(self, job: Job) -> None:
        with self.lock:
            self._finish(job)

    # Jobs end; all called with the lock held.

    def _finish(self, job: Job) -> None:
        if job.finished:
            return
        job.finished = True
        if job.failed and job.feed is not None:
            job.feed.fail(job.frames[0])  # type: ignore[arg-type]
        consumers, job.consumers = job.consumers, []
        for consumer in consumers:
            consumer.waits -= 1
            if consumer.waits == 0:
                self._dispatch(consumer)
        for source in job.inputs:
            self._drop(source)
        job.inputs = []
        for frame in job.frames:
            if job.feed is not None or frame in self.sinks.get(job.name, ()):
                self._count(job, frame)
        if job.uses == 0:
            self._forget(job)
        self._close(job.chunk)

    def _count(self, job: Job, frame: int | None) -> None:
        """A sink has ended at a frame; after the last sink of a frame, the frame is reported."""
        if job.feed is None:
            job.uses -= 1
        if frame in job.failed:
            self.lost.add(frame)
        elif job.feed is None:
            self.record.made[job.name].add(frame)
        self.left[frame] -= 1
        if self.left[frame] == 0:
            del self.left[frame]
            if not self.quiet and not (self.record.stop.is_set() and frame in self.lost):
                seconds = time.perf_counter() - self.begun.pop(frame)
                self.record.report(self.record.reporter.frame, frame, seconds, frame not in self.lost)

    def _drop(self, job: Job) -> None:
        job.uses -= 1
        if job.uses == 0 and job.finished:
            self._forget(job)

    def _forget(self, job: Job) -> None:
        for frame in job.frames:
            if self.jobs.get((job.name, frame)) is job:
                del self.jobs[job.name, frame]
        job.values = {}

    def _close(self, chunk: int) -> None:
        self.open[chunk] -= 1
        if self.open[chunk] == 0:
            del self.open[chunk]
            self._admit()


def fresh_pass(evaluator: Evaluator, pools: Pools, name: str, key: str) -> Iterator[Any]:
    """The frames of one clip input from a new stage pass, for a clip that is iterated again."""
    frames = evaluator.plan.keys.clip_frames(name)
    feed = ClipFeed(frames, [key], lambda _: fresh_pass(evaluator, pools, name, key), evaluator.record.broken.is_set)
    work = StagePass(evaluator, pools, Stage({name: None}, frames), {name: feed}, quiet=True)
    work.start()
    try:
        yield from feed.clip(key)
    finally:
        feed.close()
