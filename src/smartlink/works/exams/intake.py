"""Ingest: a confirmed upload becomes part of an exam, and the exam finds its physician (F4 steps 6 to 9).

Every step may be repeated and two uploads of one instance may arrive at once; what is in the database afterwards is
the same. Custody does not depend on this module: an upload that cannot be ingested stays in storage and says why.
"""

import hashlib
import tempfile
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Final, Protocol

import structlog

from smartlink.link.connections import Mapping
from smartlink.works import audit
from smartlink.works.access import Access, Site
from smartlink.works.blobs.store import Stream, chunks
from smartlink.works.errors import GiveUp
from smartlink.works.exams import assignment, header
from smartlink.works.exams.assignment import Decision, Drafts, Physician
from smartlink.works.exams.header import Header, HeaderUnreadable
from smartlink.works.store import arrivals, configuration, connections, deletions, gateways, physicians, uploads
from smartlink.works.store.arrivals import KeptInstance, Place
from smartlink.works.store.comparisons import COMPARING, CONFLICT
from smartlink.works.store.listen import tell
from smartlink.works.store.uploads import Upload

log = structlog.get_logger(__name__)

_IN_MEMORY: Final = 4 * 1024 * 1024
_PIECE: Final = 1024 * 1024
_MAPPING_OF_TAG: Final = {tag: mapping for mapping, tag in assignment.TAGS.items()}


class IngestRefused(GiveUp):
    """This upload can never be ingested; the text says why in plain words, without patient data."""


class Storage(Protocol):
    """What ingest needs of the object store."""

    def open(self, key: str) -> AbstractContextManager[Stream]:
        """The object's bytes, streamed. Raises BlobMissing."""


class Later(Protocol):
    """Who does what ingest leaves to be done, once the transaction is committed."""

    def preview(self, site: Site, instance_id: uuid.UUID) -> None:
        """Defer making the pictures of a new instance, in this transaction."""

    def compare(self, site: Site, upload_id: uuid.UUID) -> None:
        """Defer comparing an upload with the instance of the same UID, in this transaction."""


@dataclass(frozen=True, slots=True)
class _Where:
    """What the connection decides for the exams that come from it."""

    facility_id: uuid.UUID
    time_zone: str
    specialty_id: uuid.UUID | None
    mapping: Mapping


