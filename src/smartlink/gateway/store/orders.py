"""Tables `command` and `order_item`: what Works ordered, whether its file is here, and what Works was told of it.

An item is *wanted* until a delivery is linked to it, or until it ended without one. From then on the delivery's
state is the item's; triggers note what is news for Works.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from smartlink.gateway.delivery import State
from smartlink.gateway.store import deliveries
from smartlink.gateway.store.database import Transaction, moment, moment_or_none, moment_text
from smartlink.link.deliveries import ItemReport, ItemState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable
    from datetime import datetime

REMEMBER: Final = """
    INSERT INTO command (id, kind, received_at) VALUES (:id, :kind, :at) ON CONFLICT (id) DO NOTHING
"""
FIND: Final = "SELECT * FROM order_item WHERE id = :id"
# An item that is ordered again starts again; what Works was told of it before no longer counts.
ORDER: Final = """
    INSERT INTO order_item (id, order_id, destination, sop_class_uid, sop_instance_uid, study_instance_uid,
        transfer_syntax_uid, size, object_sha256, dataset_sha256, resend, ordered_at, next_attempt_at, changed_at)
    VALUES (:id, :order_id, :destination, :sop_class_uid, :sop_instance_uid, :study_instance_uid,
        :transfer_syntax_uid, :size, :object_sha256, :dataset_sha256, :resend, :at, :at, :at)
    ON CONFLICT (id) DO UPDATE SET order_id = excluded.order_id, destination = excluded.destination,
        sop_class_uid = excluded.sop_class_uid, sop_instance_uid = excluded.sop_instance_uid,
        study_instance_uid = excluded.study_instance_uid, transfer_syntax_uid = excluded.transfer_syntax_uid,
        size = excluded.size, object_sha256 = excluded.object_sha256, dataset_sha256 = excluded.dataset_sha256,
        resend = excluded.resend, unwanted = 0, ordered_at = excluded.ordered_at, delivery_id = NULL, outcome = NULL,
        cause = NULL, remedy = NULL, faults = 0, next_attempt_at = excluded.next_attempt_at,
        changed_at = excluded.changed_at, told_revision = revision, told_state = NULL, told_cause = NULL
"""
AGAIN: Final = """
    UPDATE order_item SET order_id = :order_id, unwanted = 0, told_revision = revision, told_state = NULL,
        told_cause = NULL
    WHERE id = :id
"""
# The same bytes to the same place, sent already or on their way.
ELSEWHERE: Final = """
    SELECT d.id, d.state FROM delivery AS d JOIN instance AS i ON i.id = d.instance_id
    WHERE i.sop_instance_uid = :sop_instance_uid AND i.dataset_sha256 = :dataset_sha256
        AND d.destination = :destination AND (
            d.state IN ('waiting', 'sending', 'parked') OR (d.state = 'sent' AND NOT :resend))
    ORDER BY d.state = 'sent' DESC, d.id DESC LIMIT 1
"""
LINK: Final = """
    UPDATE order_item SET delivery_id = :delivery_id, cause = NULL, remedy = NULL, changed_at = :at,
        revision = revision + EXISTS (
            SELECT 1 FROM delivery AS d WHERE d.id = :delivery_id
            AND (d.state IN ('sent', 'parked') OR (d.state = 'waiting' AND d.cause IS NOT NULL)))
    WHERE id = :id AND delivery_id IS NULL AND outcome IS NULL
"""
WANTED: Final = """
    SELECT * FROM order_item WHERE delivery_id IS NULL AND outcome IS NULL AND next_attempt_at <= :now
    ORDER BY next_attempt_at, id LIMIT :limit
"""
ANY_WANTED: Final = """
    SELECT 1 FROM order_item WHERE delivery_id IS NULL AND outcome IS NULL AND next_attempt_at <= :now LIMIT 1
