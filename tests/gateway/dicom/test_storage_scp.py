from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from smartlink.gateway.dicom.command import Command
from smartlink.gateway.dicom.negotiation import Context
from smartlink.gateway.dicom.service import Peer
from smartlink.gateway.dicom.storage_scp import StorageSCP
from smartlink.gateway.intake import DiskSpace
from smartlink.standard.names import AETitle
from smartlink.standard.sop_class import ULTRASOUND_IMAGE
from smartlink.standard.transfer_syntax import RLE_LOSSLESS
from tests.gateway.cast import House
from tests.gateway.dicom.wire import STORE

PEER = Peer(AETitle("US01"), "SMARTLINKRCVR", "10.0.0.7", "10.0.0.1:5104")
CONTEXT = Context(1, ULTRASOUND_IMAGE, RLE_LOSSLESS)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def store(house: House, *fragments: bytes, command: Command = STORE) -> Command:
    exchange = StorageSCP(house.intake, house.callers).begin(PEER, CONTEXT, command)
    for fragment in fragments:
        exchange.write(memoryview(fragment))
    return exchange.finish()


def test_success_means_kept_with_all_that_the_association_knows(house: House) -> None:
    assert store(house, b"da", b"", b"ta") == STORE.response(0)
    (kept,) = house.kept
    assert house.data_set_of(kept.name) == b"data"
    assert (kept.transfer_syntax_uid, kept.peer_address) == (RLE_LOSSLESS, "10.0.0.7")
    assert house.callers.calls == [("US01", False)]


def test_a_refusal_is_answered_after_the_data_set_with_status_and_reason(house: House) -> None:
    house.disk = DiskSpace(total=10**12, free=0)
    response = store(house, b"data")
    assert (response.status, response.error_comment) == (0xA700, "Free disk space is below the reserve.")
    assert response.message_id_responded_to == STORE.message_id
    assert house.kept == []


def test_a_refusal_midway_is_answered_at_the_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smartlink.gateway.intake._CHECK_EVERY", 2)
    exchange = StorageSCP(house.intake, house.callers).begin(PEER, CONTEXT, STORE)
    house.disk = DiskSpace(total=10**12, free=0)
    for _ in range(5):
        exchange.write(memoryview(b"data"))
    assert exchange.finish().status == 0xA700
    assert list(house.spool.names()) == []


def test_a_refusal_is_logged_without_what_the_sender_said_of_the_instance(house: House) -> None:
    bad = dataclasses.replace(STORE, affected_sop_instance_uid="../../MUSTERMANN")
    with capture_logs() as logs:
        assert store(house, b"data", command=bad).status == 0x0117
    (line,) = logs
    assert (line["event"], line["log_level"], line["status"]) == ("store_refused", "error", "0117")
    assert "MUSTERMANN" not in repr(line)


def test_a_full_disk_is_not_filled_by_saying_so(house: House) -> None:
    """Each scanner and reason is a line at once, and then one a minute that says how often."""
    now = 0.0
    scp = StorageSCP(house.intake, house.callers, lambda: now)
    house.disk = DiskSpace(total=10**12, free=0)
    with capture_logs() as logs:
        for _ in range(100):
            assert scp.begin(PEER, CONTEXT, STORE).finish().status == 0xA700
        scp.begin(dataclasses.replace(PEER, address="192.0.2.8"), CONTEXT, STORE)
        now = 60.0
        scp.begin(PEER, CONTEXT, STORE)
    assert [(line["address"], line["times"]) for line in logs] == [
        (PEER.address, 1),
        ("192.0.2.8", 1),
        (PEER.address, 100),
    ]


def test_an_empty_data_set_is_answered_c000(house: House) -> None:
    assert store(house).status == 0xC000


def test_a_sender_that_goes_away_leaves_nothing(house: House) -> None:
    exchange = StorageSCP(house.intake, house.callers).begin(PEER, CONTEXT, STORE)
    exchange.write(memoryview(b"half"))
    exchange.abandon()
    exchange.abandon()
    assert list(house.spool.names()) == []
    assert house.kept == []
