"""A confirmed upload becomes part of an exam, once, whatever is repeated and whoever else brings it."""

import threading
import uuid
from typing import Any

import pytest

from smartlink.works.errors import TryAgain
from smartlink.works.exams import journey
from tests.works.exams.part10 import (
    BIG,
    DEFLATED,
    IMPLICIT,
    JPEG_BASELINE,
    dataset,
    element,
    part10,
    sequence,
    sha256,
)
from tests.works.world import Gateway, Place, World, put

SOP = "1.2.3.4.5"


@pytest.fixture
def lakeside(world: World) -> Place:
    """Bob's organisation."""
    return world.organisation("Heart Clinic")


@pytest.fixture
def bob(world: World, lakeside: Place) -> uuid.UUID:
    """A physician."""
    return world.person(lakeside, "Bob Miller", "Bob", "Miller")


@pytest.fixture
def gateway(world: World, lakeside: Place) -> Gateway:
    """The facility's gateway."""
    return world.gateway(lakeside)


def performing(name: bytes, charset: bytes = b"") -> dict[int, tuple[str, bytes]]:
    """Performing Physician's Name as elements."""
    return {0x00080005: ("CS", charset), 0x00081050: ("PN", name)}


@pytest.mark.proves("R75", "R80")
def test_an_instance_travels_from_the_offer_to_the_drafts_of_its_physician(
    world: World, lakeside: Place, bob: uuid.UUID, gateway: Gateway
) -> None:
    body = dataset(SOP, extra=performing(b"Miller^Bob") | {0x00080020: ("DA", b"20260131")})
    outcome = gateway.deliver(body, SOP)
    assert outcome["outcome"] == "stored"
    assert outcome["receipt"]["sop_instance_uid"] == SOP
    assert world.exams(lakeside) == []
    world.ingest()
    (exam,) = world.exams(lakeside)
    assert (exam["folder"], exam["owner_person_id"], exam["state"]) == ("drafts", bob, "draft")
    assert (exam["patient_name"], exam["specialty_id"]) == ("Marker^Patient", lakeside.specialty_id)
    (instance,) = world.rows(lakeside, "SELECT * FROM instance")
    assert bytes(instance["dataset_sha256"]).hex() == sha256(body)
    assert world.later.previews == [instance["id"]]
    with world.access.organisation(lakeside.organisation_id) as site:
        told = journey.of_study(site, "1.2.3").as_json()
    assert told["exam"]["owner"] == "Bob Miller"
    (step,) = told["instances"]
    assert step["state"] == "ingested"
    assert step["dataset_sha256"] == sha256(body)
    assert step["object_key"].endswith(step["object_sha256"])
    assert "Marker" not in str(told)
    with world.blobs.open(step["object_key"]) as stream:
        assert stream.read().endswith(body)


@pytest.mark.proves("R79")
@pytest.mark.parametrize(
    ("name", "reason"), [(b"Miler^Bob", "no_match"), (b"", "tag_missing"), (b"Gone^Grace", "user_inactive")]
)
@pytest.mark.usefixtures("bob")
def test_a_misspelt_or_missing_physician_leaves_the_exam_unassigned_with_the_reason(
    world: World, lakeside: Place, gateway: Gateway, name: bytes, reason: str
) -> None:
    world.person(lakeside, "Grace Gone", "Grace", "Gone", status="inactive")
    gateway.deliver(dataset(SOP, extra=performing(name)), SOP)
    world.ingest()
    (exam,) = world.exams(lakeside)
    assert (exam["folder"], exam["reason"], exam["raw_value"]) == ("unassigned", reason, name.decode())
    assert exam["tag"] == "0008,1050"


@pytest.mark.proves("R76")
@pytest.mark.parametrize(
    ("charset", "raw", "person"),
    [
        (b"ISO_IR 100", b"Pe\xf1a^Jos\xe9", ("José Peña", "José", "Peña")),
        (b"ISO_IR 192", "Peña^José".encode(), ("José Peña", "José", "Peña")),
        (b"", b"PENA^JOSE", ("José Peña", "José", "Peña")),
        (b"\\ISO 2022 IR 87", b"Yamada^T=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=", ("山田 太郎", "太郎", "山田")),
        (b"ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", ("ヤマダ タロウ", "タロウ", "ヤマダ")),
        (b"\\ISO 2022 IR 149", b"H^G=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7", ("洪 吉洞", "吉洞", "洪")),
        (b"GB18030", "Wang^X=王^小东".encode("gb18030"), ("王 小东", "小东", "王")),
    ],
)
def test_every_character_set_finds_the_right_physician(
    world: World,
    lakeside: Place,
    bob: uuid.UUID,
    gateway: Gateway,
    charset: bytes,
    raw: bytes,
    person: tuple[str, str, str],
) -> None:
    right = world.person(lakeside, *person)
    gateway.deliver(dataset(SOP, extra=performing(raw, charset)), SOP)
    world.ingest()
    (exam,) = world.exams(lakeside)
    assert exam["owner_person_id"] == right != bob


