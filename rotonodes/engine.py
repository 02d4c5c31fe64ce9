"""Runs a plan on this machine: stage by stage, frames side by side on the cores, the network on its device.

How the work is cut (chunks, batches, threads, -F) never changes a pixel.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rotonodes import ranks
from rotonodes.clips import ClipFeed, Upstream
from rotonodes.errors import EXIT_FRAME_FAILED, EXIT_INTERRUPTED, EXIT_RETRY, FrameError, Interrupted, RetryError, RotoError, UsageError
from rotonodes.frames import format_frames, parse_frames
from rotonodes.graph import Graph
from rotonodes.node import FRAME_TYPES, NOT_GIVEN, Device, Monitor, Prepared
from rotonodes.pixels import Batch, Clip
from rotonodes.plan import Plan, Stage, Task, batch_of, make_plan
from rotonodes.report import Reporter, make_reporter
from rotonodes.result import Failure as Failure
from rotonodes.result import NodeStats as NodeStats
from rotonodes.result import Result as Result
from rotonodes.result import Values
from rotonodes.schedule import Pass, fresh_pass
from rotonodes.workers import Once, Pool, cpu_count, reuse_memory, set_torch_threads


def run(
    graph: Graph,
    *,
    frames: str | Sequence[int] | None = None,
    nodes: Sequence[str] = (),
    device: str = "auto",
    batch: int | None = None,
    cache: str | None = None,
    force: bool = False,
    on_error: str = "stop",
    progress: str = "none",
    reporter: Reporter | None = None,
    root: str = ".",
    path_map: Sequence[tuple[str, str]] = (),
    content_hash: bool = False,
    stop: threading.Event | None = None,
    threads: int | None = None,
) -> Result:
    """Run a graph on this machine and answer what was done.

    `frames` narrows what is delivered ("1-24" or numbers), `nodes` the sinks; `device` is auto, cpu or cuda[:N]; `cache` a
    folder (default `.rotonodes` below `root`) or "none"; `on_error` "stop" ends at the first failure, "continue" renders
    what can be rendered. Failures of frames are in the result (`exit_code` 1); UsageError is raised for what is wrong
    before any frame, Interrupted when `stop` was set.

    Of the processes of a torchrun the first one does all this; the others make, with it, the nodes that are `shared`, and
    write neither outputs nor cache.
    """
    wanted = parse_frames(frames) if isinstance(frames, str) else frames
    options: dict[str, Any] = {"frames": wanted, "root": root, "cache": cache, "force": force}
    options |= {"content_hash": content_hash, "path_map": path_map}
    plan = make_plan(graph, nodes=nodes, **options)
    if not ranks.is_first():
        shared = [name for name in plan.todo if type(plan.nodes[name]).shared]
        if not shared:
            return Result(plan)
        plan = make_plan(graph, nodes=shared, **options)
        plan.kept = set()
    reporter = reporter or make_reporter(progress)
    begun = time.perf_counter()
    if plan.is_empty:
        result = Result(plan, stats=_done_stats(plan), wanted=len(plan.delivered))
        reporter.start(plan, 0, len(plan.delivered))
        reporter.end(result)
        return result
    reporter.start(plan, len(plan.stages), len(plan.delivered))  # first, for torch takes a second or two to import
    reuse_memory()
    work = Run(plan, choose_device(device), batch, on_error == "continue", reporter, stop or threading.Event(), threads)
    try:
        for number, stage in enumerate(plan.stages):
            reporter.stage(number, len(plan.stages), len(stage.frames), ", ".join(stage.sinks))
            work.run_stage(stage)
            if work.stop.is_set():
                break
    except BaseException:  # Ctrl-C where nobody listens for it: threads must not go on by themselves
        work.stop.set()
        raise
    finally:
        work.close()
    result = work.finish(time.perf_counter() - begun)
    reporter.end(result)
    if work.fatal is not None:
        raise work.fatal
    if result.exit_code == EXIT_INTERRUPTED:
        raise Interrupted("interrupted; what is finished stays, and the same command goes on from there")
    return result


def choose_device(wanted: str) -> str:
    """`auto`, `cpu`, `cuda` or `cuda:N` -> a device that is there. UsageError when the one asked for is not.

    The processes of a torchrun get a GPU each, as far as there are enough.
    """
    if wanted == "cpu":
        return "cpu"
    kind, _, index = wanted.partition(":")
    if kind not in ("auto", "cuda") or (index and not index.isdigit()):
        raise UsageError(f"the device is auto, cpu, cuda or cuda:N, not {wanted!r}")
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index and ranks.local_count() > 1:
        raise UsageError(f"device {wanted}: each of the {ranks.local_count()} processes here takes a GPU of its own: use --device cuda")
    if not index and count:
        index = str(ranks.local_rank() % count)
    if kind == "auto":
        return f"cuda:{index}" if count else "cpu"
    if int(index or 0) >= count:
        raise UsageError(f"device {wanted}: this machine has {count} CUDA devices that torch can use; take --device auto or cpu")
    return f"cuda:{index}"


class Run:
    """What all stages of one run share: pools, values made once, statistics, failures, the wish to stop."""

    def __init__(
        self, plan: Plan, device: str, batch: int | None, keep_going: bool, reporter: Reporter, stop: threading.Event, threads: int | None
    ) -> None:
        self.plan, self.device, self.batch, self.keep_going = plan, device, batch, keep_going
        self.reporter, self.asked_to_stop = reporter, stop
        self.stop = _EitherEvent(stop)
        self.threads = threads or cpu_count()
        self.frames_pool = Pool(self.threads, "frames")
        self.device_pool = Pool(1, "device") if device != "cpu" else self.frames_pool
        self.order = {name: i for i, name in enumerate(plan.graph.order())}
        self.result = Result(plan, stats=_done_stats(plan), device=device, wanted=len(plan.delivered))
        self.fatal: BaseException | None = None
        self.made: dict[str, set[int | None]] = {name: set() for name in self.order}  # sinks' tasks that are whole
        self._once: dict[str, Once] = {name: Once() for name in self.order}
        self._prepared: dict[str, Once] = {name: Once() for name in self.order}
        self._batch_limit: dict[str, int] = {}
        self._lock = threading.Lock()

    # Stages.

    def run_stage(self, stage: Stage) -> None:
        """Whole-clip nodes get a thread each and are fed by one pass over the stage's frames."""
        clips = [n for n, frames in stage.sinks.items() if frames is None and type(self.plan.nodes[n]).takes_whole_clip()]
        feeds = {name: self._feed(name) for name in clips}
        for feed in feeds.values():
            if tuple(frame for frame in stage.frames if frame in feed.wanted) != feed.frames:
                feed.close()  # its frames run in another order than the stage's: it gets a pass of its own
        work = Pass(self, stage, feeds)
        threads = [threading.Thread(target=self._run_clip, args=(name, feeds[name]), name=f"clip-{name}", daemon=True) for name in clips]
        for thread in threads:
            thread.start()
        work.start()
        work.wait()
        for thread in threads:
            while thread.is_alive():
                thread.join(timeout=0.2)
        for name, frames in stage.sinks.items():
            if frames is None and name not in feeds and not self.stop.is_set():
                self._guard(name, None, lambda name=name: self._finish_once(name))  # type: ignore[misc]

    def _finish_once(self, name: str) -> None:
        """A sink that is made once and takes no clip (a written model)."""
        self.once(name)
        self.made[name].add(None)

    def _feed(self, name: str) -> ClipFeed:
        sockets = type(self.plan.nodes[name]).signature.inputs
        keys = list(dict.fromkeys(key for key, _ in self.plan.keys.inputs(name) if sockets[key].feed != "once"))
        return ClipFeed(self.plan.keys.clip_frames(name), keys, lambda key: fresh_pass(self, name, key))

    def _run_clip(self, name: str, feed: ClipFeed) -> None:
        set_torch_threads(self.threads)  # a node that has the machine to itself (training) may use all of it
        try:
            self._guard(name, None, lambda: self._once[name].get(lambda: self._call_clip(name, feed)))
        finally:
            feed.close()

    def _call_clip(self, name: str, feed: ClipFeed) -> Values:
        node = self.plan.nodes[name]
        inputs: Values = {}
        for key, link in self.plan.keys.inputs(name):
            socket = type(node).signature.inputs[key]
            if socket.feed == "clip":
                inputs[key] = feed.clip(key)
            elif key in feed.inputs:  # a single frame beside the clip: its first
                inputs[key] = next(iter(feed.clip(key)))
            else:
                _link_value(inputs, key, self.once(link.node)[link.output], socket.many)
        begun = time.perf_counter()
        values = self._store(name, None, node.split_outputs(self._call(name, None, inputs)))
        self._note(name, 1, time.perf_counter() - begun)
        self.result.values[name] = values
        self.made[name].add(None)
        return values

    # Tasks.

    def batch_size(self, name: str) -> int:
        return min(batch_of(self.plan.nodes[name], self.device, self.batch), self._batch_limit.get(name, 1 << 30))

    def pool_of(self, name: str) -> Pool:
        """Nodes that take batches work on the device, one at a time; everything else on the cores."""
        return self.device_pool if type(self.plan.nodes[name]).signature.is_batch else self.frames_pool

    def make(self, name: str, inputs: Mapping[int | None, Values]) -> dict[int | None, Values]:
        """A node's outputs at some frames, from its inputs at them: from the cache, or by calling it."""
        if None in inputs:
            return {None: self.once(name)}
        frames = list(inputs)
        begun = time.perf_counter()
        cached = self.plan.cached.get(name, ())
        if frames[0] in cached:
            made = {frame: self._load(name, frame) for frame in frames}
            self._note(name, len(frames), time.perf_counter() - begun, cached=True)
            return made
        made = {}
        for same in _of_one_shape(self._batched_inputs(name), inputs):
            made.update(self._call_frames(name, same, inputs))
        self._note(name, len(frames), time.perf_counter() - begun)
        return made

    def once(self, name: str) -> Values:
        """The outputs of a node that is made once; the first who asks makes it and what it needs."""
        return self._once[name].get(lambda: self._make_once(name))  # type: ignore[no-any-return]

    def _make_once(self, name: str) -> Values:
        if None in self.plan.cached.get(name, ()):
            self._note(name, 1, 0.0, cached=True)
            return self._load(name, None)
        if type(self.plan.nodes[name]).takes_whole_clip():
            raise Upstream(name)  # its stage did not finish
        made: dict[Task, Values] = {(link.node, None): self.once(link.node) for _, link in self.plan.keys.inputs(name)}
        begun = time.perf_counter()
        inputs = self.gather(name, None, made)
        values = self._store(name, None, self.plan.nodes[name].split_outputs(self._call(name, None, inputs)))
        self._note(name, 1, time.perf_counter() - begun)
        return values

    def gather(self, name: str, frame: int | None, made: Mapping[Task, Values], only: Sequence[str] | None = None) -> Values:
        """A node's inputs by name out of what is made. Upstream when something is missing because it failed."""
        node = self.plan.nodes[name]
        sockets = type(node).signature.inputs
        inputs: Values = {}
        for key, link in self.plan.keys.inputs(name):
            if only is not None and key not in only:
                continue
            if only is not None:
                asked: tuple[int | None, ...] = (frame if self.plan.keys.per_frame(link.node) else None,)
            else:
                asked = self.plan.keys.input_frames(name, frame, key, link)
            if any((link.node, f) not in made for f in asked):
                raise Upstream(link.node)
            values = [made[link.node, f].get(link.output) for f in asked]
            if only is None and sockets[key].feed == "clip":
                numbers = [frame if f is None else f for f in asked]
                inputs[key] = Clip.of(values, [0 if n is None else n for n in numbers])
            else:
                _link_value(inputs, key, values[0], sockets[key].many)
        return inputs

    def _batched_inputs(self, name: str) -> list[str]:
        return [socket.name for socket in type(self.plan.nodes[name]).signature.inputs.values() if socket.feed == "batch"]

    def _call_frames(self, name: str, frames: list[int | None], inputs: Mapping[int | None, Values]) -> dict[int | None, Values]:
        node = self.plan.nodes[name]
        if not self._batched_inputs(name):
            return {f: self._store(name, f, node.split_outputs(self._call(name, f, inputs[f]))) for f in frames}
        made = self._call_batch(name, [inputs[frame] for frame in frames], frames[0] if len(frames) == 1 else None)
        return {frame: self._store(name, frame, values) for frame, values in zip(frames, made, strict=True)}

    def _call_batch(self, name: str, inputs: list[Values], frame: int | None = None) -> list[Values]:
        """One batch; on CUDA out of memory it is halved, the half remembered, and the frames are tried again."""
        import torch

        limit = self._batch_limit.get(name, len(inputs))
        if len(inputs) > limit:
            return [values for at in range(0, len(inputs), limit) for values in self._call_batch(name, inputs[at : at + limit])]
        stacked = dict(inputs[0])
        for key in self._batched_inputs(name):
            if stacked.get(key) is not None:
                stacked[key] = Batch.of([given[key].to(self.device) for given in inputs])
        node = self.plan.nodes[name]
        result: Values | None = None
        # Handled behind the block: inside an except the error would keep alive what the failed try has on the device.
        with contextlib.suppress(torch.OutOfMemoryError):
            result = node.split_outputs(self._call(name, frame, stacked))
        if result is None:
            del stacked
            if len(inputs) == 1:
                raise FrameError("out of memory on the device even for one frame: use --device cpu, or smaller tiles")
            torch.cuda.empty_cache()
            self._batch_limit[name] = len(inputs) // 2
            self.tell("warning", f"{name}: out of memory with a batch of {len(inputs)}; going on with {len(inputs) // 2}")
            return self._call_batch(name, inputs)
        split = {key: value.split() if isinstance(value, Batch) else [value] * len(inputs) for key, value in result.items()}
        return [{key: values[i] for key, values in split.items()} for i in range(len(inputs))]

    def _call(self, name: str, frame: int | None, inputs: Values) -> Any:
        node = self.plan.nodes[name]
        prepared: Any = NOT_GIVEN
        if Prepared in type(node).signature.asks.values():
            once = {key: inputs.get(key) for key, s in type(node).signature.inputs.items() if s.feed == "once"}
            prepared = self._prepared[name].get(lambda: node.prepare(Device(self.device), **once))
        key = self.plan.keys.of(name, frame) if frame is not None or not self.plan.keys.per_frame(name) else ""
        wanted = self.plan.outputs.get(name)
        return node.run(inputs, frame=frame, key=key, device=self.device, wanted=wanted, monitor=RunMonitor(self, name), prepared=prepared)

    # The cache and the books.

    def _store(self, name: str, frame: int | None, values: Values) -> Values:
        for output, kind in self.plan.nodes[name].outputs().items():
            value = values.get(output)
            if kind in FRAME_TYPES and value is not None and not isinstance(value, kind):  # type: ignore[arg-type]
                raise FrameError(f"its process gave {type(value).__name__} for the output {output!r}, which is declared as {kind.__name__}")
        if name in self.plan.kept:
            outputs = self.plan.outputs.get(name, ())
            self.plan.cache.store(self.plan.keys.of(name, frame), {o: values.get(o) for o in outputs})
        return values

    def _load(self, name: str, frame: int | None) -> Values:
        kinds = dict(self.plan.nodes[name].outputs())
        values = self.plan.cache.load(self.plan.keys.of(name, frame), sorted(self.plan.outputs[name]), kinds)
        return self._make_again(name, frame) if values is None else values

    def _make_again(self, name: str, frame: int | None) -> Values:
        """What the plan counted on is damaged in the cache, or gone since: make it, and all it needs, here and now."""
        if frame is None and type(self.plan.nodes[name]).takes_whole_clip():
            raise FrameError(f"its entry in the cache ({self.plan.cache.folder}) was damaged and is removed: run again")
        made: dict[Task, Values] = {}
        for key, link in self.plan.keys.inputs(name):
            for f in self.plan.keys.input_frames(name, frame, key, link):
                if f is None:
                    made[link.node, f] = self.once(link.node)
                elif (link.node, f) not in made:
                    cached = f in self.plan.cached.get(link.node, ())
                    made[link.node, f] = self._load(link.node, f) if cached else self._make_again(link.node, f)
        return self._call_frames(name, [frame], {frame: self.gather(name, frame, made)})[frame]

    def _note(self, name: str, count: int, seconds: float, cached: bool = False) -> None:
        with self._lock:
            stats = self.result.stats[name]
            stats.seconds += seconds
            if cached:
                stats.cached += count
            else:
                stats.ran += count

    def tell(self, what: str, *values: Any) -> None:
        """Pass an event to the reporter. One that fails (a closed pipe) ends the run, but never leaves it hanging."""
        try:
            getattr(self.reporter, what)(*values)
        except Exception as error:
            self.fatal = self.fatal or error
            self.stop.set()

    def _guard(self, name: str, frame: int | None, call: Any) -> None:
        try:
            call()
        except BaseException as error:  # a node may call sys.exit: the run must not hang on that
            self.fail(name, frame, error)

    def fail(self, name: str, frame: int | None, error: BaseException) -> None:
        """Note that a task failed; what hangs on it fails silently."""
        if isinstance(error, Upstream):
            if frame is None and not self.stop.is_set():
                self.tell("warning", f"{name}: not made, because a frame that it needs failed")
            return
        if isinstance(error, Interrupted) and not self.asked_to_stop.is_set():
            return  # a long node that gave up because another one failed
        gaps = self._gaps(name) if isinstance(error, FrameError) and frame is not None else ""
        if isinstance(error, RotoError):
            reason, trace = str(error) + gaps, ""
        else:
            reason = f"{type(error).__name__}: {error}"
            trace = "".join(traceback.format_exception(error))
        # Its traceback holds the pictures of every frame that it went through.
        error = error.with_traceback(None)
        error.__context__ = error.__cause__ = None
        with self._lock:
            fatal = isinstance(error, UsageError | Interrupted)
            if fatal and self.fatal is not None:
                return  # every frame would say the same
            self.result.failures.append(Failure(name, frame, reason, error, trace))
            self.result.stats[name].failed += 1
            if fatal:
                self.fatal = error if isinstance(error, Interrupted) else UsageError(f"{name}: {reason}")
            if fatal or not self.keep_going:
                self.stop.set()
        if not fatal:
            self.tell("failure", name, frame, reason, trace)

    def _gaps(self, name: str) -> str:
        """Every frame that this run needs of a source and that is not on disk, when there are several."""
        gone = [frame for frame in self.plan.missing.get(name, ()) if frame is not None]
        return f"; this run needs frames {format_frames(gone)}, which are missing" if len(gone) > 1 else ""

    def finish(self, seconds: float) -> Result:
        """The result, when all stages have run."""
        result = self.result
        result.seconds = seconds
        result.peak_bytes = peak_memory()
        if result.failures:
            retry = all(isinstance(f.error, RetryError) for f in result.failures)
            result.exit_code = EXIT_RETRY if retry else EXIT_FRAME_FAILED
        missing: set[int] = set()
        clips = []
        for name, frames in ((name, frames) for stage in self.plan.stages for name, frames in stage.sinks.items()):
            if frames is not None:
                missing.update(f for f in frames if f not in self.made[name])
            elif None not in self.made[name]:
                clips.append(name)
        if self.asked_to_stop.is_set() and (clips or missing):
            result.exit_code = EXIT_INTERRUPTED
        elif (clips or missing) and not result.exit_code:
            result.exit_code = EXIT_FRAME_FAILED
        result.missing_clips = tuple(clips)
        result.missing = tuple(f for f in self.plan.delivered if clips or f in missing)
        return result

    def close(self) -> None:
        self.frames_pool.close()
        self.device_pool.close()


