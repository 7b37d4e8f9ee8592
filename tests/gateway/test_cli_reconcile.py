"""Both ends are compared at a terminal, for programs and for people; without Works it says so."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from smartlink.gateway.cli import app
from smartlink.gateway.delivery import State
from smartlink.gateway.store import deliveries, instances
from smartlink.gateway.store.database import Transaction, open_in
from smartlink.gateway.store.deliveries import WORKS
from smartlink.gateway.terminal import now
from tests.gateway.conftest import Command
from tests.gateway.fake_works import FakeWorks
from tests.gateway.store.examples import an_entry, an_ultrasound


def arrived(folder: Path) -> None:
    """An image that Works said to have."""
    with open_in(folder) as database:
        scanner = an_ultrasound(database)

        def write(tx: Transaction) -> None:
            image = instances.add(tx, an_entry(1, origin=scanner.id, at=now()))
            assert image is not None
            deliveries.add(tx, image, WORKS, scanner.id, State.WAITING, now())
            (claim,) = deliveries.claim(tx, WORKS, now(), now(), 1)
            deliveries.accepted(tx, claim, now())

        database.write(write)


def test_what_is_missing_is_told_sent_again_and_kept(command: Command, works: FakeWorks, tmp_path: Path) -> None:
    assert command("reconcile") == {"connections": []}
    arrived(tmp_path / "data")
    assert "Works does not answer" in command("reconcile", code=1)["error"]
    command("activate", works.key, "--works", works.url)
    (report,) = command("reconcile", code=1)["connections"]
    assert report["counts"] == {"missing": 1}
    (report,) = command("reconcile", "--since", "2020-01-01", "--resend", code=1)["connections"]
    assert report["differences"][0]["again"] is True
    assert command("queue")["counts"]["waiting"] == 1
    assert command("reconcile", "--last", code=1)["connections"][0]["sentence"] == report["sentence"]
    told = CliRunner().invoke(app, ["reconcile", "--last", "--data", str(tmp_path / "data")], env={"COLUMNS": "200"})
    assert "1 missing in Works" in told.stdout
    assert "1.2.3.1" in told.stdout
    assert command("reconcile")["connections"][0]["counts"] == {"on_the_way": 1}
