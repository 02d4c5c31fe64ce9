# SPDX-License-Identifier: GPL-3.0-or-later
"""Label the tones of your own scene: multilayer EXRs with its picture and the truth of its tones, for training and measuring.

    python label_scene.py scene.blend --shapes "Char*" --key Sun --out renders/shot/render.####.exr --frames 1-24
    blender -b scene.blend --python label_scene.py -- --collections Hero --out renders/shot/render.####.exr

Everything happens in a copy of the scene in memory. The .blend file is not written.
"""

import argparse
import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parent))  # Blender does not add a script's folder
from label_layer import choose, labelling, passes
from label_layer.frames import file_of, numbers


def arguments(own: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="label_scene.py", description=__doc__.split("\n")[0])
    parser.add_argument("blend", nargs="?", type=Path, help="file to open; inside Blender the one that is open will do")
    parser.add_argument("--out", type=Path, help="pictures to write, as in renders/shot/render.####.exr")
    parser.add_argument("--shapes", nargs="+", default=[], metavar="NAME", help="objects to label, wildcards allowed")
    parser.add_argument("--collections", nargs="+", default=[], metavar="NAME", help="collections to label, wildcards allowed")
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="NAME", help="objects that Label does not see: glass, sky domes")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key", metavar="LIGHT", help="the key light, whose shading the tones are; the strongest by default")
    key.add_argument("--direction", nargs=3, type=float, metavar=("X", "Y", "Z"), help="towards the light, where it is no object")
    parser.add_argument("--frames", help="such as 1-24, 1,5,9 or 1-24x2; the scene's own by default")
    parser.add_argument("--scene", help="scene to render; the one that was open by default")
    parser.add_argument("--view-layer", help="view layer of the picture; the first that is rendered by default")
    parser.add_argument("--samples", type=int, help="samples per pixel of the picture; the scene's own by default")
    parser.add_argument("--ground", action="store_true", help="tell the shapes' shadow on everything else too, as a sixth class")
    parser.add_argument("--label-only", action="store_true", help="render no picture, for those that you have already")
    parser.add_argument("--scripts", action="store_true", help="let the file run its own scripts and drivers: only if you trust it")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be rendered, with every name")
    parser.add_argument("--save-as", type=Path, metavar="BLEND", help="write the prepared scene to another file instead of rendering")
    args = parser.parse_args(own)
    if not (args.shapes or args.collections):
        parser.error("say what to label: --shapes or --collections")
    if args.out is None and (args.save_as or not args.dry_run):
        parser.error("--out is missing: pictures to write, as in renders/shot/render.####.exr")
    if args.out is not None and ("#" not in args.out.name or args.out.suffix.lower() != ".exr"):
        parser.error(f"--out {args.out}: give a name such as render.####.exr")
    if args.direction and not any(args.direction):
        parser.error("--direction 0 0 0 points nowhere")
    return args


def open_scene(args: argparse.Namespace) -> bpy.types.Scene:
    """The scene to label, from the file that is named or open. Raises Refused."""
    if args.blend:
        try:
            bpy.ops.wm.open_mainfile(filepath=str(args.blend.resolve()), load_ui=False, use_scripts=args.scripts)
        except RuntimeError as error:
            raise choose.Refused(f"{args.blend}: {' '.join(str(error).removeprefix('Error: ').split())}") from None
    elif not bpy.data.filepath:
        raise choose.Refused("no scene: name a .blend file")
    if args.scene and args.scene not in bpy.data.scenes:
        raise choose.Refused(f"no scene {args.scene} in this file: there are {choose.names(bpy.data.scenes)}")
    return bpy.data.scenes[args.scene] if args.scene else bpy.context.scene


def cautions(scene: bpy.types.Scene) -> list[str]:
    """What a user should know about the file, a line each."""
    found = []
    if others := choose.names(other for other in bpy.data.scenes if other != scene):
        found.append(f"the file has other scenes, {others}, which --scene chooses")
    missing = [library for library in bpy.data.libraries if not Path(bpy.path.abspath(library.filepath)).exists()]
    if missing:
        found.append(f"linked files that are not there: {', '.join(library.filepath for library in missing)}")
    if bpy.app.autoexec_fail:
        found.append(f"scripts of the file did not run ({bpy.app.autoexec_fail_message}): --scripts lets them, if you trust it")
    return found


