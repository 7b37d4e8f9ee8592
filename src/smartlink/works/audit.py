"""The audit trail: who did what to which thing, from where, and whether it went well (part 4).

Appended to, never changed. The database seals each event with the seal before it, one chain for each organisation:
what is altered, removed or slipped in later is found by `verify`, which says where. Whoever can rewrite the whole
database can rewrite a whole chain; against that the chain's head is noted elsewhere and given to `verify` again.
"""

import hashlib
import uuid
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from smartlink.works.access import Access, Site
from smartlink.works.store import audit_events
from smartlink.works.store.audit_events import Entry, Sealed

Outcome = Literal["success", "failure"]
Kind = Literal["person", "gateway", "operator", "system"]

__all__ = ["ADDRESS", "Entry", "Outcome", "Site", "record"]

ADDRESS: ContextVar[str | None] = ContextVar("ADDRESS", default=None)
"""The address that the call which is being answered came from; set at the door, for every call."""
ONE_LOOK: Final = timedelta(minutes=10)
"""Looking at the same thing again within so long is the same look."""
_BEGINNING: Final = bytes(32)
_PIECE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain; noted elsewhere, it also tells when the end was cut off."""

    seq: int
    hash: bytes

    def __str__(self) -> str:
        """As `works audit verify` prints it and takes it again."""
        return f"{self.seq}:{self.hash.hex()}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is found of a chain: its head, and where it breaks first and why; `broken_at` is None when it holds."""

    head: Head
    broken_at: int | None = None
    why: str | None = None


def record(  # noqa: PLR0913 -- the columns of one event
    site: Site,
    *,
    now: datetime,
    actor_kind: Kind,
    actor_id: uuid.UUID | str | None,
    action: str,
    object_kind: str,
    object_id: uuid.UUID | str | None,
    outcome: Outcome = "success",
    detail: dict[str, Any] | None = None,
) -> None:
    """Append one event in the transaction of what it tells of. `detail` holds ids and counts, no patient data."""
    audit_events.add(
        site,
        at=now,
        actor_kind=actor_kind,
        actor_id=None if actor_id is None else str(actor_id),
        action=action,
        object_kind=object_kind,
        object_id=None if object_id is None else str(object_id),
        outcome=outcome,
        detail=detail or {},
        ip=ADDRESS.get(),
    )


def looked(site: Site, *, now: datetime, person_id: uuid.UUID, action: str, kind: str, object_id: object) -> None:
    """Append that a person was shown patient data: one event for a person, a thing and ten minutes."""
    seen = audit_events.happened(
        site, actor_id=str(person_id), action=action, object_id=str(object_id), since=now - ONE_LOOK
    )
    if not seen:
        record(
            site,
            now=now,
            actor_kind="person",
            actor_id=person_id,
            action=action,
            object_kind=kind,
            object_id=str(object_id),
        )


def verify(access: Access, organisation_id: uuid.UUID, expected: Head | None = None) -> Verdict:
    """Walk the organisation's whole chain. `expected` is a head that was noted before: it must still be in it."""
    at = Head(0, _BEGINNING)
    met = expected is None or expected == at
    while True:
        with access.organisation(organisation_id) as site:
            piece = audit_events.sealed(site, after=at.seq, most=_PIECE)
            loose = None if piece else audit_events.unsealed(site)
        if not piece:
            break
        for seal in piece:
            why = _why_broken(at, seal)
            if why is None and expected is not None and seal.seq == expected.seq and seal.hash != expected.hash:
                why = "The chain was written anew: this seal is not the one that was noted."
            if why is not None:
                return Verdict(at, at.seq + 1, why)
            at = Head(seal.seq, seal.hash)
            met = met or at == expected
    if loose is not None:
        return Verdict(at, at.seq + 1, f"Event {loose} was written without a seal.")
    if not met:
        return Verdict(at, at.seq + 1, "The chain ends before the seal that was noted: its end was cut off.")
    return Verdict(at)


def export(access: Access, organisation_id: uuid.UUID, since: datetime, until: datetime) -> Iterator[Entry]:
    """Every event from `since` to before `until`, in the order of the chain; read in pieces, not in one transaction."""
    after = 0
    while True:
        with access.organisation(organisation_id) as site:
            piece = audit_events.entries(site, since=since, until=until, after=after, most=_PIECE)
        if not piece:
            return
        yield from piece
        after = piece[-1].seq


def _why_broken(before: Head, seal: Sealed) -> str | None:
    """Why this seal does not follow the one before it; None when it does."""
    if seal.seq != before.seq + 1:
        return f"Entries {before.seq + 1} to {seal.seq - 1} are missing."
    if seal.prev_hash != before.hash:
        return "The entry is not sealed with the one before it: something was removed, added or put in another order."
    if seal.text is None:
        return f"Event {seal.event_id} was removed."
    if hashlib.sha256(seal.prev_hash + seal.text.encode()).digest() != seal.hash:
        return f"Event {seal.event_id} was altered."
    return None
