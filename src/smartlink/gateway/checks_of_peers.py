"""The checks of everything that answers from outside: Works and its storage, PACS, worklist servers, our own port."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Protocol

from smartlink.gateway.calling import AssociationFailed, Peer
from smartlink.gateway.diagnostics import Check, Finding, failed, ok, skipped, warning
from smartlink.gateway.errors import LicenceRevoked, TryAgain
from smartlink.gateway.trial import Ended
from smartlink.gateway.worklist import Query
from smartlink.link.connections import Kind
from smartlink.link.test_exam import AE_TITLE

if TYPE_CHECKING:
    from datetime import datetime

    from smartlink.gateway.checks import Here
    from smartlink.gateway.connections import Connection
    from smartlink.gateway.trial import Trial

MOST_SKEW: Final = timedelta(seconds=60)
_HEARTBEAT_OVERDUE: Final = timedelta(minutes=5)
_SYNCHRONISATION_OVERDUE: Final = timedelta(hours=2)
_SECONDS: Final = 20.0
_ACTIVATE_FIRST: Final = "not activated yet"


@dataclass(frozen=True, slots=True)
class Way:
    """How the way to Works is: `cause` names the first thing on it that is broken, None when nothing is."""

    value: str
    cause: str | None = None
    remedy: str = ""
    skew: timedelta | None = None
    """How far Works' clock is ahead of ours, as far as its answer says."""


class Peers(Protocol):
    """Whoever can be asked; each call is bounded by itself and changes nothing on either side."""

    def works(self) -> Way:
        """Walk the way to Works: name, port, proxy, TLS, health."""

    def credential(self) -> None:
        """Make one authenticated call. May raise TryAgain or LicenceRevoked."""

    def storage(self) -> Way:
        """Put one byte into object storage, as every image is put."""

    def pacs(self, peer: Peer) -> Trial:
        """Walk the way to a PACS."""

    def worklist(self, peer: Peer, query: Query) -> Trial:
        """Walk the way to a worklist server, and ask it for some of today's list."""

    def echo(self, peer: Peer) -> float:
        """Return how long a C-ECHO took. May raise AssociationFailed."""


def checks(here: Here, peers: Peers) -> list[Check]:
    """Return the table: one line for each check, and for each PACS and worklist server."""
    table = [
        Check("receiver", "The port for ultrasound systems answers", lambda: receiver(here, peers), _SECONDS),
        Check("works", "Works is reachable", lambda: works(here, peers), _SECONDS * 2),
        Check("clock", "The clock of this machine", lambda: clock(here, peers), _SECONDS * 2),
        Check("credential", "Works knows this gateway", lambda: credential(here, peers), _SECONDS * 2),
        Check("storage", "The storage of Works is reachable", lambda: storage(here, peers), _SECONDS * 2),
        Check("contact", "Signs of life and synchronisation", lambda: contact(here)),
    ]
    for one in here.connections(Kind.PACS):
        look = lambda one=one: pacs(here, peers, one)  # noqa: E731
        table.append(Check("pacs", "A PACS server", look, _SECONDS * 2, about=str(one.ae_title)))
    for one in here.connections(Kind.WORKLIST):
        look = lambda one=one: worklist(here, peers, one)  # noqa: E731
        table.append(Check("worklist", "A worklist server", look, _SECONDS, about=str(one.ae_title)))
    return table


def receiver(here: Here, peers: Peers) -> Finding:
    """The port is open and answers C-ECHO, as a scanner would ask."""
    told = here.status["receiver"]
    if not told["open"]:
        cause = told["problem"] or "The service does not run, or this gateway has no license: the port is closed."
        return failed("closed", cause, "See the checks of the service and the license; free the port or set another.")
    if told["port"] is None:
        return ok(f"{told['ae_title']}, TLS port {told['tls_port']}; not called from here, which has no certificate")
    value = f"{told['ae_title']}, port {told['port']}"
    allowed = here.settings.allowed_ae_titles
    calling = allowed[0] if allowed else AE_TITLE
    host = "127.0.0.1" if here.deployment.bind in {"0.0.0.0", "::"} else here.deployment.bind  # noqa: S104
    try:
        took = peers.echo(Peer(host, told["port"], told["ae_title"], calling))
    except AssociationFailed as error:
        if here.settings.allowed_networks:
            return skipped(f"{value}; allowed_networks keeps this machine itself out")
        return failed(value, error.sentence, error.remedy or "Restart the service.")
    return ok(f"{value}, C-ECHO in {took * 1000:.0f} ms")