def listed(made: labelling.Labelled) -> str:
    """The shapes by the names that the cryptomatte has for them."""
    known = choose.cryptomatte_names(made.scene.view_layers["Beauty"], made.shapes)
    lines = [name if name == obj.name else f"{name} (instanced by {obj.name})" for obj, names in known.items() for name in names]
    return choose.shortened(sorted(dict.fromkeys(lines)))


def describe(made: labelling.Labelled, frames: list[int], out: Path | None) -> None:
    render = made.scene.render
    width, height = (side * render.resolution_percentage // 100 for side in (render.resolution_x, render.resolution_y))
    source = f"{made.key.name} ({made.key.data.type.lower()} light)" if made.key else "as given"
    if made.key and made.key.data.type != "SUN":
        source += ", from the middle of the shapes"
    files = f", {file_of(out, frames[0])} to {file_of(out, frames[-1]).name}" if out else ""
    print(f"frames: {len(frames)} of {width} x {height}{files}")
    print(f"shapes: {listed(made)}")
    print(f"key light: {source}, direction {passes.rounded(made.direction)} in frame {frames[0]}")
    for note in made.notes:
        print(f"note: {note}")
    print('labels: TonesFromPasses with objects: "*", for Label shows nothing but the shapes', flush=True)
    if passes.GROUND in made.scene.view_layers:
        print("ground: the layers Ground and Bare tell where shapes take the light from everything else", flush=True)


def render(made: labelling.Labelled, frames: list[int], out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    for done, frame in enumerate(frames, start=1):
        path = file_of(out, frame)
        made.render(frame, path)
        print(f"frame {frame} ({done} of {len(frames)}): {path}", flush=True)


def save(made: labelling.Labelled, frames: list[int], out: Path, path: Path) -> None:
    """Write a .blend whose scene renders the labels by itself. Raises Refused.

    Its header is the same in all frames, so the key light has to stand still, and a camera that moves is not noted.
    """
    if bpy.data.filepath and path.resolve() == Path(bpy.data.filepath).resolve():
        raise choose.Refused(f"--save-as {path} is the scene's own file: choose another name")
    noted = []
    for frame in frames:
        made.go_to(frame)
        noted.append(made.header())
    same = {name: value for name, value in noted[0].items() if all(other[name] == value for other in noted)}
    if "key_direction" not in same:
        raise choose.Refused("--save-as: the direction to the key light changes, and only renders by this script note it frame by frame")
    passes.metadata(made.scene, **same)
    made.scene.frame_start, made.scene.frame_end = frames[0], frames[-1]
    made.scene.render.filepath = bpy.path.relpath(str(out.resolve()), start=str(path.resolve().parent))
    made.scene.use_fake_user = True  # copies of scenes have no users, and what has none is not saved
    with bpy.context.temp_override(scene=made.scene, view_layer=made.scene.view_layers[0]):
        bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()), copy=True)
    print(f'wrote {path}; render it with: blender -b {path} -S "{made.scene.name}" -a')


def label(args: argparse.Namespace) -> None:
    """Raises Refused for what cannot be done, RuntimeError or OSError for a frame that fails."""
    choose.ListLength.whole = args.dry_run  # who asks what would be done sees every name
    scene = open_scene(args)
    step = range(scene.frame_start, scene.frame_end + 1, scene.frame_step)
    frames = numbers(args.frames) if args.frames else list(step)
    wanted = labelling.Wanted(
        args.shapes,
        args.collections,
        args.leave_out,
        args.key,
        args.direction,
        args.view_layer,
        args.samples,
        args.label_only,
        args.ground,
    )
    print(f"scene: {scene.name}")
    for caution in cautions(scene):
        print(f"note: {caution}")
    with labelling.labelled(scene, wanted, frames[0]) as made:
        describe(made, frames, args.out)
        if args.save_as:
            save(made, frames, args.out, args.save_as)
        elif not args.dry_run:
            render(made, frames, args.out)


def main() -> int:
    """Exit code 0 when all frames are there, 1 when one failed, 2 when the scene cannot be labelled so, 130 when interrupted."""
    # inside Blender only what follows `--` is ours
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    try:
        label(arguments(own))
    except choose.Refused as error:
        print(f"label_scene: {error}", file=sys.stderr)
        return 2
    except (RuntimeError, OSError) as error:
        print(f"label_scene: the render failed or was stopped: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("label_scene: interrupted; the frames that are there are whole", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
