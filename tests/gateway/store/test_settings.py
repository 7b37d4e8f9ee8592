"""Settings are kept by name; the others stay."""

from __future__ import annotations

from smartlink.gateway.store import settings
from smartlink.gateway.store.database import Database
from tests.gateway.conftest import START


def test_values_keep_their_types_and_others_stay(database: Database) -> None:
    database.write(lambda tx: settings.put(tx, {"port": 11112, "receiver_ae_title": "A"}, START))
    database.write(lambda tx: settings.put(tx, {"port": 104, "disk_reserve_bytes": None}, START))
    assert database.read(settings.all_values) == {
        "disk_reserve_bytes": None,
        "port": 104,
        "receiver_ae_title": "A",
    }
