"""The whole table is made over the wire: against a Works of our own, and our own port."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from smartlink.gateway import build, diagnostics, toolbox
from smartlink.gateway.diagnostics import State
from smartlink.gateway.settings import Deployment
from smartlink.gateway.store import connections
from smartlink.gateway.store.database import open_in
from tests.gateway.fake_works import FakeWorks
from tests.gateway.running import now, started
from tests.gateway.store.examples import a_pacs


@pytest.mark.proves("R104")
def test_a_running_gateway_is_found_well_and_nothing_of_it_changes(works: FakeWorks, tmp_path: Path) -> None:
    deployment = Deployment(data=tmp_path / "data", bind="127.0.0.1", drain_seconds=2)
    with started(deployment, works) as database, capture_logs():
        a_pacs(database, port=1)
        with open_in(deployment.data) as beside, toolbox.diagnosis(deployment, beside, now) as checks:
            found = {one.check.name: one.finding for one in diagnostics.run(checks)}
        for name in (
            "service",
            "licence",
            "receiver",
            "works",
            "credential",
            "storage",
            "catalogue",
            "spool",
            "contact",
        ):
            assert found[name].state is State.OK, (name, found[name])
        assert found["pacs"].value == "broken at: port"
        assert [str(one.ae_title) for one in database.read(connections.live)] == [
            "ARCHIVE"
        ]  # our own echo is no caller
        assert works.objects == {"probe": b"\0"}


def test_storage_without_permission_is_said_to_be_works_fault(works: FakeWorks, tmp_path: Path) -> None:
    deployment = Deployment(data=tmp_path / "data", bind="127.0.0.1", drain_seconds=2)
    works.disturb("/storage-probe", (404, "text/html", b""), times=5)
    with open_in(deployment.data) as database, capture_logs():
        with build.activator(deployment, database, now) as activator:
            activator.activate(works.key, works.url, now())
        with toolbox.diagnosis(deployment, database, now) as checks:
            found = diagnostics.run([one for one in checks if one.name == "storage"])
    assert "no permission" in found[0].finding.value
