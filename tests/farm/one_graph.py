"""One graph for every engine: a small network is trained, segments a clip, and its tones become PNGs and a GIF."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
GRAPH = """
rotonodes: 1
frames: 1-4
nodes:
  render: {type: LoadFrames, path: "shot/render.####.exr"}
  passes: {type: MultipassDecode, in: render.layers, passes: [Combined]}
  truth:  {type: TonesFromPasses, in: render.layers}
  train:  {type: TrainUNet, in: {image: passes.Combined, labels: truth}, frames: "1-2", steps: 2, batch: 2, crop: 32, widths: [4, 8]}
  roto:   {type: UNetSegment, in: {image: passes.Combined, model: train}}
  paint:  {type: PaintTones, in: {probabilities: roto.probabilities}, palette: {form_shadow: "#7a3b4b", highlight: "#fff4d6"}}
  comp:   {type: Composite, in: {fg: paint, bg: passes.Combined}}
  gif:    {type: WriteGIF, in: comp, path: "out/flat.gif"}
  png:    {type: WriteFrames, in: comp, path: "out/flat.####.png"}
"""


def shot(folder: Path) -> Path:
    """A folder with the graph and its frames; the times of the frames are those of the originals, as on one file server."""
    (folder / "shot").mkdir(parents=True)
    for frame in range(1, 5):
        shutil.copy2(ROOT / f"examples/shots/torus/render.{frame:04d}.exr", folder / "shot")
    (folder / "graph.yaml").write_text(GRAPH)
    return folder


def environment(**more: str) -> dict[str, str]:
    """The environment of a farm's machine that has this checkout installed."""
    threads = {"OMP_NUM_THREADS": "1"}
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **threads, **more}


def rotonodes(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Call the command line in a folder, as a process of its own."""
    words = [sys.executable, "-m", "rotonodes", *arguments]
    return subprocess.run(words, cwd=folder, env=environment(**more), capture_output=True, text=True, stdin=subprocess.DEVNULL)


def outputs(folder: Path) -> dict[str, bytes]:
    """Every delivered file with its bytes; also hidden ones, of which a killed task may leave none."""
    return {path.name: path.read_bytes() for path in sorted((folder / "out").iterdir())}


@pytest.fixture(scope="session")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a plain run of the graph delivers."""
    folder = shot(tmp_path_factory.mktemp("one") / "machine")
    done = rotonodes(folder, "run", "graph.yaml", "--progress", "plain")
    assert done.returncode == 0, done.stderr
    made = outputs(folder)
    assert sorted(made) == ["flat.0001.png", "flat.0002.png", "flat.0003.png", "flat.0004.png", "flat.gif"]
    return made
