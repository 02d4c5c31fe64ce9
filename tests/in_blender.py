"""The add-on in a Blender without a screen, for tests: ROTONODES_BPY names a Python that has bpy."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rotonodes.hosts.blender_addon import FOLDER, write_addon

ROOT = Path(__file__).parents[1]
SCENES = Path(__file__).parent / "blender"
BPY = os.environ.get("ROTONODES_BPY", "")


def in_blender(test: Any) -> Any:
    return pytest.mark.blender(pytest.mark.slow(pytest.mark.skipif(not BPY, reason="ROTONODES_BPY names no Python that has bpy")(test)))


def addon_parts(*names: str) -> ModuleType:
    """The add-on's folder as a package, with those of its modules that need no bpy."""
    package = ModuleType("rotonodes_addon")
    package.__path__ = [str(FOLDER)]
    sys.modules[package.__name__] = package
    for name in names:
        setattr(package, name.rpartition(".")[2], importlib.import_module(f"{package.__name__}.{name}"))
    return package


def calls_in_blender(folder: Path, script: str) -> dict[str, Any]:
    """What a script of tests/blender told: the zip installed, used for a scene that somebody might have, disabled and uninstalled."""
    environment = {
        **os.environ,
        "BLENDER_USER_RESOURCES": str(folder / "user"),
        "ROTONODES_PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "HOME": str(folder),
    }
    scene = [BPY, str(SCENES / "character.py"), str(folder / "scene.blend"), str(folder / "library.blend")]
    calls = [BPY, str(SCENES / "addon.py"), str(write_addon(folder)), str(SCENES / script)]
    for words in (scene, [*calls, str(folder / "scene.blend"), str(folder), str(folder / "results.json")]):
        done = subprocess.run(words, capture_output=True, text=True, timeout=3000, env=environment)
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return {"folder": folder, "said": done.stdout, **json.loads((folder / "results.json").read_text())}
