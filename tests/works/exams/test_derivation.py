"""The job makes what a delivery needs, once, whatever is repeated; what cannot be made needs a person."""

import hashlib
import io
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian, JPEGBaseline8Bit

from smartlink.works.access import Access
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.blobs.store import object_key
from smartlink.works.errors import TryAgain
from smartlink.works.exams import correction, submission
from smartlink.works.exams.correction import Values
from smartlink.works.exams.derivation import derive
from smartlink.works.exams.identity import derived_uid
from smartlink.works.exams.submission import Actor
from smartlink.works.images.previews import Drawings
from tests.works.exams.judges import dump, no_worse
from tests.works.images.examples import colour, dataset, encapsulated, jpeg, save
from tests.works.web.town import Town

OTHER = Values(patient_name="Roe^Richard", patient_id="P-2", accession_number="ACC-2")


@dataclass(frozen=True)
class Tools:
    """What the worker gives the job."""

    access: Access
    blobs: S3Blobs
    clock: Callable[[], datetime]
    drawings: Drawings = field(default_factory=Drawings)


@dataclass
class Sending:
    """A town with a PACS, and an exam of Bob's that goes there."""

    town: Town
    folder: Path

    def __post_init__(self) -> None:
        """Bob's exam, and the PACS of its specialty."""
        town = self.town
        self.exam_id = town.exam(
            town.bob,
            patient_name="Marker^Patient",
            patient_id="MARKER-7",
            accession_number="",
            study_instance_uid="1.2.3",
        )
        self.pacs_id = uuid.uuid4()
        town.run(
            "INSERT INTO connection (id, organisation_id, facility_id, gateway_id, kind, name, ae_title, ae_norm, host,"
            " port, specialty_ids, status, updated_at) VALUES (:id, :organisation, :facility, :gateway, 'pacs', 'Main',"
            " 'ARCHIVE', 'archive', '127.0.0.1', 104, :specialties, 'active', :now)",
            id=self.pacs_id,
            organisation=town.organisation_id,
            facility=town.lakeside.facility_id,
            gateway=town.gateway_id,
            specialties=[town.lakeside.specialty_id],
            now=town.now,
        )
        self.tools = Tools(town.access, town.blobs, town.clock)
        self.actor = Actor(town.organisation_id, town.bob)

    def image(self, made: Dataset, uid: str) -> uuid.UUID:
        """A stored image of the exam."""
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = UID(uid)
        made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.3.4"
        made.PatientName, made.PatientID, made.AccessionNumber = "Marker^Patient", "MARKER-7", ""
        content = save(made, self.folder).read_bytes()
        digest = hashlib.sha256(content).digest()
        key = object_key(self.town.organisation_id, digest)
        self.town.blobs.put(key, content, content_type="application/dicom")
        return self.town.instance(
            self.exam_id,
            preview_state="waiting",
            sop_instance_uid=uid,
            transfer_syntax_uid=str(made.file_meta.TransferSyntaxUID),
            size=len(content),
            object_sha256=digest,
            object_key=key,
        )

    def version(self) -> int:
        """Of the exam, as the person sees it."""
        found: int = self.town.value("SELECT version FROM exam WHERE id = :id", id=self.exam_id)
        return found

    def correct(self, values: Values = OTHER) -> None:
        """Bob confirms another patient or order."""
        correction.set_identity(
            self.town.access, self.actor, self.exam_id, self.version(), values, self.town.now - timedelta(minutes=5)
        )

    def submit(self) -> uuid.UUID:
        """Bob submits the exam; its delivery."""
        (delivery,) = submission.submit(
            self.town.access, self.actor, self.exam_id, self.version(), self.town.now
        ).delivery_ids
        return delivery

    def derive(self, delivery_id: uuid.UUID) -> None:
        """The job."""
        derive(self.tools, self.town.organisation_id, delivery_id)

    def rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        """What the database says."""
        with self.town.access.organisation(self.town.organisation_id) as site:
            return site.many(dict, query, **values)

    def items(self, delivery_id: uuid.UUID) -> list[dict[str, Any]]:
        """The delivery's instances with the object that stands for each."""
        return self.rows(
            "SELECT n.id, n.state, n.cause, n.remedy, o.id AS derived, o.object_key, o.object_sha256, o.dataset_sha256,"
            " o.size, o.sop_instance_uid, o.study_instance_uid, o.transfer_syntax_uid FROM delivery_instance n"
            " JOIN instance i ON i.id = n.instance_id LEFT JOIN derived_object o ON o.id = n.derived_object_id"
            " WHERE n.delivery_id = :id ORDER BY i.sop_instance_uid",
            id=delivery_id,
        )

    def refuse(self, delivery_id: uuid.UUID, *accepted: str) -> None:
        """The gateway says that the PACS does not take what was ordered, but these."""
        self.town.run(
            "UPDATE delivery_instance SET state = 'syntax_refused', accepted_transfer_syntaxes = :accepted"
            " WHERE delivery_id = :id",
            id=delivery_id,
            accepted=list(accepted),
        )

    def state(self, delivery_id: uuid.UUID) -> str:
        """Of the delivery."""
        return str(self.town.value("SELECT state FROM delivery WHERE id = :id", id=delivery_id))

    def object(self, key: str) -> bytes:
        """A stored object's bytes."""
        with self.town.blobs.open(key) as stream:
            return stream.read()


