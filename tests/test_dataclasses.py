"""A law for every dataclass: what is handed on is frozen, and what holds arrays is compared by identity."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import rotonodes

# What is filled while something runs, and is not handed on meanwhile.
FILLED = {
    *("Document", "Shared", "Job", "Failure", "NodeStats", "Result", "Plan", "LineGraph", "Borders"),
    *("TrainingRun", "Patience", "Flattening", "Session", "Spot", "_Run", "Labelled", "PictureJob", "Value", "GraphState"),
}
ARRAYS = ("Tensor", "ndarray", "NDArray")


def dataclasses_of(tree: ast.AST) -> Iterator[tuple[ast.ClassDef, dict[str, object]]]:
    """Each dataclass with the options of its decorator."""
    for node in ast.walk(tree):
        for mark in node.decorator_list if isinstance(node, ast.ClassDef) else ():
            call = mark if isinstance(mark, ast.Call) else ast.Call(mark, [], [])
            if ast.unparse(call.func).endswith("dataclass"):
                yield node, {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}  # type: ignore[misc]


@functools.cache
def found() -> dict[str, tuple[ast.ClassDef, dict[str, object]]]:
    folder = Path(rotonodes.__file__).parent
    trees = (ast.parse(file.read_text(encoding="utf-8")) for file in sorted(folder.rglob("*.py")))
    return {node.name: (node, options) for tree in trees for node, options in dataclasses_of(tree)}


def test_dataclasses_are_found_with_their_options() -> None:
    text = "@dataclass\nclass A:\n    a: int\n@dataclasses.dataclass(frozen=True, eq=False)\nclass B:\n    b: int\nclass C: ...\n"
    assert [(node.name, options) for node, options in dataclasses_of(ast.parse(text))] == [("A", {}), ("B", {"frozen": True, "eq": False})]


def test_dataclasses_are_frozen_but_for_those_that_are_filled() -> None:
    thawed = {name for name, (_, options) in found().items() if not options.get("frozen", False)}
    assert thawed == FILLED, "a value that several hold must not be changed by one of them: @dataclass(frozen=True)"


@pytest.mark.parametrize("name", sorted(found()))
def test_those_with_arrays_are_compared_by_identity(name: str) -> None:
    """`==` of two arrays is an array, which is neither true nor false."""
    node, options = found()[name]
    fields = [ast.unparse(field.annotation) for field in node.body if isinstance(field, ast.AnnAssign)]
    arrays = any(word in field for field in fields for word in ARRAYS)
    assert (options.get("eq", True) is False) or not arrays, f"{name} holds arrays: @dataclass(frozen=True, eq=False)"
