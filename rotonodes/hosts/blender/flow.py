# SPDX-License-Identifier: GPL-3.0-or-later
"""Render and flatten, step by step: generators that yield (percent, what is being done) and clean up however they end."""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import bpy

from . import command, settings
from .job import FOLLOW, Job
from .label_layer import choose, labelling, passes
from .label_layer.frames import Refused, file_of
from .prepare import prepare

Steps = Iterator[tuple[int, str]]
LOG = "rotonodes.log"
NOTES: list[str] = []  # what a user should know of the last scene that was rendered
RENDER_SHARE = 60  # percent of the time, as a guess


def name_of_file() -> str:
    """A name for the results: that of the .blend file."""
    return Path(bpy.data.filepath).stem.replace("#", "_") or "untitled"


def every_key(scene: bpy.types.Scene, frames: Sequence[int], folder: Path) -> Iterator[tuple[int, str]]:
    """`render_and_flatten` for the key light, and for each further one in a folder of its name; returns the patterns by those names.

    The key light's own name is empty.
    """
    further, made = settings.further_keys(scene), {}
    for done, key in enumerate(["", *further]):
        place = folder / re.sub(r"[^\w.-]", "_", key) if key else folder
        steps = render_and_flatten(scene, frames, place, key=key)
        made[key] = yield from _part(steps, done, len(further) + 1, f"{key}: " if key else "")
    return made


def _part(steps: Steps, done: int, count: int, before: str) -> Steps:
    """Steps as those after `done` of `count` parts, with a word `before` their texts; returns what they return."""
    try:
        while True:
            percent, text = next(steps)
            yield (100 * done + percent) // count, before + text
    except StopIteration as end:
        return end.value
    finally:
        steps.close()


def render_and_flatten(
    scene: bpy.types.Scene, frames: Sequence[int], folder: Path, percentage: int = 100, key: str = ""
) -> Iterator[tuple[int, str]]:
    """Render `frames` of a scene and flatten them; returns the pattern of the flat pictures. `key` is another key light than the scene's.

    Raises Refused with the one line that says what is wrong; the scene is as before whatever happens.
    """
    python = settings.rotonodes_python()
    settings.needs_camera(scene)
    graph, _ = settings.chosen_graph(scene), settings.chosen_weights(scene)
    pattern = folder / "render" / f"{name_of_file()}.####.exr"
    with as_refused(f"cannot write {pattern.parent}"):
        pattern.parent.mkdir(parents=True, exist_ok=True)
    with (label_copy if scene.rotonodes.exact else plain_copy)(scene, frames, percentage, key) as (shapes, render):
        yield from render_all(render, frames, pattern, RENDER_SHARE)
    flat = wished(scene, pattern, folder, frames, shapes, graph)
    return (yield from flatten(python, flat))


def render_all(render, frames: Sequence[int], pattern: Path, share: int) -> Steps:
    """Render frames by the function of a copy of a scene, up to `share` percent. Raises Refused."""
    for done, frame in enumerate(frames):
        yield done * share // len(frames), f"rendering frame {frame} ({done + 1} of {len(frames)})"
        with as_refused(f"frame {frame}: the render failed or was stopped"):
            render(frame, file_of(pattern, frame))


def flatten(python: Path, flat: command.Flat) -> Iterator[tuple[int, str]]:
    """Run rotonodes on renders; returns the pattern of the flat pictures. Raises Refused with rotonodes' own line."""
    outputs = yield from run(python, command.arguments(flat), flat.folder / LOG, "flattening", RENDER_SHARE)
    return picture_pattern(outputs)


def run(python: Path, arguments: Sequence[str], log: Path, doing: str, share: int) -> Iterator[tuple[int, str]]:
    """Run rotonodes, from `share` percent on; returns its outputs. Raises Refused with rotonodes' own line."""
    with as_refused(f"cannot write {log}"):
        job = Job([str(python), str(FOLLOW), *arguments], Path.cwd(), log)
    try:
        while job.poll():
            yield share + job.percent * (100 - share) // 100, f"{doing}: {job.status}"
    finally:
        job.stop()
    if job.code:
        raise Refused(f"{(job.error or f'rotonodes ended with code {job.code}').removeprefix('error: ')} (log: {log})")
    return job.outputs


