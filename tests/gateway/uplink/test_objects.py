"""One PUT with exactly the ticket's headers, and what each answer means."""

from __future__ import annotations

import base64
import hashlib
import io
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.downloads import Got
from smartlink.gateway.errors import GiveUp, TryAgain, Unreachable
from smartlink.gateway.parts import Put
from smartlink.gateway.uplink.http import new_client
from smartlink.gateway.uplink.objects import ObjectClient
from smartlink.gateway.uplink.pace import Pace, no_limit
from smartlink.link.downloads import DownloadTicket
from smartlink.link.uploads import Ticket
from tests.gateway.conftest import SetClock
from tests.gateway.fake_orders import an_image, described
from tests.gateway.fake_works import PORTAL_PAGE, PROXY_PAGE, FakeWorks, Reply, store_error

BODY = bytes(range(256)) * 9000
ITEM = uuid4()


def a_ticket(works: FakeWorks, url: str | None = None) -> Ticket:
    return Ticket(
        reference="1",
        upload_id=uuid4(),
        url=url or f"{works.url}/objects/x",
        headers={
            "content-length": str(len(BODY)),
            "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
            "If-None-Match": "*",
        },
        expires_at=datetime.now(UTC),
    )


def put(works: FakeWorks, body: bytes = BODY, url: str | None = None) -> Put:
    with new_client() as http:
        return ObjectClient(http, Pace(no_limit, SetClock())).put(a_ticket(works, url), io.BytesIO(body), len(body))


def test_the_file_is_streamed_with_its_length_and_is_there(works: FakeWorks) -> None:
    assert put(works) is Put.STORED
    assert works.objects["x"] == BODY


def test_what_is_there_already_is_as_good_as_stored(works: FakeWorks) -> None:
    put(works)
    assert put(works) is Put.ALREADY_THERE


def test_an_expired_ticket_is_told_apart(works: FakeWorks) -> None:
    works.disturb("/objects/", store_error(403, "AccessDenied"))
    assert put(works) is Put.TICKET_EXPIRED


@pytest.mark.parametrize("code", ["BadDigest", "EntityTooLarge", "XAmzContentChecksumMismatch"])
def test_a_fault_of_the_file_is_given_up(works: FakeWorks, code: str) -> None:
    works.disturb("/objects/", store_error(400, code))
    with pytest.raises(GiveUp, match=code):
        put(works)


@pytest.mark.parametrize(
    "reply",
    [
        PROXY_PAGE,
        PORTAL_PAGE,
        store_error(503, "SlowDown"),
        (302, "text/html", b""),
        (403, "text/html", b"<html>Blocked by policy</html>"),
        (404, "text/html", b""),
        (407, "text/html", b""),
        (412, "text/html", b"<Code>PreconditionFailed</Code>"),
        (400, "text/html", b"<Code>BadDigest</Code>"),
    ],
)
def test_everything_else_is_about_the_destination(works: FakeWorks, reply: Reply) -> None:
    works.disturb("/objects/", reply)
    with pytest.raises(TryAgain):
        put(works)


@pytest.mark.proves("R136")
def test_message_5_is_written_for_a_put_that_failed(works: FakeWorks) -> None:
    works.disturb("/objects/", None)
    with capture_logs() as lines, pytest.raises(Unreachable):
        put(works)
    assert lines[0]["message"] == "Error uploading DICOM file"


def test_bytes_that_differ_from_the_digest_are_refused_by_the_store(works: FakeWorks) -> None:
    with pytest.raises(GiveUp, match="BadDigest"):
        put(works, BODY[::-1])


def test_an_address_outside_this_machine_needs_https(works: FakeWorks) -> None:
    with pytest.raises(TryAgain, match="may not be called"):
        put(works, url="http://storage.example.org/x")


def get(works: FakeWorks, size: int = len(BODY), url: str | None = None) -> tuple[Got, bytes]:
    got = bytearray()
    ticket = DownloadTicket(
        item_id=uuid4(),
        url=url or f"{works.url}/ordered/{ITEM}",
        headers={},
        size=size,
        object_sha256="0" * 64,
        expires_at=datetime.now(UTC),
    )
    works.orders.items[ITEM] = (described(an_image("1.2.3")), BODY)
    with new_client() as http:
        outcome = ObjectClient(http, Pace(no_limit, SetClock())).get(ticket, got.extend)
    return outcome, bytes(got)


def test_an_object_comes_as_it_lies_there(works: FakeWorks) -> None:
    assert get(works) == (Got.ALL, BODY)


def test_an_expired_ticket_for_a_download_is_told_apart(works: FakeWorks) -> None:
    works.disturb("/ordered/", store_error(403, "AccessDenied"))
    assert get(works) == (Got.TICKET_EXPIRED, b"")


@pytest.mark.parametrize(
    "reply",
    [
        None,
        PROXY_PAGE,
        PORTAL_PAGE,
        store_error(404, "NoSuchKey"),
        store_error(503, "SlowDown"),
        (302, "text/html", b""),
        (200, "text/html", b""),
        (403, "text/html", b"<html>Blocked by policy</html>"),
        (407, "text/html", b"x" * 600_000),
    ],
)
def test_every_other_answer_to_a_download_is_about_the_source(works: FakeWorks, reply: Reply | None) -> None:
    works.disturb("/ordered/", reply)
    with pytest.raises(TryAgain):
        get(works)


def test_an_object_of_another_size_is_not_passed_on(works: FakeWorks) -> None:
    with pytest.raises(TryAgain):
        get(works, len(BODY) + 1)


def test_a_download_from_outside_this_machine_needs_https(works: FakeWorks) -> None:
    with pytest.raises(TryAgain, match="may not be called"):
        get(works, url="http://storage.example.org/x")
