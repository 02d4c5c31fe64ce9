"""The identity of a value: one key for each node and frame, used by the cache, resuming, provenance and the farm.

key(node, frame) = sha256 of canonical JSON: type and version, parameters that change pixels, the keys of its inputs, the frame if
the node asks for it, the fingerprints of the files it reads, the digest of a plugin's source, the arithmetic of a network. Names,
device, batch, chunk and threads are not part of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import Any, NamedTuple

from rotonodes.errors import FrameError, RotoError, UsageError
from rotonodes.graph.graph import Graph, Link, Vertex
from rotonodes.node.annotations import Frame, InputLink, Shot
from rotonodes.node.base import Node
from rotonodes.node.parameters import added_later, changes_pixels
from rotonodes.node.registry import full_name
from rotonodes.node.source_digest import digest_in_memory
from rotonodes.values.frame_sets import FrameSet
from rotonodes.values.frames import parse_frames

Fingerprint = Callable[[str], Any]
_ONCE: Set[int | None] = frozenset({None})


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def canonical(value: Any) -> str:
    """JSON with exactly one spelling: sorted keys, no spaces, no NaN."""
    return _ENCODER.encode(value)


def digest(value: Any) -> str:
    """sha256 of canonical JSON, as 64 hex digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def pixel_parameters(node: Node) -> dict[str, Any]:
    """The parameters that change what the node makes, as JSON values; defaults are written out, except those added later."""
    values = node.model_dump(mode="json")
    fields = {name: info for name, info in type(node).model_fields.items() if changes_pixels(info)}
    return {name: values[name] for name, info in fields.items() if not (added_later(info) and getattr(node, name) == info.default)}


class Asked(NamedTuple):
    """What a node needs of one link: the frames to make (None: a value made once), and the frame numbers that they stand for."""

    key: str
    link: Link
    frames: tuple[int | None, ...]
    numbers: tuple[int, ...]


class _Facts(NamedTuple):
    """What the keys of a node's frames have in common: asked once, not once a frame."""

    node: Node
    inputs: tuple[tuple[InputLink, Link, bool], ...]  # each link, and whether its values differ by frame
    whole_clip: bool
    neighbours: bool
    needs_of: bool  # its links need different frames
    frame_in_key: bool
    shot_in_key: bool
    reads_nothing: bool
    sources: tuple[tuple[str, bool], ...] | None  # of a node that takes one frame at a time: its sources, and whether they differ by frame
    spelling: str  # of such a node: canonical JSON of its inputs, with %s for the key of each of `spelled`
    spelled: tuple[tuple[str, bool], ...]


