"""examples/docker/Dockerfile, as far as it can be tried without Docker: what it says, what it copies, and what that makes."""

from __future__ import annotations

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions(path: Path = ROOT / "examples/docker/Dockerfile") -> list[tuple[str, str]]:
    """(word, what follows it) of each instruction; comments are out, continued lines put together."""
    text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line.strip())]


def all_of(word: str) -> list[str]:
    return [rest for found, rest in instructions() if found == word]


def copies() -> list[tuple[str, str]]:
    """(source, target) of what is copied, one by one."""
    return [(source, target) for rest in all_of("COPY") for *sources, target in [rest.split()] for source in sources]


ARGUMENTS = dict(rest.split("=", 1) for rest in all_of("ARG"))


def test_the_base_has_a_python_that_the_project_takes() -> None:
    assert instructions()[:2] == [("ARG", f"BASE={ARGUMENTS['BASE']}"), ("FROM", "${BASE}")]
    image, _, version = ARGUMENTS["BASE"].partition(":")
    assert (image, version.endswith("-slim")) == ("python", True)
    assert version.removesuffix("-slim") in SpecifierSet(PROJECT["requires-python"])


def test_what_is_installed_is_known_to_the_project() -> None:
    torch, own = (command for command in all_of("RUN") if command.startswith("pip install"))
    *options, first, second = torch.split()[2:]
    assert {first, second} <= {Requirement(text).name for text in PROJECT["dependencies"]}
    assert options == ["--no-cache-dir", "--index-url", '"$TORCH"']
    assert own.endswith('"/opt/rotonodes[$EXTRAS]"')
    assert set(ARGUMENTS["EXTRAS"].split(",")) <= set(PROJECT["optional-dependencies"])


def test_all_that_is_copied_is_there_and_is_all_that_is_sent() -> None:
    sources = [source for source, _ in copies()]
    assert all((ROOT / source).exists() for source in sources)
    lines = (ROOT / "examples/docker/Dockerfile.dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(sources)
    assert not {rule.rpartition("/")[2] for rule in rules[1:] if not rule.startswith("!")} & set(sources)


def test_its_commands_are_shell(tmp_path: Path) -> None:
    for command in all_of("RUN"):
        read = subprocess.run(["sh", "-n", "-c", command], capture_output=True, text=True)
        assert (read.returncode, read.stderr) == (0, "")


def test_it_does_not_run_as_root() -> None:
    words = [word for word, _ in instructions()]
    (user,) = all_of("USER")
    assert re.search(rf"useradd .*--uid [1-9]\d* {user}\b", " ".join(all_of("RUN")))
    assert max(i for i, word in enumerate(words) if word in ("RUN", "COPY")) < words.index("USER") < words.index("ENTRYPOINT")
    (folder,) = all_of("WORKDIR")
    assert f"install --directory --owner={user} {folder}" in " ".join(all_of("RUN"))


def test_what_is_copied_makes_the_command(tmp_path: Path) -> None:
    """A wheel of nothing but the copied files holds the entry point, which works without the repository, a home and a terminal."""
    skipped = shutil.ignore_patterns("__pycache__")
    for source, target in copies():
        there = tmp_path / target.lstrip("/")
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, there, ignore=skipped, dirs_exist_ok=True)
        else:
            there.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, there)
    made = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=tmp_path / "opt/rotonodes", capture_output=True, text=True,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
        (entries,) = (archive.read(name).decode() for name in archive.namelist() if name.endswith("entry_points.txt"))
    scripts = configparser.ConfigParser()
    scripts.read_string(entries)
    (program,) = json.loads(all_of("ENTRYPOINT")[0])
    module, _, function = scripts["console_scripts"][program].partition(":")
    code = f"import sys, {module} as own; assert own.__file__.startswith({str(tmp_path)!r}); own.{function}(sys.argv[1:])"
    (tmp_path / "work").mkdir()
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path / "site"), "HOME": "/nowhere"}
    for arguments, shown in ((json.loads(all_of("CMD")[0]), "Usage"), (["nodes", "Crop"], "Cut a rectangle")):
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=tmp_path / "work", env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert shown in done.stdout
