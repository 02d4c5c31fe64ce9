"""The WebSocket of a page: edits, looks and runs come in; the graph, states and progress go out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from rotonodes.errors import GraphError, RotoError, UsageError
from rotonodes.page.graph_edits import MOST_OPS
from rotonodes.page.live_pages import LivePage
from rotonodes.page.open_graph import Conflict
from rotonodes.page.picture_jobs import Look
from rotonodes.page.session_state import PageSession

MOST_NAMES = 20_000


class LiveSocket:
    """What is said on the sockets of one session."""

    def __init__(self, session: PageSession) -> None:
        self.session = session

    async def serve(self, socket: WebSocket) -> None:
        """Talk with one page until it is closed."""
        await socket.accept()
        page = LivePage(socket, secrets.token_hex(4))
        page.send({"type": "graph", "by": "open", **await run_in_threadpool(self.session.data)})
        for state in self.session.live.states.values():
            page.send({"type": "node", **state})
        self.session.live.pages[page.name] = page
        pump = asyncio.ensure_future(page.pump())
        try:
            while True:
                text = await socket.receive_text()
                await self.hear(page, text)
        except (WebSocketDisconnect, RuntimeError, KeyError):
            pass
        finally:
            self.session.live.pages.pop(page.name, None)
            await run_in_threadpool(self.session.jobs.look, page.name, None)
            pump.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await pump

    async def hear(self, page: LivePage, text: str) -> None:
        """Do what a page asks for; a message that is wrong is answered in one line."""
        identity: Any = None
        try:
            message = json.loads(text)
            if not isinstance(message, dict):
                raise UsageError("a message is a JSON object")
            identity = message.get("id")
            kind = message.get("type")
            does = {
                "edit": self.edit,
                "undo": self.undo,
                "redo": self.redo,
                "look": self.look,
                "run": self.run,
                "stop": self.stop,
                "positions": self.positions,
            }.get(str(kind))
            if does is None:
                raise UsageError(f"there is no message {str(kind)[:40]!r}")
            await does(page, message)
        except Conflict as conflict:
            page.send(
                {
                    "type": "conflict",
                    "id": identity,
                    "revision": self.session.file.revision,
                    "message": str(conflict),
                    "text": conflict.text,
                }
            )
            await self.tell_graph(page)
        except GraphError as error:
            fault = error.faults[0]
            page.send({"type": "error", "id": identity, "message": fault.message, "line": fault.line, "column": fault.column})
        except (RotoError, OSError) as error:
            page.send({"type": "error", "id": identity, "message": str(error)})
        except (TypeError, AttributeError, LookupError) as error:
            page.send({"type": "error", "id": identity, "message": f"a value of the message is of a wrong kind: {error}"})
        except (ValueError, RecursionError):
            page.send({"type": "error", "id": identity, "message": "the message is no JSON"})

    async def tell_graph(self, by: LivePage | None, reason: str = "other") -> None:
        """Send the graph to every page; the one that changed it (`by`) is told so."""
        data = await run_in_threadpool(self.session.data)
        for page in self.session.live.pages.values():
            page.send({"type": "graph", "by": "me" if page is by else reason, **data})

    async def edit(self, page: LivePage, message: dict[str, Any]) -> None:
        ops, base, group = message.get("ops"), message.get("base"), message.get("group") or ""
        if not isinstance(ops, list) or len(ops) > MOST_OPS or not all(isinstance(op, dict) for op in ops):
            raise UsageError(f"ops: is a list of at most {MOST_OPS} edits")
        if isinstance(base, bool) or not isinstance(base, int) or not isinstance(group, str):
            raise UsageError("base: is the revision that the page shows")
        before = self.session.file.revision
        answer = await run_in_threadpool(self.session.edit, base, ops, group)
        page.send({"type": "ok", "id": message.get("id"), **answer})
        if self.session.file.revision != before:
            await self.tell_graph(page)

    async def undo(self, page: LivePage, message: dict[str, Any]) -> None:
        await self._travel(page, message, back=True)

    async def redo(self, page: LivePage, message: dict[str, Any]) -> None:
        await self._travel(page, message, back=False)

    async def _travel(self, page: LivePage, message: dict[str, Any], back: bool) -> None:
        moved = await run_in_threadpool(self.session.travel, back)
        page.send({"type": "ok", "id": message.get("id"), "revision": self.session.file.revision, "moved": moved})
        if moved:
            await self.tell_graph(page)

    async def look(self, page: LivePage, message: dict[str, Any]) -> None:
        nodes, frames = message.get("nodes"), [message.get("frame"), *(message.get("frames") or ())]
        if not isinstance(nodes, list) or len(nodes) > MOST_NAMES or len(frames) > MOST_NAMES:
            raise UsageError("nodes: is a list of the nodes that are seen")
        numbers = frozenset(frame for frame in frames if isinstance(frame, int))
        look = Look(frozenset(str(node) for node in nodes), numbers)
        await run_in_threadpool(self.session.jobs.look, page.name, look)

    async def run(self, page: LivePage, message: dict[str, Any]) -> None:
        outputs, frames = message.get("outputs") or [], message.get("frames")
        if not isinstance(outputs, list) or not all(isinstance(one, str) for one in outputs) or not isinstance(frames, str | None):
            raise UsageError("outputs: is a list of nodes, frames: a text")
        try:
            await run_in_threadpool(self.session.start_run, outputs, frames)
        except RotoError as error:
            page.send({"type": "error", "id": message.get("id", "run"), "message": str(error)})

    async def stop(self, page: LivePage, message: dict[str, Any]) -> None:
        self.session.stop_run()

    async def positions(self, page: LivePage, message: dict[str, Any]) -> None:
        await run_in_threadpool(self.session.positions.move, message.get("positions"))
        for other in self.session.live.pages.values():
            if other is not page:
                other.send({"type": "positions", "positions": message.get("positions")})
