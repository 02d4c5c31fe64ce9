# SPDX-License-Identifier: GPL-3.0-or-later
"""The panel in the render properties, and the same in the compositor's side bar."""

import bpy

from . import graph_page


class Panel:
    bl_label = "Rotonodes"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context):
        own, layout = context.scene.rotonodes, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(own, "way")
        if own.way == "READY":
            layout.prop(own, "ready")
        elif own.way == "FILE":
            layout.prop(own, "graph")
        column = layout.column(align=True)
        column.prop(own, "collection")
        column.prop(own, "shapes")
        column.operator("rotonodes.from_selection", icon="RESTRICT_SELECT_OFF")
        column = layout.column(align=True)
        column.prop(own, "exact")
        sub = column.column(align=True)
        sub.active = own.exact
        sub.prop(own, "key")
        sub.prop(own, "further_keys")
        sub.prop(own, "leave_out")
        sub = column.column(align=True)
        sub.active = own.way != "FILE" and not (own.exact and own.way == "FLAT")
        sub.prop(own, "weights")
        if own.way == "FLAT":
            self.draw_paint(own, layout)
        column = layout.column(align=True)
        column.prop(own, "which")
        if own.which == "RANGE":
            column.prop(own, "frames")
        column.prop(own, "folder")
        column.prop(own, "to_compositor")
        column.prop(own, "after_render")
        layout.operator("rotonodes.prepare", icon="SCENE_DATA")
        layout.operator("rotonodes.flatten", icon="RENDER_ANIMATION")
        row = layout.row(align=True)
        row.operator("rotonodes.preview", icon="RENDER_STILL")
        row.prop(own, "preview", text="")
        column = layout.column(align=True)
        column.prop(own, "learns")
        column.prop(own, "steps")
        column.operator("rotonodes.train", icon="GRAPH")
        row = layout.row(align=True)
        row.operator("rotonodes.open_page", icon="URL")
        if graph_page.address():
            row.operator("rotonodes.close_page", text="", icon="X")

    def draw_paint(self, own, layout):
        column = layout.column(align=True)
        column.prop(own, "own_colors")
        if not own.own_colors:
            for tone in ("highlight", "midtone", "form_shadow", "cast_shadow"):
                column.prop(own, tone)
        row = layout.row(align=True, heading="Ink Width")
        row.prop(own, "own_width", text="")
        sub = row.row()
        sub.active = own.own_width
        sub.prop(own, "line_width", text="")
        layout.prop(own, "ground")


class RENDER_PT_rotonodes(Panel, bpy.types.Panel):
    bl_space_type = "PROPERTIES"
    bl_region_type = "WINDOW"
    bl_context = "render"


class NODE_PT_rotonodes(Panel, bpy.types.Panel):
    bl_space_type = "NODE_EDITOR"
    bl_region_type = "UI"
    bl_category = "Rotonodes"
    bl_options = set()

    @classmethod
    def poll(cls, context):
        return getattr(context.space_data, "tree_type", "") == "CompositorNodeTree"


CLASSES = (RENDER_PT_rotonodes, NODE_PT_rotonodes)
