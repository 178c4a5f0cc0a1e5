"""Every address of the site that is open, and what kind of request goes there. All others are closed.

Gradio brings many more routes than the page and programs use, among them one that tells a visitor's token.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a request wants."""

    DOCUMENT = auto()
    """To show a page in a tab; a link on another site may lead there."""
    ASSET = auto()
    """A file of the program, the same for everyone."""
    DATA = auto()
    """To read something."""
    FILE = auto()
    """To fetch a file that the program has offered."""
    STREAM = auto()
    """To be told what happens, for as long as the visitor stays."""
    CALL = auto()
    """To have a function called with JSON."""
    UPLOAD = auto()
    """To send a file."""
    SIGN_IN = auto()
    """To log in, sign in or out."""


READ = ("GET", "HEAD")


@dataclass(frozen=True)
class Door:
    """An open address.

    Attributes:
        pattern: regular expression of the whole path.
    """

    kind: Kind
    methods: tuple[str, ...]
    pattern: str

    @property
    def changes(self) -> bool:
        """Whether a request here may change something, so that no other site may cause it."""
        return self.kind in (Kind.CALL, Kind.UPLOAD, Kind.SIGN_IN)

    @property
    def has_body(self) -> bool:
        """Whether a request here may bring a body."""
        return "POST" in self.methods

    @property
    def is_for_all(self) -> bool:
        """Whether one need not be logged in."""
        return self.kind in (Kind.DOCUMENT, Kind.ASSET, Kind.SIGN_IN) or self.pattern == LOGIN_CHECK


LOGIN_CHECK = r"/gradio_api/login_check/?"
ENDPOINT = "(segment|classify)"
ID = "[A-Za-z0-9_-]{1,64}"

DOORS = (
    Door(Kind.DOCUMENT, READ, "/"),
    Door(Kind.DOCUMENT, ("GET",), "/login/huggingface|/login/callback"),
    Door(Kind.DOCUMENT, READ, "/login"),
    Door(Kind.ASSET, READ, "/login.css"),
    Door(Kind.SIGN_IN, ("POST",), "/login|/logout|/logout-everywhere"),
    Door(Kind.SIGN_IN, ("GET",), "/logout"),
    Door(Kind.ASSET, READ, "/web/[0-9a-f]{16}/.+"),
    Door(Kind.ASSET, READ, "/(static|assets|svelte)/.+"),
    Door(Kind.ASSET, READ, "/favicon.ico|/robots.txt|/theme.css|/gradio_api/theme.css"),
    Door(Kind.DATA, READ, "/config/?"),
    Door(Kind.DATA, READ, "/gradio_api/info/?"),
    Door(Kind.DATA, READ, LOGIN_CHECK),
    Door(Kind.FILE, READ, "/gradio_api/file=.+"),
    Door(Kind.STREAM, ("GET",), f"/gradio_api/heartbeat/{ID}"),
    Door(Kind.STREAM, ("GET",), "/gradio_api/queue/data"),
    Door(Kind.STREAM, ("GET",), "/gradio_api/upload_progress"),
    Door(Kind.STREAM, ("GET",), f"/gradio_api/call/{ENDPOINT}/{ID}"),
    Door(Kind.CALL, ("POST",), "/gradio_api/component_server/?"),
    Door(Kind.CALL, ("POST",), "/gradio_api/queue/join"),
    Door(Kind.CALL, ("POST",), "/gradio_api/cancel"),
    Door(Kind.CALL, ("POST",), "/gradio_api/reset/?"),
    Door(Kind.CALL, ("POST",), f"/gradio_api/call/(v2/)?{ENDPOINT}/?"),
    Door(Kind.UPLOAD, ("POST",), "/gradio_api/upload"),
)
_PATTERNS = tuple((re.compile(door.pattern), door) for door in DOORS)


def door_at(method: str, path: str) -> Door | None:
    """Return the door at a path that is open for a method; None where no door is."""
    for pattern, door in _PATTERNS:
        if method in door.methods and pattern.fullmatch(path):
            return door
    return None


def is_known(path: str) -> bool:
    """Return whether some method is open at a path."""
    return any(pattern.fullmatch(path) for pattern, _ in _PATTERNS)
