"""The cast of the link's tests: organisations with a facility and people, and gateways that speak the contract.

Database and object store are real; the gateways are a few lines of HTTP, so that the tests can misbehave.
"""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx

from smartlink.link import assertion, paths
from smartlink.works.access import Access, Site
from smartlink.works.api.app import create_link_api
from smartlink.works.api.link import LinkParts
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.exams.downloads import Tickets
from smartlink.works.exams.intake import Intake
from smartlink.works.exams.uploads import Uploads
from smartlink.works.fleet import licence_keys
from smartlink.works.store.listen import Listener
from tests.works.exams.part10 import EXPLICIT, US_IMAGE, part10, sha256
from tests.works.serving import serving

WORKS = "http://works.test"
AUDIENCE = WORKS + paths.TOKEN
START = datetime(2026, 1, 31, 9, 0, tzinfo=UTC)
IDEMPOTENT = {paths.IDEMPOTENCY_HEADER: "k-1"}
VERSIONED = {paths.VERSION_HEADER: "1"}


@dataclass
class Later:
    """Remembers what was deferred, in place of the queue."""

    ingests: list[tuple[uuid.UUID, tuple[uuid.UUID, ...]]] = field(default_factory=list)
    previews: list[uuid.UUID] = field(default_factory=list)
    compares: list[tuple[uuid.UUID, uuid.UUID]] = field(default_factory=list)
    digests: list[tuple[uuid.UUID, uuid.UUID]] = field(default_factory=list)
    verifications: list[tuple[uuid.UUID, uuid.UUID]] = field(default_factory=list)
    looks: list[tuple[uuid.UUID, uuid.UUID, datetime]] = field(default_factory=list)

    def ingest(self, site: Site, upload_ids: Sequence[uuid.UUID]) -> None:
        """Remember a batch."""
        self.ingests.append((site.organisation_id, tuple(upload_ids)))

    def verify(self, site: Site, upload_id: uuid.UUID) -> None:
        """Remember an object to be read."""
        self.verifications.append((site.organisation_id, upload_id))

    def abandon(self, site: Site, upload_id: uuid.UUID, at: datetime) -> None:
        """Remember when to look whether an upload was given up."""
        self.looks.append((site.organisation_id, upload_id, at))

    def digest(self, site: Site, facility_id: uuid.UUID) -> None:
        """Remember a facility whose digest is due."""
        self.digests.append((site.organisation_id, facility_id))

    def preview(self, site: Site, instance_id: uuid.UUID) -> None:  # noqa: ARG002 - the port's signature
        """Remember an instance."""
        self.previews.append(instance_id)

    def compare(self, site: Site, upload_id: uuid.UUID) -> None:
        """Remember an upload."""
        self.compares.append((site.organisation_id, upload_id))


@dataclass(frozen=True)
class Place:
    """An organisation with one facility and its specialties."""

    organisation_id: uuid.UUID
    facility_id: uuid.UUID
    specialty_id: uuid.UUID
    other_specialty_id: uuid.UUID


