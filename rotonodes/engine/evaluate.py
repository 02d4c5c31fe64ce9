"""The evaluator makes the values of nodes: it calls nodes with their inputs, or loads values from the cache."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from rotonodes.engine.batches import BatchCalls, BatchLimits
from rotonodes.engine.call_timeline import Timeline
from rotonodes.engine.clip_feed import ClipFeed, Upstream
from rotonodes.engine.kept import Kept
from rotonodes.engine.pool import Once
from rotonodes.engine.record import Record, RecordMonitor
from rotonodes.engine.result import Values
from rotonodes.errors import FrameError, RetryError
from rotonodes.node.annotations import NOT_GIVEN, Device, Prepared
from rotonodes.node.signature import FRAME_TYPES
from rotonodes.plan.keys import FileFingerprints
from rotonodes.plan.plan import Plan, Task
from rotonodes.plan.sizes import batch_of
from rotonodes.values.pixels import Clip

if TYPE_CHECKING:
    from rotonodes.engine.readers import Readers


Unstored = tuple[str, int | None, Values]  # a node, a frame, and its values there


class Evaluator:
    """Makes values of the nodes of a plan, on `device`, in batches of `batch` frames (None: the node's own setting);
    `readers` decode files in other processes.

    It may be called from many threads. Values are stored in the cache where the plan says so, and counted in the record. `kept` has
    networks of earlier runs of this process.
    """

    def __init__(
        self,
        plan: Plan,
        record: Record,
        device: str,
        batch: int | None,
        kept: Kept | None = None,
        timeline: Timeline | None = None,
        readers: Readers | None = None,
    ) -> None:
        self.plan, self.record, self.device, self.batch, self.kept = plan, record, device, batch, kept or Kept()
        self.timeline, self.readers = timeline, readers
        self.kept.start_run()
        self.order = {name: i for i, name in enumerate(plan.graph.order())}
        self._once: dict[str, Once] = {name: Once() for name in self.order}
        self._prepared: dict[str, Once] = {name: Once() for name in self.order}
        self.limits = BatchLimits(device)

    def batch_size(self, name: str) -> int:
        """Frames that a node is given at once."""
        return batch_of(self.plan.nodes[name], self.device, self.batch)

    def make(self, name: str, inputs: Mapping[int | None, Values], unstored: list[Unstored] | None = None) -> dict[int | None, Values]:
        """A node's outputs at the frames of `inputs`: from the cache, or by calling the node.

        With `unstored`, what belongs into the cache is noted there, for `store` to be called by another thread.
        """
        if None in inputs:
            return {None: self.once(name)}
        frames = list(inputs)
        begun = time.perf_counter()
        cached = self.plan.cached.get(name, ())
        if frames[0] in cached:
            made = {frame: self._load(name, frame) for frame in frames}
            self.record.note(name, len(frames), time.perf_counter() - begun, cached=True)
            return made
        made = {}
        batched = type(self.plan.nodes[name]).signature.batched
        for same in _of_one_shape(batched, inputs) if batched else (frames,):
            made.update(self._call_frames(name, same, inputs, unstored))
        self.record.note(name, len(frames), time.perf_counter() - begun)
        return made

    def once(self, name: str) -> Values:
        """The outputs of a node that is made once; the first thread that asks makes it, with everything it depends on."""
        return self._once[name].get(lambda: self._make_once(name))  # type: ignore[no-any-return]

    def give(self, name: str, values: Values) -> None:
        """Use values of a node made once that the caller has already."""
        self._once[name].get(lambda: values)

    def _make_once(self, name: str) -> Values:
        identity = ("once", self.plan.keys.of(name, None), tuple(sorted(self.plan.outputs.get(name, ()))))
        values, was_there = self.kept.get(identity, lambda: self._make_or_load(name))
        if was_there:
            self.record.note(name, 1, 0.0, cached=True)
        return values  # type: ignore[no-any-return]

    def _make_or_load(self, name: str) -> Values:
        if None in self.plan.cached.get(name, ()):
            self.record.note(name, 1, 0.0, cached=True)
            return self._load(name, None)
        if type(self.plan.nodes[name]).takes_whole_clip():
            raise Upstream(name)  # its stage did not finish
        made: dict[Task, Values] = {(link.node, None): self.once(link.node) for _, link in self.plan.keys.inputs(name)}
        begun = time.perf_counter()
        inputs = self.gather(name, None, made)
        values = self._call_frames(name, [None], {None: inputs})[None]
        self.record.note(name, 1, time.perf_counter() - begun)
        return values

    def whole_clip(self, name: str, feed: ClipFeed) -> Values:
        """The outputs of a node that takes whole clips from `feed`."""
        return self._once[name].get(lambda: self._call_clip(name, feed))  # type: ignore[no-any-return]

    def _call_clip(self, name: str, feed: ClipFeed) -> Values:
        node = self.plan.nodes[name]
        inputs: Values = {}
        for key, link in self.plan.keys.inputs(name):
            socket = type(node).signature.inputs[key]
            if socket.feed == "clip":
                clip = feed.clip(key)
                inputs[key] = clip if self.timeline is None else self.timeline.watched(name, clip)
            elif key in feed.inputs:  # an input of one frame beside the clip gets the first frame
                inputs[key] = next(iter(feed.clip(key)))
            else:
                _add_input(inputs, key, self.once(link.node)[link.output], socket.many)
        begun = time.perf_counter()
        values = self._checked(name, None, node.split_outputs(self._call(name, [None], inputs)), None)
        self.record.note(name, 1, time.perf_counter() - begun)
        self.record.result.values[name] = values
        self.record.made[name].add(None)
        return values

    def gather(self, name: str, frame: int | None, made: Mapping[Task, Values], only: Sequence[str] | None = None) -> Values:
        """A node's inputs by name, taken from the values in `made`. Raises Upstream when one is missing because it failed."""
        node = self.plan.nodes[name]
        sockets = type(node).signature.inputs
        inputs: Values = {}
        for key, link, frames, numbers in self.plan.keys.asked(name, frame):
            if only is not None and key not in only:
                continue
            if only is not None:
                frames = (frame if self.plan.keys.per_frame(link.node) else None,)
            if any((link.node, f) not in made for f in frames):
                raise Upstream(link.node)
            values = [made[link.node, f].get(link.output) for f in frames]
            if only is None and sockets[key].feed == "clip":
                repeated = values * len(numbers) if frames == (None,) else values
                _add_input(inputs, key, Clip.of(repeated, numbers or [0] * len(values)), sockets[key].many)
            else:
                _add_input(inputs, key, values[0], sockets[key].many)
        return inputs

    # Calls.

    def _call_frames(
        self, name: str, frames: list[int | None], inputs: Mapping[int | None, Values], unstored: list[Unstored] | None = None
    ) -> dict[int | None, Values]:
        node = self.plan.nodes[name]
        if not type(node).signature.batched:
            return {f: self._checked(name, f, node.split_outputs(self._call(name, [f], inputs[f])), unstored) for f in frames}
        made = self._call_batch(name, [inputs[frame] for frame in frames], frames)
        return {frame: self._checked(name, frame, values, unstored) for frame, values in zip(frames, made, strict=True)}

    def _call_batch(self, name: str, inputs: list[Values], frames: Sequence[int | None]) -> list[Values]:
        """Call a node with frames of one size, as many at once as fit on the device."""
        node = self.plan.nodes[name]
        chosen = self.batch is not None or getattr(node, "batch", None) is not None
        return BatchCalls(name, node, self.limits, chosen, partial(self._call, name), self.record.warn).make(inputs, frames)

    def _call(self, name: str, frames: Sequence[int | None], inputs: Values) -> Any:
        """Call a node with its inputs: for one frame, for those of a batch, or for a value made once (None)."""
        if self.timeline is None:
            return self._called(name, frames, inputs)
        with self.timeline.span(name, frames, self.device):
            return self._called(name, frames, inputs)

    def _called(self, name: str, frames: Sequence[int | None], inputs: Values) -> Any:
        frame = frames[0] if len(frames) == 1 else None
        node = self.plan.nodes[name]
        prepared: Any = NOT_GIVEN
        apart = self.readers if self.readers is not None and self.readers.reads(name) else None
        if apart is None and Prepared in type(node).signature.asks.values():
            once = {key: inputs.get(key) for key, s in type(node).signature.inputs.items() if s.feed == "once"}
            prepared = self._prepared[name].get(lambda: self._prepare(name, once))
        key = self.plan.keys.of(name, frame) if frame is not None or not self.plan.keys.per_frame(name) else ""
        self._refuse_changed(name, frame)
        if apart is not None:
            wanted = self.plan.outputs.get(name) or node.outputs()
            made: Any = apart.read(name, frame, wanted, key, RecordMonitor(self.record, name))
            self._refuse_changed(name, frame)
            return made
        made = node.run(
            inputs,
            frame=frame,
            shot=self.plan.keys.shot,
            key=key,
            device=self.device,
            wanted=self.plan.outputs.get(name),
            monitor=RecordMonitor(self.record, name),
            prepared=prepared,
        )
        self._refuse_changed(name, frame)
        return made

    def _prepare(self, name: str, once: Values) -> Any:
        """What a node prepares from its inputs that are made once; a source prepares its list of files, which is never kept."""
        node = self.plan.nodes[name]
        if not type(node).signature.inputs:
            return node.prepare(Device(self.device), **once)
        made = tuple(self.plan.keys.of(link.node, None) for key, link in self.plan.keys.inputs(name) if key in once)
        files = tuple(FileFingerprints.stamp(path) for path in node.reads(None))
        identity = ("prepared", type(node), node.model_dump_json(), self.device, made, files)
        return self.kept.get(identity, lambda: node.prepare(Device(self.device), **once))[0]

    def _refuse_changed(self, name: str, frame: int | None) -> None:
        """Raise RetryError when a file that a node reads is not the one that is in its key: what was read is what the key says."""
        if self.plan.keys.reads_nothing(name):
            return
        known: Any = self.plan.keys.fingerprint
        for path in self.plan.nodes[name].reads(frame) if isinstance(known, FileFingerprints) else ():
            if known.changed(path):
                raise RetryError(f"{path} was changed or replaced after this run had begun: run again when it is complete")

    # The cache.

    def _checked(self, name: str, frame: int | None, values: Values, unstored: list[Unstored] | None) -> Values:
        """The values, which are of the declared types, in the cache or noted in `unstored`."""
        for output, kind in self.plan.nodes[name].outputs().items():
            value = values.get(output)
            if kind in FRAME_TYPES and value is not None and not isinstance(value, kind):  # type: ignore[arg-type]
                raise FrameError(f"its process gave {type(value).__name__} for the output {output!r}, which is declared as {kind.__name__}")
        if name in self.plan.kept:
            if unstored is None:
                self.store((name, frame, values))
            else:
                unstored.append((name, frame, values))
        return values

    def store(self, unstored: Unstored) -> None:
        """Put a node's values at one frame into the cache."""
        name, frame, values = unstored
        outputs = self.plan.outputs.get(name, ())
        self.plan.cache.store(self.plan.keys.of(name, frame), {o: values.get(o) for o in outputs})

    def _load(self, name: str, frame: int | None) -> Values:
        kinds = dict(self.plan.nodes[name].outputs())
        values = self.plan.cache.load(self.plan.keys.of(name, frame), sorted(self.plan.outputs[name]), kinds)
        if values is None and self.plan.cache.removed:
            self.record.warn(f"{name}: a damaged entry was removed from the cache {self.plan.cache.folder}; its value is made again")
        return self._make_again(name, frame) if values is None else values

    def _make_again(self, name: str, frame: int | None) -> Values:
        """Make a value, with everything it depends on, whose cache entry is damaged or was removed since the plan."""
        if frame is None and type(self.plan.nodes[name]).takes_whole_clip():
            raise FrameError(f"its cache entry ({self.plan.cache.folder}) was damaged and has been removed: run again")
        made: dict[Task, Values] = {}
        for _, link, frames, _ in self.plan.keys.asked(name, frame):
            for f in frames:
                if f is None:
                    made[link.node, f] = self.once(link.node)
                elif (link.node, f) not in made:
                    cached = f in self.plan.cached.get(link.node, ())
                    made[link.node, f] = self._load(link.node, f) if cached else self._make_again(link.node, f)
        return self._call_frames(name, [frame], {frame: self.gather(name, frame, made)})[frame]


def _add_input(inputs: Values, key: str, value: Any, many: bool) -> None:
    if many:
        inputs.setdefault(key, []).append(value)
    else:
        inputs[key] = value


def _of_one_shape(batched: Sequence[str], inputs: Mapping[int | None, Values]) -> Iterator[list[int | None]]:
    """Consecutive frames in groups that can be stacked: every batched input has one shape and the same channels."""

    def shapes(frame: int | None) -> Any:
        values = [inputs[frame][key] for key in batched if inputs[frame].get(key) is not None]
        return [(tuple(value.data.shape), getattr(value, "channels", None)) for value in values]

    for _, same in itertools.groupby(inputs, key=shapes):
        yield list(same)
