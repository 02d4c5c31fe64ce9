"""What the page has open: the graph file with its positions, the previews, and the run. Everything here may take its time: it is called
from threads, never from the server's loop."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from rotonodes.errors import RotoError, UsageError
from rotonodes.page.graph_edits import Op, pasted_names
from rotonodes.page.graph_run import GraphRun, refuse_faults
from rotonodes.page.graph_state import GraphState, read_state, state_data
from rotonodes.page.live_pages import LivePages
from rotonodes.page.node_positions import NodePositions
from rotonodes.page.open_graph import OpenGraph
from rotonodes.page.picture_jobs import PictureJobs
from rotonodes.page.preview import Places, Previews
from rotonodes.page.thumbnails import Thumbnails, pictures_folder
from rotonodes.plan.sandbox import graph_refusal
from rotonodes.values.frames import format_frames


class PageSession:
    """One graph file that is open on any number of pages."""

    def __init__(self, path: str, places: Places, variables: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        self.path, self.places, self.variables, self.settings = path, places, variables, settings
        self.refusal = graph_refusal(places.root, places.path_map, places.sandbox)
        self.live = LivePages()
        self.file = OpenGraph(path)
        self.positions = NodePositions(places.root, path)
        self.previews = Previews(places, self.live.tell)
        self.jobs = PictureJobs(self.previews)
        self.thumbnails = Thumbnails(pictures_folder(places.root, places.cache))
        self.run: GraphRun | None = None
        self._lock = threading.RLock()
        self._state: GraphState | None = None
        self._read = -1  # the revision of that state
        self._data: tuple[int, dict[str, Any]] | None = None
        self.state()

    # The graph.

    def state(self) -> GraphState:
        """The state of the current text. An unreadable text shows the nodes of the last one that could be read, with its own fault."""
        with self._lock:
            if self._state is None or self._read != self.file.revision:
                self._read = self.file.revision
                found = read_state(self.file.text, self.path, self.variables, self.settings, self.refusal)
                self._data = None
                before = self._state
                if not found.readable and before is not None:
                    found.data, found.document = before.data, before.document
                    found.graph, found.broken = before.graph, before.broken
                self._state = found
                if found.readable:
                    self.previews.show(found)
            return self._state

    def data(self) -> dict[str, Any]:
        """The graph as the page shows it."""
        with self._lock:
            state, revision = self.state(), self.file.revision
            if self._data is None or self._data[0] != revision:
                self._data = revision, state_data(state, {})
                nodes = state.data.get("nodes")
                self.live.forget(set(nodes) if isinstance(nodes, dict) else set())
            data = dict(self._data[1])
            known = self.positions.known
            data["nodes"] = [{**node, "position": known.get(node["name"])} for node in data["nodes"]]
            undo, redo = self.file.steps
            if self.file.fault:
                data["faults"] = [{"message": self.file.fault, "line": 0, "column": 0, "node": "", "file": self.path}, *data["faults"]]
            shot = data["shot"] or self._shot_on_disk()
            more = {"file": self.path, "revision": revision, "gone": self.file.gone, "undo": undo, "redo": redo, "shot": shot}
            return {**data, **more, "running": self.is_running}

    def _shot_on_disk(self) -> str:
        try:
            return format_frames(self.previews.shot())
        except RotoError:
            return ""

    def edit(self, base: int, ops: Sequence[Op], group: str = "") -> dict[str, Any]:
        """Make edits; returns what the page that asked is answered. Errors as in `OpenGraph.edit`."""
        with self._lock:
            names: dict[str, str] = {}
            for op in ops:
                if op.get("op") == "paste" and len(ops) == 1:
                    names = pasted_names(self.file.text, str(op.get("text")))
            self.file.edit(base, ops, group)
            self._place(ops, names)
            self.state()
            return {"revision": self.file.revision, **({"names": names} if names else {})}

    def _place(self, ops: Sequence[Op], names: Mapping[str, str]) -> None:
        """Keep the positions that edits bring along: of new nodes, renamed ones and copies."""
        for op in ops:
            try:
                if op.get("op") == "rename":
                    self.positions.rename(str(op.get("node")), str(op.get("to")))
                place = op.get("position")
                if isinstance(place, list) and len(place) == 2 and op.get("op") in ("add", "paste"):
                    new = [str(op["name"])] if op.get("op") == "add" else list(names.values())
                    self.positions.move({name: [place[0] + 40 * n, place[1] + 40 * n] for n, name in enumerate(new)})
            except (RotoError, TypeError) as error:  # only the positions are lost
                self.live.send({"type": "warning", "message": f"positions are not kept: {error}"})

    def travel(self, back: bool) -> bool:
        """Undo or redo; False where there is nothing."""
        with self._lock:
            moved = self.file.undo() if back else self.file.redo()
            self.state()
            return moved

    def refresh(self) -> bool:
        """Take in what another editor saved; True when the page must be told."""
        with self._lock:
            changed = self.file.refresh()
            if changed:
                self.state()
            return changed

    def look_at_sources(self) -> tuple[bool, bool]:
        """Whether other frames are on disk than before, and whether a file that was read is another one now."""
        with contextlib.suppress(RotoError):
            return self.previews.shot_changed(), self.previews.files_changed()
        return False, False

    # Runs.

    @property
    def is_running(self) -> bool:
        return self.run is not None and self.run.is_running

    def start_run(self, outputs: Sequence[str], frames: str | None) -> None:
        """Run the graph as it is in the file now. Raises UsageError while another run goes on, and for faults."""
        with self._lock:
            if self.is_running:
                raise UsageError("a run goes on already: stop it first")
            self.file.refresh()
            state = self.state()
            if self.file.fault:
                raise UsageError(self.file.fault)
            refuse_faults(state.faults)
            previews = self.previews
            self.run = GraphRun(state.graph, self.places, self.live.send, self.live.tell, previews.kept, previews.look_again)
            self.run.start(outputs, frames)

    def stop_run(self) -> None:
        """Ask the run to stop; it says so when it has."""
        if self.run is not None:
            self.run.stop.set()

    def close(self) -> None:
        """End what goes on."""
        self.stop_run()
        self.jobs.close()
        if self.run is not None and self.run.thread is not None:
            self.run.thread.join(timeout=4)