@dataclass
class World:
    """Works with its link, a clock that tests turn, and everybody in it."""

    access: Access
    blobs: S3Blobs
    http: httpx.Client = field(default_factory=httpx.Client)
    now: datetime = START
    later: Later = field(default_factory=Later)
    healthy: bool = True
    listener: Listener = field(default_factory=lambda: Listener(""))
    """Wakes nobody before the test gives one that was started."""

    def __post_init__(self) -> None:
        """Build the link over the real parts."""
        self.uploads = Uploads(self.access, self.blobs, self.later, self.clock)
        self.intake = Intake(self.access, self.blobs, self.later, self.clock)
        self.parts = LinkParts(
            self.access,
            self.uploads,
            Tickets(self.access, self.blobs),
            self.listener,
            self.clock,
            frozenset({AUDIENCE}),
            healthy=lambda: self.healthy,
            digests=self.later,
        )

    def clock(self) -> datetime:
        """The time as the test has it."""
        return self.now

    def wait(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)

    def organisation(self, name: str) -> Place:
        """A new organisation with a facility and two specialties."""
        place = Place(uuid.uuid4(), uuid.uuid4(), uuid.uuid4(), uuid.uuid4())
        with self.access.organisation(place.organisation_id) as site:
            site.run(
                "INSERT INTO organisation (id, name, created_at) VALUES (:id, :name, :now)",
                id=place.organisation_id,
                name=name,
                now=self.now,
            )
            self._facility(site, place)
        return place

    def second_facility(self, place: Place) -> Place:
        """Another facility of the same organisation."""
        other = Place(place.organisation_id, uuid.uuid4(), uuid.uuid4(), uuid.uuid4())
        with self.access.organisation(place.organisation_id) as site:
            self._facility(site, other)
        return other

    def person(
        self,
        place: Place,
        display: str,
        given: str,
        family: str,
        *,
        status: str = "active",
        specialties: Sequence[uuid.UUID] = (),
        registered: Sequence[str] = (),
    ) -> uuid.UUID:
        """A physician of the facility."""
        person_id = uuid.uuid4()
        with self.access.organisation(place.organisation_id) as site:
            site.run(
                "INSERT INTO membership (id, organisation_id, person_id, facility_id, role, specialty_ids, created_at)"
                " VALUES (:id, :organisation, :person, :facility, 'physician', :specialties, :now)",
                id=uuid.uuid4(),
                organisation=place.organisation_id,
                person=person_id,
                facility=place.facility_id,
                specialties=list(specialties),
                now=self.now,
            )
            site.run(
                "INSERT INTO person (id, email, display_name, given_name, family_name, password_hash, status,"
                " created_at) VALUES (:id, :email, :display, :given, :family, '-', :status, :now)",
                id=person_id,
                email=f"{person_id.hex}@example.org",
                display=display,
                given=given,
                family=family,
                status=status,
                now=self.now,
            )
            for value in registered:
                site.run(
                    "INSERT INTO person_dicom_identity (id, organisation_id, person_id, facility_id, kind,"
                    " value_normalised) VALUES (:id, :organisation, :person, :facility, 'name', :value)",
                    id=uuid.uuid4(),
                    organisation=place.organisation_id,
                    person=person_id,
                    facility=place.facility_id,
                    value=value,
                )
        return person_id

    def key(self, place: Place) -> str:
        """A new licence key of the facility."""
        with self.access.organisation(place.organisation_id) as site:
            return licence_keys.create(site, place.facility_id, by=None, now=self.now).key

    def gateway(self, place: Place, *, ae_title: str = "US01") -> "Gateway":
        """An activated gateway with one ultrasound system."""
        gateway = Gateway(self, place)
        assert gateway.activate(self.key(place)).status_code == 200
        gateway.add_connection(ae_title)
        return gateway

    def ingest(self) -> None:
        """Do what was deferred."""
        while self.later.verifications:
            self.uploads.parts.verify(*self.later.verifications.pop(0))
        while self.later.ingests:
            self.intake.ingest(*self.later.ingests.pop(0))

    def rows(self, place: Place, query: str, **values: object) -> list[dict[str, Any]]:
        """What the organisation's database says."""
        with self.access.organisation(place.organisation_id) as site:
            return site.many(dict, query, **values)

    def exams(self, place: Place) -> list[dict[str, Any]]:
        """The exams of an organisation."""
        return self.rows(place, "SELECT * FROM exam ORDER BY created_at, study_instance_uid")

    def _facility(self, site: Site, place: Place) -> None:
        site.run(
            "INSERT INTO facility (id, organisation_id, name, time_zone, default_specialty_id, created_at)"
            " VALUES (:id, :organisation, 'Lakeside', 'Europe/Madrid', :specialty, :now)",
            id=place.facility_id,
            organisation=place.organisation_id,
            specialty=place.specialty_id,
            now=self.now,
        )
        for name, specialty in (("Cardiology", place.specialty_id), ("Radiology", place.other_specialty_id)):
            site.run(
                "INSERT INTO specialty (id, organisation_id, facility_id, name, updated_at)"
                " VALUES (:id, :organisation, :facility, :name, :now)",
                id=specialty,
                organisation=place.organisation_id,
                facility=place.facility_id,
                name=name,
                now=self.now,
            )


