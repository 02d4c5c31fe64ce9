"""Files as wholes: never half written, fingerprints, sidecars."""

import errno
import os

import pytest

from rotonodes.errors import FrameError, RetryError, UsageError
from rotonodes.io import files


def test_atomic_write_makes_folders_and_keeps_the_extension(tmp_path):
    target = tmp_path / "a" / "b" / "x.0001.png"
    with files.atomic_write(target) as hidden:
        assert hidden.parent == target.parent and hidden.suffix == ".png" and hidden.name.startswith(".")
        hidden.write_bytes(b"whole")
        assert not target.exists()
    assert target.read_bytes() == b"whole" and os.listdir(target.parent) == ["x.0001.png"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "x.png"
    target.write_bytes(b"old")
    with pytest.raises(error), files.atomic_write(target) as hidden:
        hidden.write_bytes(b"half")
        raise error
    assert target.read_bytes() == b"old" and os.listdir(tmp_path) == ["x.png"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [(errno.ENOSPC, RetryError), (errno.EDQUOT, RetryError), (errno.ESTALE, RetryError), (errno.EACCES, UsageError)],
)
def test_what_a_failed_write_means(tmp_path, code, kind):
    with pytest.raises(kind, match=r"x\.png"), files.atomic_write(tmp_path / "x.png"):
        raise OSError(code, os.strerror(code))
    assert os.listdir(tmp_path) == []


def test_unfinished_files_can_be_removed_from_another_thread(tmp_path):
    with pytest.raises(FrameError, match=r"cannot write .*x\.png"), files.atomic_write(tmp_path / "x.png") as hidden:
        hidden.write_bytes(b"half")
        files.discard_unfinished()
        assert os.listdir(tmp_path) == []
    files.discard_unfinished()


def test_a_disk_that_is_full_is_worth_a_later_try():
    error = files.write_error("x.png", OSError(errno.ENOSPC, "No space left on device"))
    assert error.exit_code == 75 and "disk full while writing x.png" in str(error)


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "out").write_bytes(b"")
    with pytest.raises(UsageError, match="cannot write"):
        files.write_bytes(tmp_path / "out" / "x.png", b"")


def test_files_are_readable_by_others_as_the_umask_says(tmp_path):
    old = os.umask(0o022)
    try:
        files.write_bytes(tmp_path / "x", b"")
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o644


def test_fingerprints_follow_size_and_time_or_content(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    before, content = files.fingerprint(path), files.fingerprint(path, content=True)
    os.utime(path, ns=(1, 1))
    assert files.fingerprint(path) == (3, 1) != before
    assert files.fingerprint(path, content=True) == content
    path.write_bytes(b"abd")
    assert files.fingerprint(path, content=True) != content
    with pytest.raises(FrameError, match="no such file"):
        files.fingerprint(tmp_path / "none")


def test_a_sidecar_speaks_only_for_the_file_it_was_written_for(tmp_path):
    path = tmp_path / "x.mp4"
    path.write_bytes(b"12345")
    assert files.read_sidecar(path) is None
    files.write_sidecar(path, "k")
    assert files.sidecar_path(path).name == ".x.mp4.key" and files.read_sidecar(path) == "k"
    path.write_bytes(b"123")
    assert files.read_sidecar(path) is None
    files.sidecar_path(path).write_bytes(b"[]")
    assert files.read_sidecar(path) is None


def test_the_bytes_are_on_the_disk_before_the_name_is(tmp_path, monkeypatch):
    """Renamed first, a file could be whole by name and empty by content after a power cut."""
    happened = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (happened.append(("fsync", os.fstat(descriptor).st_size)), sync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda source, target: (happened.append(("rename", 0)), replace(source, target)))
    files.write_bytes(tmp_path / "x.bin", b"12345")
    assert happened == [("fsync", 5), ("rename", 0)]


@pytest.mark.parametrize("error", [ValueError("odd\nthings"), KeyError("IHDR"), MemoryError(), AttributeError()])
def test_whatever_a_decoder_raises_is_one_line(error):
    with pytest.raises(FrameError) as caught, files.decoding("a.png", "PNG"):
        raise error
    assert str(caught.value).startswith("a.png: ") and "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="my own"), files.decoding("a.png", "PNG"):
        raise UsageError("my own")
