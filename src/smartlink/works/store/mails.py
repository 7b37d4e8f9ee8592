"""Table `mail`: one row for each mail to each address, before it is sent and after."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from smartlink.works.store.database import Site

ADD: Final = """
    INSERT INTO mail (id, organisation_id, facility_id, kind, recipient, subject, body, state, created_at, changed_at,
        subject_id)
    VALUES (:id, :organisation_id, :facility_id, :kind, :recipient, :subject, :body, 'waiting', :now, :now,
        :subject_id)
"""
_COLUMNS: Final = "id, facility_id, kind, recipient, subject, body, state, attempts, problem, created_at, changed_at"
GET: Final = f"SELECT {_COLUMNS} FROM mail WHERE id = :id"  # noqa: S608 - constant
LISTING: Final = f"""
    SELECT {_COLUMNS} FROM mail WHERE facility_id = ANY (:facility_ids) ORDER BY created_at DESC, recipient LIMIT :limit
"""  # noqa: S608 - constant
STUCK: Final = f"""
    SELECT {_COLUMNS} FROM mail
    WHERE facility_id = ANY (:facility_ids) AND state IN ('waiting', 'refused') AND problem IS NOT NULL
        AND created_at >= (SELECT max(m.created_at) FROM mail m WHERE m.facility_id = mail.facility_id)
    ORDER BY created_at DESC, recipient LIMIT :limit
"""  # noqa: S608 - constant
SUPERSEDE: Final = """
    UPDATE mail SET state = 'superseded', changed_at = :now
    WHERE facility_id = :facility_id AND state = 'waiting' AND kind = ANY (:kinds)
        AND subject_id IS NOT DISTINCT FROM CAST(:subject_id AS uuid)
"""
TURNED: Final = """
    UPDATE mail SET state = :state, problem = :problem, attempts = attempts + 1, changed_at = :now
    WHERE id = :id AND state = 'waiting'
"""


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail: `state` is waiting, sent, refused or superseded; `problem` says why it is not sent."""

    id: UUID
    facility_id: UUID
    kind: str
    recipient: str
    subject: str
    body: str
    state: str
    attempts: int
    problem: str | None
    created_at: datetime
    changed_at: datetime


def add(  # noqa: PLR0913 - the columns of one mail
    site: Site,
    *,
    id: UUID,
    facility_id: UUID,
    kind: str,
    recipient: str,
    subject: str,
    body: str,
    now: datetime,
    subject_id: UUID | None = None,
) -> None:
    """A mail that waits to be sent; `subject_id` is the one gateway or ultrasound system that it is about."""
    site.run(
        ADD,
        id=id,
        organisation_id=site.organisation_id,
        facility_id=facility_id,
        kind=kind,
        recipient=recipient,
        subject=subject,
        body=body,
        now=now,
        subject_id=subject_id,
    )


def get(site: Site, mail_id: UUID) -> Mail | None:
    """One mail of the organisation."""
    return site.one(Mail, GET, id=mail_id)


def supersede(
    site: Site, facility_id: UUID, now: datetime, *, kinds: Sequence[str], subject_id: UUID | None = None
) -> int:
    """What waits of these kinds and about this is not sent any more: a newer mail says more; how many there were."""
    return site.run(SUPERSEDE, facility_id=facility_id, now=now, kinds=list(kinds), subject_id=subject_id)


def turned(site: Site, mail_id: UUID, *, state: str, problem: str | None, now: datetime) -> bool:
    """How an attempt ended; False when the mail did not wait any more."""
    return site.run(TURNED, id=mail_id, state=state, problem=problem, now=now) == 1


def listing(site: Site, facility_ids: Sequence[UUID], limit: int) -> list[Mail]:
    """The newest mails of these facilities."""
    return site.many(Mail, LISTING, facility_ids=list(facility_ids), limit=limit)


def stuck(site: Site, facility_ids: Sequence[UUID], limit: int) -> list[Mail]:
    """Mails of each facility's newest batch that could not be sent, or not yet."""
    return site.many(Mail, STUCK, facility_ids=list(facility_ids), limit=limit)
