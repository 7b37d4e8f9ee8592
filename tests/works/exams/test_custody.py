"""A conflict is other bytes under the same UID, and never the bytes that Works holds already."""

from __future__ import annotations

import uuid
from dataclasses import replace

from smartlink.works.exams.custody import conflict
from smartlink.works.store import uploads
from tests.works.exams.part10 import IMPLICIT, dataset
from tests.works.world import World

SOP = "1.2.3.1"


def test_other_bytes_under_the_same_uid_are_a_conflict(world: World) -> None:
    place = world.organisation("Lakeside")
    answer = world.gateway(place).deliver(dataset(SOP), SOP)
    world.ingest()
    with world.access.organisation(place.organisation_id) as site:
        kept = uploads.get(site, uuid.UUID(answer["upload_id"]))
        assert kept is not None
        assert not conflict(site, kept)
        assert not conflict(site, replace(kept, id=uuid.uuid4()))
        assert conflict(site, replace(kept, id=uuid.uuid4(), dataset_sha256=b"other"))
        assert not conflict(site, replace(kept, id=uuid.uuid4(), sop_instance_uid="1.2.3.2", dataset_sha256=b"other"))
        # In another Transfer Syntax it may be the same image: ingest compares them.
        assert not conflict(site, replace(kept, id=uuid.uuid4(), transfer_syntax_uid=IMPLICIT, dataset_sha256=b"other"))
