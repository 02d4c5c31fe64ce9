"""`--isolate-readers`: what is read is the same, and a decoder that crashes costs one frame."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from conftest import Call
from rotonodes import Graph
from rotonodes.engine import transport
from rotonodes.engine.readers import Readers
from rotonodes.errors import FrameError
from rotonodes.io.exr import write_exr
from rotonodes.io.png import write_png
from rotonodes.node.annotations import Frame, Monitor
from rotonodes.node.base import Node
from rotonodes.node.parameters import InputPath, param
from rotonodes.nodes import LoadFrames, LoadMovie, WriteFrames
from rotonodes.plan.make_plan import make_plan
from rotonodes.values.frames import FilePattern
from rotonodes.values.pixels import Box, Encoded, Image, Labels, Layers, Matte

ROOT = Path(__file__).parents[1]


class CrashingRead(Node):
    """Frames of `crash` take the process with them; of `fail` have an error of their own."""

    path: InputPath = param(help="the files")
    crash: list[int] = param([], help="frames")
    once: bool = param(False, help="crash only the first time")
    on_listing: bool = param(False, help="crash while frames are listed")

    def reads(self, frame: int | None) -> tuple[str, ...]:
        return (FilePattern(self.path).path(frame),)

    def available(self) -> tuple[int, ...]:
        if self.on_listing:
            ctypes.string_at(0)
        return FilePattern(self.path).on_disk()

    def process(self, frame: Frame, monitor: Monitor) -> Image:
        (path,) = self.reads(frame)
        if frame in self.crash and not (self.once and os.path.exists(f"{path}.tried")):
            Path(f"{path}.tried").touch()
            ctypes.string_at(0)
        if frame == 9:
            raise FrameError(f"{path}: damaged")
        monitor.warn("seen")
        return Image(torch.full((3, 2, 2), float(frame)))


class Ends(NamedTuple):
    code: int
    failures: list[tuple[str, int | None, str]]
    files: dict[str, bytes]


def ends(folder: Path, node: Node, frames: str = "1-5", **options: Any) -> Ends:
    graph = Graph(frames=frames)
    graph.add(WriteFrames(path="out/a.####.exr"), "write", image=graph.add(node, "read"))
    result = graph.run(root=str(folder), cache="none", on_error="continue", threads=2, **options)
    files = {path.name: path.read_bytes() for path in sorted((folder / "out").glob("*.exr"))}
    shutil.rmtree(folder / "out", ignore_errors=True)
    return Ends(result.exit_code, [(failure.node, failure.frame, failure.reason) for failure in result.failures], files)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for frame in range(1, 10):
        (tmp_path / f"a.{frame:04d}.bin").write_bytes(b"x")
    return tmp_path


def test_a_crash_is_one_failed_frame(folder: Path) -> None:
    whole = ends(folder, CrashingRead(path="a.####.bin"))
    found = ends(folder, CrashingRead(path="a.####.bin", crash=[2, 4]), isolate_readers=True)
    text = "{}: its decoder crashed (SIGSEGV): the file is damaged; render the frame again"
    assert found.code == 1 and sorted(found.failures) == [("read", f, text.format(folder / f"a.{f:04d}.bin")) for f in (2, 4)]
    assert set(found.files) == {"a.0001.exr", "a.0003.exr", "a.0005.exr"}
    assert whole.code == 0 and len(whole.files) == 5


def test_what_ends_a_helper_otherwise_is_tried_again(folder: Path) -> None:
    found = ends(folder, CrashingRead(path="a.####.bin", crash=[3], once=True), isolate_readers=True)
    assert (found.code, found.failures, len(found.files)) == (0, [], 5)


def test_errors_and_warnings_are_those_of_the_node(folder: Path) -> None:
    inside, apart = (ends(folder, CrashingRead(path="a.####.bin"), "8-9", isolate_readers=isolate) for isolate in (False, True))
    assert inside.failures == apart.failures == [("read", 9, f"{folder / 'a.0009.bin'}: damaged")]
    assert list(inside.files) == list(apart.files) == ["a.0008.exr"]


class PrintingRead(CrashingRead):
    """As C libraries do, it writes to the descriptors of the terminal."""

    def process(self, frame: Frame, monitor: Monitor) -> Image:
        for descriptor in (1, 2):
            os.write(descriptor, b"noise of a decoder")
        return super().process(frame, monitor)


def test_what_decoders_print_is_not_for_the_terminal(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert ends(folder, PrintingRead(path="a.####.bin"), "1-3", isolate_readers=True).code == 0
    told = capfd.readouterr()
    assert "noise" not in told.out + told.err
    ends(folder, PrintingRead(path="a.####.bin"), "1-1")
    told = capfd.readouterr()
    assert "noise" in told.out and "noise" in told.err


def test_a_crash_while_frames_are_listed_is_an_error_of_one_line(folder: Path) -> None:
    with pytest.raises(FrameError, match=r"^a decoder crashed \(SIGSEGV\) while the headers of the input files were read"):
        ends(folder, CrashingRead(path="a.####.bin", on_listing=True), "auto", isolate_readers=True)


def test_files_of_every_kind_are_read_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for frame in (1, 2):
        write_png(tmp_path / f"a.{frame:04d}.png", rng.integers(0, 65535, (5, 7, 4)).astype(np.uint16))
        write_exr(tmp_path / f"b.{frame:04d}.exr", Image(torch.rand(4, 5, 7), origin=(-1, 2), size=(9, 9)), key="k")
    movie = LoadMovie(path=str(ROOT / "examples/tea.gif"))
    sources: list[Node] = [LoadFrames(path="a.####.png"), LoadFrames(path="b.####.exr"), movie]
    for source in sources:
        inside, apart = (ends(tmp_path, source, "1-2", isolate_readers=isolate) for isolate in (False, True))
        assert inside == apart and inside.code == 0 and len(inside.files) == 2


def test_helpers_end_with_the_run_and_nothing_is_left(folder: Path) -> None:
    graph = Graph(frames="1-2")
    graph.add(CrashingRead(path="a.####.bin"), "read")
    readers = Readers(make_plan(graph, root=str(folder), cache="none"), 2)
    value = readers.read("read", 2, ["image"], "", Monitor())["image"]
    assert torch.equal(value.data, torch.full((3, 2, 2), 2.0))
    guards = [slot.pid for slot in readers._slots]
    readers.close()
    for pid in guards:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_the_command(call: Call, tmp_path: Path) -> None:
    for frame in (1, 2, 3):
        write_png(tmp_path / f"a.{frame:04d}.png", np.full((4, 4, 3), 9 * frame, np.uint8))
    (tmp_path / "a.0002.png").write_bytes(b"\x89PNG\r\n\x1a\nnot a picture")
    nodes = '  p: {type: LoadFrames, path: "a.####.png"}\n  w: {type: WriteFrames, in: p, path: "o.####.png"}\n'
    (tmp_path / "g.yaml").write_text("rotonodes: 1\nframes: 1-3\nnodes:\n" + nodes)
    ended = call("run", "g.yaml", "--isolate-readers", "--on-error", "continue")
    assert ended.code == 1 and "a.0002.png" in ended.err and "Traceback" not in ended.err
    assert sorted(path.name for path in tmp_path.glob("o.*.png")) == ["o.0001.png", "o.0003.png"]
    assert "--isolate-readers" in ended.err, "the command to go on has the same options"


# Values as bytes.

SAMPLES = np.arange(24, dtype=np.float16).reshape(2, 3, 4)
VALUES: list[Any] = [
    None, True, 3, -1.5, float("inf"), "text", b"\x00bytes", [1, (2, [3])], {"a": 1, 2: "b"},
    np.float32(1.5), SAMPLES[:, ::2], np.zeros((0, 3)), torch.arange(6, dtype=torch.uint8).reshape(2, 3).T, Box(1, -2, 3, 4),
    Image(torch.rand(3, 2, 4), origin=(1, 2), size=(9, 9), metadata={"fps": (24, 1), "m": np.eye(4)}, encoded=Encoded(SAMPLES, "srgb")),
    Labels(torch.zeros(2, 2, dtype=torch.uint8), ("a", "b"), ("#000000", "#ffffff")), Matte(torch.rand(1, 2, 2)),
    Layers({"A.R": SAMPLES[0]}, Box(0, 0, 4, 3), (4, 3), {"k": "v"}, {"A.R": "part"}, "p.exr", {"A": "left"}),
]  # fmt: skip


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor | np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())
    if hasattr(one, "__dataclass_fields__"):
        return type(one) is type(other) and all(same(getattr(one, f), getattr(other, f)) for f in one.__dataclass_fields__)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return type(one) is type(other) and len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert same(transport.unpack(transport.pack(value), {}), value)


def test_numbers_of_other_classes_come_back_as_plain_ones() -> None:
    """An enumeration's, or a float with methods of its own, as libraries have them."""

    class Level(float):
        pass

    found = transport.unpack(transport.pack([signal.SIGINT, Level(2.75), {signal.SIGTERM: Level(-0.5)}]), {})
    assert same(found, [2, 2.75, {15: -0.5}])


def test_what_cannot_be_passed_on_is_said() -> None:
    with pytest.raises(TypeError, match="a PosixPath cannot be passed on"):
        transport.pack(Path("a"))


@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 40))
def test_foreign_bytes_are_no_message(at: int, byte: int, cut: int) -> None:
    """A helper that a hostile file has taken over can answer with other pixels, but with nothing else."""
    data = bytearray(transport.pack(VALUES[14]))
    data[at % len(data)] = byte
    with contextlib.suppress(ValueError):
        transport.unpack(bytes(data[: len(data) - cut]), {})


def test_signals_of_the_terminal_are_not_for_the_helpers(folder: Path) -> None:
    graph = Graph(frames="1-2")
    graph.add(CrashingRead(path="a.####.bin"), "read")
    readers = Readers(make_plan(graph, root=str(folder), cache="none"), 1)
    try:
        os.kill(readers._slots[0].pid, signal.SIGINT)
        assert readers.read("read", 1, ["image"], "", Monitor())["image"].size == (2, 2)
    finally:
        readers.close()
