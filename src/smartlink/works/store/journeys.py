"""What became of an exam's deliveries, instance by instance, as plain columns without a word about the patient."""

from typing import Any, Final
from uuid import UUID

from smartlink.works.store.database import Site

DELIVERIES: Final = """
    SELECT d.id AS delivery_id, c.name AS connection_name, c.ae_title, d.state, d.reason, d.resend,
        d.created_at, d.updated_at, d.finished_at, n.id AS item_id, i.sop_instance_uid,
        n.state AS item_state, n.status, n.attempts, n.cause, n.remedy, n.reported_at,
        n.derived_object_id IS NOT NULL AS derived
    FROM delivery d JOIN connection c ON c.id = d.connection_id
    JOIN delivery_instance n ON n.delivery_id = d.id JOIN instance i ON i.id = n.instance_id
    WHERE d.exam_id = :exam_id ORDER BY d.created_at, d.id, i.number NULLS LAST, i.received_at, i.id LIMIT 20000
"""
FACILITY: Final = "SELECT facility_id FROM exam WHERE study_instance_uid = :study"
STUDY: Final = "SELECT study_instance_uid FROM exam WHERE id = :id"
_ITEM: Final = ("item_id", "sop_instance_uid", "item_state", "status", "attempts", "cause", "remedy", "reported_at",
                "derived")  # fmt: skip


def deliveries(site: Site, exam_id: UUID) -> list[dict[str, Any]]:
    """The exam's deliveries, the oldest first, each with its `instances`."""
    found: dict[UUID, dict[str, Any]] = {}
    for row in site.many(dict, DELIVERIES, exam_id=exam_id):
        item = {name.removeprefix("item_") if name == "item_state" else name: row.pop(name) for name in _ITEM}
        one = found.setdefault(row["delivery_id"], row | {"instances": []})
        one["instances"].append(item)
    return list(found.values())


def facility_of(site: Site, study_instance_uid: str) -> UUID | None:
    """The facility of the exam of this study."""
    found: UUID | None = site.value(FACILITY, study=study_instance_uid)
    return found


def study_of(site: Site, exam_id: UUID) -> str | None:
    """The Study Instance UID of an exam."""
    found: str | None = site.value(STUDY, id=exam_id)
    return found
