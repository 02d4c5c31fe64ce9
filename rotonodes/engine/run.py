"""Runs a plan on this machine: stage by stage, frames in parallel on the cores, the network on its device.

The division of the work (chunks, batches, threads, -F) never changes a pixel.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rotonodes.engine.call_timeline import Timeline
from rotonodes.engine.clip_feed import ClipFeed
from rotonodes.engine.evaluate import Evaluator
from rotonodes.engine.events import Reporter
from rotonodes.engine.kept import Kept
from rotonodes.engine.libraries import library_faults
from rotonodes.engine.pool import Pools, no_thread
from rotonodes.engine.record import Record, done_stats
from rotonodes.engine.result import Result
from rotonodes.engine.schedule import StagePass, fresh_pass
from rotonodes.errors import EXIT_INTERRUPTED, Interrupted, UsageError
from rotonodes.graph.graph import Graph
from rotonodes.machine import torchrun
from rotonodes.machine.cores import cpu_count, set_torch_threads
from rotonodes.machine.devices import choose_device
from rotonodes.machine.memory import reuse_memory
from rotonodes.machine.precision import refuse_lacking
from rotonodes.plan.done import sweep_unfinished
from rotonodes.plan.made_from import Records
from rotonodes.plan.make_plan import make_plan
from rotonodes.plan.plan import Plan, Stage
from rotonodes.values.frames import parse_frames

if TYPE_CHECKING:
    from rotonodes.engine.readers import Readers


def run(
    graph: Graph,
    *,
    frames: str | Sequence[int] | None = None,
    nodes: Sequence[str] = (),
    device: str = "auto",
    batch: int | None = None,
    cache: str | None = None,
    force: bool | Sequence[str] = False,
    on_error: str = "stop",
    reporter: Reporter | None = None,
    root: str = ".",
    path_map: Sequence[tuple[str, str]] = (),
    content_hash: bool = False,
    stop: threading.Event | None = None,
    threads: int | None = None,
    verify: bool = False,
    precision: str | None = None,
    kept: Kept | None = None,
    timeline: Timeline | None = None,
    sandbox: Sequence[str] | None = None,
    isolate_readers: bool = False,
) -> Result:
    """Run a graph on this machine and return the result.

    `frames` narrows the frames delivered ("1-24" or numbers), `nodes` the sinks; `device` is auto, cpu or cuda[:N]; `cache` a
    folder (default `.rotonodes` below `root`) or "none"; `force` makes everything again, or the nodes it names and what is made from
    them; `on_error` "stop" ends at the first failure, "continue" makes every other frame; `verify` reads every byte of the outputs that
    are there; `precision` (auto, float32, bfloat16, float16) is the arithmetic of all networks, instead of the nodes' own; `sandbox`
    refuses files outside of `root` and of these folders to read; `isolate_readers` decodes files in helper processes, so that a decoder
    that crashes is one failed frame; `reporter` receives the events of the run; `kept` has the networks of earlier runs; `timeline` is
    given what each thread does. Failed frames are in the result (`exit_code` 1). Raises UsageError for faults found before any frame,
    Interrupted when `stop` was set.

    In a torchrun, the process of rank 0 does all this; the others only make the nodes that are `shared`, together with it,
    and write neither outputs nor cache.
    """
    wanted = parse_frames(frames) if isinstance(frames, str) else frames
    options: dict[str, Any] = {"frames": wanted, "root": root, "cache": cache, "force": force, "verify": verify}
    options |= {"content_hash": content_hash, "path_map": path_map, "device": device, "precision": precision, "sandbox": sandbox}
    if isolate_readers:
        _try_plan(graph, nodes, options)
    plan = make_plan(graph, nodes=nodes, **options)
    if not torchrun.is_first():
        shared = [name for name in plan.todo if type(plan.nodes[name]).shared]
        if not shared:
            return Result(plan)
        plan = make_plan(graph, nodes=shared, store=False, **options)
    reporter = reporter or Reporter()
    if torchrun.is_first():
        sweep_unfinished(plan)
    if plan.is_empty:
        _noted(plan)
        result = Result(plan, stats=done_stats(plan), wanted=len(plan.delivered))
        reporter.start(plan, 0, len(plan.delivered))
        reporter.end(result)
        return result
    count, stop = threads or cpu_count(), stop or threading.Event()
    with _helpers(plan, count if isolate_readers else 0) as readers:
        return _run_plan(plan, reporter, device, batch, on_error == "continue", stop, count, kept, timeline, readers)


def _try_plan(graph: Graph, nodes: Sequence[str], options: dict[str, Any]) -> None:
    """Make the plan, which reads headers, in another process. Raises FrameError when that crashes."""
    from rotonodes.engine.readers import survives

    survives(lambda: make_plan(graph, nodes=nodes, **options))


@contextlib.contextmanager
def _helpers(plan: Plan, count: int) -> Iterator[Readers | None]:
    """`count` processes that read files, for as long as the block lasts; none for 0."""
    if not count:
        yield None
        return
    from rotonodes.engine.readers import Readers

    readers = Readers(plan, count)
    try:
        yield readers
    finally:
        readers.close()


def _noted(plan: Plan) -> None:
    if torchrun.is_first():
        Records(plan.cache.folder).note(plan)


def _run_plan(
    plan: Plan,
    reporter: Reporter,
    device: str,
    batch: int | None,
    keep_going: bool,
    stop: threading.Event,
    threads: int,
    kept: Kept | None,
    timeline: Timeline | None,
    readers: Readers | None,
) -> Result:
    begun = time.perf_counter()
    reporter.start(plan, len(plan.stages), len(plan.delivered))  # before torch is imported, which takes a second or two
    for text in plan.warnings:
        reporter.warning(text)
    reuse_memory()
    chosen = choose_device(device)
    for name, kind in plan.precision.items():
        if name in plan.todo:
            _refuse_precision(plan, name, kind, chosen)
    for fault in library_faults(plan.graph, (name for name, frames in plan.todo.items() if frames)):
        raise UsageError(fault)
    _noted(plan)  # nothing is written for a run that is refused
    record = Record(plan, chosen, keep_going, reporter, stop)
    evaluator = Evaluator(plan, record, chosen, batch, kept, timeline, readers)
    pools = Pools(threads, chosen != "cpu", record.lose)
    try:
        for number, stage in enumerate(plan.stages):
            reporter.stage(number, len(plan.stages), len(stage.frames), ", ".join(stage.sinks))
            _run_stage(stage, evaluator, pools)
            if record.stop.is_set():
                break
    except BaseException:  # Ctrl-C without a handler: threads must not continue on their own
        record.stop.set()
        raise
    finally:
        pools.close()
    plan.cache.prune()
    result = record.finish(time.perf_counter() - begun)
    reporter.end(result)
    if record.fatal is not None:
        raise record.fatal
    if result.exit_code == EXIT_INTERRUPTED:
        raise Interrupted("interrupted; finished frames are kept, and the same command continues from there")
    return result


def _refuse_precision(plan: Plan, name: str, precision: str, device: str) -> None:
    """Raise UsageError, with the node's place, for an arithmetic that the device does not have."""
    try:
        refuse_lacking(precision, device)
    except UsageError as error:
        raise plan.graph.vertices[name].located(error) from None


