"""Where an exam is, read from `works journey --json`, and how long each hop took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Stop:
    """One instance on its way: the moments at which each hop was behind it (None: not yet)."""

    sop_instance_uid: str
    received_at: datetime | None
    confirmed_at: datetime | None
    ingested_at: datetime | None
    object_key: str
    object_sha256: str
    dataset_sha256: str


@dataclass(frozen=True, slots=True)
class Journey:
    """One exam as Works knows it."""

    stops: tuple[Stop, ...]
    folder: str
    owner: str
    reason: str
    assigned_at: datetime | None
    conflicts: tuple[Stop, ...] = ()
    """Other bytes that came under the UID of one of the stops; both are kept."""

    repeats: tuple[Stop, ...] = ()
    """Uploads of what was there already: the same UID and the same bytes."""

    def count(self, hop: str) -> int:
        """How many instances have this hop behind them: `received`, `confirmed` or `ingested`."""
        return sum(getattr(stop, f"{hop}_at") is not None for stop in self.stops)

    def last(self, hop: str) -> datetime | None:
        """When the last instance had this hop behind it."""
        moments: list[datetime] = [m for stop in self.stops if (m := getattr(stop, f"{hop}_at")) is not None]
        return max(moments, default=None)


NOWHERE = Journey((), "", "", "", None)


def read(told: dict[str, Any]) -> Journey:
    """The journey that the JSON tells; raises KeyError or ValueError when it is not that JSON."""
    exam = told.get("exam") or {}
    return Journey(
        stops=tuple(_stop(one) for one in told["instances"] if not one.get("conflict") and not _is_repeat(one)),
        folder=str(exam.get("folder") or ""),
        owner=str(exam.get("owner") or ""),
        reason=str(exam.get("reason") or ""),
        assigned_at=_moment(exam.get("assigned_at")),
        conflicts=tuple(_stop(one) for one in told["instances"] if one.get("conflict")),
        repeats=tuple(_stop(one) for one in told["instances"] if not one.get("conflict") and _is_repeat(one)),
    )


def _is_repeat(told: dict[str, Any]) -> bool:
    """Whether it was ingested and made no instance of its own."""
    return bool(told.get("ingested_at")) and "instance_id" in told and told["instance_id"] is None


def _stop(told: dict[str, Any]) -> Stop:
    return Stop(
        sop_instance_uid=str(told["sop_instance_uid"]),
        received_at=_moment(told.get("received_at")),
        confirmed_at=_moment(told.get("confirmed_at")),
        ingested_at=_moment(told.get("ingested_at")),
        object_key=str(told.get("object_key") or ""),
        object_sha256=str(told.get("object_sha256") or ""),
        dataset_sha256=str(told.get("dataset_sha256") or ""),
    )


def _moment(text: str | None) -> datetime | None:
    return None if not text else datetime.fromisoformat(text)
