"""A large object comes in parts, each put once; Works takes custody when it has read the whole itself."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import httpx
import pytest

from smartlink.link.problems import ProblemType
from smartlink.link.uploads import PART_SIZE
from smartlink.works.blobs.store import BlobMissing
from smartlink.works.errors import TryAgain
from tests.works.exams.part10 import dataset, part10, sha256
from tests.works.world import Gateway, Place, World, put

SOP = "1.2.3.4.77"
BODY = dataset(SOP, pixels=bytes(range(256)) * ((2 * PART_SIZE + 5000) // 256))
CONTENT = part10(BODY, SOP)
SLICES = [CONTENT[at : at + PART_SIZE] for at in range(0, len(CONTENT), PART_SIZE)]


@pytest.fixture
def lakeside(world: World) -> Place:
    """Bob's organisation."""
    return world.organisation("Heart Clinic")


@pytest.fixture
def gateway(world: World, lakeside: Place) -> Gateway:
    """The facility's gateway."""
    return world.gateway(lakeside)


def offer(gateway: Gateway, content: bytes = CONTENT) -> str:
    """The id of an upload in parts."""
    (answer,) = gateway.offer(gateway.offered(content, BODY, SOP))
    assert answer["outcome"] == "multipart", answer
    return str(answer["upload_id"])


def part(number: int, slices: list[bytes] = SLICES) -> dict[str, Any]:
    """What the contract says of one part."""
    body = slices[number - 1]
    return {"number": number, "size": len(body), "sha256": sha256(body)}


def ask(gateway: Gateway, upload_id: str, *numbers: int, slices: list[bytes] = SLICES) -> dict[str, Any]:
    """Tickets for these parts, or the word that they are there."""
    answer = gateway.parts(upload_id, *(part(number, slices) for number in numbers))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def put_parts(gateway: Gateway, upload_id: str, *numbers: int, slices: list[bytes] = SLICES) -> list[int]:
    """Put those of the parts that are not there; the store's answers."""
    tickets = ask(gateway, upload_id, *numbers, slices=slices)["tickets"]
    return [put(ticket, slices[ticket["number"] - 1]).status_code for ticket in tickets]


def outcome(gateway: Gateway, upload_id: str) -> str:
    """What a confirmation answers."""
    return str(gateway.confirm(upload_id)[0]["outcome"])


def test_parts_become_an_instance_when_works_has_read_them(world: World, lakeside: Place, gateway: Gateway) -> None:
    upload_id = offer(gateway)
    assert put_parts(gateway, upload_id, 3, 1, 2) == [200, 200, 200]
    assert [outcome(gateway, upload_id), outcome(gateway, upload_id)] == ["verifying", "verifying"]
    assert world.rows(lakeside, "SELECT state, confirmed_at FROM upload") == [
        {"state": "verifying", "confirmed_at": None}
    ]
    world.ingest()
    (stored,) = gateway.confirm(upload_id)
    assert (stored["outcome"], stored["receipt"]["object_sha256"]) == ("stored", sha256(CONTENT))
    (row,) = world.rows(lakeside, "SELECT * FROM instance")
    assert row["object_key"] == f"multipart/{lakeside.organisation_id}/{upload_id}"
    assert row["size"] == len(CONTENT)
    with world.blobs.open(row["object_key"]) as stream:
        assert stream.read() == CONTENT
    assert world.rows(lakeside, "SELECT * FROM upload_part") == []
    (held,) = gateway.offer(gateway.offered(CONTENT, BODY, SOP))
    assert held["outcome"] == "held"


def test_after_a_restart_only_missing_parts_get_tickets(gateway: Gateway) -> None:
    upload_id = offer(gateway)
    put_parts(gateway, upload_id, 1, 3)
    assert offer(gateway) == upload_id
    answer = ask(gateway, upload_id, 1, 2, 3)
    assert (answer["stored"], [one["number"] for one in answer["tickets"]]) == ([1, 3], [2])
    assert outcome(gateway, upload_id) == "missing"
    assert put(answer["tickets"][0], SLICES[1]).status_code == 200
    assert outcome(gateway, upload_id) == "verifying"
    assert ask(gateway, upload_id, 1, 2, 3)["stored"] == [1, 2, 3]
    assert offer(gateway) == upload_id


def test_a_join_whose_word_was_lost_is_found_to_be_whole(world: World, lakeside: Place, gateway: Gateway) -> None:
    upload_id = offer(gateway)
    put_parts(gateway, upload_id, 1, 2, 3)
    assert outcome(gateway, upload_id) == "verifying"
    # A crash between the store's answer and the commit.
    with world.access.organisation(lakeside.organisation_id) as site:
        site.run("UPDATE upload SET state = 'offered'")
    assert ask(gateway, upload_id, 1, 2, 3)["stored"] == [1, 2, 3]
    assert outcome(gateway, upload_id) == "verifying"
    world.ingest()
    assert outcome(gateway, upload_id) == "stored"