def _run_stage(stage: Stage, evaluator: Evaluator, pools: Pools) -> None:
    """Run one stage: each whole-clip node has its own thread, and all of them are fed by one pass over the stage's frames."""
    plan, record = evaluator.plan, evaluator.record
    clips = [n for n, frames in stage.sinks.items() if frames is None and type(plan.nodes[n]).takes_whole_clip()]
    feeds = {name: _feed(name, evaluator, pools) for name in clips}
    for feed in feeds.values():
        if tuple(frame for frame in stage.frames if frame in feed.wanted) != feed.frames:
            feed.close()  # its frames have another order than the stage's: it gets a stage pass of its own
    work = StagePass(evaluator, pools, stage, feeds)
    threads = [
        threading.Thread(target=_run_clip, args=(name, feeds[name], evaluator, pools), name=f"clip-{name}", daemon=True) for name in clips
    ]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError as error:
        record.stop.set()
        for feed in feeds.values():
            feed.close()
        raise no_thread() from error
    work.start()
    work.wait()
    for thread in threads:
        while thread.is_alive():
            thread.join(timeout=0.2)
            pools.spare_memory.give_back()
    for name, frames in stage.sinks.items():
        if frames is None and name not in feeds and not record.stop.is_set():
            record.guard(name, None, lambda name=name: _finish_once(name, evaluator))  # type: ignore[misc]


def _finish_once(name: str, evaluator: Evaluator) -> None:
    """Make a sink that is made once and takes no clip (a model to write)."""
    evaluator.once(name)
    evaluator.record.made[name].add(None)


def _feed(name: str, evaluator: Evaluator, pools: Pools) -> ClipFeed:
    plan = evaluator.plan
    sockets = type(plan.nodes[name]).signature.inputs
    keys = list(dict.fromkeys(key for key, _ in plan.keys.inputs(name) if sockets[key].feed != "once"))
    return ClipFeed(plan.keys.clip_frames(name), keys, lambda key: fresh_pass(evaluator, pools, name, key), evaluator.record.broken.is_set)


def _run_clip(name: str, feed: ClipFeed, evaluator: Evaluator, pools: Pools) -> None:
    """Call a whole-clip node; runs in a thread of its own."""
    set_torch_threads(pools.threads)  # a long node (training) may use the whole machine
    try:
        evaluator.record.guard(name, None, lambda: evaluator.whole_clip(name, feed))
    finally:
        feed.close()
