"""A small town for the pages: Bob and Eve are physicians of Lakeside, Charlie belongs elsewhere and must see nothing.

Database, object store and LISTEN are real; exams are put where ingest would have put them.
"""

import hashlib
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
from httpx import Client, Response
from PIL import Image

from smartlink.ui import assets
from smartlink.ui.pages import Pages
from smartlink.works.access import Access
from smartlink.works.blobs.s3 import S3Blobs
from smartlink.works.blobs.store import frame_key, object_key, thumbnail_key
from smartlink.works.images.draw import webp
from smartlink.works.store import listen
from smartlink.works.web.app import TEMPLATES, create_pages
from smartlink.works.web.parts import WebParts
from tests.works.services import TestDatabase
from tests.works.serving import serving
from tests.works.web.people import PASSWORD, Place, add_person, add_place, sign_in_of

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"


@lru_cache(maxsize=1)
def pages() -> Pages:
    """The templates, compiled once for all tests."""
    return Pages([TEMPLATES], assets.load())


class Town:
    """Works with people in it, and the pages over it; tests turn the clock."""

    def __init__(self, access: Access, blobs: S3Blobs, listener: listen.Listener) -> None:
        """Found Lakeside, with Bob and Eve, and the place where Charlie is."""
        self.access, self.blobs, self.listener = access, blobs, listener
        self.now = NOW
        self.lakeside = add_place(access, "Lakeside Health", "Lakeside General", NOW)
        self.elsewhere = add_place(access, "Elsewhere Group", "Elsewhere Clinic", NOW)
        self.bob = add_person(access, self.lakeside, "bob@lakeside.example", "Dr. Bob Brandt", NOW)
        self.eve = add_person(access, self.lakeside, "eve@lakeside.example", "Dr. Eve Egger", NOW)
        self.charlie = add_person(access, self.elsewhere, "charlie@elsewhere.example", "Dr. Charlie Cox", NOW)
        self.parts = WebParts(
            access=access,
            blobs=blobs,
            sign_in=sign_in_of(access),
            listener=listener,
            clock=self.clock,
            pages=pages(),
            secure=False,
        )
        self.app = create_pages(self.parts)
        self.address = ""
        self.clients = ExitStack()
        self.gateway_id, self.connection_id = _add_gateway(access, self.lakeside)

    @property
    def organisation_id(self) -> uuid.UUID:
        """Lakeside's."""
        return self.lakeside.organisation_id

    def clock(self) -> datetime:
        """The time as the test has it."""
        return self.now

    def wait(self, **duration: float) -> None:
        """Let time pass."""
        self.now += timedelta(**duration)

    def value(self, query: str, **values: object) -> Any:
        """What Lakeside's database says."""
        with self.access.organisation(self.organisation_id) as site:
            return site.value(query, **values)

    def run(self, query: str, **values: object) -> None:
        """Change something in Lakeside."""
        with self.access.organisation(self.organisation_id) as site:
            site.run(query, **values)

    def browser(self) -> "Browser":
        """A browser that nobody has signed in with."""
        return Browser(self.clients.enter_context(Client(base_url=self.address, timeout=30)))

    def signed_in(self, email: str = "bob@lakeside.example") -> "Browser":
        """A browser in which this person has signed in."""
        browser = self.browser()
        assert browser.sign_in(email, PASSWORD).headers["location"] == "/drafts"
        return browser

    def exam(self, owner: uuid.UUID | None = None, **columns: object) -> uuid.UUID:
        """An exam in that person's Drafts, or Unassigned without one."""
        exam_id = uuid.uuid4()
        row: dict[str, object] = {
            "id": exam_id,
            "organisation_id": self.organisation_id,
            "facility_id": self.lakeside.facility_id,
            "specialty_id": self.lakeside.specialty_id,
            "study_instance_uid": f"1.2.{exam_id.int}",
            "patient_name": "Rivera^Elena",
            "patient_id": "LG-204881",
            "birth_date": "1965-03-12",
            "sex": "F",
            "study_description": "Echocardiogram",
            "study_at": self.now,
            "state": "draft",
            "folder": "drafts" if owner else "unassigned",
            "owner_person_id": owner,
            "reason": None if owner else "no_match",
            "raw_value": "BRANDT^BOB" if owner else "BRAND^BOB",
            "tag": "0008,1050",
            "assigned_at": self.now,
            "connection_id": self.connection_id,
            "created_at": self.now,
            "last_received_at": self.now,
        } | columns
        self._insert("exam", row, tell=exam_id)
        return exam_id

    def instance(self, exam_id: uuid.UUID, pictures: Sequence[bytes] = (), **columns: object) -> uuid.UUID:
        """An image of the exam; its `pictures` (coloured squares without any) stand when `preview_state` is ready."""
        instance_id, series_id, upload_id = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
        digest = hashlib.sha256(instance_id.bytes).digest()
        study = self.value("SELECT study_instance_uid FROM exam WHERE id = :id", id=exam_id)
        series = {"id": series_id, "exam_id": exam_id, "series_instance_uid": f"1.3.{series_id.int}", "modality": "US"}
        self._insert("series", series | {"organisation_id": self.organisation_id})
        self.upload(study, id=upload_id, object_sha256=digest, sop_instance_uid=f"1.4.{instance_id.int}")
        row: dict[str, object] = {
            "id": instance_id,
            "organisation_id": self.organisation_id,
            "exam_id": exam_id,
            "series_id": series_id,
            "sop_instance_uid": f"1.4.{instance_id.int}",
            "sop_class_uid": US_IMAGE,
            "transfer_syntax_uid": JPEG_BASELINE,
            "frames": len(pictures) or 1,
            "rows": 60,
            "columns": 80,
            "size": 1000,
            "dataset_sha256": digest,
            "object_sha256": digest,
            "object_key": object_key(self.organisation_id, digest),
            "upload_id": upload_id,
            "connection_id": self.connection_id,
            "received_at": self.now,
            "ingested_at": self.now,
            "preview_state": "ready",
        } | columns
        self._insert("instance", row, tell=exam_id)
        if row["preview_state"] == "ready":
            self._put(instance_id, pictures or squares(int(str(row["frames"]))))
        return instance_id

    def upload(self, study_instance_uid: str, **columns: object) -> None:
        """An upload as a gateway made it; ingested unless said otherwise."""
        upload_id = uuid.uuid4()
        row: dict[str, object] = {
            "id": upload_id,
            "organisation_id": self.organisation_id,
            "gateway_id": self.gateway_id,
            "connection_id": self.connection_id,
            "sop_class_uid": US_IMAGE,
            "sop_instance_uid": f"1.4.{upload_id.int}",
            "series_instance_uid": "1.3",
            "study_instance_uid": study_instance_uid,
            "transfer_syntax_uid": JPEG_BASELINE,
            "object_key": f"objects/{upload_id}",
            "object_sha256": upload_id.bytes * 2,
            "dataset_sha256": upload_id.bytes * 2,
            "size": 1000,
            "state": "ingested",
            "received_at": self.now,
            "offered_at": self.now,
            "expires_at": self.now,
        } | columns
        self._insert("upload", row)

    def conflict(self, instance_id: uuid.UUID, pictures: Sequence[bytes] = (), **columns: object) -> uuid.UUID:
        """Another image arrived with the identifier of this one; the version that it is."""
        version_id, upload_id = uuid.uuid4(), uuid.uuid4()
        study, series, sop = (
            self.value(
                f"SELECT {column} FROM instance i JOIN exam e ON e.id = i.exam_id WHERE i.id = :id", id=instance_id
            )
            for column in ("e.study_instance_uid", "i.series_id", "i.sop_instance_uid")
        )
        self.upload(study, id=upload_id, sop_instance_uid=sop, size=2_500_000)
        row = {
            "id": version_id,
            "organisation_id": self.organisation_id,
            "instance_id": instance_id,
            "upload_id": upload_id,
            "dataset_sha256": version_id.bytes * 2,
            "object_key": f"objects/{upload_id}",
            "series_id": series,
            "frames": len(pictures) or 1,
            "rows": 60,
            "columns": 80,
            "differs": ["PatientID", "PixelData"],
            "compared_at": self.now,
            "preview_state": "ready",
            "at": self.now,
        } | columns
        self._insert("instance_conflict", row)
        if row["preview_state"] == "ready":
            self._put(version_id, pictures or squares(int(str(row["frames"]))))
        return version_id

    def runs(self, person: uuid.UUID, role: str = "facility_administrator") -> None:
        """The person runs Lakeside General."""
        self._insert(
            "membership",
            {
                "id": uuid.uuid4(),
                "organisation_id": self.organisation_id,
                "person_id": person,
                "facility_id": self.lakeside.facility_id if role == "facility_administrator" else None,
                "role": role,
                "created_at": self.now,
            },
        )

    def _insert(self, table: str, row: dict[str, object], tell: uuid.UUID | None = None) -> None:
        columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        with self.access.organisation(self.organisation_id) as site:
            site.run(f"INSERT INTO {table} ({columns}) VALUES ({values})", **row)
            if tell:
                listen.tell(site, tell)

    def _put(self, instance_id: uuid.UUID, pictures: Sequence[bytes]) -> None:
        names = [frame_key(self.organisation_id, instance_id, frame) for frame in range(1, len(pictures) + 1)]
        for name, picture in zip(names, pictures, strict=True):
            self.blobs.put(name, picture, content_type="image/webp")
        self.blobs.put(thumbnail_key(self.organisation_id, instance_id), pictures[0], content_type="image/webp")


