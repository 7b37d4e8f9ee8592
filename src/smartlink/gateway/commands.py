"""The command channel: one long poll after the other; what comes is written down first and then acknowledged (F6).

A command that comes twice changes nothing the second time. One of a newer Works is not acknowledged: it waits for a
newer gateway. A poll after the start, or after an answer that was lost, says that nothing is in hand, so that Works
need not wait for its leases to end. The poll waits on a thread of its own, so that the service ends without waiting.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

import structlog

from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain
from smartlink.gateway.retry import probe_pause
from smartlink.gateway.store import connections, orders
from smartlink.gateway.store.orders import Item
from smartlink.link.commands import (
    LONGEST_WAIT_SECONDS,
    Acknowledge,
    Acknowledged,
    Cancel,
    Command,
    Commands,
    Deliver,
    RefreshWorklists,
    Synchronise,
    UnknownCommand,
)
from smartlink.link.connections import Kind
from smartlink.link.deliveries import ItemState
from smartlink.link.test_exam import NEVER, is_test_exam

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()

_LOOK_SECONDS: Final = 0.5
"""How long a tick waits for the poll under way: so late may the service notice that it is to end."""
GONE: Final = "This PACS connection is not at this gateway any more."


class Works(Protocol):
    """Works, as far as commands need it. Each may raise TryAgain, GiveUp or LicenceRevoked."""

    def commands(self, wait_seconds: int, *, again: bool = False) -> Commands:
        """Return what is to be done, waiting for it up to so many seconds; `again`: what was told before, too."""

    def acknowledge(self, acknowledge: Acknowledge) -> Acknowledged:
        """Say which commands are written down."""


class CommandChannel:
    """The loop's tick."""

    def __init__(
        self,
        database: Database,
        works: Works,
        *,
        licensed: Callable[[], bool],
        revoked: Callable[[], None],
        synchronise: Callable[[], None],
        refresh_worklists: Callable[[], None],
    ) -> None:
        self._database = database
        self._works = works
        self._licensed = licensed
        self._revoked = revoked
        self._synchronise = synchronise
        self._refresh_worklists = refresh_worklists
        self._poll: Future[Commands] | None = None
        self._failures = 0
        self._may_have_missed = True
        """Whether something may have been told that was not written down: to an earlier process, for one."""
        self._not_before: datetime | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a poll is under way."""
        return self._poll is not None

    def tick(self, now: datetime) -> bool:
        """Carry out what came; True to come back at once."""
        if not self._licensed() or (self._not_before is not None and now < self._not_before):
            return False
        if self._poll is None:
            again = self._may_have_missed
            self._poll = _started(lambda: self._works.commands(LONGEST_WAIT_SECONDS, again=again))
        poll = self._poll
        try:
            commands = poll.result(_LOOK_SECONDS).commands
        except TimeoutError:
            return True
        except LicenceRevoked:
            self._poll = None
            self._revoked()
            return False
        except (TryAgain, GiveUp) as error:
            self._poll = None
            return self._failed(error, now)
        self._poll = None
        self._may_have_missed = True
        return self._written_down(commands, now)

    def _written_down(self, commands: tuple[Command, ...], now: datetime) -> bool:
        known = [one for one in commands if not isinstance(one, UnknownCommand)]
        if len(known) < len(commands):
            log.error("command_unknown", count=len(commands) - len(known), action="Update SmartLink.")
        if known:
            self._database.write(lambda tx: carry_out(tx, known, now))
            if any(isinstance(one, Synchronise) for one in known):
                self._synchronise()
            if any(isinstance(one, RefreshWorklists) for one in known):
                self._refresh_worklists()
            try:
                self._works.acknowledge(Acknowledge(command_ids=tuple(one.command_id for one in known)))
            except LicenceRevoked:
                self._revoked()
                return False
            except (TryAgain, GiveUp) as error:
                # They come again, and change nothing.
                return self._failed(error, now)
            log.info("commands_acknowledged", count=len(known))
        if len(known) < len(commands):
            # It comes again at once, as nobody acknowledges it: do not ask for it in a hurry.
            self._not_before = now + probe_pause(self._failures)
        self._failures = 0
        self._may_have_missed = False
        return bool(commands)

    def _failed(self, error: TryAgain | GiveUp, now: datetime) -> bool:
        self._may_have_missed = True
        self._not_before = now + probe_pause(self._failures)
        if not self._failures:
            log.error("commands_not_fetched", why=str(error))
        self._failures += 1
        return False


def carry_out(tx: Transaction, commands: Sequence[Command], now: datetime) -> None:
    """Write commands down, unless they were before. What is to be done is done by the loops that look after it."""
    for command in commands:
        if not orders.remember(tx, command.command_id, command.kind, now):
            continue
        if isinstance(command, Deliver):
            _deliver(tx, command, now)
        elif isinstance(command, Cancel):
            orders.cancel(tx, command.delivery_id, now)


def _deliver(tx: Transaction, command: Deliver, now: datetime) -> None:
    destination = destination_of(tx, command.connection_id)
    for one in command.instances:
        item = Item(
            id=one.item_id,
            order_id=command.delivery_id,
            destination=str(destination or command.connection_id),
            sop_class_uid=one.sop_class_uid,
            sop_instance_uid=one.sop_instance_uid,
            study_instance_uid=one.study_instance_uid,
            transfer_syntax_uid=one.transfer_syntax_uid,
            size=one.size,
            object_sha256=one.object_sha256,
            dataset_sha256=one.dataset_sha256,
            resend=command.resend,
        )
        orders.order(tx, item, now)
        if is_test_exam(one.study_instance_uid):  # Works does not order it; whatever asks for it is wrong
            orders.end(tx, item.id, ItemState.CANCELLED, now, NEVER)
        elif destination is None:
            orders.end(tx, item.id, ItemState.EXHAUSTED, now, GONE)
        else:
            orders.settle(tx, item, now)


def destination_of(tx: Transaction, works_id: UUID) -> UUID | None:
    """Return the PACS connection that Works knows by this id, if there is one."""
    found = (one.id for one in connections.live(tx) if one.kind is Kind.PACS and one.works_id == works_id)
    return next(found, None)


def _started(ask: Callable[[], Commands]) -> Future[Commands]:
    """Ask on a thread that nobody waits for when the program ends."""
    answer: Future[Commands] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except Exception as error:  # noqa: BLE001  handed to the tick, whatever it is
            answer.set_exception(error)

    threading.Thread(target=run, name="poll", daemon=True).start()
    return answer
