"""One bad image, one slow PACS, one that is deleted: each comes to its own end, and none holds up the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import LOOPBACK, wait_for
from smartlink.gateway.delivery import State
from smartlink.gateway.status import queue_of
from smartlink.gateway.store.database import open_in
from tests.faults.line import Line
from tests.real.clocked import INTERVAL
from tests.real.orders import arrive, deliveries, once, shown, states, submitted, until_sent
from tests.real.pacs import Scripted

if TYPE_CHECKING:
    import uuid
    from collections.abc import Callable

    from smartlink.demo.pages import Pages
    from tests.real.clocked import Clocked

pytestmark = pytest.mark.real

FAULTS = {
    0xA900: "The PACS refuses the image: Data Set does not match SOP Class (A900).",
    0xC000: "The PACS refuses the image: Cannot understand (C000).",
    0xC123: "The PACS refuses the image: Cannot understand (C123).",
}
REMEDY = "Look at the image in Works and into the log of the PACS server, then press Retry."


def until_in(gateway: Clocked, exam: uuid.UUID, *wanted: str) -> None:
    """Wait until the exam's deliveries are in these states at Works, whatever their order."""

    def so() -> bool:
        return sorted(view.head.state for view in deliveries(gateway, exam)) == sorted(wanted)

    wait_for(so, 60, f"the deliveries are {wanted}")


def refusals(gateway: Clocked) -> list[tuple[str, bool]]:
    """What the log says of images that a PACS refused: the status, and whether that was the last attempt."""
    return [(line["status"], line["parked"]) for line in gateway.logged("store_refused_by_pacs")]


@pytest.mark.proves("R112", "R143", "R145")
def test_an_image_that_the_pacs_refuses_three_times_is_parked_alone_with_cause_and_remedy_and_can_be_sent_later(
    clocked: Clocked, pages: Pages, uid: Callable[[], str]
) -> None:
    faults: dict[str, int] = {}
    with Scripted(lambda uid, _attempt: faults.get(uid, 0), "PICKY") as pacs, clocked.connected(pacs.up()):
        study, images = arrive(clocked, uid, 6)
        bad, good = images[1:4], [images[0], *images[4:]]
        faults |= {one.sop_instance_uid: status for one, status in zip(bad, FAULTS, strict=True)}
        exam = submitted(clocked, study)
        for attempt in (1, 2, 3):
            told = attempt * len(bad)
            wait_for(lambda: len(refusals(clocked)) == told, 20, f"each is refused {attempt} times")  # noqa: B023
            wait_for(lambda: pacs.count() == once(good), 20, "the others are there, each once")
            clocked.clock.let_pass(INTERVAL)
        until_in(clocked, exam, "partial")
        clocked.clock.let_pass(INTERVAL)
        with open_in(clocked.data) as database:
            parked = queue_of(database, State.PARKED, 100)["items"]
        assert {one["sop_instance_uid"]: one["cause"] for one in parked} == dict(
            zip(faults, FAULTS.values(), strict=True)
        )
        assert {(one["words"], one["attempts"], one["remedy"]) for one in parked} == {("Needs attention", 3, REMEDY)}
        page = shown(pages, f"/exams/{exam}")
        for words in ("Needs attention", "3 of 6 images stored.", "3 attempts", REMEDY, *FAULTS.values()):
            assert words in page
        assert "The PACS refused 3 images" in shown(pages, "/outbox")
        assert sorted(refusals(clocked)) == sorted(
            (f"{status:04X}", last) for status in FAULTS for last in (False, False, True)
        )
        assert pacs.attempts == {one.sop_instance_uid: 1 for one in good} | dict.fromkeys(faults, 3)
        faults.clear()
        (delivery,) = deliveries(clocked, exam)
        pages.press("/outbox", "/outbox/send", only=str(delivery.head.id))
        until_in(clocked, exam, "replaced", "delivered")
        assert pacs.count() == once(images)
        assert "All 6 images stored" in shown(pages, f"/exams/{exam}")


@pytest.mark.proves("R86", "R145")
def test_a_pacs_deleted_while_images_wait_sends_them_to_the_outbox_and_the_other_pacs_has_them(
    clocked: Clocked, pages: Pages, uid: Callable[[], str]
) -> None:
    with (
        Scripted(ae_title="GONE") as gone,
        Scripted(ae_title="STAYS") as stays,
        clocked.connected(gone.up(), stays.up()) as (old, _),
    ):
        gone.silent.set()
        study, images = arrive(clocked, uid)
        exam = submitted(clocked, study, to=2)
        wait_for(lambda: states(clocked, old)["sending"], 30, "an Association is under way")
        until_in(clocked, exam, "with_gateway", "delivered")
        later, more = arrive(clocked, uid)
        waiting = submitted(clocked, later, to=2)
        until_in(clocked, waiting, "with_gateway", "delivered")
        clocked.delete(old)
        for one in (exam, waiting):
            until_in(clocked, one, "outbox", "delivered")
            assert {view.head.reason for view in deliveries(clocked, one)} == {None, "connection_deleted"}
            assert "Its PACS was deleted" in shown(pages, f"/exams/{one}")
        assert shown(pages, "/outbox").count("Its PACS was deleted Send it to the PACS that takes its place.") == 2
        gone.silent.clear()
        clocked.clock.let_pass(INTERVAL)
        wait_for(
            lambda: not set(states(clocked, old)) - {"sent", "cancelled", "exhausted"}, 60, "every delivery has ended"
        )
        assert stays.count() == once(images + more)
        assert "outbox" in {view.head.state for view in deliveries(clocked, waiting)}
        # What was under way may have been answered whole before the end: then nothing of it is left to send.
        left = [view for one in (exam, waiting) for view in deliveries(clocked, one) if view.head.state == "outbox"]
        for view in left:
            pages.press("/outbox", "/outbox/send", only=str(view.head.id))
        until_in(clocked, waiting, "replaced", "delivered", "delivered")
        assert stays.count() == once(images + more), "the PACS that takes its place has them already"


@pytest.mark.proves("R143", "R152")
def test_a_slow_pacs_has_each_image_once_and_holds_up_no_other(clocked: Clocked, uid: Callable[[], str]) -> None:
    with (
        Scripted(ae_title="SLOW") as slow,
        Scripted(ae_title="QUICK") as quick,
        Line((LOOPBACK, slow.up().port), bytes_per_second=2500, delay_seconds=0.2) as line,
    ):
        slow.port = line.port
        with clocked.connected(slow, quick.up()):
            study, images = arrive(clocked, uid, 4)
            exam = submitted(clocked, study, to=2)
            wait_for(lambda: quick.count() == once(images), 30, "the quick PACS has all")
            assert sum(slow.count().values()) < len(images), "while the slow one has not"
            until_sent(clocked, exam, 2)
            assert slow.count() == once(images)
            assert (slow.associations, slow.attempts) == (1, once(images)), "nothing was sent twice, nothing began anew"
