"""Each cause of "images are not uploaded" that lies on this machine turns its own line of the table (R104, R105)."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from smartlink.gateway import checks
from smartlink.gateway.checks import Here
from smartlink.gateway.delivery import State as Delivery
from smartlink.gateway.diagnostics import Finding, State
from smartlink.gateway.intake import read_disk
from smartlink.gateway.log import LogKind, log_path
from smartlink.gateway.platform.volume import Encryption
from smartlink.gateway.settings import Deployment
from smartlink.gateway.store import (
    connections,
    counters,
    deliveries,
    destinations,
    disk_samples,
    instances,
    licences,
    refusals,
    service,
    settings,
)
from smartlink.gateway.store.database import Database
from smartlink.gateway.store.disk_samples import Sample
from smartlink.gateway.store.refusals import Refused
from smartlink.gateway.store.spool import Spool
from tests.gateway.authority import Authority
from tests.gateway.conftest import START, Keep
from tests.gateway.store.examples import a_pacs, an_entry, an_instance, an_ultrasound
from tests.gateway.store.test_licences import an_activation

HOUR = timedelta(hours=1)


@pytest.fixture
def here(database: Database, spool: Spool, tmp_path: Path) -> Here:
    return Here(Deployment(data=tmp_path / "data"), database, spool, START, lambda _: Encryption.ENCRYPTED)


def found(here: Here, name: str, about: str = "") -> Finding:
    """What the table's line of this name says."""
    return next(one.look() for one in checks.checks(here) if (one.name, one.about) == (name, about))


def put_settings(database: Database, **values: object) -> None:
    database.write(lambda tx: settings.put(tx, values, START))


@pytest.mark.proves("R104")
def test_a_fresh_folder_says_what_to_begin_with(here: Here) -> None:
    states = {one.name: one.look().state for one in checks.checks(here)}
    assert (states["service"], states["licence"], states["settings"]) == (State.FAILED, State.FAILED, State.WARNING)
    well = ("encryption", "folders", "uploads", "deliveries", "unreadable", "refusals", "log", "catalogue", "spool")
    assert {states[name] for name in well} == {State.OK}


@pytest.mark.proves("R104")
def test_service_licence_and_settings_are_well_once_they_are(here: Here, database: Database) -> None:
    database.write(licences.ensure)
    database.write(lambda tx: licences.activate(tx, an_activation()))
    database.write(lambda tx: service.started(tx, os.getpid(), "0.1.0", START))
    put_settings(database, port=11112)
    assert found(here, "service").state is State.OK
    assert found(here, "licence").value == "active for Emergency (St. Mary)"
    assert found(here, "settings").value == "SMARTLINKRCVR, port 11112"
    assert found(here, "descriptors").state is State.OK
    assert " of " in found(here, "descriptors").value
    silent = replace(here, now=START + HOUR)
    assert found(silent, "service").state is State.FAILED


