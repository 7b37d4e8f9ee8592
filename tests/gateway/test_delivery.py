"""Every pair of state and event is in the table, or raises IllegalMove."""

from __future__ import annotations

from itertools import product

import pytest

from smartlink.gateway.delivery import FINAL, MOVES, SCREEN_WORDS, Event, IllegalMove, State, step


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)))
def test_every_pair_is_in_the_table_or_an_illegal_move(state: State, event: Event) -> None:
    if (state, event) in MOVES:
        assert step(state, event) is MOVES[state, event]
    else:
        with pytest.raises(IllegalMove, match=f"{state} cannot be {event}"):
            step(state, event)


def test_nothing_happens_to_a_delivery_at_its_end() -> None:
    moving = {(state, event) for state, event in MOVES if state in FINAL}
    # But what was believed to have arrived, and has not.
    assert moving == {(State.SENT, Event.LOST)}


@pytest.mark.proves("R142")
def test_every_state_can_come_to_an_end() -> None:
    reachable = set(FINAL)
    for _ in State:
        reachable |= {state for (state, _), target in MOVES.items() if target in reachable}
    assert reachable == set(State)


@pytest.mark.proves("R146")
def test_what_waits_for_works_is_never_lost_by_itself() -> None:
    by_itself = {Event.FAILED, Event.LEASE_EXPIRED, Event.WITHHELD, Event.RELEASED, Event.CLAIMED, Event.RETRIED}
    assert all(not target.is_final for (_, event), target in MOVES.items() if event in by_itself)


def test_a_person_reads_a_word_for_every_state() -> None:
    assert set(SCREEN_WORDS) == set(State)
    assert State.EXHAUSTED.words == "In Outbox"
    assert State.PARKED.words == "Needs attention"
