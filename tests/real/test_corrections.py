"""Another patient and order, confirmed in Works: the PACS shows them, with the scanner's pixels, and always as one."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread

from smartlink.demo.exam import uids, write_exam
from smartlink.demo.ultrasound import send
from smartlink.works.exams.correction import Values, set_identity
from smartlink.works.exams.identity import derived_uid
from smartlink.works.exams.submission import resend
from tests.real.orders import actor, connect, deliveries, exam_of, submitted, until_sent
from tests.real.pacs import Orthanc

if TYPE_CHECKING:
    from pathlib import Path

    from smartlink.demo.exam import SampleExam
    from tests.real.world import Gateway

pytestmark = pytest.mark.real

RIGHT = Values(
    patient_name="Nuñez^Óscar",
    patient_id="ST-9000",
    birth_date="1950-05-05",
    sex="M",
    accession_number="ST2026-0816",
    requested_procedure_id="RP-16",
    requested_procedure_description="Ecocardiografía",
)


def corrected(gateway: Gateway, sent: SampleExam, values: Values) -> uuid.UUID:
    """The exam has arrived, somebody confirmed these values, and submitted it."""
    send([one.path for one in sent.files], gateway.target, "US01")
    gateway.arrived(sent.study_instance_uid, len(sent.files))
    exam, version = exam_of(gateway, sent.study_instance_uid)
    set_identity(gateway.cloud.access, actor(gateway), exam, version, values, datetime.now(UTC))
    return submitted(gateway, sent.study_instance_uid)


@pytest.mark.proves("A5")
@pytest.mark.requires("Orthanc")
@pytest.mark.parametrize("study", ["", f"2.25.{uuid.UUID(int=4711).int}"], ids=["same study", "the order's study"])
def test_orthanc_shows_what_was_confirmed_with_the_pixels_of_the_scanner_and_the_same_uids_each_time(
    own_gateway: Gateway, tmp_path: Path, study: str
) -> None:
    sent = write_exam(tmp_path / "exam", uids(f"corrections/{uuid.uuid4()}"), datetime.now(UTC), frames=4)
    values = Values(**{name: getattr(RIGHT, name) for name in Values.__slots__} | {"study_instance_uid": study or None})
    originals = {
        derived_uid(one.sop_instance_uid, study) if study else one.sop_instance_uid: dcmread(one.path)
        for one in sent.files
    }
    with Orthanc(tmp_path / "pacs") as pacs:
        connect(own_gateway, pacs.up())
        exam = corrected(own_gateway, sent, values)
        until_sent(own_gateway, exam)
        (shown,) = pacs.studies()
        assert (shown["AccessionNumber"], shown["PatientID"]) == ("ST2026-0816", "ST-9000")
        assert (shown["PatientName"], shown["PatientBirthDate"], shown["PatientSex"]) == (
            RIGHT.patient_name,
            "19500505",
            "M",
        )
        assert shown["StudyInstanceUID"] == (study or sent.study_instance_uid)
        assert pacs.count() == Counter(originals.keys())
        first = {one.sop_instance_uid: one for one in pacs.held()}
        for uid, original in originals.items():
            held = first[uid].read()
            assert held.PixelData == original.PixelData
            assert held.RequestAttributesSequence[0].RequestedProcedureID == "RP-16"
            before = held.OriginalAttributesSequence[0].ModifiedAttributesSequence[0]
            assert (before.PatientID, before.AccessionNumber) == (sent.order.patient_id, sent.order.accession_number)
        (delivery,) = deliveries(own_gateway, exam)
        resend(own_gateway.cloud.access, actor(own_gateway), delivery.head.id, datetime.now(UTC))
        until_sent(own_gateway, exam, 2)
        assert pacs.count() == Counter(originals.keys())
        assert {one.sop_instance_uid: one.data_set for one in pacs.held()} == {
            uid: one.data_set for uid, one in first.items()
        }
