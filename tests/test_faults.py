"""Faults of the machine during a run: a full disk, folders that vanish, dead writers. Nothing half-written, and no false success."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from conftest import Call
from rotonodes import Graph
from rotonodes.errors import FrameError, RetryError
from rotonodes.io import files, psd
from rotonodes.io.pictures import DEPTHS, read_key, write_image
from rotonodes.node.annotations import Frame
from rotonodes.node.base import Node
from rotonodes.node.parameters import param
from rotonodes.nodes import WriteFrames, WriteGIF
from rotonodes.values.pixels import Image

NOISE = Image(torch.rand(3, 400, 600, generator=torch.Generator().manual_seed(1)))


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A real file system of 200 kB."""
    folder = tmp_path_factory.mktemp("disk")
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root may mount a small disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("name", [*(f"a{ending}" for ending in DEPTHS), "a.gif", "a.psd", "a.bin"])
def test_a_full_disk_leaves_nothing_under_the_name(small_disk: Path, name: str) -> None:
    path = small_disk / name
    with pytest.raises(RetryError, match="disk full while writing"):
        if name == "a.gif":
            WriteGIF(path=str(path))([NOISE] * 3)
        elif name == "a.psd":
            psd.write_psd(path, [psd.PsdLayer("a", torch.randint(0, 255, (300, 400, 4), dtype=torch.uint8).numpy())], (400, 300))
        elif name == "a.bin":
            files.write_bytes(path, os.urandom(300_000))
        else:
            write_image(path, NOISE, depth="8" if "8" in DEPTHS[path.suffix] else None, quality=100, key="k")
    assert os.listdir(small_disk) == []


