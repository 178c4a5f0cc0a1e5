"""Environment variables that this program or its libraries read: empty ones, proxies and passwords."""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import traceback
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from types import TracebackType
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

_MAY_NOT_BE_EMPTY = re.compile(
    r"(RVERNET|GRADIO|HF|HUGGINGFACE|HUGGING_FACE|TORCH|XDG|MPL|OMP|MKL)_?\w*"
    r"|HOME|TMPDIR|TMP|TEMP|DATABASE_URL|SPACE_ID|SSL_CERT_FILE|SSL_CERT_DIR"
)
"""Names of variables whose empty value no library reads as "not set": Hugging Face takes an empty HF_HOME for
the current folder. CUDA_VISIBLE_DEVICES is not here, because an empty one means no GPU."""

_Raised: TypeAlias = (
    "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]"
)

_PROXY_NAME = re.compile(r"(http|https|all)_proxy", re.I)
_SECRET_NAME = re.compile(r"TOKEN|SECRET|PASSWORD|API_KEY")
_URL_NAMES = ("DATABASE_URL", "RVERNET_DATABASE_URL")
_LEAST_SECRET = 4
"""Fewest characters of a secret; hiding shorter ones would hide parts of ordinary words."""
HIDDEN = "***"
PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")


def prepare(environ: MutableMapping[str, str]) -> None:
    """Prepare what libraries find when they are imported: variables, and the log of Matplotlib.

    Matplotlib warns of a home folder that it cannot write, in three lines, whatever the command. It then uses
    a temporary folder, which is all that it needs here.
    """
    drop_empty(environ)
    logging.getLogger("matplotlib").setLevel(logging.ERROR)


def drop_empty(environ: MutableMapping[str, str]) -> None:
    """Remove the variables that are set to nothing, as `docker compose` sets them for an unset `${NAME}`."""
    for name in [name for name, value in environ.items() if not value.strip()]:
        if _MAY_NOT_BE_EMPTY.fullmatch(name):
            del environ[name]


@contextmanager
def without_proxies(environ: MutableMapping[str, str]) -> Iterator[None]:
    """Hide the variables that name proxies while the block runs. No other thread may use them meanwhile."""
    hidden = {name: environ.pop(name) for name in _proxy_names(environ)}
    try:
        yield
    finally:
        environ.update(hidden)


def proxy_problem(environ: Mapping[str, str]) -> str | None:
    """Return why a proxy cannot be used, as a sentence that names the variable but not its value."""
    for name in _proxy_names(environ):
        value = environ[name]
        try:
            address = urlsplit(value if "://" in value else f"http://{value}")
            usable = address.scheme in PROXY_SCHEMES and bool(address.hostname) and address.port != 0
        except ValueError:  # the port is no number
            usable = False
        if not usable:
            return f"{name} is not the address of a proxy, such as http://proxy.example:3128."
        if address.scheme.startswith("socks") and importlib.util.find_spec("socksio") is None:
            return f"{name} names a SOCKS proxy, which needs the package socksio: pip install socksio."
    return None


def redacted(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return a text with the passwords and tokens of the environment replaced by HIDDEN."""
    for secret in sorted(_secrets(environ), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


class RedactingFormatter(logging.Formatter):
    """Formats messages of the log without passwords and tokens, and tracebacks without what errors say.

    An error of a library may say the name of a photo, of a person, or what they typed. Where it was raised
    and its kind are enough to find its cause.
    """

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))

    def formatException(self, ei: _Raised) -> str:  # the name that logging gives it
        return "\n".join(_traceback_lines(ei[1]))


def _traceback_lines(error: BaseException | None) -> Iterator[str]:
    """Yield where an error and its causes were raised, the first cause first, and their kinds."""
    if error is None:
        return
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    yield from _traceback_lines(cause)
    yield "Traceback (most recent call last):"
    yield from (line.rstrip("\n") for line in traceback.format_tb(error.__traceback__))
    said = f": {error.strerror}" if isinstance(error, OSError) and error.strerror else ""
    yield f"{type(error).__qualname__}{said}"


def _proxy_names(environ: Mapping[str, str]) -> list[str]:
    return [name for name, value in environ.items() if value and _PROXY_NAME.fullmatch(name)]


def _secrets(environ: Mapping[str, str]) -> Iterable[str]:
    for name, value in environ.items():
        if name in _URL_NAMES or _PROXY_NAME.fullmatch(name):
            found = _parts_of_password(value)
        elif _SECRET_NAME.search(name):
            found = {value}
        else:
            continue
        yield from (secret for secret in found if len(secret) >= _LEAST_SECRET)


def _parts_of_password(url: str) -> set[str]:
    """Return the password of a URL and its parts, which parsers may take for a host, a port or a path.

    The URL may be malformed: what is between the first colon after the scheme and the last "@" is the
    password, or what follows that colon if there is no "@".
    """
    rest = url.partition("://")[2] or url
    before, at, _ = rest.rpartition("@")
    password = (before if at else rest).partition(":")[2]
    if not at and re.match(r"\d+(/|$)", password):  # the port of a URL without a password
        return set()
    return {password, unquote(password), *re.split(r"[@/:?#]", password)}
