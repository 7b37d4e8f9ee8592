"""Immediate acknowledgement of what TCP brings, on Linux and Windows.

A peer with Nagle's algorithm on, writing a PDU in two pieces, waits 40 ms for each image when its
acknowledgements are delayed. The cure needs nothing from the peer.
"""

from __future__ import annotations

import errno
import socket
import sys
from functools import partial
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

if sys.platform == "win32":
    import ctypes

log = structlog.get_logger(__name__)


def without_delay(sock: socket.socket) -> None:
    """Send what is given at once, instead of waiting for the acknowledgement of what went before."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


if sys.platform == "win32":
    _SIO_TCP_SET_ACK_FREQUENCY = 0x9800_0017

    def quick_acknowledgement(sock: socket.socket) -> Callable[[], None]:
        """Acknowledge at once from now on; call the result after each receive (nothing to do on Windows)."""
        failed = _ask_for_it(sock)
        if failed:
            _unavailable(str(failed))
        return _nothing

    def _acknowledges_quickly(sock: socket.socket) -> bool:
        return not _ask_for_it(sock)

    def _ask_for_it(sock: socket.socket) -> int:
        frequency, returned = ctypes.c_ulong(1), ctypes.c_ulong(0)
        failed: int = ctypes.WinDLL("ws2_32").WSAIoctl(
            ctypes.c_size_t(sock.fileno()),
            ctypes.c_ulong(_SIO_TCP_SET_ACK_FREQUENCY),
            ctypes.byref(frequency),
            ctypes.sizeof(frequency),
            None,
            0,
            ctypes.byref(returned),
            None,
            None,
        )
        return failed

else:

    def _acknowledges_quickly(sock: socket.socket) -> bool:
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except (OSError, AttributeError):
            return False
        return True

    def quick_acknowledgement(sock: socket.socket) -> Callable[[], None]:
        """Acknowledge at once from now on; call the result after each receive (the kernel forgets the wish)."""
        wish = partial(sock.setsockopt, socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            wish()
        except OSError as problem:
            _unavailable(type(problem).__name__)
            return _nothing
        return wish


def why_not_bound(host: str, port: int) -> str | None:
    """Return why this TCP port cannot be listened on just now, in words; None when it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except PermissionError:
        return "this account may not open it"
    except OSError as problem:
        taken = problem.errno in {errno.EADDRINUSE, getattr(errno, "WSAEADDRINUSE", errno.EADDRINUSE)}
        return "another program has it" if taken else problem.strerror or type(problem).__name__
    return None


def _nothing() -> None:
    """There is nothing to re-arm."""


def acknowledges_quickly() -> bool:
    """Whether this system lets us acknowledge at once; where it does not, some scanners send far more slowly."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        return _acknowledges_quickly(probe)


_said: list[str] = []


def _unavailable(why: str) -> None:
    """Say once that images will arrive more slowly from some scanners; nothing else depends on it."""
    if not _said:
        _said.append(why)
        log.info("quick_acknowledgement_unavailable", why=why)
