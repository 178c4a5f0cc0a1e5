"""The gate: what a request passes before Gradio sees it, and an answer before it leaves.

Nothing behind the gate reads a body before the gate has looked at where the request comes from, where it
goes, who sends it and how much there is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, cookie_parser
from starlette.types import Receive, Scope, Send

from rvernet_app.ui.gate.answers import Answer
from rvernet_app.ui.gate.bodies import Body, Held
from rvernet_app.ui.gate.doors import Door, Kind, door_at, is_known
from rvernet_app.ui.gate.forwarded import Forwarded
from rvernet_app.ui.gate.hosts import check_origin
from rvernet_app.ui.gate.places import Calls, Streams, network_of
from rvernet_app.ui.gate.refusal import Refused
from rvernet_app.ui.gate.rules import Rules
from rvernet_app.ui.gate.uploads import Parts, Uploads

Who = Callable[[Mapping[str, str]], "str | None"]
"""Returns who may pass, from the cookies of a request: a name, "" where nobody logs in, None for nobody."""
QUEUE = "/gradio_api/queue/data"
CALL = "/gradio_api/call/"
FILE = "/gradio_api/file="


@dataclass(frozen=True)
class Knowledge:
    """What the gate has to know of the site behind it.

    Attributes:
        admitted: who may pass.
        offers: whether the program has offered a file for fetching, by its path.
        awaits: whether a session or a call waits for answers of the queue, by its id.
        uploads_folder: returns where uploads go.
        unfinished_removed: its block runs an upload; what the upload left unfinished is then removed.
    """

    admitted: Who
    offers: Callable[[str], bool]
    awaits: Callable[[str], bool]
    uploads_folder: Callable[[], Path]
    unfinished_removed: Callable[[], AbstractContextManager[None]]


class Gate:
    """Stands before a whole site.

    Attributes:
        site: what is behind the gate.
    """

    def __init__(self, site: FastAPI, rules: Rules, knows: Knowledge) -> None:
        self.site = site
        self.rules = rules
        self._knows = knows
        self._held = Held(rules.held)
        self._streams = Streams(rules.streams, rules.streams_in_all)
        self._calls = Calls(rules.calls, rules.waiting, rules.calls_in_all)
        self._uploads = Uploads(rules.space, knows.uploads_folder)
        self._enter = Forwarded(self._request, rules.proxies)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._enter(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self.site(scope, receive, send)
        else:  # the page uses no web sockets
            await send({"type": "websocket.close", "code": 1008})

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = Answer(send, scope, self.rules.frames)
        try:
            await self._pass(scope, receive, answer)
        except Refused as refused:
            if answer.started:
                raise
            answer.body = None
            await refused(scope, receive, answer)

    async def _pass(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        """Have the site answer a request that may pass.

        Raises:
            Refused: it may not, or its body was not good.
        """
        headers = Headers(scope=scope)
        door = answer.door = self._door(scope, headers)
        visitor = self._visitor(scope, headers, door)
        self._check_exists(scope, door)
        body = answer.body = self._body(headers, door, receive)
        async with AsyncExitStack() as places:
            if door.kind is Kind.STREAM:
                places.enter_context(self._streams.place(visitor))
            if door.kind is Kind.UPLOAD:
                places.enter_context(self._upload(visitor, headers, body))
            if door.has_body:
                places.callback(body.close)
                await places.enter_async_context(self._calls.place(visitor))
                receive = body.receive
            try:
                await self.site({**scope, "inline_scripts": answer.scripts}, receive, answer)
            except ClientDisconnect:  # nobody waits for an answer, and the log need not know
                return
            except Exception as error:
                if body.refused is None or answer.started:
                    raise
                raise body.refused from error
            if body.refused is not None and not answer.started:
                raise body.refused

    def _door(self, scope: Scope, headers: Headers) -> Door:
        self.rules.hosts.check(headers.get("host"))
        path, method = scope["path"], scope["method"]
        door = door_at(method, path)
        if door is None and is_known(path):
            raise Refused(405, "This address does not take such a request.")
        if door is None:
            raise Refused(404, "There is nothing at this address.")
        check_origin(door, method, headers, self.rules.hosts, scope["scheme"])
        return door

    def _visitor(self, scope: Scope, headers: Headers, door: Door) -> str:
        """Return what stands for whoever sends a request: their account, else their address."""
        name = self._knows.admitted(cookie_parser(headers.get("cookie", "")))
        if name:
            return f"account {name}"
        if name is None and not door.is_for_all:
            raise Refused(401, "Log in first.")
        return network_of(scope["client"][0]) if scope.get("client") else ""

    def _check_exists(self, scope: Scope, door: Door) -> None:
        path: str = scope["path"]
        if door.kind is Kind.FILE and not self._knows.offers(path.removeprefix(FILE)):
            raise Refused(404, "There is no such file.")
        if path == QUEUE:
            asked = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[0]
        elif path.startswith(CALL) and door.kind is Kind.STREAM:
            asked = path.rpartition("/")[2]
        else:
            return
        if not self._knows.awaits(asked):
            raise Refused(404, "Nothing was asked for in this session.")

    def _body(self, headers: Headers, door: Door, receive: Receive) -> Body:
        is_upload = door.kind is Kind.UPLOAD
        body = Body(
            receive,
            self.rules.limits.get(door.kind, 0),
            self.rules.pace,
            held=None if is_upload else self._held,
            examine=Parts(headers.get("content-type", "")).count if is_upload else None,
        )
        body.check_length(headers.get("content-length"))
        return body

    @contextmanager
    def _upload(self, visitor: str, headers: Headers, body: Body) -> Iterator[None]:
        """Keep room on the disk for an upload, and remove what it leaves unfinished."""
        length = headers.get("content-length")
        most = self.rules.limits[Kind.UPLOAD] if length is None else int(length)
        with self._uploads.room(visitor, most) as upload, self._knows.unfinished_removed():
            try:
                yield
            finally:
                upload.size = body.size