def squares(frames: int) -> list[bytes]:
    """So many pictures, each redder than the one before."""
    return [webp(Image.new("RGB", (80, 60), (4 * frame % 256, 40, 60)), 1024) for frame in range(1, frames + 1)]


@dataclass
class Browser:
    """A browser without scripts: it keeps cookies and fills in forms."""

    http: Client
    form_token: str = ""

    def get(self, path: str, **headers: str) -> Response:
        """Open an address."""
        answer = self.http.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        found = TOKEN.search(answer.text) if answer.headers.get("content-type", "").startswith("text/html") else None
        self.form_token = found[1] if found else self.form_token
        return answer

    def post(self, path: str, **fields: str) -> Response:
        """Send a form of the page that was opened last."""
        answer = self.http.post(path, data={"form_token": self.form_token} | fields)
        found = TOKEN.search(answer.text)
        self.form_token = found[1] if found else self.form_token
        return answer

    def sign_in(self, email: str, password: str, **fields: str) -> Response:
        """All the steps of a person with one organisation."""
        self.get("/sign-in")
        self.post("/sign-in/email", email=email, **fields)
        return self.post("/sign-in/password", email=email, password=password, **fields)


def _add_gateway(access: Access, place: Place) -> tuple[uuid.UUID, uuid.UUID]:
    gateway_id, connection_id, key_id = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()
    common = {"organisation": place.organisation_id, "facility": place.facility_id, "now": NOW}
    with access.organisation(place.organisation_id) as site:
        site.run(
            "INSERT INTO licence_key (id, organisation_id, facility_id, key_hash, prefix, created_at)"
            " VALUES (:id, :organisation, :facility, :hash, 'SL1', :now)",
            id=key_id,
            hash=key_id.bytes,
            **common,
        )
        site.run(
            "INSERT INTO gateway (id, organisation_id, facility_id, licence_key_id, installation_id, public_key,"
            " version, state, activated_at, last_heartbeat_at)"
            " VALUES (:id, :organisation, :facility, :key, 'i', 'k', '0.1.0', 'active', :now, :now)",
            id=gateway_id,
            key=key_id,
            **common,
        )
        site.run(
            "INSERT INTO connection (id, organisation_id, facility_id, gateway_id, kind, name, ae_title, ae_norm, host,"
            " status, updated_at) VALUES (:id, :organisation, :facility, :gateway, 'ultrasound', 'Echo lab, room 2',"
            " 'US01', 'us01', '10.0.0.7', 'active', :now)",
            id=connection_id,
            gateway=gateway_id,
            **common,
        )
    return gateway_id, connection_id


@pytest.fixture
def town(access: Access, blobs: S3Blobs, database: TestDatabase) -> Iterator[Town]:
    """A new town; its pages hear of changes."""
    listener = listen.Listener(database.application_url)
    listener.start()
    new = Town(access, blobs, listener)
    with serving(new.app) as new.address, new.clients:
        yield new
    listener.close()
