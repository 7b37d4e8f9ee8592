"""Table `delivery`: one row per instance and destination, moved only as the state table allows.

Every change is one conditional statement whose condition comes from `delivery.MOVES`. A claim carries a lease;
whoever lost it (a crash, a long sleep) finds that its result no longer counts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID, uuid4

from smartlink.gateway.delivery import Event, State, step
from smartlink.gateway.store.database import Transaction, moment, moment_or_none, moment_text
from smartlink.gateway.store.instances import Instance, instance

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

WORKS: Final = "works"
"""The destination of every upload."""
MANY_ATTEMPTS: Final = 3

INSERT: Final = """
    INSERT INTO delivery (instance_id, destination, origin_id, state, next_attempt_at, created_at, changed_at)
    VALUES (:instance_id, :destination, :origin_id, :state, :at, :at, :at)
    ON CONFLICT (instance_id, destination) DO NOTHING
    RETURNING id
"""
CLAIM: Final = """
    UPDATE delivery SET state = :to_state, attempts = attempts + 1, lease = :lease, lease_until = :lease_until,
        changed_at = :now
    WHERE state = :from_state AND id IN (
        SELECT id FROM delivery
        WHERE destination = :destination AND state = :from_state AND next_attempt_at <= :now
        ORDER BY next_attempt_at, id LIMIT :limit)
    RETURNING id, instance_id, attempts, upload_id, next_attempt_at, faults, first_fault_at
"""
# One exam in one Association: that of the delivery whose turn it is. The look ahead has a limit, the backlog has none.
CLAIM_EXAM: Final = """
    WITH due AS (
        SELECT id, instance_id, next_attempt_at FROM delivery
        WHERE destination = :destination AND state = :from_state AND next_attempt_at <= :now
        ORDER BY next_attempt_at, id LIMIT 2000)
    UPDATE delivery SET state = :to_state, attempts = attempts + 1, lease = :lease, lease_until = :lease_until,
        changed_at = :now
    WHERE state = :from_state AND id IN (
        SELECT due.id FROM due JOIN instance AS i ON i.id = due.instance_id
        WHERE i.study_instance_uid IS (
            SELECT first.study_instance_uid FROM instance AS first
            WHERE first.id = (SELECT instance_id FROM due ORDER BY next_attempt_at, id LIMIT 1))
        ORDER BY due.next_attempt_at, due.id LIMIT :limit)
    RETURNING id, instance_id, attempts, upload_id, next_attempt_at, faults, first_fault_at
"""
EXTEND: Final = "UPDATE delivery SET lease_until = :lease_until WHERE lease = :lease AND state = 'sending'"
OFFERED: Final = "UPDATE delivery SET upload_id = :upload_id WHERE id = :id AND lease = :lease"
MOVE_CLAIMED: Final = """
    UPDATE delivery SET state = :to_state, lease = NULL, lease_until = NULL, changed_at = :now,
        next_attempt_at = :next_attempt_at, sent_at = :sent_at, cause = :cause, remedy = :remedy, put_at = :put_at,
        note = coalesce(:note, note), status = coalesce(:status, status), accepted_syntaxes = :accepted_syntaxes
    WHERE id = :id AND lease = :lease AND state = :from_state
"""
FAULT: Final = """
    UPDATE delivery SET faults = faults + 1, first_fault_at = coalesce(first_fault_at, :since)
    WHERE id = :id AND lease = :lease AND state = 'sending'
"""
MOVE: Final = """
    UPDATE delivery SET state = :to_state, lease = NULL, lease_until = NULL, changed_at = :now,
        next_attempt_at = :now, window_from = :now, faults = 0, first_fault_at = NULL
    WHERE id = :id AND state = :from_state
"""
# Otherwise a copy that is sent would vouch for the one that is sent again.
COPIES: Final = """
    SELECT other.id FROM delivery AS d JOIN instance AS i ON i.id = d.instance_id
    JOIN instance AS copy ON copy.sop_instance_uid = i.sop_instance_uid AND copy.dataset_sha256 = i.dataset_sha256
    JOIN delivery AS other ON other.instance_id = copy.id AND other.destination = d.destination
    WHERE d.id = :id AND other.id <> d.id AND other.state = 'sent' AND copy.state = 'kept'
        AND copy.connection_id IS NOT NULL
