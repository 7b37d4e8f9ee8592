"""A digest at once, then once per interval, then one mail that it ended; a PACS that is down for four days."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from smartlink.works.access import Access, Site
from smartlink.works.notify.digest import Digests, Kind, Letterhead, step
from smartlink.works.store import connections, gateways, mails, notices
from smartlink.works.store.connections import ConnectionRow
from smartlink.works.store.notices import Notice, Progress
from tests.works.cast import NOW, Cast
from tests.works.store.test_lookups import add_gateway

HOUR = timedelta(hours=1)
FOUR = 4 * HOUR
NOBODY_TOLD = Progress(uuid.UUID(int=1))


def test_a_failure_is_told_at_once_and_then_once_per_interval() -> None:
    kind, progress = step(NOBODY_TOLD, failing=True, every=FOUR, now=NOW)
    assert (kind, progress.due_at) == (Kind.DIGEST, NOW + FOUR)
    kind, same = step(progress, failing=True, every=FOUR, now=NOW + 3 * HOUR)
    assert (kind, same) == (None, progress)
    assert step(progress, failing=True, every=FOUR, now=NOW + FOUR)[0] is Kind.DIGEST


def test_another_interval_counts_at_once() -> None:
    _, progress = step(NOBODY_TOLD, failing=True, every=FOUR, now=NOW)
    assert step(progress, failing=True, every=HOUR, now=NOW + HOUR)[0] is Kind.DIGEST
    assert step(progress, failing=True, every=24 * HOUR, now=NOW + FOUR)[1].due_at == NOW + 24 * HOUR


def test_the_end_is_told_once_and_only_if_the_beginning_was() -> None:
    assert step(NOBODY_TOLD, failing=False, every=FOUR, now=NOW) == (None, NOBODY_TOLD)
    _, progress = step(NOBODY_TOLD, failing=True, every=FOUR, now=NOW)
    kind, ended = step(progress, failing=False, every=FOUR, now=NOW + HOUR)
    assert (kind, ended.due_at, ended.announced_at) == (Kind.RECOVERED, None, None)
    assert step(ended, failing=False, every=FOUR, now=NOW + HOUR)[0] is None


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 200)), max_size=60), st.integers(1, 24))
def test_a_destination_that_comes_and_goes_fills_no_mailbox(story: list[tuple[bool, int]], hours: int) -> None:
    progress, now, told = NOBODY_TOLD, NOW, []
    for failing, minutes in story:
        now += timedelta(minutes=minutes)
        kind, progress = step(progress, failing=failing, every=hours * HOUR, now=now)
        told += [] if kind is None else [(kind, now)]
    digests = [at for kind, at in told if kind is Kind.DIGEST]
    assert all(later - earlier >= hours * HOUR for earlier, later in pairwise(digests))
    assert sum(kind is Kind.RECOVERED for kind, _ in told) <= len(digests)


@dataclass
class Sorting:
    """Remembers what was to be sent."""

    mail_ids: list[uuid.UUID] = field(default_factory=list)

    def mail(self, site: Site, mail_id: uuid.UUID) -> None:  # noqa: ARG002 - the port's signature
        self.mail_ids.append(mail_id)


@dataclass
class Scene:
    """Lakeside with a gateway and a PACS, and what it says of failures."""

    access: Access
    cast: Cast
    digests: Digests
    gateway_id: uuid.UUID
    pacs_id: uuid.UUID

    @property
    def facility_id(self) -> uuid.UUID:
        return self.cast.lakeside.facility_id

    def say(self, now: datetime, *failures: dict[str, object], hours: int = 4) -> Kind | None:
        """The gateway says what fails; what is told at once."""
        snapshot = {"failures": list(failures), "notify_hours": hours, "at": now.isoformat()}
        with self.access.organisation(self.cast.lakeside.organisation_id) as site:
            notices.put(
                site,
                Notice(self.gateway_id, self.facility_id, now, now, hours, failing=bool(failures), snapshot=snapshot),
            )
        return self.write(now)

    def write(self, now: datetime) -> Kind | None:
        return self.digests.write(self.cast.lakeside.organisation_id, self.facility_id, now)

    def store_failure(self, since: datetime) -> dict[str, object]:
        return {
            "kind": "store",
            "connection_id": str(self.pacs_id),
            "count": 12,
            "since": since.isoformat(),
            "oldest_at": since.isoformat(),
            "cause": "The PACS does not answer.",
        }

    def mails(self) -> list[mails.Mail]:
        """Everything written, the first first."""
        with self.access.organisation(self.cast.lakeside.organisation_id) as site:
            return mails.listing(site, [self.facility_id], 1000)[::-1]


@pytest.fixture
def scene(access: Access, cast: Cast) -> Scene:
    home = cast.lakeside
    gateway_id, pacs_id = add_gateway(access, home), uuid.uuid4()
    with access.organisation(home.organisation_id) as site:
        row = ConnectionRow(
            pacs_id, home.facility_id, gateway_id, "pacs", "Archive", "ARCHIVE", "10.0.0.9", 104, [], None, "active",
            1, None, None,
        )  # fmt: skip
        assert connections.insert(site, row, ae_norm="archive", now=NOW)
    letterhead = Letterhead("https://works.example", support="Support@vendor.example")
    return Scene(access, cast, Digests(access, Sorting(), letterhead), gateway_id, pacs_id)


@pytest.mark.proves("R110", "R113")
def test_a_pacs_that_is_down_for_four_days_gets_the_right_mails(scene: Scene) -> None:
    with capture_logs():
        for minutes in range(0, 4 * 24 * 60, 30):
            at = NOW + timedelta(minutes=minutes)
            if minutes % 60 == 0:
                scene.say(at, scene.store_failure(NOW))
            scene.digests.tick(at)
        assert scene.say(NOW + timedelta(days=4, minutes=10)) is Kind.RECOVERED
        assert scene.digests.tick(NOW + timedelta(days=9)) == 0
    to_alice = [one for one in scene.mails() if one.recipient == "alice@example.org"]
    assert [one.kind for one in to_alice] == ["digest"] * 24 + ["recovered"]
    assert [one.created_at - NOW for one in to_alice[:3]] == [0 * FOUR, 1 * FOUR, 2 * FOUR]
    assert "Store to PACS: Archive (ARCHIVE)" in to_alice[0].body
    assert "(3 d 20 h)" in to_alice[23].body
    assert {one.recipient for one in scene.mails()} == {"alice@example.org", "support@vendor.example"}


@pytest.mark.proves("R113")
def test_a_silent_gateway_does_not_end_the_digests(scene: Scene) -> None:
    scene.say(NOW, scene.store_failure(NOW))
    for hour in range(1, 9):
        scene.digests.tick(NOW + hour * HOUR)
    told = [one for one in scene.mails() if one.recipient.startswith("alice")]
    assert [one.created_at for one in told] == [NOW, NOW + FOUR, NOW + 2 * FOUR]
    assert "This is what SmartLink last said" in told[-1].body


def test_two_workers_tell_nothing_twice(scene: Scene) -> None:
    assert scene.say(NOW, scene.store_failure(NOW)) is Kind.DIGEST
    assert scene.write(NOW) is None
    assert len(scene.mails()) == 2


def test_a_newer_digest_replaces_one_that_could_not_be_sent(scene: Scene) -> None:
    scene.say(NOW, scene.store_failure(NOW))
    scene.say(NOW + FOUR, scene.store_failure(NOW))
    assert [one.state for one in scene.mails()] == ["superseded", "superseded", "waiting", "waiting"]


def test_a_replaced_gateway_fails_no_more(scene: Scene) -> None:
    scene.say(NOW, scene.store_failure(NOW))
    with scene.access.organisation(scene.cast.lakeside.organisation_id) as site:
        gateways.revoke(site, scene.gateway_id)
    scene.digests.tick(NOW + FOUR)
    assert [one.kind for one in scene.mails()][2:] == ["recovered", "recovered"]


def test_a_connection_of_elsewhere_is_not_named(scene: Scene) -> None:
    scene.say(NOW, scene.store_failure(NOW) | {"connection_id": str(uuid.uuid4())})
    assert "Store to PACS\n" in scene.mails()[0].body


def test_a_facility_without_anybody_to_tell_is_logged_as_an_error(scene: Scene) -> None:
    alone = Digests(scene.access, Sorting(), Letterhead("https://works.example"))
    with scene.access.organisation(scene.cast.lakeside.organisation_id) as site:
        site.run("DELETE FROM membership WHERE role = 'facility_administrator'")
    with capture_logs() as lines:
        replace(scene, digests=alone).say(NOW, scene.store_failure(NOW))
    assert [(line["log_level"], line["recipients"]) for line in lines] == [("error", 0)]
    assert scene.mails() == []
