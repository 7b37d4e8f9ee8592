"""Custody passes by offer, ticket, PUT and confirmation; nothing that was tampered with is ever taken."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from smartlink.link import paths
from smartlink.link.problems import ProblemType
from smartlink.link.uploads import OfferedInstance
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.errors import TryAgain
from smartlink.works.exams.uploads import Uploads
from smartlink.works.fleet.tokens import Caller
from tests.works.exams.part10 import dataset, part10, sha256
from tests.works.world import Gateway, Later, Place, World, put

SOP = "1.2.3.4.5"
BODY = dataset(SOP)
CONTENT = part10(BODY, SOP)


@pytest.fixture
def lakeside(world: World) -> Place:
    """Bob's organisation."""
    return world.organisation("Heart Clinic")


@pytest.fixture
def gateway(world: World, lakeside: Place) -> Gateway:
    """The facility's gateway."""
    return world.gateway(lakeside)


def ticket(gateway: Gateway, content: bytes = CONTENT, body: bytes = BODY, **fields: object) -> dict[str, Any]:
    """A ticket for one file."""
    (answer,) = gateway.offer(gateway.offered(content, body, SOP, **fields))
    assert answer["outcome"] == "ticket", answer
    return answer


def test_a_ticket_is_good_for_fifteen_minutes_and_names_the_object_by_its_content(
    world: World, lakeside: Place, gateway: Gateway
) -> None:
    one = ticket(gateway)
    (row,) = world.rows(lakeside, "SELECT * FROM upload")
    assert row["expires_at"] - world.now == timedelta(minutes=15)
    assert row["object_key"] == f"objects/{lakeside.organisation_id}/{sha256(CONTENT)[:2]}/{sha256(CONTENT)}"
    assert set(one["headers"]) == {"content-length", "x-amz-checksum-sha256", "if-none-match"}
    assert one["conflict"] is False


def test_an_offer_and_a_confirmation_may_be_repeated(world: World, lakeside: Place, gateway: Gateway) -> None:
    first, second = ticket(gateway), ticket(gateway)
    assert first["upload_id"] == second["upload_id"]
    assert put(first, CONTENT).status_code == 200
    once, twice = gateway.confirm(first["upload_id"]), gateway.confirm(first["upload_id"], first["upload_id"])
    assert once + once == twice
    assert once[0]["outcome"] == "stored"
    assert world.later.ingests == [(lakeside.organisation_id, (uuid.UUID(first["upload_id"]),))]
    (held,) = gateway.offer(gateway.offered(CONTENT, BODY, SOP))
    assert held["outcome"] == "held"
    assert held["receipt"] == once[0]["receipt"]


def test_a_lost_answer_to_the_put_is_harmless(gateway: Gateway) -> None:
    one = ticket(gateway)
    assert put(one, CONTENT).status_code == 200
    assert put(one, CONTENT).status_code == 412
    assert gateway.confirm(one["upload_id"])[0]["outcome"] == "stored"


def test_what_was_not_put_is_missing(world: World, gateway: Gateway) -> None:
    one = ticket(gateway)
    missing, unknown = gateway.confirm(one["upload_id"], str(uuid.uuid4()))
    assert (missing["outcome"], unknown["outcome"]) == ("missing", "missing")
    assert world.later.ingests == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda url: url.replace(sha256(CONTENT), sha256(b"other")),
        lambda url: url.replace("X-Amz-Expires=900", "X-Amz-Expires=90000"),
        lambda url: url.replace("X-Amz-Signature=", "X-Amz-Signature=0"),
    ],
    ids=["another name", "a longer life", "another signature"],
)
def test_a_tampered_address_is_refused_by_the_store(gateway: Gateway, spoil: Any) -> None:
    one = ticket(gateway)
    assert spoil(one["url"]) != one["url"]
    assert put(one, CONTENT, url=spoil(one["url"])).status_code == 403
    assert gateway.confirm(one["upload_id"])[0]["outcome"] == "missing"


def test_other_bytes_than_offered_are_refused_by_the_store(gateway: Gateway) -> None:
    one = ticket(gateway)
    other = bytes(len(CONTENT))
    assert put(one, other).status_code == 400
    longer = one["headers"] | {"content-length": str(len(CONTENT) + 1)}
    assert put(one, CONTENT + b"x", headers=longer).status_code == 403
    unbound = {name: value for name, value in one["headers"].items() if name != "if-none-match"}
    assert put(one, CONTENT, headers=unbound).status_code == 403
    assert gateway.confirm(one["upload_id"])[0]["outcome"] == "missing"


