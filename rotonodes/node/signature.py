"""Reads the signature of `process`: input sockets, requests (frame, key, device, ...) and outputs."""

from __future__ import annotations

import functools
import inspect
import sys
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from rotonodes.errors import UsageError
from rotonodes.node.annotations import ASKS, Frame, Key
from rotonodes.values.pixels import Batch, Clip, Image, Labels, Layers, Matte

FRAME_TYPES = (Image, Matte, Labels, Layers)


@dataclass(frozen=True)
class Socket:
    """One input of a node: the types it accepts and how it is fed."""

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
    """The declaration of `process`: input sockets, requests, and outputs (an output that is a TypeVar has the type of that input)."""

    inputs: Mapping[str, Socket]
    asks: Mapping[str, type]
    outputs: Mapping[str, type | TypeVar]
    result: type | None  # the NamedTuple of several outputs

    @functools.cached_property
    def is_batch(self) -> bool:
        """True for a node that takes stacked frames."""
        return any(socket.feed == "batch" for socket in self.inputs.values())

    @functools.cached_property
    def batched(self) -> tuple[str, ...]:
        """The inputs that are fed as stacked frames."""
        return tuple(socket.name for socket in self.inputs.values() if socket.feed == "batch")

    @property
    def one_by_one(self) -> bool:
        """True for a batch node with an input or request of a single frame: its batches must then hold one frame."""
        single = any(socket.feed == "frame" for socket in self.inputs.values())
        return single or Frame in self.asks.values() or Key in self.asks.values()

    @functools.cached_property
    def is_clip(self) -> bool:
        """True for a node that takes clips."""
        return any(socket.feed == "clip" for socket in self.inputs.values())


def read_signature(cls: type) -> Signature:
    """The signature from the annotations of `cls.process`.

    Annotations are resolved in the module that defines `process`. Raises UsageError for an annotation that cannot be
    resolved or does not name a type.
    """
    process = cls.__dict__["process"]
    try:
        hints = typing.get_type_hints(process, include_extras=True)
    except NameError as error:
        raise UsageError(
            f"{cls.__name__}.process: an annotation cannot be resolved: {error}; define that type at the top of its file"
        ) from None
    inputs: dict[str, Socket] = {}
    asks: dict[str, type] = {}
    for name, parameter in list(inspect.signature(process).parameters.items())[1:]:
        if name not in hints:
            raise UsageError(f"{cls.__name__}.process: the parameter {name!r} has no annotation")
        kind, _ = _without_none(hints[name])
        if isinstance(kind, type) and kind in ASKS:
            asks[name] = kind
        else:
            inputs[name] = _socket(cls, name, hints[name], parameter.default is inspect.Parameter.empty)
    if any(socket.many and socket.feed == "batch" for socket in inputs.values()):
        raise UsageError(f"{cls.__name__}.process: a list of Batch cannot be fed; take several inputs")
    outputs, result = _outputs(cls, hints.get("return"), inputs)
    return Signature(inputs, asks, outputs, result)


def _socket(cls: type, name: str, annotation: Any, no_default: bool) -> Socket:
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


def _outputs(cls: type, annotation: Any, inputs: Mapping[str, Socket]) -> tuple[dict[str, Any], type | None]:
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
    name = {"ToneScale": "scale", "LightDirection": "light"}.get(kind.__name__, kind.__name__.lower())
    return {name: kind}, None


def _output_type(annotation: Any) -> Any:
    kind, _ = _without_none(annotation)
    if get_origin(kind) is Batch:
        (kind,) = get_args(kind)
    return get_origin(kind) or kind


def _members(kind: Any) -> tuple[Any, ...]:
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """(the annotation without `| None`, True if it had `| None`)."""
    members = _members(annotation)
    rest = tuple(m for m in members if m is not type(None))
    if len(rest) == len(members):
        return annotation, False
    return (functools.reduce(lambda a, b: a | b, rest) if len(rest) > 1 else rest[0]), True