@pytest.mark.parametrize("syntax", [IMPLICIT, BIG, DEFLATED, JPEG_BASELINE])
def test_every_transfer_syntax_is_ingested(
    world: World, lakeside: Place, bob: uuid.UUID, gateway: Gateway, syntax: str
) -> None:
    body = dataset(SOP, syntax=syntax, extra={0x00081050: ("PN", b"Miller^Bob")})
    gateway.deliver(body, SOP, transfer_syntax_uid=syntax)
    world.ingest()
    (exam,) = world.exams(lakeside)
    assert exam["owner_person_id"] == bob


@pytest.mark.proves("R80")
def test_a_later_instance_assigns_an_unassigned_exam_but_never_moves_it_out_of_drafts(
    world: World, lakeside: Place, bob: uuid.UUID, gateway: Gateway
) -> None:
    world.person(lakeside, "Jane Doe", "Jane", "Doe")
    for number, name in enumerate((b"", b"Miller^Bob", b"Doe^Jane"), start=1):
        uid = f"{SOP}.{number}"
        gateway.deliver(dataset(uid, extra=performing(name)), uid)
        world.ingest()
        (exam,) = world.exams(lakeside)
        assert exam["owner_person_id"] == (None if number == 1 else bob)
    assert len(world.rows(lakeside, "SELECT 1 FROM assignment")) == 2


@pytest.mark.proves("R80", "R81")
@pytest.mark.usefixtures("bob")
def test_what_a_person_has_decided_no_rule_touches(world: World, lakeside: Place, gateway: Gateway) -> None:
    gateway.deliver(dataset(f"{SOP}.1", extra=performing(b"")), f"{SOP}.1")
    world.ingest()
    (exam,) = world.exams(lakeside)
    with world.access.organisation(lakeside.organisation_id) as site:
        site.run(
            "INSERT INTO assignment (id, organisation_id, exam_id, folder, decided_by, at)"
            " VALUES (:id, :organisation, :exam, 'unassigned', 'alice', :now)",
            id=uuid.uuid4(),
            organisation=lakeside.organisation_id,
            exam=exam["id"],
            now=world.now,
        )
    gateway.deliver(dataset(f"{SOP}.2", extra=performing(b"Miller^Bob")), f"{SOP}.2")
    world.ingest()
    assert world.exams(lakeside)[0]["folder"] == "unassigned"


@pytest.mark.proves("R80")
def test_a_changed_mapping_counts_for_exams_received_after_it(
    world: World, lakeside: Place, bob: uuid.UUID, gateway: Gateway
) -> None:
    both = performing(b"") | {0x00080090: ("PN", b"Miller^Bob")}
    gateway.deliver(dataset(f"{SOP}.1", extra=both), f"{SOP}.1")
    world.ingest()
    assert gateway.put_connection(gateway.connection_id, mapping="referring_physician").status_code == 200
    gateway.deliver(dataset(f"{SOP}.2", extra=both), f"{SOP}.2")
    gateway.deliver(
        dataset(f"{SOP}.3", study="9.9", series="9.9.1", extra=both),
        f"{SOP}.3",
        study_instance_uid="9.9",
        series_instance_uid="9.9.1",
    )
    world.ingest()
    owners = {exam["study_instance_uid"]: exam["owner_person_id"] for exam in world.exams(lakeside)}
    assert owners == {"1.2.3": None, "9.9": bob}


