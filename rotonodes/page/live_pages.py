"""The pages that are open, each with its WebSocket: what is sent to all of them, and the states of nodes gathered for a moment."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from typing import Any

from starlette.websockets import WebSocket, WebSocketState

MOMENT = 0.06  # seconds: a state that lasts for less is not sent, or the page would flicker
MOST_WAITING = 2000  # messages for one page; one that takes none for so long is let go


class LivePage:
    """One open page. Messages wait in a queue of its own, so that a slow page holds up nobody."""

    def __init__(self, socket: WebSocket, name: str) -> None:
        self.socket, self.name = socket, name
        self.queue: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self.lost = False

    def put(self, text: str) -> None:
        try:
            self.queue.put_nowait(text)
        except asyncio.QueueFull:
            self.lost = True

    def send(self, message: dict[str, Any]) -> None:
        self.put(json.dumps(message))

    async def pump(self) -> None:
        """Send what waits, until the page is closed."""
        while self.socket.client_state == WebSocketState.CONNECTED and not self.lost:
            text = await self.queue.get()
            await self.socket.send_text(text)
        with contextlib.suppress(RuntimeError):
            await self.socket.close(1013)


class LivePages:
    """All open pages. `send` and `tell` may be called from any thread; the others belong to the server's loop."""

    def __init__(self) -> None:
        self.pages: dict[str, LivePage] = {}
        self.states: dict[str, dict[str, Any]] = {}  # the last state of each node
        self._news: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def send(self, message: dict[str, Any]) -> None:
        """Send a message to every page."""
        loop, text = self._loop, json.dumps(message)
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # the server ends
                loop.call_soon_threadsafe(self._put, text)

    def _put(self, text: str) -> None:
        for page in self.pages.values():
            page.put(text)

    def tell(self, node: str, frame: int | None, state: str, milliseconds: float, message: str) -> None:
        """The state of a node, which is sent at the end of the moment if it is still its last one."""
        told = {"name": node, "frame": frame, "state": state, "milliseconds": round(milliseconds, 2), "message": message}
        with self._lock:
            self._news[node] = told

    def news(self) -> list[dict[str, Any]]:
        """The states since the last moment; a node that says it is done again, as one value of it comes from memory, is none."""
        with self._lock:
            found, self._news = self._news, {}
            changed = []
            for node, state in found.items():
                known = self.states.get(node)
                if known is not None and state["state"] == "done" and not state["milliseconds"] and known["state"] in ("done", "cached"):
                    continue
                self.states[node] = state
                changed.append(state)
        return changed

    def forget(self, names: set[str]) -> None:
        """Drop the states of nodes that the graph does not have any more."""
        with self._lock:
            for name in set(self.states) - names:
                del self.states[name]

    async def flush_always(self) -> None:
        """Send the states of each moment, for as long as the server runs."""
        while True:
            await asyncio.sleep(MOMENT)
            for state in self.news():
                self._put(json.dumps({"type": "node", **state}))
