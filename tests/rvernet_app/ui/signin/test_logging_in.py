"""Logging in and out over HTTP, before an app that stands for Gradio's."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import argon2
import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from rvernet_app.store import passwords
from rvernet_app.store.accounts import ACCOUNTS_NAME, Accounts
from rvernet_app.ui.signin import page
from rvernet_app.ui.signin.attempts import FREE, Attempts
from rvernet_app.ui.signin.routes import MOST_BYTES, login_routes, path_here
from rvernet_app.ui.signin.sessions import Sessions
from rvernet_app.ui.signin.sign_in import MOST_WAITING, SignIn
from rvernet_app.ui.signin.wall import Wall

PASSWORD = "correct horse"
HOUR = 3600.0


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make hashes in a millisecond."""
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", cheap)


class Clock:
    """A clock that a test moves."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Server:
    """A server with a log-in before an app that tells each visitor who they are."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.folder = folder
        self.accounts = Accounts(folder)
        self.read: list[int] = []
        self.start()

    def start(self) -> None:
        """Start the server, again if it has run before."""
        sessions = Sessions(self.folder, idle_s=HOUR, longest_s=8 * HOUR, clock=self.clock)
        self.sign_in = SignIn(Accounts(self.folder), sessions, Attempts(self.clock))
        self.site = FastAPI(openapi_url=None, routes=login_routes(self.sign_in))
        self.site.add_middleware(Wall, sign_in=self.sign_in)
        self.site.mount("/", self._app)

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        self.read.append(len(await request.body()))
        await PlainTextResponse(f"{request.url.path} of {self.sign_in(request)!r}")(scope, receive, send)

    def browser(self, address: str = "192.0.2.1", at: str = "https://foods.example") -> TestClient:
        """Return a new browser without cookies."""
        return TestClient(self.site, base_url=at, client=(address, 5000), follow_redirects=False)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with the accounts of Ann, an admin, and Ben."""
    server = Server(tmp_path)
    server.accounts.add("ann", PASSWORD)
    server.accounts.add("ben", "battery staple")
    yield server
    server.sign_in.close()


def log_in(browser: TestClient, name: str = "ann", password: str = PASSWORD, to: str = "/") -> Any:
    return browser.post("/login", data={"name": name, "password": password, "next": to})


def is_in(browser: TestClient) -> bool:
    reply = browser.get("/config")
    assert reply.status_code in (200, 401)
    return reply.status_code == 200


def test_a_browser_is_sent_to_the_log_in_page_and_back_to_where_it_wanted_to_go(server: Server) -> None:
    browser = server.browser()
    sent = browser.get("/?view=api&__theme=dark")
    assert (sent.status_code, sent.headers["location"]) == (
        303,
        "./login?next=%2F%3Fview%3Dapi%26__theme%3Ddark",
    )
    shown = browser.get(sent.headers["location"])
    assert 'name="next" value="/?view=api&amp;__theme=dark"' in shown.text
    back = log_in(browser, to="/?view=api&__theme=dark")
    assert (back.status_code, back.headers["location"]) == (303, "./?view=api&__theme=dark")
    assert browser.get("/").text == "/ of 'ann'"
    assert browser.get("/login").headers["location"] == "./"


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/a\nSet-Cookie: a=b",
        "/" + "a" * 2000,
        "",
        None,
    ],
)
def test_nobody_is_sent_to_another_site(path: str | None) -> None:
    assert path_here(path) == "/"


@pytest.mark.parametrize(
    "path", ["/config", "/gradio_api/upload", "/gradio_api/heartbeat/x", "/web/main.js", "/x"]
)
def test_no_other_address_answers_before_the_log_in_and_no_body_is_read(server: Server, path: str) -> None:
    browser = server.browser()
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
        assert browser.request(method, path, content=b"x" * 100_000).status_code == 401
    assert server.read == []
    with pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)), browser.websocket_connect(path):
        pass


def test_the_cookie_is_safe_over_tls(server: Server) -> None:
    cookies = log_in(server.browser()).headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == [
        "__Host-rvernet-session",
        "__Host-rvernet-browser",
    ]
    for cookie in cookies:
        assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(cookie.split("; "))


@pytest.mark.parametrize("header", [{"Origin": "https://foods.example"}, {"X-Forwarded-Proto": "https"}])
def test_the_cookie_is_safe_behind_a_proxy_that_ends_tls(server: Server, header: dict[str, str]) -> None:
    browser = server.browser(at="http://foods.example")
    form = {"name": "ann", "password": PASSWORD}
    reply = browser.post("/login", data=form, headers=header)
    assert "; Secure" in reply.headers["set-cookie"]


def test_without_tls_the_cookie_comes_back_too(server: Server) -> None:
    browser = server.browser(at="http://127.0.0.1")
    assert "Secure" not in log_in(browser).headers["set-cookie"]
    assert is_in(browser)


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ann", "battery staple"),
        ("cleo", PASSWORD),
        ("", ""),
        ("ann", ""),
        ("Ann", PASSWORD),
        ("\0", "\0"),
    ],
)
def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(
    server: Server, name: str, password: str
) -> None:
    browser = server.browser()
    reply = log_in(browser, name, password)
    assert reply.status_code == 400
    assert page.WRONG in reply.text
    assert "set-cookie" not in reply.headers
    assert not is_in(browser)


def test_what_was_typed_as_the_name_is_shown_as_text(server: Server) -> None:
    reply = log_in(server.browser(), '"><script>alert(1)</script>', "x")
    assert 'value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in reply.text
    assert reply.headers["content-security-policy"].startswith("default-src 'none';")
    assert reply.headers["cache-control"] == "no-store"


def test_logging_out_ends_this_session_and_everywhere_ends_all(server: Server) -> None:
    one, other, bens = server.browser(), server.browser(), server.browser()
    log_in(one)
    log_in(other)
    log_in(bens, "ben", "battery staple")
    stolen = dict(one.cookies)
    assert one.post("/logout").headers["location"] == "./"
    assert [is_in(browser) for browser in (one, other, bens)] == [False, True, True]
    one.cookies.update(stolen)
    assert not is_in(one)
    log_in(one)
    one.post("/logout-everywhere")
    assert [is_in(browser) for browser in (one, other, bens)] == [False, False, True]


def test_a_log_in_gets_a_new_token_and_the_old_one_ends(server: Server) -> None:
    browser, thief = server.browser(), server.browser()
    log_in(browser)
    thief.cookies.update(dict(browser.cookies))
    log_in(browser)
    assert [is_in(browser), is_in(thief)] == [True, False]


@pytest.mark.parametrize("path", ["/login", "/logout", "/logout-everywhere"])
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_forms_of_other_sites_count_for_nothing(server: Server, path: str, site: str) -> None:
    browser = server.browser()
    log_in(browser)
    form = {"name": "ben", "password": "battery staple"}
    assert browser.post(path, data=form, headers={"Sec-Fetch-Site": site}).status_code == 403
    assert browser.get("/").text == "/ of 'ann'"


def test_the_first_account_closes_a_server_that_runs(tmp_path: Path) -> None:
    server = Server(tmp_path)
    browser = server.browser()
    assert browser.get("/").text == "/ of ''"
    assert log_in(browser).headers["location"] == "./"
    Accounts(tmp_path).add("ann", PASSWORD)
    assert not is_in(browser)
    assert log_in(browser).status_code == 303
    assert browser.get("/").text == "/ of 'ann'"
    server.sign_in.close()


def test_another_password_or_a_removed_account_ends_its_sessions_at_once(server: Server) -> None:
    anns, bens = server.browser(), server.browser()
    log_in(anns)
    log_in(bens, "ben", "battery staple")
    Accounts(server.folder).add("ann", "another one")
    assert [is_in(anns), is_in(bens)] == [False, True]
    Accounts(server.folder).remove("ben")
    assert not is_in(bens)
    Accounts(server.folder).add("ben", "battery staple")
    assert not is_in(bens)
    assert log_in(anns).status_code == 400
    assert log_in(anns, password="another one").status_code == 303


def test_a_restart_keeps_people_logged_in(server: Server) -> None:
    browser = server.browser()
    log_in(browser)
    server.clock.now += HOUR / 2
    assert is_in(browser)
    server.sign_in.close()
    server.start()
    again = server.browser()
    again.cookies.update(dict(browser.cookies))
    server.clock.now += HOUR / 2 + 1
    assert is_in(again)


@pytest.mark.parametrize("content", [b"{", b"[]", b"", None])
def test_damaged_or_lost_accounts_let_nobody_in_until_they_are_mended(
    server: Server, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    browser, file = server.browser(), server.folder / ACCOUNTS_NAME
    log_in(browser)
    whole = file.read_bytes()
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    assert not is_in(browser)
    closed = browser.get("/login")
    assert closed.status_code == 503
    assert page.CLOSED in closed.text
    assert log_in(server.browser()).status_code in (400, 503)
    assert str(server.folder) not in closed.text
    file.write_bytes(whole)
    assert is_in(browser)


def test_who_guesses_is_told_to_wait(server: Server) -> None:
    guesser, person = server.browser("203.0.113.9"), server.browser()
    replies = [log_in(guesser, password="guessed!") for _ in range(FREE + 1)]
    assert [reply.status_code for reply in replies] == [400] * FREE + [429]
    assert replies[-1].headers["retry-after"] == "1"
    assert "Too many attempts failed. Wait 1 second, then try again." in replies[-1].text
    assert log_in(guesser).status_code == 429
    assert log_in(person).status_code == 303
    server.clock.now += 1
    assert log_in(guesser).status_code == 303


def test_a_known_browser_logs_in_while_its_own_address_guesses(server: Server) -> None:
    person, guesser = server.browser(), server.browser()
    log_in(person)
    person.post("/logout")
    for number in range(30):
        log_in(guesser, f"name {number}", "guessed!")
    assert log_in(guesser).status_code == 429
    assert log_in(person, "ben", "battery staple").status_code == 429
    assert log_in(person).status_code == 303


def test_few_passwords_wait_to_be_checked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server.sign_in, "_waiting", MOST_WAITING)
    reply = log_in(server.browser())
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "2")
    assert page.BUSY in reply.text


@pytest.mark.parametrize(
    "body",
    [
        b"name=" + b"a" * MOST_BYTES,
        b"name=" + b"a" * 201,
        b"password=" + b"a" * 1001,
        b"name=\xff",
        b"&a" * 50,
    ],
)
def test_a_form_that_is_none_is_refused(server: Server, body: bytes) -> None:
    assert server.browser().post("/login", content=body).status_code == 413


def test_logs_hold_no_names_no_passwords_and_no_tokens(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "rvernet_app")
    browser = server.browser()
    log_in(browser, "Zoë Zeta", "her other password")
    log_in(browser)
    (server.folder / ACCOUNTS_NAME).write_text("{")
    log_in(browser, "Zoë Zeta", "her other password")
    log_in(browser)
    said = json.dumps([record.getMessage() for record in caplog.records if record.name.startswith("rvernet")])
    for secret in ("Zeta", "her other", PASSWORD, *browser.cookies.values()):
        assert secret not in said


def test_the_log_in_works_below_a_path_of_a_proxy(server: Server) -> None:
    whole = FastAPI(routes=[Mount("/foods", server.site)])
    browser = TestClient(whole, base_url="https://clinic.example", follow_redirects=False)
    sent = browser.get("/foods/")
    assert (sent.status_code, sent.headers["location"]) == (303, "./login")
    form = {"name": "ann", "password": PASSWORD}
    assert browser.post("/foods/login", data=form).headers["location"] == "./"
    assert browser.get("/foods/config").status_code == 200
