"""Test runs in forks of one process that has imported the large libraries already, which saves seconds for each run."""

from __future__ import annotations

import compileall
import contextlib
import gc
import importlib
import math
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from _pytest.config import default_plugins

LIBRARIES = (
    "torch",
    "torchvision",
    "numpy",
    "PIL.Image",
    "pydantic",
    "networkx",
    "yaml",
    "click",
    "pytest",
    "coverage",
    "tifffile",
)
MEMORY = 12 << 30  # bytes of address space: a change may ask for a picture without end
STALLED = 45  # seconds without a second of work: tests wait for each other, and look now and then
TIMED_OUT = -1
ALWAYS = ("-p", "no:cacheprovider", "-p", "no:xdist", "-W", "ignore::pytest.PytestAssertRewriteWarning")


def warm_up() -> None:
    """Import what most tests import, apart from rotonodes itself. Nothing is computed: threads do not survive a fork."""
    os.environ.update(OMP_NUM_THREADS="1", PYTHONDONTWRITEBYTECODE="1")
    sys.dont_write_bytecode = True
    for name in LIBRARIES:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    with contextlib.suppress(ImportError):
        importlib.import_module("torch").set_num_threads(1)
    for name in default_plugins:
        importlib.import_module(f"_pytest.{name}")
    gc.collect()
    gc.freeze()  # pytest collects garbage twice in each fork: it need not look at the libraries


def keep_bytecode(copy: Path, test_files: Sequence[str]) -> None:
    """Compile the code and the tests of `copy` once, so that a run compiles only what was changed since."""
    compileall.compile_dir(copy / "rotonodes", quiet=1)
    sys.dont_write_bytecode = False
    run_tests(copy, ["--collect-only", "-q", *(f"tests/{name}" for name in test_files)], 600)
    sys.dont_write_bytecode = True


def run_tests(copy: Path, arguments: Sequence[str], seconds: float, plugins: Sequence[object] = (), log: Path | None = None) -> int:
    """pytest in a fork, in the folder `copy` with its own `rotonodes`; its exit status, or TIMED_OUT.

    That is after `seconds` of processor time, or when nothing has moved for `STALLED` seconds: on a busy machine a run may take long.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _be_pytest(copy, [*arguments, *ALWAYS], seconds, plugins, log)
    pause, used = 0.005, 0.0
    looked = moved = time.monotonic()
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if not ended and time.monotonic() > looked + 3:
            looked = time.monotonic()
            if (now := _cpu_seconds(child)) > used + 1:
                moved, used = looked, now
        stalled = time.monotonic() - moved > STALLED
        if ended or stalled:
            # What tests started ends with them.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
            if not ended:
                _, status = os.waitpid(child, 0)
            code = os.waitstatus_to_exitcode(status)
            return TIMED_OUT if stalled or code == -signal.SIGXCPU else code
        time.sleep(pause)
        pause = min(0.1, pause * 1.5)


def _cpu_seconds(group: int) -> float:
    """Processor time of the processes of a group, and of those that they have waited for."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15])) if int(fields[2]) == group else 0
    return ticks / os.sysconf("SC_CLK_TCK")


def _be_pytest(copy: Path, arguments: Sequence[str], seconds: float, plugins: Sequence[object], log: Path | None) -> None:
    """The fork's whole life; never returns."""
    code = 70
    try:
        os.setsid()
        target = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(target, stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(seconds), math.ceil(seconds) + 60))
        os.chdir(copy)
        os.environ["PYTHONPATH"] = str(copy)
        sys.path[:] = [str(copy), *(path for path in sys.path if path not in ("", str(Path(__file__).parent)))]
        sys.argv = ["pytest"]
        import pytest

        with tempfile.TemporaryDirectory() as folder:
            code = int(pytest.main([*arguments, f"--basetemp={folder}/t"], plugins=list(plugins)))
    except BaseException:  # a fork must not return into its parent's code
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
