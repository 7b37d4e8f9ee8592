"""DICOM over TLS with real peers, both ways: DCMTK, pynetdicom, and Orthanc by night."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pynetdicom import AE, evt

from smartlink.demo import exam
from smartlink.demo.programs import wait_for
from smartlink.gateway.calling import Answered, Peer, Tls
from smartlink.gateway.certificates import Pair
from smartlink.gateway.dicom.acceptor import Acceptor
from smartlink.gateway.dicom.tls import Identity, ServerSide
from smartlink.gateway.dicom.trial_run import try_out
from smartlink.gateway.trial import Step
from smartlink.standard.sop_class import ULTRASOUND_IMAGE, VERIFICATION
from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN
from tests.gateway.authority import Authority, Issued
from tests.gateway.cast import House
from tests.gateway.dicom.pacs import LIMITS, archive, data_set, items, storescp, told
from tests.gateway.dicom.test_dcmtk import AT, dcmtk
from tests.real.pacs import Orthanc

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Issued:
    return authority.issue()


@pytest.fixture(scope="module")
def theirs(authority: Authority) -> Issued:
    """What the other side shows: one machine here, so its name is the same."""
    return authority.issue()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("still") / "still.dcm"
    exam.still_in("explicit", path, exam.uids("tls"), AT)
    return path


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def receiver(house: House, authority: Authority, ours: Issued) -> Iterator[Acceptor]:
    pair = Pair("receiver", ours.certificate, ours.key)
    with house.receiver(security=ServerSide(Identity(pair, authority.ca_file, required=True))) as acceptor:
        yield acceptor


@pytest.mark.requires("storescu")
@pytest.mark.requires("echoscu")
def test_dcmtk_stores_over_tls_with_its_certificate_and_is_refused_without(
    receiver: Acceptor, house: House, still: Path, authority: Authority, theirs: Issued
) -> None:
    mutual = ("+tls", str(theirs.key), str(theirs.certificate), "+cf", str(authority.ca_file))
    echoed = dcmtk("echoscu", receiver.port, *mutual)
    assert echoed.returncode == 0, echoed.stdout
    stored = dcmtk("storescu", receiver.port, *mutual, "--propose-little", str(still))
    assert stored.returncode == 0, stored.stdout
    assert [house.data_set_of(kept.name) for kept in house.kept] == [data_set(still)]
    nobody = dcmtk("echoscu", receiver.port, "+tla", "+cf", str(authority.ca_file))
    assert nobody.returncode != 0
    plain = dcmtk("echoscu", receiver.port)
    assert plain.returncode != 0
    assert receiver.wait_until_empty(20)
    assert {refusal.why for refusal in house.callers.refusals} == {
        "TLS: the caller shows no certificate, and one is required",
        "TLS: the caller does not speak TLS",
    }


@pytest.mark.proves("R47")
@pytest.mark.requires("storescp")
def test_dcmtk_takes_images_over_tls_and_each_mistake_is_told(
    tmp_path: Path, still: Path, authority: Authority, ours: Issued, theirs: Issued
) -> None:
    mutual = ("+tls", str(theirs.key), str(theirs.certificate), "+cf", str(authority.ca_file))
    with storescp(tmp_path / "out", "+xa", "-B", *mutual) as port:
        tls = Tls(authority.ca_file, ours.certificate, ours.key)
        peer = archive(port)
        peer = Peer(peer.host, peer.port, peer.called_ae_title, peer.calling_ae_title, tls)
        trial = try_out(peer, LIMITS)
        assert trial.succeeded, trial
        assert "TLSv1." in trial.lines[3].sentence
        assert told(peer, items(still)) == [Answered(0, 0)]
        for wrong in (Tls(authority.ca_file), Tls(), None):
            failed = try_out(Peer("127.0.0.1", port, "ARCHIVE", "SMARTLINKSNDR", wrong), LIMITS).failure
            assert failed is not None
            assert "TLS" in failed.sentence + failed.remedy or "certificate" in failed.sentence
            assert failed.step in {Step.TLS, Step.ASSOCIATION}
    (stored,) = (tmp_path / "out").iterdir()
    assert data_set(stored) == data_set(still)


@pytest.mark.requires("storescp")
def test_tls_to_a_plain_dcmtk_is_told(tmp_path: Path, authority: Authority) -> None:
    with storescp(tmp_path / "out") as port:
        failed = try_out(Peer("127.0.0.1", port, "ARCHIVE", "SMARTLINKSNDR", Tls(authority.ca_file)), LIMITS).failure
    assert failed is not None
    assert failed.step is Step.TLS


def test_pynetdicom_speaks_tls_with_us_both_ways(
    receiver: Acceptor, still: Path, authority: Authority, ours: Issued, theirs: Issued
) -> None:
    entity = AE(ae_title="US01")
    entity.add_requested_context(VERIFICATION)
    client = ssl.create_default_context(cafile=authority.ca_file)
    client.load_cert_chain(theirs.certificate, theirs.key)
    association = entity.associate("127.0.0.1", receiver.port, ae_title="SMARTLINKRCVR", tls_args=(client, "127.0.0.1"))
    assert association.is_established
    assert association.send_c_echo().Status == 0
    association.release()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.ca_file)
    server.load_cert_chain(theirs.certificate, theirs.key)
    server.verify_mode = ssl.CERT_REQUIRED
    pacs = AE(ae_title="ARCHIVE")
    pacs.add_supported_context(ULTRASOUND_IMAGE, [EXPLICIT_VR_LITTLE_ENDIAN])
    handlers = [(evt.EVT_C_STORE, lambda _: 0x0000)]
    running = pacs.start_server(("127.0.0.1", 0), block=False, ssl_context=server, evt_handlers=handlers)  # type: ignore[arg-type] # handlers are what its manual shows
    assert running is not None
    try:
        tls = Tls(authority.ca_file, ours.certificate, ours.key)
        peer = Peer("127.0.0.1", running.server_address[1], "ARCHIVE", "SMARTLINKSNDR", tls)
        assert told(peer, items(still)) == [Answered(0, 0)]
    finally:
        running.shutdown()
        running.server_close()


class SecuredOrthanc(Orthanc):
    """Orthanc, whose DICOM port is asked by those who speak TLS."""

    def echoes(self) -> bool:
        self._must_run()
        return True


@pytest.mark.night
@pytest.mark.requires("Orthanc")
def test_orthanc_speaks_tls_with_us_both_ways(
    tmp_path: Path,
    still: Path,
    receiver: Acceptor,
    house: House,
    authority: Authority,
    ours: Issued,
    theirs: Issued,
) -> None:
    with SecuredOrthanc(tmp_path / "orthanc") as orthanc:
        orthanc.up(
            DicomTlsEnabled=True,
            DicomTlsCertificate=str(theirs.certificate),
            DicomTlsPrivateKey=str(theirs.key),
            DicomTlsTrustedCertificates=str(authority.ca_file),
            DicomTlsRemoteCertificateRequired=True,
            DicomModalities={
                "smartlink": {"AET": "SMARTLINKRCVR", "Host": "127.0.0.1", "Port": receiver.port, "UseDicomTls": True}
            },
        )
        tls = Tls(authority.ca_file, ours.certificate, ours.key)
        peer = Peer("127.0.0.1", orthanc.port, "ARCHIVE", "SMARTLINKSNDR", tls)
        wait_for(lambda: try_out(peer, LIMITS).succeeded, 30, "Orthanc answers over TLS")
        assert told(peer, items(still)) == [Answered(0, 0)]
        web = f"http://127.0.0.1:{orthanc.web_port}"
        (name,) = httpx.get(f"{web}/instances", trust_env=False).json()
        sent = httpx.post(f"{web}/modalities/smartlink/store", content=name, timeout=30, trust_env=False)
        assert sent.is_success, sent.text
    assert [house.data_set_of(kept.name) for kept in house.kept] == [data_set(still)]
