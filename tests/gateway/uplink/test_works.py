"""Works through the gateway's eyes: messages there and back, and three kinds of failure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain, Unreachable
from smartlink.gateway.uplink.http import new_client
from smartlink.gateway.uplink.works import WorksClient
from smartlink.link import paths
from smartlink.link.failures import FailureNotice
from smartlink.link.heartbeat import Disk, Heartbeat, Queue
from smartlink.link.problems import ProblemType
from smartlink.link.worklist import WorklistItem, WorklistPut
from tests.gateway.fake_works import PORTAL_PAGE, PROXY_PAGE, FakeWorks, problem, store_error
from tests.gateway.uplink.examples import a_request, signed_in


class RunningClock:
    """The real time, moved by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


def a_heartbeat() -> Heartbeat:
    now = datetime.now(UTC)
    return Heartbeat(
        version="0.1.0",
        started_at=now,
        sent_at=now,
        receiver_open=True,
        queue=Queue(),
        disk=Disk(free=1, total=2, reserve=0),
    )


@pytest.mark.proves("R28")
def test_a_key_becomes_an_identity_and_one_token_serves_many_calls(works: FakeWorks) -> None:
    with signed_in(works, RunningClock()) as client:
        for _ in range(3):
            client.heartbeat(a_heartbeat())
        assert works.calls.count(f"POST {paths.TOKEN}") == 1
        assert len(works.heartbeats) == 3


def test_a_token_is_renewed_before_it_expires(works: FakeWorks) -> None:
    clock = RunningClock()
    with signed_in(works, clock) as client:
        client.heartbeat(a_heartbeat())
        clock.ahead = timedelta(minutes=9, seconds=30)
        works.clock_ahead = clock.ahead
        client.heartbeat(a_heartbeat())
    assert works.calls.count(f"POST {paths.TOKEN}") == 2


def test_a_token_that_works_forgot_is_replaced_at_once(works: FakeWorks) -> None:
    with signed_in(works, RunningClock()) as client:
        client.heartbeat(a_heartbeat())
        works.tokens.clear()
        client.heartbeat(a_heartbeat())
    assert len(works.heartbeats) == 2


def test_a_wrong_clock_is_corrected_by_the_date_header(works: FakeWorks) -> None:
    works.clock_ahead = timedelta(hours=5)
    with signed_in(works, RunningClock()) as client:
        client.heartbeat(a_heartbeat())
        assert abs(client.clock_skew - timedelta(hours=5)) < timedelta(seconds=5)


def test_an_unchanged_configuration_is_not_sent_again(works: FakeWorks) -> None:
    with signed_in(works, RunningClock()) as client:
        found = client.configuration(None)
        assert found is not None
        assert (found[0].facility.name, found[1]) == ("Emergency", '"1"')
        assert client.configuration('"1"') is None


@pytest.mark.proves("R33", "R34")
def test_revocation_is_neither_the_destinations_fault_nor_the_images(works: FakeWorks) -> None:
    with signed_in(works, RunningClock()) as client:
        client.heartbeat(a_heartbeat())
        works.revoked.update(works.gateways)
        with pytest.raises(LicenceRevoked):
            client.heartbeat(a_heartbeat())
        works.tokens.clear()
        with pytest.raises(LicenceRevoked):
            client.heartbeat(a_heartbeat())


@pytest.mark.parametrize(
    "reply",
    [
        PROXY_PAGE,
        PORTAL_PAGE,
        (403, "text/html", b"blocked"),
        (401, "application/json", b'{"type": "urn:smartlink:problem:licence_revoked"}'),
        (404, "text/plain", b""),
        (409, "application/problem+json", b"not json"),
        store_error(403, "AccessDenied"),
        problem(ProblemType.UNAVAILABLE),
        problem(ProblemType.TOO_MANY_REQUESTS),
        (422, "application/problem+json", b'{"type": "urn:other:problem", "title": "no", "status": 422}'),
    ],
)
def test_whatever_is_not_a_listed_problem_is_about_the_destination(
    works: FakeWorks, reply: tuple[int, str, bytes]
) -> None:
    with signed_in(works, RunningClock()) as client:
        works.disturb(paths.HEARTBEAT, reply, times=2)
        with pytest.raises(TryAgain):
            client.heartbeat(a_heartbeat())


