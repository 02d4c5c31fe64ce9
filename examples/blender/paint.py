# SPDX-License-Identifier: GPL-3.0-or-later
"""Materials such as people give to things: plastic, ceramic, metals, glass, skin, wood, cloth, chequers."""

import colorsys
import math
from random import Random

import bpy
import surfaces
from label_layer import passes

Color = tuple[float, float, float]
METALS = ((0.95, 0.93, 0.88), (1.0, 0.77, 0.34), (0.95, 0.64, 0.54), (0.56, 0.57, 0.58), (0.91, 0.92, 0.92), (0.3, 0.31, 0.33))


def plain(name: str, color: Color, roughness: float = 0.5, **inputs: float) -> bpy.types.Material:
    """One colour; `inputs` are further inputs of the Principled BSDF, with _ for blanks, as in Coat_Weight=1."""
    result = bpy.data.materials.new(name)
    shader = passes.node_tree(result).nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*color[:3], 1)
    shader.inputs["Roughness"].default_value = roughness
    for key, value in inputs.items():
        shader.inputs[key.replace("_", " ")].default_value = value
    return result


def hue(rng: Random, saturation=(0.2, 0.9), value=(0.15, 0.9)) -> Color:
    return colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value))


def plastic(rng: Random, name: str, color: Color | None = None) -> bpy.types.Material:
    return plain(name, color or hue(rng), rng.uniform(0.15, 0.6), Specular_IOR_Level=rng.uniform(0.3, 0.6))


def matt(rng: Random, name: str, color: Color | None = None) -> bpy.types.Material:
    return plain(name, color or hue(rng, (0.05, 0.7)), rng.uniform(0.7, 1), Specular_IOR_Level=rng.uniform(0, 0.4))


def ceramic(rng: Random, name: str, color: Color | None = None) -> bpy.types.Material:
    return plain(name, color or hue(rng, (0, 0.5), (0.5, 0.9)), rng.uniform(0.3, 0.6), Coat_Weight=rng.uniform(0.5, 1), Coat_Roughness=0.05)


def metal(rng: Random, name: str, color: Color | None = None) -> bpy.types.Material:
    """Bare metal, from a mirror to brushed; now and then anodised in a colour."""
    tint = color or (rng.choice(METALS) if rng.random() < 0.75 else hue(rng, (0.3, 0.9), (0.4, 0.95)))
    return plain(name, tint, rng.choice([rng.uniform(0.02, 0.15), rng.uniform(0.15, 0.5)]), Metallic=1.0)


def car_paint(rng: Random, name: str, color: Color | None = None) -> bpy.types.Material:
    tint = color or hue(rng, (0, 0.95), (0.03, 0.85))
    return plain(name, tint, rng.uniform(0.25, 0.5), Metallic=rng.choice([0, 0, 0.4, 0.8]), Coat_Weight=1.0, Coat_Roughness=0.02)


def black(rng: Random, name: str) -> bpy.types.Material:
    """Rubber, black plastic, lacquer: hardly any diffuse light comes back."""
    dark = rng.uniform(0.002, 0.03)
    return plain(name, (dark, dark, dark * rng.uniform(0.8, 1.3)), rng.choice([rng.uniform(0.05, 0.3), rng.uniform(0.4, 0.9)]))


def white(rng: Random, name: str) -> bpy.types.Material:
    light = rng.uniform(0.75, 0.95)
    return plain(name, (light, light * rng.uniform(0.95, 1), light * rng.uniform(0.9, 1)), rng.uniform(0.3, 0.9))


def glass(rng: Random, name: str, color: Color | None = None) -> bpy.types.Material:
    tint = color or hue(rng, (0, 0.5), (0.6, 1))
    return plain(name, tint, rng.choice([0.0, 0.0, rng.uniform(0.05, 0.3)]), Transmission_Weight=1.0, IOR=rng.uniform(1.3, 1.55))


def skin(rng: Random, name: str, color: Color | None = None) -> bpy.types.Material:
    """Subsurface: skin, wax, milk, marble, jade."""
    result = plain(name, color or hue(rng, (0.1, 0.7), (0.4, 0.95)), rng.uniform(0.3, 0.6), Subsurface_Weight=rng.uniform(0.4, 1))
    inputs = passes.node_tree(result).nodes["Principled BSDF"].inputs
    inputs["Subsurface Radius"].default_value = rng.choice([(1, 0.2, 0.1), (0.6, 0.6, 0.6), (0.3, 1, 0.5)])
    inputs["Subsurface Scale"].default_value = rng.uniform(0.02, 0.15)
    return result


def cloth(rng: Random, name: str, color: Color | None = None) -> bpy.types.Material:
    return plain(name, color or hue(rng, (0.1, 0.8), (0.1, 0.8)), 0.9, Sheen_Weight=rng.uniform(0, 0.8), Specular_IOR_Level=0.2)


def glow(rng: Random, name: str) -> bpy.types.Material:
    """A lamp, screen or light strip."""
    return plain(name, (0.8, 0.8, 0.8), 0.4, Emission_Strength=rng.uniform(0.6, 4))


