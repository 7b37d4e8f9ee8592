"""A worklist on its whole way: DCMTK's server, the gateway, Works, and the exam that it is picked for."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from smartlink.demo.programs import LOOPBACK, free_port, wait_for
from smartlink.works.exams.rights import Actor
from smartlink.works.store import worklists
from smartlink.works.worklist import picking, refreshing
from tests.gateway.dicom.worklist_server import AE_TITLE, NAMES, charset_steps, step, wlmscpfs, write
from tests.real.orders import actor, arrive, exam_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from smartlink.works.store.worklists import ItemRow, ServerRow
    from tests.real.world import Gateway

pytestmark = [pytest.mark.real, pytest.mark.requires("wlmscpfs")]

SECONDS = 20


def add(gateway: Gateway, port: int, specialty: str = "Cardiology") -> None:
    gateway.stage.gateway.ask(
        "connections", "add", "Hospital", "--kind", "worklist", "--ae-title", AE_TITLE, "--host", LOOPBACK,
        "--port", str(port), "--specialty", specialty,
    )  # fmt: skip


def listing(gateway: Gateway) -> list[ItemRow]:
    """The facility's worklist as Works shows it."""
    with gateway.cloud.access.organisation(uuid.UUID(gateway.site.organisation_id)) as site:
        return worklists.listing(site, uuid.UUID(gateway.site.facility_id), None, datetime.now(UTC), most=500)


def server(gateway: Gateway) -> ServerRow | None:
    """How Works knows the server."""
    with gateway.cloud.access.organisation(uuid.UUID(gateway.site.organisation_id)) as site:
        found = worklists.servers(site, uuid.UUID(gateway.site.facility_id), None, datetime.now(UTC))
    return found[0] if found else None


def down(gateway: Gateway) -> ServerRow | None:
    """The server, if Works knows that it fails."""
    found = server(gateway)
    return found if found is not None and found.failing_since is not None else None


def refresh(gateway: Gateway) -> None:
    """A person presses the button."""
    who = Actor(uuid.UUID(gateway.site.organisation_id))
    facility = uuid.UUID(gateway.site.facility_id)
    assert refreshing.refresh(gateway.cloud.access, who, facility, datetime.now(UTC)).gateways == 1


@pytest.mark.proves("R52", "R55", "R58", "A12")
def test_every_name_arrives_in_works_letter_for_letter_and_a_step_is_picked(
    own_gateway: Gateway, tmp_path: Path, uid: Callable[[], str]
) -> None:
    soon = datetime.now(UTC)
    for name, one in charset_steps(soon).items():
        write(tmp_path / AE_TITLE, name, one)
    with wlmscpfs(tmp_path) as port:
        add(own_gateway, port)
        wait_for(lambda: len(listing(own_gateway)) == len(NAMES), SECONDS, "the whole list is in Works")
        found = {one.accession_number: (one.patient_name, one.guessed) for one in listing(own_gateway)}
        assert found == {name[:16]: (text, False) for name, text in NAMES.items()}
        write(tmp_path / AE_TITLE, "zzyx", step(soon))
        refresh(own_gateway)
        wait_for(lambda: len(listing(own_gateway)) == len(NAMES) + 1, SECONDS, "somebody's refresh brought the new one")
    refresh(own_gateway)
    failing = wait_for(lambda: down(own_gateway), SECONDS, "it is down")
    assert (failing.items, failing.fetched_at is not None) == (len(NAMES) + 1, True)
    assert "nothing listens" in (failing.problem or "")
    with wlmscpfs(tmp_path, port):
        refresh(own_gateway)
        wait_for(lambda: not down(own_gateway), SECONDS, "it is back")
    _pick(own_gateway, uid)


def _pick(gateway: Gateway, uid: Callable[[], str]) -> None:
    """The order of the marked patient is picked for an exam, whose new identity Works confirms."""
    study, _ = arrive(gateway, uid, 1)
    exam, version = exam_of(gateway, study)
    (wanted,) = [one for one in listing(gateway) if one.accession_number == "ZZYXACC-1"]
    access, now = gateway.cloud.access, datetime.now(UTC)
    picked = picking.preview(access, actor(gateway), exam, version, wanted.id, now)
    assert {"patient_id", "accession_number", "study_instance_uid"} <= {change.name for change in picked.changes}
    picking.pick(access, actor(gateway), exam, version, wanted.id, now, seen=picked.seen)
    assert exam_of(gateway, study)[1] > version


@pytest.mark.night
@pytest.mark.proves("R52")
def test_a_server_that_was_never_there_is_said_to_be_down_with_its_remedy(own_gateway: Gateway) -> None:
    add(own_gateway, free_port())
    known = wait_for(lambda: down(own_gateway), SECONDS, "it is down")
    assert (known.fetched_at, known.items) == (None, 0)
    assert "worklist server" in (known.remedy or "")
