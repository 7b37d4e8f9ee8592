"""Parts of an upload: what each must be, and how far the whole has come. Whether a part is there, the store knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class Part:
    """One part for which a ticket was given, bound to this length and digest."""

    number: int
    size: int
    sha256: bytes


def of(site: Site, upload_id: UUID) -> list[Part]:
    """The parts of an upload that had a ticket, in their order."""
    return site.many(
        Part, "SELECT number, size, sha256 FROM upload_part WHERE upload_id = :id ORDER BY number", id=upload_id
    )


def expect(site: Site, upload_id: UUID, parts: Sequence[Part]) -> None:
    """Remember what these parts must be; a second ticket for a part counts instead of the first."""
    for part in parts:
        site.run(
            "INSERT INTO upload_part (upload_id, number, organisation_id, size, sha256)"
            " VALUES (:id, :number, :organisation_id, :size, :sha256)"
            " ON CONFLICT (upload_id, number) DO UPDATE SET size = excluded.size, sha256 = excluded.sha256",
            id=upload_id,
            number=part.number,
            organisation_id=site.organisation_id,
            size=part.size,
            sha256=part.sha256,
        )


def begun(site: Site, upload_id: UUID, multipart_id: str, *, instead_of: str | None) -> bool:
    """The store's parts go by this name now; False when another call named others meanwhile."""
    changed = site.run(
        "UPDATE upload SET multipart_id = :multipart_id WHERE id = :id AND state = 'offered'"
        " AND multipart_id IS NOT DISTINCT FROM :instead_of",
        id=upload_id,
        multipart_id=multipart_id,
        instead_of=instead_of,
    )
    return changed == 1


def seen(site: Site, upload_id: UUID, *, now: datetime, expires_at: datetime) -> None:
    """The gateway still works on it."""
    site.run(
        "UPDATE upload SET offered_at = :now, expires_at = :expires_at WHERE id = :id AND state = 'offered'",
        id=upload_id,
        now=now,
        expires_at=expires_at,
    )


def joined(site: Site, upload_id: UUID) -> bool:
    """All parts are one object, to be verified; False when that is known already."""
    return site.run("UPDATE upload SET state = 'verifying' WHERE id = :id AND state = 'offered'", id=upload_id) == 1


def mismatched(site: Site, upload_id: UUID, *, why: str) -> None:
    """The whole is not what was offered: everything has to be put again."""
    site.run(
        "UPDATE upload SET state = 'offered', multipart_id = NULL, mismatches = mismatches + 1, failure = :why"
        " WHERE id = :id AND state = 'verifying'",
        id=upload_id,
        why=why,
    )
    site.run("DELETE FROM upload_part WHERE upload_id = :id", id=upload_id)


def forgive(site: Site, upload_id: UUID) -> None:
    """Count the mismatches anew."""
    site.run("UPDATE upload SET mismatches = 0 WHERE id = :id", id=upload_id)


def abandon(site: Site, upload_id: UUID, *, before: datetime) -> bool:
    """Forget the parts of an upload that nobody has worked on since `before`; False when somebody did or it is done."""
    changed = site.run(
        "UPDATE upload SET multipart_id = NULL WHERE id = :id AND state = 'offered' AND offered_at <= :before",
        id=upload_id,
        before=before,
    )
    if changed:
        site.run("DELETE FROM upload_part WHERE upload_id = :id", id=upload_id)
    return changed == 1


def forget(site: Site, upload_id: UUID) -> None:
    """The upload is verified: its parts say nothing more."""
    site.run("DELETE FROM upload_part WHERE upload_id = :id", id=upload_id)
