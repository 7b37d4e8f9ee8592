"""Offer, ticket, confirmation, receipt: how an instance's custody passes from the gateway to Works (F4)."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from smartlink.link.message import Digest, Message, Moment, UIDText

MOST_INSTANCES: Final = 64
LARGEST_OBJECT: Final = 16 * 1024**3
"""Bytes."""
LARGEST_WHOLE: Final = 32 * 1024**2
"""Bytes; a larger object is put in parts."""
PART_SIZE: Final = 16 * 1024**2
"""Bytes of each part but the last."""
MOST_PARTS_AT_ONCE: Final = 16


class OfferedInstance(Message):
    """One instance the gateway keeps and would like to hand over."""

    reference: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    """The gateway's own name for it, repeated in the answer."""
    connection_id: UUID
    """The connection's id at Works, as acknowledged."""
    sop_class_uid: UIDText
    sop_instance_uid: UIDText
    transfer_syntax_uid: UIDText
    study_instance_uid: UIDText
    series_instance_uid: UIDText
    size: Annotated[int, Field(gt=0, le=LARGEST_OBJECT)]
    """Bytes of the whole Part 10 file as it will be uploaded."""
    dataset_sha256: Digest
    """Of the Data Set's bytes after File Meta Information: the identity. A hint; Works computes it itself."""
    object_sha256: Digest
    """Of every byte of the uploaded file: what the store checks on arrival."""
    received_at: Moment
    attributes: dict[str, Any] = Field(default_factory=dict)
    """The catalogue's attributes as DICOM JSON (PS3.18 Annex F)."""


class Offer(Message):
    """A batch of instances."""

    instances: Annotated[tuple[OfferedInstance, ...], Field(min_length=1, max_length=MOST_INSTANCES)]


class Receipt(Message):
    """Works' word that the object is in storage, verified, and recorded. The gateway's duty ends here."""

    upload_id: UUID
    sop_instance_uid: UIDText
    object_sha256: Digest
    stored_at: Moment


class Held(Message):
    """Works already holds an instance with this UID and these bytes: nothing to send."""

    outcome: Literal["held"] = "held"
    reference: str
    receipt: Receipt


class Ticket(Message):
    """Permission to put one object, bound to its length and digest. Send exactly these headers."""

    outcome: Literal["ticket"] = "ticket"
    reference: str
    upload_id: UUID
    method: Literal["PUT"] = "PUT"
    url: str
    headers: dict[str, str]
    expires_at: Moment
    conflict: bool = False
    """Works holds other bytes under the same UID: both are kept, and a person decides."""


class Multipart(Message):
    """Permission to put one object in parts of `PART_SIZE`; tickets for them are asked for just before use."""

    outcome: Literal["multipart"] = "multipart"
    reference: str
    upload_id: UUID
    conflict: bool = False
    """As in `Ticket`."""


class Refused(Message):
    """This instance can never be taken as it is: the type is a fault of an instance, the detail a sentence."""

    outcome: Literal["refused"] = "refused"
    reference: str
    type: str
    detail: str


class Offered(Message):
    """One answer for each offered instance."""

    answers: tuple[Annotated[Held | Ticket | Multipart | Refused, Field(discriminator="outcome")], ...]


class Part(Message):
    """One part that is about to be put."""

    number: Annotated[int, Field(ge=1, le=LARGEST_OBJECT // PART_SIZE)]
    size: Annotated[int, Field(gt=0, le=PART_SIZE)]
    sha256: Digest


class PartsRequest(Message):
    """Tickets are wanted for these parts of one upload."""

    upload_id: UUID
    parts: Annotated[tuple[Part, ...], Field(min_length=1, max_length=MOST_PARTS_AT_ONCE)]


class PartTicket(Message):
    """Permission to put one part, bound to its length and digest. Send exactly these headers."""

    number: int
    url: str
    headers: dict[str, str]
    expires_at: Moment


class Parts(Message):
    """Tickets for the parts that are not there yet, and the numbers of those of the requested that are."""

    tickets: tuple[PartTicket, ...]
    stored: tuple[int, ...] = ()
    unknown: bool = False
    """Works does not know the upload any more: offer the instance again."""


class Confirm(Message):
    """The gateway has put these objects, or was told that they are already there."""

    upload_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST_INSTANCES)]


class Stored(Message):
    """The object is there and is what was offered."""

    outcome: Literal["stored"] = "stored"
    upload_id: UUID
    receipt: Receipt
    conflict: bool = False


class Missing(Message):
    """There is no such object, or not with this length and digest, or the upload is not known: offer it again."""

    outcome: Literal["missing"] = "missing"
    upload_id: UUID
    detail: str


class Verifying(Message):
    """The parts were joined and Works reads the whole to verify its digest: confirm again in a while."""

    outcome: Literal["verifying"] = "verifying"
    upload_id: UUID


class Confirmed(Message):
    """One answer for each confirmed upload."""

    answers: tuple[Annotated[Stored | Missing | Verifying, Field(discriminator="outcome")], ...]
