"""What tests of several modules share: a few sample nodes, and the command line called in this process."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from rotonodes.cli import main as cli

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# A test asserts no time: on a busy machine an example takes as long as it takes.
hypothesis.settings.register_profile("rotonodes", deadline=None)
hypothesis.settings.load_profile("rotonodes")

# A folder of sample files that are too large for the repository; tests of them are skipped where it is not given.
SAMPLES = Path(os.environ.get("ROTONODES_SAMPLES") or "samples")
NO_SAMPLES = "the sample files are not here: ROTONODES_SAMPLES names their folder"

SAMPLE_NODES = '''
"""Nodes for tests: a source that can fail or take its time, and one that says how far it is."""
import time
from pathlib import Path

from rotonodes.errors import FrameError, Interrupted
from rotonodes import Clip, Frame, Image, Key, Monitor, Node, OutputPath, param


class Swatch(Node):
    """A picture of one colour that depends on the frame."""

    value: float = param(0.5, help="the colour", ge=0, unit="linear")
    side: int = param(4, help="width and height", ge=1, unit="px")
    bad: list[int] = param([], help="frames that fail")
    crash: bool = param(False, help="fail in a way nobody foresaw")
    seconds: float = param(0.0, help="how long a frame takes", unit="s", pixels=False)

    def process(self, frame: Frame) -> Image:
        import torch

        time.sleep(self.seconds)
        if frame in self.bad:
            raise FrameError(f"cannot read swatch.{frame:04d}.png: no such file")
        if self.crash:
            raise ZeroDivisionError("nobody foresaw this")
        return Image(torch.full((3, self.side, self.side), self.value * frame / 10))


class Average(Node):
    """A long node: it tells of its progress, and stops when it is asked to."""

    path: OutputPath = param(help="where the mean is written", pixels=False)
    seconds: float = param(0.0, help="how long each step takes", unit="s", pixels=False)

    def writes(self, frame: int | None) -> tuple[str, ...]:
        return (self.path,)

    def process(self, image: Clip[Image], key: Key, monitor: Monitor) -> Path:
        from rotonodes.io.files import write_bytes, write_sidecar

        total = 0.0
        for number, picture in enumerate(image, 1):
            total += float(picture.data.mean())
            time.sleep(self.seconds)
            monitor.progress(number, len(image), f"mean {total / number:.3f}")
            if monitor.stopping():
                raise Interrupted("stopped half way")
        write_bytes(self.path, str(total).encode())
        write_sidecar(self.path, key)
        return Path(self.path)
'''


@dataclass
class Outcome:
    """How a call of the command line ended."""

    code: int
    out: str
    err: str


Call = Callable[..., Outcome]


def picture_contents(folder: Path) -> dict[str, bytes]:
    """Every picture in a folder, its mode and samples; not the keys, which tell how it was made."""
    import PIL.Image

    found = {}
    for file in sorted(folder.iterdir()):
        if not file.name.startswith("."):
            with PIL.Image.open(file) as picture:
                found[file.name] = picture.mode.encode() + picture.tobytes()
    return found


@pytest.fixture(scope="session")
def sample_nodes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file for `--nodes`; one for the whole session, since two files may not define one node."""
    path = tmp_path_factory.mktemp("nodes") / "sample_nodes.py"
    path.write_text(SAMPLE_NODES)
    return str(path)


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call the command line in an empty folder: `call("check", "graph.yaml").code`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENJD_SESSION_WORKING_DIR", raising=False)
    monkeypatch.setattr("sys.argv", ["rotonodes"])

    def run(*arguments: str) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main(list(arguments))
        said = capsys.readouterr()
        return Outcome(int(end.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def swatches(tmp_path: Path, sample_nodes: str, call: Call) -> Call:
    """`call` with a graph of sample nodes: `swatches("run", "-F", "1-4")` writes `out/s.####.png` and `out/mean.txt`."""
    (tmp_path / "graph.yaml").write_text(
        "rotonodes: 1\n"
        "frames: 1-6\n"
        "vars: {value: 0.5}\n"
        "nodes:\n"
        "  swatch: {type: Swatch, value: $value}\n"
        '  png:    {type: WriteFrames, in: swatch, path: "out/s.####.png"}\n'
        "  mean:   {type: Average, in: swatch, path: out/mean.txt}\n"
    )
    return lambda command, *arguments: call(command, "graph.yaml", *arguments, "--nodes", sample_nodes)