def test_an_expired_address_is_refused_by_the_store(
    world: World, lakeside: Place, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The store compares with its own clock, so the address is signed as it was a quarter of an hour and more ago.
    long_ago = (datetime.now(UTC) - timedelta(minutes=15, seconds=2)).replace(tzinfo=None)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: long_ago)
    one = ticket(gateway)
    monkeypatch.undo()
    assert put(one, CONTENT).status_code == 403
    assert gateway.confirm(one["upload_id"])[0]["outcome"] == "missing"
    assert world.rows(lakeside, "SELECT state FROM upload") == [{"state": "offered"}]
    assert put(ticket(gateway), CONTENT).status_code == 200


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"sop_instance_uid": "1." + "2" * 64}, "sop_instance_uid"),
        ({"sop_instance_uid": "../../etc/passwd"}, "sop_instance_uid"),
        ({"study_instance_uid": "1.2.Marker^Patient"}, "study_instance_uid"),
        ({"object_sha256": "g" * 64}, "object_sha256"),
        ({"dataset_sha256": "AB" * 32}, "dataset_sha256"),
        ({"size": 0}, "size"),
        ({"size": 17 * 1024**3}, "size"),
        ({"received_at": "2026-01-31T09:00:00"}, "received_at"),
        ({"connection_id": "US01"}, "connection_id"),
    ],
)
def test_a_malformed_instance_is_refused_by_itself(gateway: Gateway, fields: dict[str, object], named: str) -> None:
    good, bad = gateway.offered(CONTENT, BODY, SOP), gateway.offered(CONTENT, BODY, SOP, **fields)
    first, second, third = gateway.offer(good, bad | {"reference": "bad"}, good)
    assert (first["outcome"], third["outcome"]) == ("ticket", "ticket")
    assert (second["outcome"], second["reference"]) == ("refused", "bad")
    assert second["type"] == ProblemType.INSTANCE_REFUSED
    assert named in second["detail"]
    assert "passwd" not in str(second)
    assert "Marker" not in str(second)


@pytest.mark.parametrize("attributes", [{"00100010": "a\0b"}, {"00100010": "\ud800"}, {"00280030": 1e400}])
def test_attributes_that_cannot_be_kept_stop_nothing(
    world: World, lakeside: Place, gateway: Gateway, attributes: dict[str, object]
) -> None:
    offered = OfferedInstance.model_validate(gateway.offered(CONTENT, BODY, SOP, attributes=attributes))
    caller = Caller(gateway.id, lakeside.facility_id, lakeside.organisation_id)
    assert world.parts.uploads.offer(caller, [offered])[0].outcome == "ticket"
    assert world.rows(lakeside, "SELECT attributes FROM upload") == [{"attributes": {}}]


def test_an_unknown_connection_is_refused(world: World, lakeside: Place, gateway: Gateway) -> None:
    annexe = world.gateway(world.second_facility(lakeside))
    for foreign in (uuid.uuid4(), annexe.connection_id):
        (answer,) = gateway.offer(gateway.offered(CONTENT, BODY, SOP, connection_id=str(foreign)))
        assert (answer["outcome"], answer["type"]) == ("refused", ProblemType.CONNECTION_UNKNOWN)


def test_a_batch_has_at_most_sixty_four_instances(world: World, gateway: Gateway) -> None:
    one = gateway.offered(CONTENT, BODY, SOP)
    for instances in ([one] * 65, []):
        answer = world.http.post(paths.UPLOADS_OFFER, json={"instances": instances}, headers=gateway.headers())
        assert (answer.status_code, answer.json()["type"]) == (422, ProblemType.REQUEST_INVALID)


def test_another_gateway_sees_and_confirms_nothing_of_it(world: World, gateway: Gateway) -> None:
    charlies = world.gateway(world.organisation("Elsewhere"))
    one = ticket(gateway)
    put(one, CONTENT)
    assert charlies.confirm(one["upload_id"])[0]["outcome"] == "missing"
    assert gateway.confirm(one["upload_id"])[0]["outcome"] == "stored"
    (answer,) = charlies.offer(charlies.offered(CONTENT, BODY, SOP))
    assert answer["outcome"] == "ticket"


@pytest.mark.proves("R152")
def test_a_claimed_digest_alone_never_makes_another_file_held(gateway: Gateway) -> None:
    liar = part10(dataset("1.2.3.999"), SOP)
    one = ticket(gateway, content=liar)
    put(one, liar)
    gateway.confirm(one["upload_id"])
    assert ticket(gateway)["upload_id"] != one["upload_id"]


class StorageAway(S3Blobs):
    """An object store that is away."""

    def __init__(self) -> None:
        """Connect to nothing."""

    def head(self, key: str) -> Any:  # noqa: ARG002 - the port's signature
        """Fail as the real one does."""
        message = "The object store does not answer just now."
        raise TryAgain(message)


def test_custody_is_not_taken_while_storage_is_away(world: World, lakeside: Place, gateway: Gateway) -> None:
    one = ticket(gateway)
    put(one, CONTENT)
    caller = Caller(gateway.id, lakeside.facility_id, lakeside.organisation_id)
    away = Uploads(world.access, StorageAway(), world.later, world.clock)
    with pytest.raises(TryAgain):
        away.confirm(caller, [uuid.UUID(one["upload_id"])])
    assert world.later.ingests == []
    assert gateway.confirm(one["upload_id"])[0]["outcome"] == "stored"


class QueueAway(Later):
    """A queue that cannot be written."""

    def ingest(self, site: object, upload_ids: object) -> None:  # noqa: ARG002 - the port's signature
        """Fail."""
        message = "The queue does not answer just now."
        raise TryAgain(message)


def test_custody_and_the_deferred_ingest_are_one_transaction(world: World, lakeside: Place, gateway: Gateway) -> None:
    one = ticket(gateway)
    put(one, CONTENT)
    caller = Caller(gateway.id, lakeside.facility_id, lakeside.organisation_id)
    with pytest.raises(TryAgain):
        Uploads(world.access, world.blobs, QueueAway(), world.clock).confirm(caller, [uuid.UUID(one["upload_id"])])
    assert world.rows(lakeside, "SELECT state FROM upload") == [{"state": "offered"}]
