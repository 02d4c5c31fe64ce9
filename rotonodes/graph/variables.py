"""Substitutes the variables of a graph file: `$name`, `${name}` and `${env:NAME}`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rotonodes.errors import did_you_mean

MOST_TEXT = 100_000  # characters of one text after substitution
MOST_IN_ALL = 10_000_000  # and of all texts together
_VARIABLE = re.compile(r"\$(?:\{(?P<env>env:)?(?P<braced>[^}]*)\}|(?P<bare>[A-Za-z_][A-Za-z0-9_]*))")
_PIECES = re.compile(r"(\$\$|\$\{[^}]*\}|\$[A-Za-z_][A-Za-z0-9_]*)")
_TAKEN = re.compile(r"F\d*|pass")


def variables_in(text: str) -> Iterator[str]:
    """The names of the graph's variables in a text, without those of the environment, the frame number and the pass."""
    for piece in _PIECES.split(text):
        match = _VARIABLE.fullmatch(piece)
        if match and not match["env"] and not Variables._taken(match):
            yield match["braced"] if match["bare"] is None else match["bare"]


class Filled(str):
    """Text that contained variables: it may be read as a number, which quoted text may not."""


class Variables:
    """Values of `$name`, `${name}` and `${env:NAME}`; `$F`, `$F4` and `$pass` are left as they are, `$$` is a dollar sign."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)
        self._length = 0  # characters of all texts after substitution
        self._filled: dict[str, Any] = {}  # text -> text after substitution, so that each is substituted once

    def fill(self, value: Any) -> Any:
        """Substitute in every text of plain data. Raises LookupError with a message of one line for an unknown name."""
        if isinstance(value, str):
            return self.fill_text(value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        return value

    def fill_text(self, text: str, depth: int = 0) -> Any:
        """Substitute in one text; a text that is only a variable becomes its value, which may be a number or a list."""
        if text not in self._filled:
            self._filled[text] = self._fill_once(text, depth)
        return self._filled[text]

    def _fill_once(self, text: str, depth: int) -> Any:
        if depth > 16:
            raise LookupError(f"the variables in {text!r} contain themselves")
        whole = _VARIABLE.fullmatch(text)
        if whole and not self._taken(whole):
            found = self._look_up(whole)
            return Filled(self.fill_text(found, depth + 1)) if isinstance(found, str) else found  # a number stays a number
        pieces, length = [], 0
        for piece in _PIECES.split(text):
            match = _VARIABLE.fullmatch(piece)
            pieces.append("$" if piece == "$$" else self._piece(match, depth) if match else piece)
            length += len(pieces[-1])
            if length > MOST_TEXT:  # before it is put together: each piece may be long
                raise LookupError(f"the variables in {text[:40]!r} expand to more than {MOST_TEXT} characters")
        filled = "".join(pieces)
        self._length += len(filled)
        if self._length > MOST_IN_ALL:
            raise LookupError(f"the texts of the graph expand to more than {MOST_IN_ALL} characters")
        return filled if filled == text else Filled(filled)

    def _piece(self, match: re.Match[str], depth: int) -> str:
        if self._taken(match):
            return match[0]
        found = self._look_up(match)
        return str(self.fill_text(found, depth + 1)) if isinstance(found, str) else str(found)

    @staticmethod
    def _taken(match: re.Match[str]) -> bool:
        return not match["env"] and _TAKEN.fullmatch(match["bare"] or match["braced"] or "") is not None

    def _look_up(self, match: re.Match[str]) -> Any:
        name = match["braced"] if match["bare"] is None else match["bare"]
        if match["env"]:
            if name not in os.environ:
                raise LookupError(f"the environment has no variable {name!r}")
            return os.environ[name].replace("$", "$$")
        if name not in self.values:
            hint = did_you_mean(name, self.values) or "; set it under vars: or with --var"
            raise LookupError(f"unknown variable ${name}{hint}")
        return self.values[name]
