"""A PACS that refuses, aborts, is full, is down, and comes back: the right words meanwhile, present once afterwards."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import wait_for
from smartlink.gateway.store.database import moment, moment_text, open_in
from smartlink.works.exams.outbox import outbox, send_from_outbox
from tests.real import markers, samples
from tests.real.pacs import Mood, Orthanc, Scripted, Storescp
from tests.real.test_orders import actor, connect, deliveries, submitted, until_sent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.scu import Instance
    from tests.real.world import Gateway

pytestmark = pytest.mark.real

STORE_FAILED = "Store to PACS Failed"
DAYS = timedelta(days=4, hours=1)


def arrive(gateway: Gateway, uid: Callable[[], str], count: int = 3) -> tuple[str, list[Instance]]:
    """A new exam has arrived in Works; return its Study Instance UID and its images."""
    study = uid()
    images = [samples.small(uid(), study) for _ in range(count)]
    with samples.association(gateway.target) as ultrasound:
        assert [ultrasound.store(one) for one in images] == [0] * count
    gateway.arrived(study, count)
    return study, images


def states(gateway: Gateway) -> Counter[str]:
    """How many deliveries are in each state, whatever their destination."""
    with open_in(gateway.data) as database:
        rows = database.read(lambda tx: tx.execute("SELECT state FROM delivery").fetchall())
    return Counter(row["state"] for row in rows)


def causes(gateway: Gateway, exam: uuid.UUID) -> set[str]:
    """Why its images have not arrived, as the exam's page says."""
    return {item.cause for view in deliveries(gateway, exam) for item in view.items if item.cause}


def until_told(gateway: Gateway, exam: uuid.UUID, word: str) -> None:
    """Wait until Works knows the reason."""

    def told() -> bool:
        return any(word in cause for cause in causes(gateway, exam))

    wait_for(told, 45, f"Works is told: {word}")


@pytest.mark.timeout(240)
@pytest.mark.requires("storescp")
@pytest.mark.requires("Orthanc")
@pytest.mark.proves("R142", "R143", "R151", "R152")
def test_a_pacs_that_refuses_aborts_or_is_down_gets_each_image_when_it_is_well_again(
    own_gateway: Gateway, uid: Callable[[], str], tmp_path: Path
) -> None:
    """The queue drains by itself when an archive comes back at the same port: each image is there once."""
    ill = Storescp(tmp_path / "ill")
    well = Orthanc(tmp_path / "well", port=ill.port)
    expected: Counter[str] = Counter()
    with ill, well:
        connect(own_gateway, ill.up(Mood.REFUSES))
        for mood, word in (
            (Mood.REFUSES, "rejected"),
            (Mood.ABORTS_DURING, "aborted"),
            (Mood.ABORTS_AFTER, "aborted"),
            (None, "nothing listens"),
        ):
            study, images = arrive(own_gateway, uid)
            if mood is None:
                ill.down()
            else:
                ill.up(mood)
            exam = submitted(own_gateway, study)
            until_told(own_gateway, exam, word)
            assert states(own_gateway)["parked"] == 0, "a failing PACS parks nothing"
            ill.down()
            well.up()
            until_sent(own_gateway, exam)
            expected.update(one.sop_instance_uid for one in images)
            assert well.count() == expected, "present once"
            well.down()
    assert {line["message"] for line in own_gateway.logged("store_failed")} == {STORE_FAILED}
    assert markers.in_files(own_gateway.stage.folder) == []


@pytest.mark.proves("R142")
def test_a_full_pacs_parks_nothing_and_what_it_has_already_is_sent(
    own_gateway: Gateway, uid: Callable[[], str]
) -> None:
    full = {"now": True}
    with Scripted(lambda _uid, _attempt: 0xA700 if full["now"] else 0) as pacs:
        connect(own_gateway, pacs.up())
        study, images = arrive(own_gateway, uid)
        exam = submitted(own_gateway, study)
        until_told(own_gateway, exam, "A700")
        assert states(own_gateway)["parked"] == 0
        full["now"] = False
        until_sent(own_gateway, exam)
        assert pacs.count() == Counter(one.sop_instance_uid for one in images)
        pacs.answer = lambda _uid, _attempt: 0x0111
        study, images = arrive(own_gateway, uid)
        until_sent(own_gateway, submitted(own_gateway, study))
        assert all(pacs.attempts[one.sop_instance_uid] == 1 for one in images), "what the PACS has already is sent"


@pytest.mark.timeout(240)
@pytest.mark.requires("storescp")
@pytest.mark.proves("R144", "R145")
def test_a_pacs_down_for_four_days_leaves_its_exam_in_the_outbox_and_send_delivers_it_once(
    own_gateway: Gateway, uid: Callable[[], str], tmp_path: Path
) -> None:
    pacs = Storescp(tmp_path / "pacs")
    with pacs:
        connect(own_gateway, pacs.up())
        pacs.down()
        study, images = arrive(own_gateway, uid)
        exam = submitted(own_gateway, study)
        until_told(own_gateway, exam, "nothing listens")
        four_days_pass(own_gateway)
        access, who = own_gateway.cloud.access, actor(own_gateway)
        (waiting,) = wait_for(lambda: outbox(access, who.organisation_id, None), 60, "the exam is in the Outbox")
        assert [view.head.reason for view in deliveries(own_gateway, exam)] == ["exhausted"]
        assert states(own_gateway)["exhausted"] == len(images)
        pacs.up()
        (sent,) = send_from_outbox(access, who, [waiting.delivery_id], datetime.now(UTC))
        assert sent.refused is None
        until_sent(own_gateway, exam)
        assert pacs.count() == Counter(one.sop_instance_uid for one in images)
        assert outbox(access, who.organisation_id, None) == ()


def four_days_pass(gateway: Gateway) -> None:
    """The clock cannot be moved in a process of its own: every moment of the way to the PACS is moved back instead."""
    gateway.stage.gateway.stop()
    with open_in(gateway.data) as database:
        for table, column in (
            ("delivery", "created_at"),
            ("destination", "failing_since"),
            ("order_item", "ordered_at"),
        ):
            rows = database.read(lambda tx: tx.execute(f"SELECT id, {column} AS at FROM {table}").fetchall())  # noqa: B023
            for row in rows:
                if row["at"] is not None:
                    values = (moment_text(moment(row["at"]) - DAYS), row["id"])
                    database.write(lambda tx: tx.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", values))  # noqa: B023
    gateway.stage.start_gateway()
    gateway.stage.open_dicom_port()
