"""PACS for the town, and a gateway that does what it is told: what it reports goes the way of real reports."""

import uuid
from datetime import timedelta

from smartlink.link.deliveries import ItemReport, ItemState
from smartlink.works.exams import orders, reports
from smartlink.works.exams.rights import Actor
from smartlink.works.fleet import commands
from smartlink.works.fleet.tokens import Caller
from smartlink.works.store import submissions
from tests.works.web.town import Town

REFUSED_CAUSE = "The PACS refused the image: its Data Set does not match the SOP Class (A900)."
REFUSED_REMEDY = "Ask the PACS administrator to accept Ultrasound Image Storage, then press Retry."
SILENT_CAUSE = "Nothing answers at 10.0.0.9 port 104."
SILENT_REMEDY = "Check that the PACS is running and that no firewall is in the way. It is tried again by itself."


class Harbour:
    """The way out of Lakeside."""

    def __init__(self, town: Town) -> None:
        """Of this town; it has no PACS yet."""
        self.town = town
        self.caller = Caller(town.gateway_id, town.lakeside.facility_id, town.organisation_id)

    def pacs(self, name: str = "Cardiology archive", **columns: object) -> uuid.UUID:
        """A PACS that takes Cardiology; active unless said otherwise."""
        connection_id = uuid.uuid4()
        row: dict[str, object] = {
            "id": connection_id,
            "organisation_id": self.town.organisation_id,
            "facility_id": self.town.lakeside.facility_id,
            "gateway_id": self.town.gateway_id,
            "kind": "pacs",
            "name": name,
            "ae_title": name.upper().replace(" ", "")[:16],
            "ae_norm": name.lower().replace(" ", "")[:16],
            "host": "10.0.0.9",
            "port": 104,
            "specialty_ids": [self.town.lakeside.specialty_id],
            "status": "active",
            "updated_at": self.town.now,
        } | columns
        self.town.run(
            f"INSERT INTO connection ({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})", **row
        )
        return connection_id

    def actor(self, person: uuid.UUID | None = None) -> Actor:
        """Bob, unless somebody else is named."""
        return Actor(self.town.organisation_id, person or self.town.bob)

    def fetch(self) -> None:
        """The gateway fetches its commands and writes them down."""
        town = self.town
        fetched = commands.fetch(town.access, self.caller, town.now)
        orders.take_acknowledgement(town.access, self.caller, [one.command_id for one in fetched.commands], town.now)

    def tell(
        self,
        exam: uuid.UUID,
        state: ItemState = ItemState.SENT,
        *,
        to: str | None = None,
        images: tuple[int, ...] = (),
        attempts: int = 1,
        status: str | None = None,
        cause: str | None = None,
        remedy: str | None = None,
    ) -> None:
        """The gateway reports these images (all of them without any) of what is on its way, to one PACS or to all."""
        town = self.town
        town.wait(seconds=2)
        with town.access.organisation(town.organisation_id) as site:
            heads = {head.id: head for head in submissions.heads(site, exam)}
            views = submissions.item_views(site, exam)
        told = {
            "state": state,
            "at": town.now,
            "attempts": attempts,
            "status": status,
            "cause": cause,
            "remedy": remedy,
        }
        items = [
            ItemReport.model_validate({"item_id": view.item_id} | told)
            for view in views
            if (not images or view.number in images)
            and heads[view.delivery_id].replaced_by is None
            and (to is None or heads[view.delivery_id].connection_name == to)
        ]
        reports.report(town.access, self.caller, items, town.now)

    def give_up(self, exam: uuid.UUID, days: int = 4, *, to: str | None = None, images: tuple[int, ...] = ()) -> None:
        """The PACS did not answer for so many days: what was not sent goes to the Outbox."""
        self.town.now += timedelta(days=days)
        self.tell(
            exam, ItemState.EXHAUSTED, to=to, images=images, attempts=384, cause=SILENT_CAUSE, remedy=SILENT_REMEDY
        )
