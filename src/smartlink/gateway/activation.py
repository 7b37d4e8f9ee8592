"""Activation: a licence key becomes this gateway's own credential, and the facility's configuration (F2, R28-R38)."""

from __future__ import annotations

import contextlib
import os
import tempfile
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog
from pydantic import SecretStr

from smartlink.gateway.errors import GatewayError, GiveUp, LicenceRevoked, TryAgain
from smartlink.gateway.platform.files import flush_folder, protect_file
from smartlink.gateway.store import connections, deliveries, instances, licences, orders, worklists
from smartlink.gateway.store.licences import Activation
from smartlink.gateway.synchronisation import apply
from smartlink.link import licence_key
from smartlink.link.activation import Activate, Activated
from smartlink.link.assertion import generate_key, private_pem, public_text
from smartlink.link.licence_key import LicenceKeyMistyped
from smartlink.link.problems import ProblemType

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.store.database import Database, Transaction

log = structlog.get_logger()


class Outcome(StrEnum):
    """How an attempt to activate ended (R31)."""

    ACCEPTED = "accepted"
    INVALID = "invalid"
    REVOKED = "revoked"
    IN_USE = "already in use"
    UNREACHABLE = "unreachable"


class NotActivated(GatewayError):
    """The key was not accepted; the text says why and what to do."""

    def __init__(self, outcome: Outcome, message: str) -> None:
        super().__init__(message)
        self.outcome = outcome


class Works(Protocol):
    """Works, as far as activation needs it."""

    def activate(self, works_url: str, request: Activate) -> Activated:
        """Present a licence key."""


class Activator:
    """Presents keys to Works and keeps what comes back; for the command line and the console alike."""

    def __init__(self, database: Database, works: Works, credential: Path, version: str, host: str) -> None:
        self._database = database
        self._works = works
        self._credential = credential
        self._version = version
        self._host = host

    def activate(self, typed_key: str, works_url: str, now: datetime) -> Activation:
        """Return the activation, stored and in force, or raise NotActivated; a mistyped key is never sent."""
        try:
            key = licence_key.parse(typed_key)
        except LicenceKeyMistyped as error:
            raise NotActivated(Outcome.INVALID, str(error)) from error
        licence = self._database.write(licences.ensure)
        pair = generate_key()
        request = Activate(
            licence_key=SecretStr(key),
            installation_id=licence.installation_id,
            public_key=public_text(pair),
            version=self._version,
            host=self._host[:200],
        )
        try:
            answer = self._works.activate(works_url, request)
        except (TryAgain, GiveUp, LicenceRevoked) as error:
            refusal = _refusal(error)
            log.error("activation_failed", outcome=refusal.outcome, key_prefix=licence_key.prefix(key))
            raise refusal from error
        # The credential first: a crash in between leaves the old licence with a key that Works does not
        # know, and the same licence key activates this installation again.
        write_private(self._credential, private_pem(pair))
        activation = _activation(answer, works_url, licence_key.prefix(key))
        self._database.write(lambda tx: _store(tx, licence, activation, answer, now))
        log.info("activated", gateway_id=str(activation.gateway_id), facility=activation.facility_name)
        return activation


def write_private(path: Path, content: bytes) -> None:
    """Put `content` at `path` at once and durably, readable by this account only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)  # 0600 from the start
    try:
        with os.fdopen(descriptor, "wb") as file:
            protect_file(Path(name))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
    flush_folder(path.parent)


def _store(tx: Transaction, before: licences.Licence, activation: Activation, answer: Activated, now: datetime) -> None:
    licences.activate(tx, activation)
    if before.facility_id is not None and before.facility_id != activation.facility_id:
        # What was received for another facility is never uploaded to this one (R35), nor compared with what it has.
        connections.all_forgotten(tx, now)
        worklists.none_is_told(tx)
        instances.orphan_all(tx)
        deliveries.orphan_undelivered(tx)
    if before.gateway_id not in {None, activation.gateway_id}:
        # What was ordered from this installation under another identity is in the Outbox of Works by now (R35).
        orders.abandon_all(tx, now)
    apply(tx, answer.configuration, None, now)


def _activation(answer: Activated, works_url: str, key_prefix: str) -> Activation:
    return Activation(
        works_url=works_url,
        gateway_id=answer.gateway_id,
        organisation_id=answer.configuration.organisation.id,
        organisation_name=answer.configuration.organisation.name,
        facility_id=answer.configuration.facility.id,
        facility_name=answer.configuration.facility.name,
        key_prefix=key_prefix,
        activated_at=answer.activated_at,
    )


def _refusal(error: TryAgain | GiveUp | LicenceRevoked) -> NotActivated:
    if isinstance(error, LicenceRevoked):
        return NotActivated(
            Outcome.REVOKED, "This key was revoked: a newer one was made in Works. Enter the newest key."
        )
    kind = error.kind if isinstance(error, TryAgain) else None
    if kind is ProblemType.LICENCE_UNKNOWN:
        return NotActivated(Outcome.INVALID, "Works does not know this key. Copy it again from Works.")
    if kind is ProblemType.LICENCE_IN_USE:
        return NotActivated(
            Outcome.IN_USE,
            "This key is in use by another installation. Regenerate the key in Works and enter the new one.",
        )
    if kind is ProblemType.VERSION_UNSUPPORTED:
        return NotActivated(Outcome.UNREACHABLE, "Works needs a newer SmartLink. Update SmartLink, then activate.")
    return NotActivated(
        Outcome.UNREACHABLE, f"Works cannot be reached: {error} Check the address and the internet connection."
    )
