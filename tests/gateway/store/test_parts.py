"""Parts of a large image: digests, and in which upload each is in storage."""

from __future__ import annotations

from uuid import uuid4

from smartlink.gateway.store import parts
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.parts import Part
from tests.gateway.store.examples import an_instance


def test_parts_are_known_until_the_receipt(database: Database) -> None:
    instance_id = an_instance(database, 1)
    upload_id = uuid4()
    database.write(lambda tx: parts.put(tx, instance_id, ["a", "b", "c"]))
    database.write(lambda tx: parts.stored(tx, instance_id, [1, 3], upload_id))
    assert database.read(lambda tx: parts.of(tx, instance_id)) == [
        Part(1, "a", upload_id),
        Part(2, "b", None),
        Part(3, "c", upload_id),
    ]
    database.write(lambda tx: parts.doubted(tx, instance_id))
    assert {part.upload_id for part in database.read(lambda tx: parts.of(tx, instance_id))} == {None}
    database.write(lambda tx: parts.forget(tx, instance_id))
    assert database.read(lambda tx: parts.of(tx, instance_id)) == []
