"""Packs the Blender add-on: `rotonodes blender-addon -o DIR`."""

from __future__ import annotations

import io
import tomllib
import zipfile
from pathlib import Path

from rotonodes.io.files import write_bytes

FOLDER = Path(__file__).resolve().parent / "blender"
KINDS = (".py", ".toml", "")  # "" is LICENSE
STAMP = (2026, 1, 1, 0, 0, 0)  # one time for all files: the same add-on is the same zip, byte for byte


def addon_version() -> str:
    """The version of the add-on, from its manifest."""
    return str(tomllib.loads((FOLDER / "blender_manifest.toml").read_text(encoding="utf-8"))["version"])


def write_addon(folder: Path) -> Path:
    """Write `rotonodes-VERSION.zip`, an extension for Blender 4.5 and newer, and return its path. Raises OSError."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(FOLDER.rglob("*")):
            if file.is_file() and file.suffix in KINDS and "__pycache__" not in file.parts:
                entry = zipfile.ZipInfo(file.relative_to(FOLDER).as_posix(), STAMP)
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, file.read_bytes())
    path = folder / f"rotonodes-{addon_version()}.zip"
    write_bytes(str(path), packed.getvalue())
    return path
