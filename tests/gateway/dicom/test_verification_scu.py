from __future__ import annotations

from pathlib import Path

import pytest

from smartlink.gateway.calling import AssociationFailed, Layer
from smartlink.gateway.dicom.negotiation import Policy
from smartlink.gateway.dicom.verification_scu import echo
from smartlink.standard.sop_class import STORAGE
from tests.gateway.cast import RECEIVER, House
from tests.gateway.dicom.pacs import LIMITS, archive


def test_an_echo_is_measured(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.receiver() as receiver:
        took = echo(archive(receiver.port, RECEIVER), LIMITS)
    assert 0 < took < LIMITS.response_seconds
    assert house.callers.calls == [("SMARTLINKSNDR", True)]


def test_a_peer_for_storage_only_is_told_by_the_layer(tmp_path: Path) -> None:
    with (
        House(tmp_path).receiver(Policy(RECEIVER, abstract_syntaxes=frozenset(STORAGE))) as receiver,
        pytest.raises(AssociationFailed) as failed,
    ):
        echo(archive(receiver.port, RECEIVER), LIMITS)
    assert failed.value.layer is Layer.CONTEXT
