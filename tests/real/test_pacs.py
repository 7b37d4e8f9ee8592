"""The stand-ins for a PACS do what they say, before anything is concluded from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import LOOPBACK
from smartlink.demo.ultrasound import Target
from tests.real import samples
from tests.real.pacs import Mood, Orthanc, Scripted, Storescp
from tests.real.scu import Aborted, Rejected

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.pacs import Process
    from tests.real.scu import Instance

pytestmark = pytest.mark.real

ONE = samples.small("2.25.8001", "2.25.8000")


def send(pacs: Process | Scripted, *instances: Instance) -> list[int]:
    """Store in one Association; return the statuses."""
    with samples.association(Target(LOOPBACK, pacs.port, pacs.ae_title)) as association:
        return [association.store(one) for one in instances]


@pytest.mark.requires("storescp")
def test_storescp_counts_each_time_it_received_an_instance(tmp_path: Path) -> None:
    with Storescp(tmp_path).up() as pacs:
        assert send(pacs, ONE, ONE) == [0, 0]
        assert pacs.count() == {ONE.sop_instance_uid: 2}
        assert pacs.held()[0].data_set == ONE.data_set


@pytest.mark.requires("storescp")
@pytest.mark.parametrize(
    ("mood", "error"),
    [(Mood.REFUSES, Rejected), (Mood.ABORTS_DURING, Aborted), (Mood.ABORTS_AFTER, Aborted)],
    ids=lambda value: value.name if isinstance(value, Mood) else "",
)
def test_storescp_has_its_moods_and_comes_back(tmp_path: Path, mood: Mood, error: type[Exception]) -> None:
    with Storescp(tmp_path).up(mood) as pacs:
        with pytest.raises(error):
            send(pacs, ONE)
        pacs.up()
        assert send(pacs, ONE) == [0]
        pacs.down()
        with pytest.raises(OSError, match="refused"):
            send(pacs, ONE)


@pytest.mark.requires("Orthanc")
def test_orthanc_holds_an_instance_once_and_shows_whose_it_is(tmp_path: Path) -> None:
    with Orthanc(tmp_path).up() as pacs:
        assert send(pacs, ONE, ONE) == [0, 0]
        assert pacs.count() == {ONE.sop_instance_uid: 1}
        (study,) = pacs.studies()
        assert (study["PatientID"], study["AccessionNumber"]) == ("ZZYXID-90210", "ZZYXACC-777")
        assert pacs.held()[0].read().PixelData == b"".join(pacs.frames(ONE.sop_instance_uid))
        pacs.down()
        assert pacs.up().count() == {ONE.sop_instance_uid: 1}


def test_the_scripted_one_answers_as_it_is_told() -> None:
    with Scripted(lambda _, attempt: 0xA700 if attempt == 1 else 0).up() as pacs:
        assert send(pacs, ONE, ONE) == [0xA700, 0]
        assert (pacs.count(), pacs.attempts) == ({ONE.sop_instance_uid: 1}, {ONE.sop_instance_uid: 2})
