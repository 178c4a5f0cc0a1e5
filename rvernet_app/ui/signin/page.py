"""The log-in page: one form, which needs no script."""

from __future__ import annotations

import math
from html import escape
from pathlib import Path
from string import Template

from starlette.responses import HTMLResponse, Response

HERE = Path(__file__).parent
WRONG = "The name or the password is wrong."
BUSY = "Many people are logging in at this moment. Wait a few seconds, then try again."
CLOSED = "Nobody can log in at the moment. Tell whoever runs this server: its accounts cannot be read."
NOT_KEPT = "The log-in could not be kept. Tell whoever runs this server: its disk may be full."
FOREIGN = "Another site sent this form. Log in here instead."
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

_PAGE = Template((HERE / "login.html").read_text("utf-8"))
_STYLES = (HERE / "login.css").read_text("utf-8")


def login_page(
    *, to: str, name: str = "", problem: str = "", status: int = 200, wait_s: float = 0.0
) -> HTMLResponse:
    """Return the page.

    Args:
        to: path of this site that the visitor wanted.
        name: what was typed as the name.
        problem: why logging in failed, one sentence.
        wait_s: seconds after which the next attempt is looked at; 0 if at once.
    """
    focus, about = " autofocus", ' aria-describedby="problem" aria-invalid="true"'
    page = _PAGE.substitute(
        problem=f'<p class="problem" id="problem" role="alert">{escape(problem)}</p>' if problem else "",
        next=escape(to),
        name=escape(name),
        focus_name="" if name else focus,
        focus_password=focus if name else "",
        about_name=about if problem == WRONG else "",
        about_password=about if problem == WRONG else "",
    )
    response = HTMLResponse(page, status, HEADERS)
    if wait_s:
        response.headers["Retry-After"] = str(math.ceil(wait_s))
    return response


def style_sheet() -> Response:
    """Return the styles of the page."""
    return Response(_STYLES, media_type="text/css", headers={"Cache-Control": "no-cache"})


def too_often(wait_s: float) -> str:
    """Return the sentence for somebody who has to wait."""
    seconds = math.ceil(wait_s)
    if seconds < 60:
        unit = "second" if seconds == 1 else "seconds"
        return f"Too many attempts failed. Wait {seconds} {unit}, then try again."
    minutes = math.ceil(seconds / 60)
    unit = "minute" if minutes == 1 else "minutes"
    return f"Too many attempts failed. Wait {minutes} {unit}, then try again."
