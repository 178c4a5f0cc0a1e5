"""What the gate lets through, on a small site with small limits."""

from __future__ import annotations

import asyncio
import gzip
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI

from rvernet_app.ui.access import gradio_apps, unfinished_uploads_removed
from rvernet_app.ui.gate.bodies import Pace
from rvernet_app.ui.gate.doors import Kind
from rvernet_app.ui.gate.hosts import Hosts
from rvernet_app.ui.gate.policy import FRAMES_OF_SPACES
from rvernet_app.ui.gate.uploads import Space
from tests.loops import in_loop
from tests.rvernet_app.ui.gate.guarded import CALL, HEARTBEAT, UPLOAD, Said, Site, ask, guarded


def told(method: str, path: str, site: Site | None = None, **given: object) -> Said:
    """Ask a new gate once."""
    return in_loop(ask(guarded(site or Site()), method, path, **given))  # type: ignore[arg-type]


async def settled() -> None:
    """Let all tasks run until each waits for something that this test gives."""
    for _ in range(50):
        await asyncio.sleep(0)


# Bodies


def test_a_body_within_the_limit_arrives() -> None:
    site = Site()
    assert told("POST", CALL, site, pieces=[b"x" * 60, b"x" * 40]).status == 200
    assert site.read == [100]


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    site = Site()
    reply = told("POST", CALL, site, pieces=[b"x" * 101], content_length="101")
    assert (reply.status, site.read, site.most) == (413, [], 0)
    assert reply.error == "This is over the limit of 0.0001 MB for one request."


@pytest.mark.parametrize("length", ["", "50"])
def test_a_body_that_grows_too_large_is_refused_whatever_the_site_says(length: str) -> None:
    site = Site()
    reply = told("POST", CALL, site, pieces=[b"x" * 60, b"x" * 60, b"x" * 60], content_length=length)
    assert (reply.status, site.read) == (413, [])


@pytest.mark.parametrize("length", ["-1", "1e3", "१", "9" * 30])
def test_a_length_that_is_no_number_or_endless_is_refused(length: str) -> None:
    gate = guarded(Site())
    assert in_loop(ask(gate, "POST", CALL, content_length=length.encode().decode("latin-1"))).status in (
        400,
        413,
    )


def test_a_reading_request_brings_no_body() -> None:
    assert told("GET", "/", content_length="5").status == 413


def test_bodies_of_all_calls_together_are_bounded() -> None:
    async def run() -> list[int]:
        site = Site(go_on=asyncio.Event())
        gate = guarded(site)
        asked = [
            asyncio.create_task(ask(gate, "POST", CALL, [b"x" * 90], address=f"10.0.0.{number}"))
            for number in range(3)
        ]
        await settled()
        assert site.go_on is not None
        site.go_on.set()
        replies = [(await one).status for one in asked]
        again = await ask(gate, "POST", CALL, [b"x" * 90])
        return [*sorted(replies), again.status]

    assert in_loop(run()) == [200, 200, 503, 200]


def test_a_body_that_does_not_come_is_given_up() -> None:
    async def run() -> Said:
        gate = guarded(Site(), pace=Pace(piece_seconds=0.01))
        never = asyncio.Event()

        async def receive() -> dict[str, object]:
            await never.wait()
            return {}

        sent: list[dict[str, object]] = []

        async def send(message: object) -> None:
            assert isinstance(message, dict)
            sent.append(message)

        headers = [(b"host", b"localhost")]
        scope = {"type": "http", "method": "POST", "path": CALL, "headers": headers, "scheme": "http"}
        await gate({**scope, "query_string": b"", "client": ("127.0.0.1", 1)}, receive, send)
        return Said(int(str(sent[0]["status"])), {}, [], b"")

    assert in_loop(run()).status == 408


