"""The reference and the schema: every node type is told of in full, and graphs that are right are right by the schema."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from conftest import Call
from rotonodes.describe import reference
from rotonodes.describe.reference import type_word
from rotonodes.describe.schema import ecma, graph_schema
from rotonodes.graph.document import parse_document, read_document
from rotonodes.node.base import Node
from rotonodes.node.catalogue import all_nodes, load_file
from rotonodes.node.parameters import param, path_role
from rotonodes.values.pixels import Clip, Image, Labels, Matte

ROOT = Path(__file__).parent.parent
GRAPHS = sorted([*(ROOT / "graphs").glob("*.yaml"), *(ROOT / "examples").rglob("*.yaml")])


class ReferenceSample(Node):
    """Everything a declaration may hold.

    A second paragraph.
    """

    size: int = param(help="how large", ge=1, le=8, unit="px")
    gain: float = param(1.0, help="how bright", gt=0)
    mode: str | None = param(None, help="how")
    on: bool = param(True, help="whether")
    names: list[str] = param([], help="which | what")
    weights: dict[str, float] = param({}, help="how much")
    batch: int = param(1, help="at once", pixels=False)

    def needs(self, frame: int) -> tuple[int, ...]:
        return (frame - 1, frame)

    def process(self, image: Clip[Image], mattes: list[Matte] | None = None) -> Labels:
        raise NotImplementedError


OWN = [cls for cls in all_nodes().values() if cls.__module__.startswith("rotonodes.nodes")]


@pytest.mark.parametrize("cls", OWN, ids=type_word)
def test_the_first_line_of_a_text_is_one_short_sentence(cls: type[Node]) -> None:
    """`rotonodes nodes` gives each type one line of a terminal of 80 columns; what else there is to say is a paragraph below."""
    first, _, rest = reference.doc(cls).partition("\n")
    found = f"{cls.__name__}: the docstring begins with {first!r}; begin with one sentence of at most 56 characters, then an empty line"
    assert first.endswith(".") and ". " not in first and len(first) <= 56, found
    assert not rest or rest.startswith("\n"), found


def test_no_choice_is_empty() -> None:
    """What stands for the usual has a name."""
    for full, cls in all_nodes().items():
        for found in reference.parameters(cls):
            assert "" not in found.kind.split(" | "), f"{full}: {found.name}: {found.kind}"


PAGE = """\
ReferenceSample  (studio)

  Everything a declaration may hold.

  A second paragraph.

inputs
  image   Image, some frames around each frame
  mattes  Matte, several links, one frame at a time, optional

outputs
  labels  Labels