"""
IS_HERE: Final = """
    SELECT 1 FROM delivery AS d JOIN instance AS i ON i.id = d.instance_id WHERE d.id = :id AND i.state = 'kept'
"""
FORGET_ARRIVAL: Final = """
    UPDATE delivery SET sent_at = NULL, upload_id = NULL, cause = NULL, remedy = NULL WHERE id = :id
"""
FORGET_RECEIPT: Final = """
    UPDATE instance SET receipt_at = NULL
    WHERE id = (SELECT instance_id FROM delivery WHERE id = :id AND destination = :works)
"""
ANEW: Final = """
    UPDATE delivery SET window_from = :now, next_attempt_at = :now, faults = 0, first_fault_at = NULL
    WHERE id = :id AND state = 'waiting'
"""
# R144: what was ordered and did not arrive within Continue Retry Until. What nobody ordered has no Outbox and stays.
EXHAUST: Final = """
    UPDATE delivery SET state = :to_state, changed_at = :now, cause = coalesce(cause, :cause)
    WHERE destination = :destination AND state = 'waiting' AND coalesce(window_from, created_at) <= :before
        AND (:failing OR first_fault_at <= :before)
        AND EXISTS (SELECT 1 FROM order_item AS o WHERE o.delivery_id = delivery.id)
"""
ABANDON: Final = """
    UPDATE delivery SET state = :to_state, changed_at = :now, cause = :cause
    WHERE destination = :destination AND state = :from_state
        AND :ordered = EXISTS (SELECT 1 FROM order_item AS o WHERE o.delivery_id = delivery.id)
"""
HURRY: Final = """
    UPDATE delivery SET next_attempt_at = :latest
    WHERE destination = :destination AND state = 'waiting' AND next_attempt_at > :latest
"""
ANY_LATER: Final = """
    SELECT 1 FROM delivery WHERE destination = :destination AND state = 'waiting' AND next_attempt_at > :latest LIMIT 1
"""
DUE: Final = """
    SELECT 1 FROM delivery
    WHERE destination = :destination AND state = 'waiting' AND next_attempt_at <= :now LIMIT 1
"""
STUBBORN: Final = """
    SELECT count(*) AS n, min(created_at) AS oldest FROM delivery
    WHERE destination = :destination AND state = 'waiting' AND next_attempt_at > :now AND attempts >= :attempts
"""
ANY_HELD: Final = "SELECT 1 FROM delivery WHERE state = 'held' AND origin_id = :origin_id LIMIT 1"
# Who was blocked since somebody looked gets nothing released.
RELEASE_HELD: Final = """
    UPDATE delivery SET state = :to_state, next_attempt_at = :now, changed_at = :now, cause = NULL
    WHERE id IN (SELECT id FROM delivery WHERE state = 'held' AND origin_id = :origin_id ORDER BY id LIMIT :limit)
        AND EXISTS (SELECT 1 FROM connection AS c WHERE c.id = :origin_id AND c.approval = 'approved')
"""
ORPHAN: Final = "UPDATE delivery SET origin_id = NULL WHERE state IN ('held', 'waiting', 'sending', 'parked')"
EXPIRE: Final = """
    UPDATE delivery SET state = :to_state, next_attempt_at = :now, changed_at = :now, lease = NULL, lease_until = NULL
    WHERE state = 'sending' AND lease_until <= :before
"""
RECALL: Final = """
    UPDATE delivery SET state = :to_state, next_attempt_at = :now, changed_at = :now, lease = NULL, lease_until = NULL
    WHERE destination = :destination AND state = 'sending'
"""
FIND_STATE: Final = "SELECT state FROM delivery WHERE id = :id"
OLDEST: Final = """
    SELECT created_at FROM delivery INDEXED BY delivery_listed WHERE state = :state AND destination = :destination
    ORDER BY id LIMIT 1
"""
INSTANCE: Final = "SELECT * FROM instance WHERE id = :id"


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery in hand: nobody else works on it until the lease ends."""

    id: int
    lease: str
    attempts: int
    instance: Instance
    upload_id: UUID | None = None
    """The upload of an earlier attempt that was never confirmed."""
    faults: int = 0
    """Attempts that failed by the instance's own fault."""
    first_fault_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stubborn:
    """How many deliveries fail one by one, and since when the oldest of them is here."""

    count: int
    since: datetime | None