def test_who_is_not_logged_in_has_no_body_read() -> None:
    async def run() -> list[tuple[int, str]]:
        gate = guarded(site, logs_in=True)
        calls = [
            await ask(gate, "POST", CALL, [b"x" * 10]),
            await ask(gate, "POST", UPLOAD, [b"x" * 10]),
            await ask(gate, "GET", HEARTBEAT),
            await ask(gate, "GET", "/gradio_api/file=/offered/a.jpg"),
            await ask(gate, "POST", CALL, [b"x" * 10], cookie="who=ann"),
            await ask(gate, "POST", "/login", [b"x" * 10]),
            await ask(gate, "POST", "/login", [b"x" * 21]),
        ]
        return [(said.status, said.error if said.status == 401 else "") for said in calls]

    site = Site()
    refused = (401, "Log in first.")
    assert in_loop(run()) == [refused] * 4 + [(200, ""), (200, ""), (413, "")]
    assert site.read == [10, 10]


def test_a_visitor_who_goes_away_in_mid_upload_leaves_nothing_and_no_traceback(tmp_path: Path) -> None:
    with gr.Blocks(analytics_enabled=False) as demo:
        gr.HTML("")
    site = FastAPI(openapi_url=None)
    gr.mount_gradio_app(site, demo, path="/")
    gradio_apps(site)[0].uploaded_file_dir = str(tmp_path)
    gate = guarded(
        Site(),
        unfinished_removed=unfinished_uploads_removed,
        limits={Kind.UPLOAD: 100_000},
        space=Space(each=100_000, in_all=100_000, free=0),
    )
    gate.site = site
    part = b'--cut\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
    seen: list[list[Path]] = []

    async def run() -> None:
        messages = [
            {"type": "http.request", "body": part + b"x" * 50_000, "more_body": True},
            {"type": "http.request", "body": b"x" * 1000, "more_body": True},
        ]

        async def receive() -> dict[str, object]:
            if messages:
                return messages.pop(0)
            seen.append(list(tmp_path.iterdir()))
            return {"type": "http.disconnect"}

        async def send(message: object) -> None:
            pass

        headers = [(b"host", b"localhost"), (b"content-type", b"multipart/form-data; boundary=cut")]
        scope = {"type": "http", "method": "POST", "path": UPLOAD, "headers": headers, "scheme": "http"}
        await gate({**scope, "query_string": b"", "client": ("127.0.0.1", 1)}, receive, send)

    in_loop(run())
    assert len(seen[0]) == 1
    assert list(tmp_path.iterdir()) == []


# Uploads


def test_uploads_of_a_visitor_and_of_all_are_bounded() -> None:
    async def run() -> list[int]:
        gate = guarded(Site())
        asked = [(1000, "10.0.0.1")] * 3 + [(1, "10.0.0.1")] + [(1000, "10.0.0.2")] * 2 + [(1, "10.0.0.3")]
        return [
            (await ask(gate, "POST", UPLOAD, [b"x" * size], content_length=str(size), address=address)).status
            for size, address in asked
        ]

    assert in_loop(run()) == [200, 200, 200, 429, 200, 200, 507]


def test_an_upload_counts_by_what_came_of_it() -> None:
    async def run() -> list[int]:
        gate = guarded(Site(), space=Space(each=1000, in_all=1000, free=0))
        return [(await ask(gate, "POST", UPLOAD, [b"x" * 400])).status for _ in range(2)]

    assert in_loop(run()) == [200, 429]  # without a length, the most that it could be has to fit


def test_uploads_leave_room_on_the_disk() -> None:
    gate = guarded(Site(), space=Space(each=10**30, in_all=10**30, free=10**25))
    reply = in_loop(ask(gate, "POST", UPLOAD, [b"x"]))
    assert (reply.status, reply.error) == (507, "The disk of the server is full. Tell whoever runs it.")


def test_an_upload_holds_one_file() -> None:
    part = b'--cut\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\nx\r\n'
    kind = "multipart/form-data; boundary=cut"
    body = part + b"--cut--\r\n"
    assert told("POST", UPLOAD, pieces=[body[:40], body[40:]], content_type=kind).status == 200
    many = part * 5 + b"--cut--\r\n"
    pieces = [many[at : at + 3] for at in range(0, len(many), 3)]
    reply = told("POST", UPLOAD, pieces=pieces, content_type=kind)
    assert (reply.status, reply.error) == (413, "Send each file in a request of its own.")


