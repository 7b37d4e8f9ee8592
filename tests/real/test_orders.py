"""The whole way: an exam that a scanner sent is submitted in Works and stands in the PACS, byte for byte and once."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.exam import uids, write_exam
from smartlink.demo.programs import wait_for
from smartlink.demo.ultrasound import send
from smartlink.gateway.store.database import open_in
from smartlink.works.exams.submission import resend
from tests.real import samples
from tests.real.clocked import INTERVAL, PROBE
from tests.real.orders import actor, arrive, connect, deliveries, once, submitted, until_sent
from tests.real.pacs import Mood, Scripted, Storescp

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.real.clocked import Clocked
    from tests.real.world import Gateway

pytestmark = pytest.mark.real

NOT_REACHABLE, UPLOADING_FAILED = "Exo Cloud Services not reachable", "Uploading Image Failed"
NO_URL = "Could not get Pre-Signed Url for DICOM Upload"


@pytest.mark.requires("storescp")
@pytest.mark.proves("R44", "R86", "R152", "A5", "R1")
def test_a_submitted_exam_stands_in_the_pacs_byte_for_byte_and_once_also_when_sent_again(
    gateway: Gateway, uid: Callable[[], str], tmp_path: Path
) -> None:
    before = len(gateway.logged("downloaded"))
    with Storescp(tmp_path / "pacs") as pacs:
        connect(gateway, pacs.up())
        try:
            study, images = arrive(gateway, uid, 4)
            exam = submitted(gateway, study)
            until_sent(gateway, exam)
            assert pacs.count() == once(images)
            assert sorted(one.data_set for one in pacs.held()) == sorted(one.data_set for one in images)
            (first,) = deliveries(gateway, exam)
            resend(gateway.cloud.access, actor(gateway), first.head.id, datetime.now(UTC))
            until_sent(gateway, exam, 2)
            assert pacs.count() == Counter({one.sop_instance_uid: 2 for one in images})
        finally:
            gateway.stage.gateway.ask("connections", "delete", pacs.ae_title, "--yes")
    assert len(gateway.logged("downloaded")) == before + 4, "at first the scanner's own files were used"


@pytest.mark.requires("storescp")
def test_a_pacs_that_takes_uncompressed_only_gets_a_copy_that_it_takes(clocked: Clocked, tmp_path: Path) -> None:
    sent = write_exam(tmp_path / "exam", uids(f"orders/{uuid.uuid4()}"), datetime.now(UTC), frames=4)
    still, cine = sent.files[0], sent.files[-1]
    pacs = Storescp(tmp_path / "pacs")
    with pacs.up(Mood.ONLY_UNCOMPRESSED), clocked.connected(pacs):
        send([still.path, cine.path], clocked.target, "US01")
        clocked.arrived(sent.study_instance_uid, 2)
        exam = submitted(clocked, sent.study_instance_uid)
        until_sent(clocked, exam)
        assert pacs.count() == {one.sop_instance_uid: 1 for one in (still, cine)}
        assert {one.transfer_syntax_uid for one in pacs.held()} == {samples.EXPLICIT}


def said(gateway: Clocked, message: str) -> int:
    """How often one of the manual's messages stands in the log."""
    return gateway.logs().count(f'"message": "{message}"')


@pytest.mark.proves("R44", "R136")
def test_what_goes_directly_reaches_the_pacs_while_works_is_away_and_is_not_sent_again_when_it_is_submitted(
    clocked: Clocked, uid: Callable[[], str]
) -> None:
    study = uid()
    images = [samples.small(uid(), study) for _ in range(3)]
    before = {message: said(clocked, message) for message in (NOT_REACHABLE, UPLOADING_FAILED, NO_URL)}
    with Scripted(ae_title="DIRECT") as pacs, clocked.connected(pacs.up()):
        with samples.association(clocked.target) as ultrasound:
            assert ultrasound.store(images[0]) == 0
        clocked.arrived(study, 1)
        assert not pacs.count()
        clocked.cloud.stage.works.stop()
        try:
            go_directly(clocked, directly=True)
            with samples.association(clocked.target) as ultrasound:
                assert [ultrasound.store(one) for one in images[1:]] == [0, 0]
            direct = once(images[1:])
            wait_for(lambda: pacs.count() == direct, 30, "the PACS has what goes directly")
            for times in (1, 2):
                # While Works goes down it may answer in between, or with a 503: then a probe finds that it is gone.
                clocked.clock.let_pass(PROBE)
                for message in (NOT_REACHABLE, UPLOADING_FAILED):
                    wanted = before[message] + times
                    wait_for(lambda: said(clocked, message) >= wanted, 20, f"{message}: {times}")  # noqa: B023
                clocked.clock.let_pass(INTERVAL)
            assert said(clocked, NO_URL) > before[NO_URL]
        finally:
            go_directly(clocked, directly=False)
            clocked.cloud.stage.start_works()
        clocked.clock.let_pass(PROBE)
        clocked.arrived(study, 3, seconds=90)
        until_sent(clocked, submitted(clocked, study))
        assert pacs.count() == once(images)


def go_directly(gateway: Clocked, *, directly: bool) -> None:
    """Whether the ultrasound systems' images go to the PACS at once (R44)."""
    with open_in(gateway.data) as database:
        statement = "UPDATE connection SET send_directly = ? WHERE kind = 'ultrasound'"
        database.write(lambda tx: tx.execute(statement, (directly,)))
