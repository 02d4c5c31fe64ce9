"""Nodes: what a class declares by its fields and its signature, the registry, and calls without a graph."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from rotonodes.errors import UsageError
from rotonodes.node import catalogue, registry
from rotonodes.node.annotations import Device, Frame, Key, Monitor, Prepared, Wanted
from rotonodes.node.base import Node
from rotonodes.node.calling import wrong_input
from rotonodes.node.catalogue import all_nodes, find_node, load_file, plugin_faults
from rotonodes.node.parameters import InputPath, OutputPath, WrongParameter, changes_pixels, param, parameter_faults, shown, unit_of
from rotonodes.node.registry import full_name
from rotonodes.nodes import Crop
from rotonodes.values.pixels import Batch, Box, Clip, Image, Labels, Layers, Matte, Picture
from rotonodes.values.tones import ToneScale

IMAGE = Image(torch.zeros(3, 2, 2))


def test_annotations_say_how_inputs_are_fed() -> None:
    class Feeds(Node):
        def process(
            self,
            a: Image,
            b: Batch[Image],
            c: Clip[Image | Matte],
            d: ToneScale,
            e: Matte | None,
            f: list[Image],
            g: Picture,
            h: Labels = None,
        ) -> Image: ...

    sockets = Feeds.signature.inputs
    assert [s.feed for s in sockets.values()] == ["frame", "batch", "clip", "once", "frame", "frame", "frame", "frame"]
    assert [s.required for s in sockets.values()] == [True, True, True, True, False, True, True, False]
    assert [s.many for s in sockets.values()] == [False] * 5 + [True, False, False]
    assert sockets["c"].type_names() == "Image or Matte"
    assert sockets["g"].variable is Picture
    assert Feeds.takes_whole_clip()


def test_what_is_asked_for_is_no_input() -> None:
    class Asks(Node):
        def process(self, frame: Frame, key: Key, device: Device, wanted: Wanted, monitor: Monitor, *, prepared: Prepared) -> Image:
            assert (frame, key, device, wanted) == (7, "k", "cpu", frozenset({"image"}))
            assert (type(frame), type(wanted), prepared) == (Frame, Wanted, "ready")
            assert not monitor.stopping()
            return IMAGE

        def prepare(self, device: Device, **inputs: Any) -> str:
            assert inputs == {}
            return "ready"

    assert not Asks.signature.inputs
    assert Asks()(frame=7, key="k") is IMAGE


class Parts(NamedTuple):
    scale: ToneScale
    image: Image | None


def test_outputs_come_from_the_return_annotation() -> None:
    class One(Node):
        def process(self) -> ToneScale: ...

    class Several(Node):
        def process(self, x: Image) -> Parts:
            return Parts(ToneScale((0.5,)), x)

    class Same(Node):
        def process(self, clip: ToneScale, picture: Picture) -> Picture: ...

    class Stack(Node):
        def process(self, x: Batch[Image]) -> Batch[Labels]: ...

    assert One().outputs() == {"scale": ToneScale}
    assert Several().outputs() == {"scale": ToneScale, "image": Image}
    assert Same().outputs() == {"picture": Picture}
    assert Stack().outputs() == {"labels": Labels}
    assert Several().split_outputs(Several()(IMAGE))["image"] is IMAGE


@pytest.mark.parametrize("body", ["def process(self, x): ...", "def process(self, x: Image): ...",
                                  "def process(self, x: 'NoSuch') -> Image: ...",
                                  "def process(self, x: 3) -> Image: ..."])  # fmt: skip
def test_a_signature_that_says_too_little_is_refused_by_name(body: str) -> None:
    with pytest.raises((UsageError, TypeError), match=r"Unclear|not a type|must be"):
        exec(f"class Unclear(Node):\n    {body}", {"Node": Node, "Image": Image, "__name__": "unclear"})


class Tuned(Node):
    amount: int = param(3, help="how much", unit="px", ge=1, le=9)
    name: str = param("x", help="a word")
    many: list[float] = param([], help="numbers")
    speed: int = param(1, help="how fast", pixels=False)
    source: InputPath = param("", help="a file")
    other: InputPath | None = param(None, help="another")
    target: OutputPath = param("", help="a file")

    def process(self, image: Image) -> Image:
        return image


def test_parameters_are_checked_frozen_and_described() -> None:
    with pytest.raises(ValidationError):
        Tuned().amount = 4  # type: ignore[misc]
    assert Tuned(name=7).name == "7"
    fields = Tuned.model_fields
    assert [name for name, info in fields.items() if not changes_pixels(info)] == ["speed"]
    assert unit_of(fields["amount"]) == "px" and unit_of(fields["name"]) == ""
    assert fields["amount"].description == "how much"


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"amuont": 4}, "Tuned has no parameter 'amuont' (did you mean 'amount'?)"),
        ({"zoom": 4}, "Tuned has no parameter 'zoom'; it has amount, name, many, speed, source, other, target"),
        ({"amount": 0}, "Tuned: amount: must be 1 px or more, not 0"),
        ({"amount": "three", "many": 3}, "Tuned: amount: must be a whole number, not 'three'; many: must be a list, not 3"),
        ({"amount": "3"}, "Tuned: amount: must be a number, not the text '3': take away the quotes"),
        ({"image": 0}, "Tuned: 'image' is an input, not a parameter: Tuned(...)(image=...)"),
    ],
)
def test_a_wrong_value_from_python_is_one_line_too(values: dict[str, Any], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        Tuned(**values)
    assert str(caught.value) == line
    assert isinstance(caught.value, ValueError)  # as pydantic's own error is
    assert caught.value.__context__ is None  # a traceback shows that one line alone


class Either(Node):
    """Parameters of several types."""

    greys: list[int] | Literal["found"] | None = param(None, help="greys, or found")
    sizes: list[int] | None = param(None, help="sizes")
    range: float | tuple[float, float] = param(1.0, help="one or two")

    def process(self, image: Image) -> Image:
        return image


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ({"greys": "fuond"}, "greys: must be a list or 'found', not 'fuond' (did you mean 'found'?)"),
        ({"greys": [1, "a"]}, "greys.1: must be a whole number, not 'a'"),
        ({"sizes": [1, "a"]}, "sizes.1: must be a whole number, not 'a'"),
        ({"sizes": 3}, "sizes: must be a list, not 3"),
        ({"range": [1, "a"]}, "range.1: must be a number, not 'a'"),
        ({"range": {}}, "range: must be a number or a list, not {}"),
    ],
)
def test_a_value_of_none_of_several_types_is_told_in_the_words_of_the_nearest(values: dict[str, Any], line: str) -> None:
    ((_, message),) = parameter_faults(Either, values)
    assert message == line


def test_a_long_value_is_cut_short() -> None:
    with pytest.raises(WrongParameter) as caught:
        Tuned(amount=torch.zeros(30, 30))
    assert str(caught.value).endswith("...") and "\n" not in str(caught.value) and len(str(caught.value)) < 160


@pytest.mark.parametrize(
    ("values", "parameter", "words"),
    [
        ({"amount": 0}, "amount", "0"),
        ({"amount": "three"}, "amount", "'three'"),
        ({"amount": None}, "amount", "None"),
        ({"many": 3}, "many", "3"),
        ({"many": ["a"]}, "many", "'a'"),
        ({"many": [float("nan")]}, "many", "nan"),
        ({"wrong": 3}, "wrong", "wrong"),
    ],
)
def test_a_wrong_value_is_one_line_with_the_value(values: dict[str, Any], parameter: str, words: str) -> None:
    ((found, message),) = parameter_faults(Tuned, values)
    assert found == parameter
    assert words in message and "\n" not in message
    assert "Input should" not in message and "input should" not in message


def test_paths_are_known_and_moved() -> None:
    node = Tuned(source="a", other="b", target="c")
    assert list(node.paths("input")) == [("source", "a"), ("other", "b")]
    assert list(node.paths("output")) == [("target", "c")]
    assert node.reads(None) == ("a", "b")
    moved = node.at(lambda path: f"/root/{path}")
    assert (moved.source, moved.other, moved.target) == ("/root/a", "/root/b", "/root/c")
    assert list(Tuned().paths("input")) == []


def test_calls_without_a_graph_say_what_is_missing() -> None:
    for arguments, named, words in (
        ((), {}, "needs its input 'image'"),
        ((IMAGE, IMAGE), {}, "takes 1 inputs"),
        ((), {"imge": IMAGE}, "no input 'imge'"),
    ):
        with pytest.raises(UsageError, match=words):
            Tuned()(*arguments, **named)


def test_a_single_picture_may_stand_for_a_batch_and_a_list_for_a_clip() -> None:
    class Batches(Node):
        def process(self, image: Batch[Image]) -> Batch[Image]:
            return image.with_data(image.data + len(image))

    class Clips(Node):
        def process(self, image: Clip[Image]) -> ToneScale:
            return ToneScale(tuple(float(n) for n in image.frames))

    single = Batches()(IMAGE)
    assert isinstance(single, Image) and single.data.max() == 1
    assert len(Batches()(Batch.of([IMAGE, IMAGE]))) == 2
    assert Clips()([IMAGE, IMAGE]).thresholds == (1.0, 2.0)


def test_what_is_prepared_is_kept_while_its_files_stay(tmp_path: Path) -> None:
    made: list[str] = []

    class Prepares(Node):
        path: InputPath = param(help="a file")

        def prepare(self, device: Device, **inputs: Any) -> str:
            made.append(Path(self.path).read_text())
            return made[-1]

        def process(self, image: Image, prepared: Prepared) -> ToneScale:
            return ToneScale((float(prepared),))  # type: ignore[arg-type]

    path = tmp_path / "weights"
    path.write_text("1")
    node = Prepares(path=str(path))
    assert [node(IMAGE).thresholds for _ in range(3)] == [(1.0,)] * 3
    assert made == ["1"]
    path.write_text("22")
    assert node(IMAGE).thresholds == (22.0,)


# The registry.


def test_every_node_is_found_by_its_name() -> None:
    for name, cls in all_nodes().items():
        assert find_node(name) is cls
        assert name == full_name(cls)
        if cls.version == 1:
            assert find_node(cls.type_name) is cls
    assert find_node("NoSuchNode") is None and find_node("Crop.99") is None


NODE = 'from rotonodes import Image, Node\n\n\nclass {name}(Node):\n    """Fine."""\n\n'
NODE += "    def process(self, image: Image) -> Image:\n        return image\n"


@pytest.fixture
def clean_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    all_nodes()
    monkeypatch.setattr(registry, "NODES", dict(registry.NODES))
    monkeypatch.setattr(catalogue, "NODES", registry.NODES)
    for name, kept in (("_loaded", set), ("_plugin_faults", list)):
        monkeypatch.setattr(catalogue, name, kept(getattr(catalogue, name)))


@pytest.mark.usefixtures("clean_registry")
def test_a_file_of_nodes_is_loaded_once(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(NODE.format(name="MineOnly"))
    load_file(str(path))
    first = find_node("MineOnly")
    load_file(str(path))
    assert first is not None and find_node("MineOnly") is first


@pytest.mark.usefixtures("clean_registry")
def test_two_nodes_of_one_name_name_both_files(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(NODE.format(name="TwiceMade"))
    load_file(str(tmp_path / "one.py"))
    with pytest.raises(UsageError) as caught:
        load_file(str(tmp_path / "two.py"))
    assert "one.py" in str(caught.value) and "two.py" in str(caught.value) and "TwiceMade" in str(caught.value)


@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize("text", ["import no_such_module", "def broken(:", "1 / 0", "raise SystemExit(3)"])
def test_a_file_that_cannot_be_imported_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.py"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"cannot import the nodes of .*bad\.py"):
        load_file(str(path))
    with pytest.raises(UsageError, match="there is no file"):
        load_file(str(tmp_path / "gone.py"))


def test_a_folder_with_a_broken_plugin_gives_the_others(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import no_such_module\n")
    (tmp_path / "good.py").write_text(NODE.format(name="GoodOne"))
    (tmp_path / "_hidden.py").write_text("raise RuntimeError\n")
    code = "from rotonodes.node.catalogue import all_nodes, plugin_faults\n"
    code += "print('GoodOne.1' in all_nodes(), len(plugin_faults()), 'bad.py' in plugin_faults()[0])"
    root = str(Path(__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], env={"ROTONODES_PATH": str(tmp_path), "PYTHONPATH": root}, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split() == ["True", "1", "True"], done.stderr
    assert isinstance(plugin_faults(), list)


def test_a_wrong_parameter_survives_another_process() -> None:
    import pickle

    with pytest.raises(WrongParameter) as caught:
        Crop(lefft=1)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.faults) == (str(caught.value), caught.value.faults)


def test_parameters_are_given_by_name_and_paths_may_be_paths() -> None:
    from rotonodes.nodes import LoadFrames, SideBySide

    with pytest.raises(UsageError, match=r"^Crop: parameters are given by name, as Crop\(left=3, top=4\)$"):
        Crop(3, 4)  # type: ignore[misc]
    assert LoadFrames(path=Path("a") / "b.####.png") == LoadFrames(path="a/b.####.png")
    with pytest.raises(UsageError, match="path: must be a path, not the number 3"):
        LoadFrames(path=3)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="frame is a whole number, not '3'"):
        Crop()(Image(torch.zeros(3, 2, 2)), frame="3")  # type: ignore[call-overload]
    with pytest.raises(UsageError, match=r"not ndarray of shape \[2, 2, 3\]: make one with Image.from_array\(...\)"):
        Crop()(np.zeros((2, 2, 3)))
    assert repr(Crop(left=3)) == "Crop(left=3)"
    assert repr(SideBySide()) == "SideBySide()"


def test_outputs_that_depend_on_parameters_are_attributes() -> None:
    from rotonodes.node.outputs import Outputs
    from rotonodes.nodes import MultipassDecode

    planes = {f"View.{name}.{c}": np.full((2, 3), at, np.float32) for at, name in enumerate(("Combined", "Normal")) for c in "RGB"}
    passes = MultipassDecode(passes=["Combined", "Normal"])(Layers(planes, Box(0, 0, 3, 2), (3, 2)))
    assert passes.Normal.data.eq(1).all() and passes["Combined"] is passes.Combined
    assert set(dir(passes)) >= {"Combined", "Normal", "items"}
    assert not hasattr(passes, "Depth") and not hasattr(passes, "__array__")
    with pytest.raises(UsageError, match=r"there is no output 'Norml' \(did you mean 'Normal'\?\); there are Combined, Normal"):
        _ = passes.Norml
    assert pickle.loads(pickle.dumps(Outputs(a=1))).a == 1


class Every(Node):
    """A parameter for each rule that a message can name."""

    count: int = param(1, help="a count", ge=1, le=9, unit="px")
    share: float = param(0.5, help="a share", gt=0, lt=1)
    flag: bool = param(False, help="yes or no")
    word: str = param("a", help="a word", min_length=1, max_length=3)
    file: str = param("a.png", help="a name", pattern=r"(?i)\.png$")
    code: str = param("7", help="digits", pattern=r"\d+")
    pair: list[int] = param([1, 2], help="two or three", min_length=2, max_length=3)
    spot: tuple[float, float] = param((0.0, 0.0), help="a place")
    table: dict[str, float] = param({}, help="factors")
    source: InputPath = param("", help="a file")
    sources: list[InputPath] = param([], help="files")

    def process(self, image: Image) -> Image:
        return image


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("count", 0, "1 px or more, not 0"),
        ("count", 10, "9 px or less, not 10"),
        ("count", 1.5, "a whole number, not 1.5"),
        ("count", True, "a number, not true"),
        ("share", 0, "more than 0, not 0"),
        ("share", 1, "less than 1, not 1"),
        ("share", float("nan"), "a finite number, not nan"),
        ("share", False, "a number, not false"),
        ("share", " -1.5e-3 ", "a number, not the text ' -1.5e-3 ': take away the quotes"),
        ("share", "half", "a number, not 'half'"),
        ("flag", "true", "true or false, not 'true'"),
        ("flag", 7, "true or false, not 7"),
        ("word", True, "text, not true"),
        ("word", "", "text that is not empty, not ''"),
        ("word", "abcd", "text of at most 3 characters, not 'abcd'"),
        ("word", [1], "text, not [1]"),
        ("file", "a.jpg", "a name that ends in .png, not 'a.jpg'"),
        ("code", "x", r"text that matches \d+, not 'x'"),
        ("pair", [1], "a list of 2 or more values, not [1]"),
        ("pair", [1, 2, 3, 4], "a list of 3 or fewer values, not [1, 2, 3, 4]"),
        ("spot", 3, "a list, not 3"),
        ("table", [1], "a mapping, not [1]"),
        ("source", 3, "a path, not the number 3: put a file's name in quotes"),
        ("sources", ["a", 2.5, 3], "a path, not the number 2.5: put a file's name in quotes"),
    ],
)
def test_every_rule_in_words(name: str, value: object, rule: str) -> None:
    assert parameter_faults(Every, {name: value}) == [(name, f"{name}: must be {rule}")]


def test_every_value_that_fits_is_taken() -> None:
    given = {"count": 9, "share": 0.999, "flag": True, "word": "abc", "file": "A.PNG", "pair": [1, 2, 3], "spot": [1, 2], "table": {"a": 1}}
    assert parameter_faults(Every, {**given, "source": "a", "sources": ["b"]}) == []
    assert [name for name, _ in parameter_faults(Every, {"count": 0, "flag": "no", "zoom": 1, "share": 2})] == [
        "flag",
        "count",
        "share",
        "zoom",
    ]


def test_a_long_value_is_cut_in_a_message() -> None:
    assert shown("x" * 78) == repr("x" * 78), "eighty characters with the quotes"
    assert shown("x" * 79) == "'" + "x" * 75 + " ..." and len(shown("x" * 79)) == 80
    assert shown([1, "a\nb"]) == "[1, 'a\\nb']"
    assert shown(type("Lines", (), {"__repr__": lambda _: "two\n   lines"})()) == "two lines"


class OneFrame(Node):
    def process(self, image: Image, more: list[Matte] | None = None) -> Image:
        return image


class WholeClip(Node):
    def process(self, image: Clip[Image]) -> Path: ...


class InBatches(Node):
    def process(self, image: Batch[Image]) -> Batch[Image]: ...


@pytest.mark.parametrize("cls", [OneFrame, WholeClip, InBatches])
def test_what_an_input_takes(cls: type[Node]) -> None:
    """A clip goes only into an input for clips, a batch only into one for batches; one picture into each."""
    socket = cls.signature.inputs["image"]
    for value, takers in (
        (IMAGE, (OneFrame, WholeClip, InBatches)),
        (Clip.of([IMAGE]), (WholeClip,)),
        ([IMAGE, IMAGE], (WholeClip,)),
        (Batch.of([IMAGE]), (InBatches,)),
        (Matte(torch.zeros(1, 2, 2)), ()),
        ([IMAGE, 3], ()),
        (None, ()),
    ):
        message = wrong_input(socket, value)
        assert (message is None) == (cls in takers), (value, message)
        assert message is None or message.startswith("the input 'image' takes Image, not ")
    assert wrong_input(OneFrame.signature.inputs["more"], None) is None
    assert "takes a list of Matte, not Image" in str(wrong_input(OneFrame.signature.inputs["more"], IMAGE))
