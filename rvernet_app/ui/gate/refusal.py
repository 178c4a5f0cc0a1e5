"""How the gate refuses a request: a status, a sentence, and no work done."""

from __future__ import annotations

import json

from starlette.types import Message, Receive, Scope, Send

from rvernet_app.errors import RvernetError


class Refused(RvernetError):
    """The gate does not let a request through.

    Args:
        status: of the answer.
        sentence: for whoever asked.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request; its body is not read."""
        body = json.dumps({"error": str(self), "detail": str(self)}).encode()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        start: Message = {"type": "http.response.start", "status": self.status, "headers": headers}
        await send(start)
        await send({"type": "http.response.body", "body": body})
