"""The types of our own nodes for type checkers and editors: `rotonodes/nodes/__init__.pyi`, made from their declarations.

A constructor has the parameters with their types, a call has the inputs, and returns the outputs.
"""

from __future__ import annotations

import json
import sys
import textwrap
import types
import typing
from collections.abc import Iterator, Mapping
from inspect import Parameter, signature
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from rotonodes.describe.reference import first_line, type_word
from rotonodes.node.annotations import Wanted
from rotonodes.node.base import Node
from rotonodes.node.outputs import Outputs
from rotonodes.node.parameters import path_role, unit_of
from rotonodes.node.signature import Socket
from rotonodes.values.pixels import Batch, Clip, Image, Labels, Matte

COMMAND = "rotonodes nodes --stubs -o rotonodes/nodes/__init__.pyi"
CALL = ("*", "frame: int = 1", 'key: str = ""', 'device: str = "cpu"')
WIDE = 140
MAY_LACK = {"LoadParts": ("image",)}  # outputs that are None also where they are asked for: no picture belongs to the parts


class Words:
    """Annotations as text; the names that they use are collected as imports (name -> module) and as type variables."""

    def __init__(self) -> None:
        self.imports: dict[str, str] = {"Node": Node.__module__}
        self.variables: dict[str, TypeVar] = {}

    def of(self, kind: Any, given: bool = False) -> str:
        """An annotation; with `given` what may be given for it: any mapping for a dictionary, a list for a tuple."""
        origin, members = get_origin(kind), get_args(kind)
        if kind is None or kind is types.NoneType:
            return "None"
        if isinstance(kind, TypeVar):
            self.variables[kind.__name__] = kind
            return f"_{kind.__name__}"
        if origin is Annotated:
            return self.of(members[0], given)
        if origin is Literal:
            return f"{self.imported('Literal', 'typing')}[{', '.join(map(quoted, members))}]"
        if origin in (Union, types.UnionType):
            return " | ".join(dict.fromkeys(self.of(member, given) for member in members))
        if origin is not None:
            inside = ["..." if member is ... else self.of(member, given) for member in members]
            name = self.imported("Mapping", "collections.abc") if given and origin is dict else self.of(origin)
            listed = f" | list[{inside[0]}]" if given and origin is tuple and len({*inside} - {"..."}) == 1 else ""
            return f"{name}[{', '.join(inside)}]{listed}"
        if kind is Any:
            return self.imported("Any", "typing")
        return kind.__name__ if kind.__module__ == "builtins" else self.imported(kind.__name__, kind.__module__)

    def imported(self, name: str, module: str) -> str:
        self.imports[name] = module
        return name


def node_stubs(nodes: Mapping[str, type[Node]]) -> str:
    """The text of a stub file of these nodes (full name -> class)."""
    words = Words()
    bodies = [line for cls in sorted(nodes.values(), key=type_word) for line in ("", *_class(cls, words))]
    head = [
        f'"""The types of the nodes. Made by `{COMMAND}` from their declarations: edit those."""',
        "",
        *_imports(words),
        "",
        *(f'_{name} = TypeVar("_{name}", {", ".join(map(words.of, v.__constraints__))})' for name, v in sorted(words.variables.items())),
    ]
    return "\n".join([*head, *bodies]) + "\n"


def _imports(words: Words) -> Iterator[str]:
    by_module: dict[str, list[str]] = {"typing": ["TypeVar", "overload"]}
    for name, module in words.imports.items():
        by_module.setdefault(module, []).append(name)
    for own in (False, True):
        for module, names in sorted(by_module.items()):
            if module.startswith("rotonodes") is own:
                yield f"from {module} import {', '.join(sorted(set(names)))}"
        if not own:
            yield ""


def _class(cls: type[Node], words: Words) -> Iterator[str]:
    """One node: its text, its parameters as attributes and in the constructor, and its calls."""
    own = _own_outputs(cls, words)
    yield from own
    yield f"class {cls.__name__}(Node):"
    yield from _docstring(cls)
    for name, info in cls.model_fields.items():
        yield f"    {name}: {words.of(info.annotation)}"
    yield "    def __init__("
    yield "        self,"
    if cls.model_fields:
        yield "        *,"
    for name, info in cls.model_fields.items():
        default = "" if info.is_required() else f" = {_literal(info.default)}"
        kind = words.of(info.annotation, given=True)
        if path_role(info):
            kind += f" | {words.imported('PathLike', 'os')}[str]"
        yield f"        {name}: {kind}{default},"
    yield "    ) -> None: ..."
    yield from _calls(cls, words, f"_{cls.__name__}Outputs" if own else _returned(cls, words))


def _literal(value: Any) -> str:
    """A default as editors show it."""
    return quoted(value) if isinstance(value, str | bool | int | float | None) else "..."


