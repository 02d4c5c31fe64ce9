"""Edits of a graph file's text: each changes one place and nothing else, and is what the graph then says."""

import difflib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rotonodes.errors import GraphError, UsageError
from rotonodes.graph.document import parse_document
from rotonodes.page.graph_edits import copied, edited
from rotonodes.page.yaml_patches import drop, put, spelled

ROOT = Path(__file__).parent.parent
GRAPHS = sorted([*(ROOT / "graphs").glob("*.yaml"), *(ROOT / "examples").rglob("*.yaml")])

TEXT = """# a comment
rotonodes: 1
frames: 1-4  # the shot
vars: {out: "out"}
nodes:
  load:   {type: LoadFrames, path: "in.####.png"}  # the plate
  # the crop
  crop:   {type: Crop, in: load, left: 1}
  merge:
    type: Composite
    in:
      fg: crop.image  # on top
      bg: load
    # nothing else
  many: {type: SideBySide, in: [load, crop.image]}
  png:    {type: WriteFrames, in: merge, path: '$out/a.####.png'}
"""


def changed(before: str, after: str) -> list[str]:
    """The lines that differ, as a diff shows them."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@pytest.mark.parametrize(
    ("op", "lines"),
    [
        ({"op": "set", "node": "crop", "param": "left", "value": 8},
         ["-  crop:   {type: Crop, in: load, left: 1}", "+  crop:   {type: Crop, in: load, left: 8}"]),
        ({"op": "set", "node": "crop", "param": "top", "value": -2},
         ["-  crop:   {type: Crop, in: load, left: 1}", "+  crop:   {type: Crop, in: load, left: 1, top: -2}"]),
        ({"op": "unset", "node": "crop", "param": "left"},
         ["-  crop:   {type: Crop, in: load, left: 1}", "+  crop:   {type: Crop, in: load}"]),
        ({"op": "set", "node": "crop", "param": "left", "value": None},
         ["-  crop:   {type: Crop, in: load, left: 1}", "+  crop:   {type: Crop, in: load}"]),
        ({"op": "unset", "node": "crop", "param": "bottom"}, []),
        ({"op": "set", "node": "crop", "param": "left", "value": 1}, []),
        ({"op": "set", "node": "png", "param": "path", "value": "b's.####.png"},
         ["-  png:    {type: WriteFrames, in: merge, path: '$out/a.####.png'}",
          "+  png:    {type: WriteFrames, in: merge, path: 'b''s.####.png'}"]),
        ({"op": "set", "node": "merge", "param": "mode", "value": "over"}, ["+    mode: over"]),
        ({"op": "disable", "node": "merge", "value": True}, ["+    disable: true"]),
        ({"op": "frames", "value": "1-24"}, ["-frames: 1-4  # the shot", "+frames: 1-24  # the shot"]),
        ({"op": "frames", "value": ""}, ["-frames: 1-4  # the shot"]),
        ({"op": "var", "name": "out", "value": "there"}, ['-vars: {out: "out"}', '+vars: {out: "there"}']),
        ({"op": "link", "node": "merge", "input": "fg", "to": "load"},
         ["-      fg: crop.image  # on top", "+      fg: load  # on top"]),
        ({"op": "link", "node": "merge", "input": "mask", "to": "load"}, ["+      mask: load"]),
        ({"op": "link", "node": "crop", "input": "image", "to": "merge"},
         ["-  crop:   {type: Crop, in: load, left: 1}", "+  crop:   {type: Crop, in: merge, left: 1}"]),
        ({"op": "unlink", "node": "merge", "input": "fg"}, ["-      fg: crop.image  # on top"]),
        ({"op": "unlink", "node": "crop", "input": "image"},
         ["-  crop:   {type: Crop, in: load, left: 1}", "+  crop:   {type: Crop, left: 1}"]),
        ({"op": "rename", "node": "crop", "to": "cut"},
         ["-  crop:   {type: Crop, in: load, left: 1}", "+  cut:   {type: Crop, in: load, left: 1}",
          "-      fg: crop.image  # on top", "+      fg: cut.image  # on top",
          "-  many: {type: SideBySide, in: [load, crop.image]}", "+  many: {type: SideBySide, in: [load, cut.image]}"]),
        ({"op": "remove", "nodes": ["crop"]},
         ["-  crop:   {type: Crop, in: load, left: 1}", "-      fg: crop.image  # on top",
          "-  many: {type: SideBySide, in: [load, crop.image]}", "+  many: {type: SideBySide, in: [load]}"]),
        ({"op": "add", "name": "blur", "type": "Blur", "params": {"size": 2.0}, "in": "crop"},
         ["+  blur: {type: Blur, in: crop, size: 2}"]),
        ({"op": "insert", "node": "crop", "between": ["merge.image", "png", "image"]},
         ["-  crop:   {type: Crop, in: load, left: 1}", "+  crop:   {type: Crop, in: merge.image, left: 1}",
          "-  png:    {type: WriteFrames, in: merge, path: '$out/a.####.png'}",
          "+  png:    {type: WriteFrames, in: crop, path: '$out/a.####.png'}"]),
        ({"op": "paste", "text": "crop: {type: Crop, in: load}\ntwo: {type: Crop, in: crop.image}"},
         ["+  crop2: {type: Crop, in: load}", "+  two: {type: Crop, in: crop2.image}"]),
    ],
    ids=lambda value: f"{value['op']}-{value.get('param', value.get('input', ''))}" if isinstance(value, dict) else "",
)  # fmt: skip
def test_an_edit_changes_its_place_and_nothing_else(op: dict[str, Any], lines: list[str]) -> None:
    assert sorted(changed(TEXT, edited(TEXT, [op]))) == sorted(lines)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_breaks_stay_as_they_are(ending: str) -> None:
    text = TEXT.replace("\n", ending)
    after = edited(text, [{"op": "disable", "node": "merge", "value": True}, {"op": "remove", "nodes": ["crop"]}])
    assert after.count("\n") == after.count(ending)
    assert parse_document(after).data["nodes"]["merge"]["disable"] is True


def test_inputs_that_take_many() -> None:
    link = {"op": "link", "node": "many", "input": "pictures", "to": "merge"}
    more = edited(TEXT, [link, link])
    assert parse_document(more).data["nodes"]["many"]["in"] == ["load", "crop.image", "merge"]
    less = edited(more, [{"op": "unlink", "node": "many", "input": "pictures", "to": "load"}])
    assert parse_document(less).data["nodes"]["many"]["in"] == ["crop.image", "merge"]
    assert "in" not in parse_document(edited(more, [{"op": "unlink", "node": "many", "input": "pictures"}])).data["nodes"]["many"]


@pytest.mark.parametrize(
    ("op", "message"),
    [
        ({"op": "exec"}, "there is no edit 'exec'"),
        ({}, "needs 'op'"),
        ({"op": "set", "node": "crp", "param": "left", "value": 1}, "there is no node 'crp' .did you mean 'crop'"),
        ({"op": "set", "node": "crop", "param": "type", "value": "Blur"}, "'type' is not a parameter"),
        ({"op": "set", "node": "crop", "param": "left", "value": float("nan")}, "no number"),
        ({"op": "set", "node": "crop", "param": "left", "value": "\ud800"}, "half a letter"),
        ({"op": "unset", "node": "crop", "param": "type"}, "keeps its type"),
        ({"op": "rename", "node": "crop", "to": "load"}, "already a node"),
        ({"op": "rename", "node": "crop", "to": "a b"}, "no name for a node"),
        ({"op": "add", "name": "crop", "type": "Crop"}, "already a node"),
        ({"op": "add", "name": "x", "type": "Crop", "params": [1]}, "a mapping"),
        ({"op": "insert", "node": "crop", "between": ["load.image", "png", "image"]}, "not linked"),
        ({"op": "insert", "node": "load", "between": ["merge.image", "png", "image"]}, "no input"),
        ({"op": "paste", "text": "not nodes"}, "mapping|no nodes"),
        ({"op": "paste", "text": "a: 1"}, "no nodes"),
        ({"op": "remove", "nodes": "crop"}, "a list of names"),
        ({"op": "text", "value": "a: [1"}, "not YAML"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_edit_that_does_not_fit_is_refused_in_one_line(op: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as refused:
        edited(TEXT, [op])
    assert "\n" not in str(refused.value)


def test_of_several_edits_all_are_made_or_none() -> None:
    ops = [{"op": "set", "node": "crop", "param": "left", "value": 5}, {"op": "set", "node": "none", "param": "left", "value": 5}]
    with pytest.raises(UsageError):
        edited(TEXT, ops)
    assert edited(TEXT, ops[:1]) != TEXT


def test_an_alias_is_written_out_where_it_is_changed() -> None:
    text = "rotonodes: 1\nnodes:\n  a: {type: Crop, left: &n 4}\n  b: {type: Crop, left: *n}\n"
    after = edited(text, [{"op": "set", "node": "b", "param": "left", "value": 5}])
    assert after == text.replace("*n", "5")


def test_a_bomb_of_aliases_is_refused_before_it_is_written_out() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))]
    text = "rotonodes: 1\nnodes: {a: {type: Crop}}\n" + "\n".join(lines) + "\n"
    with pytest.raises(GraphError, match="aliases expand"):
        edited(text, [{"op": "set", "node": "a", "param": "left", "value": 1}])
    with pytest.raises(GraphError, match="aliases expand"):
        edited(TEXT, [{"op": "text", "value": text}])


def test_a_comment_between_two_values_stays() -> None:
    text = "rotonodes: 1\nnodes:\n  a: {type: Crop, left: 1,  # of the sign\n      top: 2}\n"
    assert "# of the sign" in edited(text, [{"op": "unset", "node": "a", "param": "top"}])


def test_block_texts_and_empty_values() -> None:
    text = "rotonodes: 1\nnodes:\n  a:\n    type: Text\n    text: |\n      one\n      two\n    size:\n  # end\n"
    after = edited(
        text, [{"op": "set", "node": "a", "param": "size", "value": [4, 4]}, {"op": "set", "node": "a", "param": "text", "value": "x"}]
    )
    assert parse_document(after).data["nodes"]["a"] == {"type": "Text", "text": "x", "size": [4, 4]}
    assert after.endswith("  # end\n")


def test_removing_everything_leaves_a_graph_file() -> None:
    after = edited(TEXT, [{"op": "remove", "nodes": ["load", "crop", "merge", "many", "png"]}])
    assert parse_document(after).data["nodes"] == {}
    again = edited(after, [{"op": "add", "name": "a", "type": "Crop", "params": {}}])
    assert parse_document(again).data["nodes"] == {"a": {"type": "Crop"}}


@pytest.mark.parametrize("nodes", ["nodes: {}", "nodes:", "nodes: {}  # none yet", "nodes:\n  {}", ""])
@pytest.mark.parametrize("end", ["", "\n", "\n# the end\n"])
def test_the_first_node_gets_a_line_of_its_own(nodes: str, end: str) -> None:
    text = f"rotonodes: 1\n{nodes}{end}"
    for name in ("a", "b"):
        text = edited(text, [{"op": "add", "name": name, "type": "Crop", "params": {"left": 1}}])
    lines = text.splitlines()
    at = lines.index("  a: {type: Crop, left: 1}")
    assert lines[at - 1].startswith("nodes:") and lines[at + 1] == "  b: {type: Crop, left: 1}"
    assert "{}" not in text
    assert ("# none yet" in text) == ("# none yet" in nodes) and ("# the end" in text) == ("# the end" in end)


def test_copied_nodes_can_be_pasted() -> None:
    text = copied(TEXT, ["merge", "crop"])
    after = edited(TEXT, [{"op": "paste", "text": text}])
    nodes = parse_document(after).data["nodes"]
    assert nodes["merge2"] == {"type": "Composite", "in": {"fg": "crop2.image", "bg": "load"}}
    assert nodes["crop2"] == nodes["crop"]


@pytest.mark.parametrize("file", GRAPHS, ids=lambda file: file.name)
def test_every_value_of_every_graph_can_be_changed_alone(file: Path) -> None:
    """A value is put, and all others are what they were; the value that is there changes nothing."""
    text = file.read_text(encoding="utf-8")
    data = parse_document(text).data
    for node, body in data["nodes"].items():
        for name in body:
            if name in ("type", "in"):
                continue
            assert put(text, ("nodes", node, name), body[name]) == text
            after = put(text, ("nodes", node, name), "changed")
            other = parse_document(after).data
            assert other["nodes"][node].pop(name) == "changed"
            assert other["nodes"][node] == {key: value for key, value in body.items() if key != name}
            other["nodes"][node] = data["nodes"][node]
            assert other == data
            gone = parse_document(drop(text, ("nodes", node, name))).data
            assert gone["nodes"][node] == {key: value for key, value in body.items() if key != name}


SCALARS = st.one_of(
    st.booleans(), st.integers(-(10**15), 10**15), st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["yes", "null", "1e3", "#fff", "a: b", "- x", "~", "'", '"', "\\", "01"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc #:", min_size=1, max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50)
@given(VALUES)
def test_what_is_written_is_what_is_read(value: Any) -> None:
    for place in (("nodes", "crop", "left"), ("nodes", "merge", "new"), ("nodes", "png", "path")):
        after = put(TEXT, place, value)
        found: Any = parse_document(after).data
        for key in place:
            found = found[key]
        assert found == value
        kept = [line for line in TEXT.splitlines() if line.lstrip().startswith("#")]
        assert all(line in after.splitlines() for line in kept)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_spelled_on_one_line(text: str) -> None:
    line = spelled({"a": [text]})
    assert "\n" not in line
    try:
        assert parse_document("v: " + line).data["v"] == {"a": [text]}
    except GraphError as error:  # letters that no YAML file may hold are written as escapes
        raise AssertionError(line) from error
