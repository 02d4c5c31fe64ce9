"""What the page may ask for over HTTP. No route runs, imports or installs code; files are those below the root."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from rotonodes.errors import GraphError, RotoError, UsageError
from rotonodes.page.encoding import MOST_WIDTH, VIEWS, pixel_of, png_of_value, size_of
from rotonodes.page.gate import MOST_BODY, TooLarge
from rotonodes.page.graph_edits import copied
from rotonodes.page.node_types import types_data
from rotonodes.page.painted_files import labels_png, read_painted, worst_frames, write_painted
from rotonodes.page.picture_jobs import PictureJob
from rotonodes.page.preview import SCALES, NodeFailed, NoPicture, Superseded, Wish
from rotonodes.page.root_files import OutsideRoot, listed_files
from rotonodes.page.session_state import PageSession
from rotonodes.page.thumbnails import WIDEST
from rotonodes.values.frames import parse_frames
from rotonodes.values.pixels import Labels
from rotonodes.values.tones import CLASSES

STATIC = Path(__file__).parent / "static"
NOT_BUILT = "the page itself is not built: see CONTRIBUTING.md; the server works"
Endpoint = Callable[[Request], Awaitable[Response]]


class Routes:
    """The endpoints of one session."""

    def __init__(self, session: PageSession) -> None:
        self.session = session
        self.opened = asyncio.Event()  # a browser has asked for the page
        self._types: bytes | None = None
        self._writing = threading.Lock()

    def all(self) -> list[BaseRoute]:
        def get(path: str, endpoint: Endpoint, *methods: str) -> Route:
            return Route(path, guarded(endpoint), methods=list(methods or ("GET",)))

        return [
            get("/", self.index),
            get("/assets/{name}", self.asset),
            get("/api/types", self.types),
            get("/api/graph", self.graph),
            get("/api/copy", self.copy),
            get("/api/picture", self.picture),
            get("/api/value", self.value),
            get("/api/files", self.files),
            get("/api/labels", self.labels),
            get("/api/labels", self.put_labels, "PUT"),
            get("/api/worst", self.worst),
            get("/api/check_frames", self.check_frames, "POST"),
        ]

    # The page itself.

    async def index(self, _: Request) -> Response:
        if not (STATIC / "index.html").is_file():
            return Response(NOT_BUILT, media_type="text/plain")
        self.opened.set()
        return FileResponse(STATIC / "index.html", headers={"cache-control": "no-store"})

    async def asset(self, request: Request) -> Response:
        """A built file; their names hold a digest of their bytes, so a browser may keep them."""
        name = request.path_params["name"]
        file = STATIC / "assets" / name
        if not name.replace(".", "").replace("-", "").replace("_", "").isalnum() or name.startswith(".") or not file.is_file():
            return failed(404, "there is no such file")
        return FileResponse(file, headers={"cache-control": "public, max-age=31536000, immutable"})

    # The graph.

    async def types(self, _: Request) -> Response:
        return Response(await run_in_threadpool(self.types_bytes), media_type="application/json")

    def types_bytes(self) -> bytes:
        """All types as JSON, which are written once; the first request comes while they are."""
        with self._writing:
            if self._types is None:
                self._types = json.dumps(types_data()).encode()
            return self._types

    async def graph(self, _: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.session.data))

    async def copy(self, request: Request) -> Response:
        names = [name for name in request.query_params.get("nodes", "").split(",") if name]
        return JSONResponse({"text": await run_in_threadpool(copied, self.session.file.text, names)})

    async def check_frames(self, request: Request) -> Response:
        text = (await body_json(request)).get("text")
        try:
            if not isinstance(text, str):
                raise UsageError("frames are a text, as 1-24")
            if text.strip().lower() != "auto" and "$" not in text:
                await run_in_threadpool(parse_frames, text)
        except UsageError as error:
            return JSONResponse({"ok": False, "message": str(error)})
        return JSONResponse({"ok": True, "message": ""})

    async def files(self, request: Request) -> Response:
        below, pattern = request.query_params.get("below", ""), request.query_params.get("pattern", "*")
        return JSONResponse(await run_in_threadpool(listed_files, self.session.places.root, below, pattern))

    # Pictures.

    async def picture(self, request: Request) -> Response:
        wish, view, width = wish_of(request), request.query_params.get("view", "rgb"), number(request, "width", 0, 0, MOST_WIDTH)
        if view not in VIEWS:
            raise UsageError(f"view is one of {', '.join(VIEWS)}, not {view!r}")
        small = 0 < width <= WIDEST
        with self.session.jobs.first_look.asked() if small else contextlib.nullcontext():
            glimpse = await run_in_threadpool(self.session.previews.plan, wish)
            tag = f'"{glimpse.key}.{glimpse.link.output}.{view}.{width}"'
            if request.headers.get("if-none-match") == tag:
                return Response(status_code=304, headers={"etag": tag})
            begun, known = time.perf_counter(), None
            if small:
                known = await run_in_threadpool(self.session.thumbnails.get, tag)
            if small and known is None and view == "rgb":
                known = await run_in_threadpool(self.session.previews.glanced, wish, width)
        if known is None:

            def finish(value: Any) -> tuple[bytes, tuple[int, int]]:
                full = size_of(value)
                made = png_of_value(value, view, width), (full[0] * wish.scale, full[1] * wish.scale)
                if small:
                    self.session.thumbnails.put(tag, *made)
                return made

            job = self.session.jobs.submit((wish, view, width, glimpse.key), wish, finish, urgency=int(small))
            known = await self.answer(request, job)
        png, size = known
        spent = (time.perf_counter() - begun) * 1000
        headers = {"etag": tag, "x-key": glimpse.key, "x-milliseconds": f"{spent:.1f}", "x-size": f"{size[0]},{size[1]}"}
        return Response(png, media_type="image/png", headers={**headers, "cache-control": "no-cache"})

    async def answer(self, request: Request, job: PictureJob) -> Any:
        """The result of a job, unless the page does not wait for it any more: then Superseded."""
        result = asyncio.wrap_future(job.future)
        away = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait({result, away}, return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                raise Superseded("the page does not wait any more")
            return result.result()
        finally:
            away.cancel()
            self.session.jobs.leave(job)
            if not result.done():
                result.add_done_callback(lambda future: future.cancelled() or future.exception())  # nobody asks for it

    async def value(self, request: Request) -> Response:
        wish = wish_of(request)
        x, y = number(request, "x", 0, 0, 1 << 20), number(request, "y", 0, 0, 1 << 20)

        def finish(value: Any) -> dict[str, Any]:
            return pixel_of(value, min(x // wish.scale, size_of(value)[0] - 1) if wish.scale > 1 else x, y // wish.scale)

        return JSONResponse(await self.answer(request, self.session.jobs.submit(("value", wish, x, y), wish, finish, 0)))

    # Labels.

    async def labels(self, request: Request) -> Response:
        path, frame = request.query_params.get("path", ""), number(request, "frame", 1, -(10**9), 10**9)
        if path:
            png = await run_in_threadpool(read_painted, self.session.places.root, path, frame)
            return failed(404, "nothing is painted there yet") if png is None else Response(png, media_type="image/png")
        wish = wish_of(request)

        def finish(value: Any) -> tuple[bytes, tuple[str, ...]]:
            if not isinstance(value, Labels):
                raise UsageError(f"{wish.node}{'.' if wish.output else ''}{wish.output} gives no labels")
            return labels_png(value), value.classes

        png, classes = await self.answer(request, self.session.jobs.submit(("labels", wish), wish, finish, 0))
        return Response(png, media_type="image/png", headers={"x-classes": json.dumps(list(classes))})

    async def put_labels(self, request: Request) -> Response:
        path, frame = request.query_params.get("path", ""), number(request, "frame", 1, -(10**9), 10**9)
        classes = tuple(name for name in request.query_params.get("classes", "").split(",") if name) or CLASSES
        png = await request.body()
        written = await run_in_threadpool(write_painted, self.session.places.root, path, frame, png, classes)
        self.session.previews.look_again()
        return JSONResponse({"path": written})

    async def worst(self, request: Request) -> Response:
        node, scale = request.query_params.get("node", ""), number(request, "scale", 1, 1, 4)
        most, session = number(request, "most", 48, 1, 1000), self.session
        if not node:
            raise UsageError("which node? say node=NAME")
        shot = await run_in_threadpool(session.previews.shot)
        step = max(1, -(-len(shot) // most))
        gone = asyncio.Event()

        def work() -> list[dict[str, Any]]:
            return worst_frames(session.previews, node, shot[::step], scale, gone.is_set)

        away = asyncio.ensure_future(_disconnected(request))
        away.add_done_callback(lambda _: gone.set())
        try:
            return JSONResponse({"frames": await run_in_threadpool(work)})
        finally:
            away.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


def wish_of(request: Request) -> Wish:
    """What a request wants to see. Raises UsageError for what is none."""
    query = request.query_params
    if not query.get("node"):
        raise UsageError("which node? say node=NAME")
    scale = number(request, "scale", 1, 1, max(SCALES))
    if scale not in SCALES:
        raise UsageError(f"scale is one of {', '.join(map(str, SCALES))}, not {scale}")
    return Wish(query["node"], query.get("output", ""), number(request, "frame", 1, -(10**9), 10**9), scale)


def number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """A whole number of a request within its range. Raises UsageError."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise UsageError(f"{name} is a whole number from {low} to {high}, not {text[:40]!r}")
    return value


async def body_json(request: Request) -> dict[str, Any]:
    try:
        data = json.loads(await request.body())
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise UsageError("the request's body is a JSON object")
    return data


def failed(status: int, message: str, **more: Any) -> Response:
    return JSONResponse({"message": message, **more}, status_code=status)


def guarded(endpoint: Endpoint) -> Endpoint:
    """An endpoint whose errors become one line of JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except TooLarge:
            return failed(413, f"at most {MOST_BODY // 1_000_000} MB can be sent at once")
        except Superseded as error:
            return failed(409, str(error), superseded=True)
        except NodeFailed as error:
            return failed(404 if isinstance(error, NoPicture) else 409, str(error), node=error.node)
        except OutsideRoot as error:
            return failed(403, str(error))
        except GraphError as error:
            return failed(400, str(error.faults[0]))
        except UsageError as error:
            return failed(400, str(error))
        except RotoError as error:
            return failed(409, str(error))
        except Exception as error:  # a fault of ours: the page is told, and the server goes on
            return failed(500, f"internal error: {type(error).__name__}: {error}")

    return answer
