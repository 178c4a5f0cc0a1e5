"""The addresses of logging in and out. What they redirect to is relative, so a proxy may add a path."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from rvernet_app.errors import ConfigError
from rvernet_app.ui.signin import cookies, page
from rvernet_app.ui.signin.sign_in import SignIn, WaitError, WrongPasswordError

log = logging.getLogger(__name__)

LOGIN, LOGOUT, LOGOUT_EVERYWHERE, STYLES = "/login", "/logout", "/logout-everywhere", "/login.css"
MOST_BYTES = 8192
"""Length of the largest form; a name of 200 and a password of 1,000 characters fit."""
LONGEST_NAME, LONGEST_PASSWORD, LONGEST_PATH = 200, 1000, 2000


class FormError(Exception):
    """The form is too large, or no form."""


def login_routes(sign_in: SignIn) -> list[BaseRoute]:
    """Return the routes of the log-in page."""

    async def show(request: Request) -> Response:
        to = path_here(request.query_params.get("next"))
        if not sign_in.required() or sign_in.name_of(request.cookies) is not None:
            return redirected(to)
        if not sign_in.is_ready():
            return page.login_page(to=to, problem=page.CLOSED, status=503)
        return page.login_page(to=to)

    async def log_in(request: Request) -> Response:
        if comes_from_elsewhere(request):
            return page.login_page(to="/", problem=page.FOREIGN, status=403)
        try:
            form = await read_form(request)
        except FormError:
            return page.login_page(to="/", problem=page.WRONG, status=413)
        to = path_here(form.get("next"))
        if not sign_in.required():
            return redirected(to)
        name = " ".join(form.get("name", "").split())
        try:
            entered = await sign_in.log_in(name, form.get("password", ""), _address(request), request.cookies)
        except WrongPasswordError:
            return page.login_page(to=to, name=name, problem=page.WRONG, status=400)
        except WaitError as error:
            problem = page.BUSY if error.busy else page.too_often(error.seconds)
            status = 503 if error.busy else 429
            return page.login_page(to=to, name=name, problem=problem, status=status, wait_s=error.seconds)
        except ConfigError as error:
            is_ready = sign_in.is_ready()
            if is_ready:
                log.error("Somebody could not log in: %s", error)
            problem = page.NOT_KEPT if is_ready else page.CLOSED
            return page.login_page(to=to, name=name, problem=problem, status=503)
        response = redirected(to)
        cookies.write(response, request, cookies.SESSION, entered.token, sign_in.sessions.longest_s)
        cookies.write(response, request, cookies.BROWSER, entered.mark, cookies.YEAR_SECONDS)
        return response

    async def log_out(request: Request) -> Response:
        if comes_from_elsewhere(request):
            return page.login_page(to="/", problem=page.FOREIGN, status=403)
        everywhere = request.url.path.endswith(LOGOUT_EVERYWHERE)
        try:
            await asyncio.to_thread(sign_in.log_out, request.cookies, everywhere=everywhere)
        except ConfigError as error:
            log.error("Somebody could not log out: %s", error)
            return page.login_page(to="/", problem=page.NOT_KEPT, status=503)
        response = redirected("/")
        cookies.forget(response, cookies.SESSION)
        return response

    async def styles(request: Request) -> Response:
        return page.style_sheet()

    return [
        Route(LOGIN, show, methods=["GET"]),
        Route(LOGIN, log_in, methods=["POST"]),
        Route(LOGOUT, log_out, methods=["POST"]),
        Route(LOGOUT_EVERYWHERE, log_out, methods=["POST"]),
        Route(STYLES, styles, methods=["GET"]),
    ]


def path_here(path: str | None) -> str:
    """Return a path of this site that a visitor wanted; "/" if it is missing or could lead elsewhere."""
    given = path or "/"
    is_path = given.startswith("/") and not given.startswith("//") and "\\" not in given
    return given if is_path and given.isprintable() and len(given) <= LONGEST_PATH else "/"


def redirected(to: str) -> RedirectResponse:
    """Send a browser that asked for an address beside the page to a path of this site."""
    return RedirectResponse(f".{to}", 303, {"Cache-Control": "no-store"})


def comes_from_elsewhere(request: Request) -> bool:
    """Return whether a page of another site sent this request; browsers say so by this header."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


async def read_form(request: Request) -> Mapping[str, str]:
    """Return the fields of a form, the last one of each name.

    Raises:
        FormError: the body is longer than MOST_BYTES, no form, or one of its texts is too long.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            raise FormError
    try:
        fields = parse_qs(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=10)
    except ValueError as error:
        raise FormError from error
    form = {name: values[-1] for name, values in fields.items()}
    if len(form.get("name", "")) > LONGEST_NAME or len(form.get("password", "")) > LONGEST_PASSWORD:
        raise FormError
    return form


def _address(request: Request) -> str:
    return request.client.host if request.client else ""
