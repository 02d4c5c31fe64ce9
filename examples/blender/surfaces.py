# SPDX-License-Identifier: GPL-3.0-or-later
"""Random materials and worlds: procedural textures, pictures painted with numpy, metals, coats, skies with soft boxes."""

import colorsys
import math
from random import Random

import bpy
import numpy as np
from label_layer import passes
from mathutils import Vector

# Half of all toys have no texture: plain colour comes more often than any one of them.
TEXTURES = (None, None, None, "picture", "picture", "Noise", "Voronoi", "Checker", "Wave", "Brick", "Magic", "Gradient")
SIDE = 256  # of painted pictures, px


def color(rng: Random, saturation=(0.05, 0.95), value=(0.08, 0.95)) -> tuple[float, float, float, float]:
    """A random linear RGBA of any hue."""
    return (*colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value)), 1.0)


def clouds(random: np.random.Generator, height: int, width: int, slope: float) -> np.ndarray:
    """Noise `[H,W]` 0..1 whose spectrum falls with frequency to the power of `slope`; it tiles."""
    across = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width) * width)
    spectrum = random.normal(size=across.shape) + 1j * random.normal(size=across.shape)
    field = np.fft.irfft2(spectrum / np.maximum(across, 1) ** slope, (height, width))
    low, high = np.percentile(field, (1, 99))
    return np.clip((field - low) / (high - low + 1e-9), 0, 1)


def painted(random: np.random.Generator, muted: bool) -> np.ndarray:
    """A picture `[SIDE,SIDE,3]` 0..1 such as a photo or a print might be: clouds of colour, strokes, spots, stripes, patches.

    Natural pictures have spectra that fall with about the first power of frequency (Field, 1987).
    """
    colors = random.random((4, 3)) ** random.uniform(0.5, 2)
    if muted:
        colors = colors.mean(1, keepdims=True) * 0.6 + colors * 0.4
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    weight = clouds(random, SIDE, SIDE, random.uniform(0.8, 2.2))[..., None]
    picture = colors[0] * (1 - weight) + colors[1] * weight
    for _ in range(random.integers(0, 4)):
        kind = random.choice(["spots", "stripes", "strokes", "patches", "grain"])
        ink = random.random(3) if random.random() < 0.5 else colors[random.integers(4)]
        if kind == "spots":
            mask = np.zeros((SIDE, SIDE))
            for cx, cy, r in random.random((random.integers(3, 40), 3)):
                away = np.hypot((x - cx + 0.5) % 1 - 0.5, (y - cy + 0.5) % 1 - 0.5)
                mask = np.maximum(mask, away < 0.01 + 0.12 * r**2)
        elif kind == "stripes":
            turn, count = random.uniform(0, math.pi), random.integers(2, 24)
            mask = np.sin(2 * math.pi * count * (x * math.cos(turn) + y * math.sin(turn))) > random.uniform(-0.8, 0.8)
        elif kind == "strokes":
            field = clouds(random, SIDE, SIDE, random.uniform(1.2, 2.2))
            mask = np.abs(field - 0.5) < random.uniform(0.01, 0.06)
        elif kind == "patches":
            mask = clouds(random, SIDE, SIDE, random.uniform(1.5, 2.5)) > random.uniform(0.4, 0.8)
        else:
            mask = clouds(random, SIDE, SIDE, 0.3)
        cover = random.uniform(0.2, 1) * mask[..., None]
        picture = picture * (1 - cover) + ink * cover
    return picture.clip(0.01, 0.98)


def image(pixels: np.ndarray, name: str) -> bpy.types.Image:
    """Linear `[H,W,3]` as an image of Blender's."""
    height, width = pixels.shape[:2]
    result = bpy.data.images.new(name, width, height, float_buffer=True)
    result.colorspace_settings.name = "Non-Color"
    rgba = np.ones((height, width, 4), np.float32)
    rgba[..., :3] = pixels
    result.pixels.foreach_set(rgba.ravel())
    return result


def numbers(rng: Random) -> np.random.Generator:
    return np.random.default_rng(rng.getrandbits(64))


def ramp(rng: Random, tree, factor, target, colors) -> None:
    """Colour `target` by a scalar output, through a ramp of two colours."""
    node = tree.nodes.new("ShaderNodeValToRGB")
    node.color_ramp.interpolation = rng.choice(["LINEAR", "EASE", "CONSTANT"])
    for element, rgba in zip(node.color_ramp.elements, colors, strict=True):
        element.color = rgba
    tree.links.new(factor, node.inputs[0])
    tree.links.new(node.outputs[0], target)


def scalar(rng: Random, tree, kind: str, coordinates: str):
    """The scalar output of a procedural texture."""
    node = tree.nodes.new(f"ShaderNodeTex{kind}")
    if "Scale" in node.inputs:
        node.inputs["Scale"].default_value = math.exp(rng.uniform(math.log(1.2), math.log(16)))
    space = tree.nodes.new("ShaderNodeTexCoord")
    tree.links.new(space.outputs[coordinates], node.inputs["Vector"])
    named = (node.outputs.get(name) for name in ("Factor", "Fac", "Distance"))  # 5.0 spells Fac out
    return next((output for output in named if output), node.outputs[0])