@pytest.mark.proves("R74", "R75", "R77", "R78", "R80", "R82")
def test_each_of_the_six_mappings_reads_its_own_attribute(world: World, lakeside: Place, gateway: Gateway) -> None:
    names = {
        "performing_physician": (0x00081050, "Adams^Ann"),
        "referring_physician": (0x00080090, "Brown^Ben"),
        "operator": (0x00081070, "Clark^Cid\\Nobody^Known"),
        "reading_physician": (0x00081060, "Drake^Dan"),
    }
    people = {
        mapping: world.person(lakeside, name, *reversed(name.split("\\")[0].split("^")))
        for mapping, (_, name) in names.items()
    }
    called = world.person(lakeside, "Eve Evans", "Eve", "Evans")
    address = f"Tel. 12; {called.hex}@EXAMPLE.org".encode()
    people |= {"telecom": called, "telecom, nested": called}
    written = {tag: ("PN", name.encode()) for tag, name in names.values()}
    nested = sequence([element(0x00401101, "SQ", b"") + element(0x00401104, "LT", address)])
    owners = {}
    for number, mapping in enumerate((*people, "unassigned")):
        telecom = {0x00081052: nested} if "nested" in mapping else {0x00401104: ("LT", address)}
        study, sop = f"1.2.{number}", f"1.2.{number}.1"
        changed = gateway.put_connection(gateway.connection_id, mapping=mapping.split(",")[0])
        assert changed.status_code == 200, changed.text
        gateway.deliver(dataset(sop, study=study, extra=written | telecom), sop, study_instance_uid=study)
        world.ingest()
        (exam,) = world.rows(lakeside, "SELECT * FROM exam WHERE study_instance_uid = :study", study=study)
        owners[mapping] = exam["owner_person_id"]
    assert owners == people | {"unassigned": None}
    assert exam["reason"] == "mapping_none"


@pytest.mark.proves("R152")
def test_ingest_may_be_repeated(world: World, lakeside: Place, gateway: Gateway) -> None:
    outcome = gateway.deliver(dataset(SOP), SOP)
    for _ in range(3):
        world.intake.ingest(lakeside.organisation_id, [uuid.UUID(outcome["upload_id"])])
    assert len(world.rows(lakeside, "SELECT 1 FROM instance")) == 1
    assert len(world.later.previews) == 1
    world.intake.ingest(lakeside.organisation_id, [uuid.uuid4()])


@pytest.mark.proves("R152")
def test_the_same_image_from_two_systems_is_one_instance_of_one_exam(
    world: World, lakeside: Place, gateway: Gateway
) -> None:
    body = dataset(SOP)
    assert gateway.deliver(body, SOP, source="US01")["outcome"] == "stored"
    other = uuid.uuid4()
    assert gateway.put_connection(other, ae_title="US02", specialty_ids=[str(lakeside.other_specialty_id)]).is_success
    # Before the first is ingested Works has only the gateway's word for the digest: the second is taken, too.
    assert gateway.deliver(body, SOP, source="US02", connection_id=str(other))["outcome"] == "stored"
    world.ingest()
    assert len(world.rows(lakeside, "SELECT 1 FROM instance")) == len(world.exams(lakeside)) == 1
    assert world.rows(lakeside, "SELECT 1 FROM instance_conflict") == []
    # Afterwards nothing has to be sent.
    assert gateway.deliver(body, SOP, source="US03", connection_id=str(other))["outcome"] == "held"


@pytest.mark.proves("R152")
@pytest.mark.parametrize("ingest_between", [True, False])
def test_other_bytes_under_the_same_uid_are_both_kept_as_a_conflict(
    world: World, lakeside: Place, gateway: Gateway, *, ingest_between: bool
) -> None:
    first, second = dataset(SOP), dataset(SOP, pixels=b"\xff\xff\xff\xff")
    gateway.deliver(first, SOP)
    if ingest_between:
        world.ingest()
    outcome = gateway.deliver(second, SOP)
    assert outcome["conflict"] is ingest_between
    world.ingest()
    (instance,) = world.rows(lakeside, "SELECT * FROM instance")
    (conflict,) = world.rows(lakeside, "SELECT * FROM instance_conflict")
    assert bytes(instance["dataset_sha256"]).hex() == sha256(first)
    assert bytes(conflict["dataset_sha256"]).hex() == sha256(second)
    for row, body in ((instance, first), (conflict, second)):
        with world.blobs.open(row["object_key"]) as stream:
            assert stream.read().endswith(body)
    assert gateway.deliver(second, SOP)["outcome"] == "held"
    assert gateway.deliver(second, SOP, source="US09")["outcome"] == "held"


@pytest.mark.proves("R152")
def test_two_organisations_and_two_facilities_with_one_uid(world: World, lakeside: Place, gateway: Gateway) -> None:
    elsewhere = world.organisation("Elsewhere")
    annexe = world.second_facility(lakeside)
    charlies, annexes = world.gateway(elsewhere), world.gateway(annexe)
    body = dataset(SOP)
    for sender in (gateway, annexes, charlies):
        sender.deliver(body, SOP)
        world.ingest()
    assert len(world.exams(lakeside)) == len(world.exams(elsewhere)) == 1
    assert world.exams(lakeside)[0]["facility_id"] == lakeside.facility_id
    keys = [world.rows(place, "SELECT object_key FROM instance")[0]["object_key"] for place in (lakeside, elsewhere)]
    assert keys[0] != keys[1]