def test_a_fault_of_the_instance_comes_with_cause_and_remedy(works: FakeWorks) -> None:
    with signed_in(works, RunningClock()) as client:
        works.disturb(paths.HEARTBEAT, problem(ProblemType.INSTANCE_REFUSED, "No pixels."))
        with pytest.raises(GiveUp, match="No pixels") as fault:
            client.heartbeat(a_heartbeat())
        assert fault.value.remedy


@pytest.mark.proves("R136")
def test_message_14_names_status_and_method(works: FakeWorks) -> None:
    with signed_in(works, RunningClock()) as client, capture_logs() as lines:
        works.disturb(paths.HEARTBEAT, PROXY_PAGE)
        with pytest.raises(TryAgain):
            client.heartbeat(a_heartbeat())
    assert "Received Http Response: 502 in ExoSmartLinkService.heartbeat" in [line.get("message") for line in lines]


@pytest.mark.proves("R136")
def test_message_6_is_written_once_per_outage_and_interval(works: FakeWorks) -> None:
    def count(lines: list[dict[str, object]]) -> int:
        return [line.get("message") for line in lines].count("Exo Cloud Services not reachable")

    clock = RunningClock()
    with signed_in(works, clock) as client, capture_logs() as lines:
        works.disturb("/", None, times=3)
        for _ in range(3):
            with pytest.raises(Unreachable):
                client.health()
        assert count(list(map(dict, lines))) == 1
        client.health()
        works.disturb("/", None, times=2)
        with pytest.raises(Unreachable):
            client.health()
        assert count(list(map(dict, lines))) == 2
        clock.ahead += timedelta(minutes=5)
        with pytest.raises(Unreachable):
            client.health()
        assert count(list(map(dict, lines))) == 3


@pytest.mark.parametrize("reply", [PORTAL_PAGE, PROXY_PAGE, problem(ProblemType.UNAVAILABLE)])
def test_a_probe_is_not_fooled(works: FakeWorks, reply: tuple[int, str, bytes]) -> None:
    with signed_in(works, RunningClock()) as client:
        works.disturb(paths.HEALTH, reply)
        with pytest.raises(TryAgain):
            client.health()
        client.health()


def test_a_wrong_key_is_named_as_such(works: FakeWorks) -> None:
    with new_client() as http:
        client = WorksClient(http, lambda: pytest.fail("no account is needed"), RunningClock())
        with pytest.raises(TryAgain) as refusal:
            client.activate(works.url, a_request(works, "A" * 43, key="WRONG"))
        assert refusal.value.kind is ProblemType.LICENCE_UNKNOWN


@pytest.mark.proves("R84")
def test_a_connection_is_deleted_at_works(works: FakeWorks) -> None:
    connection_id = uuid4()
    with signed_in(works, RunningClock()) as client:
        assert client.delete_connection(connection_id).id == connection_id
    assert works.deleted == [connection_id]


@pytest.mark.proves("R113")
def test_what_fails_is_told(works: FakeWorks) -> None:
    with signed_in(works, RunningClock()) as client:
        client.notify(FailureNotice(failures=(), notify_hours=4, at=datetime.now(UTC)))
    assert [notice["notify_hours"] for notice in works.failures] == [4]


@pytest.mark.proves("R52")
def test_a_worklist_is_told(works: FakeWorks) -> None:
    at = datetime.now(UTC)
    item = WorklistItem(patient_name="山田^太郎", patient_id="7", start_at=at)
    with signed_in(works, RunningClock()) as client:
        taken = client.put_worklist(UUID(int=7), WorklistPut(checked_at=at, fetched_at=at, items=(item,)))
    assert (taken.connection_id, taken.items) == (UUID(int=7), 1)
    assert [one["patient_name"] for put in works.worklists for one in put["items"]] == ["山田^太郎"]
