"""Commands to gateways: leased to the poll that fetched them, repeated until acknowledged."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from smartlink.works.store.database import Site


@dataclass(frozen=True, slots=True)
class CommandRow:
    """One command, the older the smaller its number; `item_ids` are the instances of a `deliver`."""

    id: UUID
    number: int
    kind: str
    delivery_id: UUID | None
    item_ids: list[UUID]
    connection_id: UUID | None
    resend: bool


@dataclass(frozen=True, slots=True)
class AcknowledgedRow:
    """A command of the gateway that is acknowledged, and the delivery that it is about."""

    id: UUID
    delivery_id: UUID | None


def insert(
    site: Site,
    *,
    id: UUID,
    gateway_id: UUID,
    kind: str,
    now: datetime,
    delivery_id: UUID | None = None,
    item_ids: Sequence[UUID] = (),
) -> None:
    """A command that the gateway has yet to fetch."""
    site.run(
        "INSERT INTO command (id, organisation_id, gateway_id, kind, delivery_id, item_ids, created_at) VALUES (:id,"
        " :organisation_id, :gateway_id, :kind, :delivery_id, CAST(:item_ids AS uuid[]), :now)",
        id=id,
        organisation_id=site.organisation_id,
        gateway_id=gateway_id,
        kind=kind,
        delivery_id=delivery_id,
        item_ids=list(item_ids),
        now=now,
    )


def lease(site: Site, gateway_id: UUID, *, most: int, until: datetime, now: datetime) -> list[CommandRow]:
    """The oldest commands that nobody holds at `now`, held until `until`. Two polls never get the same one."""
    return site.many(
        CommandRow,
        "WITH due AS (SELECT id FROM command WHERE gateway_id = :gateway_id AND acknowledged_at IS NULL"
        " AND (leased_until IS NULL OR leased_until <= :now) ORDER BY number LIMIT :most FOR UPDATE SKIP LOCKED),"
        " held AS (UPDATE command c SET leased_until = :until FROM due WHERE c.id = due.id"
        " RETURNING c.id, c.number, c.kind, c.delivery_id, c.item_ids)"
        " SELECT held.id, held.number, held.kind, held.delivery_id, held.item_ids, d.connection_id,"
        " coalesce(d.resend, false) AS resend FROM held LEFT JOIN delivery d ON d.id = held.delivery_id"
        " ORDER BY held.number",
        gateway_id=gateway_id,
        most=most,
        until=until,
        now=now,
    )


def release(site: Site, gateway_id: UUID, now: datetime) -> int:
    """Whatever the gateway has not acknowledged comes again at `now`; how many leases that ended.

    That it was leased stays known: the gateway may have seen it.
    """
    return site.run(
        "UPDATE command SET leased_until = :now WHERE gateway_id = :gateway_id AND acknowledged_at IS NULL"
        " AND leased_until > :now",
        gateway_id=gateway_id,
        now=now,
    )


def acknowledge(site: Site, gateway_id: UUID, command_ids: Sequence[UUID], now: datetime) -> list[AcknowledgedRow]:
    """These commands of the gateway need not come again; those acknowledged before are named as well."""
    return site.many(
        AcknowledgedRow,
        "UPDATE command SET acknowledged_at = coalesce(acknowledged_at, :now), leased_until = NULL"
        " WHERE gateway_id = :gateway_id AND id = ANY(:ids) RETURNING id, delivery_id",
        gateway_id=gateway_id,
        ids=list(command_ids),
        now=now,
    )


def withdraw(site: Site, delivery_id: UUID, now: datetime) -> bool:
    """No order of this delivery comes any more; whether its gateway may have seen one, and was not told to cancel."""
    seen: bool = site.value(
        "SELECT EXISTS (SELECT 1 FROM command WHERE delivery_id = :id AND kind = 'deliver'"
        " AND (acknowledged_at IS NOT NULL OR leased_until IS NOT NULL))"
        " AND NOT EXISTS (SELECT 1 FROM command WHERE delivery_id = :id AND kind = 'cancel')",
        id=delivery_id,
    )
    site.run(
        "UPDATE command SET acknowledged_at = :now WHERE delivery_id = :id AND kind = 'deliver'"
        " AND acknowledged_at IS NULL",
        id=delivery_id,
        now=now,
    )
    return seen


def purge(site: Site, before: datetime) -> int:
    """Forget what was acknowledged before this moment; how many that were.

    Commands of a delivery that is not at its end stay: a cancellation has to know whether the gateway saw them.
    """
    return site.run(
        "DELETE FROM command c WHERE c.acknowledged_at < :before AND NOT EXISTS (SELECT 1 FROM delivery d"
        " WHERE d.id = c.delivery_id AND d.state NOT IN ('delivered', 'cancelled', 'replaced'))",
        before=before,
    )


def waiting(site: Site, gateway_id: UUID, kind: str) -> bool:
    """Whether the gateway has yet to acknowledge a command of this kind."""
    found: bool = site.value(
        "SELECT EXISTS (SELECT 1 FROM command WHERE gateway_id = :id AND kind = :kind AND acknowledged_at IS NULL)",
        id=gateway_id,
        kind=kind,
    )
    return found