@pytest.fixture
def sending(town: Town, tmp_path: Path) -> Sending:
    """Bob's exam, without images."""
    return Sending(town, tmp_path)


@pytest.mark.requires("dcmdump")
def test_a_corrected_exam_leaves_as_derived_objects(sending: Sending, tmp_path: Path) -> None:
    sending.image(jpeg(colour(3), "YBR_FULL_422"), "1.2.3.4.1")
    original = (tmp_path / "image.dcm").rename(tmp_path / "original.dcm")
    sending.correct()
    delivery = sending.submit()
    assert sending.state(delivery) == "preparing"
    sending.derive(delivery)
    (item,) = sending.items(delivery)
    assert (sending.state(delivery), item["state"], item["sop_instance_uid"]) == ("queued", "queued", "1.2.3.4.1")
    content = sending.object(item["object_key"])
    assert hashlib.sha256(content).digest() == bytes(item["object_sha256"])
    assert len(content) == item["size"]
    made, old = dcmread(io.BytesIO(content)), dcmread(original)
    assert (made.PatientName, made.PatientID, made.AccessionNumber) == ("Roe^Richard", "P-2", "ACC-2")
    assert made.PixelData == old.PixelData
    remembered = made.OriginalAttributesSequence[0]
    assert remembered.ModifiedAttributesSequence[0].PatientID == "MARKER-7"
    assert remembered.AttributeModificationDateTime == "20261124092500.000000+0000"  # when it was confirmed
    (tmp_path / "derived.dcm").write_bytes(content)
    dump(tmp_path / "derived.dcm")
    no_worse(tmp_path / "derived.dcm", original)


def test_submitting_twice_makes_the_same_uids_and_the_same_object(sending: Sending) -> None:
    sending.image(dataset(colour(1), "RGB"), "1.2.3.4.1")
    sending.correct(Values(study_instance_uid="1.2.840.9"))
    first = sending.submit()
    sending.derive(first)
    (one,) = sending.items(first)
    assert one["study_instance_uid"] == "1.2.840.9"
    assert one["sop_instance_uid"] == derived_uid("1.2.3.4.1", "1.2.840.9")
    sending.town.run("UPDATE delivery SET state = 'delivered', finished_at = now() WHERE id = :id", id=first)
    again = submission.resend(sending.town.access, sending.actor, first, sending.town.now)
    sending.town.blobs.delete(one["object_key"])  # were it made anew, it would be there again
    sending.derive(again)
    (other,) = sending.items(again)
    assert other["derived"] == one["derived"]
    sending.town.run("UPDATE delivery_instance SET derived_object_id = NULL, state = 'preparing'")
    sending.town.run("DELETE FROM derived_object")
    sending.derive(again)
    (anew,) = sending.items(again)
    assert anew["derived"] != one["derived"]
    same = ("object_key", "object_sha256", "dataset_sha256", "sop_instance_uid", "size")
    assert [anew[name] for name in same] == [one[name] for name in same]
    assert hashlib.sha256(sending.object(anew["object_key"])).digest() == bytes(one["object_sha256"])


def test_what_says_so_already_leaves_as_it_is(sending: Sending) -> None:
    sending.image(dataset(colour(1), "RGB"), "1.2.3.4.1")
    sending.correct()
    sending.town.run(
        "UPDATE exam_identity SET patient_name = 'Marker^Patient', patient_id = 'MARKER-7', accession_number = ''"
    )
    delivery = sending.submit()
    sending.derive(delivery)
    (item,) = sending.items(delivery)
    assert (item["state"], item["derived"]) == ("queued", None)
    assert sending.rows("SELECT 1 FROM derived_object") == []


@pytest.mark.parametrize("corrected", [True, False])
def test_a_refused_compression_is_undone_and_ordered_again(sending: Sending, *, corrected: bool) -> None:
    sending.image(jpeg(colour(4), "YBR_FULL_422"), "1.2.3.4.1")
    if corrected:
        sending.correct()
    delivery = sending.submit()
    sending.derive(delivery)
    sending.refuse(delivery, ImplicitVRLittleEndian, ExplicitVRLittleEndian)
    sending.derive(delivery)
    (item,) = sending.items(delivery)
    assert (item["state"], item["transfer_syntax_uid"]) == ("queued", ExplicitVRLittleEndian)
    made = dcmread(io.BytesIO(sending.object(item["object_key"])))
    assert made.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert made.PatientID == ("P-2" if corrected else "MARKER-7")
    assert made.SOPInstanceUID == "1.2.3.4.1"
    assert (made.LossyImageCompression, made.NumberOfFrames) == ("01", 4)
    assert abs(made.pixel_array.astype(int) - colour(4)).max() < 12
    commands = sending.rows("SELECT item_ids FROM command ORDER BY number")
    assert [len(command["item_ids"]) for command in commands] == [1, 1]


