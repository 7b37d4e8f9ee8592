"""Table `licence`: one row, the gateway's standing with Works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from smartlink.gateway.licence import LicenceState
from smartlink.gateway.store import audit
from smartlink.gateway.store.database import Transaction, moment_or_none, moment_text

if TYPE_CHECKING:
    from datetime import datetime

ENSURE_INSTALLATION: Final = """
    INSERT INTO licence (id, installation_id, state) VALUES (1, :installation_id, 'unlicensed')
    ON CONFLICT (id) DO NOTHING
"""
FIND: Final = "SELECT * FROM licence WHERE id = 1"
ACTIVATE: Final = """
    UPDATE licence SET state = 'active', works_url = :works_url, gateway_id = :gateway_id,
        organisation_id = :organisation_id, organisation_name = :organisation_name,
        facility_id = :facility_id, facility_name = :facility_name,
        key_prefix = :key_prefix, activated_at = :activated_at, revoked_at = NULL
    WHERE id = 1
"""
REVOKE: Final = """
    UPDATE licence SET state = 'revoked', revoked_at = :at
    WHERE id = 1 AND state = 'active' AND gateway_id = :gateway_id
"""

# The running service may hear of it first, and take it for a revocation.
RELEASE: Final = """
    UPDATE licence SET state = 'released'
    WHERE id = 1 AND state IN ('active', 'revoked') AND gateway_id = :gateway_id
"""


@dataclass(frozen=True, slots=True)
class Licence:
    """The gateway's standing with Works. Fields about Works are None until the first activation."""

    state: LicenceState
    installation_id: UUID
    works_url: str | None = None
    gateway_id: UUID | None = None
    organisation_name: str | None = None
    facility_id: UUID | None = None
    facility_name: str | None = None
    key_prefix: str | None = None
    activated_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def is_active(self) -> bool:
        """Whether the services may run (R27)."""
        return self.state is LicenceState.ACTIVE


@dataclass(frozen=True, slots=True)
class Activation:
    """What an activation brought."""

    works_url: str
    gateway_id: UUID
    organisation_id: UUID
    organisation_name: str
    facility_id: UUID
    facility_name: str
    key_prefix: str
    activated_at: datetime


def ensure(tx: Transaction) -> Licence:
    """Return the licence, giving this installation its id the first time. Needs `write`."""
    tx.execute(ENSURE_INSTALLATION, {"installation_id": str(uuid4())})
    found = find(tx)
    assert found is not None  # noqa: S101  just inserted
    return found


def find(tx: Transaction) -> Licence | None:
    """Return the licence, or None before `ensure` was ever called."""
    row = tx.execute(FIND).fetchone()
    if row is None:
        return None
    return Licence(
        state=LicenceState(row["state"]),
        installation_id=UUID(row["installation_id"]),
        works_url=row["works_url"],
        gateway_id=_uuid(row["gateway_id"]),
        organisation_name=row["organisation_name"],
        facility_id=_uuid(row["facility_id"]),
        facility_name=row["facility_name"],
        key_prefix=row["key_prefix"],
        activated_at=moment_or_none(row["activated_at"]),
        revoked_at=moment_or_none(row["revoked_at"]),
    )


def activate(tx: Transaction, activation: Activation) -> None:
    """Record an activation; the previous one, if any, is replaced."""
    known = find(tx)
    tx.execute(
        ACTIVATE,
        {
            "works_url": activation.works_url,
            "gateway_id": str(activation.gateway_id),
            "organisation_id": str(activation.organisation_id),
            "organisation_name": activation.organisation_name,
            "facility_id": str(activation.facility_id),
            "facility_name": activation.facility_name,
            "key_prefix": activation.key_prefix,
            "activated_at": moment_text(activation.activated_at),
        },
    )
    before = {} if known is None else _told(known)
    after = find(tx)
    audit.add(
        tx,
        "licence_activated",
        "licence",
        activation.activated_at,
        old=before,
        new={} if after is None else _told(after),
    )


def revoke(tx: Transaction, gateway_id: UUID, at: datetime) -> bool:
    """Record that Works revoked this gateway; False when it is not the active one (any more)."""
    known = find(tx)
    revoked = tx.execute(REVOKE, {"gateway_id": str(gateway_id), "at": moment_text(at)}).rowcount == 1
    if revoked and known is not None:
        audit.add(tx, "licence_revoked", "licence", at, old=_told(known), new=_told(known) | {"state": "revoked"})
    return revoked


def release(tx: Transaction, gateway_id: UUID, at: datetime) -> None:
    """Record that this gateway gave its licence back."""
    known = find(tx)
    released = tx.execute(RELEASE, {"gateway_id": str(gateway_id)}).rowcount == 1
    if released and known is not None:
        audit.add(tx, "licence_released", "licence", at, old=_told(known), new=_told(known) | {"state": "released"})


def _told(licence: Licence) -> dict[str, object]:
    """What the audit list tells of a licence; of the key only its beginning."""
    return {
        "state": licence.state.value,
        "facility": licence.facility_name,
        "works_url": licence.works_url,
        "key_prefix": licence.key_prefix,
        "gateway_id": licence.gateway_id,
    }


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