def picture_pattern(outputs: Sequence[str]) -> str:
    """The picture sequence among the outputs of a run, else its first file."""
    stills = [path for path in outputs if path.lower().endswith((".png", ".exr", ".tif", ".jpg", ".webp"))]
    return next(iter(stills or outputs), "")


def wished(scene, pattern: Path, folder: Path, frames: Sequence[int], shapes: Sequence[str], graph: str) -> command.Flat:
    """The settings of a scene, for the command line."""
    own = scene.rotonodes
    return command.Flat(
        render=pattern,
        folder=folder,
        graph=graph,
        shapes=shapes,
        exact=own.exact,
        weights=settings.chosen_weights(scene),
        palette=settings.palette(scene),
        line_width=own.line_width if own.own_width else None,
        ground=own.ground,
        frames=",".join(map(str, frames)),
        fps=scene.render.fps / scene.render.fps_base,
    )


@contextmanager
def label_copy(scene: bpy.types.Scene, frames: Sequence[int], percentage: int, key: str = ""):
    """A copy of the scene with its label layers: (names of the shapes in the cryptomatte, function that renders a frame).

    `key` is the name of the key light; empty for the scene's own, or the strongest.
    """
    patterns, groups = settings.chosen_shapes(scene)
    own = scene.rotonodes
    key = key or (own.key.name if own.key else None)
    out = command.patterns(own.leave_out)
    wanted = labelling.Wanted(patterns, groups, out, key, None, None, None, label_only=False, ground=own.ground)
    with labelling.labelled(scene, wanted, frames[0]) as made:
        made.scene.render.resolution_percentage = max(1, scene.render.resolution_percentage * percentage // 100)
        NOTES[:] = made.notes
        known = choose.cryptomatte_names(made.scene.view_layers["Beauty"], made.shapes)
        yield sorted({name for names in known.values() for name in names}), made.render


@contextmanager
def plain_copy(scene: bpy.types.Scene, frames: Sequence[int], percentage: int, _: str = ""):
    """A copy of the scene with the passes that rotonodes reads, as `label_copy`; no names where no shapes are chosen."""
    NOTES.clear()
    copy = scene.copy()
    try:
        prepare(copy)
        copy.render.use_compositing = copy.render.use_sequencer = False
        copy.render.resolution_percentage = max(1, scene.render.resolution_percentage * percentage // 100)

        def render(frame: int, path: Path) -> None:
            copy.frame_set(frame)
            passes.metadata(copy, camera=passes.camera_rotation(copy))
            labelling.render_apart(copy, frame, path)

        yield named_shapes(scene), render
    finally:
        bpy.data.scenes.remove(copy)


def named_shapes(scene: bpy.types.Scene) -> list[str]:
    """The chosen shapes by the names that the cryptomatte has for them; none where nothing is chosen: rotonodes chooses."""
    try:
        patterns, groups = settings.chosen_shapes(scene)
    except Refused:
        return []
    layer = choose.view_layer(scene, None)
    seen = [obj for obj in dict.fromkeys(choose.rendered(layer.layer_collection)) if obj.type in choose.SURFACES or choose.inside(obj)]
    known = choose.cryptomatte_names(layer, choose.shapes(scene, seen, patterns, groups))
    return sorted({name for names in known.values() for name in names})


@contextmanager
def as_refused(what: str):
    """Errors of Blender and of the disk as one line."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        why = " ".join(str(error).removeprefix("Error: ").split())
        if isinstance(error, OSError) and error.strerror:
            why = error.strerror
        raise Refused(f"{what}: {why}") from None


def to_the_end(steps: Steps, told=print, pause: float = 0.05) -> str:
    """Take all steps, and say each that is new; returns what they return."""
    said = ""
    while True:
        try:
            _, text = next(steps)
        except StopIteration as end:
            return end.value
        except BaseException:
            steps.close()
            raise
        if text != said:
            told(f"rotonodes: {text}")
            said = text
        else:
            time.sleep(pause)