class Keys:
    """Keys of a graph's nodes for one run.

    `nodes` are the graph's nodes with their paths on this machine. `clip` are the frames of the shot (the graph's `frames`),
    `delivered` the frames that this run delivers; `fingerprint` gives the identity of a file from its path.
    """

    def __init__(
        self, graph: Graph, nodes: Mapping[str, Node], clip: tuple[int, ...], delivered: tuple[int, ...], fingerprint: Fingerprint
    ) -> None:
        self.graph, self.nodes, self.clip, self.delivered, self.fingerprint = graph, nodes, clip, delivered, fingerprint
        self._in_clip = FrameSet(clip)
        self.shot = Shot((min(clip), max(clip))) if clip else None
        self._made: dict[tuple[str, int | None], str] = {}
        self._parts: dict[str, str] = {}
        self._per_frame: dict[str, bool] = {}
        self._facts: dict[str, _Facts] = {}
        for name in graph.order():
            self._per_frame[name] = self._depends_on_frame(graph.vertices[name])
        for name, vertex in graph.vertices.items():
            self._facts[name] = self._facts_of(name, vertex.node)

    def _depends_on_frame(self, vertex: Vertex) -> bool:
        cls = type(vertex.node)
        if cls.takes_whole_clip():
            return False
        if Frame in cls.signature.asks.values():
            return True
        return any(self._per_frame[self.graph.source_of(link).node] for _, link in vertex.all_links())

    def per_frame(self, name: str) -> bool:
        """False for nodes that are made once: networks, measurements, nodes that take whole clips."""
        return self._per_frame[name]

    def clip_frames(self, name: str) -> tuple[int, ...]:
        """The input frames of a whole-clip node: its own `frames`, else of the delivered frames for a writer, else of the whole shot, those
        that it takes."""
        node = self.graph.vertices[name].node
        own = getattr(node, "frames", None)
        if isinstance(own, str) and own and "frames" in type(node).model_fields:
            return parse_frames(own)
        return tuple(node.frames_of_clip(self.delivered if type(node).is_writer() else self.clip))

    def _facts_of(self, name: str, node: Node) -> _Facts:
        links = self.inputs(name)
        counts, places = Counter(key for key, _ in links), Counter[str]()
        inputs = []
        for key, link in links:
            inputs.append((InputLink(key, places[key], counts[key]), link, self._per_frame.get(link.node, False)))
            places[key] += 1
        cls = type(node)
        frame_in_key = Frame in cls.signature.asks.values() and not cls.frames_by_files
        whole, neighbours, differs = cls.takes_whole_clip(), cls.has_neighbours(), cls.needs_of is not Node.needs_of
        plain = not (whole or neighbours or differs)
        sources = tuple(dict.fromkeys((link.node, per_frame) for _, link, per_frame in inputs)) if plain else None
        shot_in_key = Shot in cls.signature.asks.values()
        still = cls.reads is Node.reads and not any(node.paths("input"))
        return _Facts(node, tuple(inputs), whole, neighbours, differs, frame_in_key, shot_in_key, still, sources, *_spelling(inputs))

    def sources(self, name: str) -> tuple[tuple[str, bool], ...] | None:
        """The nodes that a node takes values of, and whether these differ by frame; None for one that takes several frames at a time."""
        return self._facts[name].sources

    def reads_nothing(self, name: str) -> bool:
        """Whether no frame of a node is made from a file."""
        return self._facts[name].reads_nothing

    def tasks(self, name: str, frame: int | None) -> list[tuple[str, int | None]]:
        """The (node, frame) that a node's value at `frame` is made from."""
        sources = self._facts[name].sources
        if sources is None or frame is None:
            return [(asked.link.node, f) for asked in self.asked(name, frame) for f in asked.frames]
        return [(source, frame if per_frame else None) for source, per_frame in sources]

    def asked(self, name: str, frame: int | None) -> Iterator[Asked]:
        """What a node needs of each of its links for `frame`, in their order."""
        facts = self._facts[name]
        for place, link, per_frame in facts.inputs:
            if facts.whole_clip:
                numbers: tuple[int, ...] = self.clip_frames(name) if per_frame else ()
                yield Asked(place.name, link, numbers or (None,), numbers)
                continue
            numbers = () if frame is None else self._numbers(facts, frame, place)
            if per_frame:
                yield Asked(place.name, link, numbers, numbers)
            elif not facts.needs_of or frame is None:
                yield Asked(place.name, link, (None,), () if frame is None else (frame,))
            else:
                yield Asked(place.name, link, (None,) if numbers else (), numbers)

    def asked_for_all(self, name: str, frames: Set[int | None]) -> Iterator[tuple[str, Set[int | None]]]:
        """(node, its frames) for each link of a node, for all of these frames together: ranges stay ranges."""
        facts = self._facts[name]
        for place, link, per_frame in facts.inputs:
            if facts.whole_clip:
                yield link.node, (FrameSet(self.clip_frames(name)) if per_frame else _ONCE) or _ONCE
            elif None in frames or not facts.neighbours or type(facts.node).signature.inputs[place.name].feed != "clip":
                yield link.node, frames if per_frame else _ONCE
            else:
                numbers = {number for frame in frames if frame is not None for number in self._numbers(facts, frame, place)}
                if numbers:
                    yield link.node, FrameSet(numbers) if per_frame else _ONCE
                elif not facts.needs_of:
                    yield link.node, _ONCE

    def _numbers(self, facts: _Facts, frame: int, link: InputLink) -> tuple[int, ...]:
        """The frame numbers that one link of a node stands for."""
        node = facts.node
        if not facts.neighbours or type(node).signature.inputs[link.name].feed != "clip":
            return (frame,)
        if facts.needs_of:
            return tuple(node.needs_of(link, frame, self.shot or Shot((frame, frame))))
        # The shot ends are the same for every part of it that a run delivers.
        return tuple(f for f in node.needs(frame) if f in self._in_clip or f == frame)

    def inputs(self, name: str) -> list[tuple[str, Link]]:
        """(input, source) of every link, disabled nodes bypassed."""
        return [(key, self.graph.source_of(link)) for key, link in self.graph.vertices[name].all_links()]

    def of(self, name: str, frame: int | None) -> str:
        """The key of a node's value at a frame (None for a value made once): 64 hex digits."""
        at = (name, frame if self._per_frame[name] else None)
        if at not in self._made:
            # Upstream nodes first, and without recursion: a chain may have thousands of nodes.
            stack = [at]
            while stack:
                top = stack[-1]
                missing = [task for task in self.tasks(*top) if task not in self._made]
                if missing and top not in self._made:
                    stack += missing
                    continue
                stack.pop()
                if top not in self._made:
                    self._made[top] = self._compute(*top)
        return self._made[at]

    def count(self) -> int:
        """The number of keys that are known, for `forget`."""
        return len(self._made)

    def forget(self, count: int) -> None:
        """Forget all keys but the first `count`, and with them the fingerprints of their files: whoever asks again reads them again."""
        while len(self._made) > count:
            name, frame = self._made.popitem()[0]
            if isinstance(self.fingerprint, FileFingerprints) and not self._facts[name].reads_nothing:
                for path in self.nodes[name].reads(frame):
                    self.fingerprint.forget(path)

    def _compute(self, name: str, frame: int | None) -> str:
        facts = self._facts[name]
        if facts.sources is None:
            return self._compute_of_several(name, frame, self.asked(name, frame))
        # The same as below, spelled without an encoder: a graph of thousands of nodes has millions of keys.
        inputs = facts.spelling % tuple([self._made[node, frame if per_frame else None] for node, per_frame in facts.spelled])
        files = "[]" if facts.reads_nothing else canonical(self._files(name, frame))
        number = frame if facts.frame_in_key and frame is not None else "null"
        span = canonical(self.span(name)) if facts.shot_in_key else "null"
        text = f'["{self._node_part(name, facts.node)}",{inputs},{number},{files},{span}]'
        return hashlib.sha256(text.encode()).hexdigest()

    def _compute_of_several(self, name: str, frame: int | None, asked: Iterable[Asked]) -> str:
        facts, inputs = self._facts[name], dict[str, list[Any]]()
        exact = facts.whole_clip or facts.neighbours
        for key, link, frames, _ in asked:
            made = [self._made[link.node, f] for f in frames]
            new = [[link.output, m, f] if exact else [link.output, m] for m, f in zip(made, frames, strict=True)]
            if new:
                inputs.setdefault(key, []).extend(new)
        files, span = self._files(name, frame), self.span(name)
        return digest([self._node_part(name, facts.node), inputs, frame if facts.frame_in_key or exact else None, files, span])

    def _files(self, name: str, frame: int | None) -> list[Any]:
        """The identities of the files that a node reads for a frame."""
        try:
            return [self.fingerprint(path) for path in self.nodes[name].reads(frame)]
        except UsageError as error:
            raise self.graph.vertices[name].located(error) from None

    def span(self, name: str) -> list[int] | None:
        """The frames that are in the key of a node: all of a whole clip (two clips that repeat one still differ), or the shot's ends."""
        facts = self._facts[name]
        if facts.shot_in_key:
            return list(self.shot or ())
        return list(self.clip_frames(name)) if facts.whole_clip else None

    def code(self, name: str) -> list[str]:
        """Digests of the code of a node; none for our own nodes, which have revisions."""
        cls = type(self.graph.vertices[name].node)
        return [*filter(None, (cls.code_digest, digest_in_memory(cls)))]

    def _node_part(self, name: str, node: Node) -> str:
        if name not in self._parts:
            cls = type(node)
            self._parts[name] = digest([full_name(cls), cls.revision, self.parameters(name), *self.code(name)])
        return self._parts[name]

    def parameters(self, name: str) -> dict[str, Any]:
        """The parameters of a node that change pixels: paths as the graph writes them, `precision` as it was chosen for this run."""
        node = self.graph.vertices[name].node
        values = pixel_parameters(node)
        return values | {"precision": self.nodes[name].precision} if type(node).has_precision else values  # type: ignore[attr-defined]


