"""The C-STORE sender on real peers: DCMTK in each mood, Orthanc, an empty machine; what was answered is there once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from smartlink.demo.exam import data_set_bytes, still_in, uids, write_exam
from smartlink.demo.programs import LOOPBACK
from smartlink.gateway.calling import (
    Answered,
    AssociationFailed,
    ContextRefused,
    Layer,
    Outcome,
    Outgoing,
    Peer,
    SendLimits,
)
from smartlink.gateway.dicom.storage_scu import FALLBACK, outgoing, store
from smartlink.gateway.dicom.trial_run import try_out
from smartlink.gateway.dicom.verification_scu import echo
from smartlink.gateway.trial import Step
from tests.real.pacs import Mood, Orthanc, Process, Scripted, Storescp

pytestmark = pytest.mark.real

AT = datetime(2026, 11, 24, 9, 41, tzinfo=UTC)
LIMITS = SendLimits(associate_seconds=10, response_seconds=10, idle_seconds=10)


@pytest.fixture(scope="module")
def exam(tmp_path_factory: pytest.TempPathFactory) -> list[Outgoing]:
    """A JPEG still, a JPEG cine and an uncompressed still, as they lie in their files."""
    folder = tmp_path_factory.mktemp("exam")
    sent = write_exam(folder, uids("sending"), AT, frames=4)
    native = still_in("explicit", folder / "native.dcm", uids("sending/native"), AT)
    return [outgoing(key, one.path) for key, one in enumerate([*sent.files, native])]


def told(pacs: Process | Scripted, items: list[Outgoing], called: str | None = None) -> list[Outcome]:
    outcomes: list[Outcome] = []
    store(peer(pacs, called), items, LIMITS, outcomes.append)
    return outcomes


def failing(pacs: Process | Scripted, items: list[Outgoing], called: str | None = None) -> AssociationFailed:
    with pytest.raises(AssociationFailed) as failed:
        told(pacs, items, called)
    return failed.value


def peer(pacs: Process | Scripted, called: str | None = None) -> Peer:
    return Peer(LOOPBACK, pacs.port, called or pacs.ae_title, "SMARTLINKSNDR")


def data_set(item: Outgoing) -> bytes:
    return data_set_bytes(item.path.read_bytes())


@pytest.mark.requires("storescp")
def test_storescp_holds_each_instance_once_with_the_very_bytes(tmp_path: Path, exam: list[Outgoing]) -> None:
    with Storescp(tmp_path).up() as pacs:
        assert told(pacs, exam) == [Answered(item.key, 0) for item in exam]
        assert sorted(one.data_set for one in pacs.held()) == sorted(map(data_set, exam))
        assert set(pacs.count().values()) == {1}


@pytest.mark.requires("storescp")
def test_storescp_that_takes_uncompressed_only_gets_that_and_says_so_of_the_rest(
    tmp_path: Path, exam: list[Outgoing]
) -> None:
    *jpeg, native = exam
    with Storescp(tmp_path).up(Mood.ONLY_UNCOMPRESSED) as pacs:
        assert told(pacs, exam) == [*(ContextRefused(item.key, FALLBACK) for item in jpeg), Answered(native.key, 0)]
        assert pacs.count() == {native.sop_instance_uid: 1}


@pytest.mark.requires("storescp")
@pytest.mark.parametrize(
    ("mood", "layer"),
    [
        (Mood.REFUSES, Layer.ASSOCIATION),
        (Mood.ABORTS_DURING, Layer.ABORTED),
        (Mood.ABORTS_AFTER, Layer.ABORTED),
    ],
    ids=lambda value: value.name,
)
def test_storescp_in_a_bad_mood_is_the_destinations_fault_and_takes_all_when_it_is_over(
    tmp_path: Path, exam: list[Outgoing], mood: Mood, layer: Layer
) -> None:
    with Storescp(tmp_path).up(mood) as pacs:
        failed = failing(pacs, exam)
        assert failed.layer is layer
        assert pacs.ae_title in failed.sentence
        pacs.down()
        assert failing(pacs, exam).layer is Layer.PORT
        pacs.up()
        assert told(pacs, exam) == [Answered(item.key, 0) for item in exam]


@pytest.mark.requires("Orthanc")
def test_orthanc_takes_an_exam_and_shows_it(tmp_path: Path, exam: list[Outgoing]) -> None:
    with Orthanc(tmp_path).up() as pacs:
        assert told(pacs, exam) == [Answered(item.key, 0) for item in exam]
        assert told(pacs, exam) == [Answered(item.key, 0) for item in exam]
        assert pacs.count() == {item.sop_instance_uid: 1 for item in exam}
        assert failing(pacs, exam, "SOMEONE").layer is Layer.ASSOCIATION
        assert 0 < echo(peer(pacs), LIMITS) < LIMITS.response_seconds
        trial = try_out(peer(pacs), LIMITS)
        assert trial.succeeded, trial
        wrong = try_out(peer(pacs, "SOMEONE"), LIMITS)
        assert wrong.failure is not None
        assert wrong.failure.step is Step.ASSOCIATION


@pytest.mark.requires("Orthanc")
def test_orthanc_that_takes_uncompressed_only_says_what_it_would_take(tmp_path: Path, exam: list[Outgoing]) -> None:
    settings = {"AcceptedTransferSyntaxes": list(FALLBACK)}
    with Orthanc(tmp_path).up(**settings) as pacs:
        *jpeg, native = exam
        assert told(pacs, exam) == [*(ContextRefused(item.key, FALLBACK) for item in jpeg), Answered(native.key, 0)]
        assert pacs.count() == {native.sop_instance_uid: 1}


def test_each_status_is_told_as_it_is_on_the_wire(exam: list[Outgoing]) -> None:
    statuses = iter([0xA700, 0xB000, 0x0122, 0xC000])
    with Scripted(answer=lambda _uid, _attempt: next(statuses)).up() as pacs:
        assert told(pacs, exam[:1] * 4) == [
            Answered(exam[0].key, status) for status in (0xA700, 0xB000, 0x0122, 0xC000)
        ]
        assert pacs.associations == 1


def test_a_pacs_without_verification_is_told_by_its_layer() -> None:
    with Scripted(verifies=False).up() as pacs, pytest.raises(AssociationFailed) as failed:
        echo(peer(pacs), LIMITS)
    assert failed.value.layer is Layer.CONTEXT
