"""A PACS that refuses, aborts, is full, is down, and comes back: the right words meanwhile, present once afterwards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import wait_for
from smartlink.works.exams.outbox import outbox
from tests.real.clocked import INTERVAL, PROBE
from tests.real.orders import actor, arrive, deliveries, once, shown, states, submitted, until_sent, until_told
from tests.real.pacs import Mood, Orthanc, Scripted, Storescp

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from smartlink.demo.pages import Pages
    from tests.real.clocked import Clocked

pytestmark = pytest.mark.real

STORE_FAILED = "Store to PACS Failed"
DAYS = timedelta(days=4, hours=1)


def message_1(gateway: Clocked) -> int:
    """How often the manual's message 1 stands in the log, letter for letter."""
    return sum(line.get("message") == STORE_FAILED for line in gateway.logged("store_failed"))


@pytest.mark.requires("storescp")
@pytest.mark.proves("R136", "R143", "R151", "R152")
def test_a_pacs_that_refuses_or_aborts_is_shown_and_logged_and_gets_each_image_when_it_is_well(
    clocked: Clocked, pages: Pages, uid: Callable[[], str], tmp_path: Path
) -> None:
    with Storescp(tmp_path / "pacs", "MOODY") as pacs, clocked.connected(pacs):
        for mood, words in (
            (Mood.REFUSES, "rejected the association"),
            (Mood.ABORTS_DURING, "aborted the association"),
            (Mood.ABORTS_AFTER, "aborted the association"),
        ):
            study, images = arrive(clocked, uid)
            pacs.up(mood)
            before = message_1(clocked)
            exam = submitted(clocked, study)
            until_told(clocked, exam, words)
            asked = pacs.associations()
            clocked.clock.let_pass(PROBE)
            wait_for(lambda: pacs.associations() > asked, 20, "the PACS is asked again")  # noqa: B023
            assert message_1(clocked) == before + 1, "message 1 stands once in the log, however often it is asked"
            clocked.clock.let_pass(INTERVAL)
            wait_for(lambda: message_1(clocked) == before + 2, 20, "and once more after the interval")  # noqa: B023
            page = shown(pages, f"/exams/{exam}")
            assert words in page
            assert "Needs attention" not in page
            had = pacs.count()
            pacs.up()
            clocked.clock.let_pass(PROBE)
            until_sent(clocked, exam)
            assert pacs.count() - had == once(images), "present once since it is well"
            assert "All 3 images stored" in shown(pages, f"/exams/{exam}")
    assert states(clocked)["parked"] == 0, "a failing PACS parks nothing"


@pytest.mark.proves("R142")
def test_a_full_pacs_parks_nothing_and_what_it_has_already_is_sent(clocked: Clocked, uid: Callable[[], str]) -> None:
    full = {"now": True}
    with Scripted(lambda _uid, _attempt: 0xA700 if full["now"] else 0, "FULL") as pacs, clocked.connected(pacs.up()):
        study, images = arrive(clocked, uid)
        exam = submitted(clocked, study)
        until_told(clocked, exam, "A700")
        assert states(clocked)["parked"] == 0
        full["now"] = False
        clocked.clock.let_pass(PROBE)
        until_sent(clocked, exam)
        assert pacs.count() == once(images)
        pacs.answer = lambda _uid, _attempt: 0x0111
        study, images = arrive(clocked, uid)
        until_sent(clocked, submitted(clocked, study))
        assert all(pacs.attempts[one.sop_instance_uid] == 1 for one in images), "what the PACS has already is sent"


@dataclass(frozen=True, slots=True)
class Illness:
    """What is wrong with a PACS for four days, and the words for it."""

    name: str
    begin: Callable[[Path], Storescp | Orthanc]
    words: str

    def case(self, *marks: pytest.MarkDecorator) -> object:
        return pytest.param(self, id=self.name, marks=marks)


def storescp(mood: Mood | None) -> Callable[[Path], Storescp]:
    """DCMTK's storescp in this mood; None: nobody listens."""
    return lambda folder: Storescp(folder) if mood is None else Storescp(folder).up(mood)


def orthanc(**settings: object) -> Callable[[Path], Orthanc]:
    """Orthanc with this in its configuration; nothing: it is down."""
    return lambda folder: Orthanc(folder).up(**settings) if settings else Orthanc(folder)


# What people do to Orthanc: another AE title in its configuration, or an allow-list on which the gateway is missing.
OTHER_TITLE: dict[str, object] = {"DicomAet": "ANOTHER"}
ALLOW_LIST: dict[str, object] = {"DicomAlwaysAllowEcho": False, "DicomAlwaysAllowStore": False, "DicomModalities": {}}


@pytest.mark.parametrize(
    "illness",
    [
        Illness("Orthanc has another AE title", orthanc(**OTHER_TITLE), "rejected").case(
            pytest.mark.requires("Orthanc")
        ),
        Illness("storescp is down", storescp(None), "nothing listens").case(pytest.mark.requires("storescp")),
        Illness("Orthanc has an allow-list", orthanc(**ALLOW_LIST), "rejected").case(
            pytest.mark.requires("Orthanc"), pytest.mark.night
        ),
        Illness("Orthanc is down", orthanc(), "nothing listens").case(
            pytest.mark.requires("Orthanc"), pytest.mark.night
        ),
        *(
            Illness(f"storescp {mood.name.lower()}", storescp(mood), words).case(
                pytest.mark.requires("storescp"), pytest.mark.night
            )
            for mood, words in (
                (Mood.REFUSES, "rejected"),
                (Mood.ABORTS_DURING, "aborted"),
                (Mood.ABORTS_AFTER, "aborted"),
            )
        ),
    ],
)
@pytest.mark.proves("R109", "R144", "R145", "A6")
def test_a_pacs_that_is_ill_for_four_days_leaves_its_exam_in_the_outbox_and_send_delivers_it_once(
    clocked: Clocked, pages: Pages, uid: Callable[[], str], tmp_path: Path, illness: Illness
) -> None:
    with illness.begin(tmp_path / "pacs") as pacs, clocked.connected(pacs) as (connection,):
        study, images = arrive(clocked, uid)
        exam = submitted(clocked, study)
        until_told(clocked, exam, illness.words)
        clocked.clock.let_pass(DAYS)
        access, who = clocked.cloud.access, actor(clocked)
        (waiting,) = wait_for(lambda: outbox(access, who.organisation_id, None), 60, "the exam is in the Outbox")
        assert [view.head.reason for view in deliveries(clocked, exam)] == ["exhausted"]
        assert states(clocked, connection) == {"exhausted": len(images)}
        page = shown(pages, "/outbox")
        assert "Archive ARCHIVE" in page
        assert illness.words in page, "the Outbox says why"
        assert "Moved to the Outbox" in shown(pages, f"/exams/{exam}")
        had = pacs.count() if isinstance(pacs, Storescp) else Counter()
        pacs.up()
        pages.press("/outbox", "/outbox/send", only=str(waiting.delivery_id))
        clocked.clock.let_pass(PROBE)
        until_sent(clocked, exam)
        assert pacs.count() - had == once(images)
        assert outbox(access, who.organisation_id, None) == ()
        assert "Nothing in the Outbox" in shown(pages, "/outbox")
        assert "All 3 images stored" in shown(pages, f"/exams/{exam}")