class RunMonitor(Monitor):
    """What a long node tells goes to the reporter; it should stop when the run should."""

    def __init__(self, run: Run, name: str) -> None:
        self._run, self._name = run, name

    def progress(self, done: int, total: int, text: str = "") -> None:
        self._run.tell("progress", self._name, done, total, text)

    def warn(self, text: str) -> None:
        self._run.tell("warning", f"{self._name}: {text}")

    def stopping(self) -> bool:
        return self._run.stop.is_set()


class _EitherEvent:
    """Set when the run itself wants to stop, or when the caller's event is set."""

    def __init__(self, other: threading.Event) -> None:
        self._own, self._other = threading.Event(), other

    def set(self) -> None:
        self._own.set()

    def is_set(self) -> bool:
        return self._own.is_set() or self._other.is_set()


def _link_value(inputs: Values, key: str, value: Any, many: bool) -> None:
    if many:
        inputs.setdefault(key, []).append(value)
    else:
        inputs[key] = value


def _of_one_shape(batched: Sequence[str], inputs: Mapping[int | None, Values]) -> Iterator[list[int | None]]:
    """Frames in runs that can be stacked: of one shape, with the same channels, in every batched input."""

    def shapes(frame: int | None) -> Any:
        values = [inputs[frame][key] for key in batched if inputs[frame].get(key) is not None]
        return [(tuple(value.data.shape), getattr(value, "channels", None)) for value in values]

    for _, same in itertools.groupby(inputs, key=shapes):
        yield list(same)


def _done_stats(plan: Plan) -> dict[str, NodeStats]:
    return {name: NodeStats(done=len(plan.done.get(name, ()))) for name in plan.graph.vertices}


def peak_memory() -> int:
    """The most resident memory this process has had, in bytes."""
    scale = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale
