"""Advice about a parameter whose value comes from a variable of the graph: the variable is what to change."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rotonodes.graph.variables import variables_in


@dataclass(frozen=True)
class FromVariables:
    """A parameter of a node whose value comes from variables: their names, the texts that messages quote of it, and how to change it."""

    parameter: str
    names: tuple[str, ...]
    texts: tuple[str, ...]
    way: str  # as `--var objects=...`

    def is_meant(self, message: str) -> bool:
        """Whether a message is about the parameter: it begins with it, advises it (`set sizes: any`), or quotes its value."""
        named = rf"^{self.parameter}:? |\b(set|take|use|give|give the parameter|choose) `?{self.parameter}`?: "
        return re.search(named, message) is not None or any(repr(text) in message for text in self.texts)

    @property
    def hint(self) -> str:
        return f"; {self.parameter} comes from {' and '.join(f'${name}' for name in self.names)}: {self.way}"


def from_variables(
    node: str, body: Mapping[str, Any], filled: Mapping[str, Any], settings: Collection[str], ways: Mapping[str, str]
) -> tuple[FromVariables, ...]:
    """The parameters of a node that come from variables: as written, and as `filled`; not those that `--set` has changed (`settings`).

    `ways` says how a variable is changed, where that is not by `--var NAME=...`.
    """
    found = []
    for parameter in (parameter for parameter in filled if f"{node}.{parameter}" not in settings):
        names = tuple(dict.fromkeys(name for text, _ in _leaves(body.get(parameter), None) for name in variables_in(text)))
        if names:
            values = [value for text, value in _leaves(body[parameter], filled[parameter]) if any(variables_in(text))]
            texts = tuple(part.strip().removeprefix("!") for value in values for part in value.split(","))
            way = " or ".join(dict.fromkeys(ways.get(name, f"--var {name}=...") for name in names))
            found.append(FromVariables(parameter, names, tuple(filter(None, dict.fromkeys([*values, *texts]))), way))
    return tuple(found)


def _leaves(written: Any, filled: Any) -> Iterator[tuple[str, str]]:
    """(text as written, text as filled) of every text of a value."""
    if isinstance(written, str):
        yield written, filled if isinstance(filled, str) else ", ".join(map(str, filled)) if isinstance(filled, list) else ""
    elif isinstance(written, list | dict):
        pairs = written.items() if isinstance(written, dict) else enumerate(written)
        for key, value in pairs:
            whole = filled if isinstance(filled, list | dict) else {}
            yield from _leaves(value, whole[key] if isinstance(whole, list) or key in whole else None)


def advised(message: str, node: str, sources: tuple[FromVariables, ...]) -> str:
    """A message of a node that names variables where it would name, or is about, a parameter that comes from them."""
    for one in sources:
        named = re.compile(rf"--set {re.escape(node)}\.{re.escape(one.parameter)}=(\S*?)(?=[\s)]|$)")
        if named.search(message):
            message = named.sub(lambda found, way=one.way: way.replace("=...", f"={found[1]}"), message)  # type: ignore[misc]
        elif one.way not in message and one.is_meant(message):
            message += one.hint
    return message
