"""examples/blender/character.py, run by a Python that has bpy: set ROTONODES_BPY to its path."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from rotonodes.nodes import LoadParts

SCRIPT = Path(__file__).parent.parent / "examples" / "blender" / "character.py"
PYTHON = os.environ.get("ROTONODES_BPY", "")
PARTS = ["legs", "clothes", "torso", "arms", "head", "eyes", "hair"]
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PYTHON, reason="ROTONODES_BPY names no Python that has bpy")]


def rendered(folder: Path, *arguments: object) -> dict[int, dict[str, np.ndarray]]:
    """Frame -> part -> matte."""
    command = [PYTHON, str(SCRIPT), "--out", str(folder), "--res", "64", "--samples", "1", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    node = LoadParts(path=str(folder / "parts.####.exr"), parts=PARTS, hidden=True)
    return {frame: dict(node(frame=frame).parts.planes) for frame in node.available() or ()}


def test_a_set_has_every_part_and_follows_from_its_seed(tmp_path: Path) -> None:
    first = rendered(tmp_path / "a", "--frames", 3, "--seed", 5)
    assert list(first) == [1, 2, 3]
    for name in ("clothes", "torso", "head", "hair"):
        assert sum(float(frame[name].sum()) for frame in first.values()) > 20, name
    assert all((sum(frame.values()) <= 1.001).all() for frame in first.values())  # objects share pixels, they do not overlap
    again = rendered(tmp_path / "b", "--frames", 1, "--first", 2, "--seed", 5)
    for name in PARTS:
        assert np.abs(again[2][name] - first[2][name]).max() < 0.01, name
    assert any(np.abs(first[1][name] - first[2][name]).max() > 0.5 for name in PARTS)


def test_a_clip_moves_and_is_the_same_character(tmp_path: Path) -> None:
    clip = rendered(tmp_path, "--clip", "--frames", 4, "--seed", 16)
    areas = {name: [float(frame[name].sum()) for frame in clip.values()] for name in PARTS}
    assert all(min(area) > 0 for name, area in areas.items() if name not in ("legs", "eyes"))
    assert np.ptp(areas["head"]) < 0.2 * max(areas["head"])
    assert np.abs(clip[1]["arms"] - clip[2]["arms"]).max() > 0.5
