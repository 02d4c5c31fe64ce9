"""Graph files as text: YAML 1.2 scalars, places, variables, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotonodes import Graph
from rotonodes.errors import GraphError, UsageError
from rotonodes.graph.document import MOST_BYTES, parse_document, parse_value, read_document, scalar
from rotonodes.graph.variables import Variables

GRAPH = """\
# a comment
rotonodes: 1
frames: 1-4
vars: {shot: in, gain: 1.5}
nodes:
  plate: {type: LoadFrames, path: "$shot/a.####.png"}
  crop:  {type: Crop, in: plate, left: 1}
  grade: {type: Grade, in: {image: crop.image}, gain: $gain, offset: [0.1, 0, 0]}
  write: {type: WriteFrames, in: grade, path: "out/a.####.png"}
"""


FaultsOf = Callable[[str | bytes], list[str]]


@pytest.fixture
def faults_of(tmp_path: Path) -> FaultsOf:
    """The lines of the error that a text is refused with; the file is called `g` in them."""

    def lines(text: str | bytes) -> list[str]:
        path = tmp_path / "g.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(GraphError) as caught:
            Graph.load(path)
        return str(caught.value).replace(str(path), "g").splitlines()

    return lines


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-4", 1e-4), (".5", 0.5), ("1.", 1.0), ("-3", -3), ("+3", 3), ("007", 7), ("0x1F", 31), ("0o17", 15), ("on", "on"),
        ("yes", "yes"),
        ("no", "no"), ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("1:30", "1:30"), ("1_000", "1_000"),
        ("2024-01-01", "2024-01-01"), ("1-24", "1-24"), ("NaN", "NaN"), (".inf", float("inf")), ("-.INF", float("-inf")),
        ("1.2.3", "1.2.3"),
        ("9" * 30, "9" * 30), ("1e", "1e"), ("0b1", "0b1"), ("tRUE", "tRUE"),
    ],
)  # fmt: skip
def test_scalars_are_read_by_yaml_1_2(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value and type(found) is type(value)
    assert scalar(text, plain=False) == text


def test_nan_is_a_number() -> None:
    assert scalar(".nan") != scalar(".nan")


def test_values_from_the_command_line() -> None:
    assert parse_value("[1, two, {a: 3}]") == [1, "two", {"a": 3}]
    assert parse_value("out/a.####.png") == "out/a.####.png"
    with pytest.raises(UsageError):
        parse_value("[1, 2")


def test_everything_has_its_line_and_column() -> None:
    document = parse_document(GRAPH, "g.yaml")
    assert document.marks["nodes", "crop", "left"] == (7, 40)
    assert document.key_marks["nodes", "crop", "left"] == (7, 34)
    assert document.marks["nodes", "grade", "offset", 1] == (8, 76)
    assert document.marks[()] == (2, 1)
    for place, (line, column) in document.marks.items():
        assert document.lines[line - 1][column - 1 :].strip(), place


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "g:1:1: the graph is empty; it begins with `rotonodes: 1`"),
        ("# nothing\n", "g:1:1: the graph is empty; it begins with `rotonodes: 1`"),
        ("just words", "g:1:1: a graph is a mapping with `rotonodes: 1` and `nodes:`"),
        ("[1, 2]", "g:1:1: a graph is a mapping with `rotonodes: 1` and `nodes:`"),
        ("rotonodes: 1\nnodes: {a: !!python/object:os.system {}}",
         "g:2:12: the tag 'tag:yaml.org,2002:python/object:os.system' is not allowed: a graph is plain data"),
        ("rotonodes: !!int 1", "g:1:12: the tag 'tag:yaml.org,2002:int' is not allowed: a graph is plain data"),
        ("rotonodes: 1\n---\nrotonodes: 1\n", "g:2:1: one graph a file: a second document (---) starts here"),
        ("a: " + "[" * 65 + "]" * 65, "g:1:67: nested deeper than 64 levels"),
        ("a: &a [*a]", "g:1:4: an alias contains itself"),
    ],
)  # fmt: skip
def test_what_is_no_graph_is_one_line(faults_of: FaultsOf, text: str, line: str) -> None:
    assert faults_of(text) == [line]


def test_binary_and_large_files_are_one_line(faults_of: FaultsOf) -> None:
    assert faults_of(b"\x89PNG\r\n\x1a\n\x00\x00\xff") == ["g: this is not a graph file: it is not UTF-8 text"]
    assert faults_of("rotonodes: 1\0") == ["g: this is not a graph file: control characters are not allowed"]
    assert faults_of("#" * (MOST_BYTES + 1)) == ["g: a graph file is at most 1 MB; this one is larger"]
    assert "larger" not in "".join(faults_of("#" * MOST_BYTES))


def test_a_tab_is_told_of(faults_of: FaultsOf) -> None:
    (line,) = faults_of("rotonodes: 1\nnodes:\n\ta: {type: Crop}\n")
    assert line.startswith("g:3:1: not YAML: ") and line.endswith("; there is a tab here: indent with spaces")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.yaml", tmp_path):
        with pytest.raises(GraphError) as caught:
            read_document(str(path))
        assert str(caught.value).startswith(f"{path}: cannot read the graph: ")


def test_an_alias_bomb_is_refused_before_it_is_made(faults_of: FaultsOf) -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12))
    (line,) = faults_of(bomb)
    assert "aliases expand to more than 100000 YAML nodes" in line


def test_a_hundred_thousand_nodes_are_too_many(faults_of: FaultsOf) -> None:
    (line,) = faults_of("a: [" + "1," * 100_001 + "]")
    assert line.endswith("more than 100000 YAML nodes")


def test_a_graph_may_be_just_as_large_as_the_limits(monkeypatch: pytest.MonkeyPatch, faults_of: FaultsOf) -> None:
    assert parse_document("a: " + "[" * 63 + "]" * 63, "g").data  # with the mapping around it 64 levels
    monkeypatch.setattr("rotonodes.graph.document.MOST_NODES", 12)
    assert parse_document("a: [1, 2, 3, 4, 5, 6, 7, 8, 9]", "g").data  # the mapping, its key, the list and nine numbers
    assert faults_of("a: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]") == ["g:1:32: more than 12 YAML nodes"]
    assert parse_document("{a: &x [1, 2], b: [*x, *x, 3]}", "g").data  # written out: the mapping, three times x, the list b and 3
    assert faults_of("{a: &x [1, 2], b: [*x, *x, 3, 4]}") == ["g:1:31: aliases expand to more than 12 YAML nodes"]


def test_equal_keys_and_merge_keys_are_named_and_the_rest_is_judged(faults_of: FaultsOf) -> None:
    text = GRAPH.replace("left: 1", "left: 1, left: 2").replace("$gain", "1, saturation: -1")
    text = text.replace("nodes:\n", "nodes:\n  <<: {x: {type: Crop}}\n")
    *others, saturation = faults_of(text)
    assert others == [
        "g:6:3: merge keys (<<) are not allowed: write the parameters out",
        "g:8:43: crop: duplicate key 'left': it is already on line 8",
    ]
    assert saturation.startswith("g:9:70: grade: saturation: must be ") and saturation.endswith("not -1")


def test_what_stands_behind_a_faulty_key_is_judged(faults_of: FaultsOf) -> None:
    """In one mapping: a key that is no word, a merge key, an equal key, each followed by another fault."""
    keys = "{? [a] : 1, left: 1, ? {b: 1} : 2, <<: {top: 1}, left: 2, left: 3}"
    text = GRAPH.replace("{type: Crop, in: plate, left: 1}", keys)
    assert [line.partition(": ")[2] for line in faults_of(text)] == [
        "a key must be a word",
        "a key must be a word",
        "merge keys (<<) are not allowed: write the parameters out",
        "crop: duplicate key 'left': it is already on line 7",
        "crop: duplicate key 'left': it is already on line 7",
    ]


def test_two_nodes_of_one_name(faults_of: FaultsOf) -> None:
    text = GRAPH + "  crop: {type: Crop, in: plate}\n"
    assert faults_of(text) == ["g:10:3: duplicate key 'crop': it is already on line 7"]


def test_an_alias_is_written_out() -> None:
    document = parse_document("a: &x {b: [1, 2]}\nc: *x\n")
    assert document.data == {"a": {"b": [1, 2]}, "c": {"b": [1, 2]}}


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOT", "a$b")
    variables = Variables({"shot": "x", "n": 3, "deep": "${shot}/$n", "loop": "$loop"})
    filled = variables.fill({"a": "$shot/$F4.${n}", "b": "$n", "c": ["$deep"], "d": "$$shot", "e": "${env:SHOT}/1", "f": "a.$pass.$F.png"})
    assert filled == {"a": "x/$F4.3", "b": 3, "c": ["x/3"], "d": "$shot", "e": "a$b/1", "f": "a.$pass.$F.png"}
    wrong = {"$shotgun": "did you mean 'shot'", "${env:NO_SUCH}": "NO_SUCH", "$loop": "contain themselves", "a$loop": "contain themselves"}
    for text, words in wrong.items():
        with pytest.raises(LookupError, match=words):
            variables.fill(text)


def test_a_value_of_the_environment_is_text_and_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOT", "$other ${env:HOME} $$")
    assert Variables({"other": 1}).fill("${env:SHOT}") == "$other ${env:HOME} $$"


changes = st.tuples(
    st.sampled_from(["set", "insert", "delete", "repeat"]), st.integers(0, len(GRAPH) - 1), st.integers(0, 255), st.integers(1, 40)
)
mutations = st.lists(changes, min_size=1, max_size=5)


def mutated(changes: list[tuple[str, int, int, int]]) -> bytes:
    data = bytearray(GRAPH.encode())
    for what, at, byte, length in changes:
        at = min(at, len(data) - 1)
        if what == "set":
            data[at] = byte
        elif what == "insert":
            data.insert(at, byte)
        elif what == "delete" and len(data) > length + 1:
            del data[at : at + length]
        elif what == "repeat":
            data[at:at] = data[at : at + length]
    return bytes(data)


def load_or_faults(path: Path) -> None:
    """A graph, or a GraphError of one line for each fault: nothing else may come out of a file."""
    try:
        Graph.load(path)
    except GraphError as error:
        lines = str(error).splitlines()
        assert lines and len(lines) == len(error.faults)
        assert all(line.startswith(str(path)) for line in lines)


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(mutations)
def test_any_bytes_are_a_graph_or_faults(tmp_path: Path, changes: list[tuple[str, int, int, int]]) -> None:
    path = tmp_path / "mutated.yaml"
    path.write_bytes(mutated(changes))
    load_or_faults(path)


WORDS = ["rotonodes", "frames", "vars", "nodes", "inputs", "outputs", "type", "in", "disable", "label", "cache",
         "path", "left", "Crop", "LoadFrames",
         "a", "b", "a.b",
         "$a", "${", "$$", "1-4", "", "#", "./x.yaml", "\n", "WriteFrames", "palette"]  # fmt: skip
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats(allow_nan=True) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(WORDS), inner, max_size=4),
    max_leaves=15,
)


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(plain, st.dictionaries(st.sampled_from(WORDS), st.dictionaries(st.sampled_from(WORDS), plain, max_size=5) | plain, max_size=3))
def test_any_data_in_the_form_of_a_graph_is_a_graph_or_faults(tmp_path: Path, top: Any, nodes: Any) -> None:
    path = tmp_path / "data.yaml"
    data = {"rotonodes": 1, "nodes": nodes, **(top if isinstance(top, dict) else {"frames": top})}
    path.write_text(json.dumps(data).replace("NaN", ".nan").replace("Infinity", ".inf"))
    load_or_faults(path)


def test_texts_with_variables_may_be_so_long_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotonodes.graph.variables.MOST_TEXT", 10)
    variables = Variables({"five": "12345", "six": "123456"})
    assert variables.fill("$five") == "12345" and variables.fill("a$five") == "a12345"
    assert Variables({"five": "12345"}).fill("$five$five") == "1234512345"
    for text in ("$five$six", "$six-$five"):
        with pytest.raises(LookupError, match="expand to more than 10 characters"):
            Variables({"five": "12345", "six": "123456"}).fill(text)


def test_all_texts_together_may_be_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rotonodes.graph.variables.MOST_IN_ALL", 10)
    variables = Variables({})
    assert variables.fill(["12345", "67890", "12345"]) == ["12345", "67890", "12345"], "each text counts once"
    with pytest.raises(LookupError, match="the texts of the graph expand to more than 10 characters"):
        variables.fill("x")
