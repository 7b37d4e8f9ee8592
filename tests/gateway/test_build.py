"""The parts fit: a real receiver, a real catalogue and a real Works in one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from queue import SimpleQueue
from time import monotonic, sleep
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.events import Event
from structlog.testing import capture_logs

from smartlink.gateway import build, connecting
from smartlink.gateway.calling import AssociationFailed, Peer, Tls
from smartlink.gateway.catalogue import Catalogue, Unreadable
from smartlink.gateway.dicom import pdu
from smartlink.gateway.dicom.upper_layer import AssociationAccepted
from smartlink.gateway.dicom.verification_scu import echo
from smartlink.gateway.errors import StoreFailed
from smartlink.gateway.refusals import Refusal, Refusals
from smartlink.gateway.settings import Deployment
from smartlink.gateway.status import queue_of, refusals_of, status_of, syntaxes_of
from smartlink.gateway.store import connections, licences, settings
from smartlink.gateway.store.database import Database, open_in
from smartlink.gateway.store.refusals import listing
from smartlink.gateway.store.spool import Spool
from smartlink.gateway.syntaxes import Syntaxes
from smartlink.standard.sop_class import STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE
from tests.gateway.authority import Authority
from tests.gateway.conftest import START, Keep
from tests.gateway.dicom.caller import Caller
from tests.gateway.dicom.test_commitment_data import request
from tests.gateway.dicom.wire import REQUEST
from tests.gateway.fake_orders import an_image as an_object
from tests.gateway.fake_works import FakeWorks
from tests.gateway.store.examples import a_pacs
from tests.real.pacs import Scripted

PRIVATE = "1.2.840.113619.4.30"


def now() -> datetime:
    return datetime.now(UTC)


def eventually(fact: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for a fact, not for a duration."""
    end = monotonic() + seconds
    while not fact():
        assert monotonic() < end, "it never came true"
        sleep(0.02)


def an_image(uid: str = "1.2.3.1") -> Dataset:
    image = Dataset()
    image.SOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
    image.SOPInstanceUID = uid
    image.StudyInstanceUID = "1.2.4"
    image.SeriesInstanceUID = "1.2.5"
    image.Modality = "US"
    image.PatientName = "Doe^Jane"
    return image


