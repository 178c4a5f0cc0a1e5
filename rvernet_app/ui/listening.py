"""Take the address at which the page is served, before anything slow starts."""

from __future__ import annotations

import errno
import socket

from rvernet_app.errors import ConfigError

ALL_ADDRESSES = ("0.0.0.0", "::")  # nosec B104  # names them; it binds none


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen at each address of a host, all on the same port; the caller closes them.

    Args:
        host: an IPv4 or IPv6 address or a name. "::" takes the addresses of both kinds.
        port: 0 takes any free port.

    Raises:
        ConfigError: the port is taken or not allowed, or this machine has no such address.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigError(
            f"There is no address {host!r}. Set RVERNET_HOST to one of this machine."
        ) from error
    taken: list[socket.socket] = []
    failed: OSError | None = None
    for family, address in dict.fromkeys((family, str(at[0])) for family, _, _, _, at in found):
        try:
            taken.append(_listen_at(family, address, port_of(taken) if taken else port))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                close(taken)
                raise _refusal(error, host, port) from error
            failed = error  # a name may stand for an address that this machine lacks, as ::1 without IPv6
    if not taken:
        raise _refusal(failed, host, port) from failed
    return taken


def port_of(sockets: list[socket.socket]) -> int:
    """Return the port on which all of these listen."""
    return int(sockets[0].getsockname()[1])


def page_address(host: str, port: int) -> str:
    """Return the address to open in a browser of this machine, without a slash at the end."""
    if host in ALL_ADDRESSES:
        host = "localhost"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def close(sockets: list[socket.socket]) -> None:
    """Stop listening."""
    for one in sockets:
        one.close()


def _listen_at(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    both = family == socket.AF_INET6 and address == "::" and socket.has_dualstack_ipv6()
    return socket.create_server((address, port), family=family, dualstack_ipv6=both)


def _refusal(error: OSError | None, host: str, port: int) -> ConfigError:
    """Return the sentence for a person, which names the variable to set."""
    number = None if error is None else error.errno
    if number == errno.EADDRINUSE:
        return ConfigError(
            f"Port {port} of {host} is taken, perhaps by another RveRNet. "
            "Set RVERNET_PORT to another number, or to 0 for any free port."
        )
    if number == errno.EACCES:
        return ConfigError(
            f"This account may not use port {port}. Set RVERNET_PORT to a number from 1024 to 65535."
        )
    return ConfigError(f"This machine has no address {host}. Set RVERNET_HOST to one that it has.")
