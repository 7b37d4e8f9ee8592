"""The parts list of the tools beside the running service: diagnostics, the journey of an exam, the synthetic exam."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from smartlink.gateway import checks, checks_of_peers, exam_journey, synthetic, worklists
from smartlink.gateway.accounts import Accounts
from smartlink.gateway.build import works_client
from smartlink.gateway.calling import SendLimits
from smartlink.gateway.checks import Here
from smartlink.gateway.checks_of_peers import Way
from smartlink.gateway.dicom.storage_scu import outgoing, store
from smartlink.gateway.dicom.synthetic import study_uid, write_exam
from smartlink.gateway.dicom.trial_run import try_out
from smartlink.gateway.dicom.verification_scu import echo
from smartlink.gateway.dicom.worklist_scu import find
from smartlink.gateway.dicom.worklist_trial import try_out_worklist
from smartlink.gateway.errors import GiveUp, TryAgain
from smartlink.gateway.service import Standing
from smartlink.gateway.store.spool import Spool
from smartlink.gateway.synthetic import Around, Run
from smartlink.gateway.uplink import probe
from smartlink.gateway.uplink.http import new_client
from smartlink.gateway.uplink.works import WorksClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from smartlink.gateway.calling import Outcome, Peer
    from smartlink.gateway.diagnostics import Check
    from smartlink.gateway.loop import Clock
    from smartlink.gateway.settings import Deployment
    from smartlink.gateway.store.database import Database
    from smartlink.gateway.trial import Trial
    from smartlink.gateway.uplink.http import Client
    from smartlink.gateway.worklist import Asked as WorklistAsked
    from smartlink.gateway.worklist import Query

IMPATIENT: Final = SendLimits(
    connect_seconds=5.0, associate_seconds=10.0, response_seconds=10.0, idle_seconds=10.0, stop_seconds=1.0
)
"""Diagnostics wait less long for a peer than deliveries do."""
_LOOK_SECONDS: Final = 0.25


@contextmanager
def diagnosis(deployment: Deployment, database: Database, now: Clock) -> Iterator[list[Check]]:
    """Yield the whole table of checks; they can be made while the context lasts."""
    spool = Spool(deployment.data / "spool", deployment.data / "incomplete")
    here = Here(deployment, database, spool, now())
    with new_client(proxy=deployment.proxy) as http:
        works = WorksClient(http, Accounts(deployment, Standing(database)), now)
        tools = worklist_tools(deployment, database, now)
        url = str(here.status["licence"].get("works_url") or "")
        asked = Asked(deployment, http, works, url, now, lambda query: worklists.question(tools, query)[1])
        yield [*checks.checks(here), *checks_of_peers.checks(here, asked)]


def worklist_tools(deployment: Deployment, database: Database, now: Clock) -> worklists.Tools:
    """Return what a command needs to ask a worklist server beside the running service."""
    standing = Standing(database)
    return worklists.Tools(database, find, now, lambda: worklists.rules_of(standing.settings), deployment.send_limits)


def journey(deployment: Deployment, database: Database, now: Clock, exam: str) -> dict[str, Any]:
    """Return the journey of an exam, as far as the catalogue and Works know it."""
    with works_client(deployment, database, now) as works:
        return exam_journey.journey(database, works, exam)


def synthetic_exam(deployment: Deployment, database: Database, now: Clock, images: int, patience: timedelta) -> Run:
    """Send a synthetic exam to our own port and follow it until Works has it. Raises Refused."""
    at = now()
    study = study_uid(at)
    spool = Spool(deployment.data / "spool", deployment.data / "incomplete")
    with TemporaryDirectory(prefix="smartlink-test-") as folder, works_client(deployment, database, now) as works:
        items = [outgoing(number, path) for number, path in enumerate(write_exam(Path(folder), study, at, images), 1)]

        def send(peer: Peer, tell: Callable[[Outcome], None]) -> None:
            store(peer, items, IMPATIENT, tell)

        around = Around(
            database, spool, works, now, deployment.data, deployment.bind, lambda: time.sleep(_LOOK_SECONDS)
        )
        return synthetic.run(around, study, images, send, patience)


@dataclass(frozen=True, slots=True)
class Asked:
    """The peers, asked over the wire."""

    deployment: Deployment
    http: Client
    client: WorksClient
    works_url: str
    now: Clock
    question: Callable[[Query], WorklistAsked]
    """What a worklist server is asked now."""

    def works(self) -> Way:
        """See `Peers`."""
        return probe.walk(self.http, self.works_url, self.deployment.proxy, self.now)

    def credential(self) -> None:
        """See `Peers`."""
        self.client.configuration(None)

    def storage(self) -> Way:
        """See `Peers`."""
        try:
            permitted = self.client.storage_probe()
        except (TryAgain, GiveUp) as error:
            return Way("no permission", f"Works gives no permission to try it: {error}", "See the check of Works.")
        return probe.put_a_byte(self.http, permitted, self.deployment.proxy)

    def pacs(self, peer: Peer) -> Trial:
        """See `Peers`."""
        return try_out(peer, IMPATIENT)

    def worklist(self, peer: Peer, query: Query) -> Trial:
        """See `Peers`."""
        return try_out_worklist(peer, self.question(query), IMPATIENT)

    def echo(self, peer: Peer) -> float:
        """See `Peers`."""
        return echo(peer, IMPATIENT)
