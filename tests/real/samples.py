"""Small instances for the tests that count instances rather than look at them."""

from __future__ import annotations

import random
from io import BytesIO
from typing import TYPE_CHECKING

from pydicom import dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from smartlink.standard.sop_class import ULTRASOUND_IMAGE
from tests.real.scu import IMPLICIT, VERIFICATION, Association, Instance
from tests.real.world import MARKER

if TYPE_CHECKING:
    from smartlink.demo.exam import Order
    from smartlink.demo.ultrasound import Target

EXPLICIT = str(ExplicitVRLittleEndian)
PROPOSED = [(ULTRASOUND_IMAGE, EXPLICIT), (VERIFICATION, IMPLICIT)]
SIDE = 32


def small(
    uid: str, study_uid: str, *, order: Order = MARKER, seed: int = 0, command_uid: str | None = None
) -> Instance:
    """A still of 32 x 32 pixels; `command_uid` is told in the C-STORE command instead of the Data Set's own UID."""
    data_set = Dataset()
    data_set.SpecificCharacterSet = "ISO_IR 192"
    data_set.SOPClassUID, data_set.SOPInstanceUID = ULTRASOUND_IMAGE, uid
    data_set.StudyDate, data_set.StudyTime = "20261124", "094112"
    data_set.AccessionNumber = order.accession_number
    data_set.Modality = "US"
    data_set.StudyDescription = order.description
    data_set.PerformingPhysicianName = order.performing_physician
    data_set.PatientName, data_set.PatientID = order.patient_name, order.patient_id
    data_set.PatientBirthDate, data_set.PatientSex = order.birth_date, order.sex
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = study_uid, f"{study_uid}.1"
    data_set.StudyID, data_set.SeriesNumber, data_set.InstanceNumber = "1", 1, 1
    data_set.SamplesPerPixel, data_set.PhotometricInterpretation = 1, "MONOCHROME2"
    data_set.Rows = data_set.Columns = SIDE
    data_set.BitsAllocated = data_set.BitsStored = 8
    data_set.HighBit, data_set.PixelRepresentation = 7, 0
    data_set.PixelData = random.Random(f"{uid}/{seed}").randbytes(SIDE * SIDE)
    data_set["PixelData"].VR = "OB"
    out = BytesIO()
    dcmwrite(out, data_set, implicit_vr=False, little_endian=True)
    return Instance(ULTRASOUND_IMAGE, command_uid or uid, EXPLICIT, out.getvalue())


def association(target: Target, *, calling: str = "US01", called: str | None = None) -> Association:
    """An Association for small instances and C-ECHO."""
    return Association(target.port, called or target.called_ae_title, calling, PROPOSED)
