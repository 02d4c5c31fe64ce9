# SPDX-License-Identifier: GPL-3.0-or-later
"""View layers, passes, metadata and output settings shared by the example renders (Blender 4.5 and 5.0).

Every render has two view layers: `Beauty` is the picture, `Label` the ground truth of its tones. In `Label` all
shapes are white, the only light is a hard sun where the key light is, and the background is held out, so that
the luminance of `DiffDir` is the cosine between normal and light, or zero in shadow, whatever the textures are.
"""

import errno
import json
import math
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
from mathutils import Vector

from .whole import is_whole

BEAUTY_PASSES = {
    "combined", "z", "normal", "diffuse_direct", "diffuse_color", "glossy_direct", "cryptomatte_object",
}  # fmt: skip
LABEL_PASSES = {"normal", "diffuse_direct", "glossy_direct", "cryptomatte_object"}
LABEL_SAMPLES = 4
LABEL_ROUGHNESS = 0.35
LABEL_ENERGY = math.pi  # makes a white surface that faces the sun exactly 1.0

GROUND_PASSES = {"normal", "diffuse_direct"}
GROUND, BARE = "Ground", "Bare"  # layers of what is not shape: with the shapes, and without them

SHAPES, BACKGROUND, LIGHTS, LABEL_LIGHT = "shapes", "background", "lights", "label_light"


def empty_scene() -> bpy.types.Scene:
    """A scene with nothing but the four collections that tell the view layers apart."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    for name in (SHAPES, BACKGROUND, LIGHTS, LABEL_LIGHT):
        scene.collection.children.link(bpy.data.collections.new(name))
    return scene


def node_tree(owner) -> bpy.types.NodeTree:
    """The shader nodes of a material or world; 5.0 always has them and warns about `use_nodes`."""
    if owner.node_tree is None:
        owner.use_nodes = True
    return owner.node_tree


def link_to(obj: bpy.types.Object, collection: str) -> bpy.types.Object:
    """Move an object into one of the four collections."""
    for current in list(obj.users_collection):
        current.objects.unlink(obj)
    bpy.data.collections[collection].objects.link(obj)
    return obj


def sun(name: str, collection: str, towards: Vector, energy: float, angle: float, color=(1, 1, 1)):
    """A sun whose light comes from the unit vector `towards`; `angle` in radians is its softness."""
    light = bpy.data.lights.new(name, "SUN")
    light.energy, light.angle, light.color = energy, angle, color
    obj = bpy.data.objects.new(name, light)
    shine_from(obj, towards)
    return link_to(obj, collection)


def shine_from(obj: bpy.types.Object, towards: Vector) -> None:
    """Turn a sun so that its light comes from the unit vector `towards`."""
    obj.rotation_euler = (-towards).to_track_quat("-Z", "Y").to_euler()


def aim(obj: bpy.types.Object, target) -> None:
    """Turn a camera or light to look at a point."""
    obj.rotation_euler = (Vector(target) - obj.location).to_track_quat("-Z", "Y").to_euler()


def label_material(roughness: float = LABEL_ROUGHNESS) -> bpy.types.Material:
    """The white material that replaces all others in `Label`."""
    material = bpy.data.materials.new("label")
    shader = node_tree(material).nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (1, 1, 1, 1)
    shader.inputs["Roughness"].default_value = roughness
    return material


def ground_material() -> bpy.types.Material:
    """White without gloss, for what is not shape: half as costly as `label_material`."""
    material = bpy.data.materials.new("label_ground")
    tree = node_tree(material)
    shader = tree.nodes.new("ShaderNodeBsdfDiffuse")
    shader.inputs["Color"].default_value = (1, 1, 1, 1)
    tree.links.new(shader.outputs[0], tree.get_output_node("ALL").inputs["Surface"])
    return material


def black_world() -> bpy.types.World:
    world = bpy.data.worlds.new("black")
    node_tree(world).nodes["Background"].inputs["Strength"].default_value = 0
    return world


def enable_passes(layer: bpy.types.ViewLayer, wanted: set[str]) -> None:
    """Switch exactly these passes on; everything else only makes the files larger."""
    for name in dir(layer):
        if name.startswith("use_pass_"):
            setattr(layer, name, name.removeprefix("use_pass_") in wanted)
    layer.pass_cryptomatte_depth = 4  # two planes: more than four objects in a pixel do not occur


def white_layer(scene: bpy.types.Scene, name: str = "Label") -> bpy.types.ViewLayer:
    """A view layer whose surfaces are white and whose world is black, with the passes that tell the tones."""
    layer = scene.view_layers.new(name)
    layer.material_override = label_material() if name == "Label" else ground_material()
    layer.world_override = black_world()
    layer.samples = LABEL_SAMPLES
    layer.cycles.use_denoising = False  # it would smear the edges between tones
    enable_passes(layer, LABEL_PASSES if name == "Label" else GROUND_PASSES)
    return layer


def view_layers(scene: bpy.types.Scene, key_direction: Vector) -> None:
    """Set up `Beauty` and `Label`, and the label light towards `key_direction` (unit vector, world space)."""
    sun("label_sun", LABEL_LIGHT, key_direction, LABEL_ENERGY, angle=0)
    beauty = scene.view_layers[0]
    beauty.name = "Beauty"
    beauty.layer_collection.children[LABEL_LIGHT].exclude = True
    enable_passes(beauty, BEAUTY_PASSES)
    label = white_layer(scene)
    label.layer_collection.children[LIGHTS].exclude = True
    label.layer_collection.children[BACKGROUND].holdout = True


def ground_layers(scene: bpy.types.Scene, bare: bool = True) -> None:
    """Add `Ground` to a scene of `empty_scene` that has `Label`, and `Bare` where the background can shade itself."""
    for name in (GROUND, BARE) if bare else (GROUND,):
        children = white_layer(scene, name).layer_collection.children
        children[LIGHTS].exclude = True
        if name == GROUND:
            children[SHAPES].holdout = True
        else:
            children[SHAPES].exclude = True


def sampling(scene: bpy.types.Scene, samples: int, denoise: bool, fast: bool = True) -> None:
    """Cycles on the CPU; denoising cleans `Combined` only."""
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.seed, cycles.max_bounces = "CPU", samples, 0, 3
    cycles.use_adaptive_sampling = False
    cycles.use_denoising = denoise
    if denoise:
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_prefilter = "FAST" if fast else "ACCURATE"
        cycles.denoising_quality = "FAST" if fast else "HIGH"
    scene.render.resolution_percentage = 100
    scene.render.use_persistent_data = True


def metadata(scene: bpy.types.Scene, **note) -> None:
    """Put `note` as JSON into the header, and nothing that names a person, a machine, a place or a date."""
    render = scene.render
    for name in dir(render):
        if name.startswith("use_stamp"):
            setattr(render, name, False)
    render.metadata_input = "SCENE"
    render.use_stamp_note = True
    render.stamp_note_text = json.dumps(note, separators=(",", ":"))


def rounded(direction: Vector) -> list[float]:
    """A unit vector as six decimals: exact enough for labels and short in a header."""
    return [round(x, 6) for x in direction]


def camera_rotation(scene: bpy.types.Scene) -> list[list[float]]:
    """Rows of the rotation from the world to the camera, whose x is right, y up and z towards the viewer."""
    camera = scene.camera.evaluated_get(scene.view_layers[0].depsgraph)
    rotation = camera.matrix_world.to_3x3().normalized().transposed()
    return [[round(x, 6) for x in row] for row in rotation]


def multilayer(scene: bpy.types.Scene) -> None:
    """Multilayer EXR, half where it is colour, ZIP: multi-part since 5.0, one part before."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):  # since 5.0, and it decides which formats there are
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format, settings.color_depth, settings.exr_codec = "OPEN_EXR_MULTILAYER", "16", "ZIP"


