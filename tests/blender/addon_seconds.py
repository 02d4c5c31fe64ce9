# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the add-on takes for a scene, part by part, as addon.py runs it: arguments are scene.blend, shapes, frames, a folder.

    rotonodes blender-addon -o out
    bpy45/bin/python tests/blender/character.py out/scene.blend out/library.blend
    BLENDER_USER_RESOURCES=out/settings ROTONODES_PYTHON=.venv/bin/python bpy45/bin/python tests/blender/addon.py out/rotonodes-0.1.0.zip \\
        tests/blender/addon_seconds.py out/scene.blend "Char*, Gift" 1-2 out/seconds
"""

import sys
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
from told import call

blend, shapes, frames, folder = arguments  # noqa: F821, given by addon.py
flow, result, settings = (sys.modules[f"{module.__name__}.{name}"] for name in ("flow", "result", "settings"))  # noqa: F821

bpy.ops.wm.open_mainfile(filepath=str(Path(blend).resolve()))
scene = bpy.context.scene
own = scene.rotonodes
own.shapes, own.which, own.frames, own.folder = shapes, "RANGE", frames, str(Path(folder).resolve())
took = {"prepare": call(bpy.ops.rotonodes.prepare)["seconds"]}
chosen = settings.chosen_frames(scene)
steps = flow.render_and_flatten(scene, chosen, settings.output_folder(scene))
began, part = time.monotonic(), "render"
while True:
    try:
        _, text = next(steps)
    except StopIteration as end:
        pattern = end.value
        break
    time.sleep(0.01)
    now = "flatten" if text.startswith("flattening") else "render"
    if now != part:
        took[part], began, part = time.monotonic() - began, time.monotonic(), now
took[part], began = time.monotonic() - began, time.monotonic()
result.load(pattern, chosen)
took["load"] = time.monotonic() - began
size = f"{scene.render.resolution_x} x {scene.render.resolution_y}"
print(f"{bpy.app.version_string}, {len(chosen)} frames of {size}: " + ", ".join(f"{name} {value:.2f} s" for name, value in took.items()))
