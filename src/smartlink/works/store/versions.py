"""The versions of one image: everything that came under its SOP Instance UID, and which of them counts (R152).

The row `instance` holds the version that counts; the others stand beside it in `instance_conflict`, and nothing is
ever deleted. The first one that came goes by the instance's own id, the others by their own.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class Version:
    """One version. `counts`: it is what the exam shows and sends; `open`: nobody has decided about it yet."""

    id: UUID
    counts: bool
    open: bool
    differs: list[str]
    compared_at: datetime | None
    series_id: UUID | None
    """Its series within the exam; None when it says that it is of another study."""
    transfer_syntax_uid: str
    size: int
    frames: int
    rows: int | None
    columns: int | None
    frame_time_ms: float | None
    dataset_sha256: bytes
    received_at: datetime
    preview_state: str
    source: str | None
    ae_title: str | None
    gateway: str
    """The facility whose gateway brought it."""


@dataclass(frozen=True, slots=True)
class Contested:
    """An image of which there are, or were, several versions."""

    id: UUID
    sop_instance_uid: str
    version_id: UUID
    decided_at: datetime | None
    decided_by: str | None
    number: int
    """Its place in the strip of the exam's page, from 1."""


@dataclass(frozen=True, slots=True)
class Held:
    """A PACS that was ordered to take a version; `stored` once it has."""

    version_id: UUID
    destination: str
    stored: bool


@dataclass(frozen=True, slots=True)
class Undecided:
    """How many exams hold an image of which nobody has decided, and the one that waits longest."""

    exam_id: UUID
    exams: int


CONTESTED: Final = """
    SELECT i.id, i.sop_instance_uid, coalesce(i.version_id, i.id) AS version_id, i.decided_at,
      p.display_name AS decided_by,
      (SELECT count(*) FROM instance o JOIN series t ON t.id = o.series_id WHERE o.exam_id = i.exam_id
        AND (coalesce(t.number, 9223372036854775807), coalesce(o.number, 9223372036854775807), o.received_at, o.id)
         <= (coalesce(s.number, 9223372036854775807), coalesce(i.number, 9223372036854775807), i.received_at, i.id)
      ) AS number
    FROM instance i JOIN series s ON s.id = i.series_id LEFT JOIN person p ON p.id = i.decided_by
    WHERE i.exam_id = :exam AND i.id = :instance
"""
LOCK: Final = "SELECT sop_instance_uid FROM instance WHERE exam_id = :exam AND id = :instance FOR UPDATE"
OF_INSTANCE: Final = """
    SELECT v.id, v.counts, v.open, v.differs, v.compared_at, v.series_id, v.transfer_syntax_uid, v.size, v.frames,
      v."rows", v."columns", v.frame_time_ms, v.dataset_sha256, v.received_at, v.preview_state, n.name AS source,
      n.ae_title, f.name AS gateway
    FROM (
      SELECT coalesce(i.version_id, i.id) AS id, true AS counts, false AS open, coalesce(c.differs, '{}') AS differs,
        c.compared_at, i.series_id, i.transfer_syntax_uid, i.size, i.frames, i."rows", i."columns", i.frame_time_ms,
        i.dataset_sha256, i.received_at, i.preview_state, i.upload_id
      FROM instance i LEFT JOIN instance_conflict c ON c.id = i.version_id WHERE i.id = :instance
      UNION ALL
      SELECT c.id, false, c.state = 'conflict', c.differs, c.compared_at, c.series_id, u.transfer_syntax_uid, u.size,
        c.frames, c."rows", c."columns", c.frame_time_ms, c.dataset_sha256, u.received_at, c.preview_state, c.upload_id
      FROM instance_conflict c JOIN upload u ON u.id = c.upload_id JOIN instance i ON i.id = c.instance_id
      WHERE c.instance_id = :instance AND c.state IN ('conflict', 'aside') AND c.id <> coalesce(i.version_id, i.id)
    ) AS v
    JOIN upload u ON u.id = v.upload_id JOIN gateway g ON g.id = u.gateway_id JOIN facility f ON f.id = g.facility_id
    LEFT JOIN connection n ON n.id = u.connection_id
    ORDER BY v.id <> :instance, v.received_at, v.id
"""
SET_ASIDE: Final = """
    INSERT INTO instance_conflict (id, organisation_id, instance_id, upload_id, dataset_sha256, object_key, state,
      series_id, frames, "rows", "columns", frame_time_ms, number, preview_state, at)
    SELECT i.id, i.organisation_id, i.id, i.upload_id, i.dataset_sha256, i.object_key, 'aside', i.series_id, i.frames,
      i."rows", i."columns", i.frame_time_ms, i.number, i.preview_state, i.ingested_at
    FROM instance i WHERE i.id = :instance AND i.version_id IS NULL
    ON CONFLICT DO NOTHING
"""
USE: Final = """
    UPDATE instance i SET version_id = nullif(c.id, i.id), series_id = c.series_id, sop_class_uid = u.sop_class_uid,
      transfer_syntax_uid = u.transfer_syntax_uid, frames = c.frames, "rows" = c."rows", "columns" = c."columns",
      frame_time_ms = c.frame_time_ms, number = c.number, size = u.size, dataset_sha256 = c.dataset_sha256,
      object_sha256 = u.object_sha256, object_key = c.object_key, upload_id = u.id, connection_id = u.connection_id,
      received_at = u.received_at, preview_state = c.preview_state
    FROM instance_conflict c JOIN upload u ON u.id = c.upload_id
    WHERE i.id = :instance AND c.id = :version AND c.instance_id = i.id
"""
SETTLE: Final = """
    UPDATE instance_conflict SET state = CASE WHEN id = :version THEN 'used' ELSE 'aside' END
    WHERE instance_id = :instance AND state IN ('conflict', 'used', 'aside')
"""
HELD: Final = """
    SELECT coalesce(n.version_id, i.version_id, i.id) AS version_id, c.name AS destination,
      bool_or(n.state = 'sent') AS stored
    FROM delivery_instance n JOIN instance i ON i.id = n.instance_id JOIN delivery d ON d.id = n.delivery_id
    JOIN connection c ON c.id = d.connection_id
    WHERE n.instance_id = :instance AND (n.state = 'sent' OR d.state IN ('preparing', 'queued', 'with_gateway'))
    GROUP BY 1, 2 ORDER BY 2
"""
UNDECIDED: Final = """
    SELECT i.exam_id, count(*) OVER () AS exams
    FROM instance_conflict c JOIN instance i ON i.id = c.instance_id JOIN exam e ON e.id = i.exam_id
    WHERE c.state = 'conflict' AND EXISTS (
      SELECT 1 FROM membership m
      WHERE m.person_id = :person AND m.role IN ('organisation_administrator', 'facility_administrator')
        AND (m.facility_id IS NULL OR m.facility_id = e.facility_id))
    GROUP BY i.exam_id ORDER BY min(c.at), i.exam_id LIMIT 1
"""


