"""An exam on its way: Bob's exam at Heart Clinic, the PACS `ARCHIVE`, and the gateway that is told to deliver.

Database, object store and link are real; the gateway is a few lines of HTTP, and the clock is the test's.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from smartlink.link import paths
from smartlink.works.exams import outbox, submission
from smartlink.works.exams.rights import Actor
from tests.works.exams.part10 import dataset
from tests.works.world import Gateway, Place, World

ARCHIVE: dict[str, Any] = {"kind": "pacs", "name": "Archive", "ae_title": "ARCHIVE", "port": 104, "mapping": None}


@dataclass
class Stage:
    """Everybody who takes part."""

    world: World
    place: Place
    gateway: Gateway
    pacs: uuid.UUID
    bob: uuid.UUID
    eve: uuid.UUID
    alice: uuid.UUID

    @property
    def organisation_id(self) -> uuid.UUID:
        """Heart Clinic's."""
        return self.place.organisation_id

    def actor(self, person_id: uuid.UUID | None = None) -> Actor:
        """That person; Bob when nobody is named."""
        return Actor(self.organisation_id, person_id or self.bob)

    def exam(
        self, images: int = 2, *, study: str = "1.2.3", first: int = 1, performing: str = "House^Gregory"
    ) -> uuid.UUID:
        """An exam that has come in, in Bob's Drafts unless another physician is named."""
        for number in range(first, first + images):
            extra = {0x00081050: ("PN", performing.encode()), 0x00200013: ("IS", str(number).encode())}
            sop = f"{study}.4.{number}"
            self.gateway.deliver(dataset(sop, study=study, extra=extra), sop, study_instance_uid=study)
        self.world.ingest()
        (row,) = self.world.rows(self.place, "SELECT id FROM exam WHERE study_instance_uid = :uid", uid=study)
        found: uuid.UUID = row["id"]
        return found

    def add_pacs(self, ae_title: str, *specialties: uuid.UUID) -> uuid.UUID:
        """Another PACS, of the exam's specialty unless others are named."""
        pacs = uuid.uuid4()
        wanted = [str(one) for one in specialties or (self.place.specialty_id,)]
        fields = ARCHIVE | {"name": ae_title, "ae_title": ae_title, "specialty_ids": wanted}
        assert self.gateway.put_connection(pacs, **fields).status_code == 200
        return pacs

    def row(self, table: str, id: uuid.UUID) -> dict[str, Any]:
        """One row as the database has it."""
        (found,) = self.world.rows(self.place, f"SELECT * FROM {table} WHERE id = :id", id=id)
        return found

    def version(self, exam_id: uuid.UUID) -> int:
        """The exam's version as a page would have it."""
        return int(self.row("exam", exam_id)["version"])

    def submit(self, exam_id: uuid.UUID, *, by: uuid.UUID | None = None) -> tuple[uuid.UUID, ...]:
        """Bob, or somebody else, presses Submit; the deliveries."""
        access, now = self.world.access, self.world.now
        return submission.submit(access, self.actor(by), exam_id, self.version(exam_id), now).delivery_ids

    def send(self, *delivery_ids: uuid.UUID, by: uuid.UUID | None = None) -> tuple[outbox.Sent, ...]:
        """Bob, or somebody else, presses Send in the Outbox."""
        return outbox.send_from_outbox(self.world.access, self.actor(by), delivery_ids, self.world.now)

    def state(self, delivery_id: uuid.UUID) -> tuple[str, str | None]:
        """Where a delivery stands, and why."""
        row = self.row("delivery", delivery_id)
        return row["state"], row["reason"]

    def poll(self, wait: int = 0, *, again: bool = False) -> list[dict[str, Any]]:
        """The gateway asks for its commands; `again`: it has started anew."""
        asked = {"wait": wait, "again": again}
        answer = self.world.http.get(paths.COMMANDS, params=asked, headers=self.gateway.headers())
        assert answer.status_code == 200, answer.text
        return list(answer.json()["commands"])

    def acknowledge(self, *commands: dict[str, Any]) -> list[str]:
        """The gateway has written them down."""
        ids = [one["command_id"] for one in commands]
        answer = self.world.http.post(
            paths.COMMANDS_ACKNOWLEDGE, json={"command_ids": ids}, headers=self.gateway.headers()
        )
        assert answer.status_code == 200, answer.text
        return list(answer.json()["command_ids"])

    def take(self) -> list[dict[str, Any]]:
        """Poll and acknowledge; the instances that were ordered."""
        commands = self.poll()
        if commands:
            self.acknowledge(*commands)
        return [one for command in commands for one in command.get("instances", [])]

    def report(self, state: str, *items: dict[str, Any] | str, **fields: Any) -> None:
        """The gateway tells what became of these items."""
        told = [
            {
                "item_id": one if isinstance(one, str) else one["item_id"],
                "state": state,
                "at": self.world.now.isoformat(),
                "attempts": 1,
            }
            | fields
            for one in items
        ]
        answer = self.world.http.post(paths.DELIVERIES_REPORT, json={"items": told}, headers=self.gateway.headers())
        assert answer.status_code == 200, answer.text
        assert set(answer.json()["item_ids"]) == {one["item_id"] for one in told}

    def tickets(self, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The gateway asks for download tickets."""
        ids = [one["item_id"] for one in items]
        answer = self.world.http.post(paths.DOWNLOADS, json={"item_ids": ids}, headers=self.gateway.headers())
        assert answer.status_code == 200, answer.text
        return list(answer.json()["answers"])

    def later(self, **duration: float) -> None:
        """Time passes; the gateway's token is renewed."""
        self.world.now += timedelta(**duration)
        self.gateway.sign_in()


def build(world: World) -> Stage:
    """The curtain rises."""
    place = world.organisation("Heart Clinic")
    gateway = world.gateway(place)
    bob = world.person(place, "Dr. Gregory House", "Gregory", "House")
    eve = world.person(place, "Dr. Eve Egger", "Eve", "Egger")
    alice = world.person(place, "Alice Ames", "Alice", "Ames")
    with world.access.organisation(place.organisation_id) as site:
        site.run("UPDATE membership SET role = 'facility_administrator' WHERE person_id = :alice", alice=alice)
    stage = Stage(world, place, gateway, uuid.UUID(int=0), bob, eve, alice)
    stage.pacs = stage.add_pacs("ARCHIVE")
    return stage


@pytest.fixture
def stage(world: World) -> Stage:
    """A fresh stage."""
    return build(world)
