"""What a process keeps from one run to the next: networks, and nothing that a run has not asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from conftest import Call
from rotonodes.cli.main import call as run_command
from rotonodes.cli.session import Session
from rotonodes.engine.kept import Kept
from rotonodes.nets.model import Model

ROOT = Path(__file__).parent.parent
GRAPH = f"""
rotonodes: 1
frames: 1-4
nodes:
  load: {{type: LoadFrames, path: "in.####.png"}}
  roto: {{type: UNetSegment, in: load, weights: {ROOT}/weights/tones.safetensors}}
  png:  {{type: WriteFrames, in: roto.labels, path: "out/s.####.png"}}
"""


@pytest.fixture
def clip(tmp_path: Path, call: Call) -> Path:
    (tmp_path / "graph.yaml").write_text(GRAPH)
    for frame in range(1, 5):
        Image.new("RGB", (16, 16), (60 * frame, 9, 9)).save(tmp_path / f"in.{frame:04d}.png")
    return tmp_path


def test_a_value_is_made_once_and_dropped_after_a_run_without_it() -> None:
    kept, made = Kept(), []

    def make() -> str:
        made.append(1)
        return "network"

    kept.start_run()
    assert kept.get("a", make) == ("network", False)
    kept.start_run()
    assert kept.get("a", make) == ("network", True)
    kept.start_run()
    kept.start_run()
    assert kept.get("a", make) == ("network", False)
    assert len(made) == 2


def test_the_network_is_loaded_once_for_several_runs(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rotonodes.nets import weights

    loaded, load = [], weights.load_weights
    built, build = [], Model.module

    def count(path: str, *more: object) -> object:
        loaded.append(path)
        return load(path, *more)

    monkeypatch.setattr(weights, "load_weights", count)
    monkeypatch.setattr(Model, "module", lambda model, *more: built.append(model) or build(model, *more))
    session = Session(kept=Kept())
    for part in ("1-2", "3-4"):
        assert run_command(["run", "graph.yaml", "-F", part, "--cache", "none", "--progress", "none"], session) == 0
    assert (len(loaded), len(built)) == (1, 1)
    warm = [(clip / f"out/s.{frame:04d}.png").read_bytes() for frame in range(1, 5)]
    assert run_command(["run", "graph.yaml", "--force", "--cache", "none", "--set", "roto.tile=256", "--progress", "none"], session) == 0
    assert (len(loaded), len(built)) == (1, 2), "another tile is another network, of the same file"
    assert run_command(["run", "graph.yaml", "--force", "--cache", "none", "--progress", "none"], Session()) == 0
    assert warm == [(clip / f"out/s.{frame:04d}.png").read_bytes() for frame in range(1, 5)]


def test_a_warm_process_runs_one_command_after_another(clip: Path) -> None:
    words = [sys.executable, "-m", "rotonodes.cli.warm"]
    process = subprocess.Popen(words, cwd=clip, env={"PYTHONPATH": str(ROOT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdin is not None and process.stdout is not None
        codes = []
        for number, command in enumerate((["run", "graph.yaml", "-F", "1-2"], ["run", "none.yaml"], ["run", "graph.yaml", "-F", "3-4"])):
            process.stdin.write(json.dumps({"words": [*command, "--progress=plain"], "log": f"{number}.log"}) + "\n")
            process.stdin.flush()
            codes.append(json.loads(process.stdout.readline())["code"])
        process.stdin.close()
        assert process.wait() == 143, "it ends as after TERM"
    assert codes == [0, 2, 0]
    assert len(list(clip.glob("out/*.png"))) == 4
    assert "(2 of 2)" in (clip / "2.log").read_text(), "which frame ends last is the threads' affair"
    assert "cannot read the graph" in (clip / "1.log").read_text()
