"""What stands beside an instance is found by its upload, with what it may be the same image as."""

import uuid

import pytest

from smartlink.works.store import comparisons
from smartlink.works.store.comparisons import COMPARING, CONFLICT, DUPLICATE
from tests.works.exams.part10 import BIG, IMPLICIT, dataset
from tests.works.world import World

SOP = "1.2.3.4.5"


@pytest.mark.proves("R152")
def test_it_is_compared_with_the_instance_first_and_with_what_differs_from_that(world: World) -> None:
    place = world.organisation("Heart Clinic")
    gateway = world.gateway(place)
    ids = []
    for syntax, pixels in (("1.2.840.10008.1.2.1", b"aaaa"), (IMPLICIT, b"bbbb"), (BIG, b"cccc")):
        outcome = gateway.deliver(dataset(SOP, syntax=syntax, pixels=pixels), SOP, transfer_syntax_uid=syntax)
        ids.append(uuid.UUID(outcome["upload_id"]))
    world.ingest()
    with world.access.organisation(place.organisation_id) as site:
        assert comparisons.of_upload(site, ids[0]) is None
        second, third = (comparisons.of_upload(site, upload) for upload in ids[1:])
        assert second is not None
        assert third is not None
        assert (second.state, second.transfer_syntax_uid) == (COMPARING, IMPLICIT)
        assert [one.transfer_syntax_uid for one in comparisons.candidates(site, third)] == ["1.2.840.10008.1.2.1"]
        comparisons.settle(site, second, state=CONFLICT, differs=("PixelData",), now=world.now)
        first_syntax = "1.2.840.10008.1.2.1"
        assert [one.transfer_syntax_uid for one in comparisons.candidates(site, third)] == [first_syntax, IMPLICIT]
        comparisons.settle(site, third, state=DUPLICATE, differs=(), now=world.now)
    rows = world.rows(place, "SELECT state, differs, compared_at FROM instance_conflict ORDER BY state")
    assert rows == [
        {"state": CONFLICT, "differs": ["PixelData"], "compared_at": world.now},
        {"state": DUPLICATE, "differs": [], "compared_at": world.now},
    ]
    flags = world.rows(place, "SELECT conflict FROM upload ORDER BY conflict")
    assert [row["conflict"] for row in flags] == [False, False, True]
