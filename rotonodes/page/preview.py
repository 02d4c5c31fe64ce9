"""One value of a graph at one frame, as a run would make it: the same engine, keys and cache, and a memory of what was made before."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rotonodes.engine.evaluate import Evaluator
from rotonodes.engine.events import Reporter
from rotonodes.engine.kept import KeptRecently
from rotonodes.engine.record import Record
from rotonodes.engine.run import run
from rotonodes.errors import Interrupted, RetryError, RotoError, UsageError, machine_error
from rotonodes.graph.graph import Graph, Link
from rotonodes.node.signature import FRAME_TYPES
from rotonodes.page.first_pictures import glanced_png, torch_is_here
from rotonodes.page.graph_state import GraphState
from rotonodes.page.proxy_graph import proxy_of, with_proxies
from rotonodes.page.value_memory import ValueMemory, Values
from rotonodes.plan.keys import FileFingerprints
from rotonodes.plan.make_plan import make_plan
from rotonodes.plan.plan import Plan, Task

SCALES = (1, 2, 4)
FRESH = 1.0  # seconds for which a plan is used again; then files may have changed

# (node, frame, state, milliseconds, message)
Tell = Callable[[str, int | None, str, float, str], None]


class Superseded(RotoError):
    """Nobody looks at this value any more."""


class NodeFailed(RotoError):
    """A node failed; `node` is its name in the graph."""

    def __init__(self, node: str, frame: int | None, message: str) -> None:
        super().__init__(message)
        self.node, self.frame = node, frame


class NoPicture(NodeFailed):
    """There is nothing to look at: no such node, none that gives pictures, or a fault in the graph."""


@dataclass(frozen=True)
class Wish:
    """A value that somebody wants to see: an output (the node's first where it is empty) at a frame and a scale (1, 2, 4)."""

    node: str
    output: str
    frame: int
    scale: int = 1


@dataclass(frozen=True)
class Places:
    """Where a graph's files are, and what its networks run on: options of `run`."""

    root: str = "."
    cache: str | None = None
    path_map: Sequence[tuple[str, str]] = ()
    content_hash: bool = False
    sandbox: Sequence[str] | None = None
    device: str = "auto"
    precision: str | None = None

    def of_plan(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Glimpse:
    """A planned value: the task and output that a wish stands for, and the key that names it."""

    plan: Plan
    link: Link
    frame: int | None
    key: str
    made: float = field(default_factory=time.monotonic)

    def is_stale(self) -> bool:
        """Whether a file that is in the keys was changed, removed or written since."""
        known = self.plan.keys.fingerprint
        return isinstance(known, FileFingerprints) and any(known.changed(path) for path in known.paths())


class Previews:
    """Makes single values of a graph whose text may change at any time. Any thread may call it; a task is made by one of them."""

    def __init__(self, places: Places, tell: Tell = lambda *_: None, memory: ValueMemory | None = None) -> None:
        self.places, self.tell, self.memory = places, tell, memory or ValueMemory()
        self.kept = KeptRecently()
        self._lock = threading.Lock()
        self._busy: dict[str, threading.Lock] = {}  # by key: two threads do not make the same
        self._state: GraphState | None = None
        self._graphs: dict[int, Graph] = {}  # by scale
        self._plans: dict[Wish, Glimpse] = {}
        self._looked = 0  # rises when plans made before are not to be used again
        self._shot: tuple[int, ...] | None = None
        self._device = ""

    # The graph.

    def show(self, state: GraphState) -> None:
        """Make values of this state of the graph from now on."""
        with self._lock:
            self._state, self._shot = state, None
            self._graphs.clear()
            self._plans.clear()
            self._looked += 1

    def look_again(self) -> None:
        """Plan every value anew: files were written, by a run or a brush, and plans younger than FRESH do not know of them."""
        with self._lock:
            self._plans.clear()
            self._looked += 1

    def shot(self) -> tuple[int, ...]:
        """The frames of the shot: the graph's, else those on disk. Raises UsageError where nothing says them."""
        with self._lock:
            state, known = self._state, self._shot
        if known is not None:
            return known
        if state is None:
            return ()
        graph = healthy(state)
        found = graph.frames or make_plan(graph, **self.places.of_plan() | {"cache": "none"}).delivered
        with self._lock:
            if self._state is state:
                self._shot = found
        return found

    def shot_changed(self) -> bool:
        """Whether the frames on disk are others than before, where the graph does not say its frames."""
        with self._lock:
            state, known = self._state, self._shot
            if state is None or state.graph.frames is not None or known is None:
                return False
            self._shot = None
        if self.shot() == known:
            return False
        with self._lock:
            self._plans.clear()
        return True

    def files_changed(self) -> bool:
        """Whether a file is another one than when a value was planned from it; such values are planned again."""
        with self._lock:
            known = dict(self._plans)
        found = [wish for wish, glimpse in known.items() if glimpse.is_stale()]
        with self._lock:
            for wish in found:
                self._plans.pop(wish, None)
        return bool(found)

    def link_of(self, node: str, output: str) -> Link:
        """The output that a node and a word name; for a writer what it writes. Raises NoPicture where there is no picture."""
        with self._lock:
            state = self._state
        if state is None:
            raise NoPicture(node, None, "the graph is not read yet")
        graph = state.graph
        try:
            link = graph.source_of(graph.links_of(f"{node}.{output}" if output else node)[0])
            for _ in range(2):
                if any(issubclass(kind, FRAME_TYPES) for kind in graph.output_types(link, state.broken) or ()):
                    break
                vertex = graph.vertices.get(link.node)
                links = next(iter(vertex.links.values()), ()) if vertex is not None and type(vertex.node).is_writer() else ()
                if not links:
                    break
                link = graph.source_of(links[0])
        except (UsageError, IndexError, AttributeError) as error:
            raise NoPicture(node, None, str(error)) from None
        refuse_broken(state, node, link)
        if not any(issubclass(kind, FRAME_TYPES) for kind in graph.output_types(link, state.broken) or ()):
            raise NoPicture(node, None, f"{node} gives no picture to look at")
        return link

    def plan(self, wish: Wish) -> Glimpse:
        """The plan of a wish. Raises NodeFailed where it cannot be made."""
        with self._lock:
            known, state, looked = self._plans.get(wish), self._state, self._looked
        if known is not None and time.monotonic() - known.made < FRESH:
            return known
        link = self.link_of(wish.node, wish.output)
        assert state is not None
        by = wish.scale if wish.scale in SCALES else 1
        try:
            graph = self._graph(state, by)
            target = proxy_of(state.graph, link, by)
            part = part_of(graph, target.node, self.shot())
            options = self.places.of_plan()
            plan = make_plan(part, frames=(wish.frame,), nodes=[target.node], **options)
            plan.outputs[target.node] = (
                {*plan.outputs.get(target.node, ()), target.output} if plan.outputs.get(target.node) else {target.output}
            )
            if not graph.vertices[target.node].keeps:
                plan.kept.discard(target.node)  # only looked at: what a run would not keep on disk is not kept
        except UsageError as error:
            raise NodeFailed(wish.node, wish.frame, str(error)) from None
        frame = wish.frame if plan.keys.per_frame(target.node) else None
        glimpse = Glimpse(plan, target, frame, plan.keys.of(target.node, frame))
        with self._lock:
            if self._looked == looked:
                if len(self._plans) > 4000:
                    self._plans.clear()
                self._plans[wish] = glimpse
        return glimpse

    def _graph(self, state: GraphState, by: int) -> Graph:
        with self._lock:
            if self._state is state and by in self._graphs:
                return self._graphs[by]
        graph = with_proxies(healthy(state), by)
        with self._lock:
            if self._state is state:
                self._graphs[by] = graph
        return graph

    # Values.

    def glanced(self, wish: Wish, width: int) -> tuple[bytes, tuple[int, int]] | None:
        """(PNG, size of the frame) of a wish for a small picture, made while torch is not imported yet; None for what needs it."""
        with self._lock:
            state = self._state
        if state is None or torch_is_here():
            return None
        return glanced_png(state.graph, self.plan(wish).plan, self.link_of(wish.node, wish.output), wish.frame, width)

    def value(self, wish: Wish, cancelled: Callable[[], bool] = lambda: False) -> Any:
        """The value of a wish. Raises NodeFailed, or Superseded when `cancelled` says so."""
        for attempt in (0, 1):
            glimpse = self.plan(wish)
            try:
                return self._values(wish, glimpse, cancelled)[glimpse.link.output]
            except RetryError:
                if attempt:
                    raise
                with self._lock:
                    self._plans.pop(wish, None)  # a file changed since the plan: another key
        raise AssertionError

    def _values(self, wish: Wish, glimpse: Glimpse, cancelled: Callable[[], bool]) -> Values:
        plan, target = glimpse.plan, (glimpse.link.node, glimpse.frame)
        known = self.memory.get(glimpse.key, [glimpse.link.output])
        if known is not None:
            self.tell(shown_name(target[0]), target[1], "done", 0.0, "")
            return known
        stop = threading.Event()
        evaluator = Evaluator(plan, Record(plan, self.device(), True, Reporter(), stop), self.device(), None, self.kept)
        made: dict[Task, Values] = {}
        for task in self._order(plan, target, evaluator, made):
            if cancelled():
                raise Superseded(f"{wish.node}: nobody looks at it any more")
            if task in made:
                continue
            made[task] = self._task(plan, evaluator, task, made)
            if task[1] is None:
                evaluator.give(task[0], made[task])
        return made[target]

    def device(self) -> str:
        """The device that networks run on; torch is imported for the answer."""
        from rotonodes.machine.devices import choose_device

        self._device = self._device or choose_device(self.places.device)
        return self._device

    def _order(self, plan: Plan, target: Task, evaluator: Evaluator, made: dict[Task, Values]) -> list[Task]:
        """The tasks that a value needs and that are not in memory, inputs first; those that are go into `made`."""
        stack, found = [target], dict[Task, None]()
        while stack:
            name, frame = task = stack.pop()
            if task in found or task in made:
                continue
            values = self.memory.get(plan.keys.of(name, frame), plan.outputs.get(name, ()))
            if values is not None:
                made[task] = values
                if frame is None:
                    evaluator.give(name, values)
                continue
            found[task] = None
            # A plan says only of what it needs whether it is in the cache, and needs nothing for a value that is there.
            if name in plan.kept and plan.in_cache(name, frame):
                plan.cached[name] = {*plan.cached.get(name, ()), frame}
            if frame not in plan.cached.get(name, ()) and not type(plan.nodes[name]).takes_whole_clip():
                stack += plan.keys.tasks(name, frame)
        return sorted(found, key=lambda task: (evaluator.order[task[0]], task[1] is not None, task[1] or 0))

    def _task(self, plan: Plan, evaluator: Evaluator, task: Task, made: Mapping[Task, Values]) -> Values:
        """The outputs of one task, made by the first thread that asks; others wait for it."""
        name, frame = task
        key = plan.keys.of(name, frame)
        with self._lock:
            lock = self._busy.setdefault(key, threading.Lock())
        try:
            with lock:
                known = self.memory.get(key, plan.outputs.get(name, ()))
                if known is not None:
                    return known
                begun, node = time.perf_counter(), shown_name(name)
                cached = frame in plan.cached.get(name, ())
                self.tell(node, frame, "running", 0.0, "")
                try:
                    values = self._make(plan, evaluator, name, frame, made)
                except (Superseded, RetryError):
                    self.tell(node, frame, "idle", 0.0, "")
                    raise
                except BaseException as error:  # a node may raise anything: the message belongs to it
                    message = reason(error)
                    self.tell(node, frame, "failed", 0.0, message)
                    raise NodeFailed(node, frame, message) from None
                self.memory.put(key, values)
                spent = (time.perf_counter() - begun) * 1000
                self.tell(node, frame, "cached" if cached else "done", spent, "")
                return values
        finally:
            with self._lock:
                self._busy.pop(key, None)

    def _make(self, plan: Plan, evaluator: Evaluator, name: str, frame: int | None, made: Mapping[Task, Values]) -> Values:
        if frame is not None:
            inputs = {} if frame in plan.cached.get(name, ()) else evaluator.gather(name, frame, made)
            return evaluator.make(name, {frame: inputs})[frame]
        node = plan.nodes[name]
        if not type(node).takes_whole_clip() or None in plan.cached.get(name, ()):
            return evaluator.once(name)
        if type(node).shared:
            raise UsageError("it is not trained yet: run the graph")
        result = run(plan.graph, nodes=[name], on_error="stop", kept=self.kept, **self.places.of_plan())
        if name in result.values:
            return result.values[name]
        raise UsageError("; ".join(failure.reason for failure in result.failures) or "it could not be made")


def refuse_broken(state: GraphState, node: str, link: Link) -> None:
    """Raise NoPicture where a fault of the graph is among what a link is made from."""
    above = state.graph.upstream([link.node])
    for fault in state.faults:
        if fault.node and (fault.node in above or any(name.startswith(f"{fault.node}/") for name in above)):
            where = "" if fault.node == node else f"it needs {fault.node}: "
            raise NoPicture(node, None, where + fault.message)


def shown_name(name: str) -> str:
    """The node of the graph that a task belongs to: copies for previews bear its name."""
    return name.partition(" (")[0]


def reason(error: BaseException) -> str:
    """What went wrong, in one line."""
    if isinstance(error, OSError | MemoryError) and not isinstance(error, RotoError):
        error = machine_error(error)
    if isinstance(error, Interrupted):
        return "stopped"
    return str(error) if isinstance(error, RotoError) else f"{type(error).__name__}: {error}"


def healthy(state: GraphState) -> Graph:
    """The graph without the nodes that have faults, and those made from them."""
    graph = state.graph
    if not state.faults:
        return graph
    order = graph.order()
    bad = {fault.node for fault in state.faults if fault.node}
    fine: dict[str, None] = {}
    for name in order:  # without nodes on circles
        top = name.partition("/")[0]
        links = [link.node for _, link in graph.vertices[name].all_links()]
        if name not in bad and top not in bad and all(link in fine for link in links):
            fine[name] = None
    made = Graph(graph.frames, file=graph.file)
    made.vertices.update({name: graph.vertices[name] for name in graph.vertices if name in fine})
    made.subgraphs, made.subgraph_inputs = dict(graph.subgraphs), dict(graph.subgraph_inputs)
    return made


def part_of(graph: Graph, target: str, shot: tuple[int, ...]) -> Graph:
    """What a node is made from, with the frames of the whole shot; and the writers, without links: their files are no sources."""
    part = Graph(file=graph.file)
    part.frames = shot or None
    above = graph.upstream([target])
    for name, vertex in graph.vertices.items():
        if name in above:
            part.vertices[name] = vertex
        elif type(vertex.node).is_writer():
            part.vertices[name] = type(vertex)(name, vertex.node, place=vertex.place)
    return part
