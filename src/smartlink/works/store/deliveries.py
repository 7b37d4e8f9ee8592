"""Deliveries: one exam on its way to one PACS, and its instances; which object stands for each, and what came of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final
from uuid import UUID, uuid4

from smartlink.works.store.database import Site
from smartlink.works.store.derived_objects import ORDERED_VERSION

_COLUMNS: Final = (
    "d.id, d.exam_id, d.connection_id, d.gateway_id, d.identity_id, d.exam_version, d.state, d.reason, d.resend,"
    " d.submitted_by, d.created_at, d.updated_at, d.finished_at, d.replaced_by"
)


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery; `gateway_id` is the gateway that was ordered to make it."""

    id: UUID
    exam_id: UUID
    connection_id: UUID
    gateway_id: UUID | None
    identity_id: UUID | None
    exam_version: int
    state: str
    reason: str | None
    resend: bool
    submitted_by: UUID | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    replaced_by: UUID | None


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One instance of a delivery, with the Transfer Syntax of the object that stands for it."""

    id: UUID
    delivery_id: UUID
    instance_id: UUID
    derived_object_id: UUID | None
    state: str
    reported_at: datetime | None
    transfer_syntax_uid: str


@dataclass(frozen=True, slots=True)
class OrderedRow:
    """What a gateway needs to know of one instance: the object that stands for it."""

    item_id: UUID
    delivery_id: UUID
    state: str
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    size: int
    object_sha256: bytes
    dataset_sha256: bytes
    object_key: str
    delivery_state: str
    delivery_reason: str | None


_ITEM: Final = (
    "SELECT n.id, n.delivery_id, n.instance_id, n.derived_object_id, n.state, n.reported_at,"  # noqa: S608 - constants
    " coalesce(o.transfer_syntax_uid, v.transfer_syntax_uid, i.transfer_syntax_uid) AS transfer_syntax_uid"
    " FROM delivery_instance n JOIN instance i ON i.id = n.instance_id"
    f" LEFT JOIN derived_object o ON o.id = n.derived_object_id {ORDERED_VERSION}"
)
_ORDERED: Final = (
    "SELECT n.id AS item_id, n.delivery_id, n.state,"  # noqa: S608 - constants
    " coalesce(o.sop_class_uid, v.sop_class_uid, i.sop_class_uid) AS sop_class_uid,"
    " coalesce(o.sop_instance_uid, i.sop_instance_uid) AS sop_instance_uid,"
    " coalesce(o.study_instance_uid, e.study_instance_uid) AS study_instance_uid,"
    " coalesce(o.transfer_syntax_uid, v.transfer_syntax_uid, i.transfer_syntax_uid) AS transfer_syntax_uid,"
    " coalesce(o.size, v.size, i.size) AS size,"
    " coalesce(o.object_sha256, v.object_sha256, i.object_sha256) AS object_sha256,"
    " coalesce(o.dataset_sha256, v.dataset_sha256, i.dataset_sha256) AS dataset_sha256,"
    " coalesce(o.object_key, v.object_key, i.object_key) AS object_key,"
    " d.state AS delivery_state, d.reason AS delivery_reason"
    " FROM delivery_instance n JOIN delivery d ON d.id = n.delivery_id JOIN exam e ON e.id = d.exam_id"
    " JOIN instance i ON i.id = n.instance_id LEFT JOIN derived_object o ON o.id = n.derived_object_id"
    f" {ORDERED_VERSION}"
)


def insert(site: Site, row: DeliveryRow) -> None:
    """Add a delivery; its instances follow with `add_items`."""
    site.run(
        "INSERT INTO delivery (id, organisation_id, exam_id, connection_id, gateway_id, identity_id, exam_version,"
        " state, reason, resend, submitted_by, created_at, updated_at, finished_at, replaced_by) VALUES (:id,"
        " :organisation_id, :exam_id, :connection_id, :gateway_id, :identity_id, :exam_version, :state, :reason,"
        " :resend, :submitted_by, :created_at, :updated_at, :finished_at, :replaced_by)",
        organisation_id=site.organisation_id,
        **asdict(row),
    )


def add_items(site: Site, delivery_id: UUID, instance_ids: Sequence[UUID]) -> None:
    """Each of these instances is part of the delivery, to be prepared."""
    site.run(
        "INSERT INTO delivery_instance (id, organisation_id, delivery_id, instance_id, state)"
        " SELECT item, :organisation_id, :delivery_id, wanted, 'preparing'"
        " FROM unnest(CAST(:items AS uuid[]), CAST(:instances AS uuid[])) AS both_of(item, wanted)",
        organisation_id=site.organisation_id,
        delivery_id=delivery_id,
        items=[uuid4() for _ in instance_ids],
        instances=list(instance_ids),
    )


def get(site: Site, delivery_id: UUID) -> DeliveryRow | None:
    """One delivery of the organisation."""
    return site.one(DeliveryRow, f"SELECT {_COLUMNS} FROM delivery d WHERE d.id = :id", id=delivery_id)  # noqa: S608


def lock(site: Site, delivery_ids: Sequence[UUID]) -> list[DeliveryRow]:
    """These deliveries, and nobody else changes them; always in one order, so that two never wait for each other."""
    return site.many(
        DeliveryRow,
        f"SELECT {_COLUMNS} FROM delivery d WHERE d.id = ANY(:ids) ORDER BY d.id FOR UPDATE",  # noqa: S608 - constant
        ids=list(delivery_ids),
    )


def under_way_of_connection(site: Site, connection_id: UUID) -> list[UUID]:
    """The deliveries to this PACS that are not finished and not in the Outbox."""
    return _ids(site, "connection_id = :id AND state IN ('preparing', 'queued', 'with_gateway')", id=connection_id)


def under_way_of_gateways(site: Site, gateway_ids: Sequence[UUID]) -> list[UUID]:
    """The deliveries that these gateways were ordered to make and have not finished."""
    return _ids(site, "gateway_id = ANY(:ids) AND state IN ('queued', 'with_gateway')", ids=list(gateway_ids))


def move(site: Site, row: DeliveryRow) -> None:
    """Write where the delivery stands now."""
    site.run(
        "UPDATE delivery SET state = :state, reason = :reason, gateway_id = :gateway_id, updated_at = :updated_at,"
        " finished_at = :finished_at, replaced_by = :replaced_by WHERE id = :id",
        id=row.id,
        state=row.state,
        reason=row.reason,
        gateway_id=row.gateway_id,
        updated_at=row.updated_at,
        finished_at=row.finished_at,
        replaced_by=row.replaced_by,
    )


def settle_exam(site: Site, exam_id: UUID) -> None:
    """A submitted exam is completed when nothing of it is on its way or waits for a person."""
    site.run(
        "UPDATE exam SET state = CASE WHEN EXISTS (SELECT 1 FROM delivery d WHERE d.exam_id = exam.id"
        " AND d.state IN ('preparing', 'queued', 'with_gateway', 'partial', 'outbox')) THEN 'submitted'"
        " ELSE 'completed' END WHERE id = :id AND state <> 'draft'",
        id=exam_id,
    )


def items(site: Site, delivery_id: UUID) -> list[ItemRow]:
    """Every instance of a delivery."""
    return site.many(ItemRow, f"{_ITEM} WHERE n.delivery_id = :id ORDER BY n.id", id=delivery_id)


def items_of_gateway(site: Site, gateway_id: UUID, item_ids: Sequence[UUID]) -> list[ItemRow]:
    """Those of these items that this gateway was ordered to deliver."""
    return site.many(
        ItemRow,
        f"{_ITEM} JOIN delivery d ON d.id = n.delivery_id WHERE n.id = ANY(:ids) AND d.gateway_id = :gateway_id",
        ids=list(item_ids),
        gateway_id=gateway_id,
    )


def ordered(site: Site, gateway_id: UUID, item_ids: Sequence[UUID]) -> list[OrderedRow]:
    """What this gateway must know of these items, in the order of their instances."""
    return site.many(
        OrderedRow,
        f"{_ORDERED} WHERE n.id = ANY(:ids) AND d.gateway_id = :gateway_id"
        " ORDER BY i.number NULLS LAST, i.received_at, n.id",
        ids=list(item_ids),
        gateway_id=gateway_id,
    )


def set_items(
    site: Site, item_ids: Sequence[UUID], *, state: str, cause: str | None = None, remedy: str | None = None
) -> None:
    """These items stand there now, for this cause."""
    site.run(
        "UPDATE delivery_instance SET state = :state, cause = :cause, remedy = :remedy WHERE id = ANY(:ids)",
        ids=list(item_ids),
        state=state,
        cause=cause,
        remedy=remedy,
    )


def end_items(site: Site, delivery_id: UUID, *, state: str, cause: str | None) -> None:
    """What of the delivery is not sent and not refused stands there now."""
    site.run(
        "UPDATE delivery_instance SET state = :state, cause = coalesce(:cause, cause) WHERE delivery_id = :id"
        " AND state IN ('preparing', 'queued', 'waiting', 'syntax_refused')",
        id=delivery_id,
        state=state,
        cause=cause,
    )


def report_item(  # noqa: PLR0913 -- the columns of one report
    site: Site,
    item_id: UUID,
    *,
    state: str,
    attempts: int,
    status: str | None,
    cause: str | None,
    remedy: str | None,
    accepted: Sequence[str],
    at: datetime,
) -> bool:
    """Write the gateway's latest word; False for a `waiting` when a later word is known already.

    Every other word counts whatever its time: the clock of a gateway may have been set back since the one before.
    """
    changed = site.run(
        "UPDATE delivery_instance SET state = :state, attempts = :attempts, status = :status, cause = :cause,"
        " remedy = :remedy, accepted_transfer_syntaxes = CAST(:accepted AS text[]), reported_at = :at"
        " WHERE id = :id AND (:state <> 'waiting' OR reported_at IS NULL OR reported_at <= :at)",
        id=item_id,
        state=state,
        attempts=attempts,
        status=status,
        cause=cause,
        remedy=remedy,
        accepted=list(accepted),
        at=at,
    )
    return changed == 1


def of_exam(site: Site, exam_id: UUID) -> list[UUID]:
    """The deliveries of an exam."""
    return _ids(site, "exam_id = :id", id=exam_id)


def of_instance(site: Site, instance_id: UUID) -> list[UUID]:
    """The deliveries that hold this instance."""
    return _ids(site, "id IN (SELECT delivery_id FROM delivery_instance WHERE instance_id = :id)", id=instance_id)


def moving(site: Site, exam_id: UUID, connection_id: UUID) -> list[UUID]:
    """The instances of the exam that are on their way to this PACS, or wait for a person before it."""
    found: list[UUID] | None = site.value(
        "SELECT array_agg(n.instance_id) FROM delivery_instance n JOIN delivery d ON d.id = n.delivery_id"
        " WHERE d.exam_id = :exam AND d.connection_id = :connection AND n.state NOT IN ('sent', 'cancelled')"
        " AND d.state NOT IN ('delivered', 'cancelled', 'replaced')",
        exam=exam_id,
        connection=connection_id,
    )
    return found or []


def _ids(site: Site, condition: str, **values: object) -> list[UUID]:
    found: list[UUID] | None = site.value(
        f"SELECT array_agg(id ORDER BY created_at, id) FROM delivery WHERE {condition}",  # noqa: S608 - constant
        **values,
    )
    return found or []
