"""Test Connection on real peers: each cause of R47 is named at its step, with what to tell the PACS administrator."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from smartlink.gateway.calling import Peer, SendLimits
from smartlink.gateway.dicom.negotiation import Policy
from smartlink.gateway.dicom.trial_run import try_out
from smartlink.gateway.trial import Ended, Step, Trial
from smartlink.standard.sop_class import STORAGE, VERIFICATION
from tests.gateway.cast import RECEIVER, House
from tests.gateway.dicom.pacs import LIMITS, archive, scripted, storescp

QUICK = SendLimits(connect_seconds=0.5, associate_seconds=0.5, response_seconds=0.5, idle_seconds=0.5)


def failed_at(trial: Trial) -> Step:
    assert trial.failure is not None
    assert trial.failure.remedy
    return trial.failure.step


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.proves("R47")
@pytest.mark.real
@pytest.mark.requires("storescp")
def test_dcmtk_passes_every_step(tmp_path: Path) -> None:
    with storescp(tmp_path / "out", "+xa") as port:
        trial = try_out(archive(port), LIMITS)
    assert [line.ended for line in trial.lines] == [Ended.OK] * 6, trial
    assert trial.lines[-1].milliseconds is not None
    accepted = {(one.sop_class, one.transfer_syntax): one.accepted for one in trial.contexts}
    assert accepted["Ultrasound Multi-frame Image", "JPEG Baseline (Process 1)"]


@pytest.mark.proves("R47")
@pytest.mark.real
@pytest.mark.requires("storescp")
def test_what_is_accepted_and_refused_is_listed(tmp_path: Path) -> None:
    with storescp(tmp_path / "out") as port:
        trial = try_out(archive(port), LIMITS)
    accepted = {one.transfer_syntax for one in trial.contexts if one.accepted}
    assert accepted == {"Explicit VR Little Endian", "Implicit VR Little Endian"}
    assert trial.succeeded
    assert "sent uncompressed" in trial.lines[4].remedy


@pytest.mark.proves("R47")
@pytest.mark.real
@pytest.mark.requires("storescp")
def test_a_rejection_names_the_ae_title_to_give_to_the_administrator(tmp_path: Path) -> None:
    with storescp(tmp_path / "out", "--refuse") as port:
        trial = try_out(archive(port), LIMITS)
    assert failed_at(trial) is Step.ASSOCIATION
    assert "SMARTLINKSNDR" in (trial.failure.remedy if trial.failure else "")


@pytest.mark.proves("R47")
def test_a_wrong_called_ae_title_is_told_as_such(house: House) -> None:
    with house.receiver() as receiver:
        trial = try_out(archive(receiver.port, "SOMEONE"), LIMITS)
    assert failed_at(trial) is Step.ASSOCIATION
    assert "SOMEONE" in (trial.failure.remedy if trial.failure else "")


@pytest.mark.proves("R47")
def test_a_closed_port_is_told_after_the_route() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    trial = try_out(archive(port), LIMITS)
    assert [line.ended for line in trial.lines[:3]] == [Ended.OK, Ended.OK, Ended.FAILED]
    assert failed_at(trial) is Step.PORT


@pytest.mark.proves("R47")
@pytest.mark.parametrize("host", ["nothing.invalid", "x" * 64 + ".invalid"])
def test_a_name_without_an_address_is_told(host: str) -> None:
    assert failed_at(try_out(Peer(host, 104, "ARCHIVE", "SMARTLINKSNDR"), QUICK)) is Step.NAME


@pytest.mark.proves("R47")
def test_a_full_backlog_is_no_answer_at_all() -> None:
    """A port that nobody empties is the nearest thing to a machine that is off: connecting times out."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        with socket.socket() as first, socket.socket() as second:
            for filler in (first, second):
                filler.settimeout(0)
                filler.connect_ex(("127.0.0.1", port))
            trial = try_out(archive(port), QUICK)
    assert failed_at(trial) is Step.ROUTE


@pytest.mark.proves("R47")
def test_a_silent_peer_is_told_after_its_time() -> None:
    over = threading.Event()
    with scripted(lambda _: over.wait(10)) as port:
        trial = try_out(archive(port, "SILENT"), QUICK)
        over.set()
    assert failed_at(trial) is Step.ASSOCIATION
    assert "within 0.5 seconds" in (trial.failure.sentence if trial.failure else "")


@pytest.mark.proves("R47")
def test_something_that_is_not_dicom_is_told_as_such() -> None:
    with scripted(lambda caller: caller.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        trial = try_out(archive(port), QUICK)
    assert "not DICOM" in (trial.failure.sentence if trial.failure else "")


@pytest.mark.proves("R47")
def test_a_peer_without_storage_fails_at_its_contexts(house: House) -> None:
    with house.receiver(Policy(RECEIVER, abstract_syntaxes=frozenset({VERIFICATION}))) as receiver:
        trial = try_out(archive(receiver.port, RECEIVER), LIMITS)
    assert failed_at(trial) is Step.CONTEXTS


@pytest.mark.proves("R47")
def test_a_peer_without_verification_passes_without_the_echo(house: House) -> None:
    with house.receiver(Policy(RECEIVER, abstract_syntaxes=frozenset(STORAGE))) as receiver:
        trial = try_out(archive(receiver.port, RECEIVER), LIMITS)
    assert trial.succeeded
    assert trial.lines[-1].ended is Ended.SKIPPED
    assert house.kept == []
