"""The page's document: its introduction and its scripts, beside event streams that stay as they are."""

from __future__ import annotations

import re

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from starlette.types import Message

from rvernet_app.ui.document import DESCRIPTION, TITLE, inline_scripts, introduced, middleware
from tests.loops import in_loop

DOCUMENT = f"""<!doctype html>
<html lang="en">
\t<head>
\t\t<meta charset="utf-8" />
\t\t<meta property="og:title" content="Gradio" />
\t\t<meta
\t\t\tproperty="og:image"
\t\t\tcontent="https://elsewhere.example/header.jpg"
\t\t/>
\t\t<meta name="twitter:card" content="summary_large_image" />
\t\t<meta name="viewport" content="width=device-width" />
\t</head>
\t<body>{"rice " * 500}</body>
</html>
"""
PIECES = [f"data: {number}\n\n" for number in range(3)]


def document(request: Request) -> Response:
    return HTMLResponse(DOCUMENT)


def events(request: Request) -> Response:
    return StreamingResponse(iter(PIECES), media_type="text/event-stream")


@pytest.fixture(params=["", "/food/naming"])
def browser(request: pytest.FixtureRequest) -> TestClient:
    """A client of the page, also below a path of another site."""
    app = Starlette(routes=[Route("/", document), Route("/data", events)], middleware=middleware())
    site = Starlette(routes=[Mount(request.param, app=app)]) if request.param else app
    return TestClient(site, base_url=f"http://testserver{request.param}/")


def test_the_document_introduces_this_program_only() -> None:
    told = introduced(DOCUMENT.encode()).decode()
    assert f"<title>{TITLE}</title>" in told
    assert re.findall(r'<meta property="og:(\w+)" content="([^"]*)"', told) == [
        ("type", "website"),
        ("title", TITLE),
        ("description", DESCRIPTION),
    ]
    assert "Gradio" not in told
    assert "elsewhere" not in told
    assert "twitter" not in told
    assert '<html lang="en">' in told
    assert '<meta charset="utf-8" />' in told
    assert '<meta name="viewport" content="width=device-width" />' in told
    assert told.endswith(DOCUMENT[DOCUMENT.index("\t</head>") :])


def test_the_document_says_which_scripts_are_its_own() -> None:
    document = b"<script>a</script><script src=\"b.js\"></script><SCRIPT type='module'>c < d\n</script>"
    assert inline_scripts(document) == [b"a", b"c < d\n"]


def test_the_length_of_the_document_is_right(browser: TestClient) -> None:
    reply = browser.get("", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in reply.headers
    assert int(reply.headers["content-length"]) == len(introduced(DOCUMENT.encode()))


def test_event_streams_pass_piece_by_piece(browser: TestClient) -> None:
    assert "content-encoding" not in browser.get("data", headers={"Accept-Encoding": "gzip"}).headers
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    path = browser.base_url.path + "data"
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}

    async def fetch() -> None:
        await browser.app({**scope, "asgi": {"spec_version": "2.4"}}, receive, send)

    in_loop(fetch())
    pieces = [message["body"].decode() for message in sent if message["type"] == "http.response.body"]
    assert pieces == [*PIECES, ""]
