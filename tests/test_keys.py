"""Keys: what moves them, and what must not."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rotonodes import Graph
from rotonodes.node.annotations import Frame, Key
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, OutputPath, param
from rotonodes.node.registry import full_name
from rotonodes.plan.keys import canonical, digest
from rotonodes.plan.make_plan import make_plan
from rotonodes.plan.plan import Plan
from rotonodes.values.pixels import Clip, Image
from rotonodes.values.tones import ToneScale


class KeySource(Node):
    gain: float = param(1.0, help="factor")
    name: str = param("", help="a text")
    threads: int = param(1, help="how fast", pixels=False)

    def process(self, frame: Frame) -> Image:
        return Image(torch.zeros(3, 2, 2))


class KeyFile(Node):
    path: InputPath = param(help="a file")

    def process(self) -> Image: ...


class KeyMix(Node):
    weight: float = param(0.5, help="of b", ge=0, le=1)

    def process(self, a: Image, b: Image | None = None, more: list[Image] | None = None) -> Image: ...


class KeyMeasure(Node):
    frames: str = param("", help="what to measure")

    def process(self, image: Clip[Image]) -> ToneScale: ...


class KeyAround(Node):
    reach: int = param(1, help="frames on each side")

    def needs(self, frame: int) -> Iterable[int]:
        return range(frame - self.reach, frame + self.reach + 1)

    def process(self, image: Clip[Image]) -> Image: ...


class KeyUse(Node):
    def process(self, image: Image, scale: ToneScale) -> Image: ...


class KeyWrite(Node):
    path: OutputPath = param(help="the files", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, image: Image, frame: Frame, key: Key) -> Path: ...


HEAD = "rotonodes: 1\nframes: 1-9\nnodes:\n"
NODES = {
    "plate": "{type: KeySource}",
    "still": "{type: KeyFile, path: still.bin}",
    "mix": "{type: KeyMix, in: {a: plate, b: still}}",
    "around": "{type: KeyAround, in: mix}",
    "measure": "{type: KeyMeasure, in: plate}",
    "use": "{type: KeyUse, in: {image: around, scale: measure}}",
    "write": "{type: KeyWrite, in: use, path: out.bin}",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "still.bin").write_bytes(b"12345")
    return tmp_path


def plan_of(folder: Path, nodes: dict[str, str] | None = None, **options: Any) -> Plan:
    """A plan of the sample graph, or of other lines for it."""
    path = folder / "g.yaml"
    path.write_text(HEAD + "".join(f"  {name}: {body}\n" for name, body in (nodes or NODES).items()))
    return make_plan(Graph.load(path), root=str(folder), cache="none", **options)


def key(plan: Plan, name: str = "write", frame: int | None = 5) -> str:
    return plan.key((name, frame if plan.keys.per_frame(name) else None))


def changed(folder: Path, **bodies: str) -> set[str]:
    """The nodes whose keys at frame 5 are others when these lines are."""
    before, after = plan_of(folder), plan_of(folder, {**NODES, **bodies})
    return {name for name in NODES if key(before, name) != key(after, name)}


def test_keys_are_the_same_in_every_process(folder: Path) -> None:
    """These digests were noted once: a change to how keys are made makes everybody's outputs anew, and is said in CHANGELOG."""
    assert canonical({"b": [1, 2.5, None, "é"], "a": True}) == '{"a":true,"b":[1,2.5,null,"\\u00e9"]}'
    assert digest([]) == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))
    assert len(key(plan_of(folder))) == 64


@pytest.mark.parametrize(
    ("bodies", "moved"),
    [
        ({"plate": "{type: KeySource, gain: 2}"}, {"plate", "mix", "around", "measure", "use", "write"}),
        ({"plate": "{type: KeySource, gain: 1.0}"}, set()),
        ({"plate": "{type: KeySource, threads: 8}"}, set()),
        ({"mix": "{type: KeyMix, in: {a: plate, b: still}, weight: 0.25}"}, {"mix", "around", "use", "write"}),
        ({"mix": "{type: KeyMix, in: {a: plate}}"}, {"mix", "around", "use", "write"}),
        ({"mix": "{type: KeyMix, in: {a: still, b: plate}}"}, {"mix", "around", "use", "write"}),
        ({"mix": "{type: KeyMix, in: {a: plate, more: [still]}}"}, {"mix", "around", "use", "write"}),
        ({"around": "{type: KeyAround, in: mix, reach: 2}"}, {"around", "use", "write"}),
        ({"measure": "{type: KeyMeasure, in: plate, frames: 1-3}"}, {"measure", "use", "write"}),
        ({"write": "{type: KeyWrite, in: use, path: other.bin}"}, set()),
        ({"write": "{type: KeyWrite, in: use, path: out.bin, label: hello, cache: true}"}, set()),
    ],
)
def test_what_moves_a_key_and_what_does_not(folder: Path, bodies: dict[str, str], moved: set[str]) -> None:
    assert changed(folder, **bodies) == moved


