"""Parts of an upload are remembered in their order, and only while the upload is on its way."""

from __future__ import annotations

import uuid
from datetime import timedelta

from smartlink.works.store import upload_parts, uploads
from smartlink.works.store.upload_parts import Part
from tests.works.exams.part10 import dataset, part10
from tests.works.world import World


def test_parts_are_remembered_until_the_upload_is_joined_or_given_up(world: World) -> None:
    place = world.organisation("Lakeside")
    gateway = world.gateway(place)
    body = dataset("1.2.3.1")
    (answer,) = gateway.offer(gateway.offered(part10(body, "1.2.3.1"), body, "1.2.3.1"))
    upload_id = uuid.UUID(answer["upload_id"])
    with world.access.organisation(place.organisation_id) as site:
        upload_parts.expect(site, upload_id, [Part(2, 5, b"b"), Part(1, 9, b"a")])
        upload_parts.expect(site, upload_id, [Part(2, 5, b"c")])
        assert upload_parts.of(site, upload_id) == [Part(1, 9, b"a"), Part(2, 5, b"c")]
        assert upload_parts.begun(site, upload_id, "one", instead_of=None)
        assert not upload_parts.begun(site, upload_id, "two", instead_of=None)
        assert upload_parts.begun(site, upload_id, "two", instead_of="one")
        assert not upload_parts.abandon(site, upload_id, before=world.now - timedelta(seconds=1))
        assert upload_parts.abandon(site, upload_id, before=world.now)
        assert upload_parts.of(site, upload_id) == []
        assert upload_parts.joined(site, upload_id)
        assert not upload_parts.joined(site, upload_id)
        upload_parts.mismatched(site, upload_id, why="Different.")
        found = uploads.get(site, upload_id)
        assert found is not None
        assert (found.state, found.mismatches, found.failure) == ("offered", 1, "Different.")
        upload_parts.forgive(site, upload_id)
    other = world.organisation("Elsewhere")
    with world.access.organisation(other.organisation_id) as site:
        assert not upload_parts.joined(site, upload_id)
