"""Node: a class whose fields are parameters and whose `process` signature declares its sockets; the registry of nodes.

Subclassing `Node` is all it takes: the class is registered under its name, its parameters become the YAML check, the JSON
Schema and the reference, and the annotations of `process` say how the engine feeds it.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
import threading
import types
import typing
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from rotonodes.errors import UsageError
from rotonodes.parameters import InputPath as InputPath
from rotonodes.parameters import OutputPath as OutputPath
from rotonodes.parameters import PathRole as PathRole
from rotonodes.parameters import WrongParameter as WrongParameter
from rotonodes.parameters import changes_pixels as changes_pixels
from rotonodes.parameters import faults_of, wrong_kinds
from rotonodes.parameters import param as param
from rotonodes.parameters import parameter_faults as parameter_faults
from rotonodes.parameters import path_role as path_role
from rotonodes.parameters import unit_of as unit_of
from rotonodes.pixels import Batch, Clip, Image, Labels, Layers, Matte
from rotonodes.registry import DuplicateNode as DuplicateNode
from rotonodes.registry import all_nodes as all_nodes
from rotonodes.registry import find_node as find_node
from rotonodes.registry import full_name as full_name
from rotonodes.registry import load_file as load_file
from rotonodes.registry import plugin_faults as plugin_faults
from rotonodes.registry import register

# A picture of any kind, the same kind going out as came in.
Picture = TypeVar("Picture", Image, Matte, Labels)

FRAME_TYPES = (Image, Matte, Labels, Layers)


class Frame(int):
    """Annotation: the frame number. A node that asks for it has it in its key."""


class Key(str):
    """Annotation: the key of what is being made, which writers put into their files."""


class Device(str):
    """Annotation: the torch device to compute on, as text: `cpu`, `cuda:0`."""


class Wanted(frozenset[str]):
    """Annotation: the names of the outputs somebody asks for; the others may be left None."""


class Prepared:
    """Annotation: what `prepare(device, ...)` made, once for all frames (a network on its device)."""


NOT_GIVEN: Any = object()  # None is something that `prepare` may well answer


class Monitor:
    """Annotation: how a long node tells of its progress, warns, and learns that it should stop."""

    def progress(self, done: int, total: int, text: str = "") -> None:
        """`done` of `total` steps are finished."""

    def warn(self, text: str) -> None:
        """Say one line that does not stop the run."""

    def stopping(self) -> bool:
        """True once the run should end; a node that can checkpoint does so and raises Interrupted."""
        return False


_ASKS: tuple[type, ...] = (Frame, Key, Device, Wanted, Prepared, Monitor)


@dataclass(frozen=True)
class Socket:
    """One input of a node: what may be linked to it and how it is fed."""

    name: str
    types: tuple[type, ...]
    feed: Literal["frame", "batch", "clip", "once"]
    required: bool
    many: bool = False
    variable: TypeVar | None = None

    def type_names(self) -> str:
        return " or ".join(t.__name__ for t in self.types)


@dataclass(frozen=True)
class Signature:
    """What `process` declares: its sockets, what else it asks for, and its outputs (a TypeVar follows that input)."""

    inputs: Mapping[str, Socket]
    asks: Mapping[str, type]
    outputs: Mapping[str, type | TypeVar]
    result: type | None  # the NamedTuple of several outputs

    @property
    def is_batch(self) -> bool:
        """True for a node that takes frames stacked."""
        return any(socket.feed == "batch" for socket in self.inputs.values())

    @property
    def one_by_one(self) -> bool:
        """True for a batch node that also takes what belongs to a single frame, so that its batches must be of one."""
        single = any(socket.feed == "frame" for socket in self.inputs.values())
        return single or Frame in self.asks.values() or Key in self.asks.values()

    @property
    def is_clip(self) -> bool:
        """True for a node that takes whole clips, and therefore runs once."""
        return any(socket.feed == "clip" for socket in self.inputs.values())


class Node(BaseModel):
    """Base of all nodes. See the module's text and DESIGN section 3.

    Class variables: `version` (part of the type's name, `Crop.2`), `revision` (raised by a fix that changes pixels; part of
    the key), `cached` (outputs worth keeping on disk), `shared` (all processes of a torchrun make it together), `category`
    (where the reference lists it).
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
    signature: ClassVar[Signature]

    def __init__(self, **values: Any) -> None:
        """Raises WrongParameter, a UsageError, for values that do not fit."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            cls = type(self)
            given = [name for name in values if name in cls.signature.inputs and name not in cls.model_fields]
            faults = [(name, f"{name!r} is an input, not a parameter: {cls.type_name}(...)({name}=...)") for name in given]
            faults += [fault for fault in faults_of(cls, error) if fault[0] not in given]
        else:
            return
        raise WrongParameter(cls.type_name, faults)  # out here, where no second error stands above it

    @model_validator(mode="before")
    @classmethod
    def _no_quiet_conversions(cls, values: Any) -> Any:
        for name, message in wrong_kinds(cls.model_fields, values) if isinstance(values, dict) else ():
            raise ValueError(f"{name}: {message}")
        return values

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "process" not in cls.__dict__:
            return
        cls.type_name = cls.__dict__.get("type_name", cls.__name__)
        enclosing = sys._getframe(2)
        scope = enclosing.f_locals if enclosing.f_code.co_name != "<module>" else {}
        cls.signature = read_signature(cls, dict(scope))
        if cls.has_neighbours() and not cls.signature.is_clip:
            raise UsageError(f"{cls.__name__}: a node with needs() takes its neighbouring frames as Clip[...]; no input is one")
        register(cls)

    # What a node may say about itself beyond its signature.

    def outputs(self) -> Mapping[str, type | TypeVar]:
        """Output names and types; overridden where they depend on parameters. The first is the default output."""
        return self.signature.outputs

    def needs(self, frame: int) -> Iterable[int]:
        """The frames of its inputs that `frame` is made from. A node that overrides it takes them as `Clip[...]`."""
        return (frame,)

    def reads(self, frame: int | None) -> tuple[str, ...]:
        """Files that `frame` is made from; their fingerprints go into the key. By default every input path parameter."""
        return tuple(value for _, value in self.paths("input"))

    def lacks(self, frame: int | None) -> tuple[str, ...]:
        """Those of them that are not there, and without which `frame` cannot be made."""
        return tuple(path for path in self.reads(frame) if not os.path.exists(path))

    def writes(self, frame: int | None) -> tuple[str, ...]:
        """Files that the node writes for `frame` (for the whole clip: None). A writer overrides it."""
        return ()

    def available(self) -> tuple[int, ...] | None:
        """Frames a source finds on disk, or None for nodes that cannot tell."""
        return None

    def prepare(self, device: Device, **inputs: Any) -> Any:
        """What frames share and is costly to make (a network on its device), from the inputs that are made once."""
        return None

    def working_bytes(self, width: int, height: int) -> int:
        """Memory that one frame of this size takes on its way through, beside inputs and outputs; for the plan's estimate."""
        return 0

    def faults(self, linked: frozenset[str], frames: int) -> Iterator[str]:
        """What is wrong with these parameters given the linked inputs and the graph's number of frames; one line each.

        Where the graph does not say its frames, `frames` is 1.
        """
        return iter(())

    # Derived.

    @classmethod
    def is_writer(cls) -> bool:
        return cls.writes is not Node.writes

    @classmethod
    def has_neighbours(cls) -> bool:
        return cls.needs is not Node.needs

    @classmethod
    def takes_whole_clip(cls) -> bool:
        """True when a `Clip` input spans the shot (a node with `needs` gets small clips, frame by frame)."""
        return cls.signature.is_clip and not cls.has_neighbours()

    def paths(self, role: str) -> Iterator[tuple[str, str]]:
        """(field, path) of every path parameter that is set; of one that is a list, each of its paths."""
        for name, info in type(self).model_fields.items():
            if path_role(info) == role:
                value = getattr(self, name)
                yield from ((name, path) for path in (value if isinstance(value, list) else [value]) if isinstance(path, str) and path)

    def at(self, resolve: Callable[[str], str]) -> Node:
        """The same node with every path parameter passed through `resolve` (a root folder, a path map)."""
        changed: dict[str, Any] = {}
        for name, path in (found for role in ("input", "output") for found in self.paths(role)):
            if isinstance(getattr(self, name), list):
                changed.setdefault(name, []).append(resolve(path))
            else:
                changed[name] = resolve(path)
        return self.model_copy(update=changed) if changed else self

    def __call__(self, *values: Any, frame: int = 1, key: str = "", device: str = "cpu", **named: Any) -> Any:
        """Run on values at hand, without a graph: the same code that the engine runs.

        Inputs are given in the order of `process` or by name. A single picture may stand where a batch is taken (and one
        comes back); a list may stand where a clip is taken.
        """
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
            if socket.feed == "batch" and isinstance(value, socket.types):
                inputs[name], single = Batch.of([value]), True
            elif socket.feed == "clip" and isinstance(value, list | tuple):
                inputs[name] = Clip.of(value)
        result = self.run(inputs, frame=frame, key=key, device=device)
        return first_of_batch(result) if single else result

    def run(
        self,
        inputs: Mapping[str, Any],
        *,
        frame: int | None = None,
        key: str = "",
        device: str = "cpu",
        wanted: Iterable[str] | None = None,
        monitor: Monitor | None = None,
        prepared: Any = NOT_GIVEN,
    ) -> Any:
        """Call `process` with inputs by name and with what its annotations ask for."""
        given: dict[str, Any] = {}
        for name, kind in self.signature.asks.items():
            if kind is Frame:
                given[name] = Frame(1 if frame is None else frame)
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
        """`prepare` for calls without an engine; the last few results are kept, so a loop over frames loads once."""
        once = {name: inputs.get(name) for name, s in self.signature.inputs.items() if s.feed == "once"}
        stamps = tuple((path, os.stat(path).st_mtime_ns) for path in self.reads(None) if os.path.exists(path))
        identity = (self.type_name, self.model_dump_json(), device, stamps, tuple(id(v) for v in once.values()))
        return _kept.get(identity, lambda: (self.prepare(Device(device), **once), once))[0]

    def split_outputs(self, result: Any) -> dict[str, Any]:
        """What `process` returned as output name -> value."""
        if isinstance(result, dict):
            return result
        if self.signature.result is not None:
            return dict(result._asdict())
        return {next(iter(self.outputs())): result}


