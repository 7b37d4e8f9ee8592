"""A Storage SCU written from PS3.8 and PS3.7 by hand, for what no well-behaved sender does.

It shares no code with the product, so an error in ours is not mirrored here; it says for each instance
what was answered; and it can send what is wrong, or stop in the middle.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from typing import Self

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
VERIFICATION = "1.2.840.10008.1.1"
IMPLICIT = "1.2.840.10008.1.2"
C_STORE_RQ, C_ECHO_RQ = 0x0001, 0x0030
NO_DATA_SET = 0x0101
FRAGMENT = 60_000


class Rejected(Exception):
    """A-ASSOCIATE-RJ: result, source and reason as in PS3.8 table 9-21."""

    def __init__(self, result: int, source: int, reason: int) -> None:
        super().__init__(f"result {result}, source {source}, reason {reason}")
        self.answer = (result, source, reason)


class Aborted(Exception):
    """A-ABORT, or the connection ended without one."""


@dataclass(frozen=True, slots=True)
class Instance:
    """What one C-STORE carries; the command's UIDs need not be the Data Set's."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set: bytes


@dataclass(slots=True)
class Association:
    """An Association as requestor. Use as a context manager: leaves with A-RELEASE, or by closing on an error."""

    port: int
    called: str
    calling: str
    proposed: list[tuple[str, str]]
    """(Abstract Syntax, Transfer Syntax) of each Presentation Context, numbered 1, 3, 5…"""
    timeout: float = 30.0
    accepted: dict[tuple[str, str], int] = field(default_factory=dict)
    _socket: socket.socket = field(init=False)
    _message: int = 0
    _fragment: int = FRAGMENT

    def __enter__(self) -> Self:
        self._socket = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self._socket.sendall(self._request())
            self._read_answer()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        try:
            if kind is None:
                self._socket.sendall(_pdu(0x05, b"\0" * 4))
                self._read_pdu()
        finally:
            self._socket.close()

    def echo(self) -> int:
        """C-ECHO; returns the status."""
        context = self.accepted[VERIFICATION, IMPLICIT]
        self._message += 1
        command = _command(VERIFICATION, C_ECHO_RQ, self._message)
        self._socket.sendall(_p_data(context, command, is_command=True, is_last=True))
        return self._status()

    def store(self, instance: Instance) -> int:
        """C-STORE; returns the status, or raises Aborted."""
        self.begin(instance)
        self.data(instance, instance.data_set, is_last=True)
        return self._status()

    def begin(self, instance: Instance) -> None:
        """Send the command of a C-STORE and nothing of its Data Set."""
        self._message += 1
        command = _command(instance.sop_class_uid, C_STORE_RQ, self._message, instance.sop_instance_uid)
        self._socket.sendall(_p_data(self._context(instance), command, is_command=True, is_last=True))

    def data(self, instance: Instance, data: bytes, *, is_last: bool) -> None:
        """Send a part of the Data Set, in fragments."""
        starts = range(0, max(len(data), 1), self._fragment)
        for start in starts:
            part = data[start : start + self._fragment]
            last = is_last and start == starts[-1]
            self._socket.sendall(_p_data(self._context(instance), part, is_command=False, is_last=last))

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.sendall(data)

    def status(self) -> int:
        """Wait for the response to what was sent."""
        return self._status()

    def _context(self, instance: Instance) -> int:
        return self.accepted[instance.sop_class_uid, instance.transfer_syntax_uid]

    def _request(self) -> bytes:
        items = _item(0x10, APPLICATION_CONTEXT.encode())
        for number, (abstract, transfer) in enumerate(self.proposed):
            syntaxes = _item(0x30, abstract.encode()) + _item(0x40, transfer.encode())
            items += _item(0x20, bytes((2 * number + 1, 0, 0, 0)) + syntaxes)
        maximum = _item(0x51, struct.pack(">I", FRAGMENT + 12))
        items += _item(0x50, maximum + _item(0x52, b"2.25.1") + _item(0x55, b"TESTSCU"))
        titles = self.called.encode().ljust(16)[:16] + self.calling.encode().ljust(16)[:16]
        return _pdu(0x01, struct.pack(">HH", 1, 0) + titles + b"\0" * 32 + items)

    def _read_answer(self) -> None:
        kind, body = self._read_pdu()
        if kind == 0x03:
            raise Rejected(body[1], body[2], body[3])
        if kind != 0x02:
            raise Aborted(f"PDU type {kind}")
        at = 68
        while at + 4 <= len(body):
            item, length = body[at], int.from_bytes(body[at + 2 : at + 4], "big")
            if item == 0x21 and body[at + 6] == 0:
                number = body[at + 4]
                self.accepted[self.proposed[(number - 1) // 2]] = number
            elif item == 0x50:
                self._bound(int.from_bytes(body[at + 8 : at + 12], "big"))
            at += 4 + length

    def _bound(self, maximum: int) -> None:
        """Keep to the acceptor's maximum length (the first sub-item, PS3.8 D.1)."""
        if maximum:
            self._fragment = min(FRAGMENT, maximum - 6) & ~1

    def _status(self) -> int:
        answer = b""
        while True:
            kind, body = self._read_pdu()
            if kind != 0x04:
                raise Aborted(f"PDU type {kind}")
            answer += body[6:]
            if body[5] & 0x02:
                return _status_of(answer)

    def _read_pdu(self) -> tuple[int, bytes]:
        head = self._exactly(6)
        return head[0], self._exactly(int.from_bytes(head[2:], "big"))

    def _exactly(self, count: int) -> bytes:
        read = b""
        while len(read) < count:
            try:
                part = self._socket.recv(count - len(read))
            except ConnectionError as error:
                raise Aborted(str(error)) from error
            if not part:
                raise Aborted("the connection ended")
            read += part
        return read


def _item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBH", kind, 0, len(body)) + body


def _pdu(kind: int, body: bytes) -> bytes:
    return struct.pack(">BBI", kind, 0, len(body)) + body


def _p_data(context: int, data: bytes, *, is_command: bool, is_last: bool) -> bytes:
    control = (0x01 if is_command else 0) | (0x02 if is_last else 0)
    return _pdu(0x04, struct.pack(">IBB", len(data) + 2, context, control) + data)


def _element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0, element, len(value)) + value


def _text(text: str) -> bytes:
    padded = text.encode()
    return padded + b"\0" * (len(padded) % 2)


def _command(sop_class_uid: str, kind: int, message: int, sop_instance_uid: str | None = None) -> bytes:
    """A command set (PS3.7 E.1): implicit VR little endian, elements in order."""
    body = _element(0x0002, _text(sop_class_uid)) + _element(0x0100, struct.pack("<H", kind))
    body += _element(0x0110, struct.pack("<H", message))
    if sop_instance_uid is None:
        body += _element(0x0800, struct.pack("<H", NO_DATA_SET))
    else:
        body += _element(0x0700, b"\0\0") + _element(0x0800, b"\0\0")
        body += _element(0x1000, _text(sop_instance_uid))
    return _element(0x0000, struct.pack("<I", len(body))) + body


def _status_of(command: bytes) -> int:
    at = 0
    while at + 8 <= len(command):
        group, element, length = struct.unpack_from("<HHI", command, at)
        if (group, element) == (0, 0x0900):
            return int.from_bytes(command[at + 8 : at + 10], "little")
        at += 8 + length
    raise Aborted("a response without a status")
