"""The app's addresses: paths, headers, bodies, uploads, the queue; and its log-in form."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from starlette.routing import BaseRoute, Mount, Route

from tests.fuzz import mutate
from tests.fuzz.target import JsonTarget
from tests.fuzz.targets.site import HOST, NAME, PASSWORD, Answer, Site
from tests.rvernet_app.store.desk import picture

ROUNDS = 1500
BOUNDARY = "frontier"
HEADERS = (
    *("host", "origin", "referer", "cookie", "content-type", "content-length", "content-encoding", "accept"),
    *(
        "accept-encoding",
        "range",
        "if-none-match",
        "if-modified-since",
        "x-forwarded-for",
        "x-forwarded-host",
    ),
    *(
        "x-forwarded-proto",
        "x-gradio-user",
        "x-gradio-server",
        "authorization",
        "expect",
        "transfer-encoding",
    ),
    *("upgrade", "sec-fetch-site", "sec-fetch-mode", "accept-language", "user-agent", "forwarded"),
)
_NO_TOKEN = re.compile(r"[^!#$%&'*+.^_`|~0-9A-Za-z-]")
_NO_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]")
_NO_PATH = re.compile(r"[^!-~]|[?#]")


class Web(JsonTarget):
    """Sends a request to the app; anyone may."""

    name, weight, megabytes, short = "web", 6, 500, 60
    parts = ("path", "query", "headers", "body", "body", "body", "method")
    login = False

    def open(self, folder: Path) -> None:
        """Build the app."""
        super().open(folder)
        self._count = 0
        self._site = Site(folder / "site", login=self.login)

    def close(self) -> None:
        """End the app."""
        self._site.close()

    def seeds(self) -> Sequence[bytes]:
        """Return a request to each route, and sound bodies for those that take one."""
        return [mutate.written_json(request) for request in (*_routes(self._site.app.routes, ""), *_bodies())]

    def mutated(self, rng: random.Random, data: bytes) -> bytes:
        """Return the request with other headers, another path or a changed body."""
        if rng.random() < 0.3:
            request = json.loads(data)
            request["headers"] = [*request["headers"], [rng.choice(HEADERS), _text(rng)]]
            data = mutate.written_json(request)
        return super().mutated(rng, data)

    def run(self, data: bytes) -> str:
        """Send the request."""
        self._count += 1
        if self._count % ROUNDS == 0:
            self.close()
            self._site = Site(self.folder / "site", login=self.login)
        request = _request(data)
        if request is None:
            return "no request"
        answer = self._send(**request)
        self._site.require_sound(answer, f"{request['method']} {request['path'][:60]}")
        return f"status {answer.status}"

    def _send(
        self, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes
    ) -> Answer:
        given = {name.lower() for name, _ in headers}
        if "host" not in given:
            headers.append(("host", HOST))
        if body and "content-length" not in given:
            headers.append(("content-length", str(len(body))))
        return self._site.ask(method, path, headers, body, query)


class Login(Web):
    """The log-in form and what lies behind it, where there are accounts."""

    name, weight, short = "login", 1, 6
    login = True

    def seeds(self) -> Sequence[bytes]:
        """Return forms, right and wrong, and requests with cookies of nobody."""
        form = {"content-type": "application/x-www-form-urlencoded"}
        right = f"username={NAME}&password={PASSWORD.replace(' ', '+')}"
        made = [
            _post("/login", right, form),
            _post("/login", "username=Ann&password=wrong", form),
            _post("/login", "username=%ED%A0%80&password=%00", form),
            _post("/login", _multipart({"username": b"Ann", "password": b"x"}), _multipart_type()),
            _post(
                "/login",
                json.dumps({"username": "Ann", "password": "x"}),
                {"content-type": "application/json"},
            ),
            _get("/logout"),
            _get("/logout", "all_session=true"),
            _get("/", headers={"cookie": "access-token=1; access-token-unsecure=2; x=\x7f"}),
            _get("/gradio_api/token", headers={"cookie": "access-token-unsecure-=1"}),
            _get("/config"),
            *_bodies(),
        ]
        return [mutate.written_json(request) for request in made]


def _request(data: bytes) -> dict[str, Any] | None:
    """Return a request as a web server would let it through; None if nothing of it is left."""
    try:
        asked = json.loads(data)
        path = "/" + _NO_PATH.sub("", str(asked["path"])).lstrip("/")
        headers = [
            (_NO_TOKEN.sub("", str(one[0])) or "x", _NO_VALUE.sub("", str(one[1])).strip())
            for one in (asked["headers"] if isinstance(asked["headers"], list) else [])
            if isinstance(one, list) and len(one) >= 2
        ]
        body = asked["body"]
        written = body.encode("latin-1", "replace") if isinstance(body, str) else mutate.written_json(body)
        return {
            "method": _NO_TOKEN.sub("", str(asked["method"])).upper()[:20] or "GET",
            "path": path[:8000],
            "query": re.sub(r"[^!-~]|#", "", str(asked["query"] or ""))[:8000],
            "headers": headers[:90],
            "body": written,
        }
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _text(rng: random.Random) -> str:
    values = (
        "0",
        "null",
        "gzip, br",
        "bytes=0-1",
        "bytes=5-1,-9",
        "chunked",
        "http://evil.example",
        "text/html",
    )
    return rng.choice((*values, *mutate.TEXTS))[:3000]


def _get(path: str, query: str = "", headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {"method": "GET", "path": path, "query": query, "headers": _listed(headers), "body": ""}


def _post(path: str, body: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
    chosen = {"content-type": "application/json"} if headers is None else headers
    return {"method": "POST", "path": path, "query": "", "headers": _listed(chosen), "body": body}


def _listed(headers: dict[str, str] | None) -> list[list[str]]:
    return [[name, value] for name, value in (headers or {}).items()]


def _routes(routes: Sequence[BaseRoute], above: str) -> Iterator[dict[str, Any]]:
    """Yield a request for each method of each route."""
    for route in routes:
        if isinstance(route, Mount):
            yield from _routes(route.routes or [], above + route.path)
        elif isinstance(route, Route):
            path = re.sub(r"\{[^}]*\}", "x", above + route.path)
            for method in sorted(route.methods or {"GET"}):
                yield (
                    {**_post(path, {}), "method": method}
                    if method == "POST"
                    else {**_get(path), "method": method}
                )


def _multipart_type() -> dict[str, str]:
    return {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def _multipart(fields: dict[str, bytes], filename: str = "") -> str:
    """Return a form with fields, or with files if a name of the file is given."""
    named = f'; filename="{filename}"\r\nContent-Type: image/png' if filename else ""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in fields.items()
    ]
    return (b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()).decode("latin-1")


def _bodies() -> Iterator[dict[str, Any]]:
    """Yield what the page and programs send."""
    upload = _multipart({"files": picture(3)}, "photo.png")
    event = {"data": [None], "fn_index": 0, "event_data": {"seq": 1}, "trigger_id": 1, "session_hash": "abc"}
    reference = {"path": "x", "meta": {"_type": "gradio.FileData"}, "url": "http://127.0.0.1:9/x"}
    yield _post("/gradio_api/upload", upload, _multipart_type())
    yield {**_post("/gradio_api/upload", upload, _multipart_type()), "query": "upload_id=abc"}
    yield _get("/gradio_api/upload_progress", "upload_id=abc")
    yield _post("/gradio_api/queue/join", event)
    yield _post("/gradio_api/queue/join", {**event, "fn_index": 1})
    yield _get("/gradio_api/queue/data", "session_hash=abc")
    yield _post("/gradio_api/run/predict", event)
    yield _post("/gradio_api/call/segment", {"data": [reference, [[3, 3, 1]], None, False]})
    yield _post("/gradio_api/call/classify", {"data": [reference, {"size": [6, 8], "counts": "0"}]})
    yield _get("/gradio_api/call/segment/abc")
    yield _post("/gradio_api/cancel", {"session_hash": "abc", "fn_index": 0, "event_id": "x"})
    yield _post("/gradio_api/reset", {"event_id": "x"})
    body = {"data": {}, "component_id": 1, "fn_name": "projects", "session_hash": "abc"}
    yield _post("/gradio_api/component_server/", body)
    yield _post(
        "/gradio_api/component_server/", _multipart({"data": b"{}", "fn_name": b"x"}), _multipart_type()
    )
    yield _get("/gradio_api/heartbeat/abc")
    yield _get("/gradio_api/file=assets/samples/images/1.jpg")
    yield _get("/gradio_api/file=/etc/passwd", headers={"range": "bytes=0-10"})
    yield _get("/gradio_api/proxy=http://127.0.0.1:9/x")
    yield _get("/static/../../etc/passwd")
    yield _get("/theme.css", "v=1", {"if-none-match": '"x"', "accept-encoding": "gzip"})
