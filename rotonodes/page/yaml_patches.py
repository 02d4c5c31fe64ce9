"""Changes of one value in the text of a graph file. Comments, order, spaces and quotes of everything else stay as they are."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from rotonodes.errors import UsageError
from rotonodes.graph.document import scalar
from rotonodes.page.yaml_tree import Value, parse_tree

Place = tuple[str | int, ...]
_PLAIN = re.compile(r"[A-Za-z_$./][\w$./*+-]*|\d+-\d+(x\d+)?")  # a range of frames looks better without quotes


def at(text: str, place: Place) -> Value | None:
    """The value at a place (`("nodes", "crop", "left")`), or None."""
    found: Value = parse_tree(text)
    for key in place:
        pair = found.item(key)
        if pair is None:
            return None
        found = pair[1]
    return found


def put(text: str, place: Place, value: Any, after: str | None = None) -> str:
    """The text with the value at a place changed to plain data; a key that is not there is added, `after` another or at the end.

    A mapping or a list is changed member by member, so that comments within it stay. Raises UsageError where the text has no
    mapping to hold it.
    """
    here = at(text, place)
    if here is None:
        return _add(text, place, value, after)
    return _change(text, place, here, value)


def _change(text: str, place: Place, here: Value, value: Any) -> str:
    if _same(here.plain(), value):
        return text
    if here.kind == "mapping" and isinstance(value, Mapping) and here.items and value:
        for key, member in value.items():
            text = put(text, (*place, str(key)), member)
        for key in [key for key in here.plain() if key not in value]:
            text = drop(text, (*place, key))
        return text
    if here.kind == "list" and isinstance(value, list | tuple) and len(value) == len(here.items):
        for number, member in enumerate(value):
            text = put(text, (*place, number), member)
        return text
    written = spelled(value, here.quote)
    if here.empty:
        return text[: here.start] + " " + written + text[here.end :]
    return text[: here.start] + written + text[here.end :]


def _same(old: Any, new: Any) -> bool:
    """Equal, and of one type: 1 and true are not the same, 1 and 1.0 are."""
    if isinstance(old, bool) != isinstance(new, bool):
        return False
    if isinstance(old, dict) and isinstance(new, dict):
        return list(old) == list(new) and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list | tuple):
        return len(old) == len(new) and all(map(_same, old, new))
    return bool(old == new)


def _add(text: str, place: Place, value: Any, after: str | None) -> str:
    holder = at(text, place[:-1])
    key = str(place[-1])
    if holder is None or (holder.kind != "mapping" and not holder.empty):
        raise UsageError(f"{'.'.join(map(str, place[:-1]))} is no mapping: {key} cannot be written there")
    item = f"{spelled(key)}: {spelled(value)}"
    if place[:-1] == ("nodes",) and not holder.items:  # the first node: each has a line of its own
        end = _line_end(text, holder.end)
        return text[: holder.start].rstrip() + text[holder.end : end] + f"{_newline(text)}  {item}" + text[end:]
    if holder.empty:
        return text[: holder.start] + f" {{{item}}}" + text[holder.end :]
    if holder.flow:
        if not holder.items:
            return text[: holder.start] + f"{{{item}}}" + text[holder.end :]
        last = (holder.item(after) if after else None) or holder.items[-1]
        return text[: last[1].end] + f", {item}" + text[last[1].end :]
    first = holder.items[0][0]
    assert first is not None
    indent = " " * (first.start - _line_start(text, first.start))
    last = (holder.item(after) if after else None) or holder.items[-1]
    end = _line_end(text, last[1].end)
    line = _newline(text) + indent + item
    return text[:end] + line + text[end:]


def drop(text: str, place: Place) -> str:
    """The text without the key at a place, with its value and the comment behind it; unchanged where there is none."""
    holder = at(text, place[:-1])
    pair = holder.item(place[-1]) if holder is not None else None
    if holder is None or pair is None:
        return text
    begin = pair[1].start if pair[0] is None else pair[0].start
    if len(holder.items) == 1:
        whole = "[]" if holder.kind == "list" else "{}"
        if holder.flow:
            return text[: holder.start] + whole + text[holder.end :]
        line = _line_start(text, begin)
        return text[:line] + " " * (begin - line) + whole + text[pair[1].end :]
    if not holder.flow:
        start, end = _line_start(text, begin), _line_end(text, pair[1].end)
        end = end + len(re.match(r"\r?\n?", text[end:])[0])  # type: ignore[index]  # it matches an empty text, too
        if holder.items[0] is pair and text[start:begin].strip():  # the first key stands behind a dash
            return text[:begin] + text[_first_word(text, end) :]
        return text[:start] + text[end:]
    if holder.items[-1] is pair:
        before = holder.items[-2][1].end
        between = text[before:begin]
        comment = between.replace(",", "", 1) if "#" in between else ""  # one that belongs to the value before
        return text[:before] + comment + text[pair[1].end :]
    follows = holder.items[holder.items.index(pair) + 1]
    return text[:begin] + text[(follows[0] or follows[1]).start :]


def rename(text: str, place: Place, name: str) -> str:
    """The text with another key for the value at a place."""
    holder = at(text, place[:-1])
    pair = holder.item(place[-1]) if holder is not None else None
    if pair is None or pair[0] is None:
        raise UsageError(f"there is no {place[-1]!r}")
    return text[: pair[0].start] + spelled(name) + text[pair[0].end :]


def spelled(value: Any, quote: str = "") -> str:
    """Plain data as YAML on one line. Text keeps the quotes that it had (`quote`), and gets some where it needs them."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UsageError(f"{value} is no number that a graph can have")
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{spelled(str(key))}: {spelled(member)}" for key, member in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(spelled, value)) + "]"
    text = str(value)
    if quote == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    if quote != '"' and _PLAIN.fullmatch(text) and scalar(text) == text:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    """A letter within double quotes. Raises UsageError for half a letter, which no file can hold."""
    if letter in '"\\':
        return "\\" + letter
    if letter.isprintable():
        return letter
    if "\ud800" <= letter <= "\udfff":
        raise UsageError("the text has half a letter in it (a lone surrogate): type it again")
    return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(letter) or f"\\U{ord(letter):08x}"


def _line_start(text: str, index: int) -> int:
    return text.rfind("\n", 0, index) + 1


def _line_end(text: str, index: int) -> int:
    """Where the line ends that has the character before `index`, without its line break."""
    end = text.find("\n", index)
    end = len(text) if end < 0 else end
    return end - 1 if text[end - 1 : end] == "\r" and end > index else end


def _first_word(text: str, index: int) -> int:
    while index < len(text) and text[index] in " \t":
        index += 1
    return index


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