# Places


def test_calls_of_one_visitor_wait_for_their_turn_and_do_not_keep_others() -> None:
    async def run() -> tuple[int, int, list[int]]:
        site = Site(go_on=asyncio.Event())
        gate = guarded(site)
        mine = [asyncio.create_task(ask(gate, "POST", CALL, [b"x"], address="10.0.0.1")) for _ in range(4)]
        await settled()
        running = site.running
        others = asyncio.create_task(ask(gate, "POST", CALL, [b"x"], address="10.0.0.2"))
        await settled()
        with_other = site.running
        assert site.go_on is not None
        site.go_on.set()
        return running, with_other, [(await one).status for one in (*mine, others)]

    assert in_loop(run()) == (2, 3, [200, 200, 200, 429, 200])


def test_streams_of_one_visitor_and_of_all_are_bounded() -> None:
    gate = guarded(Site())
    streams = gate._streams
    with streams.place("ann"), streams.place("ann"):
        assert in_loop(ask(gate, "GET", HEARTBEAT)).status == 200
        with streams.place("ben"):
            assert in_loop(ask(gate, "GET", HEARTBEAT)).status == 503
    with streams.place("127.0.0.1"), streams.place("127.0.0.1"):
        assert in_loop(ask(gate, "GET", HEARTBEAT)).status == 429
    assert in_loop(ask(gate, "GET", HEARTBEAT)).status == 200


def test_ipv6_addresses_of_one_network_are_one_visitor() -> None:
    gate = guarded(Site())
    with gate._streams.place("2001:db8::/64"), gate._streams.place("2001:db8::/64"):
        assert in_loop(ask(gate, "GET", HEARTBEAT, address="2001:db8::77")).status == 429
        assert in_loop(ask(gate, "GET", HEARTBEAT, address="2001:db8:0:1::77")).status == 200


def test_a_session_that_asked_for_nothing_gets_no_stream() -> None:
    assert told("GET", "/gradio_api/queue/data", query="session_hash=abc").status == 200
    assert told("GET", "/gradio_api/queue/data", query="session_hash=abd").status == 404
    assert told("GET", "/gradio_api/queue/data").status == 404
    assert told("GET", "/gradio_api/call/segment/abd").status == 404


# Hosts and origins


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("LOCALHOST:7860", 200),
        ("127.0.0.1:7860", 200),
        ("[::1]:7860", 200),
        ("meals.example", 200),
        ("meals.example.:8443", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("192.168.1.4", 421),
        ("127.0.0.1.evil.example", 421),
        ("meals.example@evil.example", 421),
        ("", 400),
    ],
)
def test_the_server_answers_to_its_own_names(host: str, status: int) -> None:
    site = Site()
    reply = told("GET", "/", site, host=host)
    assert reply.status == status
    if status == 421:
        assert "RVERNET_HOSTS" in reply.error


def test_a_server_for_others_answers_to_any_address_but_no_other_name() -> None:
    hosts = Hosts([], any_address=True)
    for host, status in (("192.168.1.4:7860", 200), ("evil.example", 421)):
        gate = guarded(Site(), hosts=hosts)
        assert in_loop(ask(gate, "GET", "/", host=host)).status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),  # a program
        ({"origin": "http://localhost:7860"}, 200),
        ({"origin": "http://localhost:7860", "sec_fetch_site": "same-origin"}, 200),
        ({"host": "meals.example", "origin": "https://meals.example"}, 200),
        ({"host": "127.0.0.1:7860", "origin": "https://meals.example"}, 200),  # the proxy names itself
        ({"origin": "http://localhost:9000"}, 403),
        ({"origin": "http://localhost:9000", "sec_fetch_site": "same-site"}, 403),
        ({"origin": "http://127.0.0.1:7860"}, 403),
        ({"origin": "https://other.meals.example"}, 403),
        ({"origin": "https://evil.example", "sec_fetch_site": "cross-site"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost:7860:1"}, 403),
        ({"origin": "file://"}, 403),
        ({"origin": ""}, 200),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "cross-site", "content_type": "text/plain"}, 403),
        ({"referer": "https://evil.example/a"}, 403),
        ({"referer": "http://localhost:7860/"}, 200),
    ],
)
def test_other_sites_change_nothing(headers: dict[str, Any], status: int) -> None:
    site = Site()
    reply = told("POST", CALL, site, pieces=[b"{}"], **headers)
    assert (reply.status, site.read) == (status, [2] if status == 200 else [])


