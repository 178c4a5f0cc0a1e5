"""The name of a visitor: on their own machine, on a server with accounts, and on a Space."""

from __future__ import annotations

import asyncio
import getpass
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from fastapi.testclient import TestClient
from gradio.routes import App

from rvernet_app.errors import PromptError
from rvernet_app.store.roles import Actor
from rvernet_app.ui import access
from rvernet_app.ui.access import LoginError, default_name, visitor
from rvernet_app.ui.answers import answered_to
from rvernet_app.ui.requests import Empty, Reply
from tests.rvernet_app.store.desk import nobody


@pytest.fixture(autouse=True)
def no_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)


class Door:
    """A fake of a server's log-in: cookies hold a name."""

    def required(self) -> bool:
        return True

    def name_of(self, cookies: dict[str, str]) -> str | None:
        return cookies.get("name")


def request(door: Door | None = None, **cookies: str) -> Any:
    """Return a fake request with the cookies of one browser."""
    return SimpleNamespace(app=SimpleNamespace(auth_dependency=door), cookies=cookies)


def profile(name: str) -> gr.OAuthProfile:
    return gr.OAuthProfile({"preferred_username": name, "name": "Ann Lee", "profile": "", "picture": ""})


def is_ann(name: str) -> bool:
    return name == "ann"


def test_without_accounts_a_visitor_chooses_their_name_and_runs_the_server() -> None:
    assert visitor({"me": "Ann"}, request(), None, nobody) == Actor("Ann", is_admin=True, alone=True)


@pytest.mark.parametrize("message", [{}, {"me": None}, {"me": ""}])
def test_a_visitor_without_a_name_is_the_owner_of_the_machine(
    message: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "default_name", lambda: "owner")
    assert visitor(message, request(), None, nobody).name == "owner"


@pytest.mark.parametrize("me", [5, True, ["Ann"], {"name": "Ann"}, "An\0n", "\ud800"])
def test_a_name_that_is_no_text_is_refused(me: object) -> None:
    with pytest.raises(PromptError):
        visitor({"me": me}, request(), None, nobody)


@pytest.mark.parametrize("message", [{}, {"me": "ann"}, {"me": 5}])
def test_with_accounts_a_visitor_is_their_account_whatever_they_say(message: dict[str, Any]) -> None:
    assert visitor(message, request(Door(), name="ann"), None, is_ann) == Actor("ann", is_admin=True)
    assert visitor(message, request(Door(), name="ben"), None, is_ann) == Actor("ben")


def test_with_accounts_a_visitor_who_is_not_logged_in_is_refused() -> None:
    with pytest.raises(LoginError, match="Log in first"):
        visitor({"me": "ann"}, request(Door()), None, is_ann)
    with pytest.raises(LoginError, match="Log in first"):
        visitor({"me": "ann"}, request(Door()), profile("ann"), is_ann)


def test_on_a_space_a_visitor_has_the_name_they_signed_in_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "ann/foods")
    assert visitor({"me": "Ben"}, request(), profile("ann-lee"), is_ann) == Actor("ann-lee")
    with pytest.raises(LoginError, match="Sign in"):
        visitor({"me": "Ann"}, request(), None, is_ann)


@pytest.mark.parametrize("error", [OSError, KeyError, ImportError])
def test_the_default_name_is_annotator_if_the_user_is_unknown(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> str:
        raise error("no user")

    assert default_name()
    monkeypatch.setattr(getpass, "getuser", nobody)
    assert default_name() == "annotator"


class Me(Reply):
    """A reply with the visitor's name."""

    me: str


def whoami(asked: Empty, me: Actor) -> Me:
    return Me(me=me.name)


def test_the_server_tells_the_page_the_visitors_name() -> None:
    with gr.Blocks(analytics_enabled=False) as demo:
        component = gr.HTML("", server_functions=[answered_to(whoami, nobody)])
    demo.auth, demo.auth_message = None, None  # as `launch` sets them
    body = {"session_hash": "s", "component_id": component._id, "fn_name": "whoami", "data": {"me": "Ann"}}
    reply = TestClient(App.create_app(demo)).post("/gradio_api/component_server", json=body)
    assert reply.json() == {"me": "Ann"}


def queue_of(demo: gr.Blocks) -> Any:
    """Return Gradio's queue with what is kept for pages bounded."""
    access.bound_memory(demo)
    return demo._queue


def test_messages_that_nobody_fetches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MAX_UNREAD_PAGES", 2)
    monkeypatch.setattr(access, "MAX_UNREAD", 3)
    queue = queue_of(gr.Blocks())
    for session in ("a", "b", "c"):
        queue.pending_event_ids_session[session] = {session}
        queue.pending_messages_per_session[session] = asyncio.Queue()
    for number in range(5):
        queue.pending_messages_per_session["c"].put_nowait(number)
    assert list(queue.pending_messages_per_session) == list(queue.pending_event_ids_session) == ["b", "c"]
    kept = queue.pending_messages_per_session["c"]
    assert [kept.get_nowait() for _ in range(kept.qsize())] == [0, 1, 2]


def test_a_page_that_has_gone_or_fetches_nothing_is_not_awaited() -> None:
    demo = gr.Blocks()
    queue = queue_of(demo)
    asked = SimpleNamespace(
        session_hash="ann", request=SimpleNamespace(app=SimpleNamespace(get_blocks=lambda: demo))
    )
    event = SimpleNamespace(session_hash="ann", alive=True)
    queue.active_jobs = [None, [SimpleNamespace(session_hash="ben", alive=True), event]]
    queue.pending_messages_per_session["ann"] = asyncio.Queue()
    assert access.is_awaited(asked)  # type: ignore[arg-type]  # a fake request
    event.alive = False
    assert not access.is_awaited(asked)  # type: ignore[arg-type]
    event.alive = True
    for number in range(access.UNREAD_IGNORED):
        queue.pending_messages_per_session["ann"].put_nowait(number)
    assert not access.is_awaited(asked)  # type: ignore[arg-type]


def test_a_session_is_that_of_the_page_also_for_server_functions() -> None:
    client = SimpleNamespace(host="192.0.2.7")
    assert access.session_of(gr.Request(session_hash="ann")) == "ann"
    assert access.session_of(SimpleNamespace(_json={"session_hash": "ben"}, client=client)) == "ben"
    assert access.session_of(SimpleNamespace(_json=[], client=client)) == "192.0.2.7"
    assert access.session_of(None) == ""
