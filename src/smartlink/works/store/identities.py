"""Confirmed identities: what a person confirmed about the patient and the order of an exam, over what its headers say.

Each row holds all that was confirmed so far, so the newest one is enough; none is ever changed. None means: as in the
header.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """What every object of the exam says of patient and order; `birth_date` as `1965-03-12`, `former` what it was."""

    id: UUID
    exam_id: UUID
    number: int
    patient_id: str | None
    issuer_of_patient_id: str | None
    patient_name: str | None
    birth_date: str | None
    sex: str | None
    accession_number: str | None
    requested_procedure_id: str | None
    requested_procedure_description: str | None
    study_instance_uid: str | None
    former: dict[str, Any]
    confirmed_by: UUID | None
    confirmed_at: datetime


_COLUMNS = ", ".join(IdentityRow.__slots__)


def current(site: Site, exam_id: UUID) -> IdentityRow | None:
    """The newest confirmed identity of an exam; None while its headers count."""
    return site.one(
        IdentityRow,
        f"SELECT {_COLUMNS} FROM exam_identity WHERE exam_id = :id ORDER BY number DESC LIMIT 1",  # noqa: S608
        id=exam_id,
    )


def get(site: Site, identity_id: UUID) -> IdentityRow | None:
    """One confirmed identity."""
    return site.one(
        IdentityRow,
        f"SELECT {_COLUMNS} FROM exam_identity WHERE id = :id",  # noqa: S608 - constant
        id=identity_id,
    )


def insert(site: Site, row: IdentityRow) -> None:
    """Confirm an identity; raises Clash when another one has the same number."""
    site.run(
        f"INSERT INTO exam_identity (organisation_id, {_COLUMNS}) VALUES (:organisation_id,"  # noqa: S608 - constant
        " :id, :exam_id, :number, :patient_id, :issuer_of_patient_id, :patient_name, :birth_date, :sex,"
        " :accession_number, :requested_procedure_id, :requested_procedure_description, :study_instance_uid,"
        " :former, :confirmed_by, :confirmed_at)",
        organisation_id=site.organisation_id,
        **asdict(row),
    )


def show_on_exam(site: Site, exam_id: UUID, **values: object) -> None:
    """The exam is listed under these values from now on."""
    site.run(
        "UPDATE exam SET patient_name = :patient_name, patient_id = :patient_id, birth_date = :birth_date,"
        " sex = :sex, accession_number = :accession_number, version = version + 1 WHERE id = :id",
        id=exam_id,
        **values,
    )
