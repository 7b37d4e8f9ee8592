"""Gateways, the bearer tokens they hold, and the assertions they have used."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from smartlink.works.store.database import Site, Transaction

_COLUMNS: Final = (
    "id, facility_id, licence_key_id, installation_id, public_key, version, state, activated_at,"
    " last_heartbeat_at, status"
)


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway: `state` is active, revoked or released; `status` is its last heartbeat, empty before the first."""

    id: UUID
    facility_id: UUID
    licence_key_id: UUID
    installation_id: str
    public_key: str
    version: str
    state: str
    activated_at: datetime
    last_heartbeat_at: datetime | None
    status: dict[str, Any]

    @property
    def last_sign_of_life(self) -> datetime:
        """When it last proved to be alive."""
        return max(self.activated_at, self.last_heartbeat_at or self.activated_at)


def insert(site: Site, gateway: Gateway) -> None:
    """Add a gateway; the former active one of its key must have been revoked."""
    site.run(
        "INSERT INTO gateway (id, organisation_id, facility_id, licence_key_id, installation_id, public_key, version,"
        " state, activated_at, status) VALUES (:id, :organisation_id, :facility_id, :licence_key_id,"
        " :installation_id, :public_key, :version, :state, :activated_at, :status)",
        id=gateway.id,
        organisation_id=site.organisation_id,
        facility_id=gateway.facility_id,
        licence_key_id=gateway.licence_key_id,
        installation_id=gateway.installation_id,
        public_key=gateway.public_key,
        version=gateway.version,
        state=gateway.state,
        activated_at=gateway.activated_at,
        status=gateway.status,
    )


def get(site: Site, gateway_id: UUID) -> Gateway | None:
    """One gateway of the organisation, whatever its state."""
    return site.one(Gateway, f"SELECT {_COLUMNS} FROM gateway WHERE id = :id", id=gateway_id)  # noqa: S608 - constant


def active_with_key(site: Site, licence_key_id: UUID) -> Gateway | None:
    """The one active gateway of a licence key."""
    return site.one(
        Gateway,
        f"SELECT {_COLUMNS} FROM gateway WHERE licence_key_id = :id AND state = 'active'",  # noqa: S608 - constant
        id=licence_key_id,
    )


def active_in_facility(site: Site, facility_id: UUID) -> Gateway | None:
    """The one active gateway of a facility."""
    return site.one(
        Gateway,
        f"SELECT {_COLUMNS} FROM gateway WHERE facility_id = :id AND state = 'active'"  # noqa: S608 - constant
        " ORDER BY activated_at DESC LIMIT 1",
        id=facility_id,
    )


def renew(site: Site, gateway_id: UUID, *, public_key: str, version: str) -> None:
    """The same installation activated again: it may have a new credential, the old one is void."""
    site.run(
        "UPDATE gateway SET public_key = :public_key, version = :version WHERE id = :id",
        id=gateway_id,
        public_key=public_key,
        version=version,
    )


def revoke(site: Site, gateway_id: UUID) -> None:
    """End this gateway's credential. Its tokens stay, so that its next call learns why it is refused."""
    site.run("UPDATE gateway SET state = 'revoked' WHERE id = :id", id=gateway_id)


def release(site: Site, gateway_id: UUID) -> None:
    """The gateway gave its licence back. Its tokens stay, so that its next call learns why it is refused."""
    site.run("UPDATE gateway SET state = 'released' WHERE id = :id AND state = 'active'", id=gateway_id)


def revoke_in_facility(site: Site, facility_id: UUID) -> list[UUID]:
    """End the credential of every active gateway of a facility; which these were."""
    found: list[UUID] | None = site.value(
        "WITH ended AS (UPDATE gateway SET state = 'revoked' WHERE facility_id = :id AND state = 'active' RETURNING id)"
        " SELECT array_agg(id) FROM ended",
        id=facility_id,
    )
    return found or []


def beat(site: Site, gateway_id: UUID, *, version: str, status: dict[str, Any], now: datetime) -> None:
    """Record a heartbeat; what the activation said of the host is kept."""
    site.run(
        "UPDATE gateway SET last_heartbeat_at = :now, version = :version,"
        " status = jsonb_build_object('host', coalesce(status -> 'host', '\"\"'::jsonb)) || :status WHERE id = :id",
        id=gateway_id,
        version=version,
        status=status,
        now=now,
    )


def add_token(site: Site, gateway_id: UUID, *, token_hash: bytes, expires_at: datetime, now: datetime) -> None:
    """Keep the hash of a new bearer token; the gateway's expired ones are removed."""
    site.run("DELETE FROM gateway_token WHERE gateway_id = :id AND expires_at <= :now", id=gateway_id, now=now)
    site.run(
        "INSERT INTO gateway_token (token_hash, organisation_id, gateway_id, expires_at)"
        " VALUES (:token_hash, :organisation_id, :gateway_id, :expires_at)",
        token_hash=token_hash,
        organisation_id=site.organisation_id,
        gateway_id=gateway_id,
        expires_at=expires_at,
    )


def remove_tokens(site: Site, gateway_id: UUID) -> None:
    """Void every bearer token of a gateway."""
    site.run("DELETE FROM gateway_token WHERE gateway_id = :id", id=gateway_id)


def use_assertion(transaction: Transaction, gateway_id: UUID, *, jti: str, expires_at: datetime, now: datetime) -> bool:
    """Whether this assertion is used for the first time; remembered until `expires_at`."""
    transaction.run("DELETE FROM assertion_seen WHERE expires_at <= :now", now=now)
    added = transaction.run(
        "INSERT INTO assertion_seen (gateway_id, jti, expires_at) VALUES (:gateway_id, :jti, :expires_at)"
        " ON CONFLICT DO NOTHING",
        gateway_id=gateway_id,
        jti=jti,
        expires_at=expires_at,
    )
    return added == 1
