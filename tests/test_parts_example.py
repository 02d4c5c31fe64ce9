"""The example in examples/parts: its clip, its weights, and the graphs that use them."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import psd_tools
import pytest

from rotonodes import Graph
from rotonodes.io.png import read_png
from rotonodes.io.samples import encode
from rotonodes.nodes import LoadParts, SplitParts

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "parts"
PARTS = ["legs", "clothes", "torso", "arms", "head", "eyes", "hair"]
TRUTH = LoadParts(path=str(EXAMPLE / "clip" / "parts.####.exr"), parts=PARTS)


@pytest.mark.parametrize("path", [*sorted(EXAMPLE.glob("*.yaml")), ROOT / "graphs" / "split_parts.yaml"], ids=lambda path: path.stem)
def test_graphs_are_without_faults(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert Graph.load(path).sinks()


def test_every_part_is_in_every_frame_and_they_make_the_render_again() -> None:
    assert TRUTH.available() == tuple(range(1, 13))
    for frame in TRUTH.available():
        found = TRUTH(frame=frame)  # which refuses empty mattes
        assert all(plane.max() > 0.99 for plane in found.parts.planes.values())
    made = SplitParts(parts=PARTS, rest="background")(found.image, found.parts)
    assert (made["picture"].data[:3] - found.image.data[:3]).abs().max() < 1e-4


def test_it_is_small_enough_to_ship() -> None:
    assert sum(file.stat().st_size for file in (EXAMPLE / "clip").iterdir()) < 3e6
    assert (ROOT / "weights/parts.safetensors").stat().st_size < 3e6


def test_the_network_finds_the_parts() -> None:
    """The script prints the figures of the README, but for another machine's rounding."""
    done = subprocess.run([sys.executable, "examples/parts/evaluate.py"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    printed = {name: (float(iou), float(dice)) for name, iou, dice in (line.split() for line in done.stdout.splitlines())}
    table = re.findall(r"^\| \**(\w+)\** \| \**([0-9.]+)\** \| \**([0-9.]+)\** \|$", (EXAMPLE / "README.md").read_text(), re.MULTILINE)
    assert [name for name, *_ in table] == [*PARTS, "mean"] == list(printed)
    for name, iou, dice in table:
        assert printed[name] == pytest.approx((float(iou), float(dice)), abs=0.02), name


def test_the_graph_writes_layers_and_masks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("examples", "weights"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    assert Graph.load(ROOT / "graphs" / "split_parts.yaml").run(frames="6", cache="none").exit_code == 0
    document = psd_tools.PSDImage.open("out/split_parts/character.0006.psd")
    assert [layer.name for layer in document] == ["background", *PARTS]
    assert sorted(path.parent.name for path in Path("out/split_parts/masks").glob("*/character.0006.png")) == sorted(PARTS)
    again = read_png("out/split_parts/character.0006.png")
    wanted = encode(TRUTH(frame=6).image, "8", "srgb").astype(int)
    assert np.abs(again[..., :3] - wanted[..., :3]).max() <= 2
    assert again[..., 3].min() >= 253