def test_a_limit_on_the_size_of_files_is_one_line(tmp_path: Path) -> None:
    """The system takes a part of the bytes and refuses the rest, as a disk does that fills."""
    code = (
        "import resource, sys, torch\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "from rotonodes.errors import RotoError\nfrom rotonodes.io.pictures import DEPTHS, write_image\n"
        "from rotonodes.values.pixels import Image\n"
        "for ending in DEPTHS:\n"
        "    try:\n        write_image(sys.argv[1] + ending, Image(torch.rand(3, 300, 400)), key='k')\n"
        "    except RotoError as error:\n        print(error)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[1], check=True)
    assert done.stdout.count("\n") == done.stdout.count("cannot write") == len(DEPTHS), (done.stdout, done.stderr)
    assert os.listdir(tmp_path) == []


class FaultSwatch(Node):
    """A grey picture; at one frame it does something to a path first."""

    bad: int = param(0, help="the frame")
    path: str = param("", help="the path", pixels=False)
    does: str = param("remove", help="remove, foreign or memory", pixels=False)

    def process(self, frame: Frame) -> Image:
        if frame == self.bad and self.does == "remove":
            shutil.rmtree(self.path)
        elif frame == self.bad and self.does == "foreign":
            write_image(self.path, Image(torch.ones(3, 2, 2)), key="f0" * 32)
        return Image(torch.full((3, 4, 4), frame / 10))


def faulty(tmp_path: Path, frames: str = "1-9", **options: object) -> Graph:
    graph = Graph(frames=frames)
    graph.add(WriteFrames(path=str(tmp_path / "out/s.####.png")), image=graph.add(FaultSwatch(**options)))
    return graph


def test_files_that_are_gone_are_told_in_their_order(tmp_path: Path) -> None:
    result = faulty(tmp_path, "28-37", bad=36, path=str(tmp_path / "out")).run(threads=1, cache="none")
    frames = [failure.frame for failure in result.failures]
    assert frames == sorted(frames) and len(frames) > 5


def test_an_output_folder_that_is_removed_meanwhile(tmp_path: Path) -> None:
    result = faulty(tmp_path, bad=6, path=str(tmp_path / "out")).run(threads=1, cache="none")
    there = {int(path.name.split(".")[1]) for path in (tmp_path / "out").glob("s.*.png")}
    assert there and len(there) < 9
    assert (result.exit_code, set(result.missing)) == (1, {*range(1, 10)} - there)
    assert all("was written and is gone" in failure.reason for failure in result.failures)
    assert faulty(tmp_path, bad=0).run(cache="none").exit_code == 0
    assert len(list((tmp_path / "out").iterdir())) == 9


def test_an_output_that_another_run_replaced(tmp_path: Path) -> None:
    result = faulty(tmp_path, bad=6, path=str(tmp_path / "out/s.0002.png"), does="foreign").run(threads=1, cache="none")
    assert (result.exit_code, result.missing) == (1, (2,))
    assert "replaced by another run" in result.failures[0].reason


def test_unfinished_files_of_dead_processes_are_swept(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom rotonodes.io.files import atomic_write\n"
        "with atomic_write(sys.argv[1]) as hidden:\n    hidden.write_bytes(b'half')\n    print('there', flush=True)\n    time.sleep(60)\n"
    )
    (tmp_path / "out").mkdir()
    (tmp_path / "out/.mine.png").write_bytes(b"a hidden file of somebody else")
    command = [sys.executable, "-c", code, str(tmp_path / "out/s.0001.png")]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None and process.stdout.readline() == b"there\n"
        assert len(os.listdir(tmp_path / "out")) == 2
        assert files.sweep(tmp_path / "out") == 0, "its process is alive"
        process.kill()
        process.wait()
    assert len(os.listdir(tmp_path / "out")) == 2
    assert faulty(tmp_path).run(cache="none").exit_code == 0
    assert sorted(os.listdir(tmp_path / "out")) == [".mine.png", *(f"s.{frame:04d}.png" for frame in range(1, 10))]


def test_a_sweep_never_takes_a_file_that_is_being_written(tmp_path: Path) -> None:
    """A thread sweeps all the time while others write: no write fails."""
    over = threading.Event()

    def sweep() -> None:
        while not over.is_set():
            files.sweep(tmp_path)

    sweeper = threading.Thread(target=sweep)
    sweeper.start()
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(sweeper.join)
        stack.callback(over.set)
        for number in range(300):
            files.write_bytes(tmp_path / f"{number}.bin", b"x" * 100)
    assert len(os.listdir(tmp_path)) == 300


def test_two_processes_that_write_one_file_leave_a_key_that_is_true(tmp_path: Path) -> None:
    """Row N: 300 rounds of two processes that write different pictures under one name."""
    code = (
        "import sys, torch\nfrom rotonodes.io.pictures import write_image\nfrom rotonodes.values.pixels import Image\n"
        "value, key = float(sys.argv[2]), sys.argv[3] * 64\n"
        "for line in sys.stdin:\n    write_image(sys.argv[1], Image(torch.full((3, 8, 8), value)), key=key)\n"
        "    print('done', flush=True)\n"
    )
    path, rounds, wrong, known = tmp_path / "a.bmp", 100, 0, 0
    from rotonodes.io.pictures import read_image

    with contextlib.ExitStack() as stack:
        pair = []
        for value, key in (("0", "a"), ("1", "b")):
            command = [sys.executable, "-c", code, str(path), value, key]
            pair.append(
                stack.enter_context(
                    subprocess.Popen(
                        command, cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
                    )
                )
            )
            stack.callback(pair[-1].kill)
        for _ in range(rounds):
            for process in pair:
                assert process.stdin is not None
                process.stdin.write("go\n")
            for process in pair:
                assert process.stdout is not None and process.stdout.readline() == "done\n"
            key, white = read_key(path), float(read_image(path).data.max()) > 0.5
            known += key is not None
            wrong += key is not None and (key[0] == "b") != white
    assert (wrong, known > 0) == (0, True)


def test_too_many_open_files_is_one_line(swatches: Call) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert swatches("run", "--cache", "none").code == 0  # everything is imported
    os.close(free := os.dup(0))
    codes = []
    for more in range(6):
        resource.setrlimit(resource.RLIMIT_NOFILE, (free + more, hard))
        try:
            ended = swatches("run", "--cache", "none", "--force")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        codes.append(ended.code)
        assert "Traceback" not in ended.err and "internal" not in ended.err, ended.err
        assert ("too many open files" in ended.err) == bool(ended.code), ended.err
    assert codes[0] and set(codes) <= {0, 1, 2, 75}
    assert swatches("run", "--cache", "none").code == 0


def test_a_folder_that_vanishes_while_a_file_is_written(tmp_path: Path) -> None:
    with pytest.raises(FrameError, match="its folder was removed meanwhile"), files.atomic_write(tmp_path / "out/a.png") as hidden:
        hidden.write_bytes(b"half")
        shutil.rmtree(tmp_path / "out")


def test_a_folder_that_another_writer_takes_away_while_it_is_empty(tmp_path: Path) -> None:
    """A training tests its folder and leaves nothing behind; a writer that has just found the folder there makes it again."""
    over = threading.Event()

    def take_away() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                (tmp_path / "out").rmdir()
            time.sleep(1e-4)  # another thread's turn: a writer cannot win against one that does nothing else

    thread = threading.Thread(target=take_away)
    thread.start()
    try:
        for _ in range(200):
            files.write_bytes(tmp_path / "out/a.bin", b"x")
            (tmp_path / "out/a.bin").unlink()
    finally:
        over.set()
        thread.join()
