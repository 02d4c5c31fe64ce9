"""The server of the live page: on 127.0.0.1 only, with a token in its address."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import WebSocketRoute

from rotonodes.errors import UsageError
from rotonodes.machine.devices import choose_device
from rotonodes.page.first_pictures import end_imports, import_readers
from rotonodes.page.gate import MOST_MESSAGE, Gate
from rotonodes.page.live_socket import LiveSocket
from rotonodes.page.routes import Routes
from rotonodes.page.session_state import PageSession

HOST = "127.0.0.1"
PORT = 8420
TRIES = 50  # ports after the first
SHOWN = 2.5  # seconds until a page that is opened has asked for what it shows first
IDLE = 3.0  # seconds without a page, after which all is prepared for the one that will come
SOURCES = 2.0  # seconds between two looks at the frames that nodes read
POLL = 0.25  # seconds between two looks at the graph file; file servers tell of no changes, so it is asked for


class PageServer:
    """Serves a session. `address` has the token; `say` gets what the terminal should show."""

    def __init__(
        self, session: PageSession, port: int | None = None, token: str = "", say: Callable[[str], None] = lambda text: None
    ) -> None:
        self.session, self.token, self.say = session, token or secrets.token_urlsafe(24), say
        self.socket, taken = free_socket(PORT if port is None else port)
        self.port = self.socket.getsockname()[1]
        if taken:
            say(f"port {taken} is taken: this page is at port {self.port}")
        sockets = LiveSocket(session)
        self._routes = Routes(session)
        routes = [*self._routes.all(), WebSocketRoute("/api/live", sockets.serve)]
        self.gate = Gate(Starlette(routes=routes, lifespan=self._lifespan), self.token, self.port)
        self._sockets = sockets
        config = uvicorn.Config(
            self.gate,
            log_config=None,
            access_log=False,
            ws_max_size=MOST_MESSAGE,
            ws="websockets-sansio",
            server_header=False,
            timeout_graceful_shutdown=2,
            lifespan="on",
            ws_per_message_deflate=False,
        )
        self.server = uvicorn.Server(config)

    @property
    def address(self) -> str:
        return f"http://{HOST}:{self.port}/?token={self.token}"

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.session.live.start(asyncio.get_running_loop())
        always = (self.session.live.flush_always(), self._follow_file(), self._follow_sources(), self._warm_up())
        tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(one) for one in always]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await run_in_threadpool(self.session.close)

    async def _warm_up(self) -> None:
        """Prepare what a page asks for; torch when it has shown the pictures that need none, or when no page is opened for a while."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._routes.opened.wait(), IDLE)
        await run_in_threadpool(self._routes.types_bytes)  # while the browser reads the page: before it asks
        await run_in_threadpool(import_readers)
        if self._routes.opened.is_set():
            await asyncio.sleep(SHOWN)
        await run_in_threadpool(choose_device, "auto")

    async def _follow_file(self) -> None:
        """Tell the pages what another editor saves."""
        while True:
            await asyncio.sleep(POLL)
            gone = self.session.file.gone
            if await run_in_threadpool(self.session.refresh):
                await self._sockets.tell_graph(None, "file")
                if self.session.file.gone and not gone:
                    text = f"{self.session.path} was removed: its text is kept here, and the next edit writes it again"
                    self.session.live.send({"type": "error", "id": None, "message": text})
                    self.say(text)

    async def _follow_sources(self) -> None:
        """Tell the pages of frames that are rendered, or rendered again, while they are open."""
        while True:
            await asyncio.sleep(SOURCES)
            if not self.session.live.pages:
                continue
            shot, changed = await run_in_threadpool(self.session.look_at_sources)
            if shot:
                await self._sockets.tell_graph(None, "file")
            if changed:
                self.session.live.send({"type": "files"})

    def serve(self, stop: threading.Event | None = None) -> None:
        """Serve until `stop` is set."""
        if stop is not None:
            threading.Thread(target=self._end_when, args=(stop,), name="page-stop", daemon=True).start()
        # Not uvicorn's run: it would take the signals of the command line.
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self.server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # of older versions
        self.server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        await self.server.serve(sockets=[self.socket])
        end_imports()

    def _end_when(self, stop: threading.Event) -> None:
        stop.wait()
        self.server.should_exit = True


def free_socket(port: int) -> tuple[socket.socket, int]:
    """(a socket that listens on 127.0.0.1, the wanted port if that was taken). Raises UsageError when many ports are taken."""
    for tried in [0] if port == 0 else range(port, min(port + TRIES, 65536)):
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            found.bind((HOST, tried))
            found.listen(128)
            found.setblocking(False)
        except OSError:
            found.close()
            continue
        return found, 0 if tried == port else port
    raise UsageError(f"--port {port}: it and the {TRIES - 1} ports after it are taken, or may not be used: choose another one")


def serve_page(
    session: PageSession, port: int | None, opened: Callable[[PageServer], Any], stop: threading.Event, say: Callable[[str], None]
) -> None:
    """Serve a session; `opened` is called when the address is known, before the first request is answered."""
    server = PageServer(session, port, say=say)
    opened(server)
    server.serve(stop)
