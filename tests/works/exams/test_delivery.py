"""Every pair of state and event is in the table, or is refused; what instances mean for the whole is walked too."""

from __future__ import annotations

from itertools import combinations

import pytest

from smartlink.works.exams.delivery import (
    FINAL,
    ITEM_WORDS,
    LIVE_ITEMS,
    MOVES,
    REASON_WORDS,
    SCREEN_WORDS,
    Event,
    IllegalMove,
    Item,
    Reason,
    State,
    is_open,
    step,
    verdict,
)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", Event)
def test_every_pair_is_in_the_table_or_refused(state: State, event: Event) -> None:
    if (state, event) in MOVES:
        assert step(state, event) is MOVES[state, event]
    else:
        with pytest.raises(IllegalMove, match=state):
            step(state, event)


def test_every_state_can_be_reached_and_is_left_unless_it_is_final() -> None:
    reached = {State.PREPARING} | set(MOVES.values())
    assert reached == set(State)
    assert set(State) - {state for state, _ in MOVES} == FINAL


def test_every_word_is_there() -> None:
    assert set(SCREEN_WORDS) == set(State)
    assert set(ITEM_WORDS) == set(Item)
    assert set(REASON_WORDS) == set(Reason)
    assert (State.OUTBOX.words, Item.PARKED.words) == ("In Outbox", "Needs attention")


SETS = [frozenset(some) for size in range(1, len(Item) + 1) for some in combinations(Item, size)]
WITH_ITEMS = [state for state in State if state not in FINAL and state is not State.PREPARING]


@pytest.mark.parametrize("state", WITH_ITEMS)
def test_whatever_the_instances_are_the_move_is_legal_and_settles(state: State) -> None:
    for items in SETS:
        found = verdict(state, items)
        if found is None:
            continue
        event, reason = found
        after = step(state, event)
        assert (after is State.OUTBOX) == (reason is not None)
        if after not in FINAL:
            assert verdict(after, items) is None, (state, items)
        assert not (after in FINAL and items & LIVE_ITEMS), "nothing that is under way is forgotten"


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ({Item.SENT}, (Event.ALL_SENT, None)),
        ({Item.SENT, Item.PARKED}, (Event.STUCK, None)),
        ({Item.PARKED}, (Event.RETURNED, Reason.REFUSED)),
        ({Item.SENT, Item.EXHAUSTED}, (Event.RETURNED, Reason.EXHAUSTED)),
        ({Item.PARKED, Item.EXHAUSTED}, (Event.RETURNED, Reason.EXHAUSTED)),
        ({Item.SENT, Item.CANCELLED}, (Event.CANCELLED, None)),
        ({Item.PARKED, Item.WAITING}, None),
        (set(), None),
    ],
)
def test_what_instances_mean_together(items: set[Item], expected: tuple[Event, Reason | None] | None) -> None:
    assert verdict(State.WITH_GATEWAY, items) == expected


def test_a_retry_at_the_gateway_resumes_what_needed_a_person() -> None:
    assert verdict(State.PARTIAL, {Item.SENT, Item.WAITING}) == (Event.RESUMED, None)
    assert verdict(State.OUTBOX, {Item.WAITING}) == (Event.RESUMED, None)
    assert verdict(State.PARTIAL, {Item.SENT, Item.PARKED}) is None


def test_only_what_was_refused_leaves_the_gateway_a_say_in_the_outbox() -> None:
    assert [reason for reason in Reason if is_open(State.OUTBOX, reason)] == [Reason.REFUSED]
    assert [state for state in State if is_open(state, None)] == [State.QUEUED, State.WITH_GATEWAY, State.PARTIAL]
