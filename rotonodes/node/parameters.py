"""Parameters: how they are declared, and messages for values that do not fit, in the terms of the graph file."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo

from rotonodes.errors import UsageError, did_you_mean
from rotonodes.values.color import checked_color, checked_palette

MOST_SHOWN = 80  # characters of a value in a message


class WrongParameter(UsageError, ValueError):
    """A node's parameters have wrong values. The text is one line; `faults` has (parameter, message) for each."""

    def __init__(self, type_name: str, faults: Sequence[tuple[str, str]]) -> None:
        self.type_name, self.faults = type_name, list(faults)
        line = "; ".join(message for _, message in faults)
        super().__init__(line if line.startswith(f"{type_name} ") else f"{type_name}: {line}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.type_name, self.faults)  # for pickle: processes pass errors on


@dataclass(frozen=True)
class PathRole:
    """Marks a parameter as a path: `input` files are read (their fingerprint is part of the key), `output` files are written."""

    role: Literal["input", "output"]


Color = Annotated[str, AfterValidator(checked_color)]  # "#rgb", "#rrggbb" or "#rrggbbaa"
Colors = Annotated[dict[str, str], AfterValidator(checked_palette)]  # name -> colour
InputPath = Annotated[str, PathRole("input")]
OutputPath = Annotated[str, PathRole("output")]


def param(default: Any = ..., *, help: str, unit: str = "", pixels: bool = True, added: bool = False, **constraints: Any) -> Any:  # noqa: A002
    """Declare a parameter: default, help text, unit, pydantic constraints (`ge`, `le`, `min_length`, ...).

    `pixels=False` says that the parameter never changes a pixel, so it is not part of the key (a batch size, an output path).
    `added=True` is for parameters added to a node that is in use: at the default they are not part of the key, so that caches and
    outputs made before stay valid.
    """
    extra: dict[str, Any] = {"unit": unit, "pixels": pixels} | ({"added": True} if added else {})
    return Field(default, description=help, json_schema_extra=extra, **constraints)


def path_role(info: FieldInfo) -> str | None:
    """`input`, `output`, or None for a parameter that is not a path."""
    marks = list(info.metadata)
    for inner in get_args(info.annotation) or (info.annotation,):
        marks += getattr(inner, "__metadata__", ())
    return next((mark.role for mark in marks if isinstance(mark, PathRole)), None)


@functools.cache
def path_parameters(cls: type[BaseModel], role: str) -> tuple[str, ...]:
    """The names of a class's parameters that are paths of files it reads (`input`) or writes (`output`)."""
    return tuple(name for name, info in cls.model_fields.items() if path_role(info) == role)


def changes_pixels(info: FieldInfo) -> bool:
    """False for parameters declared with `pixels=False`."""
    extra = info.json_schema_extra
    return not isinstance(extra, dict) or extra.get("pixels", True) is not False


def added_later(info: FieldInfo) -> bool:
    """True for parameters declared with `added=True`."""
    extra = info.json_schema_extra
    return isinstance(extra, dict) and extra.get("added", False) is True


def unit_of(info: FieldInfo) -> str:
    """The unit of a parameter, or an empty text."""
    extra = info.json_schema_extra
    return str(extra.get("unit", "")) if isinstance(extra, dict) else ""


@functools.cache
def _kinds_of(cls: type[BaseModel]) -> dict[str, tuple[tuple[Any, ...], bool]]:
    """The types that each parameter of a class takes, and whether it is a path."""
    return {name: (get_args(info.annotation) or (info.annotation,), path_role(info) is not None) for name, info in cls.model_fields.items()}


_NUMBER = re.compile(r"\s*[-+]?[0-9.]+([eE][-+]?[0-9]+)?\s*")


def wrong_kinds(cls: type[BaseModel], values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(parameter, message) for values that pydantic would convert silently: text to booleans, booleans to numbers, numbers to paths."""
    known = _kinds_of(cls)
    for name, value in values.items():
        kinds, is_path = known.get(name, ((), False))
        if bool in kinds and isinstance(value, str):
            yield name, f"must be true or false, not {value!r}"
        elif type(value) is str and str not in kinds and (int in kinds or float in kinds) and _NUMBER.fullmatch(value):
            yield name, f"must be a number, not the text {value!r}: take away the quotes"
        elif isinstance(value, bool) and bool not in kinds and (int in kinds or float in kinds or str in kinds):
            yield name, f"must be {'text' if str in kinds else 'a number'}, not {str(value).lower()}"
        elif is_path:
            for path in value if isinstance(value, list | tuple) else [value]:
                if isinstance(path, int | float):
                    yield name, f"must be a path, not the number {path}: put a file's name in quotes"
                    break


def with_paths_as_text(fields: Mapping[str, FieldInfo], values: dict[str, Any]) -> dict[str, Any]:
    """The values of parameters, with `pathlib` paths as text where a parameter is a path."""
    changed: dict[str, Any] = {}
    for name, value in values.items():
        many = isinstance(value, list | tuple) and any(isinstance(one, os.PathLike) for one in value)
        if (many or isinstance(value, os.PathLike)) and name in fields and path_role(fields[name]):
            if isinstance(value, os.PathLike):
                changed[name] = os.fspath(value)
            else:
                changed[name] = [os.fspath(one) if isinstance(one, os.PathLike) else one for one in value]
    return values | changed


def changed_parameters(node: BaseModel) -> Iterator[tuple[str, Any]]:
    """(name, value) of the parameters that are required or not at their defaults."""
    for name, info in type(node).model_fields.items():
        value = getattr(node, name)
        if info.is_required() or value != info.get_default(call_default_factory=True):
            yield name, value


def positional(cls: type[BaseModel], values: Sequence[Any]) -> str:
    """The fault of parameters that were given without their names."""
    names = list(cls.model_fields)
    if not names:
        return "it has no parameters"
    example = ", ".join(f"{name}={shown(value)}" for name, value in zip(names, values, strict=False))
    return f"parameters are given by name, as {getattr(cls, 'type_name', cls.__name__)}({example})"


def parameter_faults(cls: type[BaseModel], values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(parameter, message) for every value of a node that does not fit; empty when the node can be made."""
    wrong = dict(wrong_kinds(cls, values))
    found = [(name, f"{name}: {message}") for name, message in wrong.items()]
    try:
        cls(**{name: value for name, value in values.items() if name not in wrong})
    except WrongParameter as error:
        found += [(name, message) for name, message in error.faults if name not in wrong]
    except UsageError as error:
        found.append(("", str(error)))
    return found


def faults_of(cls: type[BaseModel], error: ValidationError) -> list[tuple[str, str]]:
    """(parameter, message) for every fault that pydantic found in the values of a node."""
    by_parameter: dict[tuple[str, str], list[Any]] = {}
    for fault in _deepest(cls, error.errors(include_url=False)):
        name = str(fault["loc"][0]) if fault["loc"] else ""
        by_parameter.setdefault((name, repr(fault["input"])), []).append(fault)
    return [(name, describe(cls, name, same)) for (name, _), same in by_parameter.items()]


def _deepest(cls: type[BaseModel], faults: Sequence[Any]) -> list[Any]:
    """The faults; of a value that fits no member of a union those of the members that fit it best, without the members' names."""
    found = []
    for fault in faults:
        info = cls.model_fields.get(str(fault["loc"][0])) if fault["loc"] else None
        # Beside None a single type is no union to pydantic, and has no name in the place of a fault.
        union = info is not None and _is_union(info.annotation) and len({*get_args(info.annotation)} - {NoneType}) > 1
        found.append((union, {**fault, "loc": (*fault["loc"][:1], *fault["loc"][2:])} if union else fault))
    depths: dict[Any, int] = {}
    for _, fault in found:
        name = fault["loc"][:1]
        depths[name] = max(depths.get(name, 0), len(fault["loc"]))
    return [fault for union, fault in found if not union or len(fault["loc"]) == depths[fault["loc"][:1]]]


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, UnionType)


def no_parameter(cls: type[BaseModel], name: str) -> str:
    """`Crop has no parameter 'lefft' (did you mean 'left'?)`; without a near name, all parameters are listed.

    For one that the node once had, `moved` of its class says what does it now.
    """
    type_name, names = getattr(cls, "type_name", cls.__name__), list(cls.model_fields)
    if name in (moved := getattr(cls, "moved", {})):
        return f"{type_name} has no parameter {name!r}: {moved[name]}"
    hint = did_you_mean(name, names) or (f"; it has {', '.join(names)}" if names else "; it has none")
    return f"{type_name} has no parameter {name!r}{hint}"


def describe(cls: type[BaseModel], name: str, faults: Sequence[Any]) -> str:
    """One line for pydantic's faults of one value; there are several when the value fits no member of a union."""
    for fault in faults:
        if fault["type"] in ("value_error", "assertion_error"):
            return str(fault.get("ctx", {}).get("error", fault["msg"]))
    first = faults[0]
    if first["type"] == "missing" and len(first["loc"]) == 1:
        return f"the parameter {name!r} is missing"
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        return no_parameter(cls, name)
    info = cls.model_fields.get(name)
    unit = f" {unit_of(info)}" if info is not None and unit_of(info) else ""
    rules = list(dict.fromkeys(_rule(fault, unit) for fault in faults))
    inner = [str(part) for part in first["loc"][1:] if part != "[key]"] if len(faults) == 1 else []
    where = ".".join([name, *inner])
    if first["type"] == "missing":
        return f"{name}: has too few values"
    return f"{where}: must be {' or '.join(rules)}, not {shown(first['input'])}{next(filter(None, map(_near, faults)), '')}"


def shown(value: Any) -> str:
    """A value in one line, as Python writes it; a long one is cut to its first characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 4]} ..."


_LIMITS = {
    "greater_than_equal": ("ge", "{} or more"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "{} or less"),
    "less_than": ("lt", "less than {}"),
}
_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false", "string": "text", "list": "a list", "tuple": "a list",
          "dict": "a mapping"}  # fmt: skip


def _rule(fault: Any, unit: str) -> str:
    """The expected value, in words that follow "must be"."""
    kind, context = fault["type"], fault.get("ctx", {})
    if kind in _LIMITS:
        name, form = _LIMITS[kind]
        return form.format(f"{context[name]:g}{unit}")
    if kind == "literal_error":
        return str(context["expected"])
    if kind == "string_pattern_mismatch":
        ending = re.fullmatch(r"\(\?i\)\\(\.\w+)\$", context["pattern"])
        return f"a name that ends in {ending[1]}" if ending else f"text that matches {context['pattern']}"
    if kind.startswith("finite"):
        return "a finite number"
    if kind in ("too_short", "too_long"):
        return f"a list of {context.get('min_length', context.get('max_length'))} or {'more' if kind == 'too_short' else 'fewer'} values"
    if kind in ("string_too_short", "string_too_long"):
        return "text that is not empty" if kind == "string_too_short" else f"text of at most {context['max_length']} characters"
    for prefix, words in _KINDS.items():
        if kind.startswith(prefix):
            return words
    text: str = fault["msg"]
    return text.removeprefix("Input should be ")


def _near(fault: Any) -> str:
    if fault["type"] != "literal_error" or not isinstance(fault["input"], str):
        return ""
    return did_you_mean(fault["input"], fault["ctx"]["expected"].replace(" or ", ", ").replace("'", "").split(", "))