def add(
    tx: Transaction, instance_id: int, destination: str, origin: UUID | None, state: State, at: datetime
) -> int | None:
    """Enter a delivery, `held` or `waiting`, and return its id, or None when one is there already: it stays."""
    values = {
        "instance_id": instance_id,
        "destination": destination,
        "origin_id": None if origin is None else str(origin),
        "state": state.value,
        "at": moment_text(at),
    }
    rows = tx.execute(INSERT, values).fetchall()
    return int(rows[0]["id"]) if rows else None


def claim(tx: Transaction, destination: str, now: datetime, lease_until: datetime, limit: int) -> list[Claim]:
    """Take up to `limit` deliveries whose time has come, the longest waiting first."""
    claims = _claim(tx, CLAIM, destination, now, lease_until, limit)
    return sorted(claims, key=lambda one: one.id)


def claim_exam(tx: Transaction, destination: str, now: datetime, lease_until: datetime, limit: int) -> list[Claim]:
    """Take up to `limit` due deliveries of one exam: of the one that waits longest. They come in the order of turns."""
    return _claim(tx, CLAIM_EXAM, destination, now, lease_until, limit)


def extend(tx: Transaction, claim: Claim, lease_until: datetime) -> None:
    """Work on what was claimed together with `claim` goes on: its lease now ends later."""
    tx.execute(EXTEND, {"lease": claim.lease, "lease_until": moment_text(lease_until)})


def is_any_due(tx: Transaction, destination: str, now: datetime) -> bool:
    """Tell whether a claim would find anything: a look that costs no write."""
    return tx.execute(DUE, {"destination": destination, "now": moment_text(now)}).fetchone() is not None


def offered(tx: Transaction, uploads: Iterable[tuple[Claim, UUID]]) -> None:
    """Note under which ids Works expects the objects, before a byte of them is put."""
    tx.executemany(
        OFFERED, [{"id": claim.id, "lease": claim.lease, "upload_id": str(upload_id)} for claim, upload_id in uploads]
    )


def accepted(
    tx: Transaction,
    claim: Claim,
    at: datetime,
    note: str | None = None,
    *,
    status: str | None = None,
    put_at: datetime | None = None,
) -> bool:
    """The destination has it; `note` says if something was special. False: the lease was lost.

    `put_at`: when its bytes were there, where that comes before their receipt.
    """
    return _move_claimed(tx, claim, Event.ACCEPTED, at, sent_at=at, note=note, status=status, put_at=put_at)


def failed(
    tx: Transaction, claim: Claim, at: datetime, next_attempt_at: datetime, cause: str, *, status: str | None = None
) -> bool:
    """Not this time: back to waiting until `next_attempt_at`. False: the lease was lost."""
    return _move_claimed(tx, claim, Event.FAILED, at, next_attempt_at=next_attempt_at, cause=cause, status=status)


def refused(tx: Transaction, claim: Claim, at: datetime, cause: str, remedy: str, *, status: str | None = None) -> bool:
    """Not as it is: parked until a person decides. False: the lease was lost."""
    return _move_claimed(tx, claim, Event.REFUSED, at, cause=cause, remedy=remedy, status=status)


def fault(tx: Transaction, claim: Claim, since: datetime) -> None:
    """The attempt failed by the instance's own fault; `since` is when it began. A move is to follow."""
    tx.execute(FAULT, {"id": claim.id, "lease": claim.lease, "since": moment_text(since)})


def given_back(tx: Transaction, claim: Claim, at: datetime) -> bool:
    """Nothing came of the claim, and nobody is to blame: back to waiting. False: the lease was lost."""
    return _move_claimed(tx, claim, Event.LEASE_EXPIRED, at)


def dropped(tx: Transaction, claim: Claim, at: datetime, cause: str, accepted: Sequence[str] = ()) -> bool:
    """This delivery ends here because another takes its place. False: the lease was lost.

    `accepted`: the Transfer Syntaxes that the destination takes instead of the one refused.
    """
    return _move_claimed(tx, claim, Event.CANCELLED, at, cause=cause, accepted=accepted)


def withheld(tx: Transaction, claim: Claim, at: datetime, cause: str) -> bool:
    """The destination takes nothing from this origin yet: held. False: the lease was lost."""
    return _move_claimed(tx, claim, Event.WITHHELD, at, cause=cause)