def test_parts_that_the_store_lost_are_put_again(world: World, lakeside: Place, gateway: Gateway) -> None:
    upload_id = offer(gateway)
    put_parts(gateway, upload_id, 1, 2)
    old = ask(gateway, upload_id, 3)["tickets"][0]
    world.blobs.abandon(f"multipart/{lakeside.organisation_id}/{upload_id}")
    assert put(old, SLICES[2]).status_code == 404
    assert outcome(gateway, upload_id) == "missing"
    assert put_parts(gateway, upload_id, 1, 2, 3) == [200, 200, 200]
    assert outcome(gateway, upload_id) == "verifying"


def test_a_whole_that_is_not_what_was_offered_is_put_again_and_given_up_after_three_times(
    world: World, lakeside: Place, gateway: Gateway
) -> None:
    wrong = [SLICES[0][::-1], *SLICES[1:]]
    for _ in range(3):
        upload_id = offer(gateway)
        assert put_parts(gateway, upload_id, 1, 2, 3, slices=wrong) == [200, 200, 200]
        assert outcome(gateway, upload_id) == "verifying"
        world.ingest()
        assert outcome(gateway, upload_id) == "missing"
        assert world.blobs.head(f"multipart/{lakeside.organisation_id}/{upload_id}") is None
    (refused,) = gateway.offer(gateway.offered(CONTENT, BODY, SOP))
    assert (refused["outcome"], refused["type"]) == ("refused", ProblemType.INSTANCE_REFUSED)
    # A person tries it again, with the right bytes this time.
    upload_id = offer(gateway)
    put_parts(gateway, upload_id, 1, 2, 3)
    assert outcome(gateway, upload_id) == "verifying"
    world.ingest()
    assert outcome(gateway, upload_id) == "stored"


@pytest.mark.parametrize(
    "wrong",
    [{"number": 4}, {"size": 17}, {"number": 3, "size": PART_SIZE}, {"number": 0}, {"sha256": "x"}],
    ids=["beyond the end", "too short", "too long at the end", "none", "no digest"],
)
def test_a_part_that_is_none_is_refused(gateway: Gateway, wrong: dict[str, object]) -> None:
    answer: httpx.Response = gateway.parts(offer(gateway), part(1) | wrong)
    assert (answer.status_code, answer.json()["type"]) == (422, ProblemType.REQUEST_INVALID)


def test_another_gateway_gets_no_tickets(world: World, gateway: Gateway) -> None:
    upload_id = offer(gateway)
    charlies = world.gateway(world.organisation("Elsewhere"))
    assert ask(charlies, upload_id, 1) == {"tickets": [], "stored": [], "unknown": True}
    assert ask(gateway, str(uuid.uuid4()), 1)["unknown"] is True


def test_an_upload_that_was_given_up_frees_its_storage(world: World, lakeside: Place, gateway: Gateway) -> None:
    upload_id = offer(gateway)
    put_parts(gateway, upload_id, 1)
    (first,) = world.later.looks
    assert first == (lakeside.organisation_id, uuid.UUID(upload_id), world.now + timedelta(days=7))
    world.wait(days=3)
    gateway.sign_in()
    ask(gateway, upload_id, 2)
    world.wait(days=4)
    world.uploads.parts.abandon(*first[:2])
    second = world.later.looks[-1]
    assert second == (*first[:2], first[2] + timedelta(days=3))
    key = f"multipart/{lakeside.organisation_id}/{upload_id}"
    (row,) = world.rows(lakeside, "SELECT multipart_id FROM upload")
    assert set(world.blobs.parts(key, row["multipart_id"])) == {1}
    world.wait(days=3)
    world.uploads.parts.abandon(*second[:2])
    with pytest.raises(BlobMissing):
        world.blobs.parts(key, row["multipart_id"])
    gateway.sign_in()
    assert put_parts(gateway, offer(gateway), 1, 2, 3) == [200, 200, 200]


def test_a_finished_upload_is_never_given_up(world: World, lakeside: Place, gateway: Gateway) -> None:
    upload_id = offer(gateway)
    put_parts(gateway, upload_id, 1, 2, 3)
    outcome(gateway, upload_id)
    world.wait(days=30)
    world.uploads.parts.abandon(lakeside.organisation_id, uuid.UUID(upload_id))
    world.ingest()
    gateway.sign_in()
    assert outcome(gateway, upload_id) == "stored"


def test_reading_ends_when_works_ends_and_is_done_again(world: World, lakeside: Place, gateway: Gateway) -> None:
    upload_id = offer(gateway)
    put_parts(gateway, upload_id, 1, 2, 3)
    outcome(gateway, upload_id)
    ending = world.uploads.parts
    ending.ending.set()
    with pytest.raises(TryAgain):
        ending.verify(lakeside.organisation_id, uuid.UUID(upload_id))
    world.ingest()
    assert outcome(gateway, upload_id) == "stored"
