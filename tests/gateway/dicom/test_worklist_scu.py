"""C-FIND on real servers: bounded, cancelled when it is too much, and a sentence for each way to fail."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from smartlink.gateway.calling import AssociationFailed, Layer, SendLimits
from smartlink.gateway.dicom.requestor import Call
from smartlink.gateway.dicom.worklist_scu import PROPOSALS, find, find_in, not_offered
from smartlink.gateway.worklist import Asked, Key
from smartlink.link.worklist import MOST_ITEMS
from tests.gateway.dicom.pacs import scripted as acting
from tests.gateway.dicom.worklist_server import (
    AE_TITLE,
    NAMES,
    UntilCancelled,
    called,
    charset_steps,
    scripted,
    step,
    wlmscpfs,
    write,
)

LIMITS = SendLimits(connect_seconds=5, associate_seconds=5, response_seconds=5, idle_seconds=5)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ASKED = Asked(date(2026, 11, 24), date(2026, 11, 25), "US", None, None)


def failing(port: int, ae_title: str = AE_TITLE) -> AssociationFailed:
    with pytest.raises(AssociationFailed) as failed:
        find(called(port, ae_title), ASKED, LIMITS)
    assert failed.value.remedy
    return failed.value


@pytest.mark.proves("R52")
@pytest.mark.real
@pytest.mark.requires("wlmscpfs")
def test_dcmtk_gives_what_is_scheduled_in_every_character_set(tmp_path: Path) -> None:
    others = {"other": step(datetime(2026, 11, 20, tzinfo=UTC)), "ct": step(NOON, number=2, Modality="CT")}
    for name, one in (charset_steps(NOON) | others).items():
        write(tmp_path / AE_TITLE, name, one)
    with wlmscpfs(tmp_path) as port:
        found = find(called(port), ASKED, LIMITS)
    names = {one.values[Key.ACCESSION_NUMBER]: one.values[Key.PATIENT_NAME].rstrip() for one in found.answers}
    assert names == {name[:16]: text for name, text in NAMES.items()}
    assert (found.truncated, found.unreadable) == (False, 0)
    assert not any(one.guessed for one in found.answers)


@pytest.mark.real
@pytest.mark.requires("wlmscpfs")
def test_dcmtk_that_goes_by_another_name_is_a_rejection(tmp_path: Path) -> None:
    with wlmscpfs(tmp_path) as port:
        assert failing(port, "NOBODY").layer is Layer.ASSOCIATION


@pytest.mark.proves("R56")
def test_a_server_that_does_not_know_us_is_told_with_our_ae_title() -> None:
    with scripted(None, only_for="SOMEONE") as port:
        failed = failing(port).at("worklist server")
    assert failed.layer is Layer.ASSOCIATION
    assert failed.remedy == ("Ask the administrator of the worklist server to accept the AE title SMARTLINKWLSCU.")


def steps(count: int) -> list[Dataset]:
    return [step(NOON, number=number) for number in range(count)]


def test_a_list_that_is_too_long_is_cancelled() -> None:
    many = UntilCancelled(steps(MOST_ITEMS + 20))
    with scripted(many) as port:
        found = find(called(port), ASKED, LIMITS)
    assert (len(found.answers), found.truncated, many.was_cancelled) == (MOST_ITEMS, True, True)


def test_a_server_that_does_not_hear_that_it_is_enough_is_left() -> None:
    answers = [(0xFF00, one) for one in steps(2000)]
    with scripted([*answers, (0x0000, None)]) as port:
        found = find(called(port), ASKED, LIMITS)
    assert (len(found.answers), found.truncated) == (MOST_ITEMS, True)


def test_an_answer_that_cannot_be_read_is_counted_and_the_others_are_kept() -> None:
    first, bare, last = steps(3)
    del bare.ScheduledProcedureStepSequence
    with scripted([(0xFF00, first), (0xFF00, bare), (0xFF00, None), (0xFF01, last), (0x0000, None)]) as port:
        found = find(called(port), ASKED, LIMITS)
    assert ([one.values[Key.STEP_ID] for one in found.answers], found.unreadable) == (["S0", "S2"], 2)


def test_an_answer_of_megabytes_is_counted_as_unreadable_and_not_kept() -> None:
    huge = step(NOON, EncapsulatedDocument=b"x" * 3_000_000)
    with scripted([(0xFF00, huge), (0xFF00, step(NOON)), (0x0000, None)]) as port:
        found = find(called(port), ASKED, LIMITS)
    assert (len(found.answers), found.unreadable) == (1, 1)


@pytest.mark.parametrize(("status", "words"), [(0xA700, "Out of resources"), (0xA900, "A900"), (0xC001, "C001")])
def test_a_refusal_in_the_middle_leaves_nothing_of_the_list(status: int, words: str) -> None:
    with scripted([(0xFF00, step(NOON)), (status, None)]) as port:
        failed = failing(port)
    assert (failed.layer, words in failed.sentence) == (Layer.PROTOCOL, True)


@pytest.mark.parametrize("junk", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0" * 40])
def test_a_server_that_speaks_something_else_is_said_to_be_none(junk: bytes) -> None:
    with acting(lambda sock: sock.sendall(junk)) as port:
        assert failing(port).layer is Layer.PROTOCOL


def test_a_server_without_worklist_is_said_to_be_one() -> None:
    with scripted(None) as port:
        failed = failing(port)
    assert (failed.layer, failed.sentence, failed.remedy) == (Layer.CONTEXT, *not_offered(called(port)))
    assert "SMARTLINKWLSCU" in failed.remedy


def test_nobody_there_and_a_list_that_never_ends() -> None:
    assert failing(1).layer is Layer.PORT
    seconds = iter(range(0, 100_000, 100))
    with (
        scripted([(0xFF00, one) for one in steps(20)]) as port,
        Call(called(port), LIMITS) as call,
        pytest.raises(AssociationFailed, match="has no end"),
    ):
        find_in(call, call.associate(PROPOSALS), ASKED, LIMITS, lambda: float(next(seconds)))


def test_one_answer_that_never_ends_is_given_up_within_the_time_for_all() -> None:
    # The clock is asked once at the beginning, then for each fragment: a megabyte makes many.
    seconds = iter([0.0, *(float(number) for number in range(10_000))])
    told: list[float] = []

    def clock() -> float:
        told.append(next(seconds) * 50)
        return told[-1]

    with (
        scripted([(0xFF00, step(NOON, EncapsulatedDocument=b"x" * 1_000_000)), (0x0000, None)]) as port,
        Call(called(port), LIMITS) as call,
        pytest.raises(AssociationFailed, match="has no end"),
    ):
        find_in(call, call.associate(PROPOSALS), ASKED, LIMITS, clock)
    assert told == [0, 0, 50, 100, 150]


def test_whoever_stops_does_not_wait() -> None:
    quick = SendLimits(connect_seconds=5, associate_seconds=5, response_seconds=5, stop_seconds=0)
    with scripted([]) as port, pytest.raises(AssociationFailed, match="stopping") as failed:
        find(called(port), ASKED, quick, stop=lambda: True)
    assert failed.value.layer is Layer.TIMEOUT
