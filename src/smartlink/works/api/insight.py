"""The routes of the link that diagnostics ask: a byte's way into storage, and how far an exam has come."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

from fastapi import APIRouter, Depends

from smartlink.link import paths
from smartlink.link.insight import JourneyRequest, JourneyTold, StorageProbe, SyntheticEnded, SyntheticGone
from smartlink.works.blobs.store import probe_key
from smartlink.works.exams import journey, synthetic
from smartlink.works.fleet.tokens import Caller

if TYPE_CHECKING:
    from smartlink.works.api.link import LinkParts

_LIFETIME: Final = timedelta(minutes=5)
_BYTE: Final = b"\0"


def add_routes(router: APIRouter, parts: "LinkParts", identify: Callable[..., Caller]) -> None:
    """All of them, behind the bearer token."""

    @router.post(paths.STORAGE_PROBE)
    def storage_probe(caller: Annotated[Caller, Depends(identify)]) -> StorageProbe:
        """Permission to put one byte, always under the same name: what is there already answers as well."""
        signed = parts.uploads.storage.presign_put(
            probe_key(caller.organisation_id, caller.gateway_id),
            size=len(_BYTE),
            sha256=hashlib.sha256(_BYTE).digest(),
            lifetime=_LIFETIME,
            now=parts.clock(),
        )
        return StorageProbe(url=signed.url, headers=dict(signed.headers), expires_at=signed.expires_at)

    @router.post(paths.SYNTHETIC_ENDED)
    def synthetic_ended(message: SyntheticEnded, caller: Annotated[Caller, Depends(identify)]) -> SyntheticGone:
        """A test exam has served: remove it."""
        return synthetic.end(parts.access, caller, message.study_instance_uid, parts.clock())

    @router.post(paths.JOURNEY)
    def exam_journey(message: JourneyRequest, caller: Annotated[Caller, Depends(identify)]) -> JourneyTold:
        """How far Works has an exam of the gateway's facility."""
        return journey.told(parts.access, caller, message)
