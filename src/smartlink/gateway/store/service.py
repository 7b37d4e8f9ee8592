"""Tables `service` and `works_link`: what the running service says of itself and of its way to Works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from smartlink.gateway.store.database import Transaction, moment, moment_or_none, moment_text

if TYPE_CHECKING:
    from datetime import datetime

STARTED: Final = """
    INSERT INTO service (id, pid, version, started_at, beat_at) VALUES (1, :pid, :version, :at, :at)
    ON CONFLICT (id) DO UPDATE SET pid = excluded.pid, version = excluded.version, started_at = excluded.started_at,
        beat_at = excluded.beat_at, stopped_at = NULL, receiver_ae_title = NULL, receiver_port = NULL,
        receiver_tls_port = NULL, receiver_problem = NULL
"""
BEAT: Final = "UPDATE service SET beat_at = :at WHERE id = 1"
STOPPED: Final = """
    UPDATE service SET beat_at = :at, stopped_at = :at, receiver_ae_title = NULL, receiver_port = NULL,
        receiver_tls_port = NULL
    WHERE id = 1
"""
RECEIVER: Final = """
    UPDATE service SET beat_at = :at, receiver_ae_title = :ae_title, receiver_port = :port,
        receiver_tls_port = :tls_port, receiver_problem = :problem
    WHERE id = 1
"""
FIND: Final = "SELECT * FROM service WHERE id = 1"
FIND_LINK: Final = "SELECT * FROM works_link WHERE id = 1"
HEARTBEAT: Final = """
    UPDATE works_link SET last_heartbeat_at = :at, clock_skew_seconds = :skew, failing_since = NULL, problem = NULL
    WHERE id = 1
"""
SYNCHRONISED: Final = "UPDATE works_link SET last_sync_at = :at WHERE id = 1"
RECEIPT: Final = "UPDATE works_link SET last_receipt_at = :at WHERE id = 1"
FAILING: Final = """
    UPDATE works_link SET failing_since = coalesce(failing_since, :at), problem = :problem WHERE id = 1
"""
RECOVERED: Final = "UPDATE works_link SET failing_since = NULL, problem = NULL WHERE id = 1"


@dataclass(frozen=True, slots=True)
class Service:
    """The service as it last wrote of itself; the ports are those really bound, None when closed."""

    pid: int
    version: str
    started_at: datetime
    beat_at: datetime
    stopped_at: datetime | None
    receiver_ae_title: str | None
    receiver_port: int | None
    receiver_tls_port: int | None
    receiver_problem: str | None


@dataclass(frozen=True, slots=True)
class WorksLink:
    """How the way to Works is."""

    last_heartbeat_at: datetime | None
    last_sync_at: datetime | None
    last_receipt_at: datetime | None
    failing_since: datetime | None
    problem: str | None
    clock_skew_seconds: float | None


def started(tx: Transaction, pid: int, version: str, at: datetime) -> None:
    """The service runs since `at`."""
    tx.execute(STARTED, {"pid": pid, "version": version, "at": moment_text(at)})


def beat(tx: Transaction, at: datetime) -> None:
    """The service is alive at `at`."""
    tx.execute(BEAT, {"at": moment_text(at)})


def stopped(tx: Transaction, at: datetime) -> None:
    """The service ended in order."""
    tx.execute(STOPPED, {"at": moment_text(at)})


def receiver_open(tx: Transaction, ae_title: str, ports: tuple[int | None, int | None], at: datetime) -> None:
    """The receiver listens on these ports, the plain one and the one for TLS."""
    tx.execute(RECEIVER, _receiver(ae_title, ports, None, at))


def receiver_closed(tx: Transaction, problem: str | None, at: datetime) -> None:
    """The receiver is closed; `problem` says why, unless it was asked for."""
    tx.execute(RECEIVER, _receiver(None, (None, None), problem, at))


def _receiver(
    ae_title: str | None, ports: tuple[int | None, int | None], problem: str | None, at: datetime
) -> dict[str, object]:
    return {
        "ae_title": ae_title,
        "port": ports[0],
        "tls_port": ports[1],
        "problem": problem,
        "at": moment_text(at),
    }


def find(tx: Transaction) -> Service | None:
    """Return what the service last wrote, or None when none ever ran."""
    row = tx.execute(FIND).fetchone()
    if row is None:
        return None
    return Service(
        pid=row["pid"],
        version=row["version"],
        started_at=moment(row["started_at"]),
        beat_at=moment(row["beat_at"]),
        stopped_at=moment_or_none(row["stopped_at"]),
        receiver_ae_title=row["receiver_ae_title"],
        receiver_port=row["receiver_port"],
        receiver_tls_port=row["receiver_tls_port"],
        receiver_problem=row["receiver_problem"],
    )


def find_link(tx: Transaction) -> WorksLink:
    """Return how the way to Works is."""
    row = tx.execute(FIND_LINK).fetchone()
    return WorksLink(
        last_heartbeat_at=moment_or_none(row["last_heartbeat_at"]),
        last_sync_at=moment_or_none(row["last_sync_at"]),
        last_receipt_at=moment_or_none(row["last_receipt_at"]),
        failing_since=moment_or_none(row["failing_since"]),
        problem=row["problem"],
        clock_skew_seconds=row["clock_skew_seconds"],
    )


def heartbeat(tx: Transaction, at: datetime, skew_seconds: float) -> None:
    """Works answered a heartbeat; its clock is `skew_seconds` ahead of ours."""
    tx.execute(HEARTBEAT, {"at": moment_text(at), "skew": skew_seconds})


def synchronised(tx: Transaction, at: datetime) -> None:
    """The configuration was fetched, or found unchanged."""
    tx.execute(SYNCHRONISED, {"at": moment_text(at)})


def receipt(tx: Transaction, at: datetime) -> None:
    """A receipt came."""
    tx.execute(RECEIPT, {"at": moment_text(at)})


def failing(tx: Transaction, at: datetime, problem: str) -> None:
    """Works does not answer as it should; the start of the outage is kept."""
    tx.execute(FAILING, {"at": moment_text(at), "problem": problem})


def recovered(tx: Transaction) -> None:
    """Works answers again."""
    tx.execute(RECOVERED)
