"""Table `audit_event`: the application may add and read, nothing else."""

from datetime import datetime
from typing import Any

from smartlink.works.store.database import Site

ADD = """
    INSERT INTO audit_event (organisation_id, at, actor_kind, actor_id, action, object_kind, object_id, outcome, detail)
    VALUES (:organisation_id, :at, :actor_kind, :actor_id, :action, :object_kind, :object_id, :outcome, :detail)
"""


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
