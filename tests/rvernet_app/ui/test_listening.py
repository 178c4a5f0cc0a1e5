"""The address of the page: taken ports, IPv6 and addresses that this machine lacks."""

from __future__ import annotations

import socket

import pytest

from rvernet_app.errors import ConfigError
from rvernet_app.ui.listening import close, listen, page_address, port_of


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


def connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=5).close()
    except OSError:
        return False
    return True


def test_a_taken_port_is_refused_with_the_variable_to_set() -> None:
    sockets = listen("127.0.0.1", 0)
    port = port_of(sockets)
    for host in ("127.0.0.1", "0.0.0.0"):
        with pytest.raises(ConfigError) as refused:
            listen(host, port)
        assert str(refused.value) == (
            f"Port {port} of {host} is taken, perhaps by another RveRNet. "
            "Set RVERNET_PORT to another number, or to 0 for any free port."
        )
    close(sockets)
    close(listen("127.0.0.1", port))


@needs_ipv6
def test_ipv6_loopback() -> None:
    sockets = listen("::1", 0)
    assert connects("::1", port_of(sockets))
    assert not connects("127.0.0.1", port_of(sockets))
    close(sockets)


@needs_ipv6
def test_all_addresses_of_both_kinds() -> None:
    sockets = listen("::", 0)
    assert connects("::1", port_of(sockets))
    assert connects("127.0.0.1", port_of(sockets))
    close(sockets)


def test_a_name_takes_its_addresses_that_this_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def getaddrinfo(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        addresses = [(socket.AF_INET, "192.0.2.1"), (socket.AF_INET, "127.0.0.1")]
        return [(family, socket.SOCK_STREAM, 6, "", (address, port)) for family, address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    sockets = listen("meals", 0)
    assert [one.getsockname()[0] for one in sockets] == ["127.0.0.1"]
    close(sockets)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        listen("192.0.2.1", 0)
    assert str(refused.value) == (
        "This machine has no address 192.0.2.1. Set RVERNET_HOST to one that it has."
    )


@pytest.mark.parametrize("host", ["a b", "." * 3, "a" * 300])
def test_a_host_that_is_no_name_is_refused(host: str) -> None:
    with pytest.raises(ConfigError, match="Set RVERNET_HOST to one"):
        listen(host, 0)


def test_a_port_that_needs_more_rights_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_server(*_: object, **__: object) -> socket.socket:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "create_server", create_server)
    with pytest.raises(ConfigError) as refused:
        listen("127.0.0.1", 80)
    assert str(refused.value) == (
        "This account may not use port 80. Set RVERNET_PORT to a number from 1024 to 65535."
    )


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "http://127.0.0.1:7860"),
        ("0.0.0.0", "http://localhost:7860"),
        ("::", "http://localhost:7860"),
        ("::1", "http://[::1]:7860"),
    ],
)
def test_the_address_to_open(host: str, address: str) -> None:
    assert page_address(host, 7860) == address
