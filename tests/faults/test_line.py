"""The line changes nothing but time, and breaks when it is told to."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import LOOPBACK
from tests.faults.line import PIECE, Line

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def an_echo() -> Iterator[tuple[str, int]]:
    """A peer that sends back what it gets."""

    def serve(server: socket.socket) -> None:
        while True:
            try:
                caller, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=back, args=(caller,), daemon=True).start()

    def back(caller: socket.socket) -> None:
        with caller:
            try:
                while data := caller.recv(PIECE):
                    caller.sendall(data)
            except OSError:
                return

    with socket.create_server((LOOPBACK, 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield server.getsockname()[:2]
        server.shutdown(socket.SHUT_RDWR)


def send(sock: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)


def through(line: Line, data: bytes) -> bytes:
    """Send it, and return all that comes back."""
    with socket.create_connection((LOOPBACK, line.port), 10) as sock:
        sender = threading.Thread(target=send, args=(sock, data), daemon=True)
        sender.start()
        came = b"".join(iter(lambda: sock.recv(PIECE), b""))
        sender.join(10)
    return came


def test_bytes_pass_unchanged_and_are_counted() -> None:
    data = bytes(range(256)) * 2000
    with an_echo() as peer, Line(peer) as line:
        assert through(line, data) == data
        assert (line.passed, line.accepted) == (len(data), 1)


def test_it_is_no_faster_than_it_is_told() -> None:
    with an_echo() as peer, Line(peer, bytes_per_second=2_000_000) as line:
        began = time.monotonic()
        through(line, bytes(300_000))
        assert time.monotonic() - began > 0.1


def test_it_is_cut_where_it_is_told_and_goes_on_afterwards() -> None:
    with an_echo() as peer, Line(peer) as line:
        line.cut_after(100)
        with pytest.raises(ConnectionError):
            through(line, bytes(200))
        assert through(line, bytes(200)) == bytes(200)


def test_down_refuses_and_up_accepts_again() -> None:
    with an_echo() as peer, Line(peer) as line:
        line.down()
        with pytest.raises(ConnectionRefusedError):
            through(line, b"x")
        line.up()
        assert through(line, b"x") == b"x"