def test_the_order_of_many_links_counts(folder: Path) -> None:
    one = plan_of(folder, {**NODES, "mix": "{type: KeyMix, in: {a: plate, more: [plate, still]}}"})
    other = plan_of(folder, {**NODES, "mix": "{type: KeyMix, in: {a: plate, more: [still, plate]}}"})
    assert key(one) != key(other)


class Pair(NamedTuple):
    first: Image
    second: Image


class KeyPair(Node):
    def process(self, frame: Frame) -> Pair: ...


@pytest.mark.parametrize("kind", ["KeyMix", "KeyAround", "KeyMeasure"])
def test_the_output_that_is_linked_counts(folder: Path, kind: str) -> None:
    """Two outputs of one node have one key of their node, and are two pictures all the same."""
    link = "{a: %s}" if kind == "KeyMix" else "%s"
    plans = [
        plan_of(folder, {"pair": "{type: KeyPair}", "use": f"{{type: {kind}, in: {link % name}}}"})
        for name in ("pair.first", "pair.second", "pair")
    ]
    first, second, default = (key(plan, "use") for plan in plans)
    assert first != second
    assert first == default


def test_a_file_that_changes_moves_what_is_made_from_it(folder: Path) -> None:
    plan = plan_of(folder)
    before = {name: key(plan, name) for name in NODES}
    (folder / "still.bin").write_bytes(b"123456")
    after = plan_of(folder)
    moved = {name for name in NODES if key(after, name) != before[name]}
    assert moved == {"still", "mix", "around", "use", "write"}


def test_time_counts_unless_the_bytes_are_asked_for(folder: Path) -> None:
    before, by_content = key(plan_of(folder)), key(plan_of(folder, content_hash=True))
    os.utime(folder / "still.bin", ns=(1, 1))
    assert key(plan_of(folder)) != before
    assert key(plan_of(folder, content_hash=True)) == by_content
    (folder / "still.bin").write_bytes(b"54321")
    assert key(plan_of(folder, content_hash=True)) != by_content
    (folder / "still.bin").unlink()
    assert key(plan_of(folder)) not in (before, by_content)


def test_where_the_root_lies_does_not_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = folder / "elsewhere"
    moved.mkdir()
    (moved / "still.bin").write_bytes(b"12345")
    os.utime(moved / "still.bin", ns=(7, 7))
    os.utime(folder / "still.bin", ns=(7, 7))
    here, there = plan_of(folder), plan_of(moved)
    assert key(here) == key(there)
    monkeypatch.chdir(moved)
    path = moved / "g.yaml"
    assert key(make_plan(Graph.load(path), cache="none")) == key(here)


def test_names_and_the_order_of_the_file_do_not_count(folder: Path) -> None:
    before = plan_of(folder)
    backwards = plan_of(folder, dict(reversed(NODES.items())))
    assert {name: key(before, name) for name in NODES} == {name: key(backwards, name) for name in NODES}
    text = HEAD + "".join(f"  {name}: {body}\n" for name, body in NODES.items())
    for name in NODES:
        text = text.replace(f"  {name}:", f"  the_{name}:")
        for before_name, after_name in ((f": {name}", f": the_{name}"), (f"b: {name}", f"b: the_{name}")):
            text = text.replace(f"{before_name},", f"{after_name},").replace(f"{before_name}}}", f"{after_name}}}")
    (folder / "renamed.yaml").write_text(text)
    renamed = make_plan(Graph.load(folder / "renamed.yaml"), root=str(folder), cache="none")
    assert key(renamed, "the_write") == key(before)


def test_what_is_delivered_does_not_count(folder: Path) -> None:
    assert key(plan_of(folder, frames=[5])) == key(plan_of(folder)) == key(plan_of(folder, frames=[4, 5, 9]))


