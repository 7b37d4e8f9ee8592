"""Ordered files are fetched once, checked to the last byte, and entered with their delivery; what is here is not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.commands import carry_out
from smartlink.gateway.connections import Connection
from smartlink.gateway.delivery import State
from smartlink.gateway.downloads import Arrival, Downloads, NotAsOrdered, where_data_set_begins
from smartlink.gateway.errors import Stopping, TryAgain
from smartlink.gateway.store import connections, counters, deliveries, instances, orders
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.deliveries import Claim
from smartlink.gateway.store.spool import Spool
from smartlink.gateway.uplink.http import new_client
from smartlink.gateway.uplink.objects import ObjectClient
from smartlink.gateway.uplink.pace import Pace, no_limit
from smartlink.gateway.uplink.works import WorksClient
from smartlink.link import paths
from smartlink.link.commands import Deliver
from smartlink.link.problems import ProblemType
from tests.gateway.conftest import START, SetClock
from tests.gateway.fake_orders import an_image, data_set, described
from tests.gateway.fake_works import PORTAL_PAGE, PROXY_PAGE, FakeWorks, Reply, problem, store_error
from tests.gateway.store.examples import a_pacs, an_entry
from tests.gateway.store.test_orders import an_item
from tests.gateway.uplink.examples import signed_in

FIVE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


class Bench:
    """Downloads with everything around them real, and a clock set by hand."""

    def __init__(
        self, database: Database, folder: Path, works: FakeWorks, client: WorksClient, clock: SetClock
    ) -> None:
        self.database, self.works, self.clock = database, works, clock
        self.spool_folder = folder / "fetched"
        self.spool = Spool(self.spool_folder, folder / "incomplete")
        self.http = new_client()
        self.licensed = True
        self.interval = FIVE
        self.room = True
        self.pace = Pace(no_limit, clock)
        self.pacs: Connection = a_pacs(database)
        self.downloads = Downloads(
            database,
            self.spool,
            client,
            ObjectClient(self.http, self.pace),
            clock,
            licensed=lambda: self.licensed,
            revoked=self.revoke,
            interval=lambda: self.interval,
            room=lambda: self.room,
            luck=lambda: 0.5,
        )

    def revoke(self) -> None:
        self.licensed = False

    def order(self, *images: bytes, resend: bool = False) -> Deliver:
        """Order, and have the order written down."""
        command = self.works.orders.order(self.pacs.id, *images, resend=resend)
        self.database.write(lambda tx: carry_out(tx, [command], self.clock()))
        return command

    def tick(self, after: timedelta = timedelta()) -> bool:
        return self.downloads.tick(self.clock.move(after))

    def drain(self) -> None:
        for _ in range(100):
            if not self.tick():
                return
        pytest.fail("it does not drain")

    def states(self) -> dict[State, int]:
        counts = self.database.read(lambda tx: counters.deliveries(tx, str(self.pacs.id)))
        return {state: n for state, n in counts.items() if n}

    def news(self) -> list[tuple[str, str | None]]:
        found = self.database.read(lambda tx: orders.untold(tx, 100))
        return [(one.report.state.value, one.report.cause) for one in found]

    def claims(self) -> list[Claim]:
        now = self.clock()
        return self.database.write(lambda tx: deliveries.claim_exam(tx, str(self.pacs.id), now, now + FIVE, 100))

    def stored(self, claim: Claim) -> bytes:
        with self.spool.open(claim.instance.spool_name) as file:
            file.seek(claim.instance.dataset_offset)
            return file.read()


@pytest.fixture
def bench(database: Database, tmp_path: Path, works: FakeWorks, clock: SetClock) -> Iterator[Bench]:
    works.now = clock
    with signed_in(works, clock) as client:
        made = Bench(database, tmp_path, works, client, clock)
        try:
            yield made
        finally:
            made.downloads.close()
            made.http.close()


def test_what_was_ordered_comes_byte_for_byte_and_waits_for_the_pacs(bench: Bench) -> None:
    images = [an_image(f"1.2.3.{number}", pixels=bytes(range(256)) * 9000) for number in range(20)]
    bench.order(*images)
    bench.drain()
    claims = bench.claims()
    assert {bench.stored(one) for one in claims} == {data_set(image) for image in images}
    assert all(one.instance.from_works for one in claims)
    assert {bench.spool.check(one.instance.spool_name).sop_instance_uid for one in claims} == {
        f"1.2.3.{number}" for number in range(20)
    }
    assert bench.works.orders.gets == 20
    assert bench.news() == []


@pytest.mark.proves("R112")
@pytest.mark.parametrize(
    ("path", "reply"),
    [
        (paths.DOWNLOADS, PROXY_PAGE),
        (paths.DOWNLOADS, PORTAL_PAGE),
        (paths.DOWNLOADS, None),
        (paths.DOWNLOADS, problem(ProblemType.UNAVAILABLE)),
        (paths.DOWNLOADS, problem(ProblemType.INSTANCE_REFUSED)),
        (paths.DOWNLOADS, (200, "application/json", b'{"answers": []}')),
        ("/ordered/", PROXY_PAGE),
        ("/ordered/", PORTAL_PAGE),
        ("/ordered/", None),
        ("/ordered/", (302, "text/html", b"")),
        ("/ordered/", (407, "text/html", b"")),
        ("/ordered/", store_error(404, "NoSuchKey")),
        ("/ordered/", store_error(503, "SlowDown")),
    ],
)
def test_a_failing_source_parks_nothing_and_all_comes_when_it_is_well(
    bench: Bench, path: str, reply: Reply | None
) -> None:
    bench.order(*(an_image(f"1.2.3.{number}") for number in range(3)))
    bench.works.disturb(path, reply, times=4)
    bench.works.disturb(paths.HEALTH, PROXY_PAGE, times=2)
    assert not bench.tick()
    assert bench.downloads.failing is not None
    polls = len(bench.works.calls)
    assert not bench.tick()
    assert len(bench.works.calls) == polls, "while the breaker is open, nothing is asked"
    bench.works.calm()
    bench.tick(30 * SECOND)
    bench.drain()
    bench.tick(SECOND)
    bench.drain()
    assert bench.states() == {State.WAITING: 3}
    assert bench.downloads.failing is None


@pytest.mark.proves("R136")
def test_message_10_is_written_when_there_is_no_ticket(bench: Bench) -> None:
    bench.order(an_image("1.2.3.1"))
    bench.works.disturb(paths.DOWNLOADS, PROXY_PAGE)
    with capture_logs() as lines:
        bench.tick()
    assert "Could not get Pre-Signed Url for DICOM Download" in [line.get("message") for line in lines]


def test_an_expired_ticket_is_asked_for_anew(bench: Bench) -> None:
    bench.order(an_image("1.2.3.1"))
    bench.works.disturb("/ordered/", store_error(403, "AccessDenied"))
    bench.drain()
    assert bench.states() == {State.WAITING: 1}
    assert bench.works.calls.count(f"POST {paths.DOWNLOADS}") == 2


def test_tickets_that_are_never_taken_are_about_the_source(bench: Bench) -> None:
    bench.order(an_image("1.2.3.1"))
    bench.works.disturb("/ordered/", store_error(403, "AccessDenied"), times=2)
    assert not bench.tick()
    assert bench.downloads.failing is not None


def test_one_object_that_cannot_be_had_does_not_hold_up_the_others(bench: Bench) -> None:
    command = bench.order(*(an_image(f"1.2.3.{number}") for number in range(4)))
    bench.works.disturb(f"/ordered/{command.instances[0].item_id}", store_error(404, "NoSuchKey"), times=9)
    for _ in range(20):
        bench.tick(2 * SECOND)
    assert bench.states() == {State.WAITING: 3}
    assert bench.database.read(orders.missing).count == 1
    assert ("waiting", "Object storage does not give the file (NoSuchKey).") in bench.news()


@pytest.mark.proves("R111")
def test_a_shorter_interval_pulls_forward_what_waits_already(bench: Bench) -> None:
    bench.interval = 6 * FIVE
    image = an_image("1.2.3.1")
    (item,) = bench.order(image).instances
    bench.works.orders.items[item.item_id] = (item, image[:-1] + b"\x01")
    bench.drain()
    bench.works.orders.items[item.item_id] = (item, image)
    bench.interval = FIVE
    assert not bench.tick(FIVE / 2)
    assert bench.states() == {}
    bench.tick(FIVE * 1.1)
    assert bench.states() == {State.WAITING: 1}


def test_an_object_with_other_bytes_is_tried_three_times_and_then_parked(bench: Bench) -> None:
    image = an_image("1.2.3.1")
    command = bench.order(image, an_image("1.2.3.2"))
    item = command.instances[0]
    bench.works.orders.items[item.item_id] = (item, image[:-1] + b"\x01")
    for after in (timedelta(), FIVE, FIVE):
        bench.tick(after)
        bench.drain()
    assert bench.states() == {State.WAITING: 1}
    assert bench.news() == [
        ("parked", "The image in Works is not the one that was ordered. The digest of its bytes is another one.")
    ]
    assert len(list(bench.spool.names())) == 1, "nothing of it is left behind"
    assert not bench.tick(FIVE)


def test_what_is_no_longer_wanted_is_not_fetched(bench: Bench) -> None:
    command = bench.order(an_image("1.2.3.1"), an_image("1.2.3.2"))
    bench.works.orders.not_wanted.add(command.instances[0].item_id)
    bench.drain()
    assert bench.states() == {State.WAITING: 1}
    assert bench.news() == [("cancelled", "The delivery was cancelled.")]


@pytest.mark.proves("R152")
def test_bytes_that_a_scanner_sent_and_that_lie_here_are_not_fetched(bench: Bench) -> None:
    image = an_image("1.2.3.1")
    command = bench.works.orders.order(bench.pacs.id, image)
    (ordered,) = command.instances
    new = an_entry(uid=ordered.sop_instance_uid)
    instance_id = bench.database.write(lambda tx: instances.add(tx, new))
    assert instance_id is not None
    bench.database.write(
        lambda tx: instances.store_digests(
            tx, instance_id, dataset_sha256=ordered.dataset_sha256, object_sha256="f" * 64
        )
    )
    bench.database.write(lambda tx: carry_out(tx, [command], bench.clock()))
    bench.drain()
    (claim,) = bench.claims()
    assert (claim.instance.id, claim.instance.from_works) == (instance_id, False)
    assert bench.works.orders.gets == 0


@pytest.mark.proves("R152")
def test_the_same_bytes_ordered_twice_are_fetched_once(bench: Bench) -> None:
    bench.order(an_image("1.2.3.1"))
    bench.order(an_image("1.2.3.1"), resend=True)
    bench.drain()
    assert bench.works.orders.gets == 1
    assert bench.states() == {State.WAITING: 1}


@pytest.mark.proves("R86")
def test_an_order_whose_pacs_was_deleted_before_the_file_came_goes_to_the_outbox(bench: Bench) -> None:
    bench.order(an_image("1.2.3.1"))
    bench.database.write(lambda tx: connections.delete(tx, bench.pacs.id, START, at_works=True))
    bench.drain()
    assert bench.news() == [("exhausted", "This PACS connection was deleted.")]


def test_a_full_disk_fetches_nothing(bench: Bench) -> None:
    bench.order(an_image("1.2.3.1"))
    bench.room = False
    assert not bench.tick()
    assert bench.works.orders.gets == 0
    bench.room = True
    bench.tick(SECOND)
    assert bench.states() == {State.WAITING: 1}


def test_without_a_licence_nothing_is_fetched(bench: Bench) -> None:
    bench.order(an_image("1.2.3.1"))
    bench.works.revoked.update(bench.works.gateways)
    assert not bench.tick()
    assert not bench.licensed
    assert not bench.tick()
    assert bench.works.orders.gets == 0


def test_the_end_of_the_program_blames_nobody(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.order(an_image("1.2.3.1"))

    def stop(_size: int) -> None:
        raise Stopping("SmartLink ends.")

    monkeypatch.setattr(bench.pace, "take", stop)
    assert not bench.tick()
    assert bench.downloads.failing is None
    assert bench.news() == []
    monkeypatch.undo()
    bench.drain()
    assert bench.states() == {State.WAITING: 1}


def test_files_that_nobody_knows_are_removed_at_start(bench: Bench) -> None:
    bench.order(an_image("1.2.3.1"))
    bench.drain()
    left = Arrival(bench.spool, an_item(size=10**6))
    left.take(memoryview(an_image("1.2.3.1")))
    assert len(list((bench.spool_folder).rglob("*/*"))) == 2
    again = Spool(bench.spool_folder, bench.spool_folder.parent / "incomplete")
    bench.downloads._spool = again  # noqa: SLF001  as a new program sees the folder
    assert bench.downloads.scan() == 1
    assert len(list(again.names())) == 1
    left.abandon()


@pytest.mark.parametrize("size", [1, 7, 143, 144, 300, 10**6])
def test_an_object_may_come_in_pieces_of_any_size(spool: Spool, size: int) -> None:
    image = an_image("1.2.3.1")
    ordered = described_item(image)
    arrival = Arrival(spool, ordered)
    for at in range(0, len(image), size):
        arrival.take(memoryview(image[at : at + size]))
    kept = arrival.finish(START)
    with spool.open(kept.name) as file:
        file.seek(kept.dataset_offset)
        assert file.read() == data_set(image)


def described_item(image: bytes) -> orders.Item:
    one = described(image)
    return replace(
        an_item(),
        sop_instance_uid=one.sop_instance_uid,
        size=one.size,
        object_sha256=one.object_sha256,
        dataset_sha256=one.dataset_sha256,
    )


def test_what_is_longer_shorter_or_no_dicom_file_is_refused(spool: Spool) -> None:
    image = an_image("1.2.3.1")
    longer = Arrival(spool, described_item(image))
    with pytest.raises(NotAsOrdered, match="longer"):
        longer.take(memoryview(image + b"x"))
    shorter = Arrival(spool, described_item(image))
    shorter.take(memoryview(image[:-1]))
    with pytest.raises(TryAgain, match="a part"):
        shorter.finish(START)
    shorter.abandon()
    with pytest.raises(NotAsOrdered, match="no DICOM file"):
        where_data_set_begins(bytes(200))
    with pytest.raises(NotAsOrdered, match="impossible"):
        where_data_set_begins(image[:140] + b"\xff\xff\xff\xff")
    other = Arrival(spool, replace(described_item(image), dataset_sha256="0" * 64))
    other.take(memoryview(image))
    with pytest.raises(NotAsOrdered, match="Data Set"):
        other.finish(START)
    other.abandon()
    assert list(spool.names()) == []
