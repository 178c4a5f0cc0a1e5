"""Who a visitor is: their account's name where there are accounts, else the name they go by on this machine."""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from typing import Any

import gradio as gr

from rvernet_app.errors import StoreError
from rvernet_app.ui.requests import text


class LoginError(StoreError):
    """Nobody is logged in where one has to be."""


def visitor_name(message: Mapping[str, Any], request: Any, profile: gr.OAuthProfile | None) -> str:
    """The annotator a request comes from.

    Args:
        message: its "me" counts only where nobody logs in.
        request: the HTTP request; Gradio hands server functions FastAPI's own.
        profile: who logged in with Hugging Face.

    Raises:
        LoginError: one has to log in first, or again.
        PromptError: "me" is no name.
    """
    if profile is not None:
        return str(profile.username)
    if signs_in():
        raise LoginError("Sign in with Hugging Face first: what is saved carries its annotator's name.")
    app = request.app
    if app.auth is not None:
        cookies = (f"access-token-{app.cookie_id}", f"access-token-unsecure-{app.cookie_id}")
        names = [app.tokens.get(request.cookies.get(cookie)) for cookie in cookies]
        name = next((name for name in names if name), None)
        if name is None:
            raise LoginError("Log in first: what is saved carries its annotator's name.")
        return str(name)
    return text(message, "me", "") or default_name()


def signs_in() -> bool:
    """Whether visitors sign in with Hugging Face: on a Space."""
    return "SPACE_ID" in os.environ


def default_name() -> str:
    """The name of the account this program runs under."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "annotator"