@dataclass(frozen=True, slots=True)
class Intake:
    """The use case, given its parts."""

    access: Access
    storage: Storage
    later: Later
    clock: Callable[[], datetime]

    def ingest(self, organisation_id: uuid.UUID, upload_ids: Sequence[uuid.UUID]) -> None:
        """Ingest confirmed uploads; those that are done already are left alone.

        Raises TryAgain when database or storage are away: the whole call may then be repeated.
        """
        for upload_id in upload_ids:
            try:
                self._one(organisation_id, upload_id)
            except (GiveUp, HeaderUnreadable) as refusal:
                self._fail(organisation_id, upload_id, refusal)

    def _one(self, organisation_id: uuid.UUID, upload_id: uuid.UUID) -> None:
        with self.access.organisation(organisation_id) as site:
            upload = uploads.get(site, upload_id)
            where = None if upload is None else _where(site, upload)
        if upload is None or where is None or upload.state != "confirmed":
            return
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            self._fetch(upload, file)  # type: ignore[arg-type]  # it has all of a binary file that is used here
            read = header.read(file, where.time_zone)  # type: ignore[arg-type]
            dataset_sha256 = _digest_from(file, read.dataset_offset)  # type: ignore[arg-type]
        _check_identity(upload, read)
        with self.access.organisation(organisation_id) as site:
            self._keep(site, upload_id, read, dataset_sha256, where)

    def _fetch(self, upload: Upload, file: BinaryIO) -> None:
        digest, size = hashlib.sha256(), 0
        with self.storage.open(upload.object_key) as stream:
            for piece in chunks(stream):
                digest.update(piece)
                size += len(piece)
                file.write(piece)
        if size != upload.size or digest.digest() != upload.object_sha256:
            message = "The object in storage is not the one that was confirmed: its length or digest differs."
            raise IngestRefused(message)

    def _keep(self, site: Site, upload_id: uuid.UUID, read: Header, dataset_sha256: bytes, where: _Where) -> None:
        now = self.clock()
        arrivals.one_at_a_time(site, read.sop_instance_uid)
        upload = uploads.lock_confirmed(site, upload_id)
        if upload is None:  # another worker was faster
            return
        buried = deletions.buried(site, (read.study_instance_uid, read.sop_instance_uid))
        if buried is None:  # as long as a deleted instance has the UID, no other study can have it
            buried = deletions.hidden(site, read.sop_instance_uid)
        if buried is not None:
            uploads.withhold(site, upload_id, buried.deletion_id, now=now)
            log.info("resent_withheld", upload_id=str(upload_id), deletion_id=str(buried.deletion_id))
            return
        present = arrivals.instance(site, read.sop_instance_uid)
        conflict = False
        if present is None:
            exam_id = self._add(site, upload, read, dataset_sha256, where)
        else:
            exam_id = present.exam_id
            conflict = self._beside(site, present, upload, read, dataset_sha256)
        uploads.mark_ingested(site, upload_id, dataset_sha256=dataset_sha256, conflict=conflict, now=now)
        tell(site, exam_id)
        log.info(
            "instance_ingested",
            upload_id=str(upload_id),
            exam_id=str(exam_id),
            duplicate=present is not None and not conflict,
            conflict=conflict,
        )

    def _beside(self, site: Site, present: KeptInstance, upload: Upload, read: Header, dataset_sha256: bytes) -> bool:
        """Keep what comes under a UID that is taken; whether it is another image.

        The same bytes are a duplicate. In another Transfer Syntax it may be the same image: a job compares them, and
        says in what they differ, for the person who decides.
        """
        if present.dataset_sha256 == dataset_sha256:
            return False
        known = arrivals.other_state(site, present.id, dataset_sha256)
        if known is not None:
            return known == CONFLICT
        state = CONFLICT if upload.transfer_syntax_uid == present.transfer_syntax_uid else COMPARING
        # One of another study cannot take this one's place in the exam.
        same_study = read.study_instance_uid == present.study_instance_uid
        version_id = uuid.uuid4()
        arrivals.add_other(
            site,
            id=version_id,
            instance_id=present.id,
            upload_id=upload.id,
            dataset_sha256=dataset_sha256,
            object_key=upload.object_key,
            state=state,
            series_id=_series(site, present.exam_id, read) if same_study else None,
            frames=read.frames,
            rows=read.rows,
            columns=read.columns,
            frame_time_ms=read.frame_time_ms,
            number=read.instance_number,
            now=self.clock(),
        )
        self.later.compare(site, upload.id)
        if state == CONFLICT:
            self.later.preview(site, version_id)
        return state == CONFLICT

    def _add(self, site: Site, upload: Upload, read: Header, dataset_sha256: bytes, where: _Where) -> uuid.UUID:
        now = self.clock()
        exam_id = _exam(site, upload, read, where, now)
        series_id = _series(site, exam_id, read)
        instance_id = uuid.uuid4()
        arrivals.add_instance(
            site,
            id=instance_id,
            exam_id=exam_id,
            series_id=series_id,
            sop_instance_uid=read.sop_instance_uid,
            sop_class_uid=read.sop_class_uid,
            transfer_syntax_uid=read.transfer_syntax_uid,
            frames=read.frames,
            rows=read.rows,
            columns=read.columns,
            frame_time_ms=read.frame_time_ms,
            number=read.instance_number,
            size=upload.size,
            dataset_sha256=dataset_sha256,
            object_sha256=upload.object_sha256,
            object_key=upload.object_key,
            upload_id=upload.id,
            connection_id=upload.connection_id,
            received_at=upload.received_at,
            now=now,
        )
        self.later.preview(site, instance_id)
        return exam_id

    def _fail(self, organisation_id: uuid.UUID, upload_id: uuid.UUID, refusal: Exception) -> None:
        with self.access.organisation(organisation_id) as site:
            uploads.mark_failed(site, upload_id, failure=str(refusal))
        log.error("ingest_failed", upload_id=str(upload_id), why=str(refusal))


def _where(site: Site, upload: Upload) -> _Where | None:
    gateway = gateways.get(site, upload.gateway_id)
    facility = None if gateway is None else configuration.facility(site, gateway.facility_id)
    if facility is None:
        return None
    connection = None if upload.connection_id is None else connections.get(site, upload.connection_id)
    if connection is None:
        return _Where(facility.id, facility.time_zone, facility.default_specialty_id, Mapping.PERFORMING_PHYSICIAN)
    return _Where(
        facility_id=facility.id,
        time_zone=facility.time_zone,
        specialty_id=connection.specialty_ids[0] if connection.specialty_ids else facility.default_specialty_id,
        mapping=Mapping(connection.mapping) if connection.mapping else Mapping.PERFORMING_PHYSICIAN,
    )


