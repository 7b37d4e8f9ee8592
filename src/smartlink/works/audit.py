"""The audit trail: who did what to which thing, and whether it went well. Appended to, never changed (part 4)."""

import uuid
from datetime import datetime
from typing import Any, Literal

from smartlink.works.access import Site
from smartlink.works.store import audit_events

Outcome = Literal["success", "failure"]

__all__ = ["Outcome", "Site", "record"]


def record(  # noqa: PLR0913 -- the columns of one event
    site: Site,
    *,
    now: datetime,
    actor_kind: Literal["person", "gateway", "operator", "system"],
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
    )
