"""What scanners sent against Works, what went to a PACS against the PACS: asked in pieces, sent again when wanted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.calling import AssociationFailed, Layer
from smartlink.gateway.connections import Connection
from smartlink.gateway.delivery import State
from smartlink.gateway.errors import LicenceRevoked, TryAgain
from smartlink.gateway.reconciliation import EVERY, LOOKS_BACK, Daily, Reconciliation
from smartlink.gateway.reconciling import Finding, Report
from smartlink.gateway.store import audit, deliveries, instances, orders, reconciliations
from smartlink.gateway.store.database import Database, Transaction
from smartlink.gateway.store.deliveries import WORKS
from smartlink.link.connections import Kind
from smartlink.link.reconciliation import (
    ComparedInstances,
    ComparedStudies,
    CompareInstances,
    CompareStudies,
    Holding,
    SendAgain,
    SendsAgain,
    digest_of,
)
from tests.gateway.conftest import START, SetClock
from tests.gateway.store.examples import a_pacs, an_entry, an_ultrasound
from tests.gateway.store.test_orders import an_item

DAY = timedelta(days=1)


class WorksStandIn:
    """Works, as far as a comparison needs it; it holds what the test says."""

    def __init__(self) -> None:
        self.holds: dict[str, Holding] = {}
        self.failure: Exception | None = None
        self.asked: list[CompareStudies | CompareInstances] = []
        self.wanted: list[UUID] = []
        self.refuses: set[UUID] = set()

    def compare_studies(self, question: CompareStudies) -> ComparedStudies:
        if self.failure is not None:
            raise self.failure
        self.asked.append(question)
        held = digest_of(uid for uid, holding in self.holds.items() if holding is Holding.HELD)
        return ComparedStudies(same=tuple(one.study_instance_uid for one in question.studies if one.digest == held))

    def compare_instances(self, question: CompareInstances) -> ComparedInstances:
        self.asked.append(question)
        return ComparedInstances(
            holdings=tuple(self.holds.get(one, Holding.MISSING) for one in question.sop_instance_uids)
        )

    def send_again(self, wanted: SendAgain) -> SendsAgain:
        self.wanted += wanted.item_ids
        return SendsAgain(item_ids=tuple(one for one in wanted.item_ids if one not in self.refuses))


class Site:
    """A gateway with a scanner and a PACS, and both other sides as stand-ins."""

    def __init__(self, database: Database) -> None:
        self.database, self.works = database, WorksStandIn()
        self.scanner, self.pacs = an_ultrasound(database), a_pacs(database)
        self.in_pacs: frozenset[str] | AssociationFailed = frozenset()
        self.series: list[tuple[str, str]] = []
        self.reconciliation = Reconciliation(database, self.works, self.held_by)

    def held_by(self, pacs: Connection, series: Sequence[tuple[str, str]]) -> frozenset[str]:
        assert pacs.id == self.pacs.id
        self.series += series
        if isinstance(self.in_pacs, AssociationFailed):
            raise self.in_pacs
        return self.in_pacs

    def received(self, number: int, *, sent: bool = True, purged: bool = False, uid: str | None = None) -> int:
        """An image that the scanner sent; its delivery to Works."""

        def write(tx: Transaction) -> int:
            image = instances.add(tx, an_entry(number, uid=uid, origin=self.scanner.id))
            assert image is not None
            delivery = deliveries.add(tx, image, WORKS, self.scanner.id, State.WAITING, START)
            assert delivery is not None
            if sent:
                (claim,) = deliveries.claim(tx, WORKS, START, START + DAY, 1)
                deliveries.accepted(tx, claim, START)
                instances.receipt(tx, image, START)
            if purged:
                instances.purged(tx, image, START)
            return delivery

        return self.database.write(write)

    def delivered(self, number: int, *, ordered: bool = True) -> UUID | None:
        """An image that the PACS took; the order of Works."""
        destination = str(self.pacs.id)
        item = an_item(number, destination=destination)

        def write(tx: Transaction) -> None:
            origin = None if ordered else self.scanner.id
            entry = an_entry(1000 + number, uid=f"1.2.3.{number}", origin=origin, from_works=ordered)
            image = instances.add(tx, entry)
            assert image is not None
            delivery = deliveries.add(tx, image, destination, None, State.WAITING, START)
            assert delivery is not None
            if ordered:
                orders.order(tx, item, START)
                orders.link(tx, item.id, delivery, START)
            (claim,) = deliveries.claim(tx, destination, START, START + DAY, 1)
            deliveries.accepted(tx, claim, START)

        self.database.write(write)
        return item.id if ordered else None

    def acts(self) -> list[audit.Entry]:
        """What was entered in the audit list, the last first."""
        return self.database.read(lambda tx: audit.listing(tx, START - DAY, 99))

    def run(self, *, resend: bool = False) -> dict[Kind, Report]:
        """Compare the last day."""
        with capture_logs():
            found = self.reconciliation.run(START - DAY, START + DAY, resend=resend)
        return {one.kind: one for one in found}

    def state(self, delivery: int) -> str:
        row = self.database.read(
            lambda tx: tx.execute("SELECT state FROM delivery WHERE id = ?", (delivery,)).fetchone()
        )
        return str(row["state"])


@pytest.fixture
def site(database: Database) -> Site:
    return Site(database)


def test_where_both_sides_agree_one_question_is_enough(site: Site) -> None:
    for number in range(3):
        site.received(number)
        site.works.holds[f"1.2.3.{number}"] = Holding.HELD
    found = site.run()
    assert found[Kind.ULTRASOUND].counts == {Finding.THERE: 3}
    assert found[Kind.ULTRASOUND].differences == ()
    assert found[Kind.PACS].total == 0
    assert len(site.works.asked) == 1


def test_each_image_that_is_not_there_is_named_with_what_became_of_it(site: Site) -> None:
    site.works.holds = {
        "1.2.3.0": Holding.HELD,
        "1.2.3.1": Holding.ON_THE_WAY,
        "1.2.3.2": Holding.FAILED,
        "1.2.3.3": Holding.DELETED,
    }
    for number in range(5):
        site.received(number)
    site.received(5, sent=False)
    report = site.run()[Kind.ULTRASOUND]
    assert report.counts == {
        Finding.THERE: 1,
        Finding.ON_THE_WAY: 2,
        Finding.FAILED: 1,
        Finding.DELETED: 1,
        Finding.MISSING: 1,
    }
    assert [(one.sop_instance_uid, one.finding, one.again) for one in report.differences] == [
        ("1.2.3.2", Finding.FAILED, None),
        ("1.2.3.4", Finding.MISSING, None),
    ]


def test_an_image_that_a_scanner_sent_twice_is_one_image(site: Site) -> None:
    site.received(1)
    site.received(2, sent=False, uid="1.2.3.1")
    site.works.holds["1.2.3.1"] = Holding.HELD
    assert site.run()[Kind.ULTRASOUND].counts == {Finding.THERE: 1}


def test_what_works_lacks_is_sent_again_as_long_as_it_is_here(site: Site) -> None:
    here, gone = site.received(1), site.received(2, purged=True)
    assert site.run()[Kind.ULTRASOUND].counts == {Finding.MISSING: 2}
    assert (site.state(here), site.state(gone)) == ("sent", "sent")
    report = site.run(resend=True)[Kind.ULTRASOUND]
    assert {one.sop_instance_uid: one.again for one in report.differences} == {"1.2.3.1": True, "1.2.3.2": False}
    assert (site.state(here), site.state(gone)) == ("waiting", "sent")
    assert "1 are sent again. 1 cannot be sent again from here." in report.sentence
    # It is owed again, for the janitor and for a repair.
    assert site.database.read(lambda tx: instances.purgeable(tx, START + DAY, 9)) == []
    assert len(site.database.read(lambda tx: instances.owed_after(tx, 0, 9))) == 1
    assert (site.acts()[0].action, site.acts()[0].object) == ("missing_images_sent_again", f"delivery {here}")
    assert site.run()[Kind.ULTRASOUND].counts == {Finding.ON_THE_WAY: 1, Finding.MISSING: 1}


def test_all_that_is_missing_is_sent_again_however_few_differences_are_listed(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartlink.gateway.reconciling.MOST_LISTED", 1)
    site.works.holds["1.2.3.1"] = Holding.FAILED  # fills the list
    numbers = range(1, 4)
    of_scanner = [site.received(number) for number in numbers]
    of_pacs = [site.delivered(number) for number in numbers]
    for number in range(4, 6):
        site.delivered(number, ordered=False)
    found = site.run(resend=True)
    assert [site.state(one) for one in of_scanner] == ["sent", "waiting", "waiting"]
    assert site.works.wanted == of_pacs
    assert [(len(one.differences), one.again, one.not_again) for one in found.values()] == [(1, 2, 0), (1, 5, 0)]
    acts = [one for one in site.acts() if one.action.startswith("missing")]
    assert {one.action for one in acts} == {"missing_images_sent_again"}
    assert [(one.object, one.new) for one in reversed(acts)][2:3] == [("ARCHIVE", {"images": 3})]
    assert len(acts) == 5


@pytest.mark.proves("R35")
def test_what_was_received_for_another_facility_is_neither_compared_nor_sent_again(site: Site) -> None:
    here = site.received(1)
    site.received(2, purged=True)
    site.delivered(3, ordered=False)
    site.database.write(instances.orphan_all)
    found = site.run(resend=True)
    assert (found[Kind.ULTRASOUND].total, found[Kind.PACS].total) == (0, 0)
    assert (site.state(here), site.works.asked) == ("sent", [])


def test_what_a_pacs_lacks_is_asked_of_works_once_more(site: Site) -> None:
    first, second = site.delivered(1), site.delivered(2)
    third = site.delivered(3)
    site.in_pacs = frozenset({"1.2.3.1", "9.9"})
    report = site.run()[Kind.PACS]
    assert (report.counts, site.series) == ({Finding.THERE: 1, Finding.MISSING: 2}, [("1.2.4", "1.2.5")])
    assert site.works.wanted == []
    assert third is not None
    site.works.refuses = {third}
    report = site.run(resend=True)[Kind.PACS]
    assert site.works.wanted == [second, third]
    assert first not in site.works.wanted
    assert [one.again for one in report.differences] == [True, False]


def test_what_works_cannot_send_again_now_is_told_and_the_rest_goes(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartlink.gateway.reconciliation.MOST_ITEMS", 1)
    here = site.received(7)
    first = site.delivered(1)
    site.delivered(2)
    site.delivered(3, ordered=False)
    asked = site.works.send_again

    def once(wanted: SendAgain) -> SendsAgain:
        if site.works.wanted:
            raise TryAgain("Works is busy.")
        return asked(wanted)

    monkeypatch.setattr(site.works, "send_again", once)
    found = site.run(resend=True)
    assert (site.state(here), site.works.wanted) == ("waiting", [first])
    report = found[Kind.PACS]
    assert ([one.again for one in report.differences], report.problem) == ([True, False, True], "Works is busy.")
    assert report.sentence.endswith("Works could not be asked to send all of them again: Works is busy.")
    objects = [one.object for one in site.acts() if one.action == "missing_images_sent_again"]
    assert objects == ["delivery 4", "ARCHIVE", f"delivery {here}"]
    kept = site.database.read(reconciliations.latest)
    assert sorted(one["again"] for one in kept) == [1, 2]


def test_what_went_directly_is_sent_again_from_here(site: Site) -> None:
    site.delivered(1, ordered=False)
    report = site.run(resend=True)[Kind.PACS]
    assert [one.again for one in report.differences] == [True]
    assert site.works.wanted == []
    assert site.run()[Kind.PACS].total == 0


def test_a_pacs_that_cannot_be_asked_is_told_as_such(site: Site) -> None:
    site.delivered(1)
    site.in_pacs = AssociationFailed(Layer.CONTEXT, "ARCHIVE does not answer queries.")
    report = site.run(resend=True)[Kind.PACS]
    assert (report.total, report.differences) == (1, ())
    assert "ARCHIVE does not answer queries." in report.sentence
    assert site.works.wanted == []


def test_long_lists_are_read_and_asked_in_pieces(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_PIECE", "MOST_INSTANCES", "MOST_STUDIES"):
        monkeypatch.setattr(f"smartlink.gateway.reconciliation.{name}", 2)
    for number in range(5):
        site.received(number)
    assert site.run()[Kind.ULTRASOUND].counts == {Finding.MISSING: 5}
    sizes = [len(one.sop_instance_uids) for one in site.works.asked if isinstance(one, CompareInstances)]
    assert sizes == [2, 2, 1]


def test_what_is_older_is_not_compared(site: Site) -> None:
    site.received(1)
    with capture_logs():
        found = site.reconciliation.run(START + timedelta(seconds=1), START + DAY)
    assert [one.total for one in found] == [0, 0]


def test_once_a_day_it_is_done_by_itself_and_kept(site: Site, clock: SetClock) -> None:
    site.received(1)
    licensed, revoked = [False], []
    daily = Daily(site.reconciliation, licensed=lambda: licensed[0], revoked=lambda: revoked.append(1))

    def asked(after: timedelta = timedelta()) -> int:
        with capture_logs():
            assert not daily.tick(clock.move(after))
        return len(site.works.asked)

    assert asked() == 0
    licensed[0] = True
    assert asked() == 2
    assert asked(EVERY - timedelta(seconds=1)) == 2
    assert asked(timedelta(seconds=1)) == 4
    site.works.failure = TryAgain("No route.")
    assert asked(EVERY) == 4
    site.works.failure = None
    assert asked(timedelta(minutes=59)) == 4  # an hour after a failure, not at once
    assert asked(timedelta(minutes=1)) == 6
    site.works.failure = LicenceRevoked("A newer key.")
    asked(EVERY)
    assert revoked == [1]
    kept = site.database.read(reconciliations.latest)
    assert {one["kind"] for one in kept} == {"ultrasound", "pacs"}
    assert all("sentence" in one for one in kept)
    assert LOOKS_BACK > EVERY, "what came while Works was away is looked at later"