class Gateway:
    """A gateway as the contract sees it: it says what a test wants it to say."""

    def __init__(self, world: World, place: Place) -> None:
        """Not yet activated."""
        self.world = world
        self.place = place
        self.installation_id = uuid.uuid4()
        self.key = assertion.generate_key()
        self.id = uuid.UUID(int=0)
        self.token = ""
        self.connection_id = uuid.uuid4()

    def activate(self, licence_key: str) -> httpx.Response:
        """Present a licence key."""
        answer = self.world.http.post(
            paths.ACTIVATE,
            json={
                "licence_key": licence_key,
                "installation_id": str(self.installation_id),
                "public_key": assertion.public_text(self.key),
                "version": "0.1.0",
                "host": "Debian",
            },
        )
        if answer.status_code == 200:
            self.id = uuid.UUID(answer.json()["gateway_id"])
            self.sign_in()
        return answer

    def assertion(self, *, audience: str = AUDIENCE, at: datetime | None = None) -> str:
        """A fresh assertion."""
        return assertion.sign(self.key, self.id, audience, at or self.world.now)

    def ask_token(self, text: str) -> httpx.Response:
        """Exchange an assertion."""
        return self.world.http.post(paths.TOKEN, json={"assertion": text})

    def sign_in(self) -> None:
        """Get a token."""
        answer = self.ask_token(self.assertion())
        assert answer.status_code == 200, answer.text
        self.token = answer.json()["access_token"]

    def headers(self) -> dict[str, str]:
        """What an authenticated write carries."""
        return {"Authorization": f"Bearer {self.token}", **IDEMPOTENT}

    def put_connection(self, connection_id: uuid.UUID, **fields: object) -> httpx.Response:
        """Add or change a connection."""
        body = {
            "kind": "ultrasound",
            "name": "Room 1",
            "ae_title": "US01",
            "host": "10.0.0.7",
            "specialty_ids": [str(self.place.specialty_id)],
            "mapping": "performing_physician",
        } | fields
        return self.world.http.put(
            paths.CONNECTION.format(connection_id=connection_id), json=body, headers=self.headers()
        )

    def add_connection(self, ae_title: str) -> None:
        """Add the ultrasound system that everything comes from."""
        answer = self.put_connection(self.connection_id, ae_title=ae_title, name=ae_title)
        assert answer.status_code == 200, answer.text
        self.connection_id = uuid.UUID(answer.json()["id"])

    def delete_connection(self, connection_id: uuid.UUID) -> httpx.Response:
        """Delete a connection."""
        return self.world.http.delete(paths.CONNECTION.format(connection_id=connection_id), headers=self.headers())

    def beat(self, **queue: int) -> httpx.Response:
        """Give a sign of life."""
        body = {
            "version": "0.1.1",
            "started_at": START.isoformat(),
            "sent_at": self.world.now.isoformat(),
            "receiver_open": True,
            "queue": queue,
            "disk": {"free": 10, "total": 20, "reserve": 5},
        }
        return self.world.http.post(paths.HEARTBEAT, json=body, headers=self.headers())

    def offer(self, *instances: dict[str, Any]) -> list[dict[str, Any]]:
        """Offer instances; the answers."""
        answer = self.world.http.post(paths.UPLOADS_OFFER, json={"instances": list(instances)}, headers=self.headers())
        assert answer.status_code == 200, answer.text
        return list(answer.json()["answers"])

    def confirm(self, *upload_ids: str) -> list[dict[str, Any]]:
        """Confirm uploads; the outcomes."""
        answer = self.world.http.post(
            paths.UPLOADS_CONFIRM, json={"upload_ids": list(upload_ids)}, headers=self.headers()
        )
        assert answer.status_code == 200, answer.text
        return list(answer.json()["answers"])

    def parts(self, upload_id: str, *parts: dict[str, Any]) -> httpx.Response:
        """Ask for tickets for parts."""
        body = {"upload_id": upload_id, "parts": list(parts)}
        return self.world.http.post(paths.UPLOADS_PARTS, json=body, headers=self.headers())

    def offered(self, content: bytes, body: bytes, sop: str, **fields: object) -> dict[str, Any]:
        """What the contract says of one file."""
        return {
            "reference": sop[-32:],
            "connection_id": str(self.connection_id),
            "sop_class_uid": US_IMAGE,
            "sop_instance_uid": sop,
            "transfer_syntax_uid": EXPLICIT,
            "study_instance_uid": "1.2.3",
            "series_instance_uid": "1.2.3.4",
            "size": len(content),
            "dataset_sha256": sha256(body),
            "object_sha256": sha256(content),
            "received_at": self.world.now.isoformat(),
            "attributes": {},
        } | fields

    def deliver(self, body: bytes, sop_instance_uid: str, *, source: str = "US01", **fields: object) -> dict[str, Any]:
        """The whole way of one instance: offer, put, confirm; the last answer."""
        syntax = str(fields.get("transfer_syntax_uid", EXPLICIT))
        content = part10(body, sop_instance_uid, syntax=syntax, source=source)
        (answer,) = self.offer(self.offered(content, body, sop_instance_uid, **fields))
        if answer["outcome"] != "ticket":
            return answer
        assert put(answer, content).status_code in {200, 412}
        (outcome,) = self.confirm(answer["upload_id"])
        return outcome


def put(
    ticket: dict[str, Any], content: bytes, *, url: str = "", headers: dict[str, str] | None = None
) -> httpx.Response:
    """Put bytes where a ticket says, with the ticket's headers."""
    return httpx.put(url or ticket["url"], content=content, headers=ticket["headers"] if headers is None else headers)


class _Parts:
    """The parts of the World that uses an application just now."""

    now: LinkParts

    def __getattr__(self, name: str) -> Any:
        return getattr(self.now, name)


class _Link:
    """The link as an application. Building it takes longer than most tests, so that one World after another uses it."""

    def __init__(self) -> None:
        self.parts = _Parts()
        self.app = create_link_api(cast("LinkParts", self.parts))


_BUILT: list[_Link] = []


@contextmanager
def served(access: Access, blobs: S3Blobs) -> Iterator[World]:
    """An empty Works, its link served on a free port."""
    one = World(access, blobs)
    with linked(one):
        yield one


@contextmanager
def linked(one: World) -> Iterator[None]:
    """The World's link is served, and its client speaks to it."""
    link = _BUILT.pop() if _BUILT else _Link()
    link.parts.now = one.parts
    with serving(link.app) as address, httpx.Client(base_url=address, headers=VERSIONED, timeout=60) as client:
        one.http = client
        yield
    _BUILT.append(link)
