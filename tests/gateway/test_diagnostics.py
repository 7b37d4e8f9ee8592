"""Checks are made all at once, each within its own time, and whatever breaks one of them breaks no other."""

from __future__ import annotations

import threading
from time import monotonic

import pytest

from smartlink.gateway.diagnostics import EXIT_CODES, Check, Finding, State, failed, ok, run, skipped, warning, worst


def never() -> Finding:
    threading.Event().wait(30)
    return ok("too late")


def broken() -> Finding:
    raise OSError("/srv/jane-doe cannot be read")


@pytest.mark.proves("R104")
def test_each_check_answers_in_its_own_time_and_in_the_order_of_the_table() -> None:
    began = monotonic()
    checks = [Check("slow", "Slow", never, seconds=0.2), Check("broken", "Broken", broken)]
    results = run([*checks, Check("well", "Well", lambda: ok("7"), about="US01")])
    assert monotonic() - began < 5
    assert [one.check.name for one in results] == ["slow", "broken", "well"]
    assert [one.finding.state for one in results] == [State.FAILED, State.FAILED, State.OK]
    assert results[0].finding.value == "no answer within 0.2 s"
    assert results[2].finding == Finding(State.OK, "7")


def test_the_words_of_an_unforeseen_error_are_not_shown() -> None:
    (result,) = run([Check("broken", "Broken", broken)])
    assert result.finding.value == "OSError"
    assert "jane" not in repr(result.finding)


@pytest.mark.parametrize(
    ("findings", "state", "code"),
    [
        ([], State.SKIPPED, 0),
        ([ok("1"), skipped("no licence")], State.OK, 0),
        ([warning("1", "Soon.", "Act."), ok("1")], State.WARNING, 3),
        ([warning("1", "Soon.", "Act."), failed("0", "Gone.", "Act."), ok("1")], State.FAILED, 1),
    ],
)
def test_the_worst_decides_how_the_program_ends(findings: list[Finding], state: State, code: int) -> None:
    found = worst(run([Check("one", "One", lambda one=one: one) for one in findings]))  # type: ignore[misc]
    assert (found, EXIT_CODES[found]) == (state, code)