def retry(tx: Transaction, delivery_id: int, now: datetime) -> State:
    """A person wants a parked delivery tried again; return its new state, or raise IllegalMove or LookupError."""
    return _move(tx, delivery_id, Event.RETRIED, now)


def try_again(tx: Transaction, delivery_id: int, now: datetime) -> State:
    """A person wants this tried at once: parked or waiting, in a new retry window.

    Return its new state; raise IllegalMove when there is nothing to try, LookupError when there is no such delivery.
    """
    row = tx.execute(FIND_STATE, {"id": delivery_id}).fetchone()
    if row is not None and row["state"] == State.WAITING:
        anew(tx, delivery_id, now)
        return State.WAITING
    return retry(tx, delivery_id, now)


def lost(tx: Transaction, delivery_id: int, now: datetime) -> State:
    """The destination has it not, although it said so: send it again. Raises IllegalMove, or LookupError if it is gone.

    With it moves every copy of the same image that is here: of them one is sent. The receipt of each, if it was Works',
    counts no more, so that the files stay.
    """
    if tx.execute(IS_HERE, {"id": delivery_id}).fetchone() is None:
        raise LookupError(f"There is no delivery {delivery_id}, or its image is no longer here.")
    moved = _move(tx, delivery_id, Event.LOST, now)
    copies = [row["id"] for row in tx.execute(COPIES, {"id": delivery_id}).fetchall()]
    for copy in copies:
        _move(tx, copy, Event.LOST, now)
    for one in (delivery_id, *copies):
        tx.execute(FORGET_ARRIVAL, {"id": one})
        tx.execute(FORGET_RECEIPT, {"id": one, "works": WORKS})
    return moved


def cancel(tx: Transaction, delivery_id: int, now: datetime) -> State:
    """A person gives a delivery up; return its new state, or raise IllegalMove or LookupError."""
    return _move(tx, delivery_id, Event.CANCELLED, now)


def anew(tx: Transaction, delivery_id: int, now: datetime) -> None:
    """Try a waiting delivery at once, in a retry window that begins now."""
    tx.execute(ANEW, {"id": delivery_id, "now": moment_text(now)})


def exhaust(tx: Transaction, destination: str, now: datetime, before: datetime, *, failing: bool, cause: str) -> int:
    """Give up what was ordered and waits since `before`; return how many that were (R144).

    `failing`: the destination has failed since `before`, too; otherwise only what fails by itself is given up.
    """
    values = {
        "destination": destination,
        "to_state": step(State.WAITING, Event.GAVE_UP).value,
        "now": moment_text(now),
        "before": moment_text(before),
        "failing": failing,
        "cause": cause,
    }
    return tx.execute(EXHAUST, values).rowcount


def abandon(tx: Transaction, destination: str, now: datetime, cause: str) -> int:
    """The destination is gone: what was ordered is given up, the rest cancelled. Return how many that were.

    What is being sent now ends by itself; another call finds it.
    """
    count = 0
    for state, event, ordered in (
        (State.WAITING, Event.GAVE_UP, True),
        (State.WAITING, Event.CANCELLED, False),
        (State.PARKED, Event.CANCELLED, True),
        (State.PARKED, Event.CANCELLED, False),
        (State.HELD, Event.CANCELLED, False),
    ):
        values = {"destination": destination, "now": moment_text(now), "cause": cause, "ordered": ordered}
        moves = {"from_state": state.value, "to_state": step(state, event).value}
        count += tx.execute(ABANDON, values | moves).rowcount
    return count


def hurry(tx: Transaction, destination: str, latest: datetime) -> int:
    """Let nothing wait longer than until `latest`: the retry interval became shorter (R111)."""
    return tx.execute(HURRY, {"destination": destination, "latest": moment_text(latest)}).rowcount


def is_any_later(tx: Transaction, destination: str, latest: datetime) -> bool:
    """Tell whether `hurry` would find anything: a look that costs no write."""
    return tx.execute(ANY_LATER, {"destination": destination, "latest": moment_text(latest)}).fetchone() is not None


def is_any_held(tx: Transaction, origin: UUID) -> bool:
    """Tell whether deliveries of this origin are held."""
    return tx.execute(ANY_HELD, {"origin_id": str(origin)}).fetchone() is not None


