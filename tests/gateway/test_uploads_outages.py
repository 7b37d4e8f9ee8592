"""An hour of a proxy's own pages, two days without Works: nothing is parked, nothing is lost, all drains by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from smartlink.gateway.delivery import State
from smartlink.gateway.messages import Message
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.spool import Spool
from tests.gateway.conftest import Keep, SetClock
from tests.gateway.fake_works import FakeWorks
from tests.gateway.uplink.proxy import Page, Proxy, running
from tests.gateway.upload_bench import Bench, a_bench

PASSWORD = "s3cret-w0rd"
LARGE = bytes(range(256)) * (40 * 1024**2 // 256)
PAGES: dict[str, Page] = {
    "200": (200, "text/html", b"<html>Please accept our terms of use</html>"),
    "302": (302, "text/html", b"<html>Sign in first</html>"),
    "403": (403, "text/html", b"<html>Blocked by the hospital's policy</html>"),
    "407": (407, "text/html", b"<html>Who are you?</html>"),
    "502": (502, "text/html", b"<html>Bad gateway</html>"),
}


def outlast(bench: Bench, duration: timedelta, step: timedelta) -> None:
    """Let time pass while nothing gets through."""
    end = bench.clock() + duration
    while bench.clock() < end:
        assert not bench.tick(step)


BEFORE = [
    pytest.param(
        page, where, id=f"{name} {what}", marks=pytest.mark.night if what == "storage" and name != "502" else ()
    )
    for name, page in PAGES.items()
    for where, what in (("", "everywhere"), ("/objects/", "storage"))
]
"""Each page before everything, and before the object storage alone."""


@pytest.mark.proves("R146")
@pytest.mark.parametrize(("page", "where"), BEFORE)
def test_an_hour_of_a_proxys_own_pages_parks_nothing_and_all_drains(
    database: Database, spool: Spool, works: FakeWorks, clock: SetClock, keep: Keep, page: Page, where: str
) -> None:
    with running(Proxy("smartlink", PASSWORD)) as proxy, capture_logs() as lines:
        address = SecretStr(proxy.url_with(f"smartlink:{PASSWORD}"))
        with a_bench(database, spool, works, clock, address) as bench:
            for number in range(20):
                bench.enter(keep(f"1.2.{number + 1}"))
            bench.enter(keep("1.3", data=LARGE))
            proxy.page, proxy.page_for = page, where
            outlast(bench, timedelta(hours=1), timedelta(seconds=30))
            assert bench.states() == {State.WAITING: 21}
            proxy.page = None
            bench.clock.move(timedelta(seconds=30))
            bench.drain()
            assert bench.states() == {State.SENT: 21}
    assert len(works.stored_data_sets()) == 21
    assert set(works.large.puts.values()) == {1}
    assert PASSWORD not in repr(lines)


@pytest.mark.proves("R146")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("waiting", [500, pytest.param(5000, marks=pytest.mark.soak)])
def test_works_down_two_days_with_thousands_waiting_and_all_drains(
    database: Database, spool: Spool, works: FakeWorks, clock: SetClock, keep: Keep, waiting: int
) -> None:
    with a_bench(database, spool, works, clock) as bench:
        for number in range(waiting):
            bench.enter(keep(f"1.2.{number + 1}", data=b"%d" % number))
        works.disturb("/", None, times=-1)
        with capture_logs() as lines:
            outlast(bench, timedelta(days=2), timedelta(minutes=5))
        assert bench.states() == {State.WAITING: waiting}
        told = [line for line in lines if line.get("message") == Message.UPLOADING_IMAGE_FAILED.text]
        assert len(told) == pytest.approx(2 * 24 * 12, abs=1), "once for each interval of two days"
        works.calm()
        bench.clock.move(timedelta(seconds=30))
        bench.drain(1000)
        assert bench.states() == {State.SENT: waiting}
    assert works.puts == waiting
    assert len(set(works.stored_data_sets())) == waiting
