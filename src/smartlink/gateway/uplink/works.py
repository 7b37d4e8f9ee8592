"""Works, as the gateway sees it: one method for each message of the link, three kinds of failure.

TryAgain: the way to Works or Works itself; anything that is not Works' own problem document counts as such.
GiveUp: Works names a fault of the instance. LicenceRevoked: this gateway is no longer the facility's.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID, uuid4

import structlog
from pydantic import BaseModel, SecretStr, ValidationError

from smartlink.gateway.errors import GiveUp, LicenceRevoked, TryAgain, Unreachable
from smartlink.gateway.messages import Message, http_response
from smartlink.gateway.retry import Outage
from smartlink.gateway.uplink.http import Answer, exchange
from smartlink.link import paths
from smartlink.link.activation import Activate, Activated, Keys, Release, Released, TokenGranted, TokenRequest
from smartlink.link.assertion import sign
from smartlink.link.commands import Acknowledge, Acknowledged, Commands
from smartlink.link.configuration import Configuration
from smartlink.link.connections import ConnectionAcknowledged, ConnectionDeleted, ConnectionPut
from smartlink.link.deliveries import DeliveryReport, DeliveryReported
from smartlink.link.downloads import Downloads, DownloadsRequest
from smartlink.link.failures import FailureNotice, FailureNoticed
from smartlink.link.heartbeat import Heartbeat, HeartbeatAcknowledged
from smartlink.link.insight import JourneyRequest, JourneyTold, StorageProbe, SyntheticEnded, SyntheticGone
from smartlink.link.problems import FAULTS_OF_AN_INSTANCE, MEDIA_TYPE, Problem, ProblemType
from smartlink.link.reconciliation import (
    ComparedInstances,
    ComparedStudies,
    CompareInstances,
    CompareStudies,
    SendAgain,
    SendsAgain,
)
from smartlink.link.releases import LatestRelease
from smartlink.link.uploads import Confirm, Confirmed, Offer, Offered, Parts, PartsRequest
from smartlink.link.worklist import WorklistPut, WorklistTaken

if TYPE_CHECKING:
    import httpx
    from joserfc.jwk import OKPKey

    from smartlink.gateway.loop import Clock

M = TypeVar("M", bound=BaseModel)

log = structlog.get_logger()

_LARGEST_ANSWER: Final = 8 * 1024**2
_TOKEN_MARGIN: Final = timedelta(seconds=60)
_REMEDY: Final = "Look at the image on the ultrasound system and send it again, or contact support."


@dataclass(frozen=True, slots=True)
class Account:
    """Who this gateway is at which Works."""

    works_url: str
    gateway_id: UUID
    key: OKPKey


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    account: Account
    good_until: datetime


class WorksClient:
    """The link to one Works, for all loops at once; `account` is asked anew for every call."""

    def __init__(
        self,
        http: httpx.Client,
        account: Callable[[], Account],
        now: Clock,
        interval: Callable[[], timedelta] = lambda: timedelta(minutes=5),
    ) -> None:
        """`interval` is how often an outage is told of while it lasts: R107's."""
        self._http = http
        self._account = account
        self._now = now
        self._token: _Token | None = None
        self._signing_in = threading.Lock()
        self._skew = timedelta()
        self._outage = Outage(interval)

    @property
    def clock_skew(self) -> timedelta:
        """How far Works' clock is ahead of ours, as its last answer said."""
        return self._skew

    def health(self) -> None:
        """Return if Works answers that it is well; raise TryAgain otherwise. Needs no credential."""
        answer = self._exchange(self._account().works_url, "GET", paths.HEALTH, {}, None)
        if answer.status != 200 or answer.media_type != "application/json":  # noqa: PLR2004
            raise TryAgain("Works is not well, or something else answers in its place.", status=answer.status)

    def activate(self, works_url: str, request: Activate) -> Activated:
        """Present a licence key and return the gateway's identity."""
        body = request.model_dump(mode="json") | {"licence_key": request.licence_key.get_secret_value()}
        answer = self._exchange(works_url, "POST", paths.ACTIVATE, {}, _json(body))
        return _message(answer, Activated, "activate")

    def keys(self, works_url: str) -> Keys:
        """Return the public keys of a deployment. Needs no credential."""
        return _message(self._exchange(works_url, "GET", paths.KEYS, {}, None), Keys, "keys")

    def latest_release(self, works_url: str) -> LatestRelease:
        """Return the signed manifest of the newest release. Needs no credential."""
        answer = self._exchange(works_url, "GET", paths.RELEASES_LATEST, {}, None)
        return _message(answer, LatestRelease, "releases/latest")

    def configuration(self, etag: str | None) -> tuple[Configuration, str | None] | None:
        """Return the facility's configuration and its ETag, or None when `etag` is still the newest."""
        headers = {} if etag is None else {"If-None-Match": etag}
        answer = self._call("GET", paths.CONFIGURATION, "configuration", None, headers)
        if answer.status == 304:  # noqa: PLR2004  not modified
            return None
        return _message(answer, Configuration, "configuration"), answer.headers.get("etag")

    def put_connection(self, connection_id: UUID, connection: ConnectionPut) -> ConnectionAcknowledged:
        """Add or change a connection at Works."""
        path = paths.CONNECTION.format(connection_id=connection_id)
        answer = self._call("PUT", path, "connections", connection)
        return _message(answer, ConnectionAcknowledged, "connections")

    def delete_connection(self, connection_id: UUID) -> ConnectionDeleted:
        """Delete a connection at Works for good."""
        path = paths.CONNECTION.format(connection_id=connection_id)
        return _message(self._call("DELETE", path, "connections", None), ConnectionDeleted, "connections")

    def release(self) -> Released:
        """Give the licence back."""
        return _message(self._call("POST", paths.RELEASE, "release", Release()), Released, "release")

    def heartbeat(self, heartbeat: Heartbeat) -> HeartbeatAcknowledged:
        """Tell Works how the gateway does."""
        answer = self._call("POST", paths.HEARTBEAT, "heartbeat", heartbeat)
        return _message(answer, HeartbeatAcknowledged, "heartbeat")

    def notify(self, notice: FailureNotice) -> FailureNoticed:
        """Tell Works what fails."""
        return _message(self._call("POST", paths.FAILURES, "failures", notice), FailureNoticed, "failures")

    def offer(self, offer: Offer) -> Offered:
        """Offer a batch of instances and return one answer for each."""
        return _message(self._call("POST", paths.UPLOADS_OFFER, "uploads/offer", offer), Offered, "uploads/offer")

    def confirm(self, confirm: Confirm) -> Confirmed:
        """Say which objects were put and return what Works found."""
        answer = self._call("POST", paths.UPLOADS_CONFIRM, "uploads/confirm", confirm)
        return _message(answer, Confirmed, "uploads/confirm")

    def commands(self, wait_seconds: int, *, again: bool = False) -> Commands:
        """Return what is to be done; when that is nothing, wait for something up to so many seconds.

        `again`: nothing that was told before is in hand, so whatever was not acknowledged is told once more.
        """
        path = f"{paths.COMMANDS}?wait={wait_seconds}" + ("&again=true" if again else "")
        return _message(self._call("GET", path, "commands", None), Commands, "commands")

    def acknowledge(self, acknowledge: Acknowledge) -> Acknowledged:
        """Say which commands are written down."""
        answer = self._call("POST", paths.COMMANDS_ACKNOWLEDGE, "commands/acknowledge", acknowledge)
        return _message(answer, Acknowledged, "commands/acknowledge")

    def downloads(self, request: DownloadsRequest) -> Downloads:
        """Ask for tickets, and return one answer for each ordered instance."""
        return _message(self._call("POST", paths.DOWNLOADS, "downloads", request), Downloads, "downloads")

    def report(self, report: DeliveryReport) -> DeliveryReported:
        """Tell what became of ordered instances."""
        answer = self._call("POST", paths.DELIVERIES_REPORT, "deliveries/report", report)
        return _message(answer, DeliveryReported, "deliveries/report")

    def compare_studies(self, question: CompareStudies) -> ComparedStudies:
        """Ask of which studies Works holds exactly these instances."""
        answer = self._call("POST", paths.RECONCILE_STUDIES, "reconciliation/studies", question)
        return _message(answer, ComparedStudies, "reconciliation/studies")

    def compare_instances(self, question: CompareInstances) -> ComparedInstances:
        """Ask what Works has of each instance of a study."""
        answer = self._call("POST", paths.RECONCILE_INSTANCES, "reconciliation/instances", question)
        return _message(answer, ComparedInstances, "reconciliation/instances")

    def send_again(self, wanted: SendAgain) -> SendsAgain:
        """Ask for ordered instances that a PACS has lost."""
        answer = self._call("POST", paths.RECONCILE_SEND_AGAIN, "reconciliation/send-again", wanted)
        return _message(answer, SendsAgain, "reconciliation/send-again")

    def put_worklist(self, connection_id: UUID, worklist: WorklistPut) -> WorklistTaken:
        """Tell what a worklist server gave, and how it does; it replaces what Works has of it."""
        path = paths.WORKLIST.format(connection_id=connection_id)
        return _message(self._call("PUT", path, "worklists", worklist), WorklistTaken, "worklists")

    def parts(self, request: PartsRequest) -> Parts:
        """Ask for tickets for parts of an upload, and learn which are in storage."""
        return _message(self._call("POST", paths.UPLOADS_PARTS, "uploads/parts", request), Parts, "uploads/parts")

    def storage_probe(self) -> StorageProbe:
        """Ask for the permission to put one byte into object storage."""
        return _message(self._call("POST", paths.STORAGE_PROBE, "storage-probe", None), StorageProbe, "storage-probe")

    def journey(self, request: JourneyRequest) -> JourneyTold:
        """Ask how far an exam has come."""
        return _message(self._call("POST", paths.JOURNEY, "journey", request), JourneyTold, "journey")

    def synthetic_ended(self, ended: SyntheticEnded) -> SyntheticGone:
        """Say that a synthetic exam may go."""
        return _message(self._call("POST", paths.SYNTHETIC_ENDED, "synthetic", ended), SyntheticGone, "synthetic")

    def _call(
        self, method: str, path: str, name: str, message: BaseModel | None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Make an authenticated call; a token that Works no longer takes is replaced once."""
        content = None if message is None else message.model_dump_json().encode()
        wanted = dict(headers or {})
        if method != "GET":
            wanted[paths.IDEMPOTENCY_HEADER] = uuid4().hex
        for last in (False, True):
            account = self._account()
            token = self._bearer(account)
            signed = {**wanted, "Authorization": f"Bearer {token.text}"}
            answer = self._exchange(account.works_url, method, path, signed, content)
            problem = problem_of(answer)
            if last or problem is None or problem.kind is not ProblemType.TOKEN_REFUSED:
                break
            self._forget(token)
        if not answer.is_success and answer.status != 304:  # noqa: PLR2004  not modified
            raise failure(answer, name)
        return answer

    def _bearer(self, account: Account) -> _Token:
        with self._signing_in:
            token = self._token
            if token is None or token.account != account or self._now() >= token.good_until:
                token = self._token = self._sign_in(account)
            return token

    def _sign_in(self, account: Account) -> _Token:
        """Exchange an assertion for a token; a second time when Works' clock turned out to differ."""
        for last in (False, True):
            skew = self._skew
            asked_at = self._now()
            assertion = sign(account.key, account.gateway_id, account.works_url + paths.TOKEN, asked_at + skew)
            body = TokenRequest(assertion=assertion).model_dump_json().encode()
            answer = self._exchange(account.works_url, "POST", paths.TOKEN, {}, body)
            problem = problem_of(answer)
            refused = problem is not None and problem.kind is ProblemType.ASSERTION_REFUSED
            if last or not refused or abs(self._skew - skew) < timedelta(seconds=5):
                break
        granted = _message(answer, TokenGranted, "token")
        lifetime = timedelta(seconds=granted.expires_in)
        return _Token(
            granted.access_token.get_secret_value(), account, asked_at + lifetime - min(_TOKEN_MARGIN, lifetime / 2)
        )

    def _forget(self, token: _Token) -> None:
        with self._signing_in:
            if self._token is token:
                self._token = None

    def _exchange(
        self, works_url: str, method: str, path: str, headers: dict[str, str], content: bytes | None
    ) -> Answer:
        common = {paths.VERSION_HEADER: str(paths.VERSION), "Accept": f"application/json, {MEDIA_TYPE}"}
        if content is not None:
            common["Content-Type"] = "application/json"
        asked_at = self._now()
        try:
            answer = exchange(
                self._http, method, works_url + path, headers=common | headers, content=content, largest=_LARGEST_ANSWER
            )
        except Unreachable as error:
            if self._outage.should_be_told(self._now()):
                log.error("works_unreachable", **Message.CLOUD_NOT_REACHABLE.fields, why=str(error))
            raise
        self._outage.is_over(asked_at)
        self._learn_time(answer)
        return answer

    def _learn_time(self, answer: Answer) -> None:
        try:
            theirs = parsedate_to_datetime(answer.headers.get("date", ""))
        except ValueError:
            return
        if theirs.tzinfo is not None:
            skew = theirs.astimezone(UTC) - self._now()
            # The header counts whole seconds, and the way takes time: less than two says nothing.
            self._skew = skew if abs(skew) > timedelta(seconds=2) else timedelta()


def problem_of(answer: Answer) -> Problem | None:
    """Return Works' problem document, or None when the answer is none."""
    if answer.media_type != MEDIA_TYPE:
        return None
    try:
        return Problem.model_validate_json(answer.body)
    except ValidationError:
        return None


def failure(answer: Answer, method_name: str) -> TryAgain | GiveUp | LicenceRevoked:
    """Return the exception for an answer that is no success; it has been logged as message 14."""
    problem = problem_of(answer)
    kind = None if problem is None else problem.kind
    log.error("http_response", **http_response(answer.status, method_name), problem=kind)
    if problem is None:
        return TryAgain("Something else than Works answers: a proxy, or a wrong address.", status=answer.status)
    text = problem.detail or problem.title
    if kind is ProblemType.LICENCE_REVOKED:
        return LicenceRevoked(text)
    if kind in FAULTS_OF_AN_INSTANCE:
        return GiveUp(text, _REMEDY)
    return TryAgain(text, status=answer.status, kind=kind)


def _message(answer: Answer, kind: type[M], method_name: str) -> M:
    if not answer.is_success:
        raise failure(answer, method_name)
    try:
        return kind.model_validate_json(answer.body)
    except ValidationError as error:
        # A captive portal answers 200, too. The text of the error may quote the body, so it stays out.
        raise TryAgain("The answer is not one of Works.", status=answer.status) from error


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, default=_plain).encode()


def _plain(value: object) -> str:
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