"""
MISSING: Final = """
    SELECT count(*) AS n, min(ordered_at) AS oldest FROM order_item WHERE delivery_id IS NULL AND outcome IS NULL
"""
END: Final = """
    UPDATE order_item SET outcome = :outcome, cause = :cause, remedy = :remedy, changed_at = :at,
        revision = revision + 1
    WHERE id = :id AND delivery_id IS NULL AND outcome IS NULL
"""
PUT_OFF: Final = """
    UPDATE order_item SET next_attempt_at = :next_attempt_at, faults = faults + :fault, cause = :cause,
        changed_at = :at, revision = revision + (told_state IS NOT 'waiting' OR told_cause IS NOT :cause)
    WHERE id = :id AND delivery_id IS NULL AND outcome IS NULL
"""
HURRY: Final = """
    UPDATE order_item SET next_attempt_at = :latest
    WHERE delivery_id IS NULL AND outcome IS NULL AND next_attempt_at > :latest
"""
FETCH_AGAIN: Final = """
    UPDATE order_item SET delivery_id = NULL, faults = faults + 1, next_attempt_at = :at, changed_at = :at
    WHERE delivery_id = :delivery_id AND faults + 1 < :most
"""
FETCHED_ENOUGH: Final = """
    UPDATE order_item SET delivery_id = NULL, faults = faults + 1, outcome = 'parked', cause = :cause,
        remedy = :remedy, changed_at = :at, revision = revision + 1
    WHERE delivery_id = :delivery_id
"""
IS_ORDERED: Final = "SELECT 1 FROM order_item WHERE delivery_id = :delivery_id LIMIT 1"
# Whatever came while the PACS fails was never tried: people are told nevertheless what it waits for.
WAITING_FOR_IT: Final = """
    UPDATE order_item SET revision = revision + 1, changed_at = :at
    WHERE delivery_id IN (
        SELECT id FROM delivery WHERE destination = :destination AND state = 'waiting' AND cause IS NULL)
"""
BECAUSE: Final = """
    UPDATE delivery SET cause = :cause WHERE destination = :destination AND state = 'waiting' AND cause IS NULL
"""
SHARED: Final = """
    SELECT 1 FROM delivery AS d WHERE d.id = :delivery_id AND (d.origin_id IS NOT NULL OR EXISTS (
        SELECT 1 FROM order_item AS o WHERE o.delivery_id = d.id AND o.unwanted = 0 AND o.id <> :id))
"""
UNWANTED: Final = """
    UPDATE order_item SET unwanted = 1 WHERE order_id = :order_id AND outcome IS NULL
"""
DROP_MISSING: Final = """
    UPDATE order_item SET outcome = 'cancelled', changed_at = :at, revision = revision + 1
    WHERE unwanted = 1 AND delivery_id IS NULL AND outcome IS NULL
"""
# One that others want too stays for them; this order is done with it.
DROP_SHARED: Final = """
    UPDATE order_item SET delivery_id = NULL, outcome = 'cancelled', changed_at = :at, revision = revision + 1
    WHERE unwanted = 1 AND delivery_id IN (
        SELECT d.id FROM delivery AS d WHERE d.state IN ('waiting', 'parked') AND (d.origin_id IS NOT NULL
            OR EXISTS (SELECT 1 FROM order_item AS o WHERE o.delivery_id = d.id AND o.unwanted = 0)))
"""
DROPPABLE: Final = """
    SELECT DISTINCT d.id FROM order_item AS o JOIN delivery AS d ON d.id = o.delivery_id
    WHERE o.unwanted = 1 AND d.state IN ('waiting', 'parked')
"""
ALL_UNWANTED: Final = "UPDATE order_item SET unwanted = 1 WHERE outcome IS NULL"
UNTOLD: Final = """
    SELECT o.id, o.revision, o.outcome, o.changed_at, o.cause, o.remedy, o.faults, d.state, d.attempts, d.status,
        d.cause AS delivery_cause, d.remedy AS delivery_remedy, d.note, d.sent_at, d.changed_at AS moved_at,
        d.accepted_syntaxes
    FROM order_item AS o LEFT JOIN delivery AS d ON d.id = o.delivery_id
    WHERE o.told_revision < o.revision ORDER BY o.changed_at, o.id LIMIT :limit