def test_a_pacs_that_takes_only_implicit_gets_implicit(sending: Sending) -> None:
    sending.image(dataset(colour(1), "RGB"), "1.2.3.4.1")
    delivery = sending.submit()
    sending.refuse(delivery, ImplicitVRLittleEndian)
    sending.derive(delivery)
    (item,) = sending.items(delivery)
    assert item["transfer_syntax_uid"] == ImplicitVRLittleEndian
    assert np.array_equal(dcmread(io.BytesIO(sending.object(item["object_key"]))).pixel_array, colour(1)[0])


def test_what_the_pacs_takes_in_no_way_needs_a_person(sending: Sending) -> None:
    sending.image(jpeg(colour(1), "YBR_FULL_422"), "1.2.3.4.1")
    sending.image(encapsulated(dataset(colour(1), "RGB"), [b"nonsense"], JPEGBaseline8Bit), "1.2.3.4.2")
    delivery = sending.submit()
    sending.refuse(delivery)
    sending.derive(delivery)
    for item in sending.items(delivery):
        assert item["state"] == "parked"
        assert item["cause"].endswith("neither in JPEG Baseline (Process 1) nor uncompressed.")
        assert item["remedy"].startswith("Ask the administrator of the PACS")
    assert sending.state(delivery) == "outbox"
    assert sending.rows("SELECT reason FROM delivery") == [{"reason": "refused"}]


def test_one_image_that_cannot_be_converted_does_not_hold_up_the_others(sending: Sending) -> None:
    sending.image(jpeg(colour(1), "YBR_FULL_422"), "1.2.3.4.1")
    sending.image(encapsulated(dataset(colour(1), "RGB"), [b"nonsense"], JPEGBaseline8Bit), "1.2.3.4.2")
    delivery = sending.submit()
    sending.refuse(delivery, ExplicitVRLittleEndian)
    sending.derive(delivery)
    good, bad = sending.items(delivery)
    assert (good["state"], bad["state"]) == ("queued", "parked")
    assert "the image is damaged" in bad["cause"]


def test_an_object_that_was_refused_uncompressed_is_not_made_over_and_over(sending: Sending) -> None:
    sending.image(jpeg(colour(1), "YBR_FULL_422"), "1.2.3.4.1")
    delivery = sending.submit()
    for _ in range(2):
        sending.refuse(delivery, ExplicitVRLittleEndian)
        sending.derive(delivery)
    (item,) = sending.items(delivery)
    assert item["state"] == "parked"


@pytest.mark.parametrize(("damage", "cause"), [("gone", "missing in the object store"), ("changed", "digest differs")])
def test_an_original_that_is_not_what_it_was_is_never_sent_as_another(
    sending: Sending, damage: str, cause: str
) -> None:
    instance = sending.image(dataset(colour(1), "RGB"), "1.2.3.4.1")
    key = sending.town.value("SELECT object_key FROM instance WHERE id = :id", id=instance)
    sending.town.blobs.delete(key)
    if damage == "changed":
        sending.town.blobs.put(key, b"something else", content_type="application/dicom")
    sending.correct()
    delivery = sending.submit()
    sending.derive(delivery)
    (item,) = sending.items(delivery)
    assert item["state"] == "parked"
    assert cause in item["cause"]


def test_a_delivery_that_is_over_or_unknown_is_left_alone(sending: Sending) -> None:
    sending.image(dataset(colour(1), "RGB"), "1.2.3.4.1")
    sending.correct()
    delivery = sending.submit()
    submission.cancel(sending.town.access, sending.actor, delivery, sending.town.now)
    sending.derive(delivery)
    sending.derive(uuid.uuid4())
    (item,) = sending.items(delivery)
    assert (item["state"], item["derived"]) == ("cancelled", None)


def test_works_that_ends_leaves_the_work_to_the_next(sending: Sending) -> None:
    sending.image(dataset(colour(1), "RGB"), "1.2.3.4.1")
    sending.correct()
    delivery = sending.submit()
    ending = Tools(sending.town.access, sending.town.blobs, sending.town.clock)
    ending.drawings.close()
    with pytest.raises(TryAgain):
        derive(ending, sending.town.organisation_id, delivery)
    assert sending.state(delivery) == "preparing"
    sending.derive(delivery)
    assert sending.state(delivery) == "queued"
