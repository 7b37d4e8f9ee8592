"""A requestor that a test drives step by step, over a real socket; it can also say what nobody should."""

from __future__ import annotations

import socket
import ssl
from types import TracebackType
from typing import Self

from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.command import Command
from smartlink.gateway.dicom.states import Role
from tests.gateway.dicom.wire import REQUEST, STORE

PATIENCE = 20.0


class Caller:
    """Connects; `associate` for the usual, `raw` for anything else."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if context is not None:
            self.sock = context.wrap_socket(self.sock, server_hostname="127.0.0.1")
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.layer = ul.UpperLayer(Role.REQUESTOR)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self.sock.close()

    def ask(self, request: pdu.AssociateRequest = REQUEST) -> ul.Event:
        self.layer.request(request)
        self.sock.sendall(self.layer.transport_opened())
        return self.hear()

    def associate(self, request: pdu.AssociateRequest = REQUEST) -> Self:
        event = self.ask(request)
        assert isinstance(event, ul.AssociationAccepted), event
        return self

    def say(self, command: Command, context_id: int = 1) -> None:
        self.sock.sendall(self.layer.send_command(context_id, command))

    def data(self, data: bytes, *, last: bool, context_id: int = 1) -> None:
        size = self.layer.largest_fragment
        pieces = [data[at : at + size] for at in range(0, len(data), size)] or [b""]
        for number, piece in enumerate(pieces, 1):
            header = self.layer.data_header(context_id, len(piece), last=last and number == len(pieces))
            self.sock.sendall(header + piece)

    def store(self, data: bytes, command: Command = STORE) -> Command:
        self.say(command)
        self.data(data, last=True)
        return self.response()

    def response(self) -> Command:
        event = self.hear()
        assert isinstance(event, ul.CommandReceived), event
        return event.command

    def release(self) -> None:
        self.sock.sendall(self.layer.release())
        assert self.hear() == ul.Released()

    def hear(self) -> ul.Event:
        while (event := self.layer.next_event()) is None:
            data = self.sock.recv(65536)
            if not data:
                return self.layer.transport_closed()
            self.layer.receive(data)
        return event

    def raw(self, data: bytes) -> bytes:
        """Send bytes as they are and return all that comes until the other side closes."""
        self.sock.sendall(data)
        return self.rest()

    def rest(self) -> bytes:
        heard = b""
        while piece := self.sock.recv(65536):
            heard += piece
        return heard
