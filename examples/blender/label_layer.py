# SPDX-License-Identifier: GPL-3.0-or-later
"""The label layer of the Blender add-on, for the scripts here: they run in a Python that has bpy and no rotonodes."""

from pathlib import Path

__path__ = [str(Path(__file__).resolve().parents[2] / "rotonodes" / "hosts" / "blender" / "label_layer")]
