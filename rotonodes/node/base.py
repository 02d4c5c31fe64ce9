"""Node: a class whose fields are parameters and whose `process` signature declares its sockets.

A subclass is registered under its name. Its parameters give the YAML check, the JSON Schema and the reference; the annotations
of `process` say how the engine feeds it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from rotonodes.errors import UsageError
from rotonodes.node.annotations import NOT_GIVEN, Device, Frame, InputLink, Key, Monitor, Prepared, Shot, Wanted
from rotonodes.node.calling import PREPARED, as_clips, check_frame, on_one_device, result_of_call, span_of, wrong_input
from rotonodes.node.frame_files import FrameFiles
from rotonodes.node.parameters import (
    WrongParameter,
    changed_parameters,
    faults_of,
    path_parameters,
    positional,
    with_paths_as_text,
    wrong_kinds,
)
from rotonodes.node.registry import register
from rotonodes.node.signature import Signature, read_signature
from rotonodes.node.source_digest import source_digest
from rotonodes.values.pixels import Batch, Layers

# (files, sources) -> those of the files that an earlier run of the same graph made from the sources.
OwnResults = Callable[[Sequence[str], Sequence[str]], set[str]]


class Node(FrameFiles, BaseModel):
    """Base class of all nodes; docs/add-a-node.md shows how to write one.

    Class variables: `version` (part of the type's name, `Crop.2`), `revision` (raised by a fix that changes pixels; part of
    the key), `cached` (its outputs are kept on disk), `frames_by_files` (a frame follows from the files of `reads` alone, so that a
    still has one key for all frames), `shared` (all processes of a torchrun make it together), `category`
    (the heading in the reference; for our own nodes their folder), `in_catalogue` (False: graph files cannot use it),
    `keeps_corrections` (a writer that never overwrites what a person changed: such a file counts as done), `has_precision` (it runs
    a network by torch, with the parameter `precision`; what `auto` stands for on the device of a run is part of the key), `moved`
    (parameter or input that the node once had -> what does its work now, for messages).
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", defer_build=True, coerce_numbers_to_str=True, protected_namespaces=(), allow_inf_nan=False
    )

    type_name: ClassVar[str] = "Node"
    version: ClassVar[int] = 1
    revision: ClassVar[int] = 0
    cached: ClassVar[bool] = False
    shared: ClassVar[bool] = False
    category: ClassVar[str] = "studio"
    frames_by_files: ClassVar[bool] = False
    in_catalogue: ClassVar[bool] = True
    keeps_corrections: ClassVar[bool] = False
    has_precision: ClassVar[bool] = False
    moved: ClassVar[Mapping[str, str]] = {}
    code_digest: ClassVar[str] = ""  # of nodes that are not our own; part of the key
    signature: ClassVar[Signature]

    def __init__(self, *misplaced: Any, **values: Any) -> None:
        """Raises WrongParameter, a UsageError, for values that do not fit."""
        if misplaced:
            raise WrongParameter(type(self).type_name, [("", positional(type(self), misplaced))])
        try:
            super().__init__(**values)
        except ValidationError as error:
            cls = type(self)
            given = [name for name in values if name in cls.signature.inputs and name not in cls.model_fields]
            faults = [(name, f"{name!r} is an input, not a parameter: {cls.type_name}(...)({name}=...)") for name in given]
            faults += [fault for fault in faults_of(cls, error) if fault[0] not in given]
        else:
            return
        raise WrongParameter(cls.type_name, faults)  # outside the except block, so that no second traceback is shown

    @model_validator(mode="before")
    @classmethod
    def _no_quiet_conversions(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for name, message in wrong_kinds(cls, values):
            raise ValueError(f"{name}: {message}")
        return with_paths_as_text(cls.model_fields, values)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        return changed_parameters(self)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.code_digest = source_digest(cls)  # now: the file may be edited later, while this code runs
        if "process" not in cls.__dict__:
            return
        cls.type_name = cls.__dict__.get("type_name", cls.__name__)
        package, _, below = cls.__module__.partition("rotonodes.nodes.")
        if below and not package and "category" not in cls.__dict__:
            cls.category = below.partition(".")[0]
        cls.signature = read_signature(cls)
        if cls.has_neighbours() and not cls.signature.is_clip:
            raise UsageError(f"{cls.__name__}: a node with needs() takes its neighbouring frames as Clip[...]; no input is one")
        if cls.takes_whole_clip() and any(socket.many and socket.feed == "clip" for socket in cls.signature.inputs.values()):
            ways = "take several inputs, or say with needs_of() which frames"
            raise UsageError(f"{cls.__name__}.process: a list of whole clips cannot be fed; {ways}")
        if cls.__dict__.get("in_catalogue", True):
            register(cls)

    # Methods that a node may override.

    def outputs(self) -> Mapping[str, type | TypeVar]:
        """Output names and types; overridden where they depend on parameters. The first is the default output."""
        return self.signature.outputs

    def needs(self, frame: int) -> Iterable[int]:
        """The input frames that output `frame` is made from. A node that overrides this takes them as `Clip[...]`."""
        return (frame,)

    def needs_of(self, link: InputLink, frame: int, shot: Shot) -> Iterable[int]:
        """The frames of one link that output `frame` is made from, where they differ by link or depend on the shot's ends.

        They may lie outside the shot, or be none; those of `needs` are limited to the shot.
        """
        return self.needs(frame)

    def frames_of_clip(self, frames: Sequence[int]) -> Sequence[int]:
        """The frames that a whole clip is made of, from those of the shot (of a writer: those delivered), where all are not needed."""
        return frames

    def with_files_listed(self, own: OwnResults) -> Self:
        """The same node with the list of files that it finds on disk. A run asks once, before it writes anything.

        Files that an earlier run of the same graph made (`own` tells them) are no inputs.
        """
        return self

    def libraries(self) -> Iterable[str]:
        """Optional libraries (names in `rotonodes.extras`) that these parameters need; `rotonodes check` looks for them."""
        return ()

    def prepare(self, device: Device, **inputs: Any) -> Any:
        """A costly value that all frames share (a network on its device), made from the inputs that are made once."""
        return None

    def open_files(self) -> None:
        """Open the files that only `process` reads; RotoError for one of no use. `check --files` calls it for trainings alone."""

    def working_bytes(self, width: int, height: int) -> int:
        """Working memory in bytes for one frame of this size, without inputs and outputs; used by the plan's estimate."""
        return 0

    def asks_float32(self) -> bool:
        """True when the weights file that the node reads says that `precision: auto` is float32."""
        return False

    def pixel_reach(self) -> float:
        """The distance, in px, up to which a pixel of an input can change the outputs; infinite for the whole frame."""
        return 0.0

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        """Faults of these parameters, one line each, given the linked inputs and the graph's number of frames.

        `frames` is 1 where the graph does not give its frames.
        """
        return iter(())

    def glance(self, output: str, frame: int, inputs: Mapping[str, Layers]) -> Layers | None:
        """The pixels of an output from those of the linked inputs, as `process` makes them but without torch; None where that cannot be.

        With it the live page shows its first pictures while torch is not imported yet.
        """
        return None

    # Derived from the class and its parameters.

    @classmethod
    def is_writer(cls) -> bool:
        return cls.writes is not Node.writes

    @classmethod
    def has_neighbours(cls) -> bool:
        return cls.needs is not Node.needs or cls.needs_of is not Node.needs_of

    @classmethod
    def takes_whole_clip(cls) -> bool:
        """True when a `Clip` input spans the shot (a node with `needs` gets small clips, frame by frame)."""
        return cls.signature.is_clip and not cls.has_neighbours()

    def paths(self, role: str) -> Iterator[tuple[str, str]]:
        """(parameter, path) of every path parameter that is set; a list of paths gives one pair for each."""
        for name in path_parameters(type(self), role):
            value = getattr(self, name)
            yield from ((name, path) for path in (value if isinstance(value, list) else [value]) if isinstance(path, str) and path)

    def at(self, resolve: Callable[[str], str], source: Callable[[str], str] | None = None) -> Node:
        """A copy of the node with every path parameter passed through `resolve` (a root folder, a path map).

        `source` resolves the paths of input files, where that differs.
        """
        changed: dict[str, Any] = {}
        for role, place in (("input", source or resolve), ("output", resolve)):
            for name, path in self.paths(role):
                if isinstance(getattr(self, name), list):
                    changed.setdefault(name, []).append(place(path))
                else:
                    changed[name] = place(path)
        return self.model_copy(update=changed) if changed else self

    def __call__(self, *values: Any, frame: int = 1, key: str = "", device: str = "cpu", **named: Any) -> Any:
        """Run without a graph; the engine calls the same code.

        Inputs are given in the order of `process` or by name. Where the node takes a batch, a single picture may be given (a
        single picture is returned); where it takes a clip, a list. Raises UsageError for inputs that are missing, unknown or
        of another type.
        """
        check_frame(self.type_name, frame)
        inputs = dict(zip(self.signature.inputs, values, strict=False))
        if len(values) > len(self.signature.inputs):
            raise UsageError(f"{self.type_name} takes {len(self.signature.inputs)} inputs, got {len(values)}")
        for name, value in named.items():
            if name not in self.signature.inputs:
                raise UsageError(f"{self.type_name} has no input {name!r}; it has {', '.join(self.signature.inputs) or 'none'}")
            inputs[name] = value
        for name, socket in self.signature.inputs.items():
            if socket.required and inputs.get(name) is None:
                raise UsageError(f"{self.type_name} needs its input {name!r}")
        single = False
        for name, socket in self.signature.inputs.items():
            value = inputs.get(name)
            if (wrong := wrong_input(socket, value)) is not None:
                raise UsageError(f"{self.type_name}: {wrong}")
            if socket.feed == "batch" and isinstance(value, socket.types):
                inputs[name], single = Batch.of([value]), True
            elif socket.feed == "clip" and value is not None:
                inputs[name] = as_clips(socket, value, frame)
        return result_of_call(self.run(inputs, frame=frame, key=key, device=device), single)

    def run(
        self,
        inputs: Mapping[str, Any],
        *,
        frame: int | None = None,
        shot: Shot | None = None,
        key: str = "",
        device: str = "cpu",
        wanted: Iterable[str] | None = None,
        monitor: Monitor | None = None,
        prepared: Any = NOT_GIVEN,
    ) -> Any:
        """Call `process` with its inputs by name, and with the frame, key, device, ... that its annotations ask for."""
        given: dict[str, Any] = {}
        for name, kind in self.signature.asks.items():
            if kind is Frame:
                given[name] = Frame(1 if frame is None else frame)
            elif kind is Shot:
                given[name] = shot or Shot(span_of(inputs.values(), 1 if frame is None else frame))
            elif kind is Key:
                given[name] = Key(key)
            elif kind is Device:
                given[name] = Device(device)
            elif kind is Wanted:
                given[name] = Wanted(self.outputs() if wanted is None else wanted)
            elif kind is Monitor:
                given[name] = monitor or Monitor()
            elif kind is Prepared:
                given[name] = self.prepare_now(inputs, device) if prepared is NOT_GIVEN else prepared
        return self.process(**on_one_device(inputs), **given)  # type: ignore[attr-defined]

    def prepare_now(self, inputs: Mapping[str, Any], device: str) -> Any:
        """`prepare` for calls without an engine; the last results are kept, so a loop over frames loads a network once."""
        once = {name: inputs.get(name) for name, s in self.signature.inputs.items() if s.feed == "once"}
        stamps = tuple((path, os.stat(path).st_mtime_ns) for path in self.reads(None) if os.path.exists(path))
        identity = (self.type_name, self.model_dump_json(), device, stamps)
        return PREPARED.get(identity, tuple(once.values()), lambda: self.prepare(Device(device), **once))

    def split_outputs(self, result: Any) -> dict[str, Any]:
        """The value that `process` returned, as output name -> value."""
        if isinstance(result, dict):
            return result
        if self.signature.result is not None:
            return dict(result._asdict())
        return {next(iter(self.outputs())): result}
