"""Requests that the app behind cannot understand."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from rvernet_app.errors import PromptError
from rvernet_app.types import Prompt
from rvernet_app.ui.malformed import SENTENCE, Malformed


async def reads(request: Request) -> Response:
    return Response(str((await request.json())["name"]))


async def ours(request: Request) -> Response:
    Prompt(points_xy=(), point_labels=())
    return Response("never")


async def breaks_off(request: Request) -> Response:
    async def parts() -> AsyncIterator[bytes]:
        yield b"one"
        raise KeyError("two")

    return StreamingResponse(parts())


ROUTES = [Route("/reads", reads, methods=["POST"]), Route("/ours", ours), Route("/breaks", breaks_off)]
CLIENT = TestClient(Starlette(routes=ROUTES, middleware=[Middleware(Malformed)]))


def test_what_is_understood_is_answered() -> None:
    assert CLIENT.post("/reads", content=b'{"name": "rice"}').text == "rice"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"7", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_not_understood_is_refused_with_a_sentence(
    body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = CLIENT.post("/reads", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, SENTENCE)
    (line,) = [record for record in caplog.records if record.name == "rvernet_app.ui.malformed"]
    assert line.exc_info is None
    assert line.getMessage().startswith("POST '/reads' was not understood: ")


def test_a_fault_of_the_program_is_no_malformed_request() -> None:
    with pytest.raises(PromptError):
        CLIENT.get("/ours")


def test_an_answer_that_breaks_off_ends() -> None:
    answer = CLIENT.get("/breaks")
    assert (answer.status_code, answer.content) == (200, b"one")
