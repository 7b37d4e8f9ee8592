"""Table `disk_sample`: the free space of the data folder's volume, once an hour for a week."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.store.database import Transaction, moment, moment_or_none, moment_text

if TYPE_CHECKING:
    from datetime import datetime

ADD: Final = (
    "INSERT INTO disk_sample (at, free) VALUES (:at, :free) ON CONFLICT (at) DO UPDATE SET free = excluded.free"
)
FORGET: Final = "DELETE FROM disk_sample WHERE at < :before OR at > :now"
LISTING: Final = "SELECT at, free FROM disk_sample ORDER BY at"
LAST: Final = "SELECT max(at) AS at FROM disk_sample"


@dataclass(frozen=True, slots=True)
class Sample:
    """So many bytes were free at this time."""

    at: datetime
    free: int


def add(tx: Transaction, sample: Sample, before: datetime) -> None:
    """Keep a sample; those older than `before` are forgotten, and those of a clock that went ahead."""
    tx.execute(FORGET, {"before": moment_text(before), "now": moment_text(sample.at)})
    tx.execute(ADD, {"at": moment_text(sample.at), "free": sample.free})


def listing(tx: Transaction) -> list[Sample]:
    """Return all samples, the oldest first."""
    return [Sample(moment(row["at"]), row["free"]) for row in tx.execute(LISTING).fetchall()]


def last(tx: Transaction) -> datetime | None:
    """Return when the last sample was taken."""
    return moment_or_none(tx.execute(LAST).fetchone()["at"])