def test_behind_tls_a_page_that_came_without_it_is_foreign() -> None:
    given: dict[str, Any] = {"host": "meals.example", "origin": "http://meals.example"}
    assert told("POST", CALL, pieces=[b""], **given, scheme="https").status == 403
    assert told("POST", CALL, pieces=[b""], **given).status == 200


def test_other_sites_log_nobody_out_and_read_nothing_but_may_link_here() -> None:
    foreign: dict[str, Any] = {"sec_fetch_site": "cross-site"}
    link: dict[str, Any] = {**foreign, "sec_fetch_mode": "navigate"}
    assert told("GET", "/logout", **link).status == 403
    assert told("GET", "/logout", referer="https://evil.example/").status == 403
    assert told("GET", "/logout", sec_fetch_site="same-origin", sec_fetch_mode="navigate").status == 200
    assert told("GET", "/", **link).status == 200
    assert told("GET", "/", **foreign, sec_fetch_mode="cors").status == 403
    assert told("GET", "/config", **link).status == 403
    assert told("GET", HEARTBEAT, **foreign, sec_fetch_mode="no-cors").status == 403


def test_no_other_origin_is_let_in_and_preflights_are_refused() -> None:
    reply = told("GET", "/", sec_fetch_site="none", origin="http://localhost:7860")
    assert not [name for name in reply.headers if name.startswith("access-control")]
    ask_first: dict[str, Any] = {"origin": "https://evil.example", "access_control_request_method": "POST"}
    reply = told("OPTIONS", CALL, **ask_first)
    assert reply.status == 405
    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/gradio_api/token", 404),
        ("GET", "//gradio_api/token", 404),
        ("GET", "/gradio_api/../gradio_api/token", 404),
        ("GET", "/monitoring", 404),
        ("GET", "/gradio_api/file=/etc/passwd", 404),
        ("GET", "/gradio_api/file=https://evil.example/a.jpg", 404),
        ("GET", CALL, 405),
        ("PUT", CALL, 405),
        ("TRACE", "/", 405),
        ("POST", "/gradio_api/run/predict", 404),
        ("POST", "/gradio_api/call/evidence", 404),
        ("GET", "/gradio_api/heartbeat/" + "a" * 65, 404),
    ],
)
def test_what_the_page_does_not_use_is_closed(method: str, path: str, status: int) -> None:
    assert told(method, path).status == status


def test_web_sockets_are_closed() -> None:
    async def run() -> list[object]:
        sent: list[object] = []

        async def send(message: object) -> None:
            sent.append(message)

        await guarded(Site())({"type": "websocket", "path": "/", "headers": []}, None, send)  # type: ignore[arg-type]
        return sent

    assert in_loop(run()) == [{"type": "websocket.close", "code": 1008}]


# Proxies


def test_what_a_proxy_says_counts_only_if_it_is_configured(caplog: pytest.LogCaptureFixture) -> None:
    said: dict[str, Any] = {
        "x_forwarded_for": "10.9.9.9",
        "x_forwarded_proto": "https",
        "x_forwarded_host": "evil.example",
    }
    reply = told("GET", "/", **said)
    assert "strict-transport-security" not in reply.headers
    assert "set RVERNET_PROXIES to it" in caplog.text
    trusting = guarded(Site(), proxies=("127.0.0.1",))
    reply = in_loop(ask(trusting, "GET", "/", **said))
    assert reply.headers["strict-transport-security"] == "max-age=31536000"
    with trusting._streams.place("10.9.9.9"), trusting._streams.place("10.9.9.9"):
        assert in_loop(ask(trusting, "GET", HEARTBEAT, **said)).status == 429
        assert in_loop(ask(trusting, "GET", HEARTBEAT)).status == 200


