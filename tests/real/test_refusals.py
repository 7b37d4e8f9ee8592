"""Bad input at the DICOM port: each gets a clear status, a log line without patient data, and nothing is lost."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import ProgramFailed, wait_for
from tests.real import samples
from tests.real.scu import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.world import Cloud, Gateway

pytestmark = pytest.mark.real

REJECTED_PERMANENT, SERVICE_USER, CALLED_AE_UNKNOWN = 1, 1, 7
OUT_OF_RESOURCES = 0xA700


class CablePulled(Exception):
    """Leaves an Association by closing the connection."""


def still_serves(cloud: Cloud, gateway: Gateway, uid: Callable[[], str]) -> None:
    """A good image still gets through to Works."""
    study = uid()
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(samples.small(uid(), study)) == 0
    cloud.arrived(study, 1)


@pytest.mark.proves("R69")
def test_an_unknown_called_ae_title_is_rejected_by_name(cloud: Cloud, gateway: Gateway, uid: Callable[[], str]) -> None:
    with pytest.raises(Rejected) as rejected, samples.association(gateway.target, called="SOMEBODYELSE"):
        pass
    assert rejected.value.answer == (REJECTED_PERMANENT, SERVICE_USER, CALLED_AE_UNKNOWN)
    wait_for(lambda: "SOMEBODYELSE" in gateway.logs(), 10, "the log names the AE title that was called")
    still_serves(cloud, gateway, uid)


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
    garbage: bytes, cloud: Cloud, gateway: Gateway, uid: Callable[[], str]
) -> None:
    with socket.create_connection((gateway.target.host, gateway.target.port), 10) as stranger:
        stranger.sendall(garbage)
        stranger.shutdown(socket.SHUT_WR)
        answer = b""
        while part := stranger.recv(4096):
            answer += part
        assert len(answer) < 100, "an A-ABORT at most"
    still_serves(cloud, gateway, uid)


def test_a_data_set_cut_off_is_not_taken_in(cloud: Cloud, gateway: Gateway, uid: Callable[[], str]) -> None:
    study = uid()
    whole, half = samples.small(uid(), study), samples.small(uid(), study)
    with suppress(CablePulled), samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(whole) == 0
        ultrasound.begin(half)
        ultrasound.data(half, half.data_set[: len(half.data_set) // 2], is_last=False)
        raise CablePulled
    still_serves(cloud, gateway, uid)
    journey = cloud.arrived(study, 1)
    assert [stop.sop_instance_uid for stop in journey.stops] == [whole.sop_instance_uid]


@pytest.mark.parametrize("wrong", ["1." + "2" * 63, "../../../../etc/passwd", "1.2/../3"], ids=["65", "dots", "path"])
def test_a_wrong_uid_in_the_command_is_refused_and_makes_no_file(
    wrong: str, cloud: Cloud, gateway: Gateway, uid: Callable[[], str]
) -> None:
    before = gateway.spool_files()
    instance = samples.small(uid(), uid(), command_uid=wrong)
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(instance) >> 8 in {0xA9, 0xC0, 0x01}
    assert gateway.spool_files() == before
    still_serves(cloud, gateway, uid)


def test_a_data_set_whose_uid_differs_from_the_commands_is_kept_as_unreadable_and_stays_here(
    cloud: Cloud, gateway: Gateway, uid: Callable[[], str]
) -> None:
    study = uid()
    liar = samples.small(uid(), study, command_uid=uid())
    with samples.association(gateway.target) as ultrasound:
        assert ultrasound.store(liar) == 0
    wait_for(lambda: gateway.unreadable() == 1, 20, "the gateway lists it as unreadable", pause=0.2)
    still_serves(cloud, gateway, uid)
    assert cloud.journey(study).stops == ()


@pytest.mark.proves("R151")
def test_under_the_disk_watermark_an_image_is_refused_before_anything_is_written(
    cloud: Cloud, gateway: Gateway, uid: Callable[[], str]
) -> None:
    gateway.stage.gateway.ask("settings", f"disk_reserve_bytes={10**18}")
    instance = samples.small(uid(), uid())

    def refused() -> bool:
        with samples.association(gateway.target) as ultrasound:
            before = gateway.spool_files()
            status = ultrasound.store(instance)
        return status == OUT_OF_RESOURCES and gateway.spool_files() == before

    wait_for(refused, 20, "the new watermark holds", pause=0.2)
    gateway.stage.gateway.ask("settings", "disk_reserve_bytes=1000000")
    with samples.association(gateway.target) as ultrasound:
        wait_for(lambda: ultrasound.store(instance) == 0, 20, "the old watermark holds again", pause=0.2)
    still_serves(cloud, gateway, uid)


@pytest.mark.proves("R27")
def test_without_a_licence_the_dicom_port_is_closed(cloud: Cloud, unlicensed: Gateway) -> None:
    unlicensed.stage.gateway.ask("settings", f"port={unlicensed.target.port}")
    unlicensed.stage.start_gateway()
    wait_for(lambda: unlicensed.stage.status()["service"]["running"], 30, "the gateway runs", pause=0.2)
    assert not unlicensed.stage.dicom_port_is_open()
    with pytest.raises(ProgramFailed) as failed:
        unlicensed.stage.gateway.ask("activate", other_than(cloud.licence_key()))
    assert "key" in failed.value.log.lower()
    assert not unlicensed.stage.dicom_port_is_open()
    unlicensed.stage.gateway.ask("activate", cloud.licence_key())
    unlicensed.stage.open_dicom_port()


def other_than(_key: str) -> str:
    """A well-formed licence key that nobody issued."""
    from smartlink.link import licence_key  # noqa: PLC0415

    return licence_key.generate()