@pytest.mark.proves("R152")
def test_many_workers_bring_the_same_uid_at_once(world: World, lakeside: Place, gateway: Gateway) -> None:
    bodies = [dataset(SOP), dataset(SOP), dataset(SOP, pixels=b"\xff\xff\xff\xff")]
    uploads = [
        uuid.UUID(gateway.deliver(body, SOP, source=f"US{number}")["upload_id"])
        for number, body in enumerate(bodies * 2)
    ]
    ready = threading.Barrier(len(uploads) * 2)

    def work(upload_id: uuid.UUID) -> None:
        ready.wait(timeout=30)
        world.intake.ingest(lakeside.organisation_id, [upload_id])

    threads = [threading.Thread(target=work, args=(upload,)) for upload in uploads * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    states = world.rows(lakeside, "SELECT state, conflict FROM upload")
    assert {row["state"] for row in states} == {"ingested"}
    assert len(world.rows(lakeside, "SELECT 1 FROM instance")) == 1
    assert len(world.rows(lakeside, "SELECT 1 FROM instance_conflict")) == 1
    assert len(world.exams(lakeside)) == 1


def test_a_series_uid_that_a_scanner_uses_in_two_studies_does_not_mix_them(
    world: World, lakeside: Place, gateway: Gateway
) -> None:
    gateway.deliver(dataset(f"{SOP}.1"), f"{SOP}.1")
    gateway.deliver(dataset(f"{SOP}.2", study="1.2.9"), f"{SOP}.2", study_instance_uid="1.2.9")
    world.ingest()
    rows = world.rows(
        lakeside, "SELECT s.exam_id = i.exam_id AS same FROM instance i JOIN series s ON s.id = i.series_id"
    )
    assert rows == [{"same": True}, {"same": True}]


def one_failure(world: World, place: Place) -> str:
    """The words on the one failed upload."""
    world.ingest()
    (row,) = world.rows(place, "SELECT state, failure FROM upload")
    assert row["state"] == "failed"
    assert world.exams(place) == []
    return str(row["failure"])


def test_a_data_set_with_another_uid_than_offered_is_kept_but_not_ingested(
    world: World, lakeside: Place, gateway: Gateway
) -> None:
    gateway.deliver(dataset("1.2.3.999"), SOP)
    assert one_failure(world, lakeside) == "The Data Set's SOP Instance UID is not the one that was offered."


def test_what_is_no_dicom_is_kept_and_says_so(world: World, lakeside: Place, gateway: Gateway) -> None:
    content = b"Marker^Patient, but no DICOM"
    (ticket,) = gateway.offer(gateway.offered(content, content, SOP))
    put(ticket, content)
    gateway.confirm(ticket["upload_id"])
    assert one_failure(world, lakeside) == "The object is not a DICOM Part 10 file."
    with world.access.organisation(lakeside.organisation_id) as site:
        (step,) = journey.of_study(site, "1.2.3").instances
    assert step["failure"] == "The object is not a DICOM Part 10 file."


def test_an_object_that_changed_in_storage_is_noticed(world: World, lakeside: Place, gateway: Gateway) -> None:
    gateway.deliver(dataset(SOP), SOP)
    (row,) = world.rows(lakeside, "SELECT object_key FROM upload")
    world.blobs.put(row["object_key"], part10(dataset(SOP, pixels=b"abcd"), SOP), content_type="application/dicom")
    assert "length or digest" in one_failure(world, lakeside)


def test_an_object_that_vanished_is_noticed(world: World, lakeside: Place, gateway: Gateway) -> None:
    gateway.deliver(dataset(SOP), SOP)
    (row,) = world.rows(lakeside, "SELECT object_key FROM upload")
    world.blobs.delete(row["object_key"])
    assert "no object" in one_failure(world, lakeside)


class NoStorage:
    """An object store that is away."""

    def open(self, key: str) -> Any:  # noqa: ARG002 - the port's signature
        """Fail as the real one does."""
        message = "The object store does not answer just now."
        raise TryAgain(message)


def test_storage_that_is_away_fails_nothing_for_good(world: World, lakeside: Place, gateway: Gateway) -> None:
    outcome = gateway.deliver(dataset(SOP), SOP)
    away = type(world.intake)(world.access, NoStorage(), world.later, world.clock)
    with pytest.raises(TryAgain):
        away.ingest(lakeside.organisation_id, [uuid.UUID(outcome["upload_id"])])
    world.ingest()
    assert len(world.exams(lakeside)) == 1
