"""Whether paths can name one file: asked of all at once, with the answer that asking of each pair has."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotonodes.graph.overwriting import OverwriteRule, any_meet

NAMES = st.text("ab.", max_size=3)
PATHS = st.tuples(st.sampled_from(["", "x/", "y/"]), NAMES, st.sampled_from(["", "####", "%d"]), NAMES).map("".join)


@given(st.lists(st.tuples(st.integers(0, 3), PATHS), max_size=8))
def test_all_at_once_is_as_pair_by_pair(paths: list[tuple[int, str]]) -> None:
    assert any_meet(paths) == any(any_meet(pair) for pair in combinations(paths, 2))


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        ("out/a.####.png", "out/a.0007.png", True),
        ("out/a.####.png", "out/A.####.PNG", True),  # disks that ignore case
        ("out/a.####.png", "out/b.####.png", False),
        ("out/a.####.png", "out/a.####.exr", False),
        ("out/a.####.png", "elsewhere/a.####.png", False),
        ("out/a.####.png", "out/../out/a.0001.png", True),
        ("####/a.png", "elsewhere/b.png", True),  # in doubt
        ("out/a.png", "out/ab.png", False),
        ("out/a.####.png", "out/a.0001.png/", True),  # both are written as what stands before the slash
        ("out/a.####.png/.", "out/a.0001.png", True),
        ("out/a.####.png/", "out/b.0001.png/", False),
    ],
)
def test_pairs(one: str, other: str, meet: bool) -> None:
    assert any_meet([(0, one), (1, other)]) == any_meet([(1, other), (0, one)]) == meet
    assert not any_meet([(0, one), (0, other)])  # one node's own files are its own affair


@pytest.mark.parametrize("ending", ["/", "//", "/.", "/./"])
def test_a_slash_behind_a_name_hides_nothing(ending: str, tmp_path: Path) -> None:
    (tmp_path / "a.0001.png").write_bytes(b"")
    rule = OverwriteRule()
    rule.reads("plate", str(tmp_path / "a.0001.png"))
    assert "is what plate reads" in rule.writes("out", f"{tmp_path}/a.0001.png{ending}")
    assert rule.writes("out", f"{tmp_path}/b.0001.png{ending}") == ""
    assert "is what out writes" in rule.writes("other", f"{tmp_path}/b.0001.png")
