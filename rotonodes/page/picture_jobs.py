"""A few threads that make what the page looks at: equal wishes once, the youngest look first, and nothing that nobody waits for."""

from __future__ import annotations

import itertools
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rotonodes.page.first_pictures import FirstLook
from rotonodes.page.preview import Previews, Superseded, Wish

THREADS = 2  # one for the network, one for what needs none


class Look(NamedTuple):
    """What a page shows: nodes, at frames."""

    nodes: frozenset[str]
    frames: frozenset[int]


@dataclass(eq=False)
class PictureJob:
    """A wish and what to make of its value; `waiting` counts the requests that want it."""

    wish: Wish
    finish: Callable[[Any], Any]
    future: Future[Any] = field(default_factory=Future)
    waiting: int = 0
    cancelled: bool = False
    begun: float = 0.0


class PictureJobs:
    """Runs wishes on threads. `finish` makes bytes of a value there, so that no picture is encoded on the loop of the server."""

    def __init__(self, previews: Previews, threads: int = THREADS) -> None:
        self.previews, self.first_look = previews, FirstLook()
        self._queue: queue.PriorityQueue[tuple[int, int, PictureJob | None]] = queue.PriorityQueue()
        self._numbers = itertools.count()
        self._jobs: dict[tuple[Any, ...], PictureJob] = {}
        self._looks: dict[str, Look] = {}
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, name=f"preview-{number}", daemon=True) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(self, identity: tuple[Any, ...], wish: Wish, finish: Callable[[Any], Any], urgency: int = 1) -> PictureJob:
        """A job for a wish, shared with others of the same identity; `leave` it when its result is not needed any more."""
        with self._lock:
            job = self._jobs.get(identity)
            if job is None or job.cancelled or job.future.done():
                job = self._jobs[identity] = PictureJob(wish, finish)
                job.future.add_done_callback(lambda _: self._forget(identity, job))
                self._queue.put((urgency, next(self._numbers), job))
            job.waiting += 1
            return job

    def _forget(self, identity: tuple[Any, ...], job: PictureJob) -> None:
        # Called from a thread that may hold the lock: the dictionary's own operation is whole.
        if self._jobs.get(identity) is job:
            self._jobs.pop(identity, None)

    def leave(self, job: PictureJob) -> None:
        """A request does not wait for a job any more; without any it is cancelled."""
        with self._lock:
            job.waiting -= 1
            if job.waiting <= 0:
                job.cancelled = True

    def look(self, who: str, look: Look | None) -> None:
        """What one page shows now (None: it is closed). Jobs for what no page shows any more are cancelled."""
        with self._lock:
            if look is None:
                self._looks.pop(who, None)
                return
            self._looks[who] = look
            for job in self._jobs.values():
                if not any(job.wish.node in one.nodes and job.wish.frame in one.frames for one in self._looks.values()):
                    job.cancelled = True

    def close(self) -> None:
        """End the threads; what they make now is let go."""
        with self._lock:
            for job in self._jobs.values():
                job.cancelled = True
        for _ in self._threads:
            self._queue.put((-1, next(self._numbers), None))

    def _work(self) -> None:
        while True:
            _, _, job = self._queue.get()
            if job is None:
                return
            self._run(job)

    def _run(self, job: PictureJob) -> None:
        job.begun = time.perf_counter()
        try:
            if job.cancelled:
                raise Superseded(f"{job.wish.node}: nobody looks at it any more")
            self.first_look.wait()
            made = job.finish(self.previews.value(job.wish, lambda: job.cancelled))
        except BaseException as error:  # whatever a node raises belongs to the request that asked for it
            job.future.set_exception(error)
        else:
            job.future.set_result(made)