"""
# An item that was ordered again meanwhile has nothing to do with what was told.
TOLD: Final = """
    UPDATE order_item SET told_revision = :revision, told_state = :state, told_cause = :cause
    WHERE id = :id AND told_revision < :revision
"""
_LONGEST: Final = 500
"""Characters of a sentence in a report."""


@dataclass(frozen=True, slots=True)
class Item:
    """One instance that Works ordered, to be stored in `destination` exactly with these bytes."""

    id: UUID
    order_id: UUID
    """The delivery, by its id at Works."""
    destination: str
    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    transfer_syntax_uid: str
    size: int
    object_sha256: str
    dataset_sha256: str
    resend: bool
    faults: int = 0
    """How often its file came otherwise than ordered."""


@dataclass(frozen=True, slots=True)
class Untold:
    """News of one item, and the revision that Works then has."""

    revision: int
    told_state: str
    told_cause: str | None
    report: ItemReport


@dataclass(frozen=True, slots=True)
class Missing:
    """How many items have no file yet, and since when the oldest of them is ordered."""

    count: int
    oldest: datetime | None


def remember(tx: Transaction, command_id: UUID, kind: str, at: datetime) -> bool:
    """Write a command down; False when it was written down before."""
    return tx.execute(REMEMBER, {"id": str(command_id), "kind": kind, "at": moment_text(at)}).rowcount == 1


def order(tx: Transaction, item: Item, at: datetime) -> None:
    """Enter an item, or start it again: in a new retry window, with the bytes that are wanted now."""
    row = tx.execute(FIND, {"id": str(item.id)}).fetchone()
    before = None if row is None or row["delivery_id"] is None else int(row["delivery_id"])
    if before is not None and row["object_sha256"] == item.object_sha256 and _goes_on(tx, before, at):
        tx.execute(AGAIN, {"id": str(item.id), "order_id": str(item.order_id)})
        return
    if before is not None:
        _forgo(tx, item.id, before, at)
    tx.execute(ORDER, _values(item) | {"at": moment_text(at)})


def settle(tx: Transaction, item: Item, at: datetime) -> bool:
    """Do without fetching, if the PACS has these bytes or they are on their way; True when that settles it."""
    values = {
        "sop_instance_uid": item.sop_instance_uid,
        "dataset_sha256": item.dataset_sha256,
        "destination": item.destination,
        "resend": item.resend,
    }
    row = tx.execute(ELSEWHERE, values).fetchone()
    if row is None:
        return False
    if State(row["state"]) is not State.SENT:
        _goes_on(tx, int(row["id"]), at)
    link(tx, item.id, int(row["id"]), at)
    return True


def link(tx: Transaction, item_id: UUID, delivery_id: int, at: datetime) -> None:
    """The item's file is here: from now on the delivery says how far it is."""
    tx.execute(LINK, {"id": str(item_id), "delivery_id": delivery_id, "at": moment_text(at)})


def is_any_wanted(tx: Transaction, now: datetime) -> bool:
    """Tell whether a file has to be fetched."""
    return tx.execute(ANY_WANTED, {"now": moment_text(now)}).fetchone() is not None


def wanted(tx: Transaction, now: datetime, limit: int) -> list[Item]:
    """Return items whose file has to be fetched, the longest waiting first."""
    return [_item(row) for row in tx.execute(WANTED, {"now": moment_text(now), "limit": limit}).fetchall()]


def missing(tx: Transaction) -> Missing:
    """Return how many files are yet to be fetched."""
    row = tx.execute(MISSING).fetchone()
    return Missing(int(row["n"]), moment_or_none(row["oldest"]))


