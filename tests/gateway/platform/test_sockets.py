from __future__ import annotations

import socket
import sys

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.platform import sockets
from smartlink.gateway.platform.sockets import quick_acknowledgement, why_not_bound, without_delay


def test_what_is_sent_goes_at_once() -> None:
    with socket.socket() as sock:
        without_delay(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.skipif(sys.platform == "win32", reason="the option is Linux's")
def test_the_wish_for_quick_acknowledgement_can_be_renewed() -> None:
    if sys.platform != "win32":
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sock:
            renew = quick_acknowledgement(sock)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
            renew()
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK)


def test_a_socket_without_it_works_on_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "_said", [])
    ours, theirs = socket.socketpair()
    with ours, theirs, capture_logs() as logs:
        for _ in range(3):
            quick_acknowledgement(ours)()
    assert [line["event"] for line in logs] == ["quick_acknowledgement_unavailable"]


def test_whether_it_is_available_can_be_asked_without_a_word_in_the_log() -> None:
    with capture_logs() as logs:
        assert sockets.acknowledges_quickly() is (sys.platform in {"linux", "win32"})
    assert logs == []


@pytest.mark.proves("R91")
def test_a_port_that_another_program_has_is_told_and_a_free_one_can_be_had() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert why_not_bound("127.0.0.1", port) == "another program has it"
    assert why_not_bound("127.0.0.1", port) is None
    assert why_not_bound("192.0.2.1", port)
