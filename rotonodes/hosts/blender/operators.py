# SPDX-License-Identifier: GPL-3.0-or-later
"""The buttons. In the background each does all of its work at once; in a window it runs step by step, and Esc cancels it."""

import shutil
import sys
import tempfile
from pathlib import Path

import bpy

from . import environment, flow, graph_page, result, settings, training
from .job import Job
from .label_layer.frames import Refused
from .prepare import prepare

TICK = 0.1  # seconds


class Stepwise:
    """An operator made of steps: `steps(context)` is a generator as in `flow`, `done(context, value)` takes what it returns."""

    _steps = _timer = None

    def execute(self, context):
        try:
            self.done(context, flow.to_the_end(self.steps(context)))
        except Refused as error:
            return self.refuse(error)
        except KeyboardInterrupt:
            self.report({"WARNING"}, "rotonodes: interrupted")
            return {"CANCELLED"}
        return {"FINISHED"}

    def invoke(self, context, event):
        if bpy.app.background:
            return self.execute(context)
        self._steps = self.steps(context)
        self._timer = context.window_manager.event_timer_add(TICK, window=context.window)
        context.window_manager.progress_begin(0, 100)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context, event):
        if event.type == "ESC":
            return self.end(context, {"CANCELLED"}, "rotonodes: cancelled")
        if event.type != "TIMER":
            return {"RUNNING_MODAL"}
        try:
            percent, text = next(self._steps)
        except StopIteration as end:
            try:
                self.done(context, end.value)
            except Refused as error:
                self.end(context, {"CANCELLED"})
                return self.refuse(error)
            return self.end(context, {"FINISHED"})
        except Refused as error:
            self.end(context, {"CANCELLED"})
            return self.refuse(error)
        context.window_manager.progress_update(percent)
        context.workspace.status_text_set(f"Rotonodes {percent} %: {text}   (Esc cancels)")
        return {"RUNNING_MODAL"}

    def cancel(self, context):
        """Blender closes, or opens another file."""
        self.end(context, {"CANCELLED"})

    def end(self, context, how, said=""):
        if self._steps is not None:
            self._steps.close()  # ends what runs, and takes the copy of the scene away
            context.window_manager.event_timer_remove(self._timer)
            context.window_manager.progress_end()
            context.workspace.status_text_set(None)
            self._steps = None
        if said:
            self.report({"WARNING"}, said)
        return how

    def refuse(self, error):
        print(f"rotonodes: {error}", file=sys.stderr)
        self.report({"ERROR"}, str(error))
        return {"CANCELLED"}


class ROTONODES_OT_prepare(bpy.types.Operator):
    """Switch on the passes, the cryptomatte and the multilayer EXR that rotonodes reads"""

    bl_idname = "rotonodes.prepare"
    bl_label = "Prepare Scene"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context):
        try:
            changed = prepare(context.scene)
        except Refused as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, "; ".join(changed) or "the scene is prepared already")
        return {"FINISHED"}


class ROTONODES_OT_flatten(Stepwise, bpy.types.Operator):
    """Render the frames, flatten them and show the result in the image editor"""

    bl_idname = "rotonodes.flatten"
    bl_label = "Render & Flatten"

    def steps(self, context):
        scene = context.scene
        self.frames = settings.chosen_frames(scene)
        return (yield from flow.every_key(scene, self.frames, settings.output_folder(scene)))

    def done(self, context, patterns):
        for key, pattern in patterns.items():
            if key:
                result.load(pattern, self.frames, f"{result.NAME} {key}")
        pattern = patterns[""]  # last, so that image editors show it
        result.to_compositor(context.scene, result.load(pattern, self.frames), self.frames)
        for note in flow.NOTES:
            self.report({"WARNING"}, note)
        self.report({"INFO"}, f"{len(self.frames)} flat frames: {pattern}")


