"""The whole way: an exam that a scanner sent is submitted in Works and stands in the PACS, byte for byte and once."""

from __future__ import annotations

import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.exam import uids, write_exam
from smartlink.demo.programs import LOOPBACK, wait_for
from smartlink.demo.ultrasound import send
from smartlink.gateway.connecting import add_pacs
from smartlink.gateway.connections import Changes
from smartlink.gateway.store import configuration, connections
from smartlink.gateway.store.database import open_in
from smartlink.works.exams.rights import Actor
from smartlink.works.exams.submission import resend, submit, timeline
from tests.real import samples
from tests.real.pacs import Mood, Orthanc, Scripted, Storescp

if TYPE_CHECKING:
    from collections.abc import Callable

    from smartlink.works.exams.submission import DeliveryView
    from tests.real.world import Gateway

pytestmark = pytest.mark.real


@dataclass(frozen=True, slots=True)
class Seen:
    """An exam as a person saw it."""

    id: uuid.UUID
    version: int


def connect(gateway: Gateway, pacs: Storescp | Scripted | Orthanc) -> None:
    """Add the PACS at the gateway, and wait until Works has it."""
    with open_in(gateway.data) as database:
        facility = database.read(configuration.find)
        assert facility is not None
        wanted = Changes(
            name="Archive",
            ae_title=pacs.ae_title,
            host=LOOPBACK,
            port=pacs.port,
            specialty_ids=(facility.default_specialty_id,),
        )
        added = add_pacs(database, wanted, datetime.now(UTC))

        def known() -> bool:
            found = database.read(lambda tx: connections.find(tx, added.id))
            return found is not None and found.is_in_works

        wait_for(known, 30, "Works has the PACS")


def actor(gateway: Gateway) -> Actor:
    return Actor(uuid.UUID(gateway.site.organisation_id))


def exam_of(gateway: Gateway, study: str) -> tuple[uuid.UUID, int]:
    """The exam's id and version."""
    with gateway.cloud.access.organisation(actor(gateway).organisation_id) as site:
        found = site.one(Seen, "SELECT id, version FROM exam WHERE study_instance_uid = :uid", uid=study)
    assert found is not None
    return found.id, found.version


def submitted(gateway: Gateway, study: str) -> uuid.UUID:
    """Submit an exam; return its id."""
    exam, version = exam_of(gateway, study)
    assert len(submit(gateway.cloud.access, actor(gateway), exam, version, datetime.now(UTC)).delivery_ids) == 1
    return exam


def deliveries(gateway: Gateway, exam: uuid.UUID) -> tuple[DeliveryView, ...]:
    return timeline(gateway.cloud.access, actor(gateway).organisation_id, exam)


def until_sent(gateway: Gateway, exam: uuid.UUID, count: int = 1) -> None:
    """Wait until Works says of so many deliveries that the PACS has all."""

    def sent() -> bool:
        found = [one.head.state for one in deliveries(gateway, exam)]
        return found.count("delivered") == count

    wait_for(sent, 60, "Works knows that the PACS has the exam")


@pytest.mark.requires("storescp")
@pytest.mark.proves("R44", "R152")
def test_a_submitted_exam_stands_in_the_pacs_byte_for_byte_and_once_also_when_sent_again(
    own_gateway: Gateway, uid: Callable[[], str], tmp_path: Path
) -> None:
    study = uid()
    images = [samples.small(uid(), study) for _ in range(4)]
    with Storescp(tmp_path / "pacs") as pacs:
        connect(own_gateway, pacs.up())
        with samples.association(own_gateway.target) as ultrasound:
            assert [ultrasound.store(one) for one in images] == [0] * 4
        own_gateway.arrived(study, 4)
        exam = submitted(own_gateway, study)
        until_sent(own_gateway, exam)
        assert pacs.count() == Counter(one.sop_instance_uid for one in images)
        assert sorted(one.data_set for one in pacs.held()) == sorted(one.data_set for one in images)
        (first,) = deliveries(own_gateway, exam)
        resend(own_gateway.cloud.access, actor(own_gateway), first.head.id, datetime.now(UTC))
        until_sent(own_gateway, exam, 2)
        assert pacs.count() == Counter({one.sop_instance_uid: 2 for one in images})
    assert len(own_gateway.logged("downloaded")) == 4, "at first the scanner's own files were used"


@pytest.mark.requires("storescp")
def test_a_pacs_that_takes_uncompressed_only_gets_a_copy_that_it_takes(own_gateway: Gateway, tmp_path: Path) -> None:
    sent = write_exam(tmp_path / "exam", uids(f"orders/{uuid.uuid4()}"), datetime.now(UTC), frames=4)
    with Storescp(tmp_path / "pacs") as pacs:
        connect(own_gateway, pacs.up(Mood.ONLY_UNCOMPRESSED))
        send([one.path for one in sent.files], own_gateway.target, "US01")
        own_gateway.arrived(sent.study_instance_uid, len(sent.files))
        exam = submitted(own_gateway, sent.study_instance_uid)
        until_sent(own_gateway, exam)
        assert set(pacs.count().values()) == {1}
        assert len(pacs.held()) == len(sent.files)
        assert {one.transfer_syntax_uid for one in pacs.held()} == {samples.EXPLICIT}


@pytest.mark.proves("R44")
def test_what_goes_directly_reaches_the_pacs_while_works_is_away_and_is_not_sent_again_when_it_is_submitted(
    own_gateway: Gateway, uid: Callable[[], str]
) -> None:
    study = uid()
    images = [samples.small(uid(), study) for _ in range(3)]
    with Scripted() as pacs:
        connect(own_gateway, pacs.up())
        with samples.association(own_gateway.target) as ultrasound:
            assert ultrasound.store(images[0]) == 0
        own_gateway.arrived(study, 1)
        assert not pacs.count()
        with open_in(own_gateway.data) as database:
            database.write(lambda tx: tx.execute("UPDATE connection SET send_directly = 1 WHERE kind = 'ultrasound'"))
        own_gateway.cloud.stage.works.stop()
        try:
            with samples.association(own_gateway.target) as ultrasound:
                assert [ultrasound.store(one) for one in images[1:]] == [0, 0]
            direct = Counter(one.sop_instance_uid for one in images[1:])
            wait_for(lambda: pacs.count() == direct, 30, "the PACS has what goes directly")
        finally:
            own_gateway.cloud.stage.start_works()
        own_gateway.arrived(study, 3, seconds=90)
        until_sent(own_gateway, submitted(own_gateway, study))
        assert pacs.count() == Counter(one.sop_instance_uid for one in images)