def encoded(image: Dataset) -> bytes:
    """Its Data Set, in explicit VR little endian."""
    buffer = BytesIO()
    pydicom.dcmwrite(buffer, image, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return buffer.getvalue()


@pytest.fixture
def deployment(tmp_path: Path) -> Deployment:
    return Deployment(data=tmp_path / "data", bind="127.0.0.1", drain_seconds=2)


@pytest.fixture
def running(deployment: Deployment) -> Iterator[Database]:
    """A service on a free port, and the catalogue as the command line sees it."""
    with open_in(deployment.data) as database, capture_logs():
        database.write(lambda tx: settings.put(tx, {"port": 0, "disk_reserve_bytes": 0}, START))
        service = build.service(deployment, now)
        codes: list[int] = []
        thread = threading.Thread(target=lambda: codes.append(service.run()))
        thread.start()
        try:
            yield database
        finally:
            service.stop()
            thread.join(60)
        assert codes == [0]


@pytest.mark.proves("R27", "R28", "R60", "R61", "R66", "R142")
def test_an_image_goes_from_the_port_to_works(running: Database, deployment: Deployment, works: FakeWorks) -> None:
    def status() -> dict[str, Any]:
        return status_of(running, deployment.data, now())

    eventually(lambda: bool(status()["service"]["running"]))
    assert not status()["receiver"]["open"]
    with build.activator(deployment, running, now) as activator:
        activator.activate(works.key, works.url, now())
    eventually(lambda: bool(status()["receiver"]["open"]))
    send(status()["receiver"]["port"], an_image())
    eventually(lambda: status()["deliveries"]["sent"] == 1)
    (item,) = queue_of(running, None, 10)["items"]
    assert item["calling_ae_title"] == "US01"
    (offered,) = [upload.offered for upload in works.uploads.values()]
    assert offered.attributes["00080060"]["Value"] == ["US"]
    works.revoked.update(works.gateways)
    running.write(lambda tx: tx.execute("UPDATE connection SET revision = revision + 1"))
    eventually(lambda: not status()["receiver"]["open"])
    assert status()["licence"]["state"] == "revoked"


def send(port: int, image: Dataset) -> None:
    ae = AE(ae_title="US01")
    ae.add_requested_context(image.SOPClassUID, ExplicitVRLittleEndian)
    image.file_meta = pydicom.dataset.FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    association = ae.associate("127.0.0.1", port, ae_title="SMARTLINKRCVR")
    assert association.is_established
    try:
        assert association.send_c_store(image).Status == 0
    finally:
        association.release()


def test_a_scanner_hears_from_the_running_service_that_its_image_is_safe(
    running: Database, deployment: Deployment, works: FakeWorks
) -> None:
    with build.activator(deployment, running, now) as activator:
        activator.activate(works.key, works.url, now())
    eventually(lambda: bool(status_of(running, deployment.data, now())["receiver"]["open"]))
    port = status_of(running, deployment.data, now())["receiver"]["port"]
    send(port, an_image())
    heard: SimpleQueue[Dataset] = SimpleQueue()

    def hear(event: Event) -> tuple[int, None]:
        heard.put(event.event_information)
        return 0, None

    ae = AE(ae_title="US01")
    ae.add_requested_context(STORAGE_COMMITMENT, ExplicitVRLittleEndian)
    association = ae.associate(
        "127.0.0.1", port, ae_title="SMARTLINKRCVR", evt_handlers=[(evt.EVT_N_EVENT_REPORT, hear)]
    )
    answer, _ = association.send_n_action(request("1.2.3.1"), 1, STORAGE_COMMITMENT, STORAGE_COMMITMENT_INSTANCE)
    assert answer.Status == 0
    assert [item.ReferencedSOPInstanceUID for item in heard.get(timeout=20).ReferencedSOPSequence] == ["1.2.3.1"]
    association.release()
    eventually(lambda: status_of(running, deployment.data, now())["commitments"]["waiting"] == 0)


@pytest.mark.proves("R67")
def test_an_unknown_scanner_is_answered_and_held_until_it_is_approved_and_refused_when_it_is_blocked(
    running: Database, deployment: Deployment, works: FakeWorks
) -> None:
    running.write(lambda tx: settings.put(tx, {"approve_new_scanners": True}, now()))
    with build.activator(deployment, running, now) as activator:
        activator.activate(works.key, works.url, now())
    eventually(lambda: bool(status_of(running, deployment.data, now())["receiver"]["open"]))
    port = status_of(running, deployment.data, now())["receiver"]["port"]
    send(port, an_image())
    eventually(lambda: status_of(running, deployment.data, now())["deliveries"]["held"] == 1)
    assert not works.uploads
    connecting.approve(running, connecting.find(running, "US01"), now())
    eventually(lambda: status_of(running, deployment.data, now())["deliveries"]["sent"] == 1)
    connecting.block(running, connecting.find(running, "US01"), now())

    def turned_away() -> bool:
        ae = AE(ae_title="US01")
        ae.add_requested_context(an_image().SOPClassUID, ExplicitVRLittleEndian)
        association = ae.associate("127.0.0.1", port, ae_title="SMARTLINKRCVR")
        if association.is_established:
            association.release()
        return bool(association.is_rejected)

    eventually(turned_away)
    eventually(lambda: any("blocked" in one["why"] for one in refusals_of(running, 10)))


@pytest.mark.proves("R68")
def test_a_private_kind_of_image_is_refused_shown_and_taken_once_it_is_allowed(
    running: Database, deployment: Deployment, works: FakeWorks
) -> None:
    def port() -> int:
        eventually(lambda: bool(status_of(running, deployment.data, now())["receiver"]["open"]))
        return int(status_of(running, deployment.data, now())["receiver"]["port"])

    with build.activator(deployment, running, now) as activator:
        activator.activate(works.key, works.url, now())
    asking = replace(REQUEST, contexts=(pdu.ProposedContext(1, PRIVATE, (str(ExplicitVRLittleEndian),)),))

    def taken() -> bool:
        try:
            with Caller(port()) as us01:
                answer = us01.ask(asking)
        except ConnectionError:  # the port opens anew
            return False
        return (
            isinstance(answer, AssociationAccepted) and answer.accept.contexts[0].result is pdu.ContextResult.ACCEPTANCE
        )

    assert not taken()
    eventually(lambda: bool(syntaxes_of(running, 10)))
    (shown,) = syntaxes_of(running, 10)
    assert (shown["calling_ae_title"], shown["abstract_syntax_uid"], shown["times"], shown["allowed"]) == (
        "US01",
        PRIVATE,
        1,
        False,
    )
    running.write(lambda tx: settings.put(tx, {"abstract_syntaxes": [PRIVATE]}, START))

    eventually(taken)
    private = an_image("1.2.3.9")
    private.SOPClassUID = PRIVATE
    send(port(), private)
    assert syntaxes_of(running, 10)[0]["allowed"]


def test_a_second_service_on_the_same_data_is_refused(running: Database, deployment: Deployment) -> None:
    with pytest.raises(StoreFailed, match="already runs"):
        build.service(deployment, now)
    assert running.read(licences.find) is not None


def test_a_kept_data_set_is_described(spool: Spool, keep: Keep) -> None:
    described = build.describer(spool)(keep("1.2.3.1", data=encoded(an_image())))
    assert (described.study_instance_uid, described.series_instance_uid) == ("1.2.4", "1.2.5")


def test_what_cannot_be_described_is_unreadable_and_the_reason_quotes_nothing(spool: Spool, keep: Keep) -> None:
    describe = build.describer(spool)
    with pytest.raises(Unreadable) as reason:
        describe(keep("1.2.3.1", data=b"Doe^Jane is no Data Set"))
    assert "Doe" not in str(reason.value)
    kept = keep("1.2.3.2")
    spool.remove(kept.name)
    with pytest.raises(Unreadable, match="cannot be read"):
        describe(kept)


def test_callers_are_passed_on_and_foreign_syntaxes_shown(database: Database, spool: Spool) -> None:
    catalogue = Catalogue(database, spool, build.describer(spool))
    refusals = Refusals(database, now)
    syntaxes = Syntaxes(database, now)
    callers = build.Callers(catalogue, refusals, syntaxes)
    callers.seen("US01", "192.0.2.7", verified=True)
    with capture_logs() as lines:
        callers.refused(Refusal("192.0.2.8", "called AE title not recognised (1/1/7)", "US02", "SOMEONE"))
        callers.syntaxes_refused("US01", "192.0.2.7", ["1.2.840.113619.4.2"])
        catalogue.finish(START)
        refusals.tick(START)
    assert lines[0]["calling_ae_title"] == "US02"
    assert lines[1]["uids"] == ["1.2.840.113619.4.2"]
    assert [one.calling_ae_title for one in database.read(lambda tx: listing(tx, 10))] == ["US02"]
    assert [one.ae_title for one in database.read(connections.live)] == ["US01"]


@pytest.mark.proves("R44", "R142")
def test_an_order_of_works_travels_to_the_pacs_and_its_end_to_works(
    running: Database, deployment: Deployment, works: FakeWorks
) -> None:
    works.orders.wait = True
    with build.activator(deployment, running, now) as activator:
        activator.activate(works.key, works.url, now())
    with Scripted() as pacs:
        connection = a_pacs(running, port=pacs.up().port)
        works.orders.order(connection.id, an_object("1.2.3.1"), an_object("1.2.3.2"))
        eventually(lambda: works.orders.states() == ["sent", "sent"])
        assert pacs.count() == {"1.2.3.1": 1, "1.2.3.2": 1}
    assert works.orders.gets == 2


@pytest.mark.proves("R69")
def test_the_service_speaks_tls_and_lists_whom_it_turned_away(
    running: Database, deployment: Deployment, works: FakeWorks, tmp_path: Path
) -> None:
    authority = Authority(tmp_path / "authority")
    ours, theirs = authority.issue(), authority.issue("US01")
    files = {"tls_certificate": str(ours.certificate), "tls_key": str(ours.key), "tls_ca_file": str(authority.ca_file)}
    secured = {"tls_port": 0, "tls_only": True, "allowed_ae_titles": ["US01"], **files}
    running.write(lambda tx: settings.put(tx, secured, START))
    with build.activator(deployment, running, now) as activator:
        activator.activate(works.key, works.url, now())
    eventually(lambda: bool(status_of(running, deployment.data, now())["receiver"]["open"]))
    found = status_of(running, deployment.data, now())
    assert found["receiver"]["port"] is None
    assert found["certificates"]["receiver"]["days_left"] >= 363
    tls = Tls(authority.ca_file, theirs.certificate, theirs.key)
    peer = Peer("127.0.0.1", found["receiver"]["tls_port"], "SMARTLINKRCVR", "US01", tls)
    assert echo(peer, deployment.send_limits) > 0
    with pytest.raises(AssociationFailed, match="1/1/3"):
        echo(replace(peer, calling_ae_title="US02"), deployment.send_limits)
    eventually(lambda: len(refusals_of(running, 10)) == 1)
    (refused,) = refusals_of(running, 10)
    assert (refused["calling_ae_title"], refused["address"]) == ("US02", "127.0.0.1")
    assert "allowed_ae_titles" in refused["why"]


def test_a_service_that_stops_asks_no_pacs_what_it_has(deployment: Deployment, database: Database) -> None:
    with build.works_client(deployment, database, now) as works:
        compares = build.reconciliation(deployment, database, works, stop=lambda: True)
        with pytest.raises(AssociationFailed, match="not asked to the end"):
            compares.held_by(a_pacs(database, port=1), [("1.2", "1.2.1")])
