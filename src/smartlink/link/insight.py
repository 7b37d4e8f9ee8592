"""What a gateway may ask Works for diagnostics: a byte's way into storage, and how far an exam has come (R104)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from smartlink.link.message import Message, Moment, UIDText


class StorageProbe(Message):
    """Permission to put one byte, a zero, into object storage. It is the same object each time: 412 is as good."""

    url: str
    headers: dict[str, str]
    expires_at: Moment


class JourneyRequest(Message):
    """Which exam: its id at Works or its Study Instance UID. In a body, because a UID belongs into no address."""

    study: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class JourneyTold(Message):
    """How far Works has it, as plain columns without a word about the patient; times are ISO 8601."""

    study_instance_uid: str
    exam: dict[str, Any] | None
    """None while nothing of it is ingested."""
    instances: Annotated[tuple[dict[str, Any], ...], Field(max_length=10_000)]
    deliveries: Annotated[tuple[dict[str, Any], ...], Field(max_length=1000)] = ()
    missing: tuple[str, ...] = ()
    """What has not happened yet, and why, in sentences for a person."""


class SyntheticEnded(Message):
    """The synthetic exam of this Study Instance UID has served: it may go."""

    study_instance_uid: UIDText


class SyntheticGone(Message):
    """How many instances of it were removed; none when there was nothing any more."""

    instances: Annotated[int, Field(ge=0)]
