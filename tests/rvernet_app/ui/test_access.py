"""The name of a visitor: on their own machine, on a server with accounts, and on a Space."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
from fastapi.testclient import TestClient
from gradio.routes import App

from rvernet_app.errors import PromptError
from rvernet_app.store.accounts import Accounts
from rvernet_app.store.roles import Actor
from rvernet_app.ui import access
from rvernet_app.ui.access import LoginError, default_name, visitor_name
from rvernet_app.ui.answers import answered_to
from rvernet_app.ui.requests import Empty, Reply
from tests.rvernet_app.store.desk import nobody


@pytest.fixture(autouse=True)
def no_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)


def request(auth: object = None, tokens: dict[str, str] | None = None, **cookies: str) -> Any:
    """Return a fake request with the cookies of one browser; write "_" for "-" in their names."""
    app = SimpleNamespace(auth=auth, cookie_id="7f", tokens=tokens or {})
    return SimpleNamespace(
        app=app, cookies={name.replace("_", "-"): token for name, token in cookies.items()}
    )


def somebody(name: str, password: str) -> bool:
    """A fake of the password check of a server with accounts."""
    return True


def profile(name: str) -> gr.OAuthProfile:
    return gr.OAuthProfile({"preferred_username": name, "name": "Ann Lee", "profile": "", "picture": ""})


def test_without_accounts_a_visitor_chooses_their_name() -> None:
    assert visitor_name({"me": "Ann"}, request(), None) == "Ann"


@pytest.mark.parametrize("message", [{}, {"me": None}, {"me": ""}])
def test_a_visitor_without_a_name_is_the_owner_of_the_machine(
    message: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "default_name", lambda: "owner")
    assert visitor_name(message, request(), None) == "owner"


@pytest.mark.parametrize("me", [5, True, ["Ann"], {"name": "Ann"}, "An\0n", "\ud800"])
def test_a_name_that_is_no_text_is_refused(me: object) -> None:
    with pytest.raises(PromptError):
        visitor_name({"me": me}, request(), None)


@pytest.mark.parametrize("cookie", ["access_token_7f", "access_token_unsecure_7f"])
def test_with_accounts_a_visitor_has_the_name_of_their_account(cookie: str) -> None:
    asked = request(somebody, {"secret": "ann", "other": "ben"}, **{cookie: "secret"})
    assert visitor_name({"me": "Ben"}, asked, None) == "ann"
    assert visitor_name({}, asked, None) == "ann"


@pytest.mark.parametrize(
    "cookies", [{}, {"access_token_7f": "guessed"}, {"access_token_8e": "secret"}, {"secret": "secret"}]
)
def test_with_accounts_a_visitor_without_a_valid_cookie_is_refused(cookies: dict[str, str]) -> None:
    with pytest.raises(LoginError, match="Log in first"):
        visitor_name({"me": "ann"}, request(somebody, {"secret": "ann"}, **cookies), None)


def test_a_stale_cookie_does_not_hide_a_valid_one() -> None:
    cookies = {"access_token_7f": "stale", "access_token_unsecure_7f": "secret"}
    assert visitor_name({}, request(somebody, {"secret": "ann"}, **cookies), None) == "ann"


def test_on_a_space_a_visitor_has_the_name_they_signed_in_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "ann/foods")
    assert visitor_name({"me": "Ben"}, request(), profile("ann-lee")) == "ann-lee"
    with pytest.raises(LoginError, match="Sign in"):
        visitor_name({"me": "Ann"}, request(), None)


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


def served(auth: Callable[[str, str], bool] | None = None) -> tuple[App, int]:
    """Build a page with a component that asks the server for the visitor's name; return its id as well."""
    with gr.Blocks(analytics_enabled=False) as demo:
        component = gr.HTML("", server_functions=[answered_to(whoami, nobody)])
    demo.auth, demo.auth_message = auth, None  # as `launch` sets them
    return App.create_app(demo), component._id


def ask(browser: TestClient, component: int, **message: str) -> dict[str, Any]:
    body = {"session_hash": "s", "component_id": component, "fn_name": "whoami", "data": message}
    reply = browser.post("/gradio_api/component_server", json=body)
    return reply.json() if reply.status_code == 200 else {"status": reply.status_code}


def test_the_server_tells_the_page_the_visitors_name() -> None:
    app, component = served()
    assert ask(TestClient(app), component, me="Ann") == {"me": "Ann"}


def test_two_browsers_with_accounts_have_different_names(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path)
    accounts.add("ann", "correct horse")
    accounts.add("ben", "battery staple")
    app, component = served(accounts.holds)
    anns, bens, nobodys = (TestClient(app, base_url="https://foods.example") for _ in range(3))
    for browser, name, password in ((anns, "ann", "correct horse"), (bens, "ben", "battery staple")):
        assert browser.post("/login", data={"username": name, "password": password}).status_code == 200
    assert nobodys.post("/login", data={"username": "ann", "password": "guessed"}).status_code == 400
    assert ask(anns, component, me="ben") == {"me": "ann"}
    assert ask(bens, component) == {"me": "ben"}
    assert ask(nobodys, component, me="ann") == {"status": 401}
