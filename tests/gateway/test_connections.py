"""The rules about peers: what an unknown caller becomes, who may store, what Works is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from smartlink.gateway.calling import Tls
from smartlink.gateway.connections import (
    Changes,
    Connection,
    TlsChanges,
    directly_to,
    edited,
    host_warning,
    may_store,
    new_pacs,
    new_ultrasound,
    new_worklist,
    put_message,
    restored,
    secured,
)
from smartlink.gateway.errors import Refused
from smartlink.gateway.worklist import Query, QueryChanges
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


TYPED = Changes(name="Archive", ae_title="ARCHIVE", host="192.0.2.9", port=104, specialty_ids=(SPECIALTY,))


def pacs(**fields: object) -> Connection:
    return new_pacs(uuid4(), replace(TYPED, **fields))  # type: ignore[arg-type]


@pytest.mark.proves("R45", "R46", "R49")
def test_a_pacs_as_typed_is_inactive() -> None:
    made = pacs(name="  The  archive ", ae_title=" ARCHIVE ", host=" 192.0.2.9 ")
    assert (made.kind, made.name, made.ae_title, made.host, made.port) == (
        Kind.PACS,
        "The archive",
        "ARCHIVE",
        "192.0.2.9",
        104,
    )
    assert made.status is ConnectionStatus.INACTIVE
    assert made.mapping is None


@pytest.mark.proves("R46")
@pytest.mark.parametrize(
    ("field", "good"),
    [
        ("name", "x"),
        ("name", "x" * 64),
        ("name", "Archivo de radiología"),
        ("ae_title", "A"),
        ("ae_title", "A" * 16),
        ("ae_title", "  PACS 1  "),
        ("ae_title", "pacs.1-a_b"),
        ("port", 1),
        ("port", 65535),
        ("host", "127.0.0.1"),
        ("host", "2001:db8::10"),
        ("host", "[2001:db8::10]"),
        ("host", "pacs"),
        ("host", "pacs-1.hospital.example."),
    ],
)
def test_what_may_be_typed(field: str, good: object) -> None:
    assert pacs(**{field: good}).kind is Kind.PACS


@pytest.mark.proves("R46")
@pytest.mark.parametrize(
    ("field", "bad", "sentence"),
    [
        ("name", "", "1 to 64"),
        ("name", "   ", "1 to 64"),
        ("name", None, "1 to 64"),
        ("name", "x" * 65, "1 to 64"),
        ("name", "a\x00b", "1 to 64"),
        ("ae_title", "", "at least one"),
        ("ae_title", "   ", "at least one"),
        ("ae_title", None, "at least one"),
        ("ae_title", "A" * 17, "at most 16"),
        ("ae_title", "A\\B", "backslash"),
        ("ae_title", "A\tB", "control"),
        ("ae_title", "PÀCS", "letters, digits"),
        ("port", 0, "1 to 65535"),
        ("port", -1, "1 to 65535"),
        ("port", 65536, "1 to 65535"),
        ("port", None, "1 to 65535"),
        ("host", "", "IP address"),
        ("host", None, "IP address"),
        ("host", "192.0.2.300", "IP address"),
        ("host", "192.0.2", "IP address"),
        ("host", "a b", "IP address"),
        ("host", "http://pacs", "IP address"),
        ("host", "-pacs", "IP address"),
        ("host", "pacs..example", "IP address"),
        ("host", "x" * 64, "IP address"),
        ("host", "pacs:104", "IP address"),
        ("specialty_ids", (), "at least one specialty"),
        ("specialty_ids", None, "at least one specialty"),
        ("mapping", Mapping.OPERATOR, "ultrasound"),
        ("send_directly", True, "ultrasound"),
    ],
)
def test_what_is_refused_with_a_sentence(field: str, bad: object, sentence: str) -> None:
    with pytest.raises(Refused, match=sentence):
        pacs(**{field: bad})


@pytest.mark.proves("R46")
def test_a_host_name_is_taken_with_a_warning() -> None:
    assert "host name" in (host_warning("pacs.example") or "")
    assert host_warning("192.0.2.9") is None


@pytest.mark.proves("R49")
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        (Changes(name="Other"), ConnectionStatus.ACTIVE),
        (Changes(specialty_ids=(uuid4(),)), ConnectionStatus.ACTIVE),
        (Changes(port=104, host="192.0.2.9"), ConnectionStatus.ACTIVE),
        (Changes(port=105), ConnectionStatus.INACTIVE),
        (Changes(host="192.0.2.10"), ConnectionStatus.INACTIVE),
        (Changes(ae_title="archive"), ConnectionStatus.INACTIVE),
    ],
)
def test_the_status_belongs_to_ae_title_address_and_port(changes: Changes, status: ConnectionStatus) -> None:
    active = replace(pacs(), status=ConnectionStatus.ACTIVE, verified_at=START)
    after = edited(active, changes)
    assert after.status is status
    assert after.verified_at == (START if status is ConnectionStatus.ACTIVE else None)


def test_an_ultrasound_system_is_edited_but_for_what_it_says_itself() -> None:
    after = edited(SCANNER, Changes(name="Room 3", mapping=Mapping.OPERATOR, send_directly=True))
    assert (after.name, after.mapping, after.send_directly) == ("Room 3", Mapping.OPERATOR, True)
    assert edited(after, Changes(name="Room 4")).send_directly
    with pytest.raises(Refused, match="on the system itself"):
        edited(SCANNER, Changes(host="192.0.2.9"))


def test_the_port_at_which_an_ultrasound_system_hears_results_is_entered_here() -> None:
    after = edited(SCANNER, Changes(port=104))
    assert (after.port, after.status, edited(after, Changes(name="Room 3")).port) == (104, SCANNER.status, 104)
    with pytest.raises(Refused, match="port"):
        edited(SCANNER, Changes(port=0))


def test_a_pacs_has_no_mapping() -> None:
    with pytest.raises(Refused, match="ultrasound"):
        edited(pacs(), Changes(send_directly=True))


@pytest.mark.proves("R44", "R51")
def test_directly_means_to_every_pacs_of_the_specialties() -> None:
    one, other = uuid4(), uuid4()
    pacs = [replace(SCANNER, id=uuid4(), kind=Kind.PACS, specialty_ids=ids) for ids in ((one,), (one, other), ())]
    scanner = replace(SCANNER, specialty_ids=(one,), send_directly=True)
    assert directly_to(scanner, [SCANNER, *pacs], None) == pacs[:2]
    assert directly_to(replace(scanner, specialty_ids=(other,)), pacs, None) == pacs[1:2]
    assert directly_to(replace(scanner, specialty_ids=()), pacs, one) == pacs
    assert directly_to(replace(scanner, send_directly=False), pacs, one) == []


def test_a_connection_is_secured_as_a_person_says() -> None:
    assert secured(None, TlsChanges()) is None
    assert secured(None, TlsChanges(on=True)) == Tls()
    named = secured(None, TlsChanges(ca_file="/ca.pem", certificate="/c.pem", server_name=" pacs.example "))
    assert named == Tls(Path("/ca.pem").absolute(), Path("/c.pem").absolute(), None, "pacs.example")
    assert secured(named, TlsChanges()) == named
    assert secured(named, TlsChanges(ca_file="", server_name="")) == Tls(certificate=Path("/c.pem").absolute())
    assert secured(named, TlsChanges(on=False)) is None
    with pytest.raises(Refused, match="needs its certificate"):
        secured(None, TlsChanges(key="/k.pem"))


def test_whoever_secures_a_pacs_has_to_verify_it_anew() -> None:
    pacs = new_pacs(uuid4(), Changes("Archive", "ARCHIVE", "192.0.2.10", 104, (uuid4(),)))
    active = replace(pacs, status=ConnectionStatus.ACTIVE)
    assert edited(active, Changes(tls=TlsChanges(on=True))).status is ConnectionStatus.INACTIVE
    scanner = new_ultrasound(uuid4(), AETitle("US01"), "192.0.2.7", None)
    with pytest.raises(Refused, match="tls_port"):
        edited(scanner, Changes(tls=TlsChanges(on=True)))


SERVER = Changes(name="Hospital", ae_title="HOSPITAL", host="192.0.2.9", port=104, specialty_ids=(SPECIALTY,))


@pytest.mark.proves("R53", "R54", "R58")
def test_a_worklist_server_has_one_specialty_and_is_not_verified() -> None:
    server = new_worklist(uuid4(), replace(SERVER, query=QueryChanges(time_zone="America/Bogota")))
    assert (server.kind, server.status, server.query) == (
        Kind.WORKLIST,
        ConnectionStatus.INACTIVE,
        Query(time_zone="America/Bogota"),
    )
    several = (SPECIALTY, uuid4())
    with pytest.raises(Refused, match="one specialty"):
        new_worklist(uuid4(), replace(SERVER, specialty_ids=several))
    with pytest.raises(Refused, match="one specialty"):
        edited(server, Changes(specialty_ids=several))
    assert edited(server, Changes(query=QueryChanges(modality=""))).query == Query("America/Bogota", None)


def test_only_a_worklist_server_is_asked_for_a_list() -> None:
    with pytest.raises(Refused, match="worklist servers"):
        new_pacs(uuid4(), replace(SERVER, query=QueryChanges(modality="US")))
    for connection in (SCANNER, new_pacs(uuid4(), SERVER)):
        with pytest.raises(Refused, match="worklist servers"):
            edited(connection, Changes(query=QueryChanges(modality="US")))
