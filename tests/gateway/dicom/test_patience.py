"""Bytes that come one by one buy a peer no time; a message that moves has as long as it needs."""

from __future__ import annotations

from smartlink.gateway.dicom.patience import Patience, Timeouts, Wait

TIMEOUTS = Timeouts(artim=30, idle=600, stall=60, slowest=1000)


class Watch:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


def a_patience() -> tuple[Patience, Watch]:
    watch = Watch()
    return Patience(TIMEOUTS, watch), watch


def test_the_request_has_one_wait_however_it_trickles() -> None:
    patience, watch = a_patience()
    assert patience.left(Wait.REQUEST) == 30
    for _ in range(29):
        watch.at += 1
        patience.arrived(1)
    assert patience.left(Wait.REQUEST) == 1
    watch.at += 1
    assert patience.left(Wait.REQUEST) <= 0


def test_the_next_message_is_waited_for_from_the_last_one() -> None:
    patience, watch = a_patience()
    assert patience.left(Wait.MESSAGE) == 600
    watch.at += 500
    patience.arrived(3)
    assert patience.left(Wait.MESSAGE) == 100
    patience.begin()
    assert patience.left(Wait.MESSAGE) == 600


def test_the_time_out_of_the_socket_stays_the_same_while_messages_flow() -> None:
    patience, watch = a_patience()
    asked = set()
    for _ in range(50):
        watch.at += 1
        patience.begin()
        watch.at += 5
        asked.add(patience.left(Wait.MESSAGE))
    assert asked == {600}


def test_a_message_that_moves_has_all_the_time() -> None:
    patience, watch = a_patience()
    for _ in range(1000):
        assert patience.left(Wait.REST) == 60
        watch.at += 30
        patience.arrived(30_000)


def test_a_message_that_crawls_is_given_up() -> None:
    patience, watch = a_patience()
    patience.left(Wait.REST)
    patience.arrived(50_000_000)
    watch.at += 61
    assert patience.left(Wait.REST) == 60, "what came fast at first counts once"
    for _ in range(2):
        watch.at += 31
        patience.arrived(29_000)
    assert patience.left(Wait.REST) <= 0


def test_a_message_begins_with_its_own_time_after_a_long_rest() -> None:
    patience, watch = a_patience()
    patience.left(Wait.MESSAGE)
    watch.at += 590
    patience.arrived(200)
    assert patience.left(Wait.REST) == 60
    watch.at += 59
    patience.arrived(200)
    assert patience.left(Wait.REST) == 60
    assert patience.left(Wait.CLOSE) == 30
