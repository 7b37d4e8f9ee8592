"""The stand-in PACS keeps the Data Set as its bytes came, once, and nobody listens when it has stopped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from smartlink.demo import ultrasound
from smartlink.demo.archive import AE_TITLE, Archive
from smartlink.demo.exam import data_set_bytes, uids, write_exam
from smartlink.demo.programs import LOOPBACK, ProgramFailed
from smartlink.demo.ultrasound import Target

if TYPE_CHECKING:
    from pathlib import Path

AT = datetime(2026, 11, 24, 9, 41, 12, tzinfo=UTC)


def test_it_holds_what_it_was_sent_byte_for_byte(tmp_path: Path) -> None:
    sent = write_exam(tmp_path / "exam", uids("archive"), AT, frames=0).files
    archive = Archive(tmp_path / "pacs")
    archive.start()
    try:
        for _ in range(2):
            ultrasound.send([each.path for each in sent], Target(LOOPBACK, archive.port, AE_TITLE), "US01")
        with pytest.raises(ProgramFailed):
            ultrasound.send([sent[0].path], Target(LOOPBACK, archive.port, "ELSEWHERE"), "US01")
    finally:
        archive.stop()
    assert archive.held() == {each.sop_instance_uid: data_set_bytes(each.path.read_bytes()) for each in sent}
    with pytest.raises(ProgramFailed):
        ultrasound.send([sent[0].path], Target(LOOPBACK, archive.port, AE_TITLE), "US01")
