"""Every route that Gradio has is open or closed on purpose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI

from rvernet_app.config import AppConfig
from rvernet_app.ui.access import gradio_apps, signs_in
from rvernet_app.ui.gate.doors import door_at
from rvernet_app.ui.page import page_options
from tests.rvernet_app.ui.signing_in import be_a_space

API = "/gradio_api"
OPEN = {
    *("GET /", "HEAD /", "GET /assets/{path:path}", "GET /static/{path:path}", "GET /svelte/{path:path}"),
    *("GET /favicon.ico", "GET /robots.txt", "GET /theme.css", f"GET {API}/theme.css"),
    *("GET /config", "GET /config/", f"GET {API}/info", f"GET {API}/info/"),
    *(f"GET {API}/login_check", f"GET {API}/login_check/", "POST /login", "POST /login/", "GET /logout"),
    *(f"GET {API}/file={{path_or_url:path}}", f"HEAD {API}/file={{path_or_url:path}}"),
    *(f"GET {API}/heartbeat/{{session_hash}}", f"GET {API}/queue/data", f"GET {API}/upload_progress"),
    *(f"POST {API}/component_server", f"POST {API}/component_server/", f"POST {API}/queue/join"),
    *(f"POST {API}/cancel", f"POST {API}/reset", f"POST {API}/reset/", f"POST {API}/upload"),
    *(f"POST {API}/call/{{api_name}}", f"POST {API}/call/{{api_name}}/"),
    *(f"POST {API}/call/v2/{{api_name}}", f"POST {API}/call/v2/{{api_name}}/"),
    f"GET {API}/call/{{api_name}}/{{event_id}}",
    "GET /web/FINGERPRINT/{name:path}",
    "HEAD /web/FINGERPRINT/{name:path}",
}
CLOSED = {
    *(f"GET {API}/token", f"GET {API}/token/", f"GET {API}/user", f"GET {API}/user/"),
    *(f"GET {API}/app_id", f"GET {API}/app_id/", f"GET {API}/dev/reload", f"GET {API}/startup-events"),
    *(f"GET {API}/deep_link", f"GET {API}/openapi.json", "GET /openapi.json", "HEAD /openapi.json"),
    *(f"GET {API}/runs", f"GET {API}/runs/"),
    *("GET /manifest.json", "GET /pwa_icon", "GET /pwa_icon/{size}"),
    *("GET /monitoring", "GET /monitoring/summary", "GET /monitoring/{key}"),
    *(f"GET {API}/proxy={{url_path:path}}", f"HEAD {API}/proxy={{url_path:path}}"),
    f"GET {API}/custom_component/{{id}}/{{environment}}/{{type}}/{{file_name}}",
    *(f"GET {API}/file/{{path:path}}", f"GET {API}/queue/status", f"POST {API}/process_recording"),
    *(f"POST {API}/run/{{api_name}}", f"POST {API}/run/{{api_name}}/"),
    *(f"POST {API}/api/{{api_name}}", f"POST {API}/api/{{api_name}}/"),
    f"GET {API}/call/v2/{{api_name}}/{{event_id}}",
    *(f"POST {API}/stream/{{event_id}}", f"POST {API}/stream/{{event_id}}/close"),
    f"GET {API}/stream/{{session_hash}}/{{run}}/{{component_id}}/playlist.m3u8",
    f"GET {API}/stream/{{session_hash}}/{{run}}/{{component_id}}/playlist-file",
    f"GET {API}/stream/{{session_hash}}/{{run}}/{{component_id}}/{{segment_id}}.{{ext}}",
    *(f"POST {API}/vibe-edit", f"POST {API}/vibe-edit/", f"POST {API}/undo-vibe-edit"),
    *(f"POST {API}/undo-vibe-edit/", f"GET {API}/vibe-code", f"GET {API}/vibe-code/"),
    *(f"POST {API}/vibe-code", f"POST {API}/vibe-code/"),
    *(f"POST {API}/vibe-starter-queries", f"POST {API}/vibe-starter-queries/"),
}
OF_A_SPACE = {"GET /login/huggingface", "GET /login/callback"}


def routes_of(routes: list[Any], below: str = "") -> Iterator[tuple[str, str]]:
    """Yield the method and path of every route."""
    for route in routes:
        if inner := getattr(route, "original_router", None):
            yield from routes_of(inner.routes, below)
        elif hasattr(route, "methods"):
            yield from ((method, below + route.path) for method in route.methods)
        else:
            yield from routes_of(route.routes, below + route.path)


def mounted() -> set[str]:
    """Return "METHOD path" of every route of a small page that is mounted as ours is."""
    with gr.Blocks(analytics_enabled=False) as demo:
        gr.HTML("")
        if signs_in():
            gr.LoginButton()
    site = FastAPI(openapi_url=None)
    gr.mount_gradio_app(site, demo, path="/", **page_options(AppConfig()))
    (app,) = gradio_apps(site)
    routes = routes_of(app.routes)
    return {re.sub("/web/[0-9a-f]{16}/", "/web/FINGERPRINT/", f"{method} {path}") for method, path in routes}


def sample(path: str) -> str:
    """Return a path that a route with parameters takes."""
    named = {"{api_name}": "segment", "FINGERPRINT": "0123456789abcdef"}
    for name, value in named.items():
        path = path.replace(name, value)
    return re.sub(r"\{[^}]*\}", "a", path)


def test_every_route_of_gradio_is_open_or_closed_on_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert mounted() == OPEN | CLOSED


def test_a_space_adds_the_routes_of_signing_in(monkeypatch: pytest.MonkeyPatch) -> None:
    be_a_space(monkeypatch)
    assert mounted() == OPEN | CLOSED | OF_A_SPACE


def test_the_doors_are_those_routes() -> None:
    routes = OPEN | CLOSED | OF_A_SPACE
    assert {route for route in routes if door_at(*sample(route).split(" ", 1))} == OPEN | OF_A_SPACE


def test_only_the_two_public_endpoints_may_be_called() -> None:
    assert door_at("POST", f"{API}/call/classify") is not None
    assert door_at("POST", f"{API}/call/evidence") is None
