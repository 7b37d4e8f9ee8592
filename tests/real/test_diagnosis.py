"""Diagnostics and the test exam on the running programs: real Works, real storage, the gateway's own port."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from smartlink.demo.programs import wait_for
from smartlink.gateway import diagnostics, toolbox
from smartlink.gateway.settings import Deployment
from smartlink.gateway.store.database import open_in

if TYPE_CHECKING:
    from tests.real.world import Gateway

pytestmark = pytest.mark.real

OF_WORKS = (
    "works",
    "credential",
    "storage",
    "clock",
    "contact",
    "receiver",
    "service",
    "licence",
    "spool",
    "catalogue",
)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.proves("R104", "R105")
def test_all_is_well_and_a_test_exam_goes_the_whole_way_and_leaves_nothing(own_gateway: Gateway) -> None:
    gateway = own_gateway
    deployment = Deployment(data=gateway.data, bind="127.0.0.1")
    with open_in(gateway.data) as database, capture_logs():

        def well() -> dict[str, Any] | None:
            with toolbox.diagnosis(deployment, database, now) as checks:
                found = {one.check.name: one.finding for one in diagnostics.run(checks)}
            wrong = {name: found[name] for name in OF_WORKS if found[name].state is not diagnostics.State.OK}
            return None if wrong else found

        wait_for(well, 30, "every check of Works and of the service is well")
        told = toolbox.synthetic_exam(deployment, database, now, 2, timedelta(seconds=60)).told()
        followed = toolbox.journey(deployment, database, now, told["study_instance_uid"])
    assert told["arrived"], told
    assert told["exam"]["folder"] == "unassigned"
    assert told["exam"]["is_test"] is True
    hops = ("kept", "catalogued", "offered", "put", "confirmed", "ingested")
    assert None not in [one[f"{hop}_at"] for one in told["instances"] for hop in hops]
    assert (told["cleaned_up"], told["left"]) == (True, [])
    assert gateway.spool_files() == []
    assert followed["exam"] is None
    assert gateway.journey(told["study_instance_uid"]).stops == ()
    assert list((gateway.data / "incomplete").iterdir()) == []
