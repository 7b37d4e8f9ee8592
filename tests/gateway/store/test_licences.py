"""The licence row: one installation, one standing."""

from __future__ import annotations

from uuid import uuid4

import pytest

from smartlink.gateway.licence import LicenceState
from smartlink.gateway.store import licences
from smartlink.gateway.store.database import Database
from tests.gateway.conftest import START


def an_activation() -> licences.Activation:
    return licences.Activation(
        works_url="https://works.example.org",
        gateway_id=uuid4(),
        organisation_id=uuid4(),
        organisation_name="St. Mary",
        facility_id=uuid4(),
        facility_name="Emergency",
        key_prefix="0ABCD",
        activated_at=START,
    )


def test_an_installation_has_one_id_for_good(database: Database) -> None:
    assert database.read(licences.find) is None
    first = database.write(licences.ensure)
    assert first.state is LicenceState.UNLICENSED
    assert not first.is_active
    assert database.write(licences.ensure) == first


@pytest.mark.proves("R28", "R33")
def test_an_activation_is_in_force_until_it_is_revoked(database: Database) -> None:
    database.write(licences.ensure)
    activation = an_activation()
    database.write(lambda tx: licences.activate(tx, activation))
    active = database.read(licences.find)
    assert active is not None
    assert active.is_active
    assert (active.gateway_id, active.facility_name) == (activation.gateway_id, "Emergency")
    assert database.write(lambda tx: licences.revoke(tx, activation.gateway_id, START))
    revoked = database.read(licences.find)
    assert revoked is not None
    assert (revoked.state, revoked.revoked_at) == (LicenceState.REVOKED, START)
    assert not database.write(lambda tx: licences.revoke(tx, activation.gateway_id, START))


def test_a_late_revocation_of_the_former_identity_does_not_hit_the_new_one(database: Database) -> None:
    database.write(licences.ensure)
    former, new = an_activation(), an_activation()
    database.write(lambda tx: licences.activate(tx, former))
    database.write(lambda tx: licences.activate(tx, new))
    assert not database.write(lambda tx: licences.revoke(tx, former.gateway_id, START))
