"""The play itself: each hop of an exam's way, begun, watched and told to the board."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from smartlink.demo import archive, ultrasound
from smartlink.demo import exam as sample
from smartlink.demo import journey as way
from smartlink.demo import site as hospital
from smartlink.demo.board import Hop
from smartlink.demo.pages import Pages
from smartlink.demo.programs import LOOPBACK, ProgramFailed, wait_for
from smartlink.demo.stage import prepare_gateway

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from smartlink.demo.board import Board
    from smartlink.demo.exam import SampleExam
    from smartlink.demo.journey import Journey
    from smartlink.demo.site import Site
    from smartlink.demo.stage import Stage

ARRIVE_SECONDS = 120.0
ULTRASOUND = "US01"

MISSPELT = sample.Order(
    patient_name="Navarro Gil^Andrés",
    patient_id="ST-5208",
    birth_date="19640927",
    sex="M",
    accession_number="ST2026-0816",
    performing_physician="Quirgoa^Tomás",
)
"""The second study: nobody is called that, so it waits in Unassigned."""


@dataclass(frozen=True, slots=True)
class Played:
    """What the play leaves behind."""

    site: Site
    exam: SampleExam
    journey: Journey


def play(stage: Stage, board: Board, now: Callable[[], datetime], uid: Callable[[], str]) -> Played:
    """Everything up to the exam in the physician's Drafts and the misspelt one in Unassigned."""
    board.begin(Hop.WORKS, "PostgreSQL, object storage, pages, link")
    stage.start_works()
    board.done(Hop.WORKS, stage.works_url)

    board.begin(Hop.SITE)
    administrator, physicians = hospital.cast()
    stage.secrets += [one.password for one in (administrator, *physicians)]
    site = hospital.make(stage.works, administrator, physicians, tell=lambda what: board.begin(Hop.SITE, what))
    stage.secrets.append(site.licence_key)
    board.done(Hop.SITE, f"{len(site.people)} people can sign in")

    board.begin(Hop.GATEWAY, "with the license key")
    prepare_gateway(stage, site.licence_key)
    board.done(Hop.GATEWAY, f"{stage.dicom.called_ae_title} at {stage.dicom.host}:{stage.dicom.port}")

    add_archive(stage, board, site)

    board.begin(Hop.EXAM)
    exam = sample.write_exam(stage.folder / "exam", uid, now())
    board.done(Hop.EXAM, f"{len(exam.files)} files, the cine has {exam.files[-1].frames} frames")

    journey = _send(stage, board, site, exam, now)
    _send_misspelt(stage, board, site, uid, now)
    return Played(site, exam, journey)


def add_archive(stage: Stage, board: Board, site: Site) -> None:
    """The PACS listens, answers the gateway's test, and Works knows of it."""
    board.begin(Hop.PACS)
    stage.archive.start()
    specialty = site.specialties[0]
    where = ("--ae-title", archive.AE_TITLE, "--host", LOOPBACK, "--port", str(stage.archive.port))

    def added() -> bool:
        # Refused until the gateway has fetched the facility's specialties.
        stage.gateway.must_run()
        return (
            stage.gateway.command("connections", "add", archive.NAME, *where, "--specialty", specialty).returncode == 0
        )

    wait_for(added, ARRIVE_SECONDS, "the gateway knows the specialties", pause=0.5)
    told = stage.gateway.ask("connections", "test", archive.AE_TITLE)
    if not told["succeeded"]:
        raise ProgramFailed("The gateway's test of the stand-in PACS failed.", json.dumps(told, indent=2))
    board.done(Hop.PACS, f"{archive.AE_TITLE} at {LOOPBACK}:{stage.archive.port}, for {specialty}")


