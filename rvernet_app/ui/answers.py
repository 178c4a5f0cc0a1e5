"""Handlers become functions that the browser may call: they take any JSON and always answer.

A handler takes a `Request` and returns a `Reply`. What it raises is answered as {"error": sentence}, which
the page shows.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial, wraps
from typing import Any, get_type_hints

import gradio as gr

from rvernet_app.environment import redacted
from rvernet_app.errors import ConflictError, FullError, GoneError, LostPhotoError, NoFoodError, RvernetError
from rvernet_app.store.roles import Actor
from rvernet_app.ui.access import LoginError, session_of, visitor
from rvernet_app.ui.hiding import for_visitors
from rvernet_app.ui.requests import Reply, Request
from rvernet_app.ui.turns import Turns, Urgency

log = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong on the server; its log says what. Try again, or open the photo again."

Json = dict[str, Any]

Handler = Callable[[Any], Reply]
"""Answers a visitor, whoever it is: (request) -> reply."""

Answer = Callable[..., Json]
"""A function for the browser: (untrusted JSON, the HTTP request, …) -> reply."""

StoreHandler = Callable[[Any, Actor], Reply]
"""Answers somebody who works in projects: (request, who asks) -> reply."""

IsAdmin = Callable[[str], bool]
"""Says whether somebody of this name runs the server, once they are known to be who they say."""


def answered(handler: Handler) -> Callable[[object], Json]:
    """Return a handler as a function for the browser."""
    request_type = request_of(handler)

    def answer(message: object, request: gr.Request | None = None) -> Json:
        return _answer(handler.__name__, lambda: handler(request_type.read(message)))

    answer.__name__ = handler.__name__
    return answer


def in_turn(answer: Answer, turns: Turns, urgency: Urgency) -> Callable[..., Awaitable[Json]]:
    """Return a function of `answered` or `answered_to` that waits for the visitor's turn with the engine."""

    @wraps(answer)
    async def wait_and_answer(message: object, request: gr.Request, *rest: Any) -> Json:
        try:
            return await turns.run(session_of(request), urgency, partial(answer, message, request, *rest))
        except Exception as error:  # the browser must get an answer, whatever happened
            return error_json(error, answer.__name__)

    return wait_and_answer


def answered_to(handler: StoreHandler, is_admin: IsAdmin) -> Callable[..., Json]:
    """Return a handler as a function for the browser that is told who asks.

    Args:
        is_admin: asked for who has logged in; where nobody logs in, everybody is an admin of the server.
    """
    request_type = request_of(handler)

    def answer(message: object, request: gr.Request, profile: gr.OAuthProfile | None) -> Json:
        return _answer(
            handler.__name__,
            lambda: handler(request_type.read(message), visitor(message, request, profile, is_admin)),
        )

    answer.__name__ = handler.__name__
    return answer


def request_of(handler: Callable[..., Reply]) -> type[Request]:
    """Return the type of a handler's first argument."""
    hints = get_type_hints(handler)
    first: type[Request] = next(hint for name, hint in hints.items() if name != "return")
    return first


def error_json(error: Exception, name: str) -> Json:
    """Return what the page is told of an error; one that nobody expected also goes to the log.

    A conflict says how the food is now, as "conflict"; a photo that needs no more annotators says "full", a
    deleted one "gone", one that has to be opened again "lost"; a click on no food says "no_food"; who is not
    logged in gets "login".
    """
    if not isinstance(error, RvernetError):
        log.error("%s failed", name, exc_info=error)
        return {"error": UNEXPECTED}
    told: Json = {"error": for_visitors(error)}
    if told["error"] != (whole := redacted(str(error))):
        log.warning("%s: %s", name, whole)  # the paths that the visitor does not see
    if isinstance(error, ConflictError):
        told["conflict"] = error.theirs
    elif isinstance(error, FullError):
        told["full"] = True
    elif isinstance(error, GoneError):
        told["gone"] = True
    elif isinstance(error, LostPhotoError):
        told["lost"] = True
    elif isinstance(error, NoFoodError):
        told["no_food"] = True
    elif isinstance(error, LoginError):
        told["login"] = True
    return told


def _answer(name: str, ask: Callable[[], Reply]) -> Json:
    try:
        return ask().to_json()
    except Exception as error:  # the browser must get an answer, whatever happened
        return error_json(error, name)
