"""What a reverse proxy says of a request. It counts only if the proxy is configured."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

log = logging.getLogger(__name__)

EVERYONE = "*"


class Forwarded:
    """Takes over the address and scheme that a trusted proxy says, and drops what others say.

    Args:
        proxies: IP addresses or networks of trusted proxies; "*" trusts everyone.
    """

    def __init__(self, app: ASGIApp, proxies: Sequence[str]) -> None:
        self._app = app
        self._seen: set[str] = set()
        self._trusting = ProxyHeadersMiddleware(self._pass, list(proxies))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._trusts(scope):
            kept = [(name, value) for name, value in scope["headers"] if not _is_forwarded(name)]
            if len(kept) < len(scope["headers"]):
                self._tell(str(scope["client"][0]) if scope.get("client") else "")
                scope = {**scope, "headers": kept}
            await self._app(scope, receive, send)
        else:
            await self._trusting(scope, receive, send)  # type: ignore[arg-type]

    def _trusts(self, scope: Scope) -> bool:
        client = scope.get("client")
        return (client[0] if client else None) in self._trusting.trusted_hosts

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def _tell(self, peer: str) -> None:
        """Say once where the headers come from, since a proxy that is not trusted breaks links."""
        if not self._seen:
            self._seen.add(peer)
            log.warning(
                "Forwarded headers of %s are ignored. If it is your proxy, set RVERNET_PROXIES to it.",
                peer,
            )


def _is_forwarded(name: bytes) -> bool:
    return name.startswith(b"x-forwarded-") or name in (b"forwarded", b"x-real-ip", b"x-direct-url")
