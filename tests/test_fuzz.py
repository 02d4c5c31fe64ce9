"""The short form of `tests/benchmarks/fuzz.py`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import fuzz

from test_hostile_files import KINDS


def test_mutated_graphs() -> None:
    counts = fuzz.fuzz_graphs(150, seed=5)
    assert (counts["foreign"], counts["slow"], counts["read"] + counts["refused"]) == (0, 0, 150)
    assert counts["refused"] > 30


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_mutated_pictures(name: str) -> None:
    if name.endswith(".psd"):
        pytest.importorskip("psd_tools")
    counts = fuzz.fuzz_pictures(name, 60, seed=5)
    assert (counts["foreign"], counts["slow"], counts["read"] + counts["refused"]) == (0, 0, 60)
