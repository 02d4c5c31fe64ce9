# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests do with the graph page in Blender, as addon.py runs it: arguments are scene.blend, a folder, results.json."""

import json
import os
import sys
import urllib.request
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
from told import call

blend, folder, results = map(Path, arguments)  # noqa: F821, given by addon.py
name = module.__name__  # noqa: F821
found: dict[str, object] = {}


def page() -> dict:
    """The page that is open: its process, and what it answers."""
    graph_page = sys.modules[f"{name}.graph_page"]
    address = graph_page.address()
    if not address:
        return {"pid": 0, "answers": 0}
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())  # the token becomes a cookie
    with browser.open(address, timeout=60) as answer:
        return {"pid": graph_page._open[0]._process.pid, "answers": answer.status, "graph": graph_page._open[0]._process.args[3]}


def opened() -> dict:
    told = call(bpy.ops.rotonodes.open_page)
    return {**told, **page()}


bpy.ops.wm.open_mainfile(filepath=str(blend))
own = bpy.context.scene.rotonodes
own.shapes, own.folder = "Char*, Gift", str(folder / "out")
found["nothing rendered"] = call(bpy.ops.rotonodes.open_page)
found["close none"] = call(bpy.ops.rotonodes.close_page)

own.way, own.ready = "READY", "key_light_tones"
found["ready"] = opened()
found["again"] = opened()
found["close"] = call(bpy.ops.rotonodes.close_page)
found["after close"] = {**page(), "there": os.path.exists(f"/proc/{found['ready']['pid']}")}

own.way, own.graph = "FILE", str(folder / "own.yaml")
(folder / "own.yaml").write_text("rotonodes: 1\nframes: 1\nnodes:\n  blue: {type: Constant, color: '#3050a0'}\n")
found["own"] = opened()
bpy.ops.preferences.addon_disable(module=name)
found["after disable"] = {"there": os.path.exists(f"/proc/{found['own']['pid']}")}
bpy.ops.preferences.addon_enable(module=name)

# flat art's graph, which begins with a render
own = bpy.context.scene.rotonodes
own.way, own.which = "FLAT", "CURRENT"
scene = bpy.context.scene
scene.render.engine, scene.cycles.samples = "CYCLES", 2
found["flatten"] = call(bpy.ops.rotonodes.flatten)
found["flat"] = opened()
results.write_text(json.dumps(found))
sys.stdout.flush()
os._exit(0)  # Blender goes away with an open page
