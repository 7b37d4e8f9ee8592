"""Bad input at the DICOM port: each gets a clear status, a log line without patient data, and nothing is lost."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import ProgramFailed, wait_for
from smartlink.link import licence_key
from tests.real import samples
from tests.real.scu import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.world import Gateway

pytestmark = pytest.mark.real

REJECTED_PERMANENT, SERVICE_USER, CALLED_AE_UNKNOWN = 1, 1, 7
OUT_OF_RESOURCES = 0xA700


class CablePulled(Exception):
    """Leaves an Association by closing the connection."""


def still_serves(gateway: Gateway, uid: Callable[[], str]) -> None:
    """A good image still gets through to Works."""
    study = uid()
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(samples.small(uid(), study)) == 0
    gateway.arrived(study, 1)


@pytest.mark.proves("R69")
def test_an_unknown_called_ae_title_is_rejected_by_name(gateway: Gateway, uid: Callable[[], str]) -> None:
    with pytest.raises(Rejected) as rejected, samples.association(gateway.target, called="SOMEBODYELSE"):
        pass
    assert rejected.value.answer == (REJECTED_PERMANENT, SERVICE_USER, CALLED_AE_UNKNOWN)
    wait_for(lambda: "SOMEBODYELSE" in gateway.logs(), 10, "the log names the AE title that was called")
    still_serves(gateway, uid)


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff" * 4096,
        b"\x01\x00\xff\xff\xff\xff",
    ],
    ids=["http", "tls", "noise", "4 GiB announced"],
)
def test_garbage_on_the_dicom_port_ends_that_connection_only(
    garbage: bytes, gateway: Gateway, uid: Callable[[], str]
) -> None:
    with socket.create_connection((gateway.target.host, gateway.target.port), 10) as stranger:
        stranger.sendall(garbage)
        stranger.shutdown(socket.SHUT_WR)
        answer = b""
        while part := stranger.recv(4096):
            answer += part
        assert len(answer) < 100, "an A-ABORT at most"
    still_serves(gateway, uid)


def test_a_data_set_cut_off_is_not_taken_in(gateway: Gateway, uid: Callable[[], str]) -> None:
    study = uid()
    whole, half = samples.small(uid(), study), samples.small(uid(), study)
    with suppress(CablePulled), samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(whole) == 0
        ultrasound.begin(half)
        ultrasound.data(half, half.data_set[: len(half.data_set) // 2], is_last=False)
        raise CablePulled
    still_serves(gateway, uid)
    journey = gateway.arrived(study, 1)
    assert [stop.sop_instance_uid for stop in journey.stops] == [whole.sop_instance_uid]


@pytest.mark.parametrize("wrong", ["1." + "2" * 63, "../../../../etc/passwd", "1.2/../3"], ids=["65", "dots", "path"])
def test_a_wrong_uid_in_the_command_is_refused_and_makes_no_file(
    wrong: str, gateway: Gateway, uid: Callable[[], str]
) -> None:
    before = gateway.spool_files()
    instance = samples.small(uid(), uid(), command_uid=wrong)
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(instance) >> 8 in {0xA9, 0xC0, 0x01}
    assert gateway.spool_files() == before
    still_serves(gateway, uid)


def test_a_data_set_whose_uid_differs_from_the_commands_is_kept_as_unreadable_and_stays_here(
    gateway: Gateway, uid: Callable[[], str]
) -> None:
    study = uid()
    before = gateway.unreadable()
    liar = samples.small(uid(), study, command_uid=uid())
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(liar) == 0
    wait_for(lambda: gateway.unreadable() == before + 1, 20, "it is listed as unreadable")
    still_serves(gateway, uid)
    assert gateway.journey(study).stops == ()


def test_under_the_disk_watermark_an_image_is_refused_before_anything_is_written(
    gateway: Gateway, uid: Callable[[], str]
) -> None:
    gateway.stage.gateway.ask("settings", f"disk_reserve_bytes={10**18}")
    instance = samples.small(uid(), uid())

    def refused() -> bool:
        with samples.association(gateway.target) as ultrasound:
            before = gateway.spool_files()
            status = ultrasound.store(instance)
        return status == OUT_OF_RESOURCES and gateway.spool_files() == before

    try:
        wait_for(refused, 20, "the new watermark holds", pause=0.2)
    finally:
        gateway.stage.gateway.ask("settings", "disk_reserve_bytes=1000000")
    with samples.association(gateway.target) as ultrasound:
        wait_for(lambda: ultrasound.store(instance) == 0, 20, "the old watermark holds again", pause=0.2)
    still_serves(gateway, uid)


@pytest.mark.proves("R27", "R28", "R31")
def test_without_a_licence_or_with_a_wrong_key_the_dicom_port_is_closed(unlicensed: Gateway) -> None:
    program = unlicensed.stage.gateway
    program.ask("settings", f"port={unlicensed.target.port}", f"disk_reserve_bytes={10**6}")
    unlicensed.stage.start_gateway()
    wait_for(lambda: unlicensed.stage.status()["service"]["running"], 30, "the gateway runs", pause=0.2)
    assert not unlicensed.stage.dicom_port_is_open()
    unknown = licence_key.generate()
    with pytest.raises(ProgramFailed) as failed:
        program.ask("activate", unknown)
    assert "key" in json.loads(failed.value.log)["error"].lower()
    assert unknown not in failed.value.log + unlicensed.logs(), "a key is a secret, even a wrong one"
    assert not unlicensed.stage.dicom_port_is_open()
    program.ask("activate", unlicensed.site.licence_key)
    unlicensed.stage.open_dicom_port()
    assert unlicensed.site.licence_key not in unlicensed.logs()
