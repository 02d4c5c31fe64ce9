"""The gate in front of every request: this machine's own page with the token passes, everything else is refused.

A page of the web that an artist has open can send requests to 127.0.0.1, too. It does not know the token, its Origin is another one, and a
name of its own that leads to 127.0.0.1 (DNS rebinding) shows in the Host.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

MOST_BODY = 16_000_000  # bytes of a request
MOST_MESSAGE = 1_000_000  # bytes of a WebSocket message
MOST_ADDRESS = 8_000  # bytes of a query

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class TooLarge(Exception):
    """A request's body is larger than MOST_BODY."""


class Gate:
    """ASGI middleware. `port` is set when the server listens; the cookie is named after it, for cookies do not know ports."""

    def __init__(self, app: App, token: str, port: int = 0) -> None:
        self.app, self.token, self.port = app, token, port

    @property
    def cookie(self) -> str:
        return f"rotonodes_{self.port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] not in ("http", "websocket"):
            return
        headers = _headers(scope)
        refused = self._refusal(scope, headers)
        if refused is None and scope["type"] == "http" and self._asks_for_cookie(scope):
            await self._give_cookie(send)
            return
        if refused is None and not self._knows_token(headers):
            refused = 401, "open the address that `rotonodes edit` printed: this one has no token"
        if refused is not None:
            await _refuse(scope, receive, send, *refused)
            return
        if scope["type"] == "websocket":
            await self.app(scope, receive, send)
            return
        await self._limited(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, with an end of its body at MOST_BODY and with the headers of every answer."""
        seen, begun = 0, False

        async def limited() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b"")) if message["type"] == "http.request" else 0
            if seen > MOST_BODY:
                raise TooLarge
            return message

        async def answered(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *self.safe_headers()]
            await send(message)

        try:
            await self.app(scope, limited, answered)
        except TooLarge:
            if not begun:
                await _answer(send, 413, f"at most {MOST_BODY // 1_000_000} MB can be sent at once")

    def safe_headers(self) -> Iterable[tuple[bytes, bytes]]:
        """What a browser may do with an answer: nothing but show this page, from this server."""
        sockets = f"ws://127.0.0.1:{self.port} ws://localhost:{self.port}"
        policy = (
            f"default-src 'self'; img-src 'self' blob: data:; connect-src 'self' {sockets}; object-src 'none'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )
        return (
            (b"content-security-policy", policy.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
            (b"cross-origin-opener-policy", b"same-origin"),
            (b"cross-origin-resource-policy", b"same-origin"),
        )

    def _refusal(self, scope: Scope, headers: dict[str, list[str]]) -> tuple[int, str] | None:
        """Why a request is refused whatever it asks for, or None."""
        names = (f"127.0.0.1:{self.port}", f"localhost:{self.port}")
        if headers.get("host", []) not in ([names[0]], [names[1]]):
            return 403, f"this page is at http://{names[0]}"
        origins = headers.get("origin", [])
        if origins and origins not in ([f"http://{names[0]}"], [f"http://{names[1]}"]):
            return 403, "another page may not ask this one"
        if headers.get("sec-fetch-site", ["none"])[0] in ("cross-site", "same-site") and not self._asks_for_cookie(scope):
            return 403, "another page may not ask this one"
        if len(scope.get("query_string", b"")) > MOST_ADDRESS:
            return 414, "the address is too long"
        length = headers.get("content-length", ["0"])[0]
        if not length.isdigit() or int(length) > MOST_BODY:
            return 413, f"at most {MOST_BODY // 1_000_000} MB can be sent at once"
        return None

    def _asks_for_cookie(self, scope: Scope) -> bool:
        """Whether this is the address with the right token in it."""
        if scope.get("path") != "/" or scope.get("method") != "GET":
            return False
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])
        return self._is_token(given[0])

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), self.token.encode())

    async def _give_cookie(self, send: Send) -> None:
        cookie = f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"
        headers = [
            (b"location", b"/"),
            (b"content-length", b"0"),
            (b"set-cookie", cookie.encode()),
            (b"cache-control", b"no-store"),
            *self.safe_headers(),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _knows_token(self, headers: dict[str, list[str]]) -> bool:
        for given in headers.get("authorization", []):
            if given.startswith("Bearer ") and self._is_token(given.removeprefix("Bearer ")):
                return True
        for text in headers.get("cookie", []):
            try:
                found = SimpleCookie(text).get(self.cookie)
            except CookieError:
                continue
            if found is not None and self._is_token(found.value):
                return True
        return False


def _headers(scope: Scope) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in scope.get("headers", ()):
        found.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    return found


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, message: str) -> None:
    if scope["type"] == "http":
        await _answer(send, status, message)
        return
    await receive()
    await send({"type": "websocket.close", "code": 4403})


async def _answer(send: Send, status: int, message: str) -> None:
    body = json.dumps({"message": message}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