# Answers


def test_every_answer_has_safe_headers() -> None:
    for reply in (told("GET", "/"), told("GET", "/gradio_api/token"), told("POST", CALL, pieces=[b"{}"])):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["x-frame-options"] == "SAMEORIGIN"
        assert reply.headers["referrer-policy"] == "same-origin"
        assert reply.headers["cross-origin-resource-policy"] == "same-origin"
        assert "camera=()" in reply.headers["permissions-policy"]
        assert "frame-ancestors" in reply.headers["content-security-policy"]


def test_the_page_runs_its_own_scripts_only() -> None:
    policy = told("GET", "/").headers["content-security-policy"]
    (scripts,) = [part for part in policy.split("; ") if part.startswith("script-src")]
    # base64 of the SHA-256 of "go()"
    assert scripts == "script-src 'self' 'unsafe-eval' 'sha256-5KYv+PUboo5h+0+YAtGRPbwv5d/QxzHslP4YGnUaxRw='"
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'self'" in policy
    assert (
        told("POST", CALL, pieces=[b"{}"])
        .headers["content-security-policy"]
        .startswith("default-src 'none'; sandbox")
    )


def test_a_cookie_is_for_this_site_only() -> None:
    (plain,) = told("GET", "/").cookies
    assert plain == "access-token=secret; Path=/; HttpOnly; SameSite=Lax"
    (secure,) = told("GET", "/", scheme="https").cookies
    assert secure == "access-token=secret; Path=/; HttpOnly; Secure; SameSite=Lax"


def test_on_a_space_the_page_lies_in_a_frame() -> None:
    gate = guarded(Site(), frames=FRAMES_OF_SPACES)
    reply = in_loop(ask(gate, "GET", "/", scheme="https"))
    assert reply.cookies == ["access-token=secret; Path=/; HttpOnly; Secure; SameSite=None"]
    assert "frame-ancestors 'self' https://huggingface.co" in reply.headers["content-security-policy"]
    assert "x-frame-options" not in reply.headers


def test_files_that_are_no_pictures_are_saved_not_shown() -> None:
    picture = told("GET", "/gradio_api/file=/offered/a.jpg").headers
    assert (picture["content-type"], picture["content-disposition"]) == (
        "image/jpeg",
        'inline; filename="a.jpg"',
    )
    for name in ("a.svg", "a.html"):
        saved = told("GET", f"/gradio_api/file=/offered/{name}").headers
        assert saved["content-type"] == "application/octet-stream"
        assert saved["content-disposition"] == "attachment"


def test_text_leaves_compressed_and_streams_as_they_are() -> None:
    reply = told("POST", CALL, pieces=[b"{}"], accept_encoding="br, gzip")
    assert reply.headers["content-encoding"] == "gzip"
    assert reply.headers["vary"] == "Accept-Encoding"
    assert int(reply.headers["content-length"]) == len(reply.body) < 100
    assert gzip.decompress(reply.body) == b'{"said":"' + b"x" * 2000 + b'"}'
    for accepts in ("", "identity", "gzip;q=0"):
        plain = told("POST", CALL, pieces=[b"{}"], accept_encoding=accepts)
        assert "content-encoding" not in plain.headers
        assert len(plain.body) == int(plain.headers["content-length"])
    stream = told("GET", HEARTBEAT, accept_encoding="gzip")
    assert "content-encoding" not in stream.headers
    assert stream.body == b"data: a\n\ndata: b\n\n"
    picture = told("GET", "/gradio_api/file=/offered/a.jpg", accept_encoding="gzip")
    assert "content-encoding" not in picture.headers
