"""The facility's configuration is replaced as a whole."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from smartlink.gateway.store import configuration
from smartlink.gateway.store.configuration import FacilityConfiguration
from smartlink.gateway.store.database import Database
from tests.gateway.conftest import START


@pytest.mark.proves("R96")
def test_a_newer_configuration_replaces_the_older_one(database: Database) -> None:
    assert database.read(configuration.find) is None
    old, new = uuid4(), uuid4()
    first = FacilityConfiguration('"1"', old, "Europe/Madrid", {old: "Cardiology", new: "Obstetrics"}, START)
    database.write(lambda tx: configuration.put(tx, first))
    assert database.read(configuration.find) == first
    second = replace(first, etag='"2"', default_specialty_id=new, specialties={new: "Obstetrics"})
    database.write(lambda tx: configuration.put(tx, second))
    assert database.read(configuration.find) == second
