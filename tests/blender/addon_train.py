# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests do with Train on This Scene in Blender, as addon.py runs it: arguments are scene.blend, a folder, results.json."""

import json
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
import state
from told import call, changed, files

blend, folder, results = map(Path, arguments)  # noqa: F821, given by addon.py
found: dict[str, object] = {}
training = sys.modules[module.__name__ + ".training"]  # noqa: F821

bpy.ops.wm.open_mainfile(filepath=str(blend))
scene = bpy.context.scene
own = scene.rotonodes
own.shapes, own.folder, own.steps = "Char*, Gift", str(folder / "out"), 3
scene.render.engine, scene.cycles.samples = "CYCLES", 2  # EEVEE without a graphics card takes minutes
scene.frame_start, scene.frame_end = 1, 2

# cancelled in the middle of the render, and of the training
for name, word in (("render", "rendering frame 2"), ("training", "training: train 1 of")):
    before = state.settings()
    steps = training.train(scene, folder / "out")
    for _, text in steps:
        if text.startswith(word):
            break
    steps.close()
    found[f"cancelled {name}"] = {"files": files(folder / "out"), "changed": changed(before, state.settings())}

own.weights = str(folder / "none.safetensors")
own.exact = False
found["weights that are not there"] = call(bpy.ops.rotonodes.flatten)
own.weights, own.exact = "", True

logs = folder / "out" / "training" / "train_on_shot_passes"
logs.mkdir(exist_ok=True)
(logs / "left.txt").write_text("of an earlier training, as its checkpoint")
found["train"] = call(bpy.ops.rotonodes.train)
found["files"] = files(folder / "out")
found["chosen"] = [own.weights, own.exact]
curve = bpy.data.images["Rotonodes Training"]
found["curve"] = [list(curve.size), Path(curve.filepath).name]

own.folder = str(folder / "flat")
found["flatten"] = call(bpy.ops.rotonodes.flatten)
found["flat"] = files(folder / "flat")

results.write_text(json.dumps(found))