def _check_identity(upload: Upload, read: Header) -> None:
    """The Data Set must be the one that was offered, by instance and by study."""
    for name, offered, found in (
        ("SOP Instance UID", upload.sop_instance_uid, read.sop_instance_uid),
        ("SOP Class UID", upload.sop_class_uid, read.sop_class_uid),
        ("Study Instance UID", upload.study_instance_uid, read.study_instance_uid),
        ("Series Instance UID", upload.series_instance_uid, read.series_instance_uid),
        ("Transfer Syntax UID", upload.transfer_syntax_uid, read.transfer_syntax_uid),
    ):
        if offered != found:
            message = f"The Data Set's {name} is not the one that was offered."
            raise IngestRefused(message)


def _digest_from(file: BinaryIO, offset: int) -> bytes:
    file.seek(offset)
    digest = hashlib.sha256()
    while piece := file.read(_PIECE):
        digest.update(piece)
    return digest.digest()


def _series(site: Site, exam_id: uuid.UUID, read: Header) -> uuid.UUID:
    return arrivals.add_series(
        site,
        id=uuid.uuid4(),
        exam_id=exam_id,
        series_instance_uid=read.series_instance_uid,
        modality=read.modality,
        number=read.series_number,
        description=read.series_description,
    )


def _exam(site: Site, upload: Upload, read: Header, where: _Where, now: datetime) -> uuid.UUID:
    """The exam that the instance belongs to, made or extended, and assigned as R80 allows."""
    place = _place(_decide(site, read, where, where.mapping))
    exam_id = uuid.uuid4()
    added = arrivals.add_exam(
        site,
        place,
        id=exam_id,
        facility_id=where.facility_id,
        specialty_id=where.specialty_id,
        study_instance_uid=read.study_instance_uid,
        accession_number=read.accession_number,
        patient_name=read.patient_name,
        patient_id=read.patient_id,
        birth_date=None if read.birth_date is None else read.birth_date.isoformat(),
        sex=read.sex,
        study_description=read.study_description,
        study_at=read.study_at,
        connection_id=upload.connection_id,
        last_received_at=upload.received_at,
        now=now,
    )
    if added:
        _remember(site, exam_id, place, now)
        return exam_id
    return _extend(site, upload, read, where, now)


def _extend(site: Site, upload: Upload, read: Header, where: _Where, now: datetime) -> uuid.UUID:
    """Add to an exam; it is assigned anew only while Unassigned and never claimed, by its first mapping (R80)."""
    exam = arrivals.lock_exam(site, read.study_instance_uid)
    if exam is None:
        message = "An exam vanished while an instance was being added to it."
        raise LookupError(message)
    arrivals.touch_exam(site, exam.id, last_received_at=upload.received_at)
    if exam.folder != "unassigned" or arrivals.decided_by_a_person(site, exam.id):
        return exam.id
    decision = _decide(site, read, where, _MAPPING_OF_TAG.get(exam.tag or "", where.mapping))
    if isinstance(decision, Drafts):
        place = _place(decision)
        arrivals.place_exam(site, exam.id, place, now=now)
        _remember(site, exam.id, place, now)
    return exam.id


def _decide(site: Site, read: Header, where: _Where, mapping: Mapping) -> Decision:
    known = [
        Physician(
            person_id=row.person_id,
            display_name=row.display_name,
            given_name=row.given_name,
            family_name=row.family_name,
            email=row.email,
            phone=row.phone,
            active=row.active,
            specialty_ids=frozenset(row.specialty_ids),
            dicom_names=tuple(row.dicom_names),
        )
        for row in physicians.of_facility(site, where.facility_id)
    ]
    return assignment.decide(mapping, read.physicians, known, where.specialty_id)


def _place(decision: Decision) -> Place:
    if isinstance(decision, Drafts):
        return Place("drafts", decision.person_id, None, decision.raw_value, decision.tag)
    return Place("unassigned", None, decision.reason.value, decision.raw_value, decision.tag)


def _remember(site: Site, exam_id: uuid.UUID, place: Place, now: datetime) -> None:
    """Write down where the rules put the exam."""
    arrivals.add_assignment(site, id=uuid.uuid4(), exam_id=exam_id, place=place, decided_by="rule", now=now)
    audit.record(
        site,
        now=now,
        actor_kind="system",
        actor_id=None,
        action="exam_placed",
        object_kind="exam",
        object_id=exam_id,
        detail={
            "folder": place.folder,
            "person_id": None if place.owner_person_id is None else str(place.owner_person_id),
            "reason": place.reason,
        },
    )
