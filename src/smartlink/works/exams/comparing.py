"""The job that finds out whether an image that came in another Transfer Syntax is one that Works has (R152).

Equal: a duplicate, and nobody is bothered. Otherwise a conflict: both are kept, and a person decides. Of a conflict
that was certain from the start it finds out in what the two differ. Safe to repeat.
"""

import tempfile
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, Protocol

import structlog

from smartlink.works.access import Access, Site
from smartlink.works.blobs.store import BlobMissing, Blobs, chunks
from smartlink.works.exams.comparison import compare
from smartlink.works.exams.object_file import CannotDerive
from smartlink.works.images.frames import Why
from smartlink.works.images.previews import Drawings
from smartlink.works.store import comparisons, listen
from smartlink.works.store.comparisons import COMPARING, CONFLICT, DUPLICATE, Kept, Other

log = structlog.get_logger(__name__)

_UNREADABLE: Final = ("unreadable",)
"""In place of attributes, when one of the two cannot be read to the end."""


class Tools(Protocol):
    """What comparing needs."""

    @property
    def drawings(self) -> Drawings:
        """Who decodes."""

    @property
    def access(self) -> Access:
        """The way to the organisation's rows."""

    @property
    def blobs(self) -> Blobs:
        """Where both images are."""

    @property
    def clock(self) -> Callable[[], datetime]:
        """What time it is."""

    @property
    def later(self) -> "Later":
        """Who makes the pictures of what turns out to be another image."""


class Later(Protocol):
    """Who does what is left to be done, once the transaction is committed."""

    def preview(self, site: Site, instance_id: uuid.UUID) -> None:
        """Defer making the pictures of this version, in this transaction."""


def compare_upload(tools: Tools, organisation_id: uuid.UUID, upload_id: uuid.UUID) -> None:
    """What this upload brought is a duplicate or a conflict. Raises TryAgain when something is away for now."""
    with tools.access.organisation(organisation_id) as site:
        other = comparisons.of_upload(site, upload_id)
        if other is None or other.compared_at is not None:
            return
        certain = other.state != COMPARING
        known = comparisons.known(site, other)[:1] if certain else comparisons.candidates(site, other)
    differs = _differs(tools, other, known)
    state = CONFLICT if differs or certain else DUPLICATE
    with tools.access.organisation(organisation_id) as site:
        if certain:
            comparisons.describe(site, other, differs=differs, now=tools.clock())
        else:
            comparisons.settle(site, other, state=state, differs=differs, now=tools.clock())
            if state == CONFLICT:
                tools.later.preview(site, other.id)
        listen.tell(site, other.exam_id)
    log.info("instances_compared", upload_id=str(upload_id), outcome=state, attributes=len(differs))


def _differs(tools: Tools, other: Other, known: list[Kept]) -> tuple[str, ...]:
    """In what it differs from the first that it is compared with; nothing when it is one of them."""
    first: tuple[str, ...] | None = None
    with tempfile.TemporaryDirectory(prefix="compare-") as name:
        mine, theirs = Path(name) / "mine.dcm", Path(name) / "theirs.dcm"
        try:
            _fetch(tools, other.object_key, mine)
        except BlobMissing:
            return _UNREADABLE
        for one in known:
            found = _compared(tools, one, mine, theirs)
            if not found:
                return ()
            first = first or found
    return first or _UNREADABLE


def _compared(tools: Tools, one: Kept, mine: Path, theirs: Path) -> tuple[str, ...]:
    try:
        _fetch(tools, one.object_key, theirs)
        return compare(theirs, mine, partial(_pixels, tools.drawings))
    except (BlobMissing, CannotDerive):
        return _UNREADABLE


def _fetch(tools: Tools, key: str, target: Path) -> None:
    with tools.blobs.open(key) as stream, target.open("wb") as file:
        for piece in chunks(stream):
            tools.drawings.go_on()
            file.write(piece)


def _pixels(drawings: Drawings, path: Path) -> str | None:
    outcome = drawings.unpack(path, None)
    return None if isinstance(outcome, Why) else f"{outcome.sha256} {outcome.photometric_interpretation}"
