"""Tables `audit_event` and `audit_seal`: the application adds events and reads both; the database seals them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from smartlink.works.store.database import Site

ADD: Final = """
    INSERT INTO audit_event (organisation_id, at, actor_kind, actor_id, action, object_kind, object_id, outcome, detail,
      ip)
    VALUES (:organisation_id, :at, :actor_kind, :actor_id, :action, :object_kind, :object_id, :outcome, :detail, :ip)
"""

HAPPENED: Final = """
    SELECT 1 FROM audit_event
    WHERE at > :since AND actor_id = :actor_id AND action = :action AND object_id = :object_id LIMIT 1
"""

SEALED: Final = """
    SELECT s.seq, s.event_id, s.prev_hash, s.hash, CASE WHEN e.id IS NOT NULL THEN audit_text(e, s.seq) END AS text
    FROM audit_seal s LEFT JOIN audit_event e ON e.id = s.event_id
    WHERE s.seq > :after ORDER BY s.seq LIMIT :most
"""

ENTRIES: Final = """
    SELECT s.seq, e.id, e.at, e.actor_kind, e.actor_id, e.action, e.object_kind, e.object_id, e.outcome, e.ip, e.detail,
      encode(s.prev_hash, 'hex') AS prev_hash, encode(s.hash, 'hex') AS hash, audit_text(e, s.seq) AS sealed
    FROM audit_seal s JOIN audit_event e ON e.id = s.event_id
    WHERE s.seq > :after AND e.at >= :since AND e.at < :until ORDER BY s.seq LIMIT :most
"""

UNSEALED: Final = """
    SELECT min(e.id) FROM audit_event e WHERE NOT EXISTS (SELECT 1 FROM audit_seal s WHERE s.event_id = e.id)
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """One seal, and what it seals as the event says it now; `text` is None when the event is gone."""

    seq: int
    event_id: int
    prev_hash: bytes
    hash: bytes
    text: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as it is exported. `hash` is SHA-256 of the bytes of `prev_hash` and of `sealed` in UTF-8."""

    seq: int
    id: int
    at: datetime
    actor_kind: str
    actor_id: str | None
    action: str
    object_kind: str
    object_id: str | None
    outcome: str
    ip: str | None
    detail: dict[str, Any]
    prev_hash: str
    hash: str
    sealed: str


def happened(site: Site, *, actor_id: str, action: str, object_id: str, since: datetime) -> bool:
    """Whether this was recorded already since then, so that sixty frames of one cine are one look."""
    found = site.value(HAPPENED, actor_id=actor_id, action=action, object_id=object_id, since=since)
    return found is not None


def sealed(site: Site, *, after: int, most: int) -> list[Sealed]:
    """The chain's next seals."""
    return site.many(Sealed, SEALED, after=after, most=most)


def unsealed(site: Site) -> int | None:
    """The id of the first event that no seal holds; None when every one is sealed."""
    found: int | None = site.value(UNSEALED)
    return found


def entries(site: Site, *, since: datetime, until: datetime, after: int, most: int) -> list[Entry]:
    """The next events of that time, by their place in the chain."""
    return site.many(Entry, ENTRIES, since=since, until=until, after=after, most=most)


def add(  # noqa: PLR0913 -- the columns of one event
    site: Site,
    *,
    at: datetime,
    actor_kind: str,
    actor_id: str | None,
    action: str,
    object_kind: str,
    object_id: str | None,
    outcome: str,
    detail: dict[str, Any],
    ip: str | None = None,
) -> None:
    """Append one event; it is sealed when the transaction ends."""
    site.run(
        ADD,
        organisation_id=site.organisation_id,
        at=at,
        actor_kind=actor_kind,
        actor_id=actor_id,
        action=action,
        object_kind=object_kind,
        object_id=object_id,
        outcome=outcome,
        detail=detail,
        ip=ip,
    )
