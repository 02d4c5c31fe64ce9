"""The text of a graph file as a tree of values that know where they stand: what an edit needs to change nothing else.

Indices count characters of the text. PyYAML parses; values are those of `graph.document`, so that both read the same.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

from rotonodes.graph.document import parse_document, scalar


@dataclass(eq=False)
class Value:
    """A scalar, mapping, list or alias in the text, from `start` to `end` (exclusive).

    `items` are (key, value) of a mapping; of a list the keys are None. `flow` is True for values in brackets.
    `empty` is True for a value that is not written (`key:`).
    """

    kind: Literal["scalar", "mapping", "list", "alias"]
    start: int
    end: int
    data: Any = None  # of a scalar
    flow: bool = False
    quote: str = ""
    empty: bool = False
    items: list[tuple[Value | None, Value]] = field(default_factory=list)
    target: Value | None = None  # of an alias

    def item(self, key: str | int) -> tuple[Value | None, Value] | None:
        """The (key, value) of a mapping under a key, or of a list at a place; None where there is none."""
        if self.kind == "list":
            return self.items[key] if isinstance(key, int) and 0 <= key < len(self.items) else None
        return next((pair for pair in self.items if pair[0] is not None and pair[0].data == key), None)

    def plain(self) -> Any:
        """The value as plain data, aliases written out: only of a text that `parse_document` accepts is that of a sane size."""
        if self.target is not None:
            return self.target.plain()
        if self.kind == "mapping":
            return {key.data: value.plain() for key, value in self.items if key is not None}
        return [value.plain() for _, value in self.items] if self.kind == "list" else self.data


@functools.lru_cache(maxsize=4)  # one edit asks for many places of one text
def parse_tree(text: str) -> Value:
    """The tree of a graph file's text, only to be read. Raises GraphError for what is no YAML."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return _Tree(yaml.parse(text, Loader=loader), text).value()
    except (yaml.YAMLError, KeyError, ValueError, AttributeError, RecursionError):
        parse_document(text)  # says what is wrong in the words users know
        raise


class _Tree:
    """Builds values from the events of a parser that has accepted the text."""

    def __init__(self, events: Iterator[Any], text: str) -> None:
        self.events, self.text, self.named = events, text, dict[str, Value]()

    def value(self, event: Any = None) -> Value:
        while event is None or isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            event = next(self.events)
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.AliasEvent):
            return Value("alias", start, end, target=self.named[str(event.anchor)])
        if isinstance(event, yaml.ScalarEvent):
            style = event.style or ""
            value = Value("scalar", start, end, scalar(event.value, plain=not style), quote=style)
            value.empty = not style and start == end
            if style in ("|", ">"):  # its end is the next token's beginning
                value.end = start + len(self.text[start:end].rstrip())
        else:
            value = Value("mapping" if isinstance(event, yaml.MappingStartEvent) else "list", start, end, flow=bool(event.flow_style))
            self.fill(value)
        if event.anchor is not None:
            self.named[event.anchor] = value
        return value

    def fill(self, value: Value) -> None:
        """Read the members of a mapping or a list, up to its end."""
        key: Value | None = None
        for event in self.events:
            if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                # A block has no last character of its own: it ends where its last value does.
                last = max((one.end for pair in value.items for one in pair if one), default=value.end)
                value.end = _end(event) if value.flow else last
                return
            member = self.value(event)
            if value.kind == "mapping" and key is None:
                key = member
                continue
            if member.empty and key is not None:
                member.start = member.end = self.text.index(":", key.end) + 1
            value.items.append((key, member))
            key = None


def _end(event: Any) -> int:
    """The index behind the last character of an event."""
    return int(event.end_mark.index)
