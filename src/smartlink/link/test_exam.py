"""The synthetic exam: how both programs know it, so that it never reaches a PACS and counts as nobody's exam.

Its Study, Series and SOP Instance UIDs lie below one root of ours, which nothing else uses: the arc of a UUID, whose
owner may divide it further (PS3.5 section B.2, ISO/IEC 9834-8). Whoever sees a UID below it knows what it is,
whatever else was lost.
"""

from __future__ import annotations

from typing import Final

UID_ROOT: Final = "2.25.123930371326250780398993775782816780580"
PATIENT_ID: Final = "SMARTLINK-TEST"
PATIENT_NAME: Final = "SmartLink^Test exam"
AE_TITLE: Final = "SMARTLINKTEST"
"""The calling AE title of the test exam, and of the receiver's check of itself."""
NEVER: Final = "This is a test exam of SmartLink: it never goes to a PACS."


def is_test_exam(study_instance_uid: str | None) -> bool:
    """Tell whether a study is a synthetic one."""
    return study_instance_uid is not None and study_instance_uid.startswith(f"{UID_ROOT}.")