def submit(stage: Stage, board: Board, played: Played) -> None:
    """The physician presses Submit, and the PACS holds every image of the exam."""
    physician = played.site.physicians[0]
    board.begin(Hop.STORED, f"{physician.name} presses Submit")
    with Pages(stage.works_url) as pages:
        pages.sign_in(physician)
        address = pages.exam_of("drafts", played.exam.order.family)
        wait_for(lambda: archive.NAME in pages.get(address).text, ARRIVE_SECONDS, "Works knows the PACS", pause=0.2)
        pages.submit(address)
    wanted = len(played.exam.files)

    def stored() -> bool:
        stage.gateway.must_run()
        stage.works.must_run()
        held = len(stage.archive.held())
        board.begin(Hop.STORED, f"{held} of {wanted} in the PACS")
        return held == wanted

    wait_for(stored, ARRIVE_SECONDS, "the PACS has the exam", pause=0.1)
    board.done(Hop.STORED, f"{wanted} of {wanted} in {archive.AE_TITLE}")


def _send(stage: Stage, board: Board, site: Site, exam: SampleExam, now: Callable[[], datetime]) -> Journey:
    """The way of the first exam, told with the moments that the programs themselves recorded."""
    board.begin(Hop.SENT, f"by {ultrasound.sender_name()}")
    began = now()
    ultrasound.send([sent.path for sent in exam.files], stage.dicom, ULTRASOUND)
    board.done(Hop.SENT, f"{len(exam.files)} of {len(exam.files)} on the gateway's disk")
    watch = _Watch(stage, board, site, exam, began)
    journey = wait_for(watch, ARRIVE_SECONDS, "the exam arrives in Works", pause=0.1)
    owner = site.physicians[0].name
    if (journey.folder, journey.owner) != ("drafts", owner):
        raise ProgramFailed(f"The exam is in {journey.folder} of {journey.owner or 'nobody'}, not in {owner}'s Drafts.")
    board.done(Hop.ASSIGNED, f"Drafts of {journey.owner}", seconds=_since(began, journey.assigned_at))
    return journey


@dataclass(frozen=True, slots=True)
class _Watch:
    """Looks where the exam is, tells the board, and returns the journey when it is over."""

    stage: Stage
    board: Board
    site: Site
    exam: SampleExam
    began: datetime

    def __call__(self) -> Journey | None:
        self.stage.gateway.must_run()
        self.stage.works.must_run()
        known = ask_journey(self.stage, self.site, self.exam.study_instance_uid)
        for hop, moment, words in (
            (Hop.UPLOADED, "confirmed", "in object storage"),
            (Hop.INGESTED, "ingested", "recorded in Works"),
        ):
            note = f"{known.count(moment)} of {len(self.exam.files)} {words}"
            if known.count(moment) < len(self.exam.files):
                self.board.begin(hop, note)
                return None
            if hop not in self.board.times():
                self.board.done(hop, note, seconds=_since(self.began, known.last(moment)))
        self.board.begin(Hop.ASSIGNED)
        return known if known.folder else None


def _since(began: datetime, moment: datetime | None) -> float | None:
    """Seconds since the ultrasound began to send, by the programs' own records."""
    return None if moment is None else (moment - began).total_seconds()


def _send_misspelt(stage: Stage, board: Board, site: Site, uid: Callable[[], str], now: Callable[[], datetime]) -> None:
    """One still for a physician whose name is misspelt: it must be in Unassigned, with the reason."""
    board.begin(Hop.UNASSIGNED)
    exam = sample.write_exam(stage.folder / "misspelt", uid, now(), order=MISSPELT, seed=11, frames=0)
    exam = replace(exam, files=exam.files[:1])
    ultrasound.send([sent.path for sent in exam.files], stage.dicom, ULTRASOUND)

    def arrived() -> Journey | None:
        known = ask_journey(stage, site, exam.study_instance_uid)
        return known if known.folder else None

    journey = wait_for(arrived, ARRIVE_SECONDS, "the second exam arrives in Works", pause=0.1)
    if journey.folder != "unassigned":
        raise ProgramFailed(f"The exam with the misspelt name is in {journey.folder}.")
    board.done(Hop.UNASSIGNED, f"reason: {journey.reason}")


def ask_journey(stage: Stage, site: Site, study_instance_uid: str) -> Journey:
    """Where the exam is now; nowhere while Works does not know it."""
    done = stage.works.command("journey", study_instance_uid, "--organisation", site.organisation_id, "--json")
    return way.NOWHERE if done.returncode == 1 else way.read(json.loads(done.stdout))
