"""Which names the server answers to, and which pages are its own.

A page of another site that a visitor has open can send requests here from the visitor's browser. The browser
says where they come from, as Origin or Sec-Fetch-Site. It does not if the page pretends to be this server: a
name of its own that suddenly leads to this machine. Then Host is a name that the server does not know.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from rvernet_app.ui.gate.doors import Door, Kind
from rvernet_app.ui.gate.refusal import Refused

DEFAULT_PORTS = {"http": 80, "https": 443}
OWN = ("same-origin", "none")
"""Values of Sec-Fetch-Site for the page itself, and for what a person typed or bookmarked."""


class Hosts:
    """The names that the server knows.

    Args:
        names: those it is configured for, with a port if it is an unusual one.
        any_address: whether it may be reached by an IP address of any kind. Such an address is never
            another site's name.
    """

    def __init__(self, names: Iterable[str], any_address: bool) -> None:
        self._names = frozenset(name.lower().rstrip(".") for name in names)
        self._any_address = any_address

    def check(self, host: str | None) -> None:
        """Refuse a Host that this server does not know.

        Raises:
            Refused: with 400 if there is none, 421 if it is unknown.
        """
        if not host:
            raise Refused(400, "The request does not say which host it is for.")
        name = name_of(host)
        if not (name == "localhost" or self._is_configured(host) or self._is_address(name)):
            raise Refused(
                421,
                "This server is not known by that name. Whoever runs it can add the name to RVERNET_HOSTS.",
            )

    def is_own(self, origin: str, host: str, scheme: str) -> bool:
        """Return whether a page of this origin is the server's own.

        Args:
            host: of the request, which is known.
            scheme: by which the request came.
        """
        try:
            said = urlsplit(origin)
            port = said.port
        except ValueError:
            return False
        if said.scheme not in DEFAULT_PORTS or (scheme == "https" and said.scheme != "https"):
            return False
        default = DEFAULT_PORTS[said.scheme]
        if (said.hostname or "", port or default) == (name_of(host), port_of(host) or default):
            return True
        at = said.hostname or ""
        return (at if port in (None, default) else f"{at}:{port}") in self._names

    def _is_configured(self, host: str) -> bool:
        return bool({host.lower().rstrip("."), name_of(host)} & self._names)

    def _is_address(self, name: str) -> bool:
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._any_address or address.is_loopback


def check_origin(door: Door, method: str, headers: Mapping[str, str], hosts: Hosts, scheme: str) -> None:
    """Refuse what another site causes, other than a link that leads to a page of this one.

    Programs send neither Origin nor Sec-Fetch-Site, and may ask.

    Args:
        headers: of the request, names in lower case.

    Raises:
        Refused: with 403.
    """
    if door.kind is Kind.ASSET:
        return
    host, origin = headers.get("host", ""), headers.get("origin")
    fetched = headers.get("sec-fetch-site")
    foreign = fetched is not None and fetched not in OWN
    if origin is not None and (door.changes or origin != "null"):
        foreign = foreign or not hosts.is_own(origin, host, scheme)
    referer = headers.get("referer")
    if door.changes and origin is None and fetched is None and referer:
        foreign = not hosts.is_own(referer, host, scheme)
    by_link = method in ("GET", "HEAD") and headers.get("sec-fetch-mode", "navigate") == "navigate"
    if foreign and not (by_link and door.kind in (Kind.DOCUMENT, Kind.FILE)):
        raise Refused(403, "This request comes from the page of another site.")


def name_of(host: str) -> str:
    """Return the name or address of a Host header, lower case, without its port and brackets."""
    name = host.lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")


def port_of(host: str) -> int | None:
    """Return the port of a Host header; None if it names none."""
    digits = host.rpartition(":")[2] if "]" not in host else host.rpartition("]")[2].removeprefix(":")
    return (
        int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 5 and digits != host else None
    )