def picture(rng: Random, tree, target, muted: bool) -> None:
    """Colour `target` by a painted picture, laid on from six sides."""
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image(painted(numbers(rng), muted), "picture")
    node.projection, node.projection_blend = "BOX", 0.2
    space, mapping = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
    mapping.inputs["Scale"].default_value = [rng.uniform(0.3, 2)] * 3
    mapping.inputs["Rotation"].default_value = [rng.uniform(0, 6.28) for _ in range(3)]
    tree.links.new(space.outputs[rng.choice(["Object", "Generated"])], mapping.inputs["Vector"])
    tree.links.new(mapping.outputs["Vector"], node.inputs["Vector"])
    tree.links.new(node.outputs["Color"], target)


def material(rng: Random, name: str, muted: bool = False) -> bpy.types.Material:
    """A random surface; `muted` keeps backgrounds from being louder than what stands before them."""
    result = bpy.data.materials.new(name)
    tree = passes.node_tree(result)
    shader = tree.nodes["Principled BSDF"]
    inputs = shader.inputs
    colors = [color(rng, saturation=(0, 0.4)) if muted else color(rng) for _ in range(2)]
    inputs["Base Color"].default_value = colors[0]
    inputs["Roughness"].default_value = rng.uniform(0.12, 0.95)
    inputs["Metallic"].default_value = 0 if rng.random() < 0.85 else rng.uniform(0.2, 1)
    inputs["Specular IOR Level"].default_value = rng.choice([0.5, 0.5, 0.2, 0.8])
    inputs["Coat Weight"].default_value = 0 if rng.random() < 0.85 else rng.random()
    inputs["Sheen Weight"].default_value = 0 if rng.random() < 0.9 else rng.random()
    kind = rng.choice(TEXTURES)
    if kind == "picture":
        picture(rng, tree, inputs["Base Color"], muted)
    elif kind:
        ramp(rng, tree, scalar(rng, tree, kind, rng.choice(["Object", "Generated"])), inputs["Base Color"], colors)
    if rng.random() < 0.1:
        bump = tree.nodes.new("ShaderNodeBump")
        bump.inputs["Strength"].default_value = rng.uniform(0.05, 0.4)
        tree.links.new(scalar(rng, tree, rng.choice(["Noise", "Voronoi"]), "Object"), bump.inputs["Height"])
        tree.links.new(bump.outputs["Normal"], inputs["Normal"])
    return result


def sky(random: np.random.Generator, key: Vector) -> np.ndarray:
    """A surround `[64,128,3]` such as a photographed one: sky over ground, clouds, windows and soft boxes of several times its light.

    Bright areas lie on the key light's side, for a light from elsewhere that outshines the key would make the labels wrong.
    """
    rows, columns = 64, 128
    height = np.linspace(-math.pi / 2, math.pi / 2, rows)[:, None, None]
    around = np.linspace(-math.pi, math.pi, columns)[None, :, None]
    above, below, horizon = random.random((3, 3)) * 0.7 + 0.1
    up = np.clip(height / 1.2, 0, 1)
    picture = np.where(height > 0, horizon * (1 - up) + above * up, below) * np.ones((1, columns, 1))
    picture *= 0.6 + 0.8 * clouds(random, rows, columns, random.uniform(0.8, 1.8))[..., None]
    azimuth, elevation = -math.atan2(key.y, key.x), math.asin(key.z)  # Cycles lays azimuth from right to left
    for _ in range(random.integers(0, 4)):
        a, e = azimuth + random.normal(0, 0.7), elevation + random.normal(0, 0.4)
        wide, tall, soft = random.uniform(0.1, 0.6), random.uniform(0.1, 0.5), random.uniform(4, 30)
        off = np.maximum(np.abs((around - a + math.pi) % (2 * math.pi) - math.pi) - wide, np.abs(height - e) - tall)
        picture += random.uniform(1, 6) * random.uniform(0.7, 1, 3) / (1 + np.exp(np.clip(off * soft, -30, 30)))
    return picture.astype(np.float32)


def world(rng: Random, scene: bpy.types.Scene, kind: str, key: Vector) -> str:
    """Light from everywhere: plain, a gradient or noise behind the shapes, or a surround like a photographed one."""
    scene.world = bpy.data.worlds.new("world")
    # by itself Cycles would look for bright places at a fineness that takes longer than the frame
    scene.world.cycles.sampling_method, scene.world.cycles.sample_map_resolution = "MANUAL", 128
    tree = passes.node_tree(scene.world)
    background = tree.nodes["Background"]
    background.inputs["Color"].default_value = color(rng, (0, 0.6), (0.1, 0.9))
    background.inputs["Strength"].default_value = rng.uniform(0.1, 0.8)
    if kind in ("gradient", "noise"):
        space = "Window" if kind == "gradient" else "Generated"
        factor = scalar(rng, tree, kind.title(), space)
        ramp(rng, tree, factor, background.inputs["Color"], [color(rng, (0, 0.6)) for _ in range(2)])
        return kind
    if kind == "surround" or rng.random() < 0.25:
        node = tree.nodes.new("ShaderNodeTexEnvironment")
        node.image = image(sky(numbers(rng), key), "surround")
        tree.links.new(node.outputs["Color"], background.inputs["Color"])
        return "surround"
    return "plain"
