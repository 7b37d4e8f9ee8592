"""A peer that follows a script and nothing else: says bytes, hears a PDU, closes half of the line, or goes.

    play(port, REQUEST_PDU, Step.HEAR, half_a_pdu, Step.HALF_CLOSE, Step.HEAR_ALL)

What was heard comes back as PDUs; what comes after a close is not heard. In the manner of pynetdicom's tests.
"""

from __future__ import annotations

import socket
import struct
from contextlib import closing, suppress
from enum import Enum, auto
from typing import Final

from smartlink.gateway.dicom import pdu
from tests.gateway.dicom.wire import REQUEST

PATIENCE: Final = 20.0
REQUEST_PDU: Final = pdu.encode_associate_request(REQUEST)


class Step(Enum):
    """What the peer does besides saying bytes."""

    HEAR = auto()
    """Wait for one whole PDU."""
    HEAR_ALL = auto()
    """Wait until the other side closes."""
    HALF_CLOSE = auto()
    """Say that nothing more comes, and go on listening."""
    RESET = auto()
    """Go without a word, so that the other side's next byte meets nobody."""


def play(port: int, *script: bytes | Step) -> list[bytes]:
    """Follow the script on one connection and return the PDUs that were heard."""
    heard: list[bytes] = []
    with closing(socket.create_connection(("127.0.0.1", port), PATIENCE)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for step in script:
            match step:
                case bytes():
                    sock.sendall(step)
                case Step.HEAR:
                    heard += [one for one in [_pdu(sock)] if one]
                case Step.HEAR_ALL:
                    with suppress(ConnectionResetError):
                        while one := _pdu(sock):
                            heard.append(one)
                case Step.HALF_CLOSE:
                    sock.shutdown(socket.SHUT_WR)
                case Step.RESET:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return heard
    return heard


def kinds(heard: list[bytes]) -> list[pdu.PDUType]:
    """Return the types of PDUs."""
    return [pdu.PDUType(one[0]) for one in heard]


def _pdu(sock: socket.socket) -> bytes:
    """Return the next PDU, or nothing when the other side closed before one began."""
    head = _exactly(sock, pdu.HEADER.size)
    return head + _exactly(sock, pdu.HEADER.unpack(head)[1]) if head else b""


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            assert not data, "the other side closed within a PDU"
            return b""
        data += piece
    return data
