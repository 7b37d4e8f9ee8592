"""A large image in parts: each put once, whatever breaks in between."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.delivery import State
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.spool import Spool
from smartlink.link import paths
from tests.gateway.conftest import Keep, SetClock
from tests.gateway.fake_works import PROXY_PAGE, FakeWorks
from tests.gateway.upload_bench import Bench, a_bench, bench

__all__ = ["bench"]

CINE = bytes(range(256)) * (40 * 1024**2 // 256)


def test_a_large_image_goes_in_parts_each_once_and_is_verified_before_its_receipt(bench: Bench, keep: Keep) -> None:
    kept = keep("1.2.3", data=CINE)
    bench.enter(kept)
    bench.works.large.verifications = 2
    assert bench.tick()
    (waiting,) = bench.listed()
    assert (waiting.state, waiting.cause) == (State.WAITING, "Works reads the image to verify it.")
    assert not bench.tick()
    bench.tick(timedelta(seconds=1))
    bench.tick(timedelta(seconds=1))
    assert bench.states() == {State.SENT: 1}
    assert list(bench.works.large.puts.values()) == [1, 1, 1]
    (whole,) = bench.works.objects.values()
    assert whole[kept.dataset_offset :] == CINE
    assert whole[:128] == bytes(128)


@pytest.mark.parametrize("lost", range(1, 4))
def test_parts_survive_a_restart_and_what_is_in_storage_is_not_put_again(
    database: Database, spool: Spool, works: FakeWorks, clock: SetClock, keep: Keep, lost: int
) -> None:
    with a_bench(database, spool, works, clock) as before:
        before.enter(keep("1.2.3", data=CINE))
        # One part gets through and its answer is lost; the others never come.
        before.works.disturb(f"/{lost}", PROXY_PAGE)
        assert not before.tick()
        assert before.states() == {State.WAITING: 1}
    stored = set(works.large.puts)
    assert len(stored) == 2
    works.calm()
    clock.move(timedelta(minutes=1))
    with a_bench(database, spool, works, clock) as after:
        after.drain()
        assert after.states() == {State.SENT: 1}
    assert len(works.large.puts) == 3
    assert set(works.large.puts.values()) == {1}


def test_a_part_whose_answer_was_lost_is_not_put_again(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3", data=CINE))
    bench.tick()
    (upload_id,) = bench.works.large.parts
    # Another image, whose parts Works has although nobody here knows.
    bench.enter(keep("1.2.4", data=CINE[::-1]))
    bench.works.disturb(paths.UPLOADS_CONFIRM, PROXY_PAGE, times=1)
    bench.tick()
    bench.database.write(lambda tx: tx.execute("UPDATE part SET upload_id = NULL"))
    bench.clock.move(timedelta(minutes=1))
    bench.drain()
    assert bench.states() == {State.SENT: 2}
    assert set(bench.works.large.puts.values()) == {1}
    assert len(bench.works.large.parts) == 2
    assert upload_id in bench.works.large.parts


def test_a_small_image_has_its_turn_between_the_parts_of_a_large_one(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3", data=CINE * 3))
    assert bench.tick()
    (large,) = bench.listed()
    assert large.cause == "3 of 8 parts are in storage."
    bench.enter(keep("1.2.4"))
    assert bench.tick()
    assert bench.states() == {State.SENT: 1, State.WAITING: 1}
    bench.drain()
    assert bench.states() == {State.SENT: 2}
    assert set(bench.works.large.puts.values()) == {1}


def test_parts_that_works_does_not_find_are_put_again(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3", data=CINE))
    bench.works.disturb(paths.UPLOADS_CONFIRM, PROXY_PAGE)
    bench.tick()
    (there,) = bench.works.large.parts.values()
    assert len(there) == 3
    there.clear()
    bench.clock.move(timedelta(minutes=1))
    bench.drain()
    assert bench.states() == {State.SENT: 1}
    assert list(bench.works.large.puts.values()) == [2, 2, 2]


def test_an_upload_that_works_forgot_begins_anew(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3", data=CINE * 3))
    bench.tick()
    bench.works.large.parts.clear()
    bench.works.uploads.clear()
    bench.drain()
    assert bench.states() == {State.SENT: 1}


def test_when_the_program_ends_an_upload_in_hand_goes_back_and_nothing_failed(bench: Bench, keep: Keep) -> None:
    bench.enter(keep("1.2.3"))
    bench.pace.end()
    bench.clock.move(timedelta(minutes=1))
    with capture_logs() as lines:
        assert not bench.tick()
    assert bench.states() == {State.WAITING: 1}
    assert bench.uploads.failing is None
    assert [line for line in lines if "message" in line] == []
