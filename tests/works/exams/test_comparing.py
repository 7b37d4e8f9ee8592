"""The same image is kept once and another is never lost: every combination of bytes, scanner, specialty, gateway."""

import struct
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from smartlink.works.access import Access
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.errors import TryAgain
from smartlink.works.exams.comparing import compare_upload
from smartlink.works.exams.header import file_meta
from smartlink.works.images.previews import Drawings
from tests.works.exams.part10 import BIG, EXPLICIT, IMPLICIT, dataset, part10
from tests.works.world import Gateway, Later, Place, World

pytestmark = pytest.mark.proves("R152")
SOP = "1.2.3.4.5"
# Pixels of 16 bits, so that they are turned round in Big Endian.
WORDS = {0x00280002: 1, 0x00280100: 16, 0x00280101: 16, 0x00280102: 15, 0x00280103: 0}


def image(syntax: str = EXPLICIT, *, bright: bool = False, sop: str = SOP, study: str = "1.2.3") -> bytes:
    """The image in this encoding, or another one under its UID."""
    form = ">H" if syntax == BIG else "<H"
    pixels = b"".join(struct.pack(form, value) for value in (0x1020, 0x3040, 0x5060, 0x7F80 if bright else 0x7080))
    described = {tag: ("US", struct.pack(form, value)) for tag, value in WORDS.items()}
    extra = described | {0x00280004: ("CS", b"MONOCHROME2")}
    return dataset(sop, study=study, syntax=syntax, pixels=pixels, extra=extra)


@dataclass(frozen=True)
class Tools:
    """What the worker gives the job."""

    access: Access
    blobs: S3Blobs
    clock: Callable[[], datetime]
    later: Later
    drawings: Drawings = field(default_factory=Drawings)


@pytest.fixture
def lakeside(world: World) -> Place:
    """Bob's organisation."""
    return world.organisation("Heart Clinic")


@pytest.fixture
def tools(world: World) -> Tools:
    """For the job."""
    return Tools(world.access, world.blobs, world.clock, world.later)


def work(world: World, tools: Tools) -> None:
    """Do what was deferred."""
    world.ingest()
    while world.later.compares:
        compare_upload(tools, *world.later.compares.pop(0))


def others(world: World, place: Place) -> list[dict[str, Any]]:
    """What stands beside the instance."""
    return world.rows(place, "SELECT state, differs, compared_at, upload_id FROM instance_conflict ORDER BY at, id")


def second_sender(world: World, place: Place, first: Gateway, where: str) -> tuple[Gateway, dict[str, str]]:
    """Who sends the second time."""
    if where == "two gateways":
        gateway = world.gateway(world.second_facility(place), ae_title="US02")
        return gateway, {"source": "US02"}
    if where == "the same scanner":
        return first, {"source": "US01"}
    connection = uuid.uuid4()
    specialty = place.other_specialty_id if where == "two specialties" else place.specialty_id
    assert first.put_connection(connection, ae_title="US02", specialty_ids=[str(specialty)]).is_success
    return first, {"source": "US02", "connection_id": str(connection)}


SENDERS = ("the same scanner", "two scanners", "two specialties", "two gateways")
SECOND = {
    "same bytes": (EXPLICIT, False, None),
    "implicit": (IMPLICIT, False, "duplicate"),
    "big endian": (BIG, False, "duplicate"),
    "other bytes": (EXPLICIT, True, "conflict"),
    "other bytes, implicit": (IMPLICIT, True, "conflict"),
    "other bytes, big endian": (BIG, True, "conflict"),
}


@pytest.mark.parametrize("where", SENDERS)
@pytest.mark.parametrize("ingest_between", [True, False], ids=["later", "at once"])
def test_every_combination_of_who_sends_what(
    world: World, lakeside: Place, tools: Tools, where: str, *, ingest_between: bool
) -> None:
    first = world.gateway(lakeside)
    second, fields = second_sender(world, lakeside, first, where)
    for number, what in enumerate(SECOND):
        syntax, bright, _ = SECOND[what]
        case = Case(world, lakeside, f"1.2.{number}", f"1.2.{number}.1.1")
        assert case.deliver(first)["outcome"] == "stored"
        if ingest_between:
            work(world, tools)
        outcome = case.deliver(second, syntax, bright=bright, **fields)
        held = what == "same bytes" and (ingest_between or where == "the same scanner")
        assert outcome["outcome"] == ("held" if held else "stored"), what
        work(world, tools)
        case.check(SECOND[what][2], what)
        # Whoever brings it again need not send it: Works has these bytes.
        assert case.deliver(second, syntax, bright=bright, **fields)["outcome"] == "held", what


