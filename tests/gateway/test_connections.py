"""The rules about peers: what an unknown caller becomes, who may store, what Works is told."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4

import pytest

from smartlink.gateway.connections import may_store, new_ultrasound, put_message, restored
from smartlink.link.connections import Connection as ConnectionAtWorks
from smartlink.link.connections import ConnectionStatus, Kind, Mapping
from smartlink.standard.names import AETitle
from tests.gateway.conftest import START

SPECIALTY = uuid4()
SCANNER = new_ultrasound(uuid4(), AETitle("US01"), "192.0.2.7", SPECIALTY)


@pytest.mark.proves("R61", "R62", "R63")
def test_an_unknown_caller_becomes_a_connection_with_the_defaults() -> None:
    assert (SCANNER.kind, SCANNER.name, SCANNER.host) == (Kind.ULTRASOUND, "US01", "192.0.2.7")
    assert SCANNER.specialty_ids == (SPECIALTY,)
    assert SCANNER.mapping is Mapping.PERFORMING_PHYSICIAN
    assert not SCANNER.is_in_works


@pytest.mark.proves("R61")
def test_only_ultrasound_systems_may_store() -> None:
    assert [kind for kind in Kind if may_store(kind)] == [Kind.ULTRASOUND]


@pytest.mark.proves("R42", "R61")
def test_the_status_has_the_words_of_the_list() -> None:
    known = replace(SCANNER, pushed_revision=1, works_id=uuid4())
    assert SCANNER.status_words == "Pending sync"
    assert known.status_words == "Active (verified, no images yet)"
    assert replace(known, last_image_at=START).status_words == "Active"
    assert replace(known, status=ConnectionStatus.INACTIVE).status_words == "Inactive"


def test_works_is_told_all_and_a_missing_specialty_becomes_the_default() -> None:
    message = put_message(replace(SCANNER, works_version=3), uuid4())
    assert (message.ae_title, message.specialty_ids, message.version) == ("US01", (SPECIALTY,), 3)
    assert put_message(replace(SCANNER, specialty_ids=()), SPECIALTY).specialty_ids == (SPECIALTY,)


@pytest.mark.proves("R41")
def test_a_restored_connection_is_what_works_had() -> None:
    at_works = ConnectionAtWorks(
        id=uuid4(),
        version=7,
        kind=Kind.PACS,
        name="Archive",
        ae_title="ARCHIVE",
        host="192.0.2.9",
        port=104,
        specialty_ids=(SPECIALTY,),
        status=ConnectionStatus.ACTIVE,
    )
    connection = restored(at_works)
    assert (connection.works_id, connection.works_version, connection.is_pending) == (at_works.id, 7, False)
