"""Connections as both sides know them: the gateway owns them, Works mirrors them (R39-R87, F8)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from smartlink.link.message import AETitleText, Message, Moment, Name


class Kind(StrEnum):
    """The three kinds of connection (R39)."""

    PACS = "pacs"
    WORKLIST = "worklist"
    ULTRASOUND = "ultrasound"


class ConnectionStatus(StrEnum):
    """The registered status of a connection's present AE title, address and port (R49)."""

    INACTIVE = "inactive"
    ACTIVE = "active"


class Mapping(StrEnum):
    """From which Attribute the physician of an exam is read (R74)."""

    PERFORMING_PHYSICIAN = "performing_physician"
    REFERRING_PHYSICIAN = "referring_physician"
    OPERATOR = "operator"
    READING_PHYSICIAN = "reading_physician"
    TELECOM = "telecom"
    UNASSIGNED = "unassigned"


MAPPING_LABELS: Final[dict[Mapping, str]] = {
    Mapping.PERFORMING_PHYSICIAN: "Performing Physician's Name (0008,1050)",
    Mapping.REFERRING_PHYSICIAN: "Referring Physician Name (0008,0090)",
    Mapping.OPERATOR: "Operator Name (0008,1070)",
    Mapping.READING_PHYSICIAN: "Name of the Physician Reading Study (0008,1060)",
    Mapping.TELECOM: "Persons Telecom Information (0040,1104)",
    Mapping.UNASSIGNED: "Map to Unassigned Folder (None)",
}
"""The manual's six options, verbatim and in its order."""

Port = Annotated[int, Field(ge=1, le=65535)]


class ConnectionBody(Message):
    """What is said of a connection, by whoever says it."""

    kind: Kind
    name: Name
    ae_title: AETitleText
    host: Annotated[str, StringConstraints(max_length=255)]
    """Address or host name; of an ultrasound system the address it last came from, which is not its identity."""
    port: Port | None = None
    """Of an ultrasound system the port at which it hears the results of Storage Commitment; None: it only calls us."""
    specialty_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=100)]
    mapping: Mapping | None = None
    """Only for an ultrasound system."""
    status: ConnectionStatus = ConnectionStatus.INACTIVE
    last_seen_at: Moment | None = None


class ConnectionPut(ConnectionBody):
    """The gateway adds or changes a connection. `version` is the one it last had acknowledged; 0 for a new one."""

    version: Annotated[int, Field(ge=0)] = 0


class Connection(ConnectionBody):
    """A connection as Works has it."""

    id: UUID
    version: Annotated[int, Field(ge=1)]


class ConnectionAcknowledged(Message):
    """Works has the connection, under this id: another one than was put when the facility knew the AE title before."""

    id: UUID
    version: Annotated[int, Field(ge=1)]


class ConnectionDeleted(Message):
    """Works has deleted the connection for good, or never had it: neither restores it (R84)."""

    id: UUID
