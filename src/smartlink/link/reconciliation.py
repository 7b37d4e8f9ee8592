"""What a gateway asks to find out whether Works holds what the gateway sent, and how it asks for what a PACS lacks.

Two steps, so that a question stays small: studies by the digest of their instances first; where that differs, the
instances one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field

from smartlink.link.message import Digest, Message, UIDText

MOST_STUDIES: Final = 200
MOST_INSTANCES: Final = 1_000
MOST_ITEMS: Final = 200


class Holding(StrEnum):
    """What Works has of one instance."""

    HELD = "held"
    ON_THE_WAY = "on_the_way"
    """Offered or confirmed, and not yet in an exam."""
    FAILED = "failed"
    """Stored, but it cannot become part of an exam: Works says why."""
    DELETED = "deleted"
    """A person deleted it; it is kept out when it is sent again."""
    MISSING = "missing"


class ToldStudy(Message):
    """A study as the gateway has it: `digest` is `digest_of` its SOP Instance UIDs."""

    study_instance_uid: UIDText
    digest: Digest


class CompareStudies(Message):
    """Are these the instances that Works holds of each study?"""

    studies: Annotated[tuple[ToldStudy, ...], Field(min_length=1, max_length=MOST_STUDIES)]


class ComparedStudies(Message):
    """Those studies of which Works holds exactly these instances."""

    same: tuple[UIDText, ...]


class CompareInstances(Message):
    """What has Works of these instances of one study?"""

    study_instance_uid: UIDText
    sop_instance_uids: Annotated[tuple[UIDText, ...], Field(min_length=1, max_length=MOST_INSTANCES)]


class ComparedInstances(Message):
    """One answer for each instance, in the order of the question."""

    holdings: tuple[Holding, ...]


class SendAgain(Message):
    """The PACS lacks these ordered instances, although it said that it had them: deliver them anew."""

    item_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST_ITEMS)]


class SendsAgain(Message):
    """Those that Works delivers anew; the others were deleted, or their PACS was, or they are on their way again."""

    item_ids: tuple[UUID, ...]


def digest_of(sop_instance_uids: Iterable[str]) -> str:
    """SHA-256 over the distinct UIDs in the order of their characters, each ended by a line feed."""
    text = "".join(f"{uid}\n" for uid in sorted(set(sop_instance_uids)))
    return hashlib.sha256(text.encode("ascii")).hexdigest()
