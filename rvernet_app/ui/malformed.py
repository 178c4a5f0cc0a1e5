"""Requests that Gradio cannot understand get 400 and a sentence; it would answer 500 and log a traceback."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

SENTENCE = "The server does not understand this request. Reload the page."
_PACKAGE = Path(__file__).resolve().parents[1]
_PASSED_THROUGH = {str(_PACKAGE / "ui" / name) for name in ("malformed.py", "document.py")}
"""Modules of this program that every request passes on its way to Gradio."""


class Malformed:
    """Stands between the web server and Gradio's app.

    What the program's own code raises goes on as it is: it is a fault and no malformed request.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent: list[Message] = []

        async def note(message: Message) -> None:
            sent[:] = [message]
            await send(message)

        try:
            await self._app(scope, receive, note)
        except Exception as error:  # on malformed requests Gradio raises nearly every built-in error
            if _is_ours(error):
                raise
            log.warning(
                "%s %.80r was not understood: %s", scope["method"], scope["path"], type(error).__name__
            )
            if not sent:
                answer = JSONResponse({"error": SENTENCE, "detail": SENTENCE}, 400)
                await answer(scope, receive, send)
            elif sent[0]["type"] == "http.response.start" or sent[0].get("more_body", False):
                await send({"type": "http.response.body", "body": b""})


def _is_ours(error: Exception) -> bool:
    files = {frame.filename for frame in traceback.extract_tb(error.__traceback__)}
    return any(Path(name).is_relative_to(_PACKAGE) for name in files - _PASSED_THROUGH)