def quoted(value: Any) -> str:
    """A plain value as Python source, text in double quotes."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def _docstring(cls: type[Node]) -> Iterator[str]:
    yield f'    """{first_line(cls)}'
    yield ""
    for name, info in cls.model_fields.items():
        unit = f" ({unit_of(info)})" if unit_of(info) else ""
        text = f"{name}: {info.description}{unit}".replace("\\", "\\\\").replace('"""', "'''")
        yield from textwrap.wrap(text, WIDE, initial_indent="    ", subsequent_indent="        ")
    yield '    """'


def _own_outputs(cls: type[Node], words: Words) -> list[str]:
    """The outputs as a call without a graph gives them, where `process` declares others.

    A call makes all outputs, also those that a graph leaves out where nothing is linked to them; a node that takes batches gives
    a single picture for one. Empty for other nodes.
    """
    result = cls.signature.result
    if result is None or not (cls.signature.is_batch or Wanted in cls.signature.asks.values()):
        return []
    lines = [f"class _{cls.__name__}Outputs({words.imported('NamedTuple', 'typing')}):"]
    for name, kind in _field_types(result).items():
        single = _without_feed(kind) if cls.signature.is_batch else kind
        lines.append(f"    {name}: {words.of(single if name in MAY_LACK.get(cls.__name__, ()) else _made(single))}")
    return [*lines, ""]


def _made(kind: Any) -> Any:
    """An annotation without None."""
    members = [member for member in get_args(kind) if member is not types.NoneType]
    return Union[tuple(members)] if get_origin(kind) in (Union, types.UnionType) else kind  # noqa: UP007  made of a tuple


def _field_types(result: type) -> dict[str, Any]:
    module = sys.modules.get(result.__module__)
    hints = typing.get_type_hints(result, getattr(module, "__dict__", {}), {"Image": Image, "Matte": Matte, "Labels": Labels})
    return {name: hints[name] for name in result._fields}  # type: ignore[attr-defined]


def _without_feed(kind: Any) -> Any:
    """An annotation with the values themselves in place of batches of them."""
    if get_origin(kind) is Batch:
        return get_args(kind)[0]
    if get_origin(kind) in (Union, types.UnionType):
        return Union[tuple(map(_without_feed, get_args(kind)))]  # noqa: UP007  made of a tuple
    return kind


def _calls(cls: type[Node], words: Words, returned: str) -> Iterator[str]:
    """`__call__` as a method, or two of a node that takes batches: of a single picture, and of a batch."""
    if not cls.signature.is_batch:
        yield from _call(_inputs(cls, words, False), returned, "  # type: ignore[override]")
        return
    yield "    @overload  # type: ignore[override]"
    yield from _call(_inputs(cls, words, False), returned)
    yield "    @overload"
    yield from _call(_inputs(cls, words, True), words.of(cls.signature.result))


def _call(inputs: list[str], returned: str, ignored: str = "") -> Iterator[str]:
    """One `__call__`, with a line for each of its parameters where it is long."""
    pieces = [*inputs, *CALL]
    line = f"    def __call__({', '.join(pieces)}) -> {returned}: ..."
    if len(line) <= WIDE:
        yield line + ignored
        return
    yield f"    def __call__({ignored}"
    yield from (f"        {piece}," for piece in pieces)
    yield f"    ) -> {returned}: ..."


def _inputs(cls: type[Node], words: Words, batch: bool) -> list[str]:
    """`self` and the inputs of `process`, in its order; what the engine gives is left out."""
    process: Any = cls.process  # type: ignore[attr-defined]
    given = signature(process).parameters
    pieces = ["self"]
    for name, socket in cls.signature.inputs.items():
        optional = not socket.required
        kind = _socket(socket, words, batch) + (" | None" if optional else "")
        pieces.append(f"{name}: {kind}{' = None' if optional or given[name].default is not Parameter.empty else ''}")
    return pieces


def _socket(socket: Socket, words: Words, batch: bool) -> str:
    """What one input takes."""
    kind = words.of(socket.variable) if socket.variable is not None else " | ".join(map(words.of, socket.types))
    if socket.feed == "batch":
        return f"{words.of(Batch)}[{kind}]" if batch else kind
    if socket.feed == "clip":
        kind = f"{words.of(Clip)}[{kind}] | {words.imported('Sequence', 'collections.abc')}[{kind}] | {kind}"
    return f"{words.imported('Sequence', 'collections.abc')}[{kind}]" if socket.many else kind


def _returned(cls: type[Node], words: Words) -> str:
    if cls.outputs is not Node.outputs:
        return words.of(Outputs)
    if cls.signature.result is not None:
        return words.of(cls.signature.result)
    return words.of(next(iter(cls.signature.outputs.values())))
