"""From claim to receipt against a real server: with faults of Works, of storage, of one image, and with kills."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.delivery import State
from smartlink.gateway.store import connections, counters, deliveries, instances
from smartlink.gateway.store.database import open_in
from smartlink.gateway.store.deliveries import WORKS
from smartlink.gateway.store.spool import Spool
from smartlink.gateway.uplink.http import new_client
from smartlink.gateway.uplink.objects import ObjectClient
from smartlink.gateway.uplink.pace import Pace, no_limit
from smartlink.gateway.uploads import Uploads
from smartlink.link import paths
from smartlink.link.problems import ProblemType
from tests.gateway.conftest import Keep, SetClock
from tests.gateway.fake_works import PORTAL_PAGE, PROXY_PAGE, FakeWorks, Reply, problem, store_error
from tests.gateway.uplink.examples import signed_in
from tests.gateway.upload_bench import FIVE, Bench, a_bench, bench

__all__ = ["bench"]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def messages(lines: list[dict[str, object]]) -> list[object]:
    return [line["message"] for line in lines if "message" in line]


def test_an_image_travels_with_its_mark_zeroed_and_its_bytes_unchanged(bench: Bench, keep: Keep) -> None:
    data = bytes(range(256)) * 20_000
    kept = keep("1.2.3.1", data=data)
    bench.enter(kept)
    bench.drain()
    (stored,) = bench.works.objects.values()
    assert stored[:128] == bytes(128)
    assert stored[kept.dataset_offset :] == data
    assert bench.works.stored_data_sets() == [sha256(data)]
    (sent,) = bench.listed(State.SENT)
    assert sent.sent_at == bench.clock()


def test_when_the_bytes_were_there_is_written_down_with_their_receipt(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3.1"))
    bench.enter(keep("1.2.3.2"))
    bench.works.disturb("/objects/", PROXY_PAGE)
    with capture_logs():
        bench.drain()
        bench.tick(timedelta(seconds=31))
        bench.drain()
    rows = bench.database.read(lambda tx: tx.execute("SELECT put_at, sent_at FROM delivery").fetchall())
    assert [row["put_at"] for row in rows] == [row["sent_at"] for row in rows]
    assert all(row["put_at"] for row in rows)


def test_a_backlog_goes_in_batches_and_each_image_once(bench: Bench, keep: Keep) -> None:
    for number in range(40):
        bench.enter(keep(f"1.2.3.{number}"))
    bench.drain()
    assert bench.states() == {State.SENT: 40}
    assert bench.works.puts == 40
    assert bench.works.calls.count(f"POST {paths.UPLOADS_OFFER}") == 3


def test_without_a_licence_nothing_goes(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3.1"))
    bench.licensed = False
    assert not bench.tick()
    assert bench.states() == {State.WAITING: 1}


@pytest.mark.proves("R142", "R146")
@pytest.mark.parametrize(
    ("path", "reply"),
    [
        (paths.UPLOADS_OFFER, PROXY_PAGE),
        (paths.UPLOADS_OFFER, PORTAL_PAGE),
        (paths.UPLOADS_OFFER, None),
        (paths.UPLOADS_OFFER, problem(ProblemType.UNAVAILABLE)),
        (paths.UPLOADS_CONFIRM, PROXY_PAGE),
        (paths.UPLOADS_CONFIRM, None),
        ("/objects/", PROXY_PAGE),
        ("/objects/", None),
        ("/objects/", store_error(503, "SlowDown")),
    ],
)
def test_a_failing_destination_parks_nothing_and_drains_by_itself(
    bench: Bench, keep: Keep, path: str, reply: Reply | None
) -> None:
    for number in range(3):
        bench.enter(keep(f"1.2.3.{number}"))
    bench.works.disturb(path, reply, times=3)
    bench.works.disturb(paths.HEALTH, PROXY_PAGE, times=2)
    assert not bench.tick()
    assert State.PARKED not in bench.states()
    assert not bench.tick(), "the breaker is open"
    for _ in range(10):
        bench.tick(timedelta(seconds=31))
    bench.drain()
    assert bench.states() == {State.SENT: 3}
    assert len(bench.works.stored_data_sets()) == 3


@pytest.mark.proves("R136")
def test_messages_2_and_9_are_written_and_2_only_once_per_outage_and_interval(bench: Bench, keep: Keep) -> None:
    for number in range(20):
        bench.enter(keep(f"1.2.3.{number}"))
    bench.works.disturb(paths.UPLOADS_OFFER, PROXY_PAGE, times=-1)
    with capture_logs() as lines:
        bench.tick()
        bench.tick(timedelta(seconds=2))
    found = messages(list(map(dict, lines)))
    assert found.count("Could not get Pre-Signed Url for DICOM Upload") == 2
    assert found.count("Uploading Image Failed") == 1
    with capture_logs() as lines:
        bench.tick(FIVE)
    assert messages(list(map(dict, lines))).count("Uploading Image Failed") == 1


def test_uploads_say_since_when_they_fail_and_why(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3"))
    assert bench.uploads.failing is None
    bench.works.disturb(paths.UPLOADS_OFFER, PROXY_PAGE, times=2)
    with capture_logs():
        bench.tick()
        since = bench.clock()
        bench.tick(timedelta(seconds=2))
    assert bench.uploads.failing == (since, "Something else than Works answers: a proxy, or a wrong address.")
    bench.tick(timedelta(seconds=5))
    assert bench.uploads.failing is None


def test_a_good_probe_lets_one_item_through_and_its_success_all(bench: Bench, keep: Keep) -> None:
    for number in range(5):
        bench.enter(keep(f"1.2.3.{number}"))
    bench.works.disturb(paths.UPLOADS_OFFER, PROXY_PAGE)
    bench.tick()
    assert bench.tick(timedelta(seconds=2))
    assert bench.states() == {State.SENT: 1, State.WAITING: 4}
    bench.drain()
    assert bench.states() == {State.SENT: 5}


def test_an_expired_ticket_is_asked_for_again_at_once(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3.1"))
    bench.works.disturb("/objects/", store_error(403, "AccessDenied"))
    bench.drain()
    assert bench.states() == {State.SENT: 1}
    assert bench.works.calls.count(f"POST {paths.UPLOADS_OFFER}") == 2


def test_tickets_that_are_never_taken_are_the_destinations_fault(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3.1"))
    bench.works.disturb("/objects/", store_error(403, "AccessDenied"), times=2)
    assert not bench.tick()
    assert bench.states() == {State.WAITING: 1}


@pytest.mark.proves("R151")
def test_an_object_that_is_there_already_only_needs_its_confirmation(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3.1"))
    bench.works.disturb(paths.UPLOADS_CONFIRM, None)
    bench.tick()
    assert len(bench.works.objects) == 1
    bench.tick(timedelta(seconds=2))
    assert bench.states() == {State.SENT: 1}
    assert bench.works.puts == 1


@pytest.mark.proves("R151")
def test_an_object_whose_answer_was_lost_is_not_put_over_the_first(bench: Bench, keep: Keep) -> None:
    kept = keep("1.2.3.1")
    bench.enter(kept)
    bench.works.disturb("/objects/", None)
    bench.tick()
    with_mark_zeroed = bytes(128) + (bench.spool_file(kept))[128:]
    bench.works.objects[sha256(with_mark_zeroed)] = with_mark_zeroed
    bench.tick(timedelta(seconds=2))
    assert bench.states() == {State.SENT: 1}
    assert bench.works.puts == 0


def test_an_upload_that_works_forgot_is_offered_anew(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3.1"))
    bench.works.disturb("/objects/", None)
    bench.tick()
    bench.works.uploads.clear()
    bench.tick(timedelta(seconds=2))
    assert bench.states() == {State.SENT: 1}


def test_one_bad_file_is_parked_with_a_remedy_and_holds_up_nobody(bench: Bench, keep: Keep) -> None:
    for number in range(3):
        kept = keep(f"1.2.3.{number}")
        bench.enter(kept, crc32=kept.crc32 ^ (number == 1))
    bench.drain()
    assert bench.states() == {State.SENT: 2, State.PARKED: 1}
    (parked,) = bench.listed(State.PARKED)
    assert "no longer has the bytes" in (parked.cause or "")
    assert "Send the image again" in (parked.remedy or "")


def test_a_missing_file_is_parked(bench: Bench, keep: Keep, spool: Spool) -> None:
    kept = keep("1.2.3.1")
    bench.enter(kept)
    spool.remove(kept.name)
    bench.drain()
    assert bench.states() == {State.PARKED: 1}


@pytest.mark.parametrize("code", ["BadDigest", "EntityTooLarge"])
def test_a_file_that_storage_refuses_is_parked_alone(bench: Bench, keep: Keep, code: str) -> None:
    for number in range(3):
        bench.enter(keep(f"1.2.3.{number}"))
    bench.works.disturb("/objects/", store_error(400, code))
    bench.drain()
    assert bench.states() == {State.SENT: 2, State.PARKED: 1}


def test_an_instance_that_works_refuses_is_parked_and_one_with_another_trouble_waits(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3.1"))
    bench.works.disturb(paths.UPLOADS_OFFER, refusal("urn:smartlink:problem:instance_refused"))
    bench.drain()
    assert bench.states() == {State.PARKED: 1}
    bench.enter(keep("1.2.3.2"))
    bench.works.disturb(paths.UPLOADS_OFFER, refusal("urn:smartlink:problem:of_the_future", reference="2"))
    bench.drain()
    assert bench.states() == {State.PARKED: 1, State.WAITING: 1}
    (waiting,) = bench.listed(State.WAITING)
    assert waiting.next_attempt_at == bench.clock() + FIVE


@pytest.mark.proves("R111")
def test_a_shorter_interval_pulls_forward_what_waits_already_and_a_longer_one_changes_nothing(
    bench: Bench, keep: Keep
) -> None:
    bench.interval = 6 * FIVE
    bench.enter(keep("1.2.3.1"))
    bench.works.disturb(paths.UPLOADS_OFFER, refusal("urn:smartlink:problem:of_the_future"))
    bench.drain()
    (waiting,) = bench.listed(State.WAITING)
    assert waiting.next_attempt_at == bench.clock() + 6 * FIVE
    bench.interval = FIVE
    assert not bench.tick()
    (waiting,) = bench.listed(State.WAITING)
    assert waiting.next_attempt_at == bench.clock() + FIVE * 1.1
    bench.interval = 6 * FIVE
    assert not bench.tick()
    assert bench.listed(State.WAITING) == [waiting]
    bench.tick(FIVE * 1.1)
    assert bench.states() == {State.SENT: 1}


def refusal(kind: str, reference: str = "1") -> Reply:
    answer = {"outcome": "refused", "reference": reference, "type": kind, "detail": "Not like this."}
    return 200, "application/json", json.dumps({"answers": [answer]}).encode()


def test_a_batch_that_is_refused_as_a_whole_is_offered_one_by_one(bench: Bench, keep: Keep) -> None:
    for number in range(3):
        bench.enter(keep(f"1.2.3.{number}"))
    bench.works.disturb(paths.UPLOADS_OFFER, problem(ProblemType.REQUEST_INVALID), times=2)
    bench.drain()
    assert bench.states() == {State.SENT: 2, State.WAITING: 1}
    bench.tick(FIVE)
    assert bench.states() == {State.SENT: 3}


@pytest.mark.proves("R66")
def test_images_of_a_connection_that_works_lost_are_held_until_it_is_put_anew(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3.1"))
    bench.works.connections.clear()
    bench.drain()
    assert bench.states() == {State.HELD: 1}
    connection = bench.database.read(lambda tx: connections.find(tx, bench.connection.id))
    assert connection is not None
    assert (connection.is_in_works, connection.is_pending) == (False, True)


@pytest.mark.proves("R152")
def test_the_same_image_from_two_ultrasound_systems_is_sent_once(bench: Bench, keep: Keep) -> None:
    other = bench.connect("US02")
    bench.enter(keep("1.2.3.1", data=b"the same"))
    bench.enter(keep("1.2.3.1", data=b"the same", ae="US02"), origin=other.id)
    bench.drain()
    bench.tick(timedelta(seconds=2))
    assert bench.states() == {State.SENT: 2}
    assert bench.works.puts == 1
    assert [one.duplicate for one in bench.listed()] == [True, False]
    assert bench.database.read(counters.instances)["duplicate"] == 1


@pytest.mark.parametrize("purged", [False, True])
def test_what_works_lost_is_uploaded_again_although_the_scanner_sent_it_twice(
    bench: Bench, keep: Keep, clock: SetClock, *, purged: bool
) -> None:
    bench.enter(keep("1.2.3.1", data=b"the same"))
    bench.enter(keep("1.2.3.1", data=b"the same"))
    bench.drain()
    bench.tick(timedelta(seconds=2))
    assert (bench.states(), bench.works.puts) == ({State.SENT: 2}, 1)
    bench.works.uploads.clear()
    bench.works.objects.clear()
    if purged:
        bench.database.write(lambda tx: instances.purged(tx, 1, clock()))
    bench.database.write(lambda tx: deliveries.lost(tx, 2, clock()))
    bench.drain()
    bench.tick(timedelta(seconds=2))
    assert (bench.states(), bench.works.puts) == ({State.SENT: 2}, 2)
    assert bench.works.stored_data_sets() == [sha256(b"the same")]


@pytest.mark.proves("R152")
def test_a_duplicate_takes_its_elders_place_when_that_one_is_damaged(bench: Bench, keep: Keep) -> None:
    elder = keep("1.2.3.1", data=b"the same")
    bench.enter(elder, crc32=elder.crc32 ^ 1)
    bench.enter(keep("1.2.3.1", data=b"the same"))
    bench.drain()
    bench.tick(timedelta(seconds=2))
    assert bench.states() == {State.SENT: 1, State.PARKED: 1}
    assert bench.works.stored_data_sets() == [sha256(b"the same")]


@pytest.mark.proves("R152")
def test_two_images_with_one_uid_and_other_bytes_are_both_kept_and_flagged(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3.1", data=b"one"))
    bench.drain()
    bench.enter(keep("1.2.3.1", data=b"another"))
    bench.drain()
    assert bench.states() == {State.SENT: 2}
    assert len(bench.works.objects) == 2
    assert [one.conflict for one in bench.listed()] == [True, False]


@pytest.mark.proves("R34", "R35")
def test_a_revoked_licence_stops_uploads_and_keeps_the_images(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3.1"))
    bench.works.revoked.update(bench.works.gateways)
    assert not bench.tick()
    assert not bench.licensed
    assert bench.states() == {State.WAITING: 1}


@pytest.mark.proves("R151")
@pytest.mark.parametrize("killed_at", ["offer", "confirm"])
def test_a_kill_in_the_middle_costs_a_repeat_and_no_image(
    tmp_path: Path, works: FakeWorks, clock: SetClock, spool: Spool, keep: Keep, killed_at: str
) -> None:
    class KilledError(BaseException):
        """The process is gone."""

    with open_in(tmp_path / "data") as first, a_bench(first, spool, works, clock) as bench:
        bench.enter(keep("1.2.3.1"))
        die_in(bench, killed_at, KilledError)
        with pytest.raises(KilledError):
            bench.tick()
    with open_in(tmp_path / "data") as second, signed_in(works, clock) as client:
        assert second.read(lambda tx: counters.deliveries(tx, WORKS))[State.SENDING] == 1
        second.write(lambda tx: deliveries.expire_leases(tx, clock(), clock() + timedelta(days=9)))
        with new_client() as http:
            anew = Uploads(
                second,
                spool,
                client,
                ObjectClient(http, Pace(no_limit, SetClock())),
                clock,
                licensed=lambda: True,
                revoked=lambda: None,
                interval=lambda: FIVE,
            )
            assert anew.tick(clock())
            anew.close()
        assert second.read(lambda tx: counters.deliveries(tx, WORKS))[State.SENT] == 1
    assert len(set(works.stored_data_sets())) == len(works.objects) == 1
    assert works.puts == 1


def die_in(bench: Bench, step: str, death: type[BaseException]) -> None:
    """Let the process end right before the answer of one call is seen."""
    call: Callable[..., object] = getattr(bench.client, step)

    def dying(message: object) -> object:
        call(message)
        raise death

    setattr(bench.client, step, dying)
