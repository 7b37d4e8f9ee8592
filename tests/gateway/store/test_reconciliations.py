"""Reports are kept for each connection, the latest is shown, and old ones go."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from smartlink.gateway.store import reconciliations
from smartlink.gateway.store.database import Database
from tests.gateway.conftest import START

DAY = timedelta(days=1)


def test_the_latest_report_of_each_connection_is_shown(database: Database) -> None:
    one, other = uuid4(), uuid4()
    assert database.read(reconciliations.last_at) is None
    for day, connection, words in ((0, one, "a"), (0, other, "b"), (1, one, "c")):
        at = START + day * DAY
        database.write(
            lambda tx, at=at, connection=connection, words=words: reconciliations.add(  # type: ignore[misc]
                tx, connection, at, START, {"words": words, "at": at, "id": connection}
            )
        )
    found = database.read(reconciliations.latest)
    assert [(each["words"], each["id"]) for each in found] == [("b", str(other)), ("c", str(one))]
    assert database.read(reconciliations.last_at) == START + DAY
    database.write(lambda tx: reconciliations.forget(tx, START + DAY))
    assert [each["words"] for each in database.read(reconciliations.latest)] == ["c"]
