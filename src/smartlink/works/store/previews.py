"""Which images still need their pictures, and what became of making them.

Pictures are a version's: the first that came goes by its instance's id, any other by its own.
"""

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


_MADE: Final = "SET preview_state = :state, frames = coalesce(:frames, frames)"
SETTLE: Final = (
    f"UPDATE instance {_MADE} WHERE id = :version AND version_id IS NULL",
    f"UPDATE instance_conflict {_MADE} WHERE id = :version",
    (
        f"UPDATE instance {_MADE} WHERE version_id = :version"  # noqa: S608 - constants
        " AND id = (SELECT instance_id FROM instance_conflict WHERE id = :version)"
    ),
)


def source(site: Site, version_id: uuid.UUID) -> Source | None:
    """Where the version's bytes are; None if there is no such version."""
    return site.one(
        Source,
        "SELECT exam_id, object_key, preview_state FROM instance WHERE id = :version AND version_id IS NULL UNION ALL"
        " SELECT i.exam_id, c.object_key, c.preview_state FROM instance_conflict c JOIN instance i"
        " ON i.id = c.instance_id WHERE c.id = :version LIMIT 1",
        version=version_id,
    )


def settle(site: Site, version_id: uuid.UUID, state: str, frames: int | None) -> None:
    """The pictures are made (`ready`), or cannot be (the reason); `frames` is how many there really are."""
    for statement in SETTLE:
        site.run(statement, state=state, frames=frames, version=version_id)
