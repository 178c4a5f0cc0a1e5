"""Connections to a real server, over raw sockets."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from rvernet_app.ui.gate.connections import Connections, Patience, Seldom, raise_file_limit
from rvernet_app.ui.listening import close, listen, port_of
from rvernet_app.ui.serve import running
from tests.rvernet_app.ui.gate.guarded import CALL, Site, guarded

Connect = Callable[[bytes], socket.socket]
HEAD = b"Host: localhost\r\n"


@pytest.fixture(scope="module")
def connect() -> Iterator[Connect]:
    """Connects to a server that soon loses its patience, and says something."""
    gate = guarded(Site())
    sockets = listen("127.0.0.1", 0)
    patience = Patience(head=0.2, rest=0.2, taking=0.2)
    with ExitStack() as stack, running(gate, sockets, patience):

        def connect(says: bytes) -> socket.socket:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port_of(sockets)), 10))
            client.sendall(says)
            return client

        yield connect
    close(sockets)


def answer(client: socket.socket) -> bytes:
    """Return all that comes until the server ends the connection."""
    said = b""
    try:
        while piece := client.recv(65536):
            said += piece
    except ConnectionResetError:
        pass
    return said


def send_without_end(client: socket.socket) -> None:
    """Send what a server should not listen to, up to 10 GB."""
    for _ in range(10_000):
        client.sendall(bytes(1_000_000))


@pytest.mark.parametrize("says", [b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: "])
def test_a_head_that_does_not_come_ends_the_connection(connect: Connect, says: bytes) -> None:
    assert answer(connect(says)) == b""


def test_a_head_that_drips_ends_the_connection(connect: Connect) -> None:
    client = connect(b"GET / HTTP/1.1\r\nX: ")
    client.settimeout(0.05)
    for _ in range(200):
        try:
            client.sendall(b"a")
            assert client.recv(1) == b""
        except TimeoutError:  # the server still waits
            continue
        except (ConnectionResetError, BrokenPipeError):
            pass
        return
    pytest.fail("the server waits for ever")


def test_a_second_request_comes_on_the_same_connection(connect: Connect) -> None:
    client = connect(b"GET /config HTTP/1.1\r\n" + HEAD + b"\r\n")
    assert b"HTTP/1.1 404" in client.recv(65536)
    client.sendall(b"GET /nowhere HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n")
    assert b"There is nothing at this address." in answer(client)


def test_a_body_that_was_refused_is_not_listened_to_for_long(connect: Connect) -> None:
    client = connect(
        b"POST " + CALL.encode() + b" HTTP/1.1\r\n" + HEAD + b"Content-Length: 1000000000\r\n\r\n"
    )
    assert b"HTTP/1.1 413" in client.recv(65536)
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        send_without_end(client)


def test_a_chunked_body_that_never_ends_is_refused(connect: Connect) -> None:
    client = connect(
        b"POST " + CALL.encode() + b" HTTP/1.1\r\n" + HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    )
    client.sendall(b"40\r\n" + b"x" * 64 + b"\r\n" + b"40\r\n" + b"x" * 64 + b"\r\n")
    assert b"HTTP/1.1 413" in client.recv(65536)


def test_connections_of_one_address_and_of_all_are_bounded() -> None:
    connections = Connections(each=2, in_all=4, proxies=["10.0.0.9"])
    assert [connections.add("10.0.0.1") for _ in range(3)] == [True, True, False]
    assert [connections.add("10.0.0.9") for _ in range(3)] == [True, True, False]
    assert not connections.add("10.0.0.2")
    connections.remove("10.0.0.1")
    assert connections.add("10.0.0.2")


@pytest.mark.parametrize(("files", "each", "in_all"), [(64, 16, 32), (1024, 181, 724), (16_384, 256, 16_084)])
def test_limits_leave_descriptors_for_files(files: int, each: int, in_all: int) -> None:
    connections = Connections.for_files(files)
    assert (connections._each, connections._in_all) == (each, in_all)


def test_the_same_complaint_is_logged_once_in_a_while() -> None:
    seldom = Seldom()
    records = [
        logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, message, (), None)
        for message in ("Invalid", "Invalid", "Other", "Invalid")
    ]
    assert [seldom.filter(record) for record in records] == [True, False, True, False]


def test_the_limit_of_open_files_only_rises() -> None:
    once = raise_file_limit()
    assert raise_file_limit() == once
    assert raise_file_limit(1) == once