def textured(rng: Random, name: str) -> bpy.types.Material:
    """A procedural texture or a painted picture, on any surface."""
    return surfaces.material(rng, name)


def muted(rng: Random, name: str) -> bpy.types.Material:
    return surfaces.material(rng, name, muted=True)


def chequers(rng: Random, name: str, squares: float | None = None, contrast: float | None = None) -> bpy.types.Material:
    """A chequered floor, in the object's own units; black and white as often as in two colours."""
    result = plain(name, (0.5, 0.5, 0.5), rng.choice([rng.uniform(0.05, 0.3), rng.uniform(0.4, 0.9)]))
    tree = passes.node_tree(result)
    node, space = tree.nodes.new("ShaderNodeTexChecker"), tree.nodes.new("ShaderNodeTexCoord")
    strong = rng.uniform(0.2, 1) if contrast is None else contrast
    light = hue(rng, (0, 0.15), (0.6, 0.9)) if rng.random() < 0.7 else hue(rng)
    dark = [channel * (1 - 0.9 * strong) for channel in light] if rng.random() < 0.7 else hue(rng, (0, 0.6), (0.05, 0.4))
    for index, color in ((1, light), (2, dark)):
        node.inputs[index].default_value = (*color, 1)
    node.inputs["Scale"].default_value = squares or rng.uniform(0.6, 4)
    tree.links.new(space.outputs["Object"], node.inputs["Vector"])
    tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    return result


def wood(rng: Random, name: str) -> bpy.types.Material:
    """Boards or grain in two browns."""
    result = plain(name, (0.3, 0.18, 0.1), rng.uniform(0.3, 0.8), Coat_Weight=rng.choice([0, 0, 0.5]))
    tree = passes.node_tree(result)
    brown = colorsys.hsv_to_rgb(rng.uniform(0.04, 0.1), rng.uniform(0.3, 0.7), rng.uniform(0.15, 0.6))
    colors = [(*brown, 1), (*(channel * rng.uniform(0.4, 0.85) for channel in brown), 1)]
    node, space = tree.nodes.new("ShaderNodeTexWave"), tree.nodes.new("ShaderNodeTexCoord")
    node.inputs["Scale"].default_value, node.inputs["Distortion"].default_value = rng.uniform(1, 6), rng.uniform(1, 8)
    tree.links.new(space.outputs["Object"], node.inputs["Vector"])
    output = next(node.outputs[name] for name in ("Factor", "Fac") if name in node.outputs)
    surfaces.ramp(rng, tree, output, tree.nodes["Principled BSDF"].inputs["Base Color"], colors)
    return result


def earth(rng: Random, name: str) -> bpy.types.Material:
    """Grass, sand, soil or snow in patches."""
    hues = rng.choice([(0.22, 0.36), (0.07, 0.13), (0.04, 0.1), (0.55, 0.6)])
    value = (0.6, 0.9) if hues[0] > 0.5 else (0.1, 0.55)
    colors = [(*colorsys.hsv_to_rgb(rng.uniform(*hues), rng.uniform(0.05, 0.7), rng.uniform(*value)), 1) for _ in range(2)]
    result = plain(name, colors[0][:3], rng.uniform(0.7, 1), Specular_IOR_Level=0.2)
    tree = passes.node_tree(result)
    noise = surfaces.scalar(rng, tree, "Noise", "Object")
    surfaces.ramp(rng, tree, noise, tree.nodes["Principled BSDF"].inputs["Base Color"], colors)
    return result


SURFACES = {
    plastic: 4,
    matt: 3,
    ceramic: 2,
    metal: 3,
    car_paint: 1,
    black: 1,
    white: 1.5,
    glass: 0.5,
    skin: 1,
    cloth: 1,
    textured: 3,
    wood: 1,
}
FLOORS = {matt: 2, plastic: 1, chequers: 2, wood: 1.5, muted: 2.5, white: 2, metal: 0.2, ceramic: 0.7}


def any_of(rng: Random, makers: dict, name: str) -> bpy.types.Material:
    return rng.choices(list(makers), list(makers.values()))[0](rng, name)


def anything(rng: Random, name: str) -> bpy.types.Material:
    """The surface of a thing."""
    return any_of(rng, SURFACES, name)


def floor(rng: Random, name: str) -> bpy.types.Material:
    return any_of(rng, FLOORS, name)


def on(objects, material: bpy.types.Material) -> list[bpy.types.Object]:
    """Give a material to an object or to several; returns them as a list."""
    found = [objects] if isinstance(objects, bpy.types.Object) else list(objects)
    for obj in found:
        obj.data.materials.clear()
        obj.data.materials.append(material)
    return found


def scaled(material: bpy.types.Material, factor: float) -> bpy.types.Material:
    """Make a texture's pattern finer by a factor."""
    for node in passes.node_tree(material).nodes:
        if "Scale" in node.inputs and not math.isclose(factor, 1):
            value = node.inputs["Scale"].default_value
            node.inputs["Scale"].default_value = value * factor if isinstance(value, float) else [x * factor for x in value]
    return material