def works(here: Here, peers: Peers) -> Finding:
    """The way to Works, from the outside in."""
    if here.status["licence"].get("works_url") is None:
        return skipped(_ACTIVATE_FIRST)
    return _of(peers.works())


def clock(here: Here, peers: Peers) -> Finding:
    """How far this machine's clock is from Works': corrected for the link, and wrong in times that people read."""
    skew = peers.works().skew if here.status["licence"].get("works_url") is not None else None
    if skew is None:
        known = here.status["works"]["clock_skew_seconds"]
        if known is None:
            return skipped("Works has not told its time yet")
        skew = timedelta(seconds=known)
    seconds = skew.total_seconds()
    value = f"{abs(seconds):.0f} s {'behind' if seconds >= 0 else 'ahead of'} Works"
    if abs(skew) > MOST_SKEW:
        cause = "Times of images and log entries are wrong by that much."
        return warning(value, cause, "Let this machine set its clock from a time server (NTP).")
    return ok(value)


def credential(here: Here, peers: Peers) -> Finding:
    """One authenticated call: the credential is valid and both sides speak the same version."""
    if here.status["licence"]["state"] != "active":
        return skipped(_ACTIVATE_FIRST)
    try:
        peers.credential()
    except LicenceRevoked as error:
        return failed("refused", str(error), "Enter the new license key: smartlink activate KEY")
    except TryAgain as error:
        return failed("no answer", str(error), "See the check of Works; if that is well, activate again.")
    return ok("signed in")


def storage(here: Here, peers: Peers) -> Finding:
    """Images go straight to object storage, which is another host than Works."""
    if here.status["licence"]["state"] != "active":
        return skipped(_ACTIVATE_FIRST)
    return _of(peers.storage())


def contact(here: Here) -> Finding:
    """When the service last reached Works by itself."""
    told = here.status["works"]
    if here.status["licence"]["state"] != "active":
        return skipped(_ACTIVATE_FIRST)
    beat, sync = told["last_heartbeat_at"], told["last_sync_at"]
    value = f"sign of life {_ago(here, beat)}, synchronised {_ago(here, sync)}"
    if told["failing_since"] is not None:
        return failed(value, told["problem"] or "Works does not answer the service.", "See the check of Works.")
    if beat is None or here.now - beat > _HEARTBEAT_OVERDUE:
        return failed(
            value, "Works has had no sign of life for a while.", "See the checks of the service and of Works."
        )
    if sync is None or here.now - sync > _SYNCHRONISATION_OVERDUE:
        return warning(value, "New specialties of Works may be missing here.", "See the check of Works.")
    return ok(value)


def pacs(here: Here, peers: Peers, connection: Connection) -> Finding:
    """The way to a PACS, step by step, as Test Connection walks it."""
    trial = peers.pacs(_peer(connection, here.settings.sender_ae_title))
    broken = trial.failure
    if broken is not None:
        return failed(f"broken at: {broken.step.value}", broken.sentence, broken.remedy)
    accepted = sum(one.accepted for one in trial.contexts)
    return ok(f"{connection.name}: answers, {accepted} of {len(trial.contexts)} kinds of images accepted")


def worklist(here: Here, peers: Peers, connection: Connection) -> Finding:
    """C-ECHO and a small C-FIND, as Test Connection makes them."""
    trial = peers.worklist(_peer(connection, here.settings.worklist_client_ae_title), connection.query or Query())
    broken = trial.failure
    if broken is not None:
        return failed(f"broken at: {broken.step.value}", broken.sentence, broken.remedy)
    for line in trial.lines:
        if line.ended is Ended.WARNED:
            return warning(f"{connection.name}: answers, but gives no list", line.sentence, line.remedy)
    return ok(f"{connection.name}: {trial.lines[-1].sentence if trial.lines else 'answers'}")


def _peer(connection: Connection, calling_ae_title: str) -> Peer:
    return Peer(connection.host, connection.port or 104, connection.ae_title, calling_ae_title, connection.tls)


def _of(way: Way) -> Finding:
    return ok(way.value) if way.cause is None else failed(way.value, way.cause, way.remedy)


def _ago(here: Here, moment: datetime | None) -> str:
    return "never" if moment is None else f"{max(0, int((here.now - moment).total_seconds()))} s ago"
