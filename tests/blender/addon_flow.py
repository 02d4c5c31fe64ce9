# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests do with Prepare and with Render & Flatten, as addon.py runs it: arguments are scene.blend, a folder, results.json.

Everything is collected first and judged by the tests. ROTONODES_CANCELS is how many runs are interrupted at a random moment: 2 unless set.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
import state
from told import call, changed, files, processes_below

blend, folder, results = map(Path, arguments)  # noqa: F821, given by addon.py
found: dict[str, object] = {}
flow, result = (sys.modules[f"{module.__name__}.{name}"] for name in ("flow", "result"))  # noqa: F821


def saved(path: Path) -> bytes:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=False)
    return path.read_bytes()


def different(one: bytes, other: bytes) -> int:
    return abs(len(one) - len(other)) + sum(a != b for a, b in zip(one, other, strict=False))


bpy.ops.wm.open_mainfile(filepath=str(blend))

# Prepare, and one undo
bpy.ops.ed.undo_push(message="before")
before, first = state.settings(), saved(folder / "copy.blend")
bpy.context.scene.frame_end += 1
bpy.ops.ed.undo_push(message="anything")
bpy.ops.ed.undo()
found["after any undo"] = changed(before, state.settings())
found["saves differ after any undo"] = different(first, saved(folder / "copy.blend"))
found["prepare"] = call(bpy.ops.rotonodes.prepare)
bpy.ops.ed.undo_push(message="prepared")
found["prepared"] = changed(before, state.settings())
bpy.ops.ed.undo()
found["after undo"] = changed(before, state.settings())
found["saves differ after undo"] = different(first, saved(folder / "copy.blend"))

# render and flatten
scene = bpy.context.scene
own = scene.rotonodes
own.shapes, own.which, own.frames, own.folder = "Char*, Gift", "RANGE", "1-2", str(folder / "flat")
scene.render.engine, scene.cycles.samples = "CYCLES", 2
scene.render.resolution_x = scene.render.resolution_y = 128
bpy.data.objects["Fog"].hide_render = True  # two samples of fog are noise
before = state.settings()
found["flatten"] = call(bpy.ops.rotonodes.flatten)
found["flatten changed"] = [path for path in changed(before, state.settings()) if not path.startswith("node_groups")]
found["files"] = files(folder / "flat")
image = bpy.data.images["Rotonodes"]
found["image"] = [image.source, Path(image.filepath).name]


def links(tree) -> list[str]:
    return sorted(f"{link.from_node.bl_idname} {link.to_node.bl_idname}" for link in tree.links)


def groups(tree) -> list[list[str]]:
    return [
        [node.node_tree.name, [link.to_node.bl_idname for link in node.outputs[0].links]] for node in tree.nodes if node.type == "GROUP"
    ]


# into the compositor, where there are nodes of the user, twice; and where there are none
tree = result._compositor(scene)
linked = links(tree)
own.to_compositor = True
for _ in range(2):
    result.to_compositor(scene, image, [1, 2])
found["compositor"] = {"links": linked, "after": links(tree), "groups": groups(tree)}
bare = bpy.data.scenes.new("Bare")
bare.rotonodes.to_compositor = True
result.to_compositor(bare, image, [1, 2])
found["bare compositor"] = {"after": links(result._compositor(bare)), "groups": groups(result._compositor(bare))}
bpy.data.scenes.remove(bare)
group = bpy.data.node_groups["Rotonodes"]
found["group"] = [group.bl_idname, sorted(node.bl_idname for node in group.nodes), len(group.links)]
own.to_compositor = False

# cancelled in the middle of the render, and of the run
for name, word in (("render", "rendering frame 2"), ("run", "flattening")):
    before = state.settings()
    steps = flow.render_and_flatten(scene, [1, 2], folder / "cancelled" / name)
    for _, text in steps:
        if text.startswith(word):
            break
    steps.close()
    found[f"cancelled {name}"] = {
        "files": files(folder / "cancelled" / name), "changed": changed(before, state.settings()), "running": processes_below()
    }  # fmt: skip

# interrupted at random moments
chance, moments = random.Random(1), []
for number in range(int(os.environ.get("ROTONODES_CANCELS", "2"))):
    own.folder = str(folder / "interrupted" / str(number))
    before = state.settings()
    after = chance.uniform(0, found["flatten"]["seconds"])
    alarm = threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))
    alarm.start()
    began = time.monotonic()
    try:
        told = call(bpy.ops.rotonodes.flatten)
        alarm.cancel()
        alarm.join()
    except KeyboardInterrupt:  # it came after the end
        told = {"how": ["AFTER"], "said": ""}
    moments.append({
        **told, "after": after, "seconds": time.monotonic() - began, "files": files(Path(own.folder)) if Path(own.folder).is_dir() else [],
        "changed": [path for path in changed(before, state.settings()) if not path.startswith("node_groups")], "running": processes_below(),
    })  # fmt: skip
found["interrupted"] = moments

results.write_text(json.dumps(found))
