"""The job that makes the objects a delivery needs: of the confirmed identity, or uncompressed for a PACS that asks so.

Safe to repeat and to run twice at once: an object's bytes follow from its original, the identity and the Transfer
Syntax alone, its name in the store from its bytes, and its row stands once. Each item is settled by itself, so a job
that is interrupted goes on where it was.
"""

import hashlib
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import structlog

from smartlink.standard.transfer_syntax import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN, TRANSFER_SYNTAXES
from smartlink.ui.translations import marked
from smartlink.works.access import Access
from smartlink.works.blobs.store import BlobMissing, Blobs, chunks, object_key
from smartlink.works.exams import submission
from smartlink.works.exams.delivery import FINAL, Item, State
from smartlink.works.exams.derived import Derived, derive_identity, derive_uncompressed
from smartlink.works.exams.identity import Identity
from smartlink.works.exams.object_file import CannotDerive
from smartlink.works.images.frames import Why
from smartlink.works.images.previews import Drawings
from smartlink.works.images.unpack import Unpacked
from smartlink.works.store import deliveries, derived_objects, identities
from smartlink.works.store.derived_objects import DerivedRow, ToDerive
from smartlink.works.store.identities import IdentityRow

log = structlog.get_logger(__name__)

MEDIA_TYPE: Final = "application/dicom"
# What an archive may accept instead of the stored Transfer Syntax, the better one first.
_UNCOMPRESSED: Final = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
_CAUSES: Final = {
    Why.VIDEO: marked("The PACS does not accept video, and a video cannot be sent uncompressed."),
    Why.COMPRESSION: marked("The PACS does not accept this compression, and Works cannot undo it."),
    Why.TOO_LARGE: marked("The PACS does not accept this compression, and uncompressed the image is too large."),
    Why.DAMAGED: marked(
        "The PACS does not accept this compression, and the image is damaged, so Works cannot undo it."
    ),
    Why.NO_PIXELS: marked(
        "The PACS does not accept this compression, and the image has no pixels that could be sent without."
    ),
}


class Tools(Protocol):
    """What deriving needs."""

    @property
    def drawings(self) -> Drawings:
        """Who decodes."""

    @property
    def access(self) -> Access:
        """The way to the organisation's rows."""

    @property
    def blobs(self) -> Blobs:
        """Where originals are, and derived objects go."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """What time it is."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What is the same for all its items."""

    organisation_id: uuid.UUID
    delivery_id: uuid.UUID
    identity: Identity | None
    siblings: frozenset[str]


def derive(tools: Tools, organisation_id: uuid.UUID, delivery_id: uuid.UUID) -> None:
    """Every item of the delivery has its object, or says why there can be none; then it is ordered from the gateway.

    Raises TryAgain when database or storage are away, or Works ends: the whole call may then be repeated.
    """
    with tools.access.organisation(organisation_id) as site:
        row = deliveries.get(site, delivery_id)
        if row is None or State(row.state) in FINAL:
            return
        items = derived_objects.to_derive(site, delivery_id)
        known = None if row.identity_id is None else identities.get(site, row.identity_id)
        whole = _Delivery(
            organisation_id,
            delivery_id,
            None if known is None else _identity(known),
            frozenset(derived_objects.siblings(site, delivery_id)),
        )
    for item in items:
        _settle(tools, whole, item)
    with tools.access.organisation(organisation_id) as site:
        submission.ready(site, delivery_id, tools.clock())


def _settle(tools: Tools, whole: _Delivery, item: ToDerive) -> None:
    """This item is prepared, or parked with cause and remedy."""
    try:
        made = _object(tools, whole, item)
    except CannotDerive as refusal:
        log.error("object_not_derived", delivery_id=str(whole.delivery_id), item_id=str(item.item_id), why=str(refusal))
        with tools.access.organisation(whole.organisation_id) as site:
            submission.cannot_derive(site, item.item_id, cause=str(refusal), remedy=_remedy(item))
        return
    with tools.access.organisation(whole.organisation_id) as site:
        kept = None if made is None else derived_objects.add(site, made)
        derived_objects.use(site, item.item_id, None if kept is None else kept.id)