def end(
    tx: Transaction, item_id: UUID, outcome: ItemState, at: datetime, cause: str, remedy: str | None = None
) -> None:
    """The item ends without a delivery: `parked`, `exhausted` or `cancelled`."""
    values = {"id": str(item_id), "outcome": outcome.value, "at": moment_text(at), "cause": cause, "remedy": remedy}
    tx.execute(END, values)


def put_off(
    tx: Transaction, item_id: UUID, at: datetime, next_attempt_at: datetime, cause: str, *, fault: bool
) -> None:
    """The file did not come; `fault`: it came, but otherwise than ordered."""
    values = {"id": str(item_id), "at": moment_text(at), "next_attempt_at": moment_text(next_attempt_at)}
    tx.execute(PUT_OFF, values | {"cause": cause, "fault": fault})


def hurry(tx: Transaction, latest: datetime) -> None:
    """Let no file that has to be fetched wait longer than until `latest`: the retry interval became shorter (R111)."""
    tx.execute(HURRY, {"latest": moment_text(latest)})


def fetch_again(tx: Transaction, delivery_id: int, at: datetime, most: int, cause: str, remedy: str) -> int:
    """The delivery's file is no longer good: its items are wanted again, and parked at the fault that is the `most`th.

    Return how many are wanted again.
    """
    values = {"delivery_id": delivery_id, "at": moment_text(at)}
    count = tx.execute(FETCH_AGAIN, values | {"most": most}).rowcount
    tx.execute(FETCHED_ENOUGH, values | {"cause": cause, "remedy": remedy})
    return count


def is_ordered(tx: Transaction, delivery_id: int) -> bool:
    """Tell whether Works ordered this delivery; otherwise it goes directly (R44)."""
    return tx.execute(IS_ORDERED, {"delivery_id": delivery_id}).fetchone() is not None


def wait_because(tx: Transaction, destination: str, cause: str, at: datetime) -> None:
    """The destination fails: give this cause to all that wait for it without one, and tell Works."""
    values = {"destination": destination, "cause": cause, "at": moment_text(at)}
    tx.execute(WAITING_FOR_IT, values)
    tx.execute(BECAUSE, values)


def cancel(tx: Transaction, order_id: UUID, at: datetime) -> None:
    """What was not sent yet of this order is no longer wanted. What is being sent now ends first."""
    tx.execute(UNWANTED, {"order_id": str(order_id)})
    drop_unwanted(tx, at)


def abandon_all(tx: Transaction, at: datetime) -> None:
    """Nothing that was ordered is wanted any more: this gateway is no longer the one it was ordered from."""
    tx.execute(ALL_UNWANTED)
    drop_unwanted(tx, at)


def drop_unwanted(tx: Transaction, at: datetime) -> None:
    """Cancel whatever is no longer wanted and not being sent."""
    tx.execute(DROP_MISSING, {"at": moment_text(at)})
    tx.execute(DROP_SHARED, {"at": moment_text(at)})
    for row in tx.execute(DROPPABLE).fetchall():
        deliveries.cancel(tx, int(row["id"]), at)


def untold(tx: Transaction, limit: int) -> list[Untold]:
    """Return what Works has yet to be told, the oldest news first."""
    return [_untold(row) for row in tx.execute(UNTOLD, {"limit": limit}).fetchall()]


def told(tx: Transaction, news: Iterable[Untold]) -> None:
    """Works knows these now; what happened to them since is news again."""
    tx.executemany(
        TOLD,
        [
            {
                "id": str(one.report.item_id),
                "revision": one.revision,
                "state": one.told_state,
                "cause": one.told_cause,
            }
            for one in news
        ],
    )


