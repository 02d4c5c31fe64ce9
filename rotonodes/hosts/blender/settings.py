# SPDX-License-Identifier: GPL-3.0-or-later
"""What the user chooses: for a scene in its .blend file, for the computer in the preferences."""

from pathlib import Path

import bpy
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from . import command, environment
from .label_layer import choose
from .label_layer.frames import Refused, numbers

DEFAULT_COLORS = ("#3d2645", "#7a3b4b", "#e0a458", "#fff4d6")  # in the order of command.TONES


def _color(name: str, value: str):
    parts = tuple(int(value[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return FloatVectorProperty(name=name, subtype="COLOR_GAMMA", size=3, min=0, max=1, default=parts)


class RotonodesSettings(bpy.types.PropertyGroup):
    """`scene.rotonodes`."""

    way: EnumProperty(
        name="Make",
        items=[
            ("FLAT", "Flat Art", "Each object in flat tones, with ink lines: no graph is needed"),
            ("READY", "Ready Graph", "A graph that ships with rotonodes"),
            ("FILE", "Own Graph", "A graph file of your own"),
        ],
    )
    ready: EnumProperty(name="Graph", items=[(name, name, "") for name in command.READY])
    graph: StringProperty(name="Graph", subtype="FILE_PATH", description="A .yaml file with `files:`, which takes --input and --output")
    collection: PointerProperty(name="Shapes", type=bpy.types.Collection, description="Collection whose objects become flat")
    shapes: StringProperty(name="Objects", description="Names of further objects that become flat, with commas between; wildcards (Char*)")
    leave_out: StringProperty(name="Leave Out", description="Names of objects that the label light does not see: panes of glass, sky domes")
    key: PointerProperty(
        name="Key Light",
        type=bpy.types.Object,
        poll=lambda _, obj: obj.type == "LIGHT",
        description="The light whose shading the tones are; none for the strongest",
    )
    further_keys: StringProperty(
        name="Further Keys",
        description="Names of lights that are the key light too, with commas between: each makes tones of its own, in a folder of its name",
    )
    exact: BoolProperty(
        name="Exact Tones",
        default=True,
        description="Render a label layer too (Cycles), so that tones and ground shadow are the scene's own; off: found in the passes",
    )
    weights: StringProperty(
        name="Weights",
        subtype="FILE_PATH",
        description="Your own network, which finds the tones where no label layer is rendered; Train on This Scene makes one",
    )
    learns: EnumProperty(
        name="Sees",
        items=[
            ("PASSES", "Picture and Passes", "For renders with passes and cryptomatte: better, and learned sooner"),
            ("PICTURE", "Picture", "For pictures without passes"),
        ],
    )
    steps: IntProperty(name="Steps", default=300, min=1, max=100_000, description="Optimizer steps of the training")
    own_colors: BoolProperty(name="Own Colors", default=True, description="Each object's own colours; off: these for all")
    cast_shadow: _color("Cast Shadow", DEFAULT_COLORS[0])
    form_shadow: _color("Form Shadow", DEFAULT_COLORS[1])
    midtone: _color("Midtone", DEFAULT_COLORS[2])
    highlight: _color("Highlight", DEFAULT_COLORS[3])
    own_width: BoolProperty(name="Ink", default=False, description="Choose the width of the ink lines; off: by the size of the picture")
    line_width: FloatProperty(name="Width", subtype="PIXEL", default=2, min=0, max=100, description="Width of the ink lines; 0 for none")
    ground: BoolProperty(name="Shadow on the Ground", default=True)
    which: EnumProperty(
        name="Frames",
        items=[
            ("SCENE", "Scene", "The scene's frame range"),
            ("CURRENT", "Current", "The current frame"),
            ("RANGE", "Range", "Frames such as 1-24, 1,5,9 or 1-24x2"),
        ],
    )
    frames: StringProperty(name="Range", default="1-24")
    folder: StringProperty(name="Output", subtype="DIR_PATH", default="//rotonodes/", description="Folder of renders and flat pictures")
    to_compositor: BoolProperty(
        name="To Compositor", description="Also put a node group with the result into the compositor, linked to nothing"
    )
    after_render: BoolProperty(name="After Each Render", description="Flatten what F12 and Render Animation wrote, when they are done")
    preview: IntProperty(name="Preview Size", subtype="PERCENTAGE", default=25, min=1, max=100)


class RotonodesPreferences(bpy.types.AddonPreferences):
    """Where rotonodes is on this computer."""

    bl_idname = __package__

    python: StringProperty(
        name="rotonodes Python",
        subtype="FILE_PATH",
        description="The python of an environment with rotonodes; empty: ROTONODES_PYTHON, the add-on's own, or the one on the PATH",
    )
    source: StringProperty(name="Install From", default="rotonodes", description="What pip installs: a name, a wheel or a folder")

    def draw(self, context):
        layout = self.layout
        layout.prop(self, "python")
        row = layout.row(align=True)
        row.prop(self, "source")
        row.operator("rotonodes.install")


def preferences() -> RotonodesPreferences:
    return bpy.context.preferences.addons[__package__].preferences


def own_environment() -> Path:
    """The folder of the add-on's own virtual environment."""
    return Path(bpy.utils.extension_path_user(__package__, path="venv"))


def rotonodes_python() -> Path:
    """Raises Refused where there is none that works."""
    return environment.usable(bpy.path.abspath(preferences().python), own_environment())


def output_folder(scene: bpy.types.Scene) -> Path:
    """Raises Refused where it is relative to a file that was never saved."""
    folder = scene.rotonodes.folder or "//rotonodes/"
    if folder.startswith("//") and not bpy.data.filepath:
        raise Refused(f"Output {folder} is beside the .blend file, which was never saved: save it, or choose another folder")
    return Path(bpy.path.abspath(folder)).resolve()


def chosen_frames(scene: bpy.types.Scene) -> list[int]:
    """Raises Refused for a range that is none."""
    return [scene.frame_current] if scene.rotonodes.which == "CURRENT" else frames_of_shot(scene)


def frames_of_shot(scene: bpy.types.Scene) -> list[int]:
    """The frames that the shot has, also where only the current one is to be made. Raises Refused for a range that is none."""
    if scene.rotonodes.which == "RANGE":
        return numbers(scene.rotonodes.frames, "Range")
    return list(range(scene.frame_start, scene.frame_end + 1, scene.frame_step))


def chosen_shapes(scene: bpy.types.Scene) -> tuple[list[str], list[str]]:
    """(patterns of objects, patterns of collections). Raises Refused where nothing is chosen."""
    own = scene.rotonodes
    patterns, groups = command.patterns(own.shapes), [own.collection.name] if own.collection else []
    if not (patterns or groups):
        raise Refused("no shapes: choose a collection, name objects, or press From Selection")
    return patterns, groups


def further_keys(scene: bpy.types.Scene) -> list[str]:
    """The names of the lights beside the key light, in the order of the names. Raises Refused for a name that no light has."""
    own = scene.rotonodes
    lamps = [obj for obj in scene.objects if obj.type == "LIGHT" and not obj.hide_render and obj != own.key]
    patterns = command.patterns(own.further_keys) if own.exact else []
    for pattern in patterns:
        if not any(choose.matches(obj.name, [pattern]) for obj in lamps):
            raise Refused(f"Further Keys: no other light {pattern} renders: there are {choose.names(lamps) or 'none'}")
    return sorted(obj.name for obj in lamps if choose.matches(obj.name, patterns))


def chosen_graph(scene: bpy.types.Scene) -> str:
    """The name or file of the graph; empty for flat art. Raises Refused where no file is chosen."""
    own = scene.rotonodes
    if own.way == "READY":
        return own.ready
    if own.way == "FILE":
        if not own.graph:
            raise Refused("no graph: choose a .yaml file")
        return str(Path(bpy.path.abspath(own.graph)).resolve())
    return ""


def chosen_weights(scene: bpy.types.Scene) -> str:
    """The file of the user's own weights, empty for those that ship. Raises Refused for a file that is not there."""
    weights = scene.rotonodes.weights
    path = Path(bpy.path.abspath(weights))
    if weights and not path.is_file():
        raise Refused(f"Weights {weights}: there is no such file: choose another, or empty the field for those that ship")
    return str(path.resolve()) if weights else ""


def palette(scene: bpy.types.Scene) -> list[str]:
    """A hex colour for each tone, in the order of command.TONES; none for each object's own colours."""
    own = scene.rotonodes
    return [] if own.own_colors else [command.hex_color(getattr(own, tone)) for tone in command.TONES]


def needs_camera(scene: bpy.types.Scene) -> None:
    """Raises Refused where there is none."""
    if not scene.camera:
        raise choose.Refused(f"scene {scene.name} has no camera: add one (Add > Camera) and press Ctrl-Numpad 0")


CLASSES = (RotonodesSettings, RotonodesPreferences)
