"""The cookies of a log-in: the token of the session, and what a browser is known by at its next log-in.

Over TLS their names begin with __Host-, so no other host of the same domain can set them.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

SESSION = "rvernet-session"
BROWSER = "rvernet-browser"
ONLY_THIS_HOST = "__Host-"
YEAR_SECONDS = 365 * 24 * 3600


def read(cookies: Mapping[str, str], name: str) -> str | None:
    """Return the value of one of the cookies, of the safer name first."""
    return cookies.get(ONLY_THIS_HOST + name) or cookies.get(name)


def write(response: Response, request: Request, name: str, value: str, seconds: float) -> None:
    """Have the browser keep a cookie that no script reads and no other site sends."""
    secure = is_encrypted(request)
    response.set_cookie(
        ONLY_THIS_HOST + name if secure else name,
        value,
        max_age=int(seconds),
        path="/",
        secure=secure,
        httponly=True,
        samesite="lax",
    )


def forget(response: Response, name: str) -> None:
    """Have the browser drop a cookie, under both names."""
    response.delete_cookie(name, path="/", httponly=True, samesite="lax")
    response.delete_cookie(ONLY_THIS_HOST + name, path="/", secure=True, httponly=True, samesite="lax")


def is_encrypted(request: Request) -> bool:
    """Return whether the browser has come by TLS, also where a proxy ends it and does not say so."""
    origin = request.headers.get("origin", "")
    forwarded = request.headers.get("x-forwarded-proto", "")
    return request.url.scheme == "https" or "https" in (origin.partition("://")[0], forwarded)


def browser_mark(name: str, account: str) -> str:
    """Return a new value that a browser of this account is known by.

    Args:
        account: id of the account, which makes the value; a new password makes older values invalid.
    """
    browser = secrets.token_urlsafe(12)
    return f"{browser}.{_signature(browser, name, account)}"


def known_browser(mark: str | None, name: str, account: str) -> str | None:
    """Return the id of a browser that has logged in to this account before, from its mark."""
    browser, _, signature = (mark or "").partition(".")
    expected = _signature(browser, name, account)
    return browser if hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")) else None


def _signature(browser: str, name: str, account: str) -> str:
    signed = f"{browser}\n{name}".encode("utf-8", "replace")
    return hmac.new(account.encode(), signed, hashlib.sha256).hexdigest()
