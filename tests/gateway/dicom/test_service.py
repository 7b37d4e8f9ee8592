from __future__ import annotations

from smartlink.gateway.dicom.service import Answer
from tests.gateway.dicom.wire import ECHO


def test_an_answer_passes_over_a_data_set_and_responds() -> None:
    answer = Answer(ECHO.response(0x0211))
    answer.write(memoryview(b"nobody asked"))
    answer.abandon()
    assert answer.finish().status == 0x0211
