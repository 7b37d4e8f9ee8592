"""Deliveries are claimed once, finished only by who holds them, and never lost."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from smartlink.gateway.delivery import IllegalMove, State
from smartlink.gateway.store import counters, deliveries, delivery_list, instances
from smartlink.gateway.store.database import Database, open_in
from smartlink.gateway.store.deliveries import WORKS, Claim
from tests.gateway.conftest import START
from tests.gateway.store.examples import an_instance, an_ultrasound

MINUTE = timedelta(minutes=1)


def claim(database: Database, limit: int = 16, minutes: int = 0) -> list[Claim]:
    now = START + minutes * MINUTE
    return database.write(lambda tx: deliveries.claim(tx, WORKS, now, now + MINUTE, limit))


def states(database: Database) -> dict[State, int]:
    return {state: n for state, n in database.read(lambda tx: counters.deliveries(tx, WORKS)).items() if n}


def test_claims_come_in_the_order_of_arrival_and_no_more_than_asked(database: Database) -> None:
    for number in range(5):
        an_instance(database, number, at=START - number * MINUTE)
    assert [one.instance.sop_instance_uid for one in claim(database, 2)] == ["1.2.3.3", "1.2.3.4"]
    assert states(database) == {State.SENDING: 2, State.WAITING: 3}


def test_no_delivery_is_claimed_twice_however_many_ask(tmp_path: Path) -> None:
    with open_in(tmp_path) as one, open_in(tmp_path) as other:
        for number in range(60):
            an_instance(one, number)
        taken: list[int] = []

        def ask(database: Database) -> None:
            while found := claim(database, 4):
                taken.extend(claimed.id for claimed in found)

        threads = [threading.Thread(target=ask, args=(database,)) for database in (one, other) * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(taken) == sorted(set(taken))
        assert len(taken) == 60


def test_what_is_not_due_is_not_claimed(database: Database) -> None:
    an_instance(database, 1, at=START + MINUTE)
    assert not database.read(lambda tx: deliveries.is_any_due(tx, WORKS, START))
    assert claim(database) == []
    assert database.read(lambda tx: deliveries.is_any_due(tx, WORKS, START + MINUTE))
    assert len(claim(database, minutes=1)) == 1


def test_a_failed_delivery_waits_with_its_cause(database: Database) -> None:
    an_instance(database, 1)
    (claimed,) = claim(database)
    assert database.write(lambda tx: deliveries.failed(tx, claimed, START, START + 5 * MINUTE, "no route"))
    (listed,) = database.read(lambda tx: delivery_list.listing(tx, State.WAITING, 10))
    assert (listed.cause, listed.attempts, listed.next_attempt_at) == ("no route", 1, START + 5 * MINUTE)
    assert claim(database, minutes=4) == []
    (again,) = claim(database, minutes=5)
    assert again.attempts == 2


@pytest.mark.proves("R151")
def test_who_lost_the_lease_changes_nothing(database: Database) -> None:
    an_instance(database, 1)
    (lost,) = claim(database)
    assert database.write(lambda tx: deliveries.expire_leases(tx, START)) == 0
    assert database.write(lambda tx: deliveries.expire_leases(tx, START + MINUTE)) == 1
    (held,) = claim(database, minutes=1)
    assert not database.write(lambda tx: deliveries.refused(tx, lost, START, "cause", "remedy"))
    assert not database.write(lambda tx: deliveries.failed(tx, lost, START, START, "cause"))
    assert database.write(lambda tx: deliveries.accepted(tx, held, START))
    assert not database.write(lambda tx: deliveries.accepted(tx, held, START))
    assert states(database) == {State.SENT: 1}


def test_what_is_no_longer_here_cannot_be_sent_again(database: Database) -> None:
    image = an_instance(database, 1)
    (claimed,) = claim(database)
    database.write(lambda tx: deliveries.accepted(tx, claimed, START))
    database.write(lambda tx: instances.purged(tx, image, START))
    with pytest.raises(LookupError, match="no longer here"):
        database.write(lambda tx: deliveries.lost(tx, claimed.id, START))
    assert states(database) == {State.SENT: 1}


@pytest.mark.proves("R151")
def test_claims_of_a_killed_service_are_returned_at_the_next_start(tmp_path: Path) -> None:
    killed = open_in(tmp_path)
    for number in range(3):
        an_instance(killed, number)
    claim(killed, 2)
    with open_in(tmp_path) as anew:
        count = anew.write(lambda tx: deliveries.expire_leases(tx, START, START + timedelta(days=9999)))
        assert count == 2
        assert states(anew) == {State.WAITING: 3}
        assert len(claim(anew)) == 3
    killed.close()


def test_a_parked_delivery_waits_for_a_person(database: Database) -> None:
    an_instance(database, 1)
    (claimed,) = claim(database)
    database.write(lambda tx: deliveries.refused(tx, claimed, START, "damaged", "send again"))
    assert claim(database, minutes=999) == []
    (listed,) = database.read(lambda tx: delivery_list.listing(tx, State.PARKED, 10))
    assert (listed.cause, listed.remedy) == ("damaged", "send again")
    assert database.write(lambda tx: deliveries.retry(tx, claimed.id, START)) is State.WAITING
    with pytest.raises(IllegalMove):
        database.write(lambda tx: deliveries.retry(tx, claimed.id, START))
    assert database.write(lambda tx: deliveries.cancel(tx, claimed.id, START)) is State.CANCELLED
    with pytest.raises(LookupError):
        database.write(lambda tx: deliveries.retry(tx, 999, START))


@pytest.mark.proves("R66")
def test_held_deliveries_are_released_by_origin_some_at_a_time(database: Database) -> None:
    one, other = an_ultrasound(database, "US01"), an_ultrasound(database, "US02")
    for number in range(3):
        an_instance(database, number, origin=one.id, state=State.HELD)
    an_instance(database, 9, origin=other.id, state=State.HELD)
    assert claim(database) == []
    assert database.write(lambda tx: deliveries.release_held(tx, one.id, START, 2)) == 2
    assert database.write(lambda tx: deliveries.release_held(tx, one.id, START, 2)) == 1
    assert states(database) == {State.HELD: 1, State.WAITING: 3}
    assert not database.read(lambda tx: deliveries.is_any_held(tx, one.id))
    assert database.read(lambda tx: deliveries.is_any_held(tx, other.id))


def test_a_claim_can_be_withheld(database: Database) -> None:
    an_instance(database, 1)
    (claimed,) = claim(database)
    assert database.write(lambda tx: deliveries.withheld(tx, claimed, START, "not in Works"))
    assert states(database) == {State.HELD: 1}


def test_the_oldest_is_known_without_counting(database: Database) -> None:
    assert database.read(lambda tx: deliveries.oldest(tx, WORKS, State.WAITING)) is None
    an_instance(database, 1, at=START)
    an_instance(database, 2, at=START + MINUTE)
    assert database.read(lambda tx: deliveries.oldest(tx, WORKS, State.WAITING)) == START


def test_entering_a_delivery_twice_keeps_the_first(database: Database) -> None:
    instance_id = an_instance(database, 1)
    database.write(lambda tx: deliveries.add(tx, instance_id, WORKS, None, State.HELD, START))
    assert states(database) == {State.WAITING: 1}


@pytest.mark.parametrize("statement", [deliveries.CLAIM, deliveries.DUE, deliveries.OLDEST, deliveries.EXPIRE])
def test_no_question_reads_the_whole_backlog(database: Database, statement: str) -> None:
    names = {"destination", "from_state", "to_state", "lease", "lease_until", "now", "limit", "state", "before"}
    plan = database.read(lambda tx: tx.execute(f"EXPLAIN QUERY PLAN {statement}", dict.fromkeys(names, "1")).fetchall())
    steps = [row["detail"] for row in plan]
    assert not any(step.startswith("SCAN delivery") for step in steps), steps
    assert not any("TEMP B-TREE" in step for step in steps), steps


def test_deliveries_that_fail_one_by_one_are_counted(database: Database) -> None:
    an_instance(database, 1)
    at = START
    for _ in range(deliveries.MANY_ATTEMPTS):
        assert database.read(lambda tx, at=at: deliveries.stubborn(tx, WORKS, at)).count == 0  # type: ignore[misc]
        again = at + timedelta(minutes=5)
        (claim,) = database.write(lambda tx, at=at, again=again: deliveries.claim(tx, WORKS, at, again, 1))  # type: ignore[misc]
        database.write(lambda tx, at=at, again=again, claim=claim: deliveries.failed(tx, claim, at, again, "Later."))  # type: ignore[misc]
        found = database.read(lambda tx, at=at: deliveries.stubborn(tx, WORKS, at))  # type: ignore[misc]
        at = again
    assert (found.count, found.since) == (1, START)
