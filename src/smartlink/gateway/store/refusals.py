"""Table `refusal`: callers that were turned away, by reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.store.database import Transaction, moment, moment_or_none, moment_text

if TYPE_CHECKING:
    from datetime import datetime

ADD: Final = """
    INSERT INTO refusal (calling_ae_title, called_ae_title, address, why, times, first_at, last_at)
    VALUES (:calling_ae_title, :called_ae_title, :address, :why, :times, :first_at, :last_at)
    ON CONFLICT (calling_ae_title, called_ae_title, address, why)
    DO UPDATE SET times = times + excluded.times, last_at = max(last_at, excluded.last_at)
"""
FORGET: Final = """
    DELETE FROM refusal WHERE last_at < coalesce(
        (SELECT last_at FROM refusal ORDER BY last_at DESC LIMIT 1 OFFSET :most), ''
    ) OR last_at < :before
"""
LISTING: Final = "SELECT * FROM refusal ORDER BY last_at DESC, calling_ae_title, address, why LIMIT :limit"
TOTAL: Final = "SELECT count(*) AS callers, coalesce(sum(times), 0) AS times, max(last_at) AS last_at FROM refusal"


@dataclass(frozen=True, slots=True)
class Refused:
    """One caller that was turned away for one reason, and how often."""

    calling_ae_title: str
    called_ae_title: str
    address: str
    why: str
    times: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Total:
    """How many callers (with their reasons) are listed, and how often they were turned away in all."""

    callers: int
    times: int
    last_at: datetime | None


def add(tx: Transaction, refused: Refused) -> None:
    """Count refusals of one caller; the first of them stays in mind."""
    tx.execute(
        ADD,
        {
            "calling_ae_title": refused.calling_ae_title,
            "called_ae_title": refused.called_ae_title,
            "address": refused.address,
            "why": refused.why,
            "times": refused.times,
            "first_at": moment_text(refused.first_at),
            "last_at": moment_text(refused.last_at),
        },
    )


def forget(tx: Transaction, before: datetime, most: int) -> None:
    """Forget whoever was not turned away since `before`, and all but the last `most` or so."""
    tx.execute(FORGET, {"before": moment_text(before), "most": most - 1})


def listing(tx: Transaction, limit: int) -> list[Refused]:
    """Return those turned away, the last first, at most `limit`."""
    return [
        Refused(
            calling_ae_title=row["calling_ae_title"],
            called_ae_title=row["called_ae_title"],
            address=row["address"],
            why=row["why"],
            times=row["times"],
            first_at=moment(row["first_at"]),
            last_at=moment(row["last_at"]),
        )
        for row in tx.execute(LISTING, {"limit": limit}).fetchall()
    ]


def total(tx: Transaction) -> Total:
    """Return how many there are; the table is short."""
    row = tx.execute(TOTAL).fetchone()
    return Total(row["callers"], row["times"], moment_or_none(row["last_at"]))
