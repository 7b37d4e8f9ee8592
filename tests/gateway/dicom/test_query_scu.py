"""A PACS is asked what it has; one that does not answer that, or not as it should, is told by the layer."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind as StudyRoot  # type: ignore[attr-defined]
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from smartlink.gateway.calling import AssociationFailed, Layer, Tls
from smartlink.gateway.dicom import query_scu
from smartlink.gateway.dicom.query_scu import held_by
from tests.gateway.dicom.pacs import LIMITS, archive

SERIES = [("1.2", "1.2.1"), ("1.3", "1.3.1")]
UNCOMPRESSED = (ImplicitVRLittleEndian, ExplicitVRLittleEndian)
Answers = Iterator[tuple[int, Dataset | None]]


@contextmanager
def pacs(
    answer: Callable[[Any], Answers],
    *,
    queries: bool = True,
    called: str = "ARCHIVE",
    syntaxes: Sequence[str] = UNCOMPRESSED,
) -> Iterator[int]:
    """A PACS that answers C-FIND as it is told; its port."""
    entity = AE(called)
    entity.require_called_aet = True
    entity.add_supported_context(StudyRoot if queries else Verification, list(syntaxes))
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, answer)])
    assert server is not None
    assert server.socket is not None
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()


def has(*uids: str) -> Callable[[Any], Answers]:
    """A PACS that has these instances, named by their series."""

    def answer(event: Any) -> Answers:
        asked = event.identifier
        assert asked.QueryRetrieveLevel == "IMAGE"
        for uid in uids:
            if uid.startswith(f"{asked.SeriesInstanceUID}."):
                found = Dataset()
                found.StudyInstanceUID = asked.StudyInstanceUID
                found.SOPInstanceUID = uid
                yield 0xFF00, found

    return answer


def test_every_series_is_asked_for_in_one_association() -> None:
    with pacs(has("1.2.1.1", "1.2.1.2", "1.3.1.1", "1.4.1.1")) as port:
        assert held_by(archive(port), SERIES, LIMITS) == {"1.2.1.1", "1.2.1.2", "1.3.1.1"}
        assert held_by(archive(port), [("1.9", "1.9.9")], LIMITS) == frozenset()


def layer_of(port: int, called: str = "ARCHIVE") -> Layer:
    with pytest.raises(AssociationFailed) as failed:
        held_by(archive(port, called), SERIES, LIMITS)
    assert failed.value.sentence.endswith(".")
    return failed.value.layer


def test_what_is_broken_is_told() -> None:
    with pacs(has(), queries=False) as port:
        assert layer_of(port) is Layer.CONTEXT
    with pacs(has(), called="OTHER") as port:
        assert layer_of(port) is Layer.ASSOCIATION
    assert layer_of(port) is Layer.PORT

    def refuses(_: Any) -> Answers:
        yield 0xA700, None

    with pacs(refuses) as port:
        assert layer_of(port) is Layer.PROTOCOL


def test_a_pacs_that_answers_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_scu, "MOST_ANSWERS", 3)
    with pacs(has(*(f"1.2.1.{number}" for number in range(1, 9)))) as port:
        assert layer_of(port) is Layer.PROTOCOL


def test_it_stops_when_told_to_and_when_it_takes_too_long() -> None:
    with pacs(has("1.2.1.1")) as port:
        with pytest.raises(AssociationFailed, match="to the end"):
            held_by(archive(port), SERIES, LIMITS, stop=lambda: True)
        times = itertools.chain([0.0, 0.0, 0.0], itertools.repeat(9999.0))
        with pytest.raises(AssociationFailed, match="to the end"):
            held_by(archive(port), SERIES, LIMITS, clock=lambda: next(times))


def test_it_stops_between_two_answers_of_one_series() -> None:
    sent = itertools.count()

    def endless(_: Any) -> Answers:
        while next(sent) < 100_000:
            found = Dataset()
            found.SOPInstanceUID = "1.2.1.1"
            yield 0xFF00, found

    with pacs(endless) as port:
        with pytest.raises(AssociationFailed, match="to the end"):
            held_by(archive(port), SERIES[:1], LIMITS, stop=lambda: next(sent) > 5)
        times = itertools.chain([0.0] * 6, itertools.repeat(9999.0))
        with pytest.raises(AssociationFailed, match="to the end"):
            held_by(archive(port), SERIES[:1], LIMITS, clock=lambda: next(times))
    assert next(sent) < 10_000


def test_a_pacs_that_hangs_up_instead_of_answering_is_told_as_such() -> None:
    def hangs_up(event: Any) -> Answers:
        event.assoc.abort()
        yield 0xFF00, None

    with pacs(hangs_up) as port:
        assert layer_of(port) is Layer.ABORTED


@pytest.mark.parametrize("sent", [b"\x08\x00\x18\x00FD\x03\x00abc", b"\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff"])
def test_an_answer_that_cannot_be_read_is_told_and_nothing_else_is_raised(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three bytes of a double, and a sequence without an end: pydicom raises its own for each."""
    monkeypatch.setattr("pynetdicom.service_class.encode", lambda *_: sent)
    with (
        pacs(has("1.2.1.1"), syntaxes=[ExplicitVRLittleEndian]) as port,
        pytest.raises(AssociationFailed, match="cannot be read") as failed,
    ):
        held_by(archive(port), SERIES, LIMITS)
    assert failed.value.layer is Layer.PROTOCOL


def test_files_of_ours_that_cannot_secure_the_connection_are_told(tmp_path: Path) -> None:
    with pacs(has()) as port, pytest.raises(AssociationFailed, match="cannot be secured") as failed:
        held_by(replace(archive(port), tls=Tls(tmp_path / "absent.pem")), SERIES, LIMITS)
    assert failed.value.layer is Layer.TLS
