# SPDX-License-Identifier: GPL-3.0-or-later
"""Render the ten scripted scenes with passes, cryptomatte and labels of six classes: what networks are developed on, never trained on.

    python scripted.py --out renders/scripted                 # all
    python scripted.py --out renders/scripted --only robot    # one
    python scripted.py --out renders/scripted --save          # the scenes as .blend files, to look into

Each folder holds `render.####.exr` (the passes of the picture, as anybody's render: no label layer, no note in the header),
`beauty.####.png`, `label.####.png` (palette; the class is the index) and about.md. Needs OpenEXR and Pillow.
"""

import argparse
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
import exr
import numpy as np
import scenes
import tone_rules
import truth
from label_layer import choose, labelling, passes
from PIL import Image

SAMPLES = 24


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the scenes' folders")
    parser.add_argument("--only", nargs="+", choices=list(scenes.SCENES), default=list(scenes.SCENES), help="render just these")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="samples per pixel")
    parser.add_argument("--frames", type=int, nargs="+", default=[1, 2, 3], help="render just these frames")
    parser.add_argument("--save", action="store_true", help="write NAME.blend instead of rendering")
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    return parser.parse_args(own)


def prepare(name: str, samples: int) -> bpy.types.Scene:
    """Build a scene, with its size, view transform and sampling."""
    module = scenes.SCENES[name]
    module.build()
    scene = bpy.context.scene
    scene.name = name
    bounces = scene.cycles.max_bounces
    passes.sampling(scene, samples, denoise=True, fast=False)
    scene.cycles.max_bounces, scene.render.use_persistent_data = bounces, False
    scene.render.resolution_x, scene.render.resolution_y = module.SIZE
    scene.view_settings.view_transform, scene.view_settings.look = module.VIEW
    return scene


def label_picture(labels: np.ndarray) -> Image.Image:
    picture = Image.fromarray(labels, "P")
    picture.putpalette([channel for color in tone_rules.COLORS for channel in color])
    return picture


def render(name: str, args: argparse.Namespace) -> None:
    module, scene = scenes.SCENES[name], prepare(name, args.samples)
    folder = args.out / name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = labelling.Wanted(module.SHAPES, [], [], module.KEY, None, None, args.samples, label_only=False, ground=True)
    with labelling.labelled(scene, wanted, args.frames[0]) as made:
        lines = [_frame(made, frame, folder) for frame in args.frames]
        facts = {
            "key light": f"{made.key.name} ({made.key.data.type.lower()})",
            **dict(zip((f"frame {frame}" for frame in args.frames), lines, strict=True)),
            "shapes": choose.names(made.shapes),
            "view transform": " / ".join(module.VIEW),
            "notes of label_scene": "; ".join(made.notes) or "none",
        }
        table = [f"| {name} | {value} |" for name, value in facts.items()]
        made_by = f"Rendered with Cycles, Blender {bpy.app.version_string}, {args.samples} samples, denoised Combined."
        about = [f"# {name}", "", module.build.__doc__, "", "| | |", "|---|---|", *table, "", f"{made_by} Nobody may train on this.", ""]
    if args.frames == [1, 2, 3]:
        (folder / "about.md").write_text("\n".join(about))


def _frame(made: labelling.Labelled, frame: int, folder: Path) -> str:
    """Render one frame; returns what about.md says of it."""
    path = folder / f"render.{frame:04d}.exr"
    passes.multilayer(made.scene)  # save_view left it at PNG
    made.render(frame, path)
    passes.save_view(made.scene, folder / f"beauty.{frame:04d}.png")
    labels = truth.arrays(exr.read(path), made.direction, prefix="")["labels"]
    exr.keep_layer(path, "Beauty")
    label_picture(labels).save(folder / f"label.{frame:04d}.png", optimize=True)
    shares = np.bincount(labels.ravel(), minlength=len(tone_rules.CLASSES)) / labels.size
    counted = ", ".join(f"{name} {share:.1%}" for name, share in zip(tone_rules.CLASSES, shares, strict=True))
    print(f"{folder.name} {frame}: {counted}", flush=True)
    return f"light {passes.rounded(made.direction)}; camera {passes.camera_rotation(made.scene)}; {counted}"


def main() -> None:
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.only:
        if args.save:
            prepare(name, args.samples)
            bpy.ops.wm.save_as_mainfile(filepath=str((args.out / f"{name}.blend").resolve()))
        else:
            render(name, args)


if __name__ == "__main__":
    main()
