"""Orthanc asks whether it may delete, as a scanner does, and is called back; DCMTK's images are vouched for, too."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydicom import dcmread

from smartlink.demo.programs import LOOPBACK
from tests.gateway.dicom.pacs import sample
from tests.gateway.vouching import Gateway, gateway
from tests.real.pacs import Orthanc
from tests.requires import requires

pytestmark = pytest.mark.requires("Orthanc")
SAMPLE = sample("CT_small.dcm")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Gateway]:
    with gateway(tmp_path / "data") as running:
        yield running


def eventually(fact: Callable[[], bool]) -> None:
    patience = threading.Event()
    for _ in range(1000):
        if fact():
            return
        patience.wait(0.02)
    raise AssertionError("it never came true")


def web(orthanc: Orthanc, path: str, sent: object = None) -> Any:
    address = f"http://{LOOPBACK}:{orthanc.web_port}{path}"
    with httpx.Client(timeout=20, trust_env=False) as client:
        if sent is None:
            answer = client.get(address)
        elif isinstance(sent, bytes):
            answer = client.post(address, content=sent)
        else:
            answer = client.post(address, json=sent)
        return answer.raise_for_status().json()


def test_orthanc_asks_and_is_called_back_with_what_is_here_and_what_is_not(house: Gateway, tmp_path: Path) -> None:
    known = dcmread(SAMPLE, stop_before_pixels=True)
    class_uid, here = str(known.SOPClassUID), str(known.SOPInstanceUID)
    with Orthanc(tmp_path / "orthanc", "US01") as orthanc:
        orthanc.up(DicomModalities={"gateway": ["SMARTLINKRCVR", LOOPBACK, house.port]})
        house.knows("US01", orthanc.port)
        subprocess.run([requires("storescu"), "-aec", "SMARTLINKRCVR", LOOPBACK, str(house.port), SAMPLE], check=True)
        instances = [{"SOPClassUID": class_uid, "SOPInstanceUID": uid} for uid in (here, "1.2.3.4")]
        asked = web(orthanc, "/modalities/gateway/storage-commitment", {"DicomInstances": instances})
        eventually(lambda: web(orthanc, asked["Path"])["Status"] != "Pending")
        told = web(orthanc, asked["Path"])
    assert told["Status"] == "Failure"
    assert [one["SOPInstanceUID"] for one in told["Success"]] == [here]
    assert [(one["SOPInstanceUID"], one["FailureReason"]) for one in told["Failures"]] == [("1.2.3.4", 0x0112)]
    eventually(lambda: house.waiting == [])