def _goes_on(tx: Transaction, delivery_id: int, at: datetime) -> bool:
    """Let a delivery that is not at its end go on, at once; False when it is at its end."""
    row = tx.execute(deliveries.FIND_STATE, {"id": delivery_id}).fetchone()
    state = State(row["state"])
    if state is State.PARKED:
        deliveries.retry(tx, delivery_id, at)
    elif state is State.WAITING:
        deliveries.anew(tx, delivery_id, at)
    return state in {State.PARKED, State.WAITING, State.SENDING}


def _forgo(tx: Transaction, item_id: UUID, delivery_id: int, at: datetime) -> None:
    """Other bytes are wanted now: cancel the delivery, unless somebody else wants it or it is being sent."""
    row = tx.execute(deliveries.FIND_STATE, {"id": delivery_id}).fetchone()
    shared = tx.execute(SHARED, {"id": str(item_id), "delivery_id": delivery_id}).fetchone() is not None
    if not shared and State(row["state"]) in {State.WAITING, State.PARKED}:
        deliveries.cancel(tx, delivery_id, at)


def _values(item: Item) -> dict[str, object]:
    return {
        "id": str(item.id),
        "order_id": str(item.order_id),
        "destination": item.destination,
        "sop_class_uid": item.sop_class_uid,
        "sop_instance_uid": item.sop_instance_uid,
        "study_instance_uid": item.study_instance_uid,
        "transfer_syntax_uid": item.transfer_syntax_uid,
        "size": item.size,
        "object_sha256": item.object_sha256,
        "dataset_sha256": item.dataset_sha256,
        "resend": item.resend,
    }


def _item(row: sqlite3.Row) -> Item:
    return Item(
        id=UUID(row["id"]),
        order_id=UUID(row["order_id"]),
        destination=row["destination"],
        sop_class_uid=row["sop_class_uid"],
        sop_instance_uid=row["sop_instance_uid"],
        study_instance_uid=row["study_instance_uid"],
        transfer_syntax_uid=row["transfer_syntax_uid"],
        size=row["size"],
        object_sha256=row["object_sha256"],
        dataset_sha256=row["dataset_sha256"],
        resend=bool(row["resend"]),
        faults=row["faults"],
    )


def _untold(row: sqlite3.Row) -> Untold:
    if row["outcome"] is not None or row["state"] is None:
        # Without a delivery: ended, or its file cannot be had for now.
        state = ItemState(row["outcome"] or ItemState.WAITING)
        report = ItemReport(
            item_id=UUID(row["id"]),
            state=state,
            at=moment(row["changed_at"]),
            attempts=row["faults"],
            cause=_sentence(row["cause"]),
            remedy=_sentence(row["remedy"]),
        )
        return Untold(row["revision"], state.value, row["cause"], report)
    report = ItemReport(
        item_id=UUID(row["id"]),
        state=_item_state(row),
        at=moment(row["sent_at"] or row["moved_at"]),
        attempts=row["attempts"],
        status=row["status"],
        cause=_sentence(row["delivery_cause"] or row["note"]),
        remedy=_sentence(row["delivery_remedy"]),
        accepted_transfer_syntaxes=tuple(json.loads(row["accepted_syntaxes"] or "[]")),
    )
    told_state = State.WAITING if row["state"] == State.SENDING else row["state"]
    return Untold(row["revision"], told_state, row["delivery_cause"], report)


def _item_state(row: sqlite3.Row) -> ItemState:
    if row["accepted_syntaxes"] is not None:
        return ItemState.SYNTAX_REFUSED
    return _TOLD_AS[State(row["state"])]


_TOLD_AS: Final = {
    State.HELD: ItemState.WAITING,
    State.WAITING: ItemState.WAITING,
    State.SENDING: ItemState.WAITING,
    State.SENT: ItemState.SENT,
    State.PARKED: ItemState.PARKED,
    State.EXHAUSTED: ItemState.EXHAUSTED,
    State.CANCELLED: ItemState.CANCELLED,
}


def _sentence(text: str | None) -> str | None:
    return None if text is None else text[:_LONGEST]