def release_held(tx: Transaction, origin: UUID, now: datetime, limit: int) -> int:
    """Let up to `limit` held deliveries of one origin go, if it is approved; return how many went."""
    target = step(State.HELD, Event.RELEASED)
    values = {"to_state": target.value, "origin_id": str(origin), "now": moment_text(now), "limit": limit}
    return tx.execute(RELEASE_HELD, values).rowcount


def orphan_undelivered(tx: Transaction) -> None:
    """Cut all deliveries that are not at their end off from their connections: they belong to another facility."""
    tx.execute(ORPHAN)


def expire_leases(tx: Transaction, now: datetime, before: datetime | None = None) -> int:
    """Return to waiting whatever was claimed and never finished: leases that ended by `before` (default `now`)."""
    target = step(State.SENDING, Event.LEASE_EXPIRED)
    values = {"to_state": target.value, "now": moment_text(now), "before": moment_text(before or now)}
    return tx.execute(EXPIRE, values).rowcount


def recall(tx: Transaction, destination: str, now: datetime) -> int:
    """Return to waiting all that was claimed for a destination; nobody works on it any more."""
    target = step(State.SENDING, Event.LEASE_EXPIRED)
    values = {"to_state": target.value, "now": moment_text(now), "destination": destination}
    return tx.execute(RECALL, values).rowcount


def oldest(tx: Transaction, destination: str, state: State) -> datetime | None:
    """Return since when the oldest delivery in this state is there."""
    row = tx.execute(OLDEST, {"state": state.value, "destination": destination}).fetchone()
    return None if row is None else moment(row["created_at"])


def stubborn(tx: Transaction, destination: str, now: datetime) -> Stubborn:
    """Return which deliveries fail one by one: tried often, and put off once more."""
    values = {"destination": destination, "now": moment_text(now), "attempts": MANY_ATTEMPTS}
    row = tx.execute(STUBBORN, values).fetchone()
    return Stubborn(int(row["n"]), moment_or_none(row["oldest"]))


def _move_claimed(  # noqa: PLR0913  the columns that a move may set
    tx: Transaction,
    claim: Claim,
    event: Event,
    at: datetime,
    *,
    next_attempt_at: datetime | None = None,
    sent_at: datetime | None = None,
    cause: str | None = None,
    remedy: str | None = None,
    note: str | None = None,
    status: str | None = None,
    accepted: Sequence[str] = (),
    put_at: datetime | None = None,
) -> bool:
    values = {
        "id": claim.id,
        "lease": claim.lease,
        "from_state": State.SENDING.value,
        "to_state": step(State.SENDING, event).value,
        "now": moment_text(at),
        "next_attempt_at": moment_text(next_attempt_at or at),
        "sent_at": None if sent_at is None else moment_text(sent_at),
        "put_at": None if put_at is None else moment_text(put_at),
        "cause": cause,
        "remedy": remedy,
        "note": note,
        "status": status,
        "accepted_syntaxes": json.dumps(list(accepted)) if accepted else None,
    }
    return tx.execute(MOVE_CLAIMED, values).rowcount == 1


def _move(tx: Transaction, delivery_id: int, event: Event, now: datetime) -> State:
    row = tx.execute(FIND_STATE, {"id": delivery_id}).fetchone()
    if row is None:
        raise LookupError(f"There is no delivery {delivery_id}.")
    state = State(row["state"])
    target = step(state, event)
    tx.execute(MOVE, {"id": delivery_id, "from_state": state.value, "to_state": target.value, "now": moment_text(now)})
    return target


def _claim(
    tx: Transaction, statement: str, destination: str, now: datetime, lease_until: datetime, limit: int
) -> list[Claim]:
    lease = uuid4().hex
    rows = tx.execute(
        statement,
        {
            "destination": destination,
            "from_state": State.WAITING.value,
            "to_state": step(State.WAITING, Event.CLAIMED).value,
            "lease": lease,
            "lease_until": moment_text(lease_until),
            "now": moment_text(now),
            "limit": limit,
        },
    ).fetchall()
    return [
        Claim(
            id=row["id"],
            lease=lease,
            attempts=row["attempts"],
            instance=instance(tx.execute(INSTANCE, {"id": row["instance_id"]}).fetchone()),
            upload_id=_uuid(row["upload_id"]),
            faults=row["faults"],
            first_fault_at=moment_or_none(row["first_fault_at"]),
        )
        for row in sorted(rows, key=lambda row: (row["next_attempt_at"], row["id"]))
    ]


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
