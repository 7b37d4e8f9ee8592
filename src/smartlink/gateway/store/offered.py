"""Table `offered_syntax`: SOP Classes that callers proposed and that were not taken."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.store.database import Transaction, moment, moment_text

if TYPE_CHECKING:
    from datetime import datetime

ADD: Final = """
    INSERT INTO offered_syntax (calling_ae_title, abstract_syntax_uid, address, times, first_at, last_at)
    VALUES (:calling_ae_title, :abstract_syntax_uid, :address, :times, :first_at, :last_at)
    ON CONFLICT (calling_ae_title, abstract_syntax_uid) DO UPDATE SET times = times + excluded.times,
        address = excluded.address, last_at = max(last_at, excluded.last_at)
"""
FORGET: Final = """
    DELETE FROM offered_syntax WHERE last_at < coalesce(
        (SELECT last_at FROM offered_syntax ORDER BY last_at DESC LIMIT 1 OFFSET :most), ''
    )
"""
LISTING: Final = "SELECT * FROM offered_syntax ORDER BY calling_ae_title, abstract_syntax_uid LIMIT :limit"


@dataclass(frozen=True, slots=True)
class Offered:
    """One SOP Class that one caller proposed in vain, and how often."""

    calling_ae_title: str
    abstract_syntax_uid: str
    address: str
    times: int
    first_at: datetime
    last_at: datetime


def add(tx: Transaction, offered: Offered) -> None:
    """Count proposals of one SOP Class by one caller; the first of them stays in mind."""
    tx.execute(
        ADD,
        {
            "calling_ae_title": offered.calling_ae_title,
            "abstract_syntax_uid": offered.abstract_syntax_uid,
            "address": offered.address,
            "times": offered.times,
            "first_at": moment_text(offered.first_at),
            "last_at": moment_text(offered.last_at),
        },
    )


def forget(tx: Transaction, most: int) -> None:
    """Forget all but the last `most` or so."""
    tx.execute(FORGET, {"most": most - 1})


def listing(tx: Transaction, limit: int) -> list[Offered]:
    """Return what callers proposed in vain, by caller, at most `limit`."""
    return [
        Offered(
            calling_ae_title=row["calling_ae_title"],
            abstract_syntax_uid=row["abstract_syntax_uid"],
            address=row["address"],
            times=row["times"],
            first_at=moment(row["first_at"]),
            last_at=moment(row["last_at"]),
        )
        for row in tx.execute(LISTING, {"limit": limit}).fetchall()
    ]
