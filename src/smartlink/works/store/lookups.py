"""The questions that precede an organisation. The answers are ids, and nothing else."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from smartlink.works.store.database import Transaction


@dataclass(frozen=True, slots=True)
class OrganisationId:
    """An organisation."""

    organisation_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class MembershipIds:
    """A person in an organisation."""

    organisation_id: uuid.UUID
    person_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class SessionIds:
    """A web session in an organisation."""

    organisation_id: uuid.UUID
    session_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class LicenceKeyIds:
    """A licence key in an organisation."""

    organisation_id: uuid.UUID
    licence_key_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class GatewayIds:
    """A gateway in an organisation."""

    organisation_id: uuid.UUID
    gateway_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class FacilityIds:
    """A facility in an organisation."""

    organisation_id: uuid.UUID
    facility_id: uuid.UUID


@dataclass(frozen=True, slots=True)
class ExamIds:
    """An exam in an organisation."""

    organisation_id: uuid.UUID
    exam_id: uuid.UUID


def memberships_of(transaction: Transaction, email: str) -> list[MembershipIds]:
    """The organisations of the person with this e-mail address; an empty list for an unknown one."""
    return transaction.many(
        MembershipIds, "SELECT organisation_id, person_id FROM lookup_memberships_of(:email) ORDER BY 1", email=email
    )


def person(transaction: Transaction, email: str) -> uuid.UUID | None:
    """The person with this e-mail address in any organisation."""
    found: uuid.UUID | None = transaction.value("SELECT person_id FROM lookup_person(:email)", email=email)
    return found


def session(transaction: Transaction, token_hash: bytes) -> SessionIds | None:
    """The web session whose token has this SHA-256."""
    return transaction.one(
        SessionIds, "SELECT organisation_id, session_id FROM lookup_session(:token_hash)", token_hash=token_hash
    )


def licence_key(transaction: Transaction, key_hash: bytes) -> LicenceKeyIds | None:
    """The licence key with this SHA-256, revoked or not."""
    return transaction.one(
        LicenceKeyIds, "SELECT organisation_id, licence_key_id FROM lookup_licence_key(:key_hash)", key_hash=key_hash
    )


def removals_due(transaction: Transaction, at: datetime) -> list[uuid.UUID]:
    """The organisations in which something may have to be removed by then."""
    found: list[uuid.UUID] | None = transaction.value(
        "SELECT array_agg(organisation_id) FROM lookup_removals_due(:at)", at=at
    )
    return found or []


def organisation_of_gateway(transaction: Transaction, gateway_id: uuid.UUID) -> uuid.UUID | None:
    """The organisation of the gateway with this id, whatever its state."""
    found: uuid.UUID | None = transaction.value(
        "SELECT organisation_id FROM lookup_gateway(:gateway_id)", gateway_id=gateway_id
    )
    return found


def gateway_by_token(transaction: Transaction, token_hash: bytes, now: datetime) -> GatewayIds | None:
    """The gateway that holds the bearer token with this SHA-256, unless the token has run out at `now`."""
    return transaction.one(
        GatewayIds,
        "SELECT organisation_id, gateway_id FROM lookup_gateway_token(:token_hash, :now)",
        token_hash=token_hash,
        now=now,
    )


def digests_due(transaction: Transaction, now: datetime) -> list[FacilityIds]:
    """The facilities whose digest of failures is to be looked at by `now`, the longest waiting first."""
    return transaction.many(FacilityIds, "SELECT organisation_id, facility_id FROM lookup_digests_due(:now)", now=now)


def watched(transaction: Transaction) -> list[FacilityIds]:
    """The facilities with an active gateway, or with an alarm that is not over."""
    return transaction.many(FacilityIds, "SELECT organisation_id, facility_id FROM lookup_watched()")


def test_exams(transaction: Transaction, before: datetime) -> list[ExamIds]:
    """Synthetic exams that were made before this moment."""
    return transaction.many(ExamIds, "SELECT organisation_id, exam_id FROM lookup_test_exams(:before)", before=before)


def worklists_expired(transaction: Transaction, now: datetime) -> list[uuid.UUID]:
    """The organisations with items of worklists whose time is over."""
    found = transaction.many(OrganisationId, "SELECT organisation_id FROM lookup_worklists_expired(:now)", now=now)
    return [one.organisation_id for one in found]


def commands_done(transaction: Transaction, before: datetime) -> list[uuid.UUID]:
    """The organisations with commands to gateways that were acknowledged before this moment."""
    found = transaction.many(OrganisationId, "SELECT organisation_id FROM lookup_commands_done(:before)", before=before)
    return [one.organisation_id for one in found]
