"""Which images still need their pictures, and what became of making them."""

import uuid
from dataclasses import dataclass
from typing import Final

from smartlink.works.store.database import Site

WAITING: Final = "waiting"
READY: Final = "ready"


@dataclass(frozen=True, slots=True)
class Source:
    """The stored object that an image's pictures are made from."""

    exam_id: uuid.UUID
    object_key: str
    preview_state: str


def source(site: Site, instance_id: uuid.UUID) -> Source | None:
    """Where the image's bytes are; None if there is no such image."""
    query = "SELECT exam_id, object_key, preview_state FROM instance WHERE id = :instance"
    return site.one(Source, query, instance=instance_id)


def settle(site: Site, instance_id: uuid.UUID, state: str, frames: int | None) -> None:
    """The pictures are made (`ready`), or cannot be (the reason); `frames` is how many there really are."""
    site.run(
        "UPDATE instance SET preview_state = :state, frames = coalesce(:frames, frames) WHERE id = :instance",
        state=state,
        frames=frames,
        instance=instance_id,
    )
