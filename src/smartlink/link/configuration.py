"""What Works tells a gateway about its facility, fetched hourly with an ETag (R96, F9)."""

from __future__ import annotations

from uuid import UUID

from smartlink.link.connections import Connection
from smartlink.link.message import Message


class Named(Message):
    """An organisation or a specialty: what it is called, under an id that never changes."""

    id: UUID
    name: str


class Facility(Message):
    """The facility that the licence key belongs to."""

    id: UUID
    name: str
    time_zone: str
    """IANA name, for example `Europe/Madrid`."""


class Configuration(Message):
    """Everything the gateway mirrors from Works. Connections are applied only when a gateway starts empty (R41)."""

    organisation: Named
    facility: Facility
    specialties: tuple[Named, ...]
    default_specialty_id: UUID
    connections: tuple[Connection, ...] = ()
