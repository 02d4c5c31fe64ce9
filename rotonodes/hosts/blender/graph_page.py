# SPDX-License-Identifier: GPL-3.0-or-later
"""The live page of a graph, served by rotonodes as a process of its own; one at a time, which ends with Blender or with the add-on."""

from pathlib import Path

import bpy

from . import command, flow, settings
from .job import FOLLOW, Job
from .label_layer.frames import Refused, file_of

START = "http://127.0.0.1:"
_open: list[Job] = []


def address() -> str:
    """Where the page is; empty where none is open."""
    if _open and not _open[0].poll():
        _open.clear()
    return next((line for job in _open for line in job.lines if line.startswith(START)), "")


def stop() -> None:
    while _open:
        _open.pop().stop()


def start(scene: bpy.types.Scene, folder: Path) -> flow.Steps:
    """Steps, as in `flow`, that open the page of the chosen graph; they return its address.

    Flat art has a graph once something was rendered: it is written beside the renders. Raises Refused.
    """
    stop()
    python, graph = settings.rotonodes_python(), settings.chosen_graph(scene)
    render = folder / "render" / f"{flow.name_of_file()}.####.exr"
    frames = [frame for frame in settings.frames_of_shot(scene) if file_of(render, frame).is_file()]
    flat = flow.wished(scene, render, folder, frames, flow.named_shapes(scene), graph)
    with flow.as_refused(f"cannot write {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{flow.name_of_file()}.yaml"
    if not graph:
        if not frames:
            raise Refused(f"{render.parent}: no frame is rendered, so that flat art has no graph yet: press Render & Flatten")
        yield 20, "writing the graph"
        lines = yield from _lines_of(python, [*command.art(flat), "-F", flat.frames, "--print-graph"], folder)
        with flow.as_refused(f"cannot write {file}"):
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with flow.as_refused(f"cannot start {python}"):
        job = Job(
            [str(python), str(FOLLOW), *command.page(flat, file)], folder if graph in command.READY else Path.cwd(), folder / flow.LOG
        )
    _open.append(job)
    try:
        while not address():
            if job.code is not None:
                raise Refused(f"{(job.error or 'the page did not open').removeprefix('error: ')} (log: {folder / flow.LOG})")
            yield 60, "opening the graph page"
    except BaseException:
        stop()
        raise
    return address()


def _lines_of(python: Path, arguments: list[str], folder: Path) -> flow.Steps:
    """What rotonodes prints. Raises Refused with its own line."""
    job = Job([str(python), str(FOLLOW), *arguments], Path.cwd(), folder / flow.LOG)
    try:
        while job.poll():
            yield 40, "writing the graph"
    finally:
        job.stop()
    if job.code:
        raise Refused(f"{job.error.removeprefix('error: ')} (log: {folder / flow.LOG})")
    return job.lines
