"""Lets nobody further who has to log in first. It stands before Gradio, and reads no body."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from rvernet_app.ui.signin.routes import LOGIN, LOGOUT, LOGOUT_EVERYWHERE, STYLES
from rvernet_app.ui.signin.sign_in import SignIn

OPEN = frozenset({LOGIN, LOGOUT, LOGOUT_EVERYWHERE, STYLES, "/favicon.ico"})
"""Paths that need no log-in: the log-in page and what it shows."""


class Wall:
    """Passes on the requests of people who are logged in, and all where nobody has to be."""

    def __init__(self, app: ASGIApp, sign_in: SignIn) -> None:
        self._app = app
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or self._lets_pass(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _refusal(scope)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _lets_pass(self, scope: Scope) -> bool:
        return path_below(scope) in OPEN or self._sign_in(HTTPConnection(scope)) is not None


def path_below(scope: Scope) -> str:
    """Return the path of a request below the place where the app is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "").rstrip("/")) or "/"


def _refusal(scope: Scope) -> Response:
    """Return the way to the log-in page for the page itself, and an error for all that it asks for."""
    headers = {"Cache-Control": "no-store"}
    if scope["method"] in ("GET", "HEAD") and path_below(scope) == "/":
        query = scope["query_string"].decode("ascii", "ignore")
        wanted = f"?next={quote(f'/?{query}', safe='')}" if query else ""
        return RedirectResponse(f".{LOGIN}{wanted}", 303, headers)
    return JSONResponse({"detail": {"error": "Not authenticated"}}, 401, headers)
