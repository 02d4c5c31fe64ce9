# SPDX-License-Identifier: GPL-3.0-or-later
"""Build one shape of every kind, and one of every model file, each with modifiers, motion and a material; say how large they are.

python kinds.py folder-of-models sizes.json
"""

import json
import sys
from pathlib import Path
from random import Random

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "blender"))
import motion
import shapes
import surfaces
from label_layer import passes


def size(obj: bpy.types.Object, frame: int) -> list[float]:
    """Sides of an object's box in a frame, after all modifiers."""
    bpy.context.scene.frame_set(frame)
    return list(obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).dimensions)


def sizes(models: Path) -> dict[str, list]:
    makers = {kind: maker for kind, (maker, _, _) in shapes.KINDS.items()}
    makers |= {path.name: lambda _, path=path: shapes.model(path) for path in shapes.model_files(models)}
    found = {}
    for number, (kind, maker) in enumerate(makers.items()):
        passes.empty_scene()
        rng = Random(number)
        obj = maker(rng)
        shapes.place(obj, passes.SHAPES, "shape0")
        bare = size(obj, 1)
        shapes.deform(rng, obj, kind, smooth=True)
        motion.spin(rng, obj, 2)
        (motion.bulge if number % 2 else motion.bend)(rng, obj, 2)
        obj.data.materials.append(surfaces.material(rng, kind))
        found[kind] = [bare, size(obj, 1), size(obj, 2)]
    return found


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(sizes(Path(sys.argv[1]))))