parameters
  size     whole number, 1 to 8 (px)  required
           how large
  gain     number, above 0  default 1.0
           how bright
  mode     text  default none
           how
  on       true or false  default true
           whether
  names    list of text  default []
           which | what
  weights  mapping of names to numbers  default {}
           how much
  batch    whole number  default 1
           at once"""


def test_a_page_tells_all() -> None:
    assert "\n".join(reference.page(ReferenceSample, 80)) == PAGE


def test_markdown_cells_hold() -> None:
    lines = list(reference.markdown_page(ReferenceSample, "#"))
    assert lines[0] == "# ReferenceSample"
    assert "| `names` | list of text | `[]` | which \\| what |" in lines
    assert "| `size` | whole number, 1 to 8 (px) | required | how large |" in lines
    tables = [line for line in lines if line.startswith("| `")]
    assert all(line.replace("\\|", "").count("|") in (3, 5) for line in tables)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("GrowShrink", 35, "With the defaults it reads pixels up to 35 px away."),
        ("SolveAlpha", "frame", "Each pixel may depend on the whole frame."),
        ("Grade", 0, ""),  # each pixel by itself
        ("ReferenceSample", None, ""),  # it has no defaults
    ],
)
def test_how_far_a_node_reads(name: str, data: object, words: str) -> None:
    assert json.loads(reference.show(name, "json"))["reach"] == data
    for form in ("text", "markdown"):
        shown = reference.show(name, form)
        found = [line.strip() for line in shown.splitlines() if "whole frame." in line or "With the defaults" in line]
        assert found == ([words] if words else [])


def test_json_is_for_programs(call: Call) -> None:
    data = json.loads(reference.show("ReferenceSample", "json"))
    assert data["inputs"]["image"] == {"types": ["Image"], "feed": "neighbours", "required": True, "many": False}
    assert data["required"] == ["size"]
    every = json.loads(call("nodes", "--json").out)
    assert set(every) == {type_word(cls) for cls in all_nodes().values()}


def test_every_type_is_listed_under_its_category(call: Call) -> None:
    ended = call("nodes")
    assert ended.code == 0
    lines = ended.out.splitlines()
    for cls in OWN:
        line = next(line for line in lines if line.split()[:1] == [type_word(cls)])
        assert line.endswith(reference.first_line(cls)) and len(line) <= 80
        heading = [other for other in lines[: lines.index(line)] if other and not other.startswith(" ")][-1]
        assert heading == cls.category
    headings = [line for line in lines if line in reference.CATEGORIES]
    assert headings == [category for category in reference.CATEGORIES if category in headings]
    assert all(len(line) <= 100 for line in lines)


def test_every_page_names_every_parameter_and_input(call: Call) -> None:
    for cls in all_nodes().values():
        for form in ("text", "markdown"):
            page = reference.show(type_word(cls), form)
            assert all(name in page for name in (*cls.model_fields, *cls.signature.inputs)), (cls, form)
    assert call("nodes", "--markdown").out.startswith("# Nodes\n\n## input\n")


def test_paths_say_whether_they_are_read_or_written() -> None:
    kinds = {p.kind for cls in all_nodes().values() for p in reference.parameters(cls) if path_role(cls.model_fields[p.name])}
    assert kinds == {"path of a file to read", "path of a file to write"}


def test_an_unknown_type(call: Call) -> None:
    ended = call("nodes", "Corp")
    assert (ended.code, ended.err) == (2, "error: there is no node type 'Corp' (did you mean 'Crop'?)\n")
    assert "lists them" in call("nodes", "Xyzzyx").err
    assert call("nodes", "Crop.1").code == 0


# The schema.


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = graph_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def faults(validator: Any, text: str) -> list[str]:
    return [error.json_path for error in validator.iter_errors(parse_document(text).data)]


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.name)
def test_the_graphs_of_the_repository_are_right(validator: Any, path: Path) -> None:
    assert [error.message for error in validator.iter_errors(read_document(str(path)).data)] == []


@pytest.mark.parametrize(
    "node",
    [
        "{type: Crop, in: a, left: 8}",
        "{type: Crop.1, in: {image: a.image}, left: $margin, label: hello, disable: true, cache: false}",
        "{type: Composite, in: {fg: a, bg: b}}",
        "{type: LoadFrames, path: x.####.png}",
        "{type: ./despill.yaml, in: a, anything: 3}",
        "{type: ReferenceSample, in: {image: a, mattes: [b, c]}, size: 3}",
    ],
)
def test_what_is_right(validator: Any, node: str) -> None:
    assert faults(validator, f"rotonodes: 1\nnodes:\n  n: {node}\n") == []


@pytest.mark.parametrize(
    "node",
    [
        "{type: Crop}",  # no input
        "{type: Crop, in: a, lefft: 8}",
        "{type: Crop, in: a, left: wide}",
        "{type: Crop, in: {picture: a}}",
        "{type: Crop, in: a, zoom: 0}",
        "{type: Composite, in: {fg: a, bg: b}, operation: ovr}",
        "{type: Composite, in: {fg: [a, c], bg: b}}",
        "{type: LoadFrames, in: a, path: x.png}",
        "{type: LoadFrames}",
        "{type: Corp, in: a}",
        "{in: a}",
        "{type: ReferenceSample, in: a, size: 9}",
    ],
)
def test_what_is_wrong(validator: Any, node: str) -> None:
    assert faults(validator, f"rotonodes: 1\nnodes:\n  n: {node}\n") == ["$.nodes.n"]


def test_what_is_wrong_at_the_top(validator: Any) -> None:
    assert faults(validator, "rotonodes: 2\nnodes:\n  n: {type: Crop, in: a}\n") == ["$.rotonodes"]
    assert faults(validator, "rotonodes: 1\nnode: {}\n") != []
    assert faults(validator, "rotonodes: 1\nnodes:\n  1st: {type: Crop, in: a}\n") == ["$.nodes"]


def patterns(schema: Any) -> Iterator[str]:
    """Every regular expression of a schema."""
    if isinstance(schema, list):
        for item in schema:
            yield from patterns(item)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "pattern" and isinstance(value, str):
                yield value
            yield from value if key == "patternProperties" else ()
            yield from patterns(value)


def test_patterns_are_of_the_kind_that_editors_read() -> None:
    """JSON Schema has ECMA 262's regular expressions: no inline flags, no named groups, no \\A and \\Z."""
    found = set(patterns(graph_schema()))
    assert r"\.[Pp][Ss][Dd]$" in found
    for pattern in found:
        assert not re.search(r"\(\?(?![:=!]|<[=!])|\\[AZ]|[*+?}]\+", pattern), pattern
        re.compile(pattern)


def test_a_pattern_keeps_its_meaning() -> None:
    assert ecma({"anyOf": [{"pattern": r"(?i)\.ya?ml[ab]$"}]}) == {"anyOf": [{"pattern": r"\.[Yy][Aa]?[Mm][Ll][ab]$"}]}
    assert ecma({"pattern": "^[a-z]$", "properties": {"pattern": {"type": "string"}}})["pattern"] == "^[a-z]$"


def test_the_schema_of_a_fresh_clone_is_up_to_date() -> None:
    file = ROOT / "docs/rotonodes.schema.json"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    now = subprocess.run([sys.executable, "-m", "rotonodes", "schema"], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(file.read_text()) == json.loads(now.stdout), "run: rotonodes schema > docs/rotonodes.schema.json"


@pytest.mark.parametrize("path", [path for path in GRAPHS if "yaml-language-server" in path.read_text()], ids=lambda path: path.name)
def test_the_modeline_of_a_graph_finds_the_schema(path: Path) -> None:
    (target,) = re.findall(r"yaml-language-server: \$schema=(\S+)", path.read_text())
    assert (path.parent / target).resolve() == ROOT / "docs/rotonodes.schema.json"


def test_hover_text_is_there_for_everything() -> None:
    schema = graph_schema()
    for name, cls in all_nodes().items():
        if not cls.__module__.startswith("rotonodes.nodes"):
            continue  # a node that another test made
        body = schema["$defs"][name]
        assert body["description"] == reference.doc(cls)
        assert all(part.get("description") for part in body["properties"].values()), name
        assert body["additionalProperties"] is False


def test_the_command_prints_json(call: Call, sample_nodes: str) -> None:
    load_file(sample_nodes)
    data = yaml.safe_load(call("schema", "--nodes", sample_nodes).out)
    assert data["$defs"]["Swatch.1"]["properties"]["value"]["description"] == "the colour (linear)"
