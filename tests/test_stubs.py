"""The types of the nodes for type checkers: fresh, and what mypy says with them of right and of wrong Python."""

import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Call
from rotonodes.node.catalogue import own_nodes

ROOT = Path(__file__).parent.parent
STUBS = ROOT / "rotonodes/nodes/__init__.pyi"

RIGHT = """
from pathlib import Path
from typing import assert_type

from rotonodes import Batch, Graph, Image, Labels, Layers, Matte
from rotonodes.node.outputs import Outputs
from rotonodes.nodes import Blur, Crop, LoadFrames, MultipassDecode, PaintTones, SideBySide, StabilizeTones, UNetSegment, WriteFrames

loaded = LoadFrames(path=Path("a.####.exr"))(frame=12)
assert_type(loaded.image, Image)
picture = Crop(left=28, zoom=2)(loaded.image)
assert_type(picture, Image)


def same_kind(matte: Matte, labels: Labels, layers: Layers, frames: Batch[Image]) -> None:
    assert_type(Crop()(matte), Matte)
    assert_type(Crop()(labels), Labels)
    assert_type(Blur(size=(2, 3))(matte), Matte)
    segmented = UNetSegment(weights="w.safetensors")(picture, shape=matte)
    assert_type(segmented.labels, Labels)
    assert_type(UNetSegment(weights="w.safetensors")(frames).labels, Batch[Labels])
    palette = {"midtone": "#ffffff"}
    assert_type(PaintTones(palette=palette)(segmented.labels), Image)
    assert_type(SideBySide()([picture, matte, labels]), Image)
    assert_type(StabilizeTones()([picture, picture], frame=2).labels, Labels)
    passes = MultipassDecode(passes=["Combined"])(layers)
    assert_type(passes, Outputs)
    passes.Combined
    assert_type(WriteFrames(path="out.png")(picture), Path)


graph = Graph(frames="1-24")
render = graph.add(LoadFrames(path="a.####.exr"))
graph.add(WriteFrames(path=Path("b.####.png")), image=render.image)
result = graph.run(frames=3, device="cpu", on_error="continue")
text: str = graph.to_yaml("graph.yaml")
"""

WRONG = {  # one fault a line -> what mypy says of it
    "Crop(lefft=3)": 'Unexpected keyword argument "lefft"',
    'Crop(left="wide")': 'Argument "left" to "Crop" has incompatible type "str"',
    "Crop(3)": "Too many positional arguments",
    'Blur(method="bokeh")': 'Argument "method" to "Blur" has incompatible type',
    "LoadFrames(path=3)": 'Argument "path" to "LoadFrames" has incompatible type "int"',
    "LoadFrames()": 'Missing named argument "path"',
    'Crop()("a.png")': '"Crop" cannot be "str"',
    "UNetSegment()(3)": "No overload variant",
    "Graph().run(frame=3)": 'Unexpected keyword argument "frame"',
    "from rotonodes.nodes import Corp": 'has no attribute "Corp"',
}


def test_the_stubs_are_fresh(call: Call) -> None:
    ended = call("nodes", "--stubs")
    assert ended.code == 0
    assert STUBS.read_text(encoding="utf-8") == ended.out, (
        "rotonodes/nodes/__init__.pyi is stale: run `rotonodes nodes --stubs -o rotonodes/nodes/__init__.pyi`"
    )


def test_every_node_and_parameter_has_a_type() -> None:
    text = STUBS.read_text(encoding="utf-8")
    for cls in own_nodes().values():
        body = text.partition(f"\nclass {cls.__name__}(Node):\n")[2].partition("\nclass ")[0]
        assert body, f"{cls.__name__} is not in the stubs"
        for name in cls.model_fields:
            assert f"\n    {name}: " in body and f"\n        {name}: " in body, f"{cls.__name__}.{name}"
    assert ": Any" not in text


def mypy(file: Path) -> tuple[int, str]:
    """mypy's exit code and words about a file, by the rules of the repository and with its cache."""
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_mypy_takes_what_is_right_and_the_examples(tmp_path: Path) -> None:
    examples = sorted((ROOT / "examples/python").glob("*.py"))
    assert len(examples) >= 2
    file = tmp_path / "right.py"
    file.write_text(RIGHT)
    assert mypy(file) == (0, "Success: no issues found in 1 source file\n")
    for example in examples:
        assert mypy(example)[0] == 0, mypy(example)[1]


@pytest.mark.slow
def test_mypy_finds_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "wrong.py"
    head = "from rotonodes import Graph\nfrom rotonodes.nodes import Blur, Crop, LoadFrames, UNetSegment\n\n"
    file.write_text(head + "\n".join(WRONG) + "\n")
    code, words = mypy(file)
    assert code == 1
    for number, (line, expected) in enumerate(WRONG.items(), head.count("\n") + 1):
        said = [text for text in words.splitlines() if f"wrong.py:{number}: error" in text]
        assert any(expected in text for text in said), f"{line}: {said}"
