"""Download tickets: leave to get one object of an ordered delivery from object storage (F6)."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from smartlink.link.message import Digest, Message, Moment

MOST_TICKETS: Final = 64


class DownloadsRequest(Message):
    """The gateway is about to fetch these ordered instances."""

    item_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST_TICKETS)]


class DownloadTicket(Message):
    """Permission to get one object. Send exactly these headers; what comes must have this size and digest."""

    outcome: Literal["ticket"] = "ticket"
    item_id: UUID
    url: str
    headers: dict[str, str]
    size: int
    object_sha256: Digest
    expires_at: Moment


class NotWanted(Message):
    """This instance is no longer to be delivered: its delivery was cancelled, or is not this gateway's."""

    outcome: Literal["not_wanted"] = "not_wanted"
    item_id: UUID
    detail: str


class Downloads(Message):
    """One answer for each requested instance, in its order."""

    answers: tuple[Annotated[DownloadTicket | NotWanted, Field(discriminator="outcome")], ...]
