# SPDX-License-Identifier: GPL-3.0-or-later
"""All settings of an open .blend as plain data, to tell whether label_scene changed them.

python state.py scene.blend '[{"arguments": ["--shapes", "Char*", "--out", "out/r.####.exr"]}]' results.json
"""

import io
import json
import os
import signal
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "blender"))
import label_scene

# what is drawn, counted or evaluated rather than set
LEFT_OUT = {
    *("rna_type", "depsgraph", "original", "is_evaluated", "is_runtime_data", "preview", "asset_data", "image_user", "is_dirty"),
    *("loop_triangles", "loop_triangle_polygons"),
}
KINDS = ("scenes", "collections", "objects", "lights", "cameras", "worlds", "materials", "meshes", "node_groups", "actions", "libraries")


def settings() -> dict:
    """`kind/name.path` of every value of every datablock -> the value."""
    found: dict[str, object] = {}
    for kind in KINDS:
        data = getattr(bpy.data, kind)
        found[kind] = sorted(item.name_full for item in data)
        for item in data:
            _walk(item, f"{kind}/{item.name_full}", found, {_identity(item)}, 0)
    found["windows"] = [(window.scene.name, window.view_layer.name) for window in bpy.context.window_manager.windows]
    return found


def _identity(value) -> tuple[int, str]:
    """An address alone is not enough: the first member of a struct is at the struct's own, as the image settings of a render are."""
    return value.as_pointer(), value.bl_rna.identifier


def _walk(owner, path: str, found: dict, above: set[tuple[int, str]], depth: int) -> None:
    for prop in owner.bl_rna.properties:
        name = prop.identifier
        if name in LEFT_OUT:
            continue
        value = getattr(owner, name, None)
        if prop.type == "POINTER":
            _value(value, f"{path}.{name}", found, above, depth)
        elif prop.type == "COLLECTION":
            found[f"{path}.{name}"] = len(value)
            for i, item in enumerate(value if len(value) < 100 else ()):  # not the vertices and the like
                _value(item, f"{path}.{name}[{i}]", found, above, depth)
        else:
            found[f"{path}.{name}"] = list(value) if getattr(prop, "is_array", False) and not isinstance(value, str) else value


def _value(value, path: str, found: dict, above: set[tuple[int, str]], depth: int) -> None:
    if value is None or (isinstance(value, bpy.types.ID) and not value.is_embedded_data):
        found[path] = value and value.name_full
    elif _identity(value) not in above and depth < 8:
        _walk(value, path, found, above | {_identity(value)}, depth + 1)


def label(arguments: list[str], interrupt: bool) -> dict:
    """Call label_scene as Blender would for the file that is open: how it ended, what it said, and what it changed."""
    bpy.context.view_layer.update()
    bpy.data.objects["Char_body"].rotation_euler.z = 0.25  # it is animated: who looks at another frame loses this
    before = settings()
    sys.argv = ["blender", "-b", bpy.data.filepath, "--python", "label_scene.py", "--", *arguments]
    if interrupt:  # Ctrl-C in the middle of the first frame
        bpy.app.handlers.render_pre.append(lambda *_: os.kill(os.getpid(), signal.SIGINT))
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        try:
            code = label_scene.main()
        except SystemExit as error:
            code = error.code
    bpy.app.handlers.render_pre.clear()
    after = settings()
    changed = [path for path in before.keys() | after.keys() if before.get(path, ()) != after.get(path, ())]
    return {"code": code, "said": said.getvalue(), "changed": sorted(changed)}


def main(blend: str, calls: str, results: str) -> None:
    found = []
    for call in json.loads(calls):
        bpy.ops.wm.open_mainfile(filepath=blend)
        for path, value in call.get("set", {}).items():  # such as render.film_transparent of the scene
            owner, _, name = path.rpartition(".")
            setattr(bpy.context.scene.path_resolve(owner) if owner else bpy.context.scene, name, value)
        found.append(label(call["arguments"], call.get("interrupt", False)))
    Path(results).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
