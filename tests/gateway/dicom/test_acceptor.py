from __future__ import annotations

import contextlib
import dataclasses
import socket
import sys
import threading
from ipaddress import ip_network
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.acceptor import AcceptorLimits
from smartlink.gateway.dicom.admission import NOT_ALLOWED_ADDRESS, HouseRules
from smartlink.gateway.refusals import Refusal
from tests.gateway.cast import House
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.wire import ECHO, STORE


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_one_association_too_many_is_rejected_for_the_moment(house: House) -> None:
    with house.receiver(rules=HouseRules(associations=2)) as receiver:
        with Caller(receiver.port).associate() as us01, Caller(receiver.port).associate():
            with Caller(receiver.port) as late:
                assert late.ask() == ul.AssociationRejected(pdu.AssociateReject(2, 3, 2))
            us01.say(ECHO, 3)
            assert us01.response().status == 0
        assert receiver.wait_until_empty(20)
        with Caller(receiver.port).associate() as again:
            again.release()


def test_far_too_many_connections_are_closed_without_a_word(house: House) -> None:
    with house.receiver(rules=HouseRules(associations=0)) as receiver:
        waiting = [Caller(receiver.port) for _ in range(16)]
        with Caller(receiver.port) as late:
            assert late.rest() == b""
        for caller in waiting:
            caller.sock.close()


def test_four_senders_at_once_lose_nothing(house: House) -> None:
    def send(sender: int) -> None:
        with Caller(port).associate() as us01:
            for number in range(10):
                command = dataclasses.replace(STORE, affected_sop_instance_uid=f"1.{sender}.{number}")
                assert us01.store(f"{sender}.{number}".encode() * 9000, command).status == 0
            us01.release()

    with house.receiver() as receiver:
        port = receiver.port
        threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(house.kept) == 40
    for kept in house.kept:
        assert house.data_set_of(kept.name) == kept.sop_instance_uid.removeprefix("1.").encode() * 9000


def test_a_message_under_way_is_finished_before_the_port_is_gone(house: House) -> None:
    with house.receiver() as receiver, Caller(receiver.port).associate() as us01:
        us01.say(ECHO, 3)
        us01.response()
        us01.say(STORE)
        us01.data(b"first ", last=False)
        house.wait_for_a_reception()
        closing = threading.Thread(target=receiver.close, args=(20,))
        closing.start()
        us01.data(b"last", last=True)
        assert us01.response().status == 0
        assert us01.hear() == ul.Aborted(0, 0)
        closing.join(20)
        assert not receiver.alive
    (kept,) = house.kept
    assert house.data_set_of(kept.name) == b"first last"


def test_who_does_not_finish_is_hung_up_on(house: House) -> None:
    with house.receiver() as receiver, Caller(receiver.port).associate() as us01:
        us01.say(STORE)
        us01.data(b"half", last=False)
        house.wait_for_a_reception()
        receiver.close(0.05)
        assert us01.rest() == b""
        assert receiver.associations == 0
    assert list(house.spool.names()) == []


def test_an_idle_association_does_not_hold_up_the_close(house: House) -> None:
    with house.receiver() as receiver, Caller(receiver.port).associate() as us01:
        receiver.close(20)
        assert us01.rest() == b""


def test_a_closed_port_is_closed_and_may_be_opened_anew(house: House) -> None:
    with house.receiver() as receiver:
        port = receiver.port
        assert receiver.alive
        receiver.close()
        receiver.close()
        assert not receiver.alive
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
        socket.create_server(("127.0.0.1", port)).close()


def test_a_port_in_use_is_told(house: House) -> None:
    with (
        house.receiver() as receiver,
        pytest.raises(OSError, match="in use"),
        house.receiver(port=receiver.port),
    ):
        pass


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_port_that_is_tried_again_and_again_costs_no_descriptor(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            with pytest.raises(OSError, match="in use"), house.receiver(port=taken.getsockname()[1]):
                pass
        assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_start_and_close_are_logged(house: House) -> None:
    with capture_logs() as logs, house.receiver() as receiver:
        port = receiver.port
    assert [(line["event"], line.get("port")) for line in logs] == [
        ("acceptor_started", port),
        ("acceptor_closed", None),
    ]


def test_whoever_says_nothing_makes_room_for_who_does(house: House) -> None:
    limits = AcceptorLimits(say_something=0.0)
    with house.receiver(limits=limits, rules=HouseRules(associations=1)) as receiver:
        silent = [Caller(receiver.port) for _ in range(40)]
        with Caller(receiver.port).associate() as us01:
            us01.say(ECHO, 3)
            assert us01.response().status == 0
            us01.release()
        for caller in silent:
            caller.sock.close()


def test_the_sixty_fifth_is_refused_cleanly_with_the_defaults(house: House) -> None:
    with contextlib.ExitStack() as stack, house.receiver() as receiver:
        for _ in range(64):
            stack.enter_context(Caller(receiver.port)).associate()
        late = stack.enter_context(Caller(receiver.port))
        assert late.ask() == ul.AssociationRejected(pdu.AssociateReject(2, 3, 2))
        assert late.rest() == b""
    assert [refusal.why for refusal in house.callers.refusals] == [
        "as many associations are open as are allowed (2/3/2)"
    ]


def test_a_released_association_counts_no_more_even_if_the_peer_does_not_close(house: House) -> None:
    with house.receiver(rules=HouseRules(associations=1)) as receiver, Caller(receiver.port).associate() as lazy:
        lazy.release()
        with Caller(receiver.port).associate() as us02:
            us02.release()


def test_an_address_that_is_not_allowed_is_hung_up_on_and_counted(house: House) -> None:
    rules = HouseRules(networks=(ip_network("192.0.2.0/24"),))
    with house.receiver(rules=rules) as receiver, Caller(receiver.port) as stranger:
        assert stranger.rest() == b""
    assert house.callers.refusals == [Refusal("127.0.0.1", NOT_ALLOWED_ADDRESS)]


class Weak(threading.Thread):
    """A machine that has no thread left, as long as `exhausted`."""

    exhausted = True

    def start(self) -> None:
        if self.exhausted:
            raise RuntimeError("can't start new thread")
        super().start()


def test_without_a_thread_for_one_more_the_port_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    with house.receiver() as receiver, Caller(receiver.port).associate() as old, capture_logs() as logs:
        monkeypatch.setattr(Weak, "exhausted", True)
        monkeypatch.setattr("smartlink.gateway.dicom.acceptor.threading.Thread", Weak)
        for _ in range(3):
            with Caller(receiver.port) as refused:
                assert refused.rest() == b""
        assert old.store(b"data").status == 0
        monkeypatch.setattr(Weak, "exhausted", False)
        with Caller(receiver.port).associate() as again:
            again.release()
    assert [line["why"] for line in logs if line["event"] == "connection_not_served"] == ["RuntimeError"]


def test_without_memory_for_one_more_only_that_one_ends(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_left(_: int) -> bytearray:
        raise MemoryError

    with house.receiver() as receiver, Caller(receiver.port).associate() as old:
        with monkeypatch.context() as poor:
            poor.setattr("smartlink.gateway.dicom.association.bytearray", nothing_left, raising=False)
            with Caller(receiver.port) as refused:
                assert refused.rest() == b""
        assert old.store(b"data").status == 0
        with Caller(receiver.port).associate() as again:
            again.release()
