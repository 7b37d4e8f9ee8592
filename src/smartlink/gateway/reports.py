"""Tells Works what became of each ordered instance, in batches, until Works says that it knows (F6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain
from smartlink.gateway.retry import probe_pause
from smartlink.gateway.store import orders
from smartlink.link.deliveries import MOST_REPORTS, DeliveryReport, DeliveryReported

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.store.database import Database

log = structlog.get_logger()

_MOST: Final = MOST_REPORTS


class Works(Protocol):
    """Works, as far as reports need it. May raise TryAgain, GiveUp or LicenceRevoked."""

    def report(self, report: DeliveryReport) -> DeliveryReported:
        """Tell what became of ordered instances."""


class Reports:
    """The loop's tick."""

    def __init__(
        self, database: Database, works: Works, *, licensed: Callable[[], bool], revoked: Callable[[], None]
    ) -> None:
        self._database = database
        self._works = works
        self._licensed = licensed
        self._revoked = revoked
        self._failures = 0
        self._not_before: datetime | None = None

    def tick(self, now: datetime) -> bool:
        """Tell one batch; True when there may be more."""
        if not self._licensed() or (self._not_before is not None and now < self._not_before):
            return False
        news = self._database.read(lambda tx: orders.untold(tx, _MOST))
        if not news:
            return False
        try:
            answer = self._works.report(DeliveryReport(items=tuple(one.report for one in news)))
        except LicenceRevoked:
            self._revoked()
            return False
        except (TryAgain, GiveUp) as error:
            return self._failed(error, now)
        self._failures, self._not_before = 0, None
        known = set(answer.item_ids)
        told = [one for one in news if one.report.item_id in known]
        self._database.write(lambda tx: orders.told(tx, told))
        log.info("deliveries_reported", count=len(told))
        if not told:
            return self._failed(TryAgain("Works does not say that it has the reports."), now)
        return len(news) == _MOST

    def _failed(self, error: TryAgain | GiveUp, now: datetime) -> bool:
        self._not_before = now + probe_pause(self._failures)
        if not self._failures:
            log.error("deliveries_not_reported", why=str(error))
        self._failures += 1
        return False