@pytest.mark.proves("R104", "R105")
def test_the_disk_is_judged_by_its_reserve_and_by_where_it_goes(here: Here, database: Database) -> None:
    disk = read_disk(here.deployment.data)
    put_settings(database, disk_reserve_bytes=0)
    assert "0.0 GB of them kept back" in found(here, "disk").value
    for hour in range(50):
        sample = Sample(START + HOUR * hour, disk.free * (100 - hour) // 51)
        database.write(lambda tx, sample=sample: disk_samples.add(tx, sample, START))  # type: ignore[misc]
    soon = found(here, "disk")
    assert soon.state is State.WARNING
    assert "less than three days" in soon.cause
    put_settings(database, disk_reserve_bytes=disk.total + 10**12)
    assert "A700" in found(here, "disk").cause


@pytest.mark.parametrize(
    ("encryption", "state"), [(Encryption.PLAIN, State.WARNING), (Encryption.UNKNOWN, State.SKIPPED)]
)
def test_a_disk_that_is_not_encrypted_is_named(here: Here, encryption: Encryption, state: State) -> None:
    assert found(replace(here, encryption=lambda _: encryption), "encryption").state is state


@pytest.mark.proves("R104", "R105", "R146")
def test_what_waits_for_works_shows_its_age_and_what_needs_a_person(here: Here, database: Database) -> None:
    an_instance(database, 1)
    assert found(here, "uploads").state is State.OK
    database.write(lambda tx: service.failing(tx, START, "The proxy does not let SmartLink through (407)."))
    later = found(replace(here, now=START + 2 * HOUR), "uploads")
    assert (later.state, later.cause) == (State.WARNING, "The proxy does not let SmartLink through (407).")
    assert "1 waiting" in later.value
    an_instance(database, 2, state=Delivery.HELD)
    assert "ultrasound system is added" in found(here, "uploads").cause
    (claim, *_) = database.write(lambda tx: deliveries.claim(tx, deliveries.WORKS, START, START + HOUR, 1))
    database.write(lambda tx: deliveries.refused(tx, claim, START, "Damaged.", "Send it again."))
    assert found(here, "uploads").state is State.FAILED


@pytest.mark.proves("R104", "R105")
def test_a_pacs_that_fails_while_images_wait_for_it_is_named(here: Here, database: Database) -> None:
    pacs = a_pacs(database)
    instance_id = an_instance(database, 1)
    database.write(lambda tx: deliveries.add(tx, instance_id, str(pacs.id), None, Delivery.WAITING, START))
    database.write(lambda tx: destinations.failing(tx, str(pacs.id), START, "No answer."))
    assert found(here, "deliveries").cause == "It fails at ARCHIVE."
    (claim,) = database.write(lambda tx: deliveries.claim(tx, str(pacs.id), START, START + HOUR, 1))
    database.write(lambda tx: deliveries.refused(tx, claim, START, "Not so.", "Ask."))
    assert found(here, "deliveries").state is State.FAILED


def test_an_image_that_cannot_be_read_is_counted(here: Here, database: Database) -> None:
    broken = replace(an_entry(1), unreadable="Cut off.", attributes=None, study_instance_uid=None)
    database.write(lambda tx: instances.add(tx, broken))
    assert database.read(counters.instances)["unreadable"] == 1
    assert found(here, "unreadable").value == "1 images"


@pytest.mark.proves("R105")
def test_callers_in_vain_and_errors_of_today_are_told_with_the_last_of_them(here: Here, database: Database) -> None:
    refused = Refused("US09", "WRONG", "192.0.2.9", "called AE title not recognised", 3, START, START)
    database.write(lambda tx: refusals.add(tx, refused))
    assert found(here, "refusals").cause == "US09: called AE title not recognised."
    assert found(replace(here, now=START + 30 * HOUR), "refusals").state is State.OK
    path = log_path(here.deployment.logs, LogKind.SERVICE, START.date())
    path.parent.mkdir(parents=True)
    lines = [
        {"level": "info", "event": "uploaded"},
        {"level": "error", "event": "upload_failed", "action": "Check it."},
    ]
    path.write_text("\n".join([*(json.dumps(one) for one in lines), "half a li"]), "utf-8")
    errors = found(here, "log")
    assert (errors.state, errors.value, errors.remedy) == (State.WARNING, "1 errors", "Check it.")


@pytest.mark.proves("R104")
def test_catalogue_and_spool_are_compared_in_both_directions(here: Here, database: Database, keep: Keep) -> None:
    later = replace(here, now=START + timedelta(days=400))
    keep("1.2.3.1")
    assert found(replace(here, now=START), "spool").state is State.OK  # just written: not entered yet
    assert found(later, "spool").cause == "1 files are not in the catalogue."
    an_instance(database, 2)
    assert found(later, "spool").cause == "The files of 1 images that Works has not are gone."


@pytest.mark.proves("R104")
def test_a_damaged_catalogue_is_found(here: Here, database: Database, tmp_path: Path) -> None:
    for number in range(200):
        an_instance(database, number)
    database.close()
    with (tmp_path / "data" / "smartlink.db").open("r+b") as file:
        file.seek(3 * 4096)
        file.write(b"\xa5" * 8192)
    with Database(tmp_path / "data" / "smartlink.db") as damaged:
        spoilt = checks.catalogue(replace(here, database=damaged))
    assert (spoilt.state, spoilt.value) == (State.FAILED, "damaged")
    assert "smartlink repair" in spoilt.remedy


@pytest.mark.proves("R104")
def test_each_scanner_shows_its_last_contact_and_the_images_of_today(here: Here, database: Database) -> None:
    scanner = an_ultrasound(database)
    an_instance(database, 1, origin=scanner.id)
    an_instance(database, 2, origin=scanner.id, at=START - timedelta(days=1))
    database.write(lambda tx: connections.seen(tx, scanner.id, "192.0.2.7", START, image=True))
    seen = found(here, "ultrasound", "US01")
    assert seen.value == "last heard of 2026-11-24 04:00 UTC, 1 images today (UTC)"
    assert seen.state is State.WARNING  # Works has not been told of it yet


@pytest.mark.proves("R104")
def test_a_certificate_is_told_by_its_end_and_what_is_wrong_with_it(
    here: Here, database: Database, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority", now=START)
    issued = authority.issue()
    put_settings(database, tls_port=2762, tls_certificate=str(issued.certificate), tls_key=str(issued.key))
    put_settings(database, tls_require_client_certificate=False)
    assert found(here, "certificate", "receiver").state is State.OK
    assert found(replace(here, now=START + timedelta(days=350)), "certificate", "receiver").state is State.WARNING
    assert found(replace(here, now=START + timedelta(days=370)), "certificate", "receiver").state is State.FAILED
