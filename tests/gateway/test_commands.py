"""Commands are fetched by a long poll, written down, acknowledged, and carried out once however often they come."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.commands import CommandChannel
from smartlink.gateway.connections import Connection
from smartlink.gateway.store import orders
from smartlink.gateway.store.database import Database
from smartlink.gateway.uplink.works import WorksClient
from smartlink.link import paths
from smartlink.link.commands import Cancel, Synchronise
from smartlink.link.problems import ProblemType
from smartlink.link.test_exam import NEVER, UID_ROOT
from tests.gateway.conftest import SetClock
from tests.gateway.fake_orders import an_image
from tests.gateway.fake_works import PORTAL_PAGE, PROXY_PAGE, FakeWorks, Reply, problem
from tests.gateway.store.examples import a_pacs, an_ultrasound
from tests.gateway.uplink.examples import signed_in

SECOND = timedelta(seconds=1)


class Bench:
    """The channel on a real catalogue, and Works at the other end of a real line."""

    def __init__(self, database: Database, works: FakeWorks, client: WorksClient, clock: SetClock) -> None:
        self.database = database
        self.works = works
        self.clock = clock
        self.licensed = True
        self.synchronised = 0
        self.pacs: Connection = a_pacs(database)
        self.refreshed = 0
        self.channel = CommandChannel(
            database,
            client,
            licensed=lambda: self.licensed,
            revoked=self.revoke,
            synchronise=self.synchronise,
            refresh_worklists=self.refresh_worklists,
        )

    def revoke(self) -> None:
        self.licensed = False

    def synchronise(self) -> None:
        self.synchronised += 1

    def refresh_worklists(self) -> None:
        self.refreshed += 1

    def tick(self, after: timedelta = timedelta()) -> bool:
        return self.channel.tick(self.clock.move(after))

    def poll(self, after: timedelta = timedelta()) -> bool:
        """Tick until the poll under way was answered."""
        again = self.tick(after)
        while self.channel.is_waiting:
            again = self.tick()
        return again

    def wanted(self) -> list[UUID]:
        return [one.id for one in self.database.read(lambda tx: orders.wanted(tx, self.clock(), 100))]


@pytest.fixture
def bench(database: Database, works: FakeWorks, clock: SetClock) -> Iterator[Bench]:
    works.now = clock
    with signed_in(works, clock) as client:
        yield Bench(database, works, client, clock)


def test_an_order_is_written_down_and_acknowledged(bench: Bench) -> None:
    command = bench.works.orders.order(bench.pacs.id, an_image("1.2.3.1"), an_image("1.2.3.2"))
    assert bench.poll()
    assert sorted(bench.wanted()) == sorted(one.item_id for one in command.instances)
    assert bench.works.orders.acknowledged == [str(command.command_id)]
    assert not bench.poll()


def test_an_order_whose_acknowledgement_was_lost_comes_again_and_changes_nothing(bench: Bench) -> None:
    command = bench.works.orders.order(bench.pacs.id, an_image("1.2.3.1"))
    bench.works.disturb(paths.COMMANDS_ACKNOWLEDGE, PROXY_PAGE)
    assert not bench.poll()
    (item,) = command.instances
    bench.database.write(lambda tx: orders.cancel(tx, command.delivery_id, bench.clock()))
    assert bench.wanted() == []
    assert bench.poll(SECOND)
    assert bench.works.orders.acknowledged == [str(command.command_id)]
    assert bench.wanted() == []
    again = bench.works.orders.order_again(
        bench.pacs.id, command.delivery_id, command.instances, (an_image("1.2.3.1"),)
    )
    assert bench.poll()
    assert bench.wanted() == [item.item_id]
    assert str(again.command_id) in bench.works.orders.acknowledged


def test_an_order_can_be_cancelled(bench: Bench) -> None:
    command = bench.works.orders.order(bench.pacs.id, an_image("1.2.3.1"))
    cancel = Cancel(command_id=uuid4(), delivery_id=command.delivery_id)
    bench.works.orders.command(cancel.model_dump(mode="json"))
    bench.poll()
    assert bench.wanted() == []
    (news,) = bench.database.read(lambda tx: orders.untold(tx, 10))
    assert news.report.state == "cancelled"


def test_a_test_exam_is_never_taken_to_a_pacs_whoever_orders_it(bench: Bench) -> None:
    ordered = bench.works.orders.order(bench.pacs.id, an_image("1.2.3.1"))
    image = ordered.instances[0].model_copy(update={"study_instance_uid": f"{UID_ROOT}.1", "item_id": uuid4()})
    wrong = ordered.model_copy(update={"command_id": uuid4(), "delivery_id": uuid4(), "instances": (image,)})
    bench.works.orders.command(wrong.model_dump(mode="json"))
    bench.poll()
    assert image.item_id not in bench.wanted()
    (news,) = bench.database.read(lambda tx: orders.untold(tx, 10))
    assert (news.report.item_id, news.report.state, news.report.cause) == (image.item_id, "cancelled", NEVER)


@pytest.mark.proves("R86")
def test_an_order_for_a_pacs_that_is_not_here_goes_to_the_outbox(bench: Bench) -> None:
    scanner = an_ultrasound(bench.database)
    for gone in (uuid4(), scanner.id):
        bench.works.orders.order(gone, an_image("1.2.3.1"))
    bench.poll()
    assert bench.wanted() == []
    news = bench.database.read(lambda tx: orders.untold(tx, 10))
    assert [one.report.state for one in news] == ["exhausted", "exhausted"]


def test_a_wish_to_synchronise_is_passed_on(bench: Bench) -> None:
    bench.works.orders.command(Synchronise(command_id=uuid4()).model_dump(mode="json"))
    bench.poll()
    assert bench.synchronised == 1


def test_a_command_of_a_newer_works_waits_for_a_newer_gateway_and_holds_nobody_up(bench: Bench) -> None:
    bench.works.orders.command({"kind": "dance", "command_id": str(uuid4())})
    command = bench.works.orders.order(bench.pacs.id, an_image("1.2.3.1"))
    with capture_logs() as lines:
        bench.poll()
    assert bench.works.orders.acknowledged == [str(command.command_id)]
    assert "command_unknown" in [line["event"] for line in lines]
    polls = bench.works.orders.polls
    bench.tick()
    assert bench.works.orders.polls == polls


@pytest.mark.proves("R112")
@pytest.mark.parametrize("reply", [PROXY_PAGE, PORTAL_PAGE, None, problem(ProblemType.UNAVAILABLE)])
def test_while_works_does_not_answer_it_is_asked_less_and_less_often(bench: Bench, reply: Reply | None) -> None:
    bench.works.disturb(paths.COMMANDS, reply, times=3)
    command = bench.works.orders.order(bench.pacs.id, an_image("1.2.3.1"))
    for pause in (0, 1, 2):
        assert not bench.poll(pause * SECOND)
        assert not bench.channel.is_waiting
        bench.tick(SECOND / 2)
        assert not bench.channel.is_waiting
    assert bench.poll(4 * SECOND)
    assert bench.wanted() == [command.instances[0].item_id]


@pytest.mark.proves("R34")
def test_a_revoked_licence_ends_the_poll(bench: Bench) -> None:
    bench.works.revoked.update(bench.works.gateways)
    assert not bench.poll()
    assert not bench.licensed
    polls = bench.works.orders.polls
    assert not bench.tick()
    assert bench.works.orders.polls == polls


def test_a_poll_that_waits_holds_up_nobody(bench: Bench) -> None:
    bench.works.orders.wait = True
    assert bench.tick()
    assert bench.channel.is_waiting
    assert [one.name for one in threading.enumerate() if one.name == "poll" and not one.daemon] == []
    bench.works.orders.order(bench.pacs.id, an_image("1.2.3.1"))
    while bench.channel.is_waiting:
        bench.tick()
    assert len(bench.wanted()) == 1
    assert bench.works.orders.polls == 1


def test_what_was_told_before_is_asked_for_at_the_start_and_after_a_lost_answer_only(bench: Bench) -> None:
    bench.poll()
    bench.poll()
    assert bench.works.orders.asked_again == [True, False]
    bench.works.disturb(paths.COMMANDS, None)
    bench.poll()
    bench.poll(SECOND)
    bench.works.orders.order(bench.pacs.id, an_image("1.2.3.1"))
    bench.works.disturb(paths.COMMANDS_ACKNOWLEDGE, PROXY_PAGE)
    bench.poll()
    bench.poll(SECOND)
    bench.poll()
    assert bench.works.orders.asked_again == [True, False, True, False, True, False]


def test_what_the_catalogue_could_not_take_is_asked_for_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.poll()
    bench.works.orders.order(bench.pacs.id, an_image("1.2.3.1"))
    with monkeypatch.context() as broken, pytest.raises(OSError, match="disk"):
        broken.setattr(bench.database, "write", _fail)
        bench.poll()
    bench.poll()
    assert bench.works.orders.asked_again == [True, False, True]
    assert len(bench.wanted()) == 1


def _fail(_work: object) -> None:
    raise OSError("the disk is full")


@pytest.mark.proves("R52")
def test_worklists_are_refreshed_when_somebody_asks_and_once_for_a_repeat(bench: Bench) -> None:
    command_id = str(uuid4())
    bench.works.orders.command({"kind": "refresh_worklists", "command_id": command_id})
    bench.poll()
    assert (bench.refreshed, bench.works.orders.acknowledged) == (1, [command_id])
