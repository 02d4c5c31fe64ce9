# SPDX-License-Identifier: GPL-3.0-or-later
"""Flat pictures in Blender: in the image editor, and as a node group for the compositor."""

import re
from collections.abc import Sequence
from pathlib import Path

import bpy

from .label_layer.frames import Refused, file_of

NAME = "Rotonodes"
_TOKEN = re.compile(r"(#+|%0?\d*d|\$F\d*)(?=[^/\\]*$)")


def load(pattern: str, frames: Sequence[int], name: str = NAME) -> bpy.types.Image:
    """Show a picture or a sequence in every open image editor. Raises Refused for files that are not there."""
    numbered = _TOKEN.sub("####", pattern, count=1)
    path = file_of(Path(numbered), frames[0]) if "#" in Path(numbered).name else Path(pattern)
    if not path.is_file():
        raise Refused(f"{path}: rotonodes wrote no such picture")
    image = bpy.data.images.get(name)
    if image is None:
        image = bpy.data.images.load(str(path.resolve()))
        image.name = name
    image.filepath = str(path.resolve())
    image.source = "SEQUENCE" if len(frames) > 1 else "FILE"
    image.reload()
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "IMAGE_EDITOR":
                area.spaces.active.image = image
                timed(area.spaces.active.image_user, frames)
    return image


def timed(user, frames: Sequence[int]) -> None:
    """Let a sequence play in the scene's own frame numbers."""
    user.frame_start, user.frame_duration = frames[0], frames[-1] - frames[0] + 1
    user.frame_offset = frames[0] - 1
    user.use_auto_refresh = True


def to_compositor(scene: bpy.types.Scene, image: bpy.types.Image, frames: Sequence[int]) -> None:
    """Give the scene's compositor the flat pictures, where its settings ask for that."""
    if scene.rotonodes.to_compositor:
        into_compositor(scene, compositor_group(image, frames))


def compositor_group(image: bpy.types.Image, frames: Sequence[int]) -> bpy.types.NodeTree:
    """A node group with the flat pictures as its output, for the compositor."""
    group = bpy.data.node_groups.get(NAME)
    if group is None:
        group = bpy.data.node_groups.new(NAME, "CompositorNodeTree")
        group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    group.nodes.clear()
    source, out = group.nodes.new("CompositorNodeImage"), group.nodes.new("NodeGroupOutput")
    source.image = image
    if image.source == "SEQUENCE":
        source.frame_start, source.frame_duration = frames[0], frames[-1] - frames[0] + 1
        source.frame_offset = frames[0] - 1
    out.location = (300, 0)
    group.links.new(source.outputs["Image"], out.inputs["Image"])
    return group


def into_compositor(scene: bpy.types.Scene, group: bpy.types.NodeTree) -> bpy.types.Node:
    """The node of a group in the scene's compositor, put there if it is not: linked to nothing, so that no render changes."""
    tree = _compositor(scene)
    there = next((node for node in tree.nodes if getattr(node, "node_tree", None) == group), None)
    if there:
        return there
    below = min((node.location.y - 250 for node in tree.nodes), default=0)
    left = min((node.location.x for node in tree.nodes), default=0)
    node = tree.nodes.new("CompositorNodeGroup")
    node.node_tree, node.location = group, (left, below)
    return node


def _compositor(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """The compositor's nodes of a scene; where there are none, those that pass the render on."""
    if not hasattr(scene, "compositing_node_group"):  # before 5.0
        if scene.node_tree is None:
            scene.use_nodes = True
        return scene.node_tree
    if scene.compositing_node_group is None:
        tree = bpy.data.node_groups.new("Compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        source, out = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("NodeGroupOutput")
        out.location = (400, 0)
        tree.links.new(source.outputs["Image"], out.inputs["Image"])
        scene.compositing_node_group = tree
    return scene.compositing_node_group