@dataclass(frozen=True)
class Case:
    """One image in an exam of its own, and what became of it."""

    world: World
    place: Place
    study: str
    sop: str

    def deliver(
        self, gateway: Gateway, syntax: str = EXPLICIT, *, bright: bool = False, **fields: str
    ) -> dict[str, Any]:
        """A gateway brings it, or another one under its UID."""
        body = image(syntax, bright=bright, sop=self.sop, study=self.study)
        return gateway.deliver(body, self.sop, transfer_syntax_uid=syntax, study_instance_uid=self.study, **fields)

    def check(self, expected: str | None, what: str) -> None:
        """The first one is kept, the other one stands beside it if it is another; nobody's exam is split."""
        (exam,) = self.rows("SELECT id, specialty_id FROM exam WHERE study_instance_uid = :study")
        assert exam["specialty_id"] == self.place.specialty_id, what
        (instance,) = self.rows("SELECT id, object_key FROM instance WHERE sop_instance_uid = :sop")
        with self.world.blobs.open(instance["object_key"]) as stream:
            assert stream.read().endswith(image(sop=self.sop, study=self.study)), what
        beside = self.rows("SELECT state FROM instance_conflict WHERE instance_id = :instance", instance=instance["id"])
        assert [row["state"] for row in beside] == ([] if expected is None else [expected]), what
        uploads = self.rows("SELECT conflict, state FROM upload WHERE sop_instance_uid = :sop")
        assert {row["state"] for row in uploads} == {"ingested"}, what
        assert sum(row["conflict"] for row in uploads) == (expected == "conflict"), what

    def rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        """What the database says of it."""
        return self.world.rows(self.place, query, study=self.study, sop=self.sop, **values)


def test_a_conflict_says_in_what_the_images_differ_and_keeps_both(world: World, lakeside: Place, tools: Tools) -> None:
    gateway = world.gateway(lakeside)
    gateway.deliver(image(), SOP)
    work(world, tools)
    second = image(IMPLICIT, bright=True).replace(b"Marker^Patient", b"Marker^Another")
    outcome = gateway.deliver(second, SOP, transfer_syntax_uid=IMPLICIT)
    assert outcome["conflict"] is False  # not known before it is compared
    world.wait(minutes=1)
    work(world, tools)
    (other,) = others(world, lakeside)
    assert (other["state"], other["differs"], other["compared_at"]) == (
        "conflict",
        ["PatientName", "PixelData"],
        world.now,
    )
    (row,) = world.rows(lakeside, "SELECT object_key FROM instance_conflict")
    with world.blobs.open(row["object_key"]) as stream:
        assert stream.read().endswith(second)


@pytest.mark.requires("dcmcrle")
@pytest.mark.parametrize("bright", [False, True])
def test_compressed_pixels_are_decoded_in_a_process_of_their_own(
    world: World, lakeside: Place, tools: Tools, tmp_path: Path, *, bright: bool
) -> None:
    gateway = world.gateway(lakeside)
    gateway.deliver(image(), SOP)
    (tmp_path / "native.dcm").write_bytes(part10(image(bright=bright), SOP))
    subprocess.run(["dcmcrle", "+un", tmp_path / "native.dcm", tmp_path / "rle.dcm"], check=True)
    with (tmp_path / "rle.dcm").open("rb") as file:
        syntax, offset = file_meta(file)
        file.seek(offset)
        gateway.deliver(file.read(), SOP, transfer_syntax_uid=syntax)
    work(world, tools)
    (other,) = others(world, lakeside)
    expected = ("conflict", ["PixelData"]) if bright else ("duplicate", [])
    assert (other["state"], other["differs"]) == expected