def _spelling(inputs: Iterable[tuple[InputLink, Link, bool]]) -> tuple[str, tuple[tuple[str, bool], ...]]:
    """Canonical JSON of a node's inputs at one frame, with %s for each key, and the nodes of these keys in their order."""
    by_input: dict[str, list[tuple[Link, bool]]] = {}
    for place, link, per_frame in inputs:
        by_input.setdefault(place.name, []).append((link, per_frame))
    ordered = sorted(by_input.items())
    lists = [_literal(name) + ":[" + ",".join(f'[{_literal(link.output)},"%s"]' for link, _ in links) + "]" for name, links in ordered]
    return "{" + ",".join(lists) + "}", tuple((link.node, per_frame) for _, links in ordered for link, per_frame in links)


def _literal(name: str) -> str:
    """A name as canonical JSON in a text that `%` fills."""
    return canonical(name).replace("%", "%%")


class FileFingerprints:
    """The identity of a file by its path: the path as the graph writes it, with size and mtime, or (`content`) the digest of its bytes.

    A missing file has its path only. The identity of each file is read once; `changed` tells what is another file since.
    """

    def __init__(self, written: Callable[[str], str], content: bool = False) -> None:
        self._written, self._content = written, content
        self._known: dict[str, tuple[Any, tuple[int, ...] | None]] = {}

    def __call__(self, path: str) -> Any:
        from rotonodes.io.files import check_regular, fingerprint

        if path not in self._known:
            stamp = self.stamp(path)
            try:
                check_regular(path)
            except FrameError as error:
                raise UsageError(str(error)) from None
            try:
                self._known[path] = [self._written(path), *fingerprint(path, content=self._content)], stamp
            except (OSError, RotoError):
                self._known[path] = [self._written(path)], None
        return self._known[path][0]

    def forget(self, path: str) -> None:
        """Read the file's identity again when it is asked for."""
        self._known.pop(path, None)

    def all(self) -> Iterator[Any]:
        """Every identity that was asked for."""
        return (identity for identity, _ in self._known.values())

    def paths(self) -> list[str]:
        """Every file whose identity was asked for."""
        return list(self._known)

    def changed(self, path: str) -> bool:
        """True when the file is not the one that is in the keys: another size, time or inode. False for a file that is in none."""
        stamp = self._known.get(path, (None, None))[1]
        return stamp is not None and stamp != self.stamp(path)

    @staticmethod
    def stamp(path: str) -> tuple[int, ...] | None:
        """Size, time and inode of a file; None where there is none."""
        try:
            found = os.stat(path)
        except OSError:
            return None
        return found.st_size, found.st_mtime_ns, found.st_ino
