"""What goes on failing is told to Works as a whole, once it is news, and messages 3 and 4 say when it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.connections import Connection
from smartlink.gateway.delivery import State
from smartlink.gateway.notices import Notices, Rules, Sources, Trouble
from smartlink.gateway.store import connections, deliveries, destinations, orders
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.deliveries import WORKS
from smartlink.link import paths
from smartlink.link.connections import ConnectionStatus, Kind
from smartlink.link.problems import ProblemType
from smartlink.standard.names import AETitle
from tests.gateway.conftest import START, SetClock
from tests.gateway.fake_works import PROXY_PAGE, FakeWorks, problem
from tests.gateway.store.examples import an_instance
from tests.gateway.uplink.examples import signed_in

FIVE = timedelta(minutes=5)
FIFTEEN = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)


class Around:
    """What fails of the way to and from Works, and what an administrator has set."""

    licensed = True
    uploads: Trouble | None = None
    downloads: Trouble | None = None
    rules = Rules(4, FIVE, FIFTEEN)

    def revoke(self) -> None:
        self.licensed = False


@pytest.fixture
def around() -> Around:
    return Around()


class Scene:
    """The loop's tick with everything around it real but what fails."""

    def __init__(self, notices: Notices, works: FakeWorks, database: Database, clock: SetClock) -> None:
        self.notices, self.works, self.database, self.clock = notices, works, database, clock

    def tick(self, after: timedelta = timedelta()) -> None:
        self.notices.tick(self.clock.move(after))

    @property
    def told(self) -> list[list[dict[str, Any]]]:
        """The failures of every notice that Works has got."""
        return [notice["failures"] for notice in self.works.failures]

    def pacs(self, ae: str = "ARCHIVE") -> Connection:
        """A PACS that Works knows."""
        connection_id = uuid4()
        pacs = Connection(
            id=connection_id,
            kind=Kind.PACS,
            name=ae,
            ae_title=AETitle(ae),
            host="192.0.2.9",
            port=104,
            specialty_ids=(),
            mapping=None,
            status=ConnectionStatus.ACTIVE,
            works_id=uuid4(),
        )
        self.database.write(lambda tx: connections.add(tx, pacs, START))
        return pacs

    def waits_for(self, pacs: Connection, number: int, state: State = State.WAITING) -> int:
        """An image that is on its way to a PACS; its delivery."""
        instance_id = an_instance(self.database, number, state=State.HELD)
        destination = str(pacs.id)
        self.database.write(lambda tx: deliveries.add(tx, instance_id, destination, None, state, START))
        rows = self.database.read(lambda tx: tx.execute("SELECT max(id) AS id FROM delivery").fetchall())
        return int(rows[0]["id"])


@pytest.fixture
def scene(database: Database, works: FakeWorks, clock: SetClock, around: Around) -> Iterator[Scene]:
    works.now = clock
    with signed_in(works, clock) as client:
        notices = Notices(
            database,
            client,
            Sources(lambda: around.uploads, lambda: around.downloads),
            licensed=lambda: around.licensed,
            revoked=around.revoke,
            rules=lambda: around.rules,
        )
        yield Scene(notices, works, database, clock)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


@pytest.mark.proves("R110", "R113")
def test_a_pacs_that_goes_on_failing_is_told_with_what_waits_for_it(scene: Scene) -> None:
    pacs = scene.pacs()
    for number in (1, 2):
        scene.waits_for(pacs, number)
    fails = lambda tx: destinations.failing(tx, str(pacs.id), START, "The PACS does not answer.")  # noqa: E731
    scene.database.write(fails)
    scene.tick()
    assert scene.told == [[]]
    scene.tick(FIFTEEN - MINUTE)
    assert scene.told == [[]]
    scene.tick(MINUTE)
    ((one,),) = scene.told[1:]
    assert (one["kind"], one["connection_id"], one["count"]) == ("store", str(pacs.works_id), 2)
    assert one["cause"] == "The PACS does not answer."
    assert one["since"].startswith("2026-11-24T04:00:00")
    assert one["oldest_at"].startswith("2026-11-24T04:00:00")
    assert scene.works.failures[1]["notify_hours"] == 4


def test_what_lasts_is_told_anew_every_five_minutes_and_its_end_at_once(scene: Scene, around: Around) -> None:
    around.uploads = (START, "Works does not answer.")
    an_instance(scene.database, 1)
    for _ in range(11):
        scene.tick(MINUTE)
    assert [bool(failures) for failures in scene.told] == [False, True, True]
    around.uploads = None
    for _ in range(11):
        scene.tick(MINUTE)
    assert [bool(failures) for failures in scene.told] == [False, True, True, False]


def test_another_cause_is_news_and_so_is_another_interval(scene: Scene, around: Around) -> None:
    around.uploads = (START - FIVE, "Works does not answer.")
    scene.tick()
    around.uploads = (START - FIVE, "Object storage does not answer.")
    scene.tick(MINUTE)
    around.rules = Rules(1, FIVE, FIFTEEN)
    scene.tick(MINUTE)
    assert [notice["notify_hours"] for notice in scene.works.failures] == [4, 4, 1]
    assert [one["cause"] for (one,) in scene.told] == [
        "Works does not answer.",
        *2 * ["Object storage does not answer."],
    ]


