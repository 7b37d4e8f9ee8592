"""Gives the licence back, so that its key may be used by another gateway at once (R38, R134)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from smartlink.gateway.errors import GiveUp, LicenceRevoked, Refused, TryAgain
from smartlink.gateway.store import licences

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.store.database import Database
    from smartlink.link.activation import Released

log = structlog.get_logger()


class Works(Protocol):
    """Works, as far as the release needs it."""

    def release(self) -> Released:
        """End this gateway's credential."""


def release(database: Database, works: Works, now: datetime, *, anyway: bool = False) -> bool:
    """Stop for good under this licence and keep every image; return whether Works knows. Raises Refused.

    `anyway`: also when Works cannot be told. Then the key is free after a day of silence.
    """
    licence = database.read(licences.find)
    if licence is None or licence.gateway_id is None or not licence.is_active:
        raise Refused("There is no active licence to release.")
    gateway_id = licence.gateway_id
    try:
        works.release()
        told = True
    except LicenceRevoked:  # a newer key was made, or an earlier answer was lost: it is free already
        told = True
    except (TryAgain, GiveUp) as error:
        if not anyway:
            raise Refused(
                f"Works was not told: {error} Nothing was changed. With --anyway this gateway stops all the same;"
                " another one can use the key after 24 hours."
            ) from error
        told = False

    database.write(lambda tx: licences.release(tx, gateway_id, now))
    log.info("licence_released", gateway_id=str(gateway_id), works_told=told)
    return told