class _Kept:
    """A few costly values by identity, the longest unused dropped first."""

    def __init__(self, most: int) -> None:
        self.most, self.values, self.lock = most, OrderedDict[Any, Any](), threading.Lock()

    def get(self, identity: Any, make: Callable[[], Any]) -> Any:
        with self.lock:
            if identity not in self.values:
                self.values[identity] = make()
            self.values.move_to_end(identity)
            while len(self.values) > self.most:
                self.values.popitem(last=False)
            return self.values[identity]


_kept = _Kept(most=4)


def on_one_device(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """Inputs that lie on several devices, brought together on the one that is not the CPU; others as they are."""
    values = [v for given in inputs.values() for v in (given if isinstance(given, list) else [given])]
    devices = {v.device for v in values if hasattr(v, "device")}
    if len(devices) < 2:
        return inputs
    there = next(device for device in devices if device.type != "cpu")

    def move(value: Any) -> Any:
        return [move(v) for v in value] if isinstance(value, list) else value.to(there) if hasattr(value, "device") else value

    return {name: move(value) for name, value in inputs.items()}


def first_of_batch(result: Any) -> Any:
    """The single frame's outputs out of a batch of one."""
    if isinstance(result, Batch):
        return result.split()[0]
    if isinstance(result, tuple) and hasattr(result, "_make"):
        return result._make(first_of_batch(v) for v in result)
    if isinstance(result, dict):
        return {name: first_of_batch(value) for name, value in result.items()}
    return result


# How a signature becomes sockets.


def read_signature(cls: type[Node], scope: dict[str, Any]) -> Signature:
    """Sockets, asks and outputs from the annotations of `cls.process`."""
    process = cls.__dict__["process"]
    try:
        hints = typing.get_type_hints(process, localns=scope, include_extras=True)
    except NameError as error:
        raise UsageError(f"{cls.__name__}.process: an annotation cannot be resolved: {error}") from None
    inputs: dict[str, Socket] = {}
    asks: dict[str, type] = {}
    for name, parameter in list(inspect.signature(process).parameters.items())[1:]:
        if name not in hints:
            raise UsageError(f"{cls.__name__}.process: the parameter {name!r} has no annotation")
        kind, _ = _without_none(hints[name])
        if isinstance(kind, type) and kind in _ASKS:
            asks[name] = kind
        else:
            inputs[name] = _socket(cls, name, hints[name], parameter.default is inspect.Parameter.empty)
    if any(socket.many and socket.feed in ("batch", "clip") for socket in inputs.values()):
        raise UsageError(f"{cls.__name__}.process: a list of Batch or Clip cannot be fed; take several inputs")
    outputs, result = _outputs(cls, hints.get("return"), inputs)
    return Signature(inputs, asks, outputs, result)


def _socket(cls: type[Node], name: str, annotation: Any, no_default: bool) -> Socket:
    kind, optional = _without_none(annotation)
    many = get_origin(kind) is list
    if many:
        (kind,) = get_args(kind)
    feed: Literal["frame", "batch", "clip", "once"] = "once"
    origin = get_origin(kind)
    if origin in (Batch, Clip):
        feed = "batch" if origin is Batch else "clip"
        (kind,) = get_args(kind)
    variable = kind if isinstance(kind, TypeVar) else None
    members = variable.__constraints__ if variable else _members(kind)
    if not all(isinstance(member, type) for member in members):
        raise UsageError(f"{cls.__name__}.process: the input {name!r} has an annotation that is no type: {annotation}")
    if feed == "once" and all(member in FRAME_TYPES for member in members):
        feed = "frame"
    return Socket(name, tuple(members), feed, required=no_default and not optional, many=many, variable=variable)


def _outputs(cls: type[Node], annotation: Any, inputs: Mapping[str, Socket]) -> tuple[dict[str, Any], type | None]:
    if annotation is None:
        raise UsageError(f"{cls.__name__}.process: its return annotation is missing; it declares the outputs")
    if isinstance(annotation, type) and hasattr(annotation, "_fields"):
        module = sys.modules.get(annotation.__module__)
        hints = typing.get_type_hints(annotation, getattr(module, "__dict__", {}), {"Image": Image, "Matte": Matte, "Labels": Labels})
        return {name: _output_type(hints[name]) for name in annotation._fields}, annotation
    kind = _output_type(annotation)
    if kind is tuple:
        raise UsageError(f"{cls.__name__}.process: several outputs are a NamedTuple, whose fields name them, not {annotation}")
    if isinstance(kind, TypeVar):
        return {next(s.name for s in inputs.values() if s.variable is kind): kind}, None
    name = {"ToneScale": "scale"}.get(kind.__name__, kind.__name__.lower())
    return {name: kind}, None


def _output_type(annotation: Any) -> Any:
    kind, _ = _without_none(annotation)
    if get_origin(kind) is Batch:
        (kind,) = get_args(kind)
    return get_origin(kind) or kind


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """An annotation without `| None`, and whether it had it."""
    members = _members(annotation)
    rest = tuple(m for m in members if m is not type(None))
    if len(rest) == len(members):
        return annotation, False
    return (functools.reduce(lambda a, b: a | b, rest) if len(rest) > 1 else rest[0]), True