def test_a_disabled_node_has_the_key_of_its_input(folder: Path) -> None:
    disabled = plan_of(folder, {**NODES, "around": "{type: KeyAround, in: mix, disable: true}"})
    direct = plan_of(folder, {**NODES, "use": "{type: KeyUse, in: {image: mix, scale: measure}}"})
    assert key(disabled) == key(direct) != key(plan_of(folder))
    twice = {
        **NODES,
        "mix": "{type: KeyMix, in: {a: plate, b: still}, disable: true}",
        "around": "{type: KeyAround, in: mix, disable: true}",
    }
    straight = {**NODES, "use": "{type: KeyUse, in: {image: plate, scale: measure}}"}
    assert key(plan_of(folder, twice)) == key(plan_of(folder, straight))


def test_frames_count_where_they_are_asked_for(folder: Path) -> None:
    plan = plan_of(folder)
    for name in ("plate", "mix", "around", "use", "write"):
        assert key(plan, name, 4) != key(plan, name, 5)
    for name in ("still", "measure"):
        assert not plan.keys.per_frame(name)
        assert key(plan, name, 4) == key(plan, name, 5)


def test_neighbours_at_the_ends_make_another_key(folder: Path) -> None:
    plan = plan_of(folder)
    assert len({key(plan, "around", frame) for frame in range(1, 10)}) == 9


def test_type_version_and_revision_count(folder: Path) -> None:
    before = key(plan_of(folder))

    def another(**more: Any) -> str:
        class KeyMix(Node):
            version = more.get("version", 1)
            revision = more.get("revision", 0)
            weight: float = param(0.5, help="of b", ge=0, le=1)

            def process(self, a: Image, b: Image | None = None, more: list[Image] | None = None) -> Image: ...

        body = f"{{type: KeyMix.{KeyMix.version}, in: {{a: plate, b: still}}}}"
        return key(plan_of(folder, {**NODES, "mix": body}))

    assert another() == before
    assert len({before, another(revision=1), another(version=2)}) == 3


def test_a_new_parameter_with_its_default_is_part_of_the_key(folder: Path) -> None:
    written = plan_of(folder, {**NODES, "mix": "{type: KeyMix, in: {a: plate, b: still}, weight: 0.5}"})
    assert key(written) == key(plan_of(folder)), "a default that is written out is the same value"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.text(max_size=5),
)
def test_other_values_are_other_keys(folder: Path, gain: float, other: float, name: str, other_name: str) -> None:
    def of(gain: float, name: str) -> str:
        graph = Graph(frames="1")
        graph.add(KeySource(gain=gain, name=name), "source")
        return make_plan(graph, cache="none").key(("source", 1))

    same = repr(gain) == repr(other) and name == other_name
    assert (of(gain, name) == of(other, other_name)) == same


def test_keys_are_digests_of_the_json_that_is_documented(folder: Path) -> None:
    nodes = {**NODES, "mix": "{type: KeyMix, in: {a: plate, b: still, more: [plate, still.image]}}"}
    plan = plan_of(folder, nodes)

    def expected(
        name: str, frame: int | None, inputs: dict[str, Any], number: int | None = None, files: Iterable[str] = (), span: Any = None
    ) -> str:
        node = plan.graph.vertices[name].node
        part = digest([full_name(type(node)), type(node).revision, plan.keys.parameters(name), *plan.keys.code(name)])
        return digest([part, inputs, number, [plan.keys.fingerprint(path) for path in files], None])

    plate, still, around, measure = (key(plan, name) for name in ("plate", "still", "around", "measure"))
    assert plate == expected("plate", 5, {}, number=5)
    assert still == expected("still", None, {}, files=[str(folder / "still.bin")])
    image = {"a": [["image", plate]], "b": [["image", still]], "more": [["image", plate], ["image", still]]}
    assert key(plan, "mix") == expected("mix", 5, image)
    neighbours = {"image": [["image", key(plan, "mix", frame), frame] for frame in (4, 5, 6)]}
    assert around == expected("around", 5, neighbours, number=5)
    assert key(plan, "use") == expected(
        "use", 5, {"image": [["image", around]], "scale": [[next(iter(plan.nodes["measure"].outputs())), measure]]}
    )


def test_thousands_of_nodes_in_a_row_have_keys() -> None:
    graph = Graph(frames="1-2")
    last = graph.add(KeySource(), "n0")
    for number in range(1, 3000):
        last = graph.add(KeyMix(), f"n{number}", a=last)
    assert len(make_plan(graph, cache="none").key(("n2999", 2))) == 64