class ROTONODES_OT_preview(Stepwise, bpy.types.Operator):
    """Flatten the current frame, small, and show it in the image editor"""

    bl_idname = "rotonodes.preview"
    bl_label = "Preview Frame"

    def steps(self, context):
        scene = context.scene
        self.frames = [scene.frame_current]
        self.folder = Path(tempfile.mkdtemp(prefix="rotonodes-"))
        try:
            pattern = yield from flow.render_and_flatten(scene, self.frames, self.folder, scene.rotonodes.preview)
            image = result.load(pattern, self.frames, "Rotonodes Preview")
            image.pack()  # the files go away
            return pattern
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def done(self, context, pattern):
        self.report({"INFO"}, f"frame {self.frames[0]} at {context.scene.rotonodes.preview} %")


class ROTONODES_OT_train(Stepwise, bpy.types.Operator):
    """Render six frames of the shot with their exact tones, and train a network on them, which then finds the tones of other renders"""

    bl_idname = "rotonodes.train"
    bl_label = "Train on This Scene"

    def steps(self, context):
        return (yield from training.train(context.scene, settings.output_folder(context.scene)))

    def done(self, context, weights):
        own = context.scene.rotonodes
        own.weights, own.exact = weights, False
        for note in flow.NOTES:
            self.report({"WARNING"}, note)
        self.report({"INFO"}, f"trained, and chosen as Weights, with Exact Tones off: {weights}")


class ROTONODES_OT_open_page(Stepwise, bpy.types.Operator):
    """Open the chosen graph in the browser: every node's picture and parameters, runs and undo; the page is served to this machine only"""

    bl_idname = "rotonodes.open_page"
    bl_label = "Open Graph Page"

    def steps(self, context):
        if open_already := graph_page.address():
            return open_already
        return (yield from graph_page.start(context.scene, settings.output_folder(context.scene)))

    def done(self, context, address):
        if not bpy.app.background:
            bpy.ops.wm.url_open(url=address)
        self.report({"INFO"}, f"graph page: {address}")


class ROTONODES_OT_close_page(bpy.types.Operator):
    """End the graph page; the file has every change already"""

    bl_idname = "rotonodes.close_page"
    bl_label = "Close Graph Page"

    @classmethod
    def poll(cls, context):
        return bool(graph_page.address())

    def execute(self, context):
        graph_page.stop()
        return {"FINISHED"}


class ROTONODES_OT_from_selection(bpy.types.Operator):
    """Take the selected objects as shapes"""

    bl_idname = "rotonodes.from_selection"
    bl_label = "From Selection"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context):
        names = sorted(obj.name for obj in context.selected_objects if obj.type not in {"LIGHT", "CAMERA"})
        if not names:
            self.report({"ERROR"}, "nothing is selected that could be a shape")
            return {"CANCELLED"}
        context.scene.rotonodes.shapes = ", ".join(names)
        return {"FINISHED"}


class ROTONODES_OT_install(Stepwise, bpy.types.Operator):
    """Install rotonodes into a virtual environment of the add-on's own; Blender's Python stays as it is"""

    bl_idname = "rotonodes.install"
    bl_label = "Install Rotonodes"

    def steps(self, context):
        folder, source = settings.own_environment(), settings.preferences().source
        if not (bpy.app.online_access or Path(source).is_absolute()):
            raise Refused(
                f"{source}: Blender may not go online: Preferences > System > Allow Online Access, or name a file by its full path"
            )
        python = environment.python_in(folder)
        commands = [[sys.executable, "-m", "venv", str(folder)], [str(python), "-m", "pip", "install", "--upgrade", source]]
        for part, words in enumerate(commands):
            log = folder.parent / flow.LOG
            with flow.as_refused(f"cannot start {words[0]}"):
                job = Job(words, folder.parent, log, follows=False)
            try:
                while job.poll():
                    yield 50 * part, job.status[:100]
            finally:
                job.stop()
            if job.code:
                raise Refused(f"{job.error or 'the installation failed'} (log: {log})")
        environment.forget()
        if fault := environment.fault_of(str(python)):
            raise Refused(fault)
        return str(python)

    def done(self, context, python):
        self.report({"INFO"}, f"rotonodes is installed: {python}")


CLASSES = (
    ROTONODES_OT_prepare,
    ROTONODES_OT_flatten,
    ROTONODES_OT_preview,
    ROTONODES_OT_train,
    ROTONODES_OT_open_page,
    ROTONODES_OT_close_page,
    ROTONODES_OT_from_selection,
    ROTONODES_OT_install,
)
