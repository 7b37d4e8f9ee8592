"""A licence key is made for one facility, shown once, and replaces the former one together with its gateway."""

from contextlib import suppress

import pytest

from smartlink.link import licence_key, paths
from smartlink.link.problems import ProblemType
from smartlink.works.errors import NotFound
from smartlink.works.fleet import licence_keys
from tests.works.world import World


@pytest.mark.proves("R29", "R30")
def test_a_key_is_shown_once_and_stored_hashed(world: World) -> None:
    place = world.organisation("Heart Clinic")
    with world.access.organisation(place.organisation_id) as site:
        created = licence_keys.create(site, place.facility_id, by=None, now=world.now)
    assert licence_key.parse(created.key) == created.key
    assert created.key not in repr(created)
    (row,) = world.rows(place, "SELECT * FROM licence_key")
    assert created.key not in str(row)
    assert bytes(row["key_hash"]).hex() == licence_key.digest(created.key)
    assert (row["prefix"], row["facility_id"], row["revoked_at"]) == (created.prefix, place.facility_id, None)


@pytest.mark.proves("R32")
def test_before_the_first_key_nothing_would_be_lost(world: World) -> None:
    place = world.organisation("Heart Clinic")
    with world.access.organisation(place.organisation_id) as site:
        assert licence_keys.current(site, place.facility_id) is None
        assert licence_keys.create(site, place.facility_id, by=None, now=world.now).revoked_gateways == 0
        present = licence_keys.current(site, place.facility_id)
    assert present is not None
    assert (present.gateway_id, present.queue) == (None, {})


@pytest.mark.proves("R33")
def test_regeneration_revokes_the_old_gateway_in_the_same_transaction(world: World) -> None:
    place = world.organisation("Heart Clinic")
    old = world.gateway(place)
    with world.access.organisation(place.organisation_id) as site:
        created = licence_keys.create(site, place.facility_id, by=None, now=world.now)
    assert created.revoked_gateways == 1
    answer = world.http.get(paths.CONFIGURATION, headers=old.headers())
    assert (answer.status_code, answer.json()["type"]) == (401, ProblemType.LICENCE_REVOKED)
    again = old.ask_token(old.assertion())
    assert (again.status_code, again.json()["type"]) == (401, ProblemType.LICENCE_REVOKED)


def test_a_regeneration_that_fails_revokes_nothing(world: World) -> None:
    place = world.organisation("Heart Clinic")
    gateway = world.gateway(place)
    with suppress(ZeroDivisionError), world.access.organisation(place.organisation_id) as site:
        licence_keys.create(site, place.facility_id, by=None, now=world.now)
        raise ZeroDivisionError
    assert world.http.get(paths.CONFIGURATION, headers=gateway.headers()).status_code == 200


@pytest.mark.proves("R35")
def test_what_the_gateway_last_reported_is_told_before_a_regeneration(world: World) -> None:
    place = world.organisation("Heart Clinic")
    gateway = world.gateway(place)
    assert gateway.beat(waiting=3, held=2).status_code == 200
    with world.access.organisation(place.organisation_id) as site:
        present = licence_keys.current(site, place.facility_id)
    assert present is not None
    assert present.gateway_id == gateway.id
    assert (present.queue["waiting"], present.queue["held"]) == (3, 2)


def test_a_facility_of_another_organisation_gets_no_key(world: World) -> None:
    place, elsewhere = world.organisation("Heart Clinic"), world.organisation("Elsewhere")
    with pytest.raises(NotFound), world.access.organisation(elsewhere.organisation_id) as site:
        licence_keys.create(site, place.facility_id, by=None, now=world.now)
