"""Node: a class whose fields are parameters and whose `process` signature declares its sockets.

Subclassing `Node` is all it takes: the class is registered under its name, its parameters become the YAML check, the JSON
Schema and the reference, and the annotations of `process` say how the engine feeds it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from rotonodes.errors import UsageError
from rotonodes.node.asks import NOT_GIVEN, Device, Frame, Key, Monitor, Prepared, Wanted
from rotonodes.node.calling import PREPARED, first_of_batch, on_one_device
from rotonodes.node.parameters import (
    WrongParameter,
    faults_of,
    path_role,
    wrong_kinds,
)
from rotonodes.node.registry import register
from rotonodes.node.signature import Signature, read_signature
from rotonodes.values.pixels import Batch, Clip


class Node(BaseModel):
    """Base of all nodes. See the module's text and DESIGN section 3.

    Class variables: `version` (part of the type's name, `Crop.2`), `revision` (raised by a fix that changes pixels; part of
    the key), `cached` (outputs worth keeping on disk), `shared` (all processes of a torchrun make it together), `category`
    (where the reference lists it: for our own nodes their folder), `in_catalogue` (False: no graph file may name it).
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
    in_catalogue: ClassVar[bool] = True
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
        package, _, below = cls.__module__.partition("rotonodes.nodes.")
        if below and not package and "category" not in cls.__dict__:
            cls.category = below.partition(".")[0]
        cls.signature = read_signature(cls)
        if cls.has_neighbours() and not cls.signature.is_clip:
            raise UsageError(f"{cls.__name__}: a node with needs() takes its neighbouring frames as Clip[...]; no input is one")
        if cls.__dict__.get("in_catalogue", True):
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

    def at(self, resolve: Callable[[str], str], source: Callable[[str], str] | None = None) -> Node:
        """The same node with every path parameter passed through `resolve` (a root folder, a path map).

        `source` resolves the paths of files that are read, where that differs.
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
        identity = (self.type_name, self.model_dump_json(), device, stamps)
        return PREPARED.get(identity, tuple(once.values()), lambda: self.prepare(Device(device), **once))

    def split_outputs(self, result: Any) -> dict[str, Any]:
        """What `process` returned as output name -> value."""
        if isinstance(result, dict):
            return result
        if self.signature.result is not None:
            return dict(result._asdict())
        return {next(iter(self.outputs())): result}


# How a signature becomes sockets.
