from __future__ import annotations

import pytest

from smartlink.gateway.dicom import upper_layer as ul
from smartlink.gateway.dicom.framing import message
from tests.gateway.dicom.wire import ECHO, STORE, Wire, data_of


@pytest.mark.parametrize("size", [1, 4090, 4091, 8180, 100_000])
def test_a_message_arrives_whole_in_fragments_that_the_peer_takes(size: int) -> None:
    wire = Wire().establish()
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    events = wire.to_acceptor(message(wire.requestor, 1, STORE, data))
    assert events[0] == ul.CommandReceived(1, STORE)
    assert data_of(events) == data
    assert not wire.acceptor.message_under_way


def test_a_message_without_data_set_is_its_command() -> None:
    wire = Wire().establish()
    assert wire.to_acceptor(message(wire.requestor, 3, ECHO)) == [ul.CommandReceived(3, ECHO)]
