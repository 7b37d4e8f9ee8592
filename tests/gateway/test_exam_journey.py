"""The journey of an exam: both sides laid together, every hop with its time, and why one is missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from smartlink.gateway.delivery import State
from smartlink.gateway.errors import Unreachable
from smartlink.gateway.exam_journey import journey
from smartlink.gateway.store import deliveries, orders
from smartlink.gateway.store.database import Database
from smartlink.link.insight import JourneyRequest, JourneyTold
from tests.gateway.conftest import START
from tests.gateway.store.examples import a_pacs, an_instance, an_ultrasound
from tests.gateway.store.test_journeys import an_order

MINUTE = timedelta(minutes=1)


class Told:
    """A Works that tells what a test says, or is away."""

    def __init__(self, told: JourneyTold | None = None) -> None:
        self.told = told

    def journey(self, request: JourneyRequest) -> JourneyTold:
        if self.told is None:
            raise Unreachable("No answer (ConnectError).")
        assert request.study in {"1.2.4", "an exam's id"}
        return self.told


def at_works(uid: str = "1.2.3.1", **more: Any) -> JourneyTold:
    times = ("received", "offered", "confirmed", "ingested")
    told = {f"{hop}_at": (START + MINUTE * number).isoformat() for number, hop in enumerate(times)}
    instance = {"sop_instance_uid": uid, "state": "ingested"} | told
    return JourneyTold(study_instance_uid="1.2.4", exam={"folder": "drafts"}, instances=(instance,), **more)


def sent(database: Database) -> None:
    (claim,) = database.write(lambda tx: deliveries.claim(tx, deliveries.WORKS, START, START + MINUTE, 1))
    database.write(lambda tx: deliveries.accepted(tx, claim, START + 2 * MINUTE, put_at=START + MINUTE))


@pytest.mark.proves("R104")
def test_every_hop_of_an_image_has_its_time(database: Database) -> None:
    an_instance(database, 1)
    sent(database)
    for name in ("1.2.4", "an exam's id"):
        found = journey(database, Told(at_works()), name)
        (one,) = found["instances"]
        assert one["kept_at"] == START
        assert one["offered_at"] == one["put_at"] == START + MINUTE
        assert one["confirmed_at"] == START + 2 * MINUTE
        assert one["ingested_at"] == START + 3 * MINUTE
        assert (found["study_instance_uid"], found["missing"], found["exam"]) == ("1.2.4", [], {"folder": "drafts"})


@pytest.mark.proves("R104")
def test_what_has_not_left_says_why_and_when_it_is_tried_again(database: Database) -> None:
    an_instance(database, 1, origin=an_ultrasound(database).id, state=State.HELD)
    an_instance(database, 2)
    an_instance(database, 3)
    claims = database.write(lambda tx: deliveries.claim(tx, deliveries.WORKS, START, START + MINUTE, 2))
    later = START + 5 * MINUTE
    database.write(lambda tx: deliveries.failed(tx, claims[0], START, later, "Object storage does not take files now."))
    database.write(lambda tx: deliveries.refused(tx, claims[1], START, "The file is damaged.", "Send it again."))
    found = journey(database, Told(), "1.2.4")
    assert found["missing"] == [
        "Image 1 is held: its ultrasound system is not in Works yet.",
        "Image 2 waits to be uploaded (next attempt 2026-11-24 04:05:00 UTC): Object storage does not take files now.",
        "Image 3 needs attention: The file is damaged. Send it again.",
        "Works could not be asked: No answer (ConnectError).",
    ]


@pytest.mark.proves("R104")
def test_what_works_misses_follows_what_is_missing_here(database: Database) -> None:
    an_instance(database, 1)
    told = at_works("1.2.3.9", missing=("The exam has not been submitted: nothing was sent to a PACS.",))
    found = journey(database, Told(told), "1.2.4")
    assert [one["sop_instance_uid"] for one in found["instances"]] == ["1.2.3.1", "1.2.3.9"]
    assert found["missing"][-1].startswith("The exam has not been submitted")
    assert found["missing"][0].startswith("Image 1 waits")
    assert found["instances"][1]["kept_at"] == START  # it came by another gateway, as Works tells it


@pytest.mark.proves("R104")
def test_ways_to_a_pacs_are_told_ordered_or_direct(database: Database) -> None:
    pacs = a_pacs(database)
    instance_id = an_instance(database, 1)
    destination = str(pacs.id)
    database.write(lambda tx: deliveries.add(tx, instance_id, destination, None, State.WAITING, START))
    (claim,) = database.write(lambda tx: deliveries.claim(tx, destination, START, START + MINUTE, 9))
    database.write(lambda tx: deliveries.failed(tx, claim, START, START, "It does not answer.", status="A700"))
    order = an_order(pacs.id, "1.2.3.2")
    database.write(lambda tx: orders.order(tx, order, START))
    found = journey(database, Told(), "1.2.4")
    by_uid = {one["sop_instance_uid"]: one for one in found["to_pacs"]}
    direct, ordered = by_uid["1.2.3.1"], by_uid["1.2.3.2"]
    assert (direct["directly"], direct["pacs"], direct["status"]) == (True, "Archive (ARCHIVE)", "A700")
    assert (ordered["directly"], ordered["state"], ordered["delivery_id"]) == (False, "wanted", str(order.order_id))
    assert "An image for Archive (ARCHIVE) is waiting: It does not answer." in found["missing"]


def test_a_study_that_nobody_knows_is_not_known(database: Database) -> None:
    empty = JourneyTold(study_instance_uid="1.2.4", exam=None, instances=())
    assert not journey(database, Told(empty), "1.2.4")["known"]
