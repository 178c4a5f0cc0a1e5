"""A gate before a small site, and a client that speaks ASGI with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Message

from rvernet_app.ui.gate.bodies import Pace
from rvernet_app.ui.gate.doors import Kind
from rvernet_app.ui.gate.gate import Gate, Knowledge
from rvernet_app.ui.gate.hosts import Hosts
from rvernet_app.ui.gate.rules import Rules
from rvernet_app.ui.gate.uploads import Space

CALL = "/gradio_api/component_server/"
UPLOAD = "/gradio_api/upload"
HEARTBEAT = "/gradio_api/heartbeat/abc"
RULES = Rules(
    hosts=Hosts(["meals.example"], any_address=False),
    proxies=(),
    frames="",
    limits={Kind.CALL: 100, Kind.UPLOAD: 1000, Kind.SIGN_IN: 20},
    space=Space(each=3000, in_all=5000, free=0),
    pace=Pace(piece_seconds=5.0),
    held=250,
    calls=2,
    waiting=1,
    streams=2,
    streams_in_all=3,
)


@dataclass
class Site:
    """What is behind the gate: it notes what reaches it."""

    read: list[int] = field(default_factory=list)
    running: int = 0
    most: int = 0
    go_on: asyncio.Event | None = None

    def app(self) -> FastAPI:
        """Return the site as an app."""
        site = FastAPI(openapi_url=None)

        @site.post(CALL)
        @site.post(UPLOAD)
        @site.post("/login")
        async def call(request: Request) -> Response:
            self.running += 1
            self.most = max(self.most, self.running)
            try:
                try:
                    self.read.append(len(await request.body()))
                except Exception:  # as frameworks do that take any trouble for a bad body
                    return JSONResponse({"detail": "bad body"}, 400)
                if self.go_on is not None:
                    await self.go_on.wait()
                return JSONResponse({"said": "x" * 2000})
            finally:
                self.running -= 1

        @site.get("/")
        async def page(request: Request) -> Response:
            request.scope["inline_scripts"].append(b"go()")
            page = HTMLResponse("<script>go()</script>" + "rice " * 500)
            page.set_cookie("access-token", "secret", samesite="none", secure=False)
            page.headers["Access-Control-Allow-Origin"] = request.headers.get("origin", "*")
            page.headers["Access-Control-Allow-Credentials"] = "true"
            return page

        @site.get("/gradio_api/token")
        async def token() -> Response:
            return JSONResponse({"token": "secret"})

        @site.get("/gradio_api/file={path:path}")
        async def file(path: str) -> Response:
            kinds = {".jpg": "image/jpeg", ".svg": "image/svg+xml"}
            headers = {"Content-Disposition": f'inline; filename="{Path(path).name}"'}
            return Response(b"<svg/>", media_type=kinds.get(Path(path).suffix, "text/html"), headers=headers)

        @site.get("/gradio_api/heartbeat/{session}")
        @site.get("/gradio_api/queue/data")
        async def stream() -> Response:
            return StreamingResponse(iter(["data: a\n\n", "data: b\n\n"]), media_type="text/event-stream")

        @site.get("/logout")
        async def logout() -> Response:
            return Response()

        return site


@dataclass
class Said:
    """An answer."""

    status: int
    headers: dict[str, str]
    cookies: list[str]
    body: bytes

    @property
    def error(self) -> str:
        """The sentence of a refusal."""
        return str(json.loads(self.body)["error"])


def guarded(site: Site, rules: Rules = RULES, logs_in: bool = False, **changes: Any) -> Gate:
    """Return a gate before a site; Ann is logged in with the cookie who=ann if one has to be."""

    @contextmanager
    def unfinished_removed() -> Iterator[None]:
        yield

    def name_of(cookies: Mapping[str, str]) -> str | None:
        return cookies.get("who")

    knows = Knowledge(
        name_of=name_of if logs_in else lambda _: "",
        offers=lambda path: path.startswith("/offered/"),
        awaits=lambda session: session == "abc",
        uploads_folder=lambda: Path("/"),
        unfinished_removed=unfinished_removed,
    )
    return Gate(site.app(), replace(rules, **changes), knows)


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    pieces: Sequence[bytes] = (),
    address: str = "127.0.0.1",
    query: str = "",
    scheme: str = "http",
    **headers: str,
) -> Said:
    """Send a request in pieces, without a length unless `content_length` names one."""
    given = {"host": "localhost:7860", **{name.replace("_", "-"): value for name, value in headers.items()}}
    waiting = list(pieces) or [b""]
    sent: list[Message] = []

    async def receive() -> Message:
        if waiting:
            piece = waiting.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(waiting)}
        await asyncio.Event().wait()
        raise AssertionError("nobody sends more")

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "scheme": scheme,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items() if value],
        "client": (address, 4000),
        "server": ("127.0.0.1", 7860),
    }
    await app(scope, receive, send)
    start = sent[0]
    raw = [(name.decode(), value.decode()) for name, value in start["headers"]]
    return Said(
        start["status"],
        dict(raw),
        [value for name, value in raw if name == "set-cookie"],
        b"".join(message.get("body", b"") for message in sent[1:]),
    )
