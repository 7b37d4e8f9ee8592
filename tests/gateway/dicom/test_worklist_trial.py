"""Test Connection of a worklist server: with C-ECHO only, with C-FIND only, with both, and with neither (R57)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from smartlink.gateway.calling import SendLimits
from smartlink.gateway.dicom.worklist_scu import not_offered
from smartlink.gateway.dicom.worklist_trial import MOST, try_out_worklist
from smartlink.gateway.trial import Ended, Step, Trial
from smartlink.gateway.worklist import Asked
from tests.gateway.dicom.worklist_server import AE_TITLE, UntilCancelled, called, scripted, step, wlmscpfs, write

LIMITS = SendLimits(connect_seconds=5, associate_seconds=5, response_seconds=5, idle_seconds=5)
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ASKED = Asked(date(2026, 11, 24), date(2026, 11, 25), "US", None, None)


ONE = [(0xFF00, step(NOON)), (0x0000, None)]
REFUSED = [(0xA700, None)]


def ended(trial: Trial) -> dict[Step, Ended]:
    return {line.step: line.ended for line in trial.lines if line.step in {Step.CONTEXTS, Step.ECHO, Step.FIND}}


@pytest.mark.proves("R57")
@pytest.mark.real
@pytest.mark.requires("wlmscpfs")
def test_dcmtk_passes_every_step(tmp_path: Path) -> None:
    for number in range(3):
        write(tmp_path / AE_TITLE, str(number), step(NOON, number=number))
    with wlmscpfs(tmp_path) as port:
        trial = try_out_worklist(called(port), ASKED, LIMITS)
    assert trial.succeeded, trial
    assert {line.ended for line in trial.lines} == {Ended.OK}
    assert trial.lines[-1].sentence == "C-FIND is answered with 3 scheduled steps."


@pytest.mark.proves("R57")
def test_find_only_passes() -> None:
    with scripted(ONE, echo=False) as port:
        trial = try_out_worklist(called(port), ASKED, LIMITS)
    assert trial.succeeded
    assert ended(trial) == {Step.CONTEXTS: Ended.OK, Step.ECHO: Ended.SKIPPED, Step.FIND: Ended.OK}


@pytest.mark.proves("R57")
def test_echo_only_passes_and_says_that_there_will_be_no_list() -> None:
    with scripted(None) as port:
        trial = try_out_worklist(called(port), ASKED, LIMITS)
    assert trial.succeeded
    assert ended(trial) == {Step.CONTEXTS: Ended.WARNED, Step.ECHO: Ended.OK, Step.FIND: Ended.SKIPPED}
    (warned,) = [line for line in trial.lines if line.ended is Ended.WARNED]
    assert (warned.sentence, warned.remedy) == not_offered(called(port))


@pytest.mark.proves("R57")
def test_a_refused_query_passes_with_echo_and_fails_without() -> None:
    with scripted(REFUSED) as port:
        trial = try_out_worklist(called(port), ASKED, LIMITS)
    assert (trial.succeeded, ended(trial)[Step.FIND]) == (True, Ended.WARNED)
    with scripted(REFUSED, echo=False) as port:
        trial = try_out_worklist(called(port), ASKED, LIMITS)
    assert (trial.succeeded, ended(trial)[Step.FIND]) == (False, Ended.FAILED)


@pytest.mark.proves("R56")
def test_a_rejection_repeats_the_ae_title_to_allow() -> None:
    with scripted(ONE, only_for="SOMEONE") as port:
        trial = try_out_worklist(called(port), ASKED, LIMITS)
    assert trial.failure is not None
    assert trial.failure.step is Step.ASSOCIATION
    assert "administrator of the worklist server to accept the AE title SMARTLINKWLSCU" in trial.failure.remedy
    assert trial.lines[-1].step is Step.FIND


def test_a_long_list_is_only_looked_into() -> None:
    with scripted(UntilCancelled([step(NOON, number=number) for number in range(30)])) as port:
        trial = try_out_worklist(called(port), ASKED, LIMITS)
    assert f"more than {MOST}" in trial.lines[-1].sentence
