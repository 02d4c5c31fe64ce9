"""Graphs for every engine: a small network is trained, segments a clip, and its tones become PNGs and a GIF; and slow pictures."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
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


PATIENT_NODES = '''
import os, time
from pathlib import Path
from rotonodes import Frame, Image, Node, param
from rotonodes.errors import RetryError


class Patient(Node):
    """A picture that takes its time, waits for a file to go, or cannot be made as long as it is there."""

    seconds: float = param(0.0, help="how long a frame takes", unit="s", pixels=False)
    waits_for: str = param("", help="file that must be gone before later frames than the first are made", pixels=False)
    while_there: str = param("", help="file that must be gone", pixels=False)
    fails_times: int = param(0, help="how often each frame fails before it is made", pixels=False)

    def process(self, frame: Frame) -> Image:
        import torch

        with open(f"started.{frame}", "a") as file:
            file.write(f"{os.environ.get('SLURMD_NODENAME')} {os.getpid()} {os.getppid()}\\n")
        tried = len(Path(f"started.{frame}").read_text().splitlines())
        if tried <= self.fails_times:
            raise RetryError("the file server is away")
        time.sleep(self.seconds)
        while frame > 1 and self.waits_for and Path(self.waits_for).exists():
            time.sleep(0.1)
        if self.while_there and Path(self.while_there).exists():
            raise RetryError("the file server is away")
        return Image(torch.full((3, 4, 4), frame / 10))
'''
PATIENT_GRAPH = """
rotonodes: 1
frames: 1-4
nodes:
  patient: {type: Patient}
  png:     {type: WriteFrames, in: patient, path: "out/s.####.png"}
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


def until(true: Callable[[], object], what: str, why: Callable[[], str] = str) -> None:
    """Wait until something is true; a farm has all the time it needs, a test that hangs has not, and says `why`."""
    for _ in range(3000):
        if true():
            return
        time.sleep(0.2)
    raise AssertionError(f"never {what}\n{why()}")


# A whole clip behind frames that are delivered, so that frames can fail.
FILES = """
rotonodes: 1
frames: 1-4
nodes:
  load: {type: LoadFrames, path: "in.####.png"}
  png:  {type: WriteFrames, in: load, path: "out/s.####.png"}
  roto: {type: UNetSegment, in: load, weights: weights/tones.safetensors}
  gif:  {type: WriteGIF, in: roto.labels, path: "out/s.gif"}
"""


_one_machine: dict[str, bytes] = {}


@pytest.fixture(scope="session")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a plain run of the graph delivers; run once for all modules, each of which imports this fixture.

    On one core, as a task of a farm has by default: a training's sums, in their last digit, depend on the number of cores.
    """
    if _one_machine:
        return _one_machine
    folder = shot(tmp_path_factory.mktemp("one") / "machine")
    done = rotonodes(folder, "run", "graph.yaml", "--threads", "1", "--progress", "plain")
    assert done.returncode == 0, done.stderr
    made = outputs(folder)
    assert sorted(made) == ["flat.0001.png", "flat.0002.png", "flat.0003.png", "flat.0004.png", "flat.gif"]
    _one_machine.update(made)
    return made