def contested(site: Site, exam_id: UUID, instance_id: UUID) -> Contested | None:
    """The image, if it is one of that exam."""
    return site.one(Contested, CONTESTED, exam=exam_id, instance=instance_id)


def lock(site: Site, exam_id: UUID, instance_id: UUID) -> str | None:
    """The SOP Instance UID of the image, which nobody else changes; None unless it is one of that exam."""
    found: str | None = site.value(LOCK, exam=exam_id, instance=instance_id)
    return found


def of_instance(site: Site, instance_id: UUID) -> list[Version]:
    """Every version of the image, the first that came before the others; duplicates are none."""
    return site.many(Version, OF_INSTANCE, instance=instance_id)


def use(site: Site, instance_id: UUID, former: UUID, version: UUID) -> None:
    """This version counts from now on; what was ordered as the former one stays ordered so."""
    site.run(SET_ASIDE, instance=instance_id)
    site.run(
        "UPDATE delivery_instance SET version_id = :former WHERE instance_id = :instance AND version_id IS NULL",
        instance=instance_id,
        former=former,
    )
    site.run(USE, instance=instance_id, version=version)


def settle(site: Site, exam_id: UUID, instance_id: UUID, version: UUID, *, by: UUID | None, now: datetime) -> None:
    """It is decided: this version is used, all others that are known stand aside."""
    site.run(SETTLE, instance=instance_id, version=version)
    site.run(
        "UPDATE instance SET decided_at = :now, decided_by = :by WHERE id = :instance",
        instance=instance_id,
        by=by,
        now=now,
    )
    # Whoever saw the exam before looks again before submitting it.
    site.run("UPDATE exam SET version = version + 1 WHERE id = :exam", exam=exam_id)


def held(site: Site, instance_id: UUID) -> list[Held]:
    """Which PACS has, or is being sent, which version."""
    return site.many(Held, HELD, instance=instance_id)


def undecided(site: Site, person_id: UUID) -> Undecided | None:
    """The exams of the facilities which this person runs that wait for a decision; None when there is none."""
    return site.one(Undecided, UNDECIDED, person=person_id)
