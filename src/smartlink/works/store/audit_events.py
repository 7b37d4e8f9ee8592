"""Table `audit_event`: the application may add and read, nothing else."""

from datetime import datetime
from typing import Any

from smartlink.works.store.database import Site

ADD = """
    INSERT INTO audit_event (organisation_id, at, actor_kind, actor_id, action, object_kind, object_id, outcome, detail)
    VALUES (:organisation_id, :at, :actor_kind, :actor_id, :action, :object_kind, :object_id, :outcome, :detail)
"""

HAPPENED = """
    SELECT 1 FROM audit_event
    WHERE at > :since AND actor_id = :actor_id AND action = :action AND object_id = :object_id LIMIT 1
"""


def happened(site: Site, *, actor_id: str, action: str, object_id: str, since: datetime) -> bool:
    """Whether this was recorded already since then, so that sixty frames of one cine are one look."""
    found = site.value(HAPPENED, actor_id=actor_id, action=action, object_id=object_id, since=since)
    return found is not None


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
) -> None:
    """Append one event."""
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
    )