def save_view(scene: bpy.types.Scene, path: Path) -> None:
    """Write what was rendered last as an 8-bit PNG, developed by the scene's view transform."""
    settings = scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode, settings.color_depth, settings.compression = "PNG", "RGB", "8", 15
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    bpy.data.images["Render Result"].save_render(str(partial.resolve()), scene=scene)
    partial.replace(path)


def render_to(scene: bpy.types.Scene, frame: int, path: Path) -> None:
    """Render one frame under a temporary name, then rename it, so that a file that is there is whole.

    Raises OSError for a file that is not whole, RuntimeError where the scene of the context is in another frame: the operator renders
    the context's frame, whatever scene it is told to render.
    """
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    scene.frame_set(frame)
    if bpy.context.scene.frame_current != frame:
        raise RuntimeError(f"frame {frame} of {scene.name} cannot be rendered: the context is in frame {bpy.context.scene.frame_current}")
    scene.render.filepath = str(partial.resolve())
    try:
        with _uninterrupted():
            bpy.ops.render.render(write_still=True, scene=scene.name)
            if partial.suffix == ".exr" and partial.exists() and not is_whole(partial):
                raise OSError(errno.ENOSPC, "not written to its end: the disk is full, or may not be written", str(path))
            partial.replace(path)  # a render that Blender itself stopped wrote nothing, and it does not tell
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait for the end of a frame: Blender would swallow it, and might leave out a view layer and go on.

    The program Blender, other than the module bpy, has its own way of stopping, which stays.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    asked = []
    signal.signal(signal.SIGINT, lambda *_: asked.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if asked:
        raise KeyboardInterrupt
