"""Storage SCU (PS3.4 Annex B) on our own Upper Layer: streams files out, one Association, nothing whole in memory.

Small on purpose: it sends what lies in Part 10 files as it is, in the Transfer Syntax in which it lies there.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from pydicom.filereader import read_file_meta_info

from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.command import WITH_DATA_SET, Command, CommandField
from smartlink.gateway.dicom.states import Role
from smartlink.gateway.platform.sockets import quick_acknowledgement, without_delay

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BUFFER_SIZE: Final = 1024 * 1024
_MOST_CONTEXTS: Final = 128
_RECEIVE_PDU: Final = 16 * 1024
_FRAGMENT_HEADER: Final = pdu.HEADER.size + pdu.PDV_HEADER.size
_PREFIX_SIZE: Final = 132


class SendFailed(Exception):
    """No Association, or it ended early; the text says how. What was answered before stays answered."""


@dataclass(frozen=True, slots=True)
class _Outgoing:
    path: Path
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    dataset_offset: int


def send_files(
    host: str, port: int, calling: str, called: str, paths: Sequence[Path], timeout: float = 60.0
) -> list[tuple[Path, int]]:
    """Send Part 10 files in one Association; return each with the Status of its response, in the order given.

    A file whose Presentation Context the peer did not accept is returned with 0x0122 (SOP Class not supported).
    Raises SendFailed when there is no Association or it ends early, OSError when a file cannot be read.
    """
    files = [_outgoing(Path(path)) for path in paths]
    contexts = _contexts(files)
    with socket.create_connection((host, port), timeout) as sock:
        conversation = _Conversation(sock)
        accepted = conversation.open(calling, called, contexts)
        statuses = [(file.path, conversation.store(file, number, accepted)) for number, file in enumerate(files, 1)]
        conversation.close()
    return statuses


def _outgoing(path: Path) -> _Outgoing:
    meta = read_file_meta_info(path)
    # The group length counts what follows it (PS3.10 section 7.1); its own element takes twelve bytes.
    offset = _PREFIX_SIZE + 12 + int(meta.FileMetaInformationGroupLength)
    return _Outgoing(
        path=path,
        sop_class_uid=str(meta.MediaStorageSOPClassUID),
        sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        dataset_offset=offset,
    )


def _contexts(files: list[_Outgoing]) -> dict[tuple[str, str], int]:
    """Return a Presentation Context ID for each pair of SOP Class and Transfer Syntax."""
    pairs = dict.fromkeys((file.sop_class_uid, file.transfer_syntax_uid) for file in files)
    if len(pairs) > _MOST_CONTEXTS:
        raise SendFailed("The files need more Presentation Contexts than one Association has.")
    return {pair: 2 * number + 1 for number, pair in enumerate(pairs)}


@dataclass(slots=True)
class _Conversation:
    """One Association as requestor on an open socket."""

    _sock: socket.socket
    _layer: ul.UpperLayer = field(default_factory=lambda: ul.UpperLayer(Role.REQUESTOR))
    _buffer: memoryview = field(default_factory=lambda: memoryview(bytearray(_BUFFER_SIZE)))
    _incoming: memoryview = field(default_factory=lambda: memoryview(bytearray(_RECEIVE_PDU)))
    _acknowledge: Callable[[], None] = field(init=False)

    def __post_init__(self) -> None:
        without_delay(self._sock)
        self._acknowledge = quick_acknowledgement(self._sock)

    def open(self, calling: str, called: str, contexts: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
        """Associate; return the contexts that were accepted."""
        self._layer.request(
            pdu.AssociateRequest(
                called_ae_title=called,
                calling_ae_title=calling,
                contexts=tuple(
                    pdu.ProposedContext(number, abstract, (transfer,))
                    for (abstract, transfer), number in contexts.items()
                ),
                maximum_length=_RECEIVE_PDU,
            )
        )
        self._sock.sendall(self._layer.transport_opened())
        event = self._next()
        if isinstance(event, ul.AssociationRejected):
            reject = event.reject
            raise SendFailed(f"The Association was rejected ({reject.result}/{reject.source}/{reject.reason}).")
        if not isinstance(event, ul.AssociationAccepted):
            raise SendFailed("The peer did not answer the request for an Association.")
        accepted = {
            answer.context_id for answer in event.accept.contexts if answer.result is pdu.ContextResult.ACCEPTANCE
        }
        return {pair: number for pair, number in contexts.items() if number in accepted}

    def store(self, file: _Outgoing, message_id: int, accepted: dict[tuple[str, str], int]) -> int:
        """Send one file and return the Status of its response."""
        context_id = accepted.get((file.sop_class_uid, file.transfer_syntax_uid))
        if context_id is None:
            return 0x0122
        command = Command(
            field=CommandField.C_STORE_RQ,
            message_id=message_id & 0xFFFF,
            affected_sop_class_uid=file.sop_class_uid,
            affected_sop_instance_uid=file.sop_instance_uid,
            data_set_type=WITH_DATA_SET,
        )
        with file.path.open("rb", buffering=0) as data:
            size = data.seek(0, 2) - file.dataset_offset
            data.seek(file.dataset_offset)
            self._sock.sendall(self._layer.send_command(context_id, command))
            self._stream(context_id, data, size)
        event = self._next()
        if not isinstance(event, ul.CommandReceived):
            raise SendFailed("The Association ended before the response.")
        return event.command.status

    def close(self) -> None:
        """Release the Association."""
        self._sock.sendall(self._layer.release())
        self._next()

    def _stream(self, context_id: int, data: IO[bytes], left: int) -> None:
        """Send a Data Set: PDUs laid out side by side in one buffer, then one send."""
        largest = min(self._layer.largest_fragment, len(self._buffer) - _FRAGMENT_HEADER)
        at = 0
        while True:
            size = min(left, largest)
            if at + _FRAGMENT_HEADER + size > len(self._buffer):
                self._sock.sendall(self._buffer[:at])
                at = 0
            left -= size
            header = self._layer.data_header(context_id, size, last=not left)
            self._buffer[at : at + _FRAGMENT_HEADER] = header
            at += _FRAGMENT_HEADER
            _read_exactly(data, self._buffer[at : at + size])
            at += size
            if not left:
                self._sock.sendall(self._buffer[:at])
                return

    def _next(self) -> ul.Event:
        """Return the next event, waiting for it."""
        while (event := self._layer.next_event()) is None:
            count = self._sock.recv_into(self._incoming)
            if not count:
                return self._layer.transport_closed()
            self._acknowledge()
            self._layer.receive(self._incoming[:count])
        return event


def _read_exactly(data: IO[bytes], buffer: memoryview) -> None:
    while buffer:
        count = data.readinto(buffer)  # type: ignore[attr-defined] # a file opened unbuffered has it
        if not count:
            raise OSError("The file became shorter while it was sent.")
        buffer = buffer[count:]