def _object(tools: Tools, whole: _Delivery, item: ToDerive) -> DerivedRow | None:
    """The object to be sent, made if it was not before; None for the original itself. Raises CannotDerive."""
    syntax = _syntax(item)
    if syntax == item.transfer_syntax_uid and whole.identity is None:
        return None
    with tools.access.organisation(whole.organisation_id) as site:
        before = derived_objects.find(site, item.instance_id, item.version_id, item.identity_id, syntax)
    if before is not None:
        return before
    with tempfile.TemporaryDirectory(prefix="derive-") as name:
        folder = Path(name)
        derived = _made(tools, whole, item, syntax, folder)
        if derived is None:
            return None
        key = object_key(whole.organisation_id, derived.object_sha256)
        tools.drawings.go_on()
        if tools.blobs.head(key) is None:
            with derived.path.open("rb") as file:
                tools.blobs.put(key, file, content_type=MEDIA_TYPE)
    log.info("object_derived", delivery_id=str(whole.delivery_id), item_id=str(item.item_id), transfer_syntax=syntax)
    return _row(item, derived, key, tools.clock())


def _syntax(item: ToDerive) -> str:
    """The Transfer Syntax to be sent in. Raises CannotDerive when the PACS takes none that could be made."""
    if item.state != Item.SYNTAX_REFUSED:
        return item.transfer_syntax_uid
    for syntax in _UNCOMPRESSED:
        if syntax in item.accepted_transfer_syntaxes and syntax != item.refused_transfer_syntax_uid:
            return syntax
    refused = TRANSFER_SYNTAXES.get(item.refused_transfer_syntax_uid, "its Transfer Syntax")
    message = f"The PACS accepts this kind of image neither in {refused} nor uncompressed."
    raise CannotDerive(message)


def _made(tools: Tools, whole: _Delivery, item: ToDerive, syntax: str, folder: Path) -> Derived | None:
    """The file of identity and syntax; None when the original is it already."""
    original = folder / "original.dcm"
    _fetch(tools, item, original)
    made = None
    if whole.identity is not None:
        made = derive_identity(original, folder / "identified.dcm", whole.identity, whole.siblings)
    if syntax == item.transfer_syntax_uid:
        return made
    source = original if made is None else made.path
    return derive_uncompressed(source, folder / "uncompressed.dcm", partial(_unpack, tools.drawings), syntax) or made


def _fetch(tools: Tools, item: ToDerive, target: Path) -> None:
    digest = hashlib.sha256()
    try:
        with tools.blobs.open(item.object_key) as stream, target.open("wb") as file:
            for piece in chunks(stream):
                tools.drawings.go_on()
                digest.update(piece)
                file.write(piece)
    except BlobMissing as error:
        message = marked("The stored image is missing in the object store.")
        raise CannotDerive(message) from error
    if digest.digest() != item.object_sha256:
        message = marked("The stored image is not what was received: its digest differs.")
        raise CannotDerive(message)


def _unpack(drawings: Drawings, source: Path, target: Path) -> Unpacked:
    outcome = drawings.unpack(source, target)
    if isinstance(outcome, Why):
        raise CannotDerive(_CAUSES[outcome])
    return outcome


def _identity(row: IdentityRow) -> Identity:
    return Identity(
        confirmed_at=row.confirmed_at,
        patient_name=row.patient_name,
        patient_id=row.patient_id,
        issuer_of_patient_id=row.issuer_of_patient_id,
        birth_date=row.birth_date,
        sex=row.sex,
        accession_number=row.accession_number,
        requested_procedure_id=row.requested_procedure_id,
        requested_procedure_description=row.requested_procedure_description,
        study_instance_uid=row.study_instance_uid,
    )


def _row(item: ToDerive, derived: Derived, key: str, now: datetime) -> DerivedRow:
    return DerivedRow(
        id=uuid.uuid4(),
        instance_id=item.instance_id,
        identity_id=item.identity_id,
        transfer_syntax_uid=derived.transfer_syntax_uid,
        sop_class_uid=derived.sop_class_uid,
        sop_instance_uid=derived.sop_instance_uid,
        study_instance_uid=derived.study_instance_uid,
        size=derived.size,
        object_sha256=derived.object_sha256,
        dataset_sha256=derived.dataset_sha256,
        object_key=key,
        created_at=now,
        version_id=item.version_id,
    )


def _remedy(item: ToDerive) -> str:
    if item.state == Item.SYNTAX_REFUSED:
        return marked(
            "Ask the administrator of the PACS to accept this kind of image as it is stored, then send it again."
        )
    return marked("Ask the administrator of Works to look at the stored image; the exam can be sent again afterwards.")
