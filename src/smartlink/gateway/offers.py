"""What Works is told of a kept image: its digests, read once from its file, and what the catalogue knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from smartlink.gateway.digests import Digests, digests
from smartlink.gateway.errors import GiveUp
from smartlink.gateway.parts import DAMAGED
from smartlink.gateway.store import instances, parts
from smartlink.gateway.store.spool import Spool, SpoolDamaged
from smartlink.link.uploads import LARGEST_WHOLE, OfferedInstance

if TYPE_CHECKING:
    from uuid import UUID

    from smartlink.gateway.store.database import Database, Transaction
    from smartlink.gateway.store.deliveries import Claim

CONTACT: Final = "Look at the image on the ultrasound system and send it again, or contact support."


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed instance with its digests, ready to be offered."""

    claim: Claim
    offered: OfferedInstance


class Offers:
    """Makes what is offered; any thread."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self._database = database
        self._spool = spool

    def of(self, claim: Claim, connection_id: UUID) -> Ready:
        """Return the claim ready to be offered, its connection under Works' own id. Raises GiveUp."""
        dataset, whole = self._digests(claim.instance)
        return Ready(claim, _offered(claim.instance, str(claim.id), connection_id, dataset, whole))

    def _digests(self, instance: instances.Instance) -> tuple[str, str]:
        """Return both digests, computed and stored the first time, with those of the parts. Raises GiveUp."""
        if instance.dataset_sha256 is not None and instance.object_sha256 is not None and self._has_parts(instance):
            return instance.dataset_sha256, instance.object_sha256
        found = self._read(instance)
        if found.crc32 != instance.crc32:
            raise GiveUp("The stored file no longer has the bytes that were received.", DAMAGED)

        def write(tx: Transaction) -> None:
            instances.store_digests(tx, instance.id, dataset_sha256=found.dataset, object_sha256=found.whole)
            parts.put(tx, instance.id, found.parts)

        self._database.write(write)
        return found.dataset, found.whole

    def _read(self, instance: instances.Instance) -> Digests:
        try:
            with self._spool.part10_parts(instance.spool_name) as file:
                return digests(file, instance.dataset_offset, instance.size)
        except (OSError, SpoolDamaged) as error:
            raise GiveUp(f"The stored file cannot be read ({type(error).__name__}).", DAMAGED) from error

    def _has_parts(self, instance: instances.Instance) -> bool:
        """Whether the digests of a large image's parts are known."""
        return instance.size <= LARGEST_WHOLE or bool(self._database.read(lambda tx: parts.of(tx, instance.id)))


def grouped(batch: Sequence[Ready], most: int) -> Iterator[list[Ready]]:
    """Yield the batch in groups of at most `most` bytes, or of one: so much is put before a ticket expires."""
    group: list[Ready] = []
    size = 0
    for one in batch:
        # A large image asks for the tickets of its parts itself.
        own = one.offered.size if one.offered.size <= LARGEST_WHOLE else 0
        if group and size + own > most:
            yield group
            group, size = [], 0
        group.append(one)
        size += own
    if group:
        yield group


def _offered(
    instance: instances.Instance, reference: str, connection_id: UUID, dataset: str, whole: str
) -> OfferedInstance:
    """Return what Works is told of an instance. Raises GiveUp when that cannot be said in the contract's words."""
    try:
        return OfferedInstance(
            reference=reference,
            connection_id=connection_id,
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=instance.transfer_syntax_uid,
            study_instance_uid=instance.study_instance_uid or "",
            series_instance_uid=instance.series_instance_uid or "",
            size=instance.size,
            dataset_sha256=dataset,
            object_sha256=whole,
            received_at=instance.kept_at,
            attributes=instance.attributes,
        )
    except ValidationError as error:
        fields = ", ".join(sorted({str(one["loc"][0]) for one in error.errors(include_input=False)}))
        raise GiveUp(f"The image cannot be offered to Works as it is: {fields}.", CONTACT) from error
