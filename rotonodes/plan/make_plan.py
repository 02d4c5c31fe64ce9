"""Makes a plan from a graph and frames: stages, tasks that are done already or why not, missing files, peak memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set

from rotonodes.errors import PlanFault, UsageError, did_you_mean, did_you_mean_file
from rotonodes.graph.graph import Graph, Link, select
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.plan.cache import Cache
from rotonodes.plan.differences import History
from rotonodes.plan.done import is_done
from rotonodes.plan.inputs import list_files, refuse_misplaced
from rotonodes.plan.keys import FileFingerprints, Keys
from rotonodes.plan.missing_files import missing_frames
from rotonodes.plan.network_precision import decide_precision
from rotonodes.plan.paths import Paths
from rotonodes.plan.plan import Plan, Stage
from rotonodes.plan.sandbox import Sandbox, refuse_paths
from rotonodes.plan.sizes import estimate_memory
from rotonodes.values.frame_sets import FrameSet
from rotonodes.values.frames import frames_between, frames_named

CACHE_FOLDER = ".rotonodes"


def make_plan(
    graph: Graph,
    *,
    frames: Sequence[int] | None = None,
    nodes: Sequence[str] = (),
    root: str = ".",
    cache: str | None = None,
    force: bool | Sequence[str] = False,
    content_hash: bool = False,
    path_map: Sequence[tuple[str, str]] = (),
    store: bool = True,
    verify: bool = False,
    device: str = "auto",
    precision: str | None = None,
    sandbox: Sequence[str] | None = None,
) -> Plan:
    """Plan a run of `graph`. `frames` narrows the frames delivered, `nodes` (-X) the sinks; `cache` is a folder or "none"; `force` makes
    everything again, or these nodes and what is made from them; `store` False plans a run that writes nothing to the cache; `precision`
    goes before that of the nodes, and where it is auto, `device` decides; `sandbox` refuses files outside of `root` and of these folders
    to read.

    Nothing is rendered; only size, time and key of files are read, with `verify` every byte of the outputs. Raises UsageError when
    there is nothing to deliver or the frames are unknown.
    """
    if graph.open_inputs:
        raise UsageError(f"{graph.file} works only as a node of another graph: its input {graph.open_inputs[0]!r} is not linked")
    paths = Paths(root, path_map)
    box = None if sandbox is None else Sandbox(paths, sandbox)
    chosen = select(graph, nodes)
    sinks = list(dict.fromkeys(link.node for link in chosen)) if nodes else graph.sinks()
    placed = {name: vertex.node.at(paths.here, paths.source) for name, vertex in graph.vertices.items()}
    if box is not None:  # before anything is listed
        refuse_paths(graph, box, placed, sinks)
        box.refuse_cache(paths.here(CACHE_FOLDER) if cache is None else "")
    resolved = list_files(placed, sinks)
    chosen_precision = decide_precision(graph, resolved, device, precision)
    # What is measured and learned depends on the whole graph, whatever -X and -F narrow.
    clip = graph.frames or _frames_on_disk(graph, resolved, graph.sinks())
    delivered = tuple(frames) if frames is not None else graph.frames or _frames_on_disk(graph, resolved, sinks)
    if not delivered and _asks_frames(graph, sinks):
        raise UsageError(no_frames(graph, resolved, sinks))
    keys = Keys(graph, resolved, clip or delivered, delivered, FileFingerprints(paths.written, content_hash))
    folder = None if cache == "none" else paths.here(cache or CACHE_FOLDER)
    plan = Plan(graph, keys, Cache(folder), delivered, sinks, nodes=resolved, precision=chosen_precision)
    plan.kept = {n for n, v in graph.vertices.items() if v.keeps and not type(v.node).is_writer()}
    plan.kept |= {n for n in sinks if not type(graph.vertices[n].node).is_writer()}
    for link in chosen:
        if link.output:
            plan.outputs.setdefault(link.node, set()).add(link.output)
    _Planner(plan, forced_nodes(graph, sinks, force), verify).walk()
    refuse_misplaced(plan, box)
    if not store:
        plan.kept = set()
    _refuse_late_faults(plan)
    if graph.frames is None and frames is None:
        plan.warnings += gap_warnings(delivered)
    plan.warnings += [*removed_warnings(plan.cache), *whole_clip_warnings(plan)]
    plan.missing = missing_frames(plan)
    plan.memory = estimate_memory(plan)
    return plan


def _refuse_late_faults(plan: Plan) -> None:
    """Raise PlanFault for a fault that shows only now, where the graph does not give its frames."""
    for name in plan.sinks if plan.graph.frames is None else ():
        vertex = plan.graph.vertices[name]
        for message in vertex.node.faults(frozenset(vertex.links), len(plan.delivered)):
            raise PlanFault(vertex.line(message))


def forced_nodes(graph: Graph, sinks: Sequence[str], force: bool | Sequence[str]) -> frozenset[str]:
    """The nodes whose values and files do not count: all, or those named and what is made from them.

    Raises UsageError for a name that the graph does not have, and for a node that no delivered output is made from.
    """
    if isinstance(force, bool):
        return frozenset(graph.vertices) if force else frozenset()
    found: set[str] = set()
    for name in force:
        inside = {n for n in graph.vertices if n.startswith(f"{name}/")} if name in graph.subgraphs else set()
        if not inside and name not in graph.vertices:
            raise UsageError(f"--force {name}: the graph has no node {name!r}{did_you_mean(name, [*graph.vertices, *graph.subgraphs])}")
        after = {n for n in graph.upstream(sinks) if graph.upstream([n]) & (inside or {name})}
        if not after:
            raise UsageError(f"--force {name}: nothing that is delivered is made from it")
        found |= after
    return frozenset(found)


def _frames_on_disk(graph: Graph, nodes: dict[str, Node], sinks: Iterable[str]) -> tuple[int, ...]:
    """Every frame that a source of the sinks finds on disk, rising."""
    found: set[int] = set()
    for name in graph.upstream(sinks):
        try:
            found.update(nodes[name].available() or ())
        except UsageError as error:
            raise graph.vertices[name].located(error) from None
    return tuple(sorted(found))


def no_frames(graph: Graph, nodes: dict[str, Node], sinks: Iterable[str]) -> str:
    """The message for a graph without `frames:` whose sources find no file on disk."""
    active = graph.upstream(sinks)
    for name, vertex in graph.vertices.items():
        if name in active and nodes[name].available() == ():
            parameter, path = next(iter(nodes[name].paths("input")), ("path", ""))
            near = did_you_mean_file(path)
            ways = f"check the path (--set {name}.{parameter}=...) and --root, or name the frames (--set frames=1-24)"
            return vertex.line(f"no file on disk matches {path}{near}: {ways}")
    return "which frames? no node reads numbered files: name the frames with `frames:` in the graph, --set frames=1-24 or -F"


def whole_clip_warnings(plan: Plan) -> list[str]:
    """One line for each node that takes more frames than are delivered, because it measures or learns from the whole shot."""
    found = []
    for name in plan.todo:
        if type(plan.nodes[name]).takes_whole_clip() and not type(plan.nodes[name]).is_writer():
            clip, delivered = plan.keys.clip_frames(name), FrameSet(plan.delivered)
            more = [] if clip == plan.delivered else [frame for frame in clip if frame not in delivered]
            if more:
                what = "the whole shot" if len(clip) >= len(plan.keys.clip) else f"{len(clip)} frames of the whole shot"
                found.append(f"{name} takes {what}: {frames_named(more)} {'is' if len(more) == 1 else 'are'} read too")
    return found


def gap_warnings(frames: Sequence[int]) -> list[str]:
    """A warning for frames on disk with gaps: at most one line. Frames with a regular step (on twos) have none."""
    gone = frames_between(frames)
    return [f"the frames on disk have gaps: {frames_named(gone)} {'is' if len(gone) == 1 else 'are'} left out"] if gone else []


def removed_warnings(cache: Cache) -> list[str]:
    """A line about damaged entries that were removed from the cache; their values are made again."""
    count = len(cache.removed)
    what = "a damaged entry was" if count == 1 else f"{count} damaged entries were"
    return [f"cache {cache.folder}: {what} removed; what {'it' if count == 1 else 'they'} held is made again"] if count else []


def _asks_frames(graph: Graph, sinks: Iterable[str]) -> bool:
    return any(Frame in type(graph.vertices[name].node).signature.asks.values() for name in graph.upstream(sinks))


_BLOCK = 4096  # frames


class _Look:
    """What was found at the frames of a sink: `at` are those whose files may be there, None for all."""

    def __init__(self, frames: tuple[int | None, ...], at: Set[int | None] | None) -> None:
        self.frames, self.at = frames, at
        self.done: list[int | None] = []
        self.reasons: dict[str, list[int | None]] = {}

    def left(self, done: Set[int | None]) -> tuple[int | None, ...]:
        """The frames that are not done, in their order."""
        return tuple(frame for frame in self.frames if frame not in done) if done else self.frames


class _Planner:
    """Walks from the sinks to the sources and stops at values that exist already."""

    def __init__(self, plan: Plan, forced: frozenset[str], verify: bool) -> None:
        self.plan, self.forced, self.verify, self.history = plan, forced, verify, History(plan)
        self.graph, self.keys = plan.graph, plan.keys
        self.nothing_cached = plan.cache.is_empty()
        self.level: dict[str, int] = {}

    def walk(self) -> None:
        self._gather_outputs()
        wanted = self._not_done()
        self._need(wanted)
        self._stages(wanted)

    def _not_done(self) -> dict[str, tuple[int | None, ...]]:
        """The frames at which each sink must be made.

        Frames are looked at in blocks. The keys of a block that is done are forgotten again: a run does not ask for them, and those of
        a long shot would fill the memory. Not those of the first block, among which are keys of values made once, such as networks.
        """
        plan, keys = self.plan, self.keys
        looks = {name: _Look(plan.delivered if keys.per_frame(name) else (None,), self._looked_at(name)) for name in plan.sinks}
        for name, look in looks.items():
            if not keys.per_frame(name):
                self._look(name, look, (None,))
        for start in range(0, len(plan.delivered), _BLOCK):
            before, block = keys.count(), plan.delivered[start : start + _BLOCK]
            done = [self._look(name, look, block) for name, look in looks.items() if keys.per_frame(name)]
            if start and all(done):
                keys.forget(before)
        wanted: dict[str, tuple[int | None, ...]] = {}
        for name, look in looks.items():
            if look.done:
                plan.done[name] = FrameSet(look.done) if keys.per_frame(name) else frozenset(look.done)
            if look.reasons:
                plan.reasons[name] = dict(sorted(look.reasons.items(), key=lambda item: _first(item[1])))
            if frames := look.left(plan.done.get(name, frozenset())):
                wanted[name] = frames
        return wanted

    def _looked_at(self, name: str) -> Set[int | None] | None:
        """The frames of a sink whose files may be there, which are looked at one by one; None for all."""
        plan = self.plan
        if not (self.keys.per_frame(name) and plan.delivered and self._writes(name, plan.delivered[0])):
            return None
        perhaps = () if name in self.forced else plan.nodes[name].perhaps_written(plan.delivered)
        return None if perhaps is plan.delivered else FrameSet(perhaps)

    def _look(self, name: str, look: _Look, frames: tuple[int | None, ...]) -> bool:
        """Look at some frames of a sink; True when all of them are done."""
        if self.nothing_cached and self.plan.nodes[name].written_patterns() == ():
            return False  # nor can a frame be done by its files
        forced, before = name in self.forced, len(look.done)
        absent = "forced" if forced else "not there"
        if look.at is not None and not look.at:
            look.reasons.setdefault(absent, []).extend(frames)
            return False
        for frame in frames:
            if look.at is not None and frame not in look.at:
                look.reasons.setdefault(absent, []).append(frame)
                continue
            done, reason = is_done(self.plan, name, frame, forced, self.verify, self.history)
            if done:
                look.done.append(frame)
            elif reason:
                look.reasons.setdefault(reason, []).append(frame)
        return len(look.done) - before == len(frames)

    def _gather_outputs(self) -> None:
        """Record which outputs of each node are used: a cache entry must hold all of them."""
        active = self.graph.upstream(self.plan.sinks)
        for name in active:
            for _, link in self.keys.inputs(name):
                self.plan.outputs.setdefault(link.node, set()).add(link.output)
        for name in self.plan.sinks:
            if not self.plan.outputs.get(name):
                self.plan.outputs[name] = set(list(self.graph.outputs_of(name))[:1])

    def _writes(self, name: str, frame: int) -> bool:
        try:
            return bool(self.plan.nodes[name].writes(frame))
        except UsageError as error:
            raise self.graph.vertices[name].located(error) from None

    def _need(self, wanted: Mapping[str, tuple[int | None, ...]]) -> None:
        """Fill `todo` and `cached` from the sinks upwards: node by node, all of its frames together."""
        plan, needed = self.plan, dict[str, Set[int | None]]()
        for name, frames in wanted.items():
            needed[name] = FrameSet(f for f in frames if f is not None) if self.keys.per_frame(name) else frozenset(frames)
        todo: dict[str, Set[int | None]] = {}
        for name in reversed(self.graph.order()):
            asked = needed.get(name, frozenset())
            look = asked and not self.nothing_cached and name in plan.kept and name not in self.forced
            if cached := plan.found_in_cache(name, asked) if look else frozenset():
                plan.cached[name] = cached
                asked = asked.without(cached) if isinstance(asked, FrameSet) else asked - cached
            if asked:
                todo[name] = asked
                for node, more in self.keys.asked_for_all(name, asked):
                    before = needed.get(node)
                    needed[node] = before.with_frames(more) if isinstance(before, FrameSet) else more
        plan.todo = {name: todo[name] for name in self._walked(wanted, todo)}

    def _walked(self, sinks: Iterable[str], todo: Mapping[str, Set[int | None]]) -> Iterator[str]:
        """The nodes to make, each output followed by what it is made from."""
        seen: set[str] = set()
        for sink in sinks:
            stack = [sink]
            while stack:
                name = stack.pop()
                if name not in seen and name in todo:
                    seen.add(name)
                    yield name
                    stack += [link.node for _, link in self.keys.inputs(name)]

    def _stages(self, wanted: Mapping[str, tuple[int | None, ...]]) -> None:
        """Divide the work into stages: a node that takes a whole clip must finish before the frames that use it start."""
        plan = self.plan
        for name in self.graph.order():
            self.level[name] = max((self._level_after(link) for _, link in self.keys.inputs(name)), default=0)
        sinks: dict[int, dict[str, tuple[int, ...] | None]] = {}
        for name in plan.todo:
            if not self.keys.per_frame(name) and (type(plan.nodes[name]).takes_whole_clip() or name in wanted):
                sinks.setdefault(self.level[name], {})[name] = None
        for name, frames in wanted.items():
            if self.keys.per_frame(name):
                sinks.setdefault(self.level[name], {})[name] = frames  # type: ignore[assignment]  # none is None here
        for level in sorted(sinks):
            plan.stages.append(Stage(sinks[level], self._span(sinks[level])))

    def _level_after(self, link: Link) -> int:
        clip = type(self.plan.nodes[link.node]).takes_whole_clip()
        return self.level[link.node] + (1 if clip and link.node in self.plan.todo else 0)

    def _span(self, sinks: dict[str, tuple[int, ...] | None]) -> tuple[int, ...]:
        """All frames of a stage: in the order of its longest clip, then the frames that other sinks add."""
        orders: list[tuple[int, ...]] = []
        for name, frames in sinks.items():
            if frames is not None:
                orders.append(frames)
            elif type(self.plan.nodes[name]).takes_whole_clip():
                orders.append(self.keys.clip_frames(name))
        return merge_orders(orders)


def _first(frames: Collection[int | None]) -> int:
    return next(iter(frames)) or 0


def merge_orders(orders: list[tuple[int, ...]]) -> tuple[int, ...]:
    """One order of all frames: ascending if every order is, else the longest order first, then the frames that others add."""
    if orders and all(order == orders[0] for order in orders):
        return orders[0]
    if all(list(order) == sorted(order) for order in orders):
        return tuple(sorted(set().union(*orders)))
    merged: dict[int, None] = {}
    for order in sorted(orders, key=len, reverse=True):
        merged.update(dict.fromkeys(order))
    return tuple(merged)
