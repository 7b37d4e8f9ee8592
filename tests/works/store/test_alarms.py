"""How far the telling of each alarm is, and what is watched."""

import uuid
from dataclasses import replace
from datetime import timedelta

from smartlink.works.access import Access
from smartlink.works.store import alarms, connections, gateways, lookups
from smartlink.works.store.alarms import Told
from smartlink.works.store.connections import ConnectionRow
from tests.works.cast import NOW, Cast, Home
from tests.works.store.test_lookups import add_gateway


def a_scanner(access: Access, home: Home, gateway_id: uuid.UUID, *, kind: str = "ultrasound") -> uuid.UUID:
    """An ultrasound system, or another peer, of this gateway."""
    row = ConnectionRow(
        id=uuid.uuid4(),
        facility_id=home.facility_id,
        gateway_id=gateway_id,
        kind=kind,
        name="Room 1",
        ae_title="US01",
        host="10.0.0.7",
        port=None,
        specialty_ids=[],
        mapping=None,
        status="active",
        version=1,
        last_seen_at=NOW,
        deleted_at=None,
    )
    with access.organisation(home.organisation_id) as site:
        assert connections.insert(site, row, ae_norm=f"us01-{kind}", now=NOW)
    return row.id


def test_an_alarm_is_kept_changed_and_forgotten(access: Access, cast: Cast) -> None:
    home, told = cast.lakeside, Told("offline", uuid.uuid4(), NOW)
    with access.organisation(home.organisation_id) as site:
        assert alarms.lock(site, home.facility_id) == []
        alarms.keep(site, home.facility_id, told)
        announced = replace(told, announced_at=NOW, told_at=NOW)
        alarms.keep(site, home.facility_id, announced)
        assert alarms.lock(site, home.facility_id) == [announced]
    with access.outside() as transaction:
        assert lookups.watched(transaction) == [lookups.FacilityIds(home.organisation_id, home.facility_id)]
    with access.organisation(home.organisation_id) as site:
        alarms.forget(site, home.facility_id, announced)
        assert alarms.lock(site, home.facility_id) == []


def test_only_active_gateways_and_scanners_that_somebody_asked_for_are_watched(access: Access, cast: Cast) -> None:
    home = cast.lakeside
    gateway = add_gateway(access, home)
    scanner, pacs = (a_scanner(access, home, gateway, kind=kind) for kind in ("ultrasound", "pacs"))
    with access.outside() as transaction:
        assert lookups.FacilityIds(home.organisation_id, home.facility_id) in lookups.watched(transaction)
    with access.organisation(home.organisation_id) as site:
        assert alarms.scanners(site, home.facility_id) == []
        assert alarms.silent_after(site, scanner, 24)
        assert not alarms.silent_after(site, pacs, 24)
        (watched,) = alarms.scanners(site, home.facility_id)
        assert (watched.id, watched.silent_after_hours, watched.last_seen_at) == (scanner, 24, NOW)
        gateways.beat(site, gateway, version="1", status={}, now=NOW + timedelta(hours=1))
        (one,) = alarms.gateways(site, home.facility_id)
        assert one.last_sign_of_life == NOW + timedelta(hours=1)
        gateways.revoke(site, gateway)
        assert alarms.gateways(site, home.facility_id) == []
