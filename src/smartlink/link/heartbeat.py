"""The sign of life, every minute: how the gateway is, in counts and times, without a word about a patient (F12)."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, NonNegativeInt, StringConstraints

from smartlink.link.message import Message, Moment

EVERY_SECONDS: Final = 60


class Queue(Message):
    """How many uploads are in which state, and since when the oldest waits."""

    held: NonNegativeInt = 0
    waiting: NonNegativeInt = 0
    sending: NonNegativeInt = 0
    parked: NonNegativeInt = 0
    unreadable: NonNegativeInt = 0
    oldest_waiting_since: Moment | None = None


class Disk(Message):
    """The volume of the spool, in bytes."""

    free: NonNegativeInt
    total: NonNegativeInt
    reserve: NonNegativeInt
    """Below this, new images are refused with A700."""
    days_left: Annotated[float | None, Field(ge=0)] = None
    """In how many days only the reserve is left, as the last week went; None when it cannot be told or is not so."""


class Scanner(Message):
    """When an ultrasound system was last heard of, and last sent an image."""

    connection_id: UUID
    last_seen_at: Moment | None = None
    last_image_at: Moment | None = None


class Heartbeat(Message):
    """The gateway is alive, and this is how it does."""

    version: Annotated[str, StringConstraints(max_length=32)]
    started_at: Moment
    sent_at: Moment
    receiver_open: bool
    queue: Queue
    disk: Disk
    scanners: Annotated[tuple[Scanner, ...], Field(max_length=1000)] = ()


class HeartbeatAcknowledged(Message):
    """Works' clock, and the ETag of the configuration: fetch it when it is another than the one known."""

    server_time: Moment
    configuration_etag: str
