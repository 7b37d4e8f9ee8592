"""Keeps the facility's configuration and the connections the same on both sides (R40, R66, R96, F8, F9)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from smartlink.gateway.connections import Approval, Connection, put_message, restored, without_removed
from smartlink.gateway.delivery import State
from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain
from smartlink.gateway.messages import Message
from smartlink.gateway.store import configuration, connections, deliveries, service
from smartlink.gateway.store.configuration import FacilityConfiguration
from smartlink.link.configuration import Configuration
from smartlink.link.connections import ConnectionAcknowledged, ConnectionDeleted, ConnectionPut
from smartlink.link.problems import ProblemType

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

EVERY: Final = timedelta(hours=1)
AFTER_A_FAILURE: Final = timedelta(seconds=30)
_RELEASED_AT_ONCE: Final = 1000


class Works(Protocol):
    """Works, as far as synchronisation needs it."""

    def configuration(self, etag: str | None) -> tuple[Configuration, str | None] | None:
        """Fetch the configuration, or None when it is unchanged."""

    def put_connection(self, connection_id: UUID, connection: ConnectionPut) -> ConnectionAcknowledged:
        """Put one connection."""

    def delete_connection(self, connection_id: UUID) -> ConnectionDeleted:
        """Delete one connection for good."""


class Synchronisation:
    """The loop's tick: fetches hourly and when asked, puts changed connections at once, releases held images."""

    def __init__(
        self, database: Database, works: Works, *, licensed: Callable[[], bool], revoked: Callable[[], None]
    ) -> None:
        self._database = database
        self._works = works
        self._licensed = licensed
        self._revoked = revoked
        self._next_fetch: datetime | None = None

    def ask(self) -> None:
        """Fetch the configuration at the next tick."""
        self._next_fetch = None

    def tick(self, now: datetime) -> bool:
        """Do what is due; True when held deliveries remain to be released."""
        if not self._licensed():
            self.ask()
            return False
        try:
            self._fetch(now)
            self._push(now)
        except LicenceRevoked:
            self._revoked()
            return False
        return self._release(now)

    def _fetch(self, now: datetime) -> None:
        if self._next_fetch is not None and now < self._next_fetch:
            return
        known = self._database.read(configuration.find)
        try:
            found = self._works.configuration(None if known is None else known.etag)
        except (TryAgain, GiveUp) as error:
            self._next_fetch = now + AFTER_A_FAILURE
            log.error("configuration_not_fetched", why=str(error))
            return
        self._next_fetch = now + EVERY

        def write(tx: Transaction) -> None:
            if found is not None:
                apply(tx, found[0], found[1], now)
            service.synchronised(tx, now)

        self._database.write(write)
        if found is not None:
            log.info("configuration_fetched", specialties=len(found[0].specialties))

    def _push(self, now: datetime) -> None:
        known = self._database.read(configuration.find)
        if known is None:
            return
        for connection in self._database.read(lambda tx: connections.to_push(tx, now)):
            if not self._push_one(connection, known.default_specialty_id, now):
                return
        for connection in self._database.read(connections.to_delete_at_works):
            if not self._delete_one(connection, now):
                return

    def _push_one(self, connection: Connection, default_specialty_id: UUID, now: datetime) -> bool:
        """Put one connection; False when Works is not to be reached and the others would fare alike."""
        message = put_message(connection, default_specialty_id)
        try:
            answer = self._works.put_connection(connection.works_id or connection.id, message)
        except (TryAgain, GiveUp) as error:
            self._not_added(connection, error, now)
            return isinstance(error, TryAgain) and error.kind in _ABOUT_THE_CONNECTION
        self._database.write(lambda tx: connections.acknowledged(tx, connection, answer.id, answer.version))
        log.info("connection_acknowledged", connection_id=str(connection.id), ae_title=connection.ae_title)
        return True

    def _delete_one(self, connection: Connection, now: datetime) -> bool:
        """Delete at Works what it heard of while it was deleted here; False when Works is not to be reached."""
        assert connection.works_id is not None  # noqa: S101 - so it was asked for
        try:
            self._works.delete_connection(connection.works_id)
        except (TryAgain, GiveUp) as error:
            if not isinstance(error, TryAgain) or error.kind is not ProblemType.CONNECTION_UNKNOWN:
                return False
        self._database.write(lambda tx: connections.deleted_at_works(tx, connection.id, now))
        return True

    def _not_added(self, connection: Connection, error: TryAgain | GiveUp, now: datetime) -> None:
        again = now + AFTER_A_FAILURE
        self._database.write(lambda tx: connections.push_failed(tx, connection.id, str(error), again))
        if isinstance(error, TryAgain) and error.kind is ProblemType.CONNECTION_UNKNOWN:
            self._database.write(lambda tx: connections.forgotten_by_works(tx, connection.id, again))
        told = {"ae_title": connection.ae_title, "connection_id": str(connection.id), "why": str(error)}
        log.error("connection_not_added", **Message.ADD_CONNECTION_FAILED.fields, **told)
        if not connection.is_in_works:
            log.error("exams_held", **Message.NOT_UPLOADED_UNTIL_ADDED.fields, **told)
        if isinstance(error, TryAgain) and error.kind is ProblemType.CONNECTION_DUPLICATE:
            log.error("connection_duplicate", **Message.POSSIBLE_DUPLICATE_CONNECTION.fields, **told)

    def _release(self, now: datetime) -> bool:
        """Let images go whose connection is approved and in Works, some at a time; True when more wait."""
        if not self._database.read(lambda tx: deliveries.oldest(tx, deliveries.WORKS, State.HELD)):
            return False
        more = False
        for connection in self._database.read(connections.live):
            if not connection.is_in_works or connection.approval is not Approval.APPROVED:
                continue
            if self._database.read(
                lambda tx, connection=connection: deliveries.is_any_held(tx, connection.id)  # type: ignore[misc]
            ):
                count = self._database.write(
                    lambda tx, connection=connection: deliveries.release_held(  # type: ignore[misc]
                        tx, connection.id, now, _RELEASED_AT_ONCE
                    )
                )
                log.info("held_released", connection_id=str(connection.id), count=count)
                more = more or count == _RELEASED_AT_ONCE
        return more


_ABOUT_THE_CONNECTION: Final = frozenset(
    {
        ProblemType.CONNECTION_DUPLICATE,
        ProblemType.CONNECTION_UNKNOWN,
        ProblemType.SPECIALTY_UNKNOWN,
        ProblemType.REQUEST_INVALID,
    }
)


def apply(tx: Transaction, found: Configuration, etag: str | None, now: datetime) -> None:
    """Take over a configuration as a whole; connections only where Works knows more than we (R41).

    That is after a reinstallation, and where the catalogue was lost; then scanners may have registered themselves.
    """
    configuration.put(
        tx,
        FacilityConfiguration(
            etag=etag,
            default_specialty_id=found.default_specialty_id,
            time_zone=found.facility.time_zone,
            specialties={one.id: one.name for one in found.specialties},
            fetched_at=now,
        ),
    )
    known_here = {one.id for one in found.specialties}
    for one in connections.live(tx):
        left = without_removed(one, known_here)
        if left != one:
            connections.specialty_removed(tx, left, now)
            log.info("specialty_removed", connection_id=str(one.id), ae_title=one.ae_title, status=left.status.value)
    if connections.none_is_known(tx):
        for one in map(restored, found.connections):
            known = connections.find_by_ae(tx, one.ae_title)
            if known is None:
                connections.add(tx, one, now)
            else:
                connections.adopt(tx, known.id, one, now)
