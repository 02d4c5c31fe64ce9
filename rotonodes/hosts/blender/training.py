# SPDX-License-Identifier: GPL-3.0-or-later
"""Train a network on a few frames of the scene, whose labels are the scene's own; steps as in `flow`."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import bpy

from . import command, flow, result, settings

FRAMES = 6  # of the shot, that the network learns from
FOLDER = "training"  # in the output folder
CURVE = "Rotonodes Training"  # image of the loss
RENDER_SHARE = 20  # percent of the time, as a guess


def train(scene: bpy.types.Scene, folder: Path) -> Iterator[tuple[int, str]]:
    """Render frames with their label layer and train on them; returns the file of the weights.

    The curve of the loss is an image that the editors of images show. Raises Refused with the one line that says what is wrong; the
    scene is as before whatever happens.
    """
    python = settings.rotonodes_python()
    settings.needs_camera(scene)
    own, frames = scene.rotonodes, command.spread(settings.frames_of_shot(scene), FRAMES)
    folder = folder / FOLDER
    pattern = folder / "render" / f"{flow.name_of_file()}.####.exr"
    with flow.as_refused(f"cannot write {pattern.parent}"):
        pattern.parent.mkdir(parents=True, exist_ok=True)
    with flow.label_copy(scene, frames, 100) as (shapes, render):
        yield from flow.render_all(render, frames, pattern, RENDER_SHARE)
    wanted = command.Training(pattern, folder, frames, shapes, own.learns == "PASSES", own.ground, own.steps)
    with flow.as_refused(f"cannot remove the training of before, {wanted.logs}"):
        if wanted.logs.exists():
            shutil.rmtree(wanted.logs)
    steps = flow.run(python, wanted.arguments(), folder / flow.LOG, "training", RENDER_SHARE)
    outputs = yield from with_curve(steps, wanted.logs / "loss.png")
    return next((path for path in outputs if path.endswith(".safetensors")), "")


def with_curve(steps: flow.Steps, picture: Path) -> flow.Steps:
    """Take steps, and show a picture whenever it is written anew; returns what they return."""
    shown = 0
    try:
        while True:
            try:
                told = next(steps)
            except StopIteration as end:
                return end.value
            finally:
                if picture.is_file() and (changed := picture.stat().st_mtime_ns) != shown:
                    shown = changed
                    result.load(str(picture), [1], CURVE)
            yield told
    finally:
        steps.close()