def test_a_conflict_that_is_certain_says_it_too_and_its_pictures_are_made(
    world: World, lakeside: Place, tools: Tools
) -> None:
    gateway = world.gateway(lakeside)
    gateway.deliver(image(), SOP)
    gateway.deliver(image(bright=True).replace(b"Marker^Patient", b"Marker^Another"), SOP)
    work(world, tools)
    (row,) = world.rows(lakeside, "SELECT id, state, differs, compared_at FROM instance_conflict")
    assert (row["state"], row["differs"]) == ("conflict", ["PatientName", "PixelData"])
    assert row["id"] in world.later.previews
    # What a person decided meanwhile stays, and what was compared is not compared again.
    (upload,) = world.rows(lakeside, "SELECT upload_id FROM instance_conflict")
    with world.access.organisation(lakeside.organisation_id) as site:
        site.run("UPDATE instance_conflict SET state = 'used', compared_at = NULL, differs = '{}'")
    compare_upload(tools, lakeside.organisation_id, upload["upload_id"])
    (again,) = world.rows(lakeside, "SELECT state, differs FROM instance_conflict")
    assert (again["state"], again["differs"]) == ("used", row["differs"])


def test_a_twin_of_a_conflict_is_a_duplicate_of_it(world: World, lakeside: Place, tools: Tools) -> None:
    gateway = world.gateway(lakeside)
    gateway.deliver(image(), SOP)
    gateway.deliver(image(bright=True), SOP)
    gateway.deliver(image(IMPLICIT, bright=True), SOP, transfer_syntax_uid=IMPLICIT)
    work(world, tools)
    assert sorted(row["state"] for row in others(world, lakeside)) == ["conflict", "duplicate"]


def test_comparing_may_be_repeated_and_a_person_s_page_hears_of_it(world: World, lakeside: Place, tools: Tools) -> None:
    gateway = world.gateway(lakeside)
    gateway.deliver(image(), SOP)
    gateway.deliver(image(BIG), SOP, transfer_syntax_uid=BIG)
    world.ingest()
    (deferred,) = world.later.compares
    (before,) = others(world, lakeside)
    assert before["state"] == "comparing"
    for _ in range(3):
        compare_upload(tools, *deferred)
    assert [row["state"] for row in others(world, lakeside)] == ["duplicate"]
    compare_upload(tools, lakeside.organisation_id, uuid.uuid4())


def test_the_same_twin_from_elsewhere_shares_the_verdict(world: World, lakeside: Place, tools: Tools) -> None:
    gateway = world.gateway(lakeside)
    gateway.deliver(image(), SOP)
    world.ingest()
    for source in ("US01", "US02"):  # both before the first is compared
        gateway.deliver(image(IMPLICIT, bright=True), SOP, transfer_syntax_uid=IMPLICIT, source=source)
    work(world, tools)
    assert [row["state"] for row in others(world, lakeside)] == ["conflict"]
    uploads = world.rows(lakeside, "SELECT conflict FROM upload WHERE transfer_syntax_uid = :uid", uid=IMPLICIT)
    assert uploads == [{"conflict": True}, {"conflict": True}]


@pytest.mark.parametrize("lost", ["instance", "instance_conflict"])
def test_what_cannot_be_compared_is_a_conflict(world: World, lakeside: Place, tools: Tools, lost: str) -> None:
    gateway = world.gateway(lakeside)
    gateway.deliver(image(), SOP)
    gateway.deliver(image(IMPLICIT), SOP, transfer_syntax_uid=IMPLICIT)
    world.ingest()
    (row,) = world.rows(lakeside, f"SELECT object_key FROM {lost}")
    world.blobs.delete(row["object_key"])
    work(world, tools)
    (other,) = others(world, lakeside)
    assert (other["state"], other["differs"]) == ("conflict", ["unreadable"])


def test_works_that_ends_leaves_the_comparison_to_the_next(world: World, lakeside: Place, tools: Tools) -> None:
    gateway = world.gateway(lakeside)
    gateway.deliver(image(), SOP)
    gateway.deliver(image(IMPLICIT), SOP, transfer_syntax_uid=IMPLICIT)
    world.ingest()
    ending = Tools(world.access, world.blobs, world.clock, world.later)
    ending.drawings.close()
    with pytest.raises(TryAgain):
        compare_upload(ending, *world.later.compares[0])
    work(world, tools)
    assert [row["state"] for row in others(world, lakeside)] == ["duplicate"]
