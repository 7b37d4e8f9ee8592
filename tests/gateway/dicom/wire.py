"""Two Upper Layers joined by a fake wire that cuts what it carries into pieces of any size."""

from __future__ import annotations

from dataclasses import dataclass, field

from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.command import WITH_DATA_SET, Command, CommandField
from smartlink.gateway.dicom.states import Role
from smartlink.standard.sop_class import ULTRASOUND_IMAGE, VERIFICATION
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN

REQUEST = pdu.AssociateRequest(
    called_ae_title="SMARTLINKRCVR",
    calling_ae_title="US01",
    contexts=(
        pdu.ProposedContext(1, ULTRASOUND_IMAGE, (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)),
        pdu.ProposedContext(3, VERIFICATION, (IMPLICIT_VR_LITTLE_ENDIAN,)),
    ),
    maximum_length=16_384,
)

ACCEPT = pdu.AssociateAccept(
    called_ae_title="SMARTLINKRCVR",
    calling_ae_title="US01",
    contexts=(
        pdu.ContextAnswer(1, pdu.ContextResult.ACCEPTANCE, EXPLICIT_VR_LITTLE_ENDIAN),
        pdu.ContextAnswer(3, pdu.ContextResult.ACCEPTANCE, IMPLICIT_VR_LITTLE_ENDIAN),
    ),
    maximum_length=4_096,
)

ECHO = Command(CommandField.C_ECHO_RQ, message_id=7, affected_sop_class_uid=VERIFICATION)
STORE = Command(
    CommandField.C_STORE_RQ,
    message_id=8,
    affected_sop_class_uid=ULTRASOUND_IMAGE,
    affected_sop_instance_uid="1.2.3.4",
    data_set_type=WITH_DATA_SET,
)


@dataclass
class Wire:
    """A requestor and an acceptor; what one sends the other hears, `piece` bytes at a time."""

    piece: int = 1 << 20
    requestor: ul.UpperLayer = field(default_factory=lambda: ul.UpperLayer(Role.REQUESTOR))
    acceptor: ul.UpperLayer = field(default_factory=lambda: ul.UpperLayer(Role.ACCEPTOR))

    def to_acceptor(self, data: bytes) -> list[ul.Event]:
        return hear(self.acceptor, data, self.piece)

    def to_requestor(self, data: bytes) -> list[ul.Event]:
        return hear(self.requestor, data, self.piece)

    def establish(self) -> Wire:
        self.acceptor.transport_opened()
        self.requestor.request(REQUEST)
        (asked,) = self.to_acceptor(self.requestor.transport_opened())
        assert asked == ul.AssociationRequested(REQUEST_AS_HEARD)
        (told,) = self.to_requestor(self.acceptor.accept(ACCEPT))
        assert isinstance(told, ul.AssociationAccepted)
        return self


REQUEST_AS_HEARD = pdu.AssociateRequest(
    called_ae_title="SMARTLINKRCVR   ",
    calling_ae_title="US01            ",
    contexts=REQUEST.contexts,
    maximum_length=REQUEST.maximum_length,
)


def hear(layer: ul.UpperLayer, data: bytes, piece: int = 1 << 20) -> list[ul.Event]:
    """Feed the bytes in pieces and return every event, data copied out of the buffer that each piece had."""
    events: list[ul.Event] = []
    for at in range(0, len(data), piece):
        buffer = bytearray(data[at : at + piece])
        layer.receive(buffer)
        while (event := layer.next_event()) is not None:
            if isinstance(event, ul.DataFragment):
                event = ul.DataFragment(event.context_id, memoryview(bytes(event.data)), event.last)
            events.append(event)
        buffer[:] = b"\xee" * len(buffer)
    return events


def data_of(events: list[ul.Event]) -> bytes:
    """Join the Data Set's fragments among the events."""
    return b"".join(event.data for event in events if isinstance(event, ul.DataFragment))


def p_data(*pdvs: tuple[int, int, bytes], length: int | None = None) -> bytes:
    """One P-DATA-TF of PDVs given as context, control and value; `length` lies about the whole."""
    body = b"".join(pdu.PDV_HEADER.pack(len(value) + 2, context, control) + value for context, control, value in pdvs)
    return pdu.HEADER.pack(4, len(body) if length is None else length) + body
