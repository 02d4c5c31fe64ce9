# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the add-on do with it in Blender, as addon.py runs it: arguments are scene.blend, a folder, results.json.

Everything is collected first and judged by the tests: what each operator returned or refused, and what there is afterwards.
"""

import itertools
import json
import signal
import sys
import zipfile
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
from told import call, files

blend, folder, results = map(Path, arguments)  # noqa: F821, given by addon.py
found: dict[str, object] = {}

# a file that was never saved, and one without anything
bpy.context.scene.rotonodes.shapes, bpy.context.scene.rotonodes.folder = "Cube", str(folder / "empty")
found["no camera"] = call(bpy.ops.rotonodes.flatten)
bpy.context.scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
bpy.context.scene.rotonodes.folder = "//rotonodes/"
found["unsaved"] = call(bpy.ops.rotonodes.flatten)

bpy.ops.wm.open_mainfile(filepath=str(blend))
scene = bpy.context.scene
own = scene.rotonodes
own.folder = str(folder / "flat")


ICONS = {item.identifier for item in bpy.types.UILayout.bl_rna.functions["operator"].parameters["icon"].enum_items}


class Layout:
    """What a panel draws on: takes properties, operators and icons that there are, and notes their names."""

    def __init__(self, drawn: list[str]) -> None:
        self.drawn = drawn

    def prop(self, owner, name: str, **_) -> None:
        self.drawn.append(owner.bl_rna.properties[name].name)

    def operator(self, name: str, text: str | None = None, icon: str = "NONE") -> None:
        assert icon in ICONS
        self.drawn.append(getattr(bpy.ops.rotonodes, name.partition(".")[2]).get_rna_type().name)

    def column(self, **_) -> "Layout":
        return Layout(self.drawn)

    row = column


# the panel, for each way, with and without a palette of its own
panels = sys.modules[module.__name__ + ".panels"]  # noqa: F821
found["panels"] = {}
for way, own_colors in itertools.product(("READY", "FILE", "FLAT"), (False, True)):
    own.way, own.own_colors = way, own_colors
    panel = panels.Panel()
    panel.layout = Layout([])
    panel.draw(bpy.context)
    found["panels"][f"{way} {own_colors}"] = panel.layout.drawn

# what is refused
own.further_keys = "Nobody*"
found["no such key"] = call(bpy.ops.rotonodes.flatten)
own.further_keys = ""
found["no shapes"] = call(bpy.ops.rotonodes.flatten)
own.shapes = "Nobody*"
found["unknown shape"] = call(bpy.ops.rotonodes.flatten)
own.shapes = "Char*, Gift"
own.which, own.frames = "RANGE", "1-"
found["no range"] = call(bpy.ops.rotonodes.flatten)
own.frames = "1-2"
own.way, own.graph = "FILE", str(folder / "none.yaml")
found["no graph"] = call(bpy.ops.rotonodes.flatten)
own.way = "FLAT"
preferences = bpy.context.preferences.addons[module.__name__].preferences  # noqa: F821
preferences.python = str(folder / "none")
found["no python"] = call(bpy.ops.rotonodes.flatten)
preferences.python = sys.executable
found["python without torch"] = call(bpy.ops.rotonodes.flatten)
preferences.python = ""
(folder / "taken").write_text("a file")
own.folder = str(folder / "taken")
found["folder that is a file"] = call(bpy.ops.rotonodes.flatten)
own.folder = str(folder / "flat")
scene.render.engine = "BLENDER_WORKBENCH"
found["workbench"] = call(bpy.ops.rotonodes.prepare)
own.exact = False
found["workbench without exact tones"] = call(bpy.ops.rotonodes.flatten)
own.exact = True
scene.render.engine = "CYCLES"

# a disk that is full after four thousand bytes
if hasattr(signal, "SIGXFSZ"):
    import resource

    own.folder, own.frames = str(folder / "full"), "1"
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, resource.RLIM_INFINITY))
    found["full disk"] = call(bpy.ops.rotonodes.flatten)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    found["files of a full disk"] = files(folder / "full")
    own.frames = "1-2"

# a graph that needs a pass that was not rendered
(folder / "needs.yaml").write_text(
    "rotonodes: 1\nframes: auto\nfiles: {input: render.path, outputs: [png.path]}\nnodes:\n"
    "  render: {type: LoadFrames, path: none.####.exr}\n"
    "  passes: {type: MultipassDecode, in: render.layers, passes: [Position]}\n"
    "  png: {type: WriteFrames, in: passes.Position, path: out/p.####.png}\n"
)
own.way, own.graph, own.exact, own.frames, own.folder = "FILE", str(folder / "needs.yaml"), False, "1", str(folder / "needs")
found["pass that is not there"] = call(bpy.ops.rotonodes.flatten)
own.way, own.exact, own.frames, own.folder = "FLAT", True, "1-2", str(folder / "flat")

# a rotonodes of its own, from a wheel that lacks torch
preferences.source = str(folder / "rotonodes-0.1.0-py3-none-any.whl")
with zipfile.ZipFile(preferences.source, "w") as wheel:
    about = "rotonodes-0.1.0.dist-info/"
    wheel.writestr("rotonodes/__init__.py", '__version__ = "0.1.0"\n')
    wheel.writestr(about + "METADATA", "Metadata-Version: 2.1\nName: rotonodes\nVersion: 0.1.0\n")
    wheel.writestr(about + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(about + "RECORD", "rotonodes/__init__.py,,\n")
found["install"] = call(bpy.ops.rotonodes.install)
preferences.source, bpy.context.preferences.system.use_online_access = "rotonodes", False
found["install offline"] = call(bpy.ops.rotonodes.install)

scene.cycles.samples = 2

# a preview leaves nothing but its picture
own.own_colors = False
found["preview"] = call(bpy.ops.rotonodes.preview)
found["preview image"] = [list(bpy.data.images["Rotonodes Preview"].size), bpy.data.images["Rotonodes Preview"].packed_file is not None]

# another key light, whose tones are others
own.folder, own.further_keys, own.which = str(folder / "keys"), "Fill", "CURRENT"
found["two keys"] = call(bpy.ops.rotonodes.flatten)
found["files of two keys"] = files(folder / "keys")
found["images of two keys"] = sorted(image.name for image in bpy.data.images if image.name.startswith("Rotonodes"))
own.further_keys, own.which = "", "RANGE"

# F12 and Render Animation, with their own files
bpy.ops.rotonodes.prepare()
own.folder, own.after_render, scene.frame_start, scene.frame_end = str(folder / "after"), True, 1, 2
scene.render.filepath = str(folder / "own" / "shot_")
scene.render.use_compositing = False
bpy.ops.render.render(animation=True)
found["after render"] = files(folder / "after")

results.write_text(json.dumps(found))
