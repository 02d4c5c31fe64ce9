# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the add-on do with it in Blender, as addon.py runs it: arguments are scene.blend, a folder, results.json.

Everything is collected first and judged by the tests: what each operator returned or refused, and what there is afterwards.
"""

import json
import signal
import sys
import zipfile
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))
import state
from told import call, changed, files

blend, folder, results = map(Path, arguments)  # noqa: F821, given by addon.py
found: dict[str, object] = {}
flow = sys.modules[module.__name__ + ".flow"]  # noqa: F821


def saved(path: Path) -> bytes:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=False)
    return path.read_bytes()


def different(one: bytes, other: bytes) -> int:
    return abs(len(one) - len(other)) + sum(a != b for a, b in zip(one, other, strict=False))


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

# Prepare, and one undo
bpy.ops.ed.undo_push(message="before")
before, first = state.settings(), saved(folder / "copy.blend")
found["two saves differ"] = different(first, saved(folder / "copy.blend"))
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

# what is refused
scene = bpy.context.scene
own = scene.rotonodes
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

# render and flatten
scene.cycles.samples = 2
own.folder = str(folder / "flat")
before = state.settings()
found["flatten"] = call(bpy.ops.rotonodes.flatten)
after = state.settings()
found["flatten changed"] = [path for path in changed(before, after) if not path.startswith("node_groups")]
found["files"] = files(folder / "flat")
image = bpy.data.images["Rotonodes"]
found["image"] = [image.source, Path(image.filepath).name, [area.type for area in bpy.context.window.screen.areas].count("IMAGE_EDITOR")]


def links(tree) -> list[str]:
    return sorted(f"{link.from_node.bl_idname} {link.to_node.bl_idname}" for link in tree.links)


def groups(tree) -> list[list[str]]:
    return [
        [node.node_tree.name, [link.to_node.bl_idname for link in node.outputs[0].links]] for node in tree.nodes if node.type == "GROUP"
    ]


# into the compositor, where there are nodes of the user, twice; and where there are none
result = sys.modules[module.__name__ + ".result"]  # noqa: F821
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

# cancelled in the middle of the render, and of the run
own.folder = str(folder / "cancelled")
for name, word in (("render", "rendering frame 2"), ("run", "flattening")):
    before = state.settings()
    steps = flow.render_and_flatten(scene, [1, 2], folder / "cancelled" / name)
    for _, text in steps:
        if text.startswith(word):
            break
    steps.close()
    found[f"cancelled {name}"] = {"files": files(folder / "cancelled" / name), "changed": changed(before, state.settings())}

# F12 and Render Animation, with their own files
bpy.ops.rotonodes.prepare()
own.folder, own.after_render, scene.frame_start, scene.frame_end = str(folder / "after"), True, 1, 2
scene.render.filepath = str(folder / "own" / "shot_")
scene.render.use_compositing = False
bpy.ops.render.render(animation=True)
found["after render"] = files(folder / "after")

results.write_text(json.dumps(found))
