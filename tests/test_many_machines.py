"""One folder and one cache for many machines: nothing relies on locks that a file server does not pass on."""

import os
import subprocess
import sys
import time
from pathlib import Path

from rotonodes.io import files
from rotonodes.plan.cache import Cache

ROOT = Path(__file__).parent.parent
# A process that takes itself for another machine, and whose locks nobody else sees.
ELSEWHERE = """
import sys
from rotonodes.io import files
files.this_machine = lambda: sys.argv[1]
files.fcntl.flock = lambda *_: None
"""
WRITE = (
    ELSEWHERE
    + """
import time
with files.atomic_write(sys.argv[2]) as hidden:
    hidden.write_bytes(b"half")
    print("there", flush=True)
    sys.stdin.readline()
    hidden.write_bytes(b"whole")
"""
)
STORE = (
    ELSEWHERE
    + """
import torch
from rotonodes.plan.cache import Cache
from rotonodes.values.pixels import Image
cache = Cache(sys.argv[2])
value = Image(torch.arange(3 * 64 * 64.0).reshape(3, 64, 64))
for number in range(60):
    cache.sweep()
    cache.store(f"{number:064x}", {"image": value})
    loaded = cache.load(f"{number:064x}", ["image"], {})
    assert loaded is not None and torch.equal(loaded["image"].data, value.data)
assert not cache.removed
"""
)


def start(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_file_that_another_machine_writes_is_not_swept(tmp_path: Path) -> None:
    with start(WRITE, "0badcafe", str(tmp_path / "a.bin")) as process:
        assert process.stdout is not None and process.stdout.readline() == b"there\n"
        assert files.sweep(tmp_path) == 0, "its lock is not seen here"
        _, errors = process.communicate(b"\n")
        assert process.returncode == 0, errors
    assert (tmp_path / "a.bin").read_bytes() == b"whole"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_what_another_machine_has_left_is_swept_after_a_day(tmp_path: Path) -> None:
    hidden = tmp_path / ".a.rotonodes-0badcafe12345678.bin"
    earlier = tmp_path / ".a.rotonodes-12345678.bin"  # as they were named before
    for path in (hidden, earlier):
        path.write_bytes(b"half")
    assert files.sweep(tmp_path) == 0
    day = 24 * 3600
    os.utime(hidden, (time.time() - day - 60,) * 2)
    os.utime(earlier, (time.time() - day + 60,) * 2)
    assert files.sweep(tmp_path) == 1
    assert os.listdir(tmp_path) == [earlier.name]


def test_two_machines_that_make_the_same_keys_at_once_leave_one_whole_entry_each(tmp_path: Path) -> None:
    both = [start(STORE, machine, str(tmp_path)) for machine in ("0badcafe", "5eaf00d5")]
    for process in both:
        _, errors = process.communicate()
        assert process.returncode == 0, errors
    cache = Cache(tmp_path)
    assert all(cache.has_sound(f"{number:064x}", ["image"]) for number in range(60))
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == sorted(f"{number:064x}.image" for number in range(60))


def test_the_name_of_an_unfinished_file_names_no_machine() -> None:
    import socket

    assert len(files.this_machine()) == 8
    assert socket.gethostname() not in files.hidden_name(Path("a.png")).name
