"""Anybody who works at the facility has the worklists read anew; the gateway hears of it once."""

from __future__ import annotations

import uuid

import pytest

from smartlink.works.errors import NotFound
from smartlink.works.exams.rights import Actor
from smartlink.works.worklist import refreshing
from smartlink.works.worklist.refreshing import Asked
from tests.works.worklist.ward import Ward


def refresh(ward: Ward, person: uuid.UUID | None = None) -> Asked:
    stage = ward.stage
    return refreshing.refresh(stage.world.access, stage.actor(person), stage.place.facility_id, stage.world.now)


@pytest.mark.proves("R52")
def test_the_gateway_is_told_once_until_it_has_heard(ward: Ward) -> None:
    ward.server("FIRST")
    ward.server("SECOND")
    assert refresh(ward, ward.stage.eve) == refresh(ward, ward.stage.alice) == Asked(servers=2, gateways=1)
    (command,) = ward.stage.poll()
    assert command["kind"] == "refresh_worklists"
    ward.stage.acknowledge(command)
    refresh(ward)
    assert len(ward.stage.poll()) == 1


def test_without_server_or_gateway_nobody_is_asked(ward: Ward) -> None:
    assert refresh(ward) == Asked(0, 0)
    ward.server()
    ward.stage.world.key(ward.stage.place)
    assert refresh(ward) == Asked(0, 0)


def test_a_stranger_asks_for_nothing(ward: Ward) -> None:
    stage = ward.stage
    ward.server()
    stranger = stage.world.person(stage.world.second_facility(stage.place), "Zoe Zane", "Zoe", "Zane")
    with pytest.raises(NotFound):
        refresh(ward, stranger)
    with pytest.raises(NotFound):
        refreshing.refresh_for(stage.world.access, stage.actor(stage.eve), stage.exam(1), stage.world.now)
    assert stage.poll() == []
    operator = Actor(stage.organisation_id)
    assert refreshing.refresh(stage.world.access, operator, stage.place.facility_id, stage.world.now).servers == 1
