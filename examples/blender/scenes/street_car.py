# SPDX-License-Identifier: GPL-3.0-or-later
import itertools
import math

import bmesh
import bpy
import paint
import parts

from . import kit

SHAPES, KEY, SIZE, VIEW = ["Car*"], "Sun", (320, 200), ("AgX", "AgX - Medium High Contrast")

# the hull at stations along it: (y, half its width, height of the sill, height of the waist)
STATIONS = (
    (-2.05, 0.62, 0.35, 0.55), (-1.9, 0.8, 0.24, 0.68), (-1.3, 0.86, 0.2, 0.84), (-0.75, 0.88, 0.2, 0.9), (-0.1, 0.88, 0.2, 0.92),
    (0.8, 0.88, 0.2, 0.94), (1.5, 0.86, 0.2, 0.96), (1.95, 0.8, 0.28, 0.9), (2.05, 0.66, 0.4, 0.75),
)  # fmt: skip


def hull() -> bpy.types.Object:
    """The lower body as cross sections that a subdivision rounds."""
    form, rows = bmesh.new(), []
    for y, half, sill, waist in STATIONS:
        profile = [(0, sill), (half * 0.9, sill), (half, (sill + waist) / 2), (half * 0.93, waist), (0, waist + 0.03)]
        rows.append([form.verts.new((x, y, z)) for x, z in profile])
    for low, high in itertools.pairwise(rows):
        for j in range(4):
            form.faces.new((low[j], low[j + 1], high[j + 1], high[j]))
    form.faces.new(rows[0][::-1])
    form.faces.new(rows[-1])
    obj = parts.of_bmesh(form, "hull", smooth=True)
    mirror = obj.modifiers.new("mirror", "MIRROR")
    mirror.use_clip = True
    return parts.subdivided(obj, 3)


def cabin(grow: float, top: float) -> bpy.types.Object:
    """The glass house over the waist; once more as a thin roof."""
    rings = [(0.9, -0.8, 1.75, 0.78), (1.3, -0.15, 1.15, 0.66), (1.42, 0.1, 0.85, 0.56)]
    form, rows = bmesh.new(), []
    for z, front, back, half in rings:
        if z < top:
            continue
        corners = [(-half, front), (half, front), (half, back), (-half, back)]
        rows.append([form.verts.new((x * (1 + grow), y, z + grow)) for x, y in corners])
    for low, high in itertools.pairwise(rows):
        for j in range(4):
            form.faces.new((low[j], low[(j + 1) % 4], high[(j + 1) % 4], high[j]))
    form.faces.new(rows[-1])
    obj = parts.of_bmesh(form, "cabin", smooth=True)
    bevel = obj.modifiers.new("bevel", "BEVEL")
    bevel.width, bevel.segments = 0.06, 3
    return obj


def car() -> None:
    lacquer = paint.plain("Lacquer", (0.55, 0.03, 0.02), 0.35, Metallic=0.3, Coat_Weight=1.0, Coat_Roughness=0.02)
    glass = paint.plain("Glass", (0.02, 0.03, 0.03), 0.03, Coat_Weight=1.0)
    chrome, rubber = paint.plain("Chrome", (0.8, 0.8, 0.8), 0.08, Metallic=1.0), paint.plain("Rubber", (0.02, 0.02, 0.02), 0.8)
    pieces = [
        kit.named(hull(), "Car body", lacquer),
        kit.named(cabin(0.0, 0), "Car glass", glass),
        kit.named(cabin(0.012, 1.2), "Car roof", lacquer),
    ]
    for x in (-1, 1):
        for (y0, z0), (y1, z1) in (((-0.8, 0.9), (-0.1, 1.37)), ((1.75, 0.9), (1.1, 1.37)), ((0.5, 0.92), (0.48, 1.4))):
            pieces.append(kit.named(parts.rod((x * 0.78, y0, z0), (x * 0.62, y1, z1), 0.03, sides=12), "Car pillar", lacquer))
        for y in (-1.25, 1.3):
            pieces.append(kit.named(parts.ring(0.25, 0.09, (x * 0.8, y, 0.34), (0, math.pi / 2, 0)), "Car tyre", rubber))
            pieces.append(kit.named(parts.rod((x * 0.74, y, 0.34), (x * 0.86, y, 0.34), 0.2, sides=48), "Car rim", chrome))
            for k in range(5):
                a = k * 2 * math.pi / 5
                spoke = parts.box((0.03, 0.05, 0.19), (x * 0.87, y + 0.1 * math.sin(a), 0.34 + 0.1 * math.cos(a)), turn=(-a, 0, 0))
                pieces.append(kit.named(spoke, "Car spoke", rubber))
        pieces.append(kit.named(parts.ball(0.13, (x * 0.58, -1.93, 0.6), (1, 0.5, 0.8)), "Car lamp", chrome))
        pieces.append(
            kit.named(
                parts.box((0.28, 0.05, 0.09), (x * 0.55, 2.0, 0.74), 0.02), "Car rear lamp", paint.plain("Red", (0.5, 0.01, 0.01), 0.1)
            )
        )
        pieces.append(kit.named(parts.box((0.06, 0.14, 0.1), (x * 0.95, -0.55, 0.98), 0.03), "Car mirror", lacquer))
    pieces.append(kit.named(parts.box((1.3, 0.08, 0.1), (0, -2.05, 0.36), 0.03), "Car bumper", chrome))
    kit.keyed(kit.hang(pieces, "Car place"), "location", (0, 0.35, 0), (0, -0.35, 0))


def build() -> None:
    """A lacquered car that drives along a street with a house front behind, by afternoon sun under a blue sky."""
    kit.empty(6)
    car()
    kit.wall((60, 60), (0, 0, -0.1), (0, 0, 0), "Pavement", paint.plain("Concrete", (0.35, 0.34, 0.32), 0.9))
    asphalt = paint.plain("Asphalt", (0.09, 0.09, 0.1), 0.85)
    kit.texture(asphalt, "Noise", [(0.06, 0.06, 0.065), (0.13, 0.13, 0.13)], 12, Detail=8.0)
    kit.named(parts.box((5, 60, 0.1), (0.8, 0, -0.05)), "Road", asphalt)
    kit.all_named(
        [parts.box((0.12, 1.4, 0.004), (2.0, 3.0 * i, 0.002)) for i in range(-4, 5)], "Line", paint.plain("White", (0.8, 0.8, 0.8), 0.8)
    )
    facade, pane = paint.plain("Facade", (0.6, 0.5, 0.38), 0.9), paint.plain("Pane", (0.05, 0.07, 0.1), 0.05)
    kit.texture(facade, "Brick", [(0.5, 0.42, 0.3), (0.65, 0.55, 0.42)], 2)
    kit.named(parts.box((1, 26, 7), (-4.6, 0, 3.4)), "House", facade)
    kit.all_named([parts.box((0.1, 1.2, 1.6), (-4.08, 2.6 * i, 2.2)) for i in range(-4, 5)], "Window", pane)
    kit.lamp("SUN", "Sun", (0, 0, 5), 4.2, (-1.3, -2.6, 2.9), 0.5, (1, 0.92, 0.8))
    kit.world((0.6, 0.75, 0.95), 0.7, (0.12, 0.3, 0.75), (0.2, 0.2, 0.18))
    kit.camera((4.9, -5.3, 1.6), (5.1, -5.0, 1.65), (0, -0.1, 0.6), 42)
