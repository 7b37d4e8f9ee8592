"""A cloud and its gateways as real processes, and what a test asks of them."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from smartlink.demo import journey as way
from smartlink.demo import site as hospital
from smartlink.demo.exam import Order
from smartlink.demo.programs import LOOPBACK, free_port, wait_for
from smartlink.demo.site import Site
from smartlink.demo.stage import RECEIVER, Stage, gateway_program, prepare_gateway, works_program
from smartlink.demo.ultrasound import Target
from smartlink.gateway.status import queue_of, status_of
from smartlink.gateway.store.database import open_in
from smartlink.works.exams.journey import of_study
from smartlink.works.fleet import licence_keys
from smartlink.works.people import directory
from smartlink.works.people.passwords import Passwords

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from smartlink.demo.journey import Journey
    from smartlink.demo.site import Person
    from smartlink.works.access import Access
    from smartlink.works.blobs.s3 import S3Blobs

ARRIVE_SECONDS = 60.0

MARKER = Order(
    patient_name="Zzyxpatient^Marker",
    patient_id="ZZYXID-90210",
    birth_date="19010203",
    accession_number="ZZYXACC-777",
    performing_physician="Ferrer^Lucía",
)
"""Whose words must be in no log: every exam of these tests is hers."""

FORBIDDEN_IN_LOGS = ("Zzyxpatient", "ZZYXPATIENT", "ZZYXID", "19010203", "ZZYXACC", "Marker")


def misspelt() -> Order:
    """The same patient, performed by nobody we know."""
    return replace(MARKER, performing_physician="Ferer^Lucia")


@dataclass(slots=True)
class Cloud:
    """Works as a process; each gateway of a test belongs to an organisation of its own."""

    stage: Stage
    access: Access
    blobs: S3Blobs
    watch: Callable[[int], None]
    """Told of every process, so that it ends with the run however the run ends."""
    organisations: int = 0

    def organisation(self) -> Site:
        """A new organisation with a facility, people and a licence key, made by the functions behind the commands."""
        self.organisations += 1
        domain = f"site{self.organisations}.example"
        administrator, physicians = hospital.cast(domain)
        site = _found(self.access, f"Organisation {self.organisations}", administrator, physicians)
        self.stage.secrets += [site.licence_key, *(one.password for one in site.people)]
        return site

    def gateway(self, folder: Path) -> Gateway:
        """A gateway of a new organisation: nothing of it runs yet."""
        folder.mkdir(parents=True, exist_ok=True)
        target = Target(LOOPBACK, free_port(), RECEIVER)
        program = gateway_program(folder, self.stage.works_url)
        program.told = self.watch
        return Gateway(
            Stage(folder, self.stage.works, program, self.stage.works_url, target), self.organisation(), self
        )

    def object(self, key: str) -> bytes:
        """An object's bytes."""
        with self.blobs.open(key) as stream:
            return b"".join(iter(lambda: stream.read(1 << 20), b""))

    def size(self, key: str) -> int:
        """An object's length in bytes."""
        known = self.blobs.head(key)
        return 0 if known is None else known.size

    def objects_of(self, journey: Journey) -> dict[str, bytes]:
        """SOP Instance UID to stored object, for all of an exam."""
        return {stop.sop_instance_uid: self.object(stop.object_key) for stop in journey.stops}

    def logs(self) -> str:
        """Everything that Works wrote."""
        return _texts(self.stage.folder)


@dataclass(slots=True)
class Gateway:
    """One gateway with its own data folder and DICOM port, and the organisation in which its exams arrive."""

    stage: Stage
    site: Site
    cloud: Cloud

    @property
    def target(self) -> Target:
        """Where to send."""
        return self.stage.dicom

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.stage.folder / "gateway"

    def open(self) -> None:
        """Started, activated, and listening."""
        prepare_gateway(self.stage, self.site.licence_key)

    def journey(self, study_instance_uid: str) -> Journey:
        """Where an exam is now: what `works journey` prints, without a process for each look."""
        with self.cloud.access.organisation(uuid.UUID(self.site.organisation_id)) as site:
            found = of_study(site, study_instance_uid)
        return way.read(found.as_json()) if found.known else way.NOWHERE

    def arrived(self, study_instance_uid: str, instances: int, seconds: float = ARRIVE_SECONDS) -> Journey:
        """The journey once that many instances are recorded and the exam is in a folder."""

        def here() -> Journey | None:
            known = self.journey(study_instance_uid)
            return known if known.count("ingested") >= instances and known.folder else None

        return wait_for(here, seconds, f"{instances} instances are recorded in Works")

    def forgo_pictures(self) -> None:
        """No pictures are made of what has none yet: a test that counts instances does not keep Works busy."""
        with self.cloud.access.organisation(uuid.UUID(self.site.organisation_id)) as site:
            site.run("UPDATE instance SET preview_state = 'no_pixels' WHERE preview_state = 'waiting'")

    def queue(self) -> dict[str, Any]:
        """What `smartlink queue` prints, without a process for each look."""
        with open_in(self.data) as database:
            return queue_of(database, None, 100)

    def nothing_is_waiting(self) -> bool:
        """Whether everything that was taken in has come to its end."""
        told = self.queue()
        return told["total"] > 0 and not any(told["counts"][state] for state in ("held", "waiting", "sending"))

    def unreadable(self) -> int:
        """How many instances it lists as unreadable."""
        return len(self.queue()["unreadable"])

    def link_problem(self) -> str | None:
        """What is wrong with the way to Works, if anything."""
        with open_in(self.data) as database:
            problem: str | None = status_of(database, self.data, datetime.now(UTC))["works"]["problem"]
        return problem

    def spool_files(self) -> list[Path]:
        """The files in the spool."""
        return sorted(path for path in (self.data / "spool").rglob("*") if path.is_file())

    def logs(self) -> str:
        """Everything that it wrote: standard output and log files."""
        return _texts(self.stage.folder)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log lines of an event."""
        lines = (line for line in self.logs().splitlines() if line.startswith("{"))
        return [told for line in lines if (told := json.loads(line)).get("event") == event]


def make_cloud(
    folder: Path, settings: dict[str, str], access: Access, blobs: S3Blobs, watch: Callable[[int], None]
) -> Cloud:
    """Works started with these settings; nobody is in it yet."""
    folder.mkdir(parents=True, exist_ok=True)
    works, url = works_program(folder, settings)
    works.told = watch
    unused = Target(LOOPBACK, 0, RECEIVER)
    stage = Stage(folder, works, gateway_program(folder, url), url, unused)
    stage.start_works()
    return Cloud(stage, access, blobs, watch)


def _found(access: Access, name: str, administrator: Person, physicians: tuple[Person, ...]) -> Site:
    now = datetime.now(UTC)
    organisation = directory.create_organisation(access, name, now)
    with access.organisation(organisation) as site:
        facility = directory.create_facility(site, f"{name}, main house", "Europe/Madrid", now)
        directory.create_specialty(site, facility, "Cardiology", now, default=True)
        for one in (administrator, *physicians):
            new = directory.NewPerson(
                one.email, one.password, one.given_name, one.family_name, one.role, facility_id=facility
            )
            directory.create_person(site, Passwords(), new, now)
        key = licence_keys.create(site, facility, by=None, now=now).key
    return Site(str(organisation), str(facility), key, administrator, physicians)


def _texts(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".log", ".txt", ".jsonl"})
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
