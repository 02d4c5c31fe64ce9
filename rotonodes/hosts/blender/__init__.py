# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotonodes in Blender: render a scene and bring the flat result back.

This folder is a Blender extension, which `rotonodes blender-addon -o DIR` packs. It runs in Blender's Python, which has neither rotonodes
nor torch: rotonodes runs as a process of its own.
"""

import bpy

from . import graph_page, handlers, operators, panels, settings

CLASSES = (*settings.CLASSES, *operators.CLASSES, *panels.CLASSES)


def register():
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.rotonodes = bpy.props.PointerProperty(type=settings.RotonodesSettings)
    for kind, function in handlers.HANDLERS.items():
        getattr(bpy.app.handlers, kind).append(function)


def unregister():
    handlers.stop_all()
    graph_page.stop()
    for kind, function in handlers.HANDLERS.items():
        getattr(bpy.app.handlers, kind).remove(function)
    del bpy.types.Scene.rotonodes
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
