"""Both ends compared on the real programs: what Works and Orthanc have lost is found, told and sent again."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from smartlink.demo.programs import wait_for
from smartlink.works.exams import deletion
from smartlink.works.exams.submission import submit
from tests.real.orders import actor, arrive, connect, exam_of, once, submitted, until_sent
from tests.real.pacs import Orthanc, Storescp

if TYPE_CHECKING:
    from pathlib import Path

    from tests.real.scu import Instance
    from tests.real.world import Gateway

pytestmark = pytest.mark.real


def reconcile(gateway: Gateway, *options: str) -> dict[str, dict[str, Any]]:
    """`smartlink reconcile` beside the running service; the reports by AE title."""
    told = json.loads(gateway.stage.gateway.command("reconcile", "--json", *options).stdout)
    return {one["ae_title"]: one for one in told["connections"]}


def lose(pacs: Orthanc, sop_instance_uid: str) -> None:
    """Somebody deletes an image at the PACS."""
    server = f"http://127.0.0.1:{pacs.web_port}"
    found = {
        one["MainDicomTags"]["SOPInstanceUID"]: one["ID"]
        for one in httpx.get(f"{server}/instances", params={"expand": ""}, timeout=10).json()
    }
    assert httpx.delete(f"{server}/instances/{found[sop_instance_uid]}", timeout=10).is_success


def forget(gateway: Gateway, sop_instance_uid: str) -> None:
    """Works' database is one from before this image came."""
    organisation = uuid.UUID(gateway.site.organisation_id)
    with gateway.cloud.access.organisation(organisation) as site:
        site.run(
            "DELETE FROM delivery_instance n USING instance i WHERE i.id = n.instance_id AND i.sop_instance_uid = :uid",
            uid=sop_instance_uid,
        )
        site.run("DELETE FROM instance WHERE sop_instance_uid = :uid", uid=sop_instance_uid)
        site.run("DELETE FROM upload WHERE sop_instance_uid = :uid", uid=sop_instance_uid)


def has(pacs: Orthanc, images: list[Instance]) -> Callable[[], bool]:
    return lambda: pacs.count() == once(images)


@pytest.mark.requires("Orthanc")
def test_what_orthanc_and_works_have_lost_is_found_and_sent_again(
    own_gateway: Gateway, uid: Callable[[], str], tmp_path: Path
) -> None:
    with Orthanc(tmp_path / "pacs") as pacs:
        connect(own_gateway, pacs.up(DicomAlwaysAllowFind=True))
        study, images = arrive(own_gateway, uid)
        exam = submitted(own_gateway, study)
        until_sent(own_gateway, exam)
        told = reconcile(own_gateway)
        assert told["ARCHIVE"]["sentence"].endswith("3 images sent, and the PACS has all of them.")
        assert all(not one["differences"] for one in told.values())
        lose(pacs, images[0].sop_instance_uid)
        forget(own_gateway, images[1].sop_instance_uid)
        told = reconcile(own_gateway)
        scanner = next(one for one in told.values() if one["kind"] == "ultrasound")
        assert [one["sop_instance_uid"] for one in told["ARCHIVE"]["differences"]] == [images[0].sop_instance_uid]
        assert [one["sop_instance_uid"] for one in scanner["differences"]] == [images[1].sop_instance_uid]
        assert pacs.count() == once(images[1:]), "nothing is sent by asking"
        told = reconcile(own_gateway, "--resend")
        assert told["ARCHIVE"]["differences"][0]["again"] is True
        wait_for(has(pacs, images), 60, "Orthanc has what it had lost")
        own_gateway.arrived(study, len(images))
        until_sent(own_gateway, exam, 2)
        assert all(not one["differences"] for one in reconcile(own_gateway).values())


@pytest.mark.night
@pytest.mark.requires("storescp", "Orthanc")
def test_a_pacs_that_answers_no_queries_is_told_as_such(
    own_gateway: Gateway, uid: Callable[[], str], tmp_path: Path
) -> None:
    with Storescp(tmp_path / "pacs") as pacs:
        connect(own_gateway, pacs.up())
        study, _ = arrive(own_gateway, uid)
        until_sent(own_gateway, submitted(own_gateway, study))
        told = reconcile(own_gateway)["ARCHIVE"]
        assert "what became of them is not known" in told["sentence"]
        assert "does not answer queries" in told["problem"]
        with Orthanc(tmp_path / "unwilling", ae_title="UNWILLING") as unwilling:
            connect(own_gateway, unwilling.up())
            exam, _ = exam_of(own_gateway, study)
            submit(
                own_gateway.cloud.access, actor(own_gateway), exam, exam_of(own_gateway, study)[1], datetime.now(UTC)
            )
            until_sent(own_gateway, exam, 2)
            assert "instead of answering a query" in reconcile(own_gateway)["UNWILLING"]["problem"]


@pytest.mark.night
@pytest.mark.requires("Orthanc")
def test_what_was_deleted_in_works_stays_away_whatever_is_sent_again(
    own_gateway: Gateway, uid: Callable[[], str], tmp_path: Path
) -> None:
    with Orthanc(tmp_path / "pacs") as pacs:
        connect(own_gateway, pacs.up(DicomAlwaysAllowFind=True))
        study, images = arrive(own_gateway, uid)
        until_sent(own_gateway, submitted(own_gateway, study))
        lose(pacs, images[0].sop_instance_uid)
        access, now = own_gateway.cloud.access, datetime.now(UTC)
        deletion.delete_exam(access, actor(own_gateway), exam_of(own_gateway, study)[0], "Wrong patient", now)
        told = reconcile(own_gateway, "--resend")
        scanner = next(one for one in told.values() if one["kind"] == "ultrasound")
        assert (scanner["counts"], scanner["differences"]) == ({"deleted": 3}, [])
        assert told["ARCHIVE"]["differences"][0]["again"] is False
        assert pacs.count() == once(images[1:])
