"""A cloud and its gateways as real processes, and what a test asks of them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from smartlink.demo import journey as way
from smartlink.demo import site as hospital
from smartlink.demo.exam import Order
from smartlink.demo.programs import LOOPBACK, free_port, wait_for
from smartlink.demo.stage import RECEIVER, Stage, gateway_program, prepare_gateway, works_program
from smartlink.demo.ultrasound import Target

if TYPE_CHECKING:
    from pathlib import Path

    from smartlink.demo.journey import Journey
    from smartlink.demo.site import Site
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
    """Works as a process, with one organisation in it."""

    stage: Stage
    site: Site
    blobs: S3Blobs
    gateways: list[Gateway] = field(default_factory=list)

    def gateway(self, folder: Path) -> Gateway:
        """A further gateway: nothing of it runs yet."""
        folder.mkdir(parents=True, exist_ok=True)
        target = Target(LOOPBACK, free_port(), RECEIVER)
        program = gateway_program(folder, self.stage.works_url)
        made = Gateway(Stage(folder, self.stage.works, program, self.stage.works_url, target))
        self.gateways.append(made)
        return made

    def licence_key(self) -> str:
        """A new licence key, of a facility of its own: a second key of one facility ends the first."""
        of = ("--organisation", self.site.organisation_id)
        facility = str(self.stage.works.ask("create-facility", f"Facility {len(self.gateways)}", *of)["id"])
        within = (*of, "--facility", facility)
        key = str(self.stage.works.ask("create-licence-key", *within)["key"])
        self.stage.secrets.append(key)
        return key

    def journey(self, study_instance_uid: str) -> Journey:
        """Where an exam is now."""
        within = ("--organisation", self.site.organisation_id)
        done = self.stage.works.command("journey", study_instance_uid, *within, "--json")
        return way.NOWHERE if done.returncode == 1 else way.read(json.loads(done.stdout))

    def arrived(self, study_instance_uid: str, instances: int, seconds: float = ARRIVE_SECONDS) -> Journey:
        """The journey once that many instances are recorded and the exam is in a folder."""

        def here() -> Journey | None:
            known = self.journey(study_instance_uid)
            return known if known.count("ingested") >= instances and known.folder else None

        return wait_for(here, seconds, f"{instances} instances are recorded in Works", pause=0.2)

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
    """One gateway with its own data folder and DICOM port."""

    stage: Stage

    @property
    def target(self) -> Target:
        """Where to send."""
        return self.stage.dicom

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.stage.folder / "gateway"

    def open(self, licence_key: str) -> None:
        """Started, activated, and listening."""
        prepare_gateway(self.stage, licence_key)

    def queue(self) -> Any:
        """What `smartlink queue` says."""
        return self.stage.gateway.ask("queue")

    def nothing_is_waiting(self) -> bool:
        """Whether everything that was taken in has come to its end."""
        told = self.queue()
        return told["total"] > 0 and not any(told["counts"][state] for state in ("held", "waiting", "sending"))

    def unreadable(self) -> int:
        """How many instances it lists as unreadable."""
        return len(self.queue()["unreadable"])

    def link_problem(self) -> str | None:
        """What is wrong with the way to Works, if anything."""
        problem: str | None = self.stage.status()["works"]["problem"]
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


def make_cloud(folder: Path, settings: dict[str, str], blobs: S3Blobs) -> Cloud:
    """Works started with these settings, and a site in it."""
    folder.mkdir(parents=True, exist_ok=True)
    works, url = works_program(folder, settings)
    unused = Target(LOOPBACK, 0, RECEIVER)
    stage = Stage(folder, works, gateway_program(folder, url), url, unused)
    stage.start_works()
    administrator, physicians = hospital.cast()
    stage.secrets += [one.password for one in (administrator, *physicians)]
    return Cloud(stage, hospital.make(works, administrator, physicians), blobs)


def _texts(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.suffix in {".log", ".txt", ".jsonl"})
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