def test_a_pacs_for_which_nothing_waits_is_not_told(scene: Scene) -> None:
    pacs = scene.pacs()
    scene.database.write(lambda tx: destinations.failing(tx, str(pacs.id), START, "No answer."))
    scene.tick(timedelta(days=1))
    assert scene.told == [[]]


def test_images_that_need_attention_are_told(scene: Scene) -> None:
    pacs = scene.pacs()
    delivery_id = scene.waits_for(pacs, 1)
    scene.database.write(lambda tx: tx.execute("UPDATE delivery SET state = 'parked' WHERE id = ?", (delivery_id,)))
    scene.tick()
    ((one,),) = scene.told
    assert (one["kind"], one["connection_id"], one["count"]) == ("store", str(pacs.works_id), 1)
    assert "need attention" in one["cause"]


def test_uploads_that_fail_one_by_one_are_told(scene: Scene) -> None:
    an_instance(scene.database, 1)
    for attempt in range(1, 4):
        now = scene.clock.move(FIVE)
        (claim,) = scene.database.write(lambda tx, now=now: deliveries.claim(tx, WORKS, now, now + FIVE, 1))  # type: ignore[misc]
        scene.database.write(lambda tx, now=now, claim=claim: deliveries.failed(tx, claim, now, now + FIVE, "Later."))  # type: ignore[misc]
        scene.tick()
        assert [len(failures) for failures in scene.told][-1] == (1 if attempt == 3 else 0)
    assert scene.told[-1][0]["count"] == 1


def test_exams_that_cannot_be_fetched_are_told(scene: Scene, around: Around) -> None:
    around.downloads = (START, "Object storage does not answer.")
    scene.tick(FIVE)
    item = orders.Item(
        id=uuid4(),
        order_id=uuid4(),
        destination=str(scene.pacs().id),
        sop_class_uid="1.2.840.10008.5.1.4.1.1.6.1",
        sop_instance_uid="1.2.3",
        study_instance_uid="1.2.4",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        size=10,
        object_sha256="0" * 64,
        dataset_sha256="1" * 64,
        resend=False,
    )
    scene.database.write(lambda tx: orders.order(tx, item, START))
    scene.tick(FIVE)
    assert [len(failures) for failures in scene.told] == [0, 1]
    assert (scene.told[1][0]["kind"], scene.told[1][0]["count"]) == ("download", 1)


def said(lines: list[Any]) -> list[object]:
    return [line["message"] for line in lines if line.get("event") == "failures_not_told"]


@pytest.mark.proves("R136", "R114")
def test_messages_3_and_4_say_that_works_was_not_told_and_the_notice_is_not_lost(scene: Scene, around: Around) -> None:
    pacs = scene.pacs()
    scene.waits_for(pacs, 1)
    scene.database.write(lambda tx: destinations.failing(tx, str(pacs.id), START - FIFTEEN, "No answer."))
    around.uploads = (START - FIVE, "Works does not answer.")
    scene.works.disturb(paths.FAILURES, PROXY_PAGE, times=-1)
    with capture_logs() as lines:
        for _ in range(10):
            scene.tick(MINUTE)
    assert said(lines) == 2 * [
        "Failed to Notify Image Upload Failure",
        "Failed to Notify Image Download Failure",
    ]
    assert all(line["log_level"] == "error" and line["action"] for line in lines if said([line]))
    scene.works.calm()
    scene.tick(MINUTE)
    assert [len(failures) for failures in scene.told] == [2]


@pytest.mark.proves("R136")
def test_message_3_is_about_uploads_alone_and_message_4_about_the_way_to_the_pacs(scene: Scene, around: Around) -> None:
    scene.works.disturb(paths.FAILURES, PROXY_PAGE, times=-1)
    with capture_logs() as nothing_fails:
        scene.tick()
    around.uploads = (START - FIVE, "Works does not answer.")
    with capture_logs() as lines:
        scene.tick(MINUTE)
    assert said(nothing_fails) == []
    assert said(lines) == ["Failed to Notify Image Upload Failure"]


@pytest.mark.proves("R34")
def test_a_revoked_gateway_tells_nothing_and_a_new_one_tells_all_anew(scene: Scene, around: Around) -> None:
    scene.works.disturb(paths.FAILURES, problem(ProblemType.LICENCE_REVOKED))
    scene.tick()
    assert not around.licensed
    scene.tick(MINUTE)
    assert scene.told == []
    around.licensed = True
    scene.tick(MINUTE)
    assert scene.told == [[]]


def test_a_destination_is_named_as_works_knows_it(scene: Scene) -> None:
    pacs = scene.pacs()
    scene.waits_for(pacs, 1)
    scene.database.write(lambda tx: destinations.failing(tx, str(pacs.id), START - FIFTEEN, "x" * 600))
    scene.tick()
    ((one,),) = scene.told
    assert UUID(one["connection_id"]) == pacs.works_id != pacs.id
    assert len(one["cause"]) == 500
