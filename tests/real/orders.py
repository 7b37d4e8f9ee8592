"""What the tests of the way to the PACS do and ask: an exam arrives, is submitted, and what is told of it."""

from __future__ import annotations

import re
import uuid
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from typing import TYPE_CHECKING

from smartlink.demo.programs import LOOPBACK, TooLate, wait_for
from smartlink.gateway.connecting import add_pacs
from smartlink.gateway.connections import Changes, Connection
from smartlink.gateway.store import configuration, connections
from smartlink.gateway.store.database import open_in
from smartlink.works.exams.rights import Actor
from smartlink.works.exams.submission import submit, timeline
from tests.real import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smartlink.demo.pages import Pages
    from smartlink.works.exams.submission import DeliveryView
    from tests.real.pacs import Orthanc, Scripted, Storescp
    from tests.real.scu import Instance
    from tests.real.world import Gateway


@dataclass(frozen=True, slots=True)
class Seen:
    """An exam as a person saw it."""

    id: uuid.UUID
    version: int


def connect(gateway: Gateway, pacs: Storescp | Scripted | Orthanc) -> Connection:
    """Add the PACS at the gateway, and wait until Works has it."""
    with open_in(gateway.data) as database:
        facility = database.read(configuration.find)
        assert facility is not None
        wanted = Changes(
            name=f"Archive {pacs.ae_title}",
            ae_title=pacs.ae_title,
            host=LOOPBACK,
            port=pacs.port,
            specialty_ids=(facility.default_specialty_id,),
        )
        added = add_pacs(database, wanted, datetime.now(UTC))

        def known() -> Connection | None:
            found = database.read(lambda tx: connections.find(tx, added.id))
            return found if found is not None and found.is_in_works else None

        return wait_for(known, 30, "Works has the PACS")


def arrive(gateway: Gateway, uid: Callable[[], str], count: int = 3) -> tuple[str, list[Instance]]:
    """A new exam has arrived in Works; return its Study Instance UID and its images."""
    study = uid()
    images = [samples.small(uid(), study) for _ in range(count)]
    with samples.association(gateway.target) as ultrasound:
        assert [ultrasound.store(one) for one in images] == [0] * count
    gateway.arrived(study, count)
    return study, images


def once(images: Sequence[Instance]) -> Counter[str]:
    """What a PACS counts that has each of them once."""
    return Counter(one.sop_instance_uid for one in images)


def actor(gateway: Gateway) -> Actor:
    return Actor(uuid.UUID(gateway.site.organisation_id))


def exam_of(gateway: Gateway, study: str) -> tuple[uuid.UUID, int]:
    """The exam's id and version."""
    with gateway.cloud.access.organisation(actor(gateway).organisation_id) as site:
        found = site.one(Seen, "SELECT id, version FROM exam WHERE study_instance_uid = :uid", uid=study)
    assert found is not None
    return found.id, found.version


def submitted(gateway: Gateway, study: str, to: int = 1) -> uuid.UUID:
    """Submit an exam to so many PACS; return its id."""
    exam, version = exam_of(gateway, study)
    assert len(submit(gateway.cloud.access, actor(gateway), exam, version, datetime.now(UTC)).delivery_ids) == to
    return exam


def deliveries(gateway: Gateway, exam: uuid.UUID) -> tuple[DeliveryView, ...]:
    return timeline(gateway.cloud.access, actor(gateway).organisation_id, exam)


def until_sent(gateway: Gateway, exam: uuid.UUID, count: int = 1) -> None:
    """Wait until Works says of so many deliveries that the PACS has all."""

    def sent() -> bool:
        found = [one.head.state for one in deliveries(gateway, exam)]
        return found.count("delivered") == count

    wait_for(sent, 60, "Works knows that the PACS has the exam")


def states(gateway: Gateway, connection: Connection | None = None) -> Counter[str]:
    """How many deliveries are in each state, to one destination or whatever the destination."""
    with open_in(gateway.data) as database:
        rows = database.read(lambda tx: tx.execute("SELECT destination, state FROM delivery").fetchall())
    return Counter(row["state"] for row in rows if connection is None or row["destination"] == str(connection.id))


def causes(gateway: Gateway, exam: uuid.UUID) -> set[str]:
    """Why its images have not arrived, as the exam's page says."""
    return {item.cause for view in deliveries(gateway, exam) for item in view.items if item.cause}


def until_told(gateway: Gateway, exam: uuid.UUID, word: str) -> None:
    """Wait until Works knows the reason."""

    def told() -> bool:
        return any(word in cause for cause in causes(gateway, exam))

    try:
        wait_for(told, 45, f"Works is told: {word}")
    except TooLate as late:
        raise TooLate(f"{late} It is told: {causes(gateway, exam)}") from late


def shown(pages: Pages, path: str) -> str:
    """The words of a page as a person reads them."""
    page = pages.get(path)
    assert page.is_success, path
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page.text)).split())
