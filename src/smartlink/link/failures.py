"""What fails and goes on failing at a gateway: Works makes the digest mail of it (R110, R113)."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from smartlink.link.message import Message, Moment


class FailureKind(StrEnum):
    """What cannot be done."""

    UPLOAD = "upload"
    """Images do not reach Works."""
    DOWNLOAD = "download"
    """Exams cannot be fetched for the PACS."""
    STORE = "store"
    """A PACS does not take exams."""


class Failure(Message):
    """One failure that lasts."""

    kind: FailureKind
    connection_id: UUID | None = None
    """The PACS or the ultrasound system, by its id at Works."""
    count: Annotated[int, Field(ge=0)]
    """Instances that wait because of it."""
    since: Moment
    oldest_at: Moment | None = None
    """When the instance that waits longest arrived."""
    cause: Annotated[str, StringConstraints(max_length=500)]
    """A sentence for a person, without patient data."""


class FailureNotice(Message):
    """Everything that fails at this moment; empty when nothing does any more. Each replaces the one before."""

    failures: Annotated[tuple[Failure, ...], Field(max_length=100)]
    notify_hours: Annotated[int, Field(ge=1, le=24)]
    """Notify via email every so many hours (R110)."""
    at: Moment


class FailureNoticed(Message):
    """Works has it."""
