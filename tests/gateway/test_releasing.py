"""A licence is given back: Works is told first, nothing is lost, and what cannot be told is said."""

from __future__ import annotations

from uuid import UUID

import pytest

from smartlink.gateway.delivery import State
from smartlink.gateway.errors import LicenceRevoked, Refused, TryAgain
from smartlink.gateway.licence import LicenceState
from smartlink.gateway.releasing import release
from smartlink.gateway.store import audit, counters, licences
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.deliveries import WORKS
from smartlink.link.activation import Released
from tests.gateway.conftest import START
from tests.gateway.store.examples import an_instance, an_ultrasound
from tests.gateway.store.test_licences import an_activation


class WorksStandIn:
    """Works, as far as the release needs it."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure

    def release(self) -> Released:
        if self.failure is not None:
            raise self.failure
        return Released(released_at=START)


def state_of(database: Database) -> LicenceState:
    known = database.read(licences.find)
    assert known is not None
    return known.state


@pytest.fixture
def active(database: Database) -> Database:
    database.write(licences.ensure)
    database.write(lambda tx: licences.activate(tx, an_activation()))
    return database


@pytest.mark.proves("R38", "R134")
def test_a_released_gateway_keeps_its_images_and_stands_in_the_audit_list(active: Database) -> None:
    an_instance(active, 1, origin=an_ultrasound(active).id)
    assert release(active, WorksStandIn(), START)
    assert state_of(active) is LicenceState.RELEASED
    assert active.read(lambda tx: counters.deliveries(tx, WORKS))[State.WAITING] == 1
    assert active.read(lambda tx: audit.listing(tx, START, 10))[0].action == "licence_released"
    with pytest.raises(Refused, match="no active licence"):
        release(active, WorksStandIn(), START)


@pytest.mark.proves("R134")
def test_while_works_cannot_be_told_it_stays_active_unless_a_person_insists(active: Database) -> None:
    away = WorksStandIn(TryAgain("Works does not answer."))
    with pytest.raises(Refused, match="--anyway"):
        release(active, away, START)
    assert state_of(active) is LicenceState.ACTIVE
    assert not release(active, away, START, anyway=True)
    assert state_of(active) is LicenceState.RELEASED


@pytest.mark.proves("R134")
def test_an_answer_that_was_lost_does_no_harm_nor_a_service_that_hears_of_it_first(active: Database) -> None:
    known = active.read(licences.find)
    assert known is not None
    assert known.gateway_id is not None
    gateway_id: UUID = known.gateway_id

    class HeardFirst(WorksStandIn):
        def release(self) -> Released:
            active.write(lambda tx: licences.revoke(tx, gateway_id, START))
            raise LicenceRevoked("It was released.")

    assert release(active, HeardFirst(), START)
    assert state_of(active) is LicenceState.RELEASED
