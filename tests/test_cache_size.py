"""The cache stays below a limit, says how large it is, and finds what is damaged in it; nothing else in its folder is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from conftest import Call
from rotonodes.errors import UsageError
from rotonodes.plan.cache import Cache
from rotonodes.plan.cache_entries import damaged_entries, entries, parse_size, prune, size_limit
from rotonodes.values.pixels import Matte

PICTURE = Matte(torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(1)))


def key(number: int) -> str:
    return f"{number:064x}"[::-1]


def stored(folder: Path, count: int) -> Cache:
    """A cache with `count` entries of 16 kB, the first used longest ago."""
    cache = Cache(folder)
    for number in range(count):
        cache.store(key(number), {"matte": PICTURE})
        os.utime(cache.path(key(number), "matte"), (number, number))
    return cache


def test_the_oldest_go_first_and_what_is_used_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = stored(tmp_path, 8)
    assert cache.load(key(0), ["matte"], {}) is not None  # used now
    monkeypatch.setenv("ROTONODES_CACHE_SIZE", "70K")
    cache.store(key(8), {"matte": PICTURE})
    assert {number for number in range(9) if cache.has(key(number), ["matte"])} == {0, 6, 7, 8}


def test_no_more_is_removed_than_is_asked_for(tmp_path: Path) -> None:
    stored(tmp_path, 5)
    size = next(entries(tmp_path)).size
    assert prune(tmp_path, 5 * size) == (0, 0)
    assert prune(tmp_path, 3 * size) == (2, 2 * size)
    assert prune(tmp_path, 2 * size + 1) == (1, size), "one byte too many takes a whole entry"
    assert [entry.used // 10**9 for entry in sorted(entries(tmp_path))] == [3, 4], "the last ones used are there"
    assert prune(tmp_path, 0) == (2, 2 * size)


def test_every_damaged_entry_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(tmp_path, 5)
    paths = sorted(entry.path for entry in entries(tmp_path))
    for path, data in ((paths[1], b""), (paths[3], paths[3].read_bytes()[:-1])):
        path.write_bytes(data)
    count, damaged = damaged_entries(tmp_path)
    assert (count, sorted(damaged)) == (5, [paths[1], paths[3]])
    listed = list(entries(tmp_path))
    monkeypatch.setattr("rotonodes.plan.cache_entries.entries", lambda _: iter(listed))
    listed[0].path.unlink()  # by another process, after the folder was listed
    assert len(damaged_entries(tmp_path)[1]) == len({paths[1], paths[3]} - {listed[0].path})


def test_the_commands(call: Call, tmp_path: Path) -> None:
    stored(tmp_path / ".rotonodes", 6)
    (tmp_path / ".rotonodes/notes.txt").write_text("mine")
    (tmp_path / ".rotonodes/ab").mkdir(exist_ok=True)
    (tmp_path / ".rotonodes/ab/photo.png").write_text("mine too")
    assert call("cache", "where").out == ".rotonodes\n"
    assert call("cache", "size").out.startswith("0.1 MB in 6 entries; the limit is 10.0 GB")
    assert call("cache", "verify").out == "6 entries, 0 damaged\n"
    path = next(entries(tmp_path / ".rotonodes")).path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    ended = call("cache", "verify", "--cache", ".rotonodes")
    assert (ended.code, ended.out) == (1, "6 entries, 1 damaged (removed)\n")
    assert call("cache", "prune", "--to", "40K").out.startswith("removed 3 entries")
    assert call("cache", "clear").out.startswith("removed 2 entries")
    assert call("cache", "size").out.startswith("0.0 MB in 0 entries")
    left = sorted(path.name for path in (tmp_path / ".rotonodes").rglob("*") if path.is_file())
    assert left == ["notes.txt", "photo.png"]


def test_what_the_commands_refuse(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no such folder" in call("cache", "size", "--cache", "nowhere").err
    ended = call("cache", "prune", "--to", "a lot")
    assert (ended.code, "give a size, as 500M or 10G" in ended.err) == (2, True)
    assert (parse_size("1.5 GB", "x"), parse_size("7", "x"), parse_size("2kib", "x")) == (3 << 29, 7, 2048)
    monkeypatch.setenv("ROTONODES_CACHE_SIZE", "-1")
    with pytest.raises(UsageError, match="ROTONODES_CACHE_SIZE"):
        size_limit()
