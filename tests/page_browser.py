"""What tests of the live page share: a server in a thread, and a client that speaks as the page does."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from websockets.sync.client import ClientConnection, connect

from rotonodes.node import catalogue
from rotonodes.page.preview import Places
from rotonodes.page.server import PageServer
from rotonodes.page.session_state import PageSession

PATIENCE = 300  # seconds until a test gives up; none asserts a time


@dataclass
class Answer:
    """The answer to a request."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Page:
    """One server and the requests that a page sends to it."""

    server: PageServer
    said: list[str] = field(default_factory=list)

    def ask(self, path: str, /, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None, **query: Any) -> Answer:
        """Send a request with the token, unless `headers` has other words for it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        sent = {"Authorization": f"Bearer {self.server.token}"} if headers is None else headers
        try:
            connection.request(method, path + (f"?{urlencode(query)}" if query else ""), body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    @contextmanager
    def socket(self, **options: Any) -> Iterator[Socket]:
        """A WebSocket of one page."""
        headers = options.pop("additional_headers", {"Authorization": f"Bearer {self.server.token}"})
        address = f"ws://127.0.0.1:{self.server.port}/api/live"
        with connect(address, additional_headers=headers, open_timeout=PATIENCE, max_size=None, compression=None, **options) as found:
            yield Socket(found)


@dataclass
class Socket:
    """Messages of one page."""

    connection: ClientConnection
    last: dict[str, Any] = field(default_factory=dict)  # by type

    def send(self, kind: str, **message: Any) -> None:
        self.connection.send(json.dumps({"type": kind, **message}))

    def hear(self, *kinds: str, fits: Callable[[dict[str, Any]], bool] = lambda message: True) -> dict[str, Any]:
        """The next message of these types; others are kept in `last`."""
        while True:
            message = json.loads(self.connection.recv(timeout=PATIENCE))
            self.last[message["type"]] = message
            if message["type"] in kinds and fits(message):
                return message  # type: ignore[no-any-return]

    def edit(self, base: int, *ops: dict[str, Any], **more: Any) -> dict[str, Any]:
        """Send edits and return the answer."""
        self.send("edit", id=1, base=base, ops=list(ops), **more)
        return self.hear("ok", "error", "conflict")


@contextmanager
def open_page(graph: Path, root: Path, nodes: str = "", **options: Any) -> Iterator[Page]:
    """A server of a graph in a thread, for as long as the block lasts."""
    if nodes:
        catalogue.load_file(nodes)
    said: list[str] = []
    places = Places(root=str(root), device="cpu", cache=options.pop("cache", None))
    session = PageSession(str(graph), places, {}, {})
    server = PageServer(session, 0, say=said.append, **options)
    stop = threading.Event()
    thread = threading.Thread(target=server.serve, args=(stop,))
    thread.start()
    try:
        yield Page(server, said)
    finally:
        stop.set()
        thread.join(PATIENCE)
        server.socket.close()
        assert not thread.is_alive()
