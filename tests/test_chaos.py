"""The short form of `tests/benchmarks/chaos.py`: runs that are killed lose nothing, and end with the same bytes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rotonodes.node.catalogue import all_nodes

sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))

import chaos

ROOT = Path(__file__).parents[1]


def test_the_graph_has_every_writer() -> None:
    writers = {cls.__name__ for cls in all_nodes().values() if cls.__module__.startswith("rotonodes.nodes") and cls.is_writer()}
    assert writers - set(re.findall(r"type: (\w+)", chaos.graph_text(short=False) + chaos.ONNX)) == set()


@pytest.mark.parametrize("seed", ["1", "2"])
def test_killed_runs_end_with_the_same_bytes(seed: str) -> None:
    command = [sys.executable, str(ROOT / "tests/benchmarks/chaos.py"), "--short", "--kills", "2", "--seed", seed]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert re.search(r"^2 kills in \d rounds: 0 partial files, 0 files that differ or are lost at the end", done.stdout, re.MULTILINE)
    assert "0 unfinished files left, 0 runs that failed by themselves" in done.stdout
