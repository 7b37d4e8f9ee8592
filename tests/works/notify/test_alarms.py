"""A gateway offline, a scanner silent, a disk that fills up: told when it begins, daily, and when it is over."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from smartlink.works.access import Access
from smartlink.works.errors import Invalid, NotFound
from smartlink.works.notify.alarms import AGAIN, REST, Alarms, step, watch_silence
from smartlink.works.notify.digest import Letterhead
from smartlink.works.store import connections, gateways, mails
from smartlink.works.store.alarms import Told
from tests.works.cast import NOW, Cast
from tests.works.notify.test_digest import Sorting
from tests.works.store.test_alarms import a_scanner
from tests.works.store.test_lookups import add_gateway

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
NOBODY_TOLD = Told("offline", uuid.UUID(int=1), NOW)


def test_a_beginning_is_told_at_once_then_daily_then_the_end_once() -> None:
    mail, told = step(NOBODY_TOLD, wrong=True, now=NOW)
    assert mail
    assert step(told, wrong=True, now=NOW + AGAIN - MINUTE) == (False, told)
    mail, told = step(told, wrong=True, now=NOW + AGAIN)
    assert (mail, told.announced_at) == (True, NOW)
    mail, told = step(told, wrong=False, now=NOW + AGAIN + MINUTE)
    assert (mail, told.announced_at) == (True, None)
    assert step(told, wrong=False, now=NOW + 2 * AGAIN) == (False, told)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 200)), max_size=60))
def test_what_comes_and_goes_fills_no_mailbox(story: list[tuple[bool, int]]) -> None:
    told, now, begun, ended = NOBODY_TOLD, NOW, [], 0
    for wrong, minutes in story:
        now += MINUTE * minutes
        mail, told = step(told, wrong=wrong, now=now)
        begun += [now] if mail and wrong else []
        ended += mail and not wrong
    assert all(later - earlier >= REST for earlier, later in pairwise(begun))
    assert ended <= len(begun)


@dataclass
class Scene:
    """Lakeside with Alice, a gateway and an ultrasound system."""

    access: Access
    cast: Cast
    gateway_id: uuid.UUID
    scanner_id: uuid.UUID
    alarms: Alarms
    now: datetime = NOW
    seen: list[uuid.UUID] = field(default_factory=list)

    def beat(self, *, heard: datetime | None = None, **disk: Any) -> None:
        """A sign of life."""
        scanner = {"connection_id": str(self.scanner_id), "last_image_at": None if heard is None else heard.isoformat()}
        status = {"disk": {"free": 100, "total": 200, "reserve": 10} | disk, "scanners": [scanner]}
        with self.access.organisation(self.cast.lakeside.organisation_id) as site:
            gateways.beat(site, self.gateway_id, version="1", status=status, now=self.now)

    def later(self, after: timedelta, *, beats: bool = True, **status: Any) -> list[str]:
        """Time passes; the kinds of the mails that are written."""
        self.now += after
        if beats:
            self.beat(**status)
        self.alarms.tick(self.now)
        with self.access.organisation(self.cast.lakeside.organisation_id) as site:
            fresh = [
                one
                for one in mails.listing(site, [self.cast.lakeside.facility_id], 100)
                if one.id not in self.seen and one.recipient == "alice@example.org"
            ]
        self.seen += [one.id for one in fresh]
        self.texts = {one.kind: one for one in fresh}
        return sorted(self.texts)

    def watch(self, hours: int | None) -> None:
        with self.access.organisation(self.cast.lakeside.organisation_id) as site:
            watch_silence(site, self.scanner_id, hours, self.now)


@pytest.fixture
def scene(access: Access, cast: Cast) -> Scene:
    gateway = add_gateway(access, cast.lakeside)
    made = Alarms(access, Sorting(), Letterhead("https://works.example"), timedelta(minutes=15))
    made_scene = Scene(access, cast, gateway, a_scanner(access, cast.lakeside, gateway), made)
    made_scene.beat()
    return made_scene


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with capture_logs():
        yield


@pytest.mark.proves("R114")
def test_a_gateway_without_a_sign_of_life_is_offline_after_a_quarter_of_an_hour(scene: Scene) -> None:
    assert scene.later(14 * MINUTE, beats=False) == []
    assert scene.later(MINUTE, beats=False) == ["offline"]
    assert "no sign of life since 2 Mar 2026, 10:30 (15 min)" in scene.texts["offline"].body
    assert scene.later(HOUR, beats=False) == []
    assert scene.later(AGAIN, beats=False) == ["offline"]
    assert scene.later(MINUTE) == ["offline_over"]
    assert "since 2 Mar 2026, 10:30" in scene.texts["offline_over"].body
    assert scene.later(MINUTE) == []
    assert scene.later(AGAIN) == []


def test_a_gateway_that_was_replaced_is_not_told_of_any_more(scene: Scene) -> None:
    assert scene.later(HOUR, beats=False) == ["offline"]
    with scene.access.organisation(scene.cast.lakeside.organisation_id) as site:
        gateways.revoke(site, scene.gateway_id)
    assert scene.later(AGAIN, beats=False) == []


def test_further_looks_tell_nothing_twice(scene: Scene) -> None:
    assert scene.later(HOUR, beats=False) == ["offline"]
    assert [scene.later(after, beats=False) for after in (timedelta(), MINUTE, MINUTE)] == [[], [], []]


def test_an_outage_soon_after_another_is_told_too(scene: Scene) -> None:
    assert scene.later(HOUR, beats=False) == ["offline"]
    assert scene.later(MINUTE) == ["offline_over"]
    assert scene.later(30 * MINUTE, beats=False) == []
    assert scene.later(30 * MINUTE, beats=False) == ["offline"]


def test_a_silent_scanner_is_told_of_only_when_somebody_asked_for_it(scene: Scene) -> None:
    assert scene.later(100 * HOUR) == []
    scene.watch(24)
    assert scene.later(HOUR, heard=scene.now - 22 * HOUR) == []
    assert scene.later(HOUR, heard=scene.now - 23 * HOUR) == ["silent"]
    assert "Room 1 (US01)" in scene.texts["silent"].subject
    assert scene.later(HOUR, heard=scene.now) == ["silent_over"]


def test_nobody_calls_a_scanner_silent_while_its_gateway_is(scene: Scene) -> None:
    scene.watch(1)
    assert scene.later(5 * HOUR, beats=False) == ["offline"]
    assert scene.later(MINUTE, heard=scene.now) == ["offline_over"]


def test_the_end_of_watching_ends_the_alarm_without_a_mail(scene: Scene) -> None:
    scene.watch(1)
    assert scene.later(2 * HOUR) == ["silent"]
    scene.watch(None)
    assert scene.later(HOUR) == []
    scene.watch(1)
    with scene.access.organisation(scene.cast.lakeside.organisation_id) as site:
        connections.tombstone(site, scene.scanner_id, scene.now)
    assert scene.later(HOUR) == []


def test_nothing_is_said_of_a_disk_while_its_gateway_is_offline(scene: Scene) -> None:
    assert scene.later(MINUTE, free=19) == ["disk"]
    assert scene.later(AGAIN, beats=False) == ["offline"]
    assert scene.later(MINUTE) == ["disk_over", "offline_over"]


@pytest.mark.parametrize("disk", [{"free": 19}, {"days_left": 2.9}])
def test_a_disk_that_fills_up_is_told_of_by_its_space_and_by_its_days(scene: Scene, disk: dict[str, Any]) -> None:
    assert scene.later(MINUTE, days_left=3.1) == []
    assert scene.later(MINUTE, **disk) == ["disk"]
    assert ("full in 2.9 days" in scene.texts["disk"].body) is ("days_left" in disk)
    assert scene.later(MINUTE, free=21) == ["disk_over"]


def test_only_an_ultrasound_system_can_be_watched_and_only_for_hours_of_a_year(scene: Scene) -> None:
    with scene.access.organisation(scene.cast.lakeside.organisation_id) as site:
        for hours in (0, 8761):
            with pytest.raises(Invalid):
                watch_silence(site, scene.scanner_id, hours, NOW)
        with pytest.raises(NotFound):
            watch_silence(site, uuid.uuid4(), 24, NOW)
    with scene.access.organisation(scene.cast.elsewhere.organisation_id) as site, pytest.raises(NotFound):
        watch_silence(site, scene.scanner_id, 24, NOW)
