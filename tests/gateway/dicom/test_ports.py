"""A plain port and a TLS port are one receiver: one door, opened and closed together."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path

import pytest

from smartlink.gateway.calling import AssociationFailed, Layer, Peer, Tls
from smartlink.gateway.dicom.acceptor import AcceptorLimits
from smartlink.gateway.dicom.admission import HouseRules
from smartlink.gateway.dicom.ports import Ports, limits_of, ports_of, rules_of
from smartlink.gateway.dicom.verification_scu import echo
from smartlink.gateway.settings import SmartLinkSettings
from tests.gateway.authority import Authority
from tests.gateway.cast import House
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.pacs import LIMITS


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def settings(authority: Authority, **more: object) -> SmartLinkSettings:
    shown = authority.issue()
    files = {"tls_certificate": str(shown.certificate), "tls_key": str(shown.key)}
    return SmartLinkSettings.model_validate(
        {"port": 0, "tls_port": 0, "tls_require_client_certificate": False, **files, **more}
    )


def made(house: House, wanted: SmartLinkSettings) -> Ports:
    return ports_of("127.0.0.1", wanted, house.services, house.callers)


def test_both_ports_share_their_limits(house: House, authority: Authority) -> None:
    ports = made(house, settings(authority, associations=1))
    ports.start()
    try:
        assert ports.alive
        assert ports.port
        secured = Peer("127.0.0.1", ports.tls_port or 0, "SMARTLINKRCVR", "US02", Tls(authority.ca_file))
        with Caller(ports.port).associate() as us01:
            with pytest.raises(AssociationFailed, match="local limit exceeded") as failed:
                echo(secured, LIMITS)
            assert failed.value.layer is Layer.ASSOCIATION
            us01.release()
        assert echo(secured, LIMITS) > 0
    finally:
        ports.close(5)
    assert not ports.alive


def test_the_plain_port_may_stay_closed(house: House, authority: Authority) -> None:
    ports = made(house, settings(authority, tls_only=True))
    ports.start()
    try:
        assert ports.port is None
        assert echo(Peer("127.0.0.1", ports.tls_port or 0, "SMARTLINKRCVR", "US02", Tls(authority.ca_file)), LIMITS) > 0
    finally:
        ports.close(5)


@pytest.mark.proves("R69")
def test_the_tolerant_option_answers_whatever_is_called(house: House) -> None:
    for tolerant, ends in ((True, contextlib.nullcontext()), (False, pytest.raises(AssociationFailed, match="1/1/7"))):
        ports = made(house, SmartLinkSettings(port=0, any_called_ae_title=tolerant))
        ports.start()
        try:
            with ends:
                echo(Peer("127.0.0.1", ports.port or 0, "SOMEONE", "US01"), LIMITS)
        finally:
            ports.close(5)


def test_without_settings_for_it_there_is_no_tls_port(house: House) -> None:
    ports = made(house, SmartLinkSettings(port=0))
    assert ports.tls_port is None


def test_a_port_in_use_is_named_and_the_other_one_stays_closed(house: House, authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = made(house, settings(authority, tls_port=taken.getsockname()[1]))
        with pytest.raises(OSError, match="in use") as problem:
            ports.start()
        assert problem.value.filename == str(taken.getsockname()[1])
        assert not ports.alive


def test_the_limits_and_lists_are_the_settings() -> None:
    assert limits_of(SmartLinkSettings()) == AcceptorLimits()
    assert rules_of(SmartLinkSettings()) == HouseRules()
    asked = SmartLinkSettings(
        associations=200,
        associations_per_address=3,
        association_idle_seconds=60,
        largest_command_bytes=4096,
        allowed_ae_titles=("US01",),
        allowed_networks=("10.1.0.0/16",),
    )
    assert limits_of(asked).timeouts.idle == 60
    assert limits_of(asked).peer.command == 4096
    rules = rules_of(asked)
    assert (rules.associations, rules.per_address, rules.calling_ae_titles) == (200, 3, frozenset({"us01"}))
    assert [str(network) for network in rules.networks] == ["10.1.0.0/16"]
