"""The door: allow-lists and limits, counted over all ports of one receiver."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from smartlink.gateway.dicom.admission import Gate, HouseRules
from smartlink.standard.names import AETitle
from smartlink.standard.reject import CALLING_AE_TITLE_NOT_RECOGNIZED, LOCAL_LIMIT_EXCEEDED

US01, US02 = AETitle("US01"), AETitle("US02")


def test_with_the_defaults_sixty_four_come_in_and_the_next_one_when_somebody_left() -> None:
    gate = Gate()
    assert [gate.enter(US01, "192.0.2.7") for _ in range(64)] == [None] * 64
    turned = gate.enter(US02, "192.0.2.8")
    assert turned is not None
    assert turned.rejection == LOCAL_LIMIT_EXCEEDED
    gate.leave(US01, "192.0.2.7")
    assert gate.enter(US02, "192.0.2.8") is None


@pytest.mark.parametrize(
    ("rules", "second", "word"),
    [
        (HouseRules(per_ae_title=1), (AETitle("us01"), "192.0.2.8"), "of this AE title"),
        (HouseRules(per_address=1), (US02, "192.0.2.7"), "of this address"),
    ],
)
def test_one_caller_takes_no_more_than_its_share(rules: HouseRules, second: tuple[AETitle, str], word: str) -> None:
    gate = Gate(rules)
    assert gate.enter(US01, "192.0.2.7") is None
    turned = gate.enter(*second)
    assert turned is not None
    assert turned.rejection == LOCAL_LIMIT_EXCEEDED
    assert word in turned.why
    assert gate.enter(US02, "192.0.2.8") is None
    gate.leave(US01, "192.0.2.7")
    gate.leave(US02, "192.0.2.8")
    assert gate.enter(*second) is None


def test_who_is_on_no_list_stays_outside() -> None:
    gate = Gate(HouseRules(calling_ae_titles=frozenset({"us01"})))
    assert gate.enter(US01, "192.0.2.7") is None
    turned = gate.enter(US02, "192.0.2.7")
    assert turned is not None
    assert turned.rejection == CALLING_AE_TITLE_NOT_RECOGNIZED
    assert "allowed_ae_titles" in turned.why


@pytest.mark.proves("R67")
def test_who_is_blocked_is_turned_away_and_let_in_again_without_a_new_door() -> None:
    blocked = {"us01"}
    gate = Gate(is_blocked=lambda ae_title: ae_title.folded in blocked)
    turned = gate.enter(US01, "192.0.2.7")
    assert turned is not None
    assert turned.rejection == CALLING_AE_TITLE_NOT_RECOGNIZED
    assert "blocked" in turned.why
    assert gate.enter(US02, "192.0.2.7") is None
    blocked.clear()
    assert gate.enter(US01, "192.0.2.7") is None


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("10.1.2.3", True),
        ("10.2.0.1", False),
        ("::ffff:10.1.2.3", True),
        ("2001:db8::7", True),
        ("2001:db9::7", False),
        ("fe80::1%eth0", False),
    ],
)
def test_networks_are_of_either_family(address: str, known: bool) -> None:  # noqa: FBT001 - a row of the table
    gate = Gate(HouseRules(networks=(ip_network("10.1.0.0/16"), ip_network("2001:db8::/32"))))
    assert gate.knows(address) is known
    assert Gate().knows(address)
