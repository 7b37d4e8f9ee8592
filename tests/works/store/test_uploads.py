"""Uploads move from offered to confirmed to ingested, once."""

from __future__ import annotations

from smartlink.works.store import uploads
from tests.works.exams.part10 import dataset
from tests.works.world import World


def test_a_confirmed_upload_is_ingested_once(world: World) -> None:
    place = world.organisation("Lakeside")
    world.gateway(place).deliver(dataset("1.2.3.1"), "1.2.3.1")
    with world.access.organisation(place.organisation_id) as site:
        upload_id = site.value("SELECT id FROM upload")
        assert uploads.lock_confirmed(site, upload_id) is not None
    world.ingest()
    with world.access.organisation(place.organisation_id) as site:
        assert uploads.lock_confirmed(site, upload_id) is None
        done = uploads.get(site, upload_id)
        assert done is not None
        assert done.state == "ingested"
        assert [kept.upload_id for kept in uploads.kept(site, "1.2.3.1")] == [upload_id]


def test_another_organisation_has_no_such_upload(world: World) -> None:
    place, other = world.organisation("Lakeside"), world.organisation("Elsewhere")
    world.gateway(place).deliver(dataset("1.2.3.1"), "1.2.3.1")
    with world.access.organisation(place.organisation_id) as site:
        upload_id = site.value("SELECT id FROM upload")
    with world.access.organisation(other.organisation_id) as site:
        assert uploads.get(site, upload_id) is None
        assert uploads.kept(site, "1.2.3.1") == []
