"""Whether paths can name one file: asked of all at once, with the answer that asking of each pair has."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rotonodes import Graph
from rotonodes.errors import UsageError
from rotonodes.graph.overwriting import OverwriteRule, any_meet
from rotonodes.plan.make_plan import make_plan

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
        ("out/Film [#]3.0001.png", "out/Film #3.####.png", True),  # a token that is none
        ("out [#]1/a.png", "out #1/a.png", True),
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


@pytest.mark.parametrize(
    ("source", "file", "link"),
    [
        ({"type": "LoadMovie", "path": "d/Film #3.0001.png"}, "d/Film #3.0001.png", ""),
        ({"type": "LoadMovie", "path": "L #1/m.png"}, "L #1/m.png", "d/Film #3.0001.png"),
        ({"type": "LoadParts", "path": "d/{part}.0001.png", "parts": ["Film #3"]}, "d/Film #3.0001.png", ""),
        ({"type": "LoadParts", "path": "{part}/m.####.png", "parts": ["L #1"]}, "L #1/m.0001.png", "d/Film #3.0001.png"),
        ({"type": "LoadFrames", "path": "d/$pass.0001.png", "passes": ["Film #3"]}, "d/Film #3.0001.png", ""),
        ({"type": "LoadFrames", "path": "$pass/m.png", "passes": ["L #1"]}, "L #1/m.png", "d/Film #3.0001.png"),
        ({"type": "LoadMattes", "path": "d/Film #3.0001.png"}, "d/Film #3.0001.png", ""),
    ],
)
def test_no_source_is_overwritten_whatever_is_in_its_name(
    source: dict[str, object], file: str, link: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for path in {file, link or file}:
        Path(path).parent.mkdir(exist_ok=True)
    PIL.Image.new("L", (4, 4), 255).save(link or file)
    if link:
        Path(file).symlink_to(tmp_path / link)
    nodes = {
        "source": source,
        "out": {"type": "WriteFrames", "in": "source.labels" if source["type"] == "LoadParts" else "source", "path": "d/Film #3.####.png"},
    }
    Path("g.yaml").write_text(json.dumps({"rotonodes": 1, "frames": "1", "nodes": nodes}))
    with pytest.raises(UsageError, match="is what source reads"):
        make_plan(Graph.load("g.yaml"), cache="none")
