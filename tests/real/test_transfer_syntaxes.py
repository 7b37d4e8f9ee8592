"""DCMTK sends what ultrasound systems send; it stands in Drafts, byte for byte."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from smartlink.demo import exam, ultrasound
from tests.real.world import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.real.world import Cloud, Gateway

AT = datetime(2026, 11, 24, 9, 41, 12, tzinfo=UTC)

pytestmark = [pytest.mark.real, pytest.mark.requires("storescu")]


@pytest.mark.proves("R68", "R75", "R76", "A2")
def test_jpeg_stills_and_a_cine_stand_in_the_physicians_drafts_unchanged(
    cloud: Cloud, gateway: Gateway, tmp_path: Path, uid: Callable[[], str]
) -> None:
    made = exam.write_exam(tmp_path / "exam", uid, AT, order=MARKER)
    ultrasound.send([sent.path for sent in made.files], gateway.target, "US01")
    journey = gateway.arrived(made.study_instance_uid, len(made.files))
    assert (journey.folder, journey.owner) == ("drafts", "Lucía Ferrer")
    stored = cloud.objects_of(journey)
    for sent in made.files:
        assert exam.data_set_bytes(stored[sent.sop_instance_uid]) == exam.data_set_bytes(sent.path.read_bytes())
        assert stored[sent.sop_instance_uid][:128] == b"\0" * 128, "our mark stays on the gateway"


@pytest.mark.proves("R68")
def test_each_other_transfer_syntax_is_stored_as_it_was_received(
    cloud: Cloud, gateway: Gateway, tmp_path: Path, uid: Callable[[], str]
) -> None:
    study_uid, series_uid = uid(), uid()
    sets = []
    for name in exam.NATIVE_SYNTAXES:
        own = iter((study_uid, series_uid, uid()))
        sent = exam.still_in(name, tmp_path / f"{name}.dcm", own.__next__, AT, order=MARKER)
        ultrasound.send([sent.path], gateway.target, "US01", sent.transfer_syntax_uid)
        sets.append(sent)
    journey = gateway.arrived(study_uid, len(sets))
    assert (journey.folder, journey.owner) == ("drafts", "Lucía Ferrer")
    stored = cloud.objects_of(journey)
    for sent in sets:
        assert exam.data_set_bytes(stored[sent.sop_instance_uid]) == exam.data_set_bytes(sent.path.read_bytes())
