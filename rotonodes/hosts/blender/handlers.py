# SPDX-License-Identifier: GPL-3.0-or-later
"""Flatten what Blender itself rendered, when the scene's After Each Render is on: all frames of a render, when it is done."""

import re
import sys
from pathlib import Path

import bpy
from bpy.app.handlers import persistent

from . import flow, result, settings
from .label_layer.frames import Refused

_written: dict[str, list[int]] = {}  # scene -> frames
_running: list = []


@persistent
def begin(scene, *_):
    _written.pop(scene.name, None)


@persistent
def wrote(scene, *_):
    if scene.rotonodes.after_render:
        _written.setdefault(scene.name, []).append(scene.frame_current)


@persistent
def complete(scene, *_):
    frames = sorted(set(_written.pop(scene.name, [])))
    if not (scene.rotonodes.after_render and frames):
        return
    steps = flatten_written(scene, frames)
    if bpy.app.background:
        try:
            flow.to_the_end(steps)
        except Refused as error:
            print(f"rotonodes: {error}", file=sys.stderr)
        return
    _running.append(steps)
    bpy.app.timers.register(_tick, first_interval=0.1)


@persistent
def cancelled(scene, *_):
    _written.pop(scene.name, None)


def flatten_written(scene: bpy.types.Scene, frames: list[int]):
    """Steps that flatten the files of a render, as in `flow`. Raises Refused."""
    python, folder, graph = settings.rotonodes_python(), settings.output_folder(scene), settings.chosen_graph(scene)
    if scene.render.image_settings.file_format != "OPEN_EXR_MULTILAYER":
        raise Refused("the render is no multilayer EXR: press Prepare Scene, and render again")
    flat = flow.wished(scene, pattern_of(scene, frames[0]), folder, frames, flow.named_shapes(scene), graph)
    flat = type(flat)(**{**vars(flat), "exact": False})  # no label layer was rendered
    pattern = yield from flow.flatten(python, flat)
    result.to_compositor(scene, result.load(pattern, frames), frames)
    return pattern


def pattern_of(scene: bpy.types.Scene, frame: int) -> Path:
    """The files of a render as a pattern, `shot.####.exr`: the path of one frame with # for the last number in its name."""
    path = Path(bpy.path.abspath(scene.render.frame_path(frame=frame))).resolve()
    digits = list(re.finditer(rf"{abs(frame):04d}|{abs(frame)}", path.name))
    if not digits:
        return path
    last = digits[-1]
    return path.with_name(path.name[: last.start()] + "#" * len(last[0]) + path.name[last.end() :])


def stop_all() -> None:
    while _running:
        _running.pop().close()
    if bpy.app.timers.is_registered(_tick):
        bpy.app.timers.unregister(_tick)


def _tick():
    for steps in list(_running):
        try:
            percent, text = next(steps)
            for window in bpy.context.window_manager.windows:
                window.workspace.status_text_set(f"Rotonodes {percent} %: {text}")
            continue
        except StopIteration:
            pass
        except Refused as error:
            print(f"rotonodes: {error}", file=sys.stderr)
            said = str(error)
            bpy.context.window_manager.popup_menu(lambda menu, _, said=said: menu.layout.label(text=said), title="Rotonodes", icon="ERROR")
        _running.remove(steps)
        for window in bpy.context.window_manager.windows:
            window.workspace.status_text_set(None)
    return 0.1 if _running else None


HANDLERS = {"render_init": begin, "render_write": wrote, "render_complete": complete, "render_cancel": cancelled}
