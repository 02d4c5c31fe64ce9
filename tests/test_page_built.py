"""The built files of the live page come from its sources, hold nothing of other hosts, and are in the wheel."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FRONT, STATIC = ROOT / "rotonodes/page/front", ROOT / "rotonodes/page/static"
BUILT = json.loads((STATIC / "built.json").read_text())
AGAIN = "build the page again: cd rotonodes/page/front && npm ci && npm run build"
OTHERS = ("index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def digest_of_sources() -> str:
    """As vite.config.ts does it: each file's name and the digest of its bytes, in the order of their names."""
    names = sorted([*OTHERS, *(file.relative_to(FRONT).as_posix() for file in (FRONT / "src").rglob("*") if file.is_file())])
    found = hashlib.sha256()
    for name in names:
        found.update(f"{name}\0".encode() + hashlib.sha256((FRONT / name).read_bytes()).digest())
    return found.hexdigest()


def test_the_page_was_built_from_the_sources_that_are_here() -> None:
    assert BUILT["sources"] == digest_of_sources(), AGAIN


def test_no_built_file_was_changed_by_hand() -> None:
    there = {
        file.relative_to(STATIC).as_posix(): digest_of(file) for file in STATIC.rglob("*") if file.is_file() and file.name != "built.json"
    }
    assert there == BUILT["files"], AGAIN


def test_a_build_gives_the_same_files(tmp_path: Path) -> None:
    vite = FRONT / "node_modules/vite/bin/vite.js"
    node = shutil.which("node")
    if node is None or not vite.is_file():
        pytest.skip("needs Node.js, and `npm ci` in rotonodes/page/front")
    environment = os.environ | {"PAGE_OUT": str(tmp_path / "static")}
    made = subprocess.run([node, str(vite), "build"], cwd=FRONT, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert json.loads((tmp_path / "static/built.json").read_text()) == BUILT


def test_the_page_names_no_other_host_and_has_no_script_inside() -> None:
    index = (STATIC / "index.html").read_text()
    assert re.findall(r'(?:src|href)="([^"]*)"', index)
    assert all(address.startswith("/assets/") for address in re.findall(r'(?:src|href)="([^"]*)"', index))
    assert "<script>" not in index and "<style" not in index
    # addresses that are names (of XML, of a message's explanation), never asked for
    names = re.compile(r"https?://(?:www\.w3\.org|react\.dev|reactflow\.dev|reactjs\.org)(?:/|$)")
    for file in (STATIC / "assets").iterdir():
        if file.suffix in (".js", ".css", ".svg"):
            found = [address for address in re.findall(r"https?://[\w.-]+/?", file.read_text()) if not names.match(address)]
            assert not found, file.name
    assert not list(STATIC.rglob("*.map"))


def test_the_licence_of_every_package_inside_is_told() -> None:
    told = (STATIC / "licences.txt").read_text()
    for package in json.loads((FRONT / "package.json").read_text())["dependencies"]:
        assert re.search(rf"^{re.escape(package)} [\d.]+ \((MIT|ISC|BSD-3-Clause|OFL-1\.1)\)$", told, re.MULTILINE), package


def test_the_built_page_is_small() -> None:
    assert sum(file.stat().st_size for file in STATIC.rglob("*") if file.is_file()) < 900_000
