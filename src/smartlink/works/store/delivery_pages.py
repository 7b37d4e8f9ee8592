"""What the pages read of deliveries: each with its counts and its PACS. Nothing here is changed.

Who may see an exam is asked of `exam_pages` before; these queries take exams that were seen there.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery of an exam to a PACS: how it stands, and how many of its images stand how."""

    id: uuid.UUID
    exam_id: uuid.UUID
    connection_id: uuid.UUID
    destination: str
    connection_status: str
    connection_deleted: bool
    connection_seen_at: datetime | None
    state: str
    reason: str | None
    resend: bool
    asked_by: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    fetched_at: datetime | None
    """When the gateway wrote the last of its orders down; None while one waits to be fetched."""
    images: int
    sent: int
    parked: int
    tried: int
    """Images that were tried without success and are tried again."""
    converting: int
    """Images whose Transfer Syntax the PACS refused and of which an uncompressed copy is made."""
    reported_at: datetime | None
    cause: str | None
    """Why the last image that failed did."""
    late: int
    """Images of the exam that no delivery to this PACS holds as they are now."""


def of_exams(site: Site, exam_ids: Sequence[uuid.UUID]) -> list[DeliveryRow]:
    """Every delivery of these exams, the oldest first."""
    return site.many(
        DeliveryRow,
        """
        SELECT d.id, d.exam_id, d.connection_id, c.name AS destination, c.status AS connection_status,
          c.deleted_at IS NOT NULL AS connection_deleted, c.last_seen_at AS connection_seen_at,
          d.state, d.reason, d.resend, p.display_name AS asked_by, d.created_at, d.updated_at, d.finished_at,
          (SELECT CASE WHEN count(*) = count(k.acknowledged_at) THEN max(k.acknowledged_at) END
             FROM command k WHERE k.delivery_id = d.id AND k.kind = 'deliver') AS fetched_at,
          i.images, i.sent, i.parked, i.tried, i.converting, i.reported_at, i.cause,
          (SELECT count(*) FROM instance l WHERE l.exam_id = d.exam_id AND NOT EXISTS (
             SELECT 1 FROM delivery_instance h JOIN delivery o ON o.id = h.delivery_id
             WHERE h.instance_id = l.id AND o.connection_id = d.connection_id AND o.state <> 'cancelled'
               AND (h.version_id IS NULL OR h.version_id = coalesce(l.version_id, l.id)))) AS late
        FROM delivery d
        JOIN connection c ON c.id = d.connection_id
        LEFT JOIN person p ON p.id = d.submitted_by
        CROSS JOIN LATERAL (
          SELECT count(*) AS images, count(*) FILTER (WHERE n.state = 'sent') AS sent,
            count(*) FILTER (WHERE n.state = 'parked') AS parked,
            count(*) FILTER (WHERE n.state = 'waiting' AND n.attempts > 0) AS tried,
            count(*) FILTER (WHERE n.state = 'syntax_refused') AS converting,
            max(n.reported_at) AS reported_at,
            (array_agg(n.cause ORDER BY n.reported_at DESC) FILTER (WHERE n.cause IS NOT NULL AND n.state <> 'sent'))[1]
              AS cause
          FROM delivery_instance n WHERE n.delivery_id = d.id) i
        WHERE d.exam_id = ANY (:exams)
        ORDER BY d.created_at, c.name, d.id
        """,
        exams=list(exam_ids),
    )
