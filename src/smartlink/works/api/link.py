"""The routes of the link: one for each message of `smartlink.link`, behind the bearer token but for the open ones.

The routes are synchronous on purpose: they talk to the database, so they run in the thread pool. The one that waits,
the long poll, stands in `orders`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import ConfigDict, Field, StringConstraints, ValidationError

from smartlink.link import paths
from smartlink.link import uploads as link
from smartlink.link.activation import Activate, Activated, Keys, Release, Released, TokenGranted, TokenRequest
from smartlink.link.configuration import Configuration
from smartlink.link.connections import ConnectionAcknowledged, ConnectionDeleted, ConnectionPut
from smartlink.link.failures import FailureNotice, FailureNoticed
from smartlink.link.heartbeat import Heartbeat, HeartbeatAcknowledged
from smartlink.link.message import Message
from smartlink.link.problems import Problem, ProblemType
from smartlink.link.releases import LatestRelease
from smartlink.link.worklist import WorklistPut, WorklistTaken
from smartlink.works.access import Access
from smartlink.works.api import insight, orders, problems, reconciliation
from smartlink.works.errors import LinkRefused
from smartlink.works.exams.downloads import Tickets
from smartlink.works.exams.uploads import Answer, Uploads, refused
from smartlink.works.fleet import connections, gateways, tokens
from smartlink.works.fleet.rate import Rate
from smartlink.works.fleet.tokens import Caller
from smartlink.works.notify import failures
from smartlink.works.store.listen import Listener
from smartlink.works.worklist import lists

_ACTIVATIONS: Final = 10
_TOKENS: Final = 120
_ASSERTION_OR_KEY: Final = timedelta(minutes=1)
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {"model": Problem, "description": "A problem document (RFC 9457)"},
    "5XX": {"model": Problem, "description": "A problem document (RFC 9457): try again"},
}


@dataclass(frozen=True, slots=True)
class LinkParts:
    """What the link is built from."""

    access: Access
    uploads: Uploads
    tickets: Tickets
    listener: Listener
    clock: Callable[[], datetime]
    audiences: frozenset[str]
    """The addresses of the token route, as gateways may know them: an assertion must be meant for one of them."""
    healthy: Callable[[], bool]
    """Whether database and storage answer."""
    digests: failures.Later
    """Writes digests of what fails."""
    keys: Keys = field(default_factory=lambda: Keys(keys=()))
    latest_release: Callable[[], str | None] = lambda: None
    """The signed manifest of the newest release."""
    activations: Rate = field(default_factory=lambda: Rate(_ACTIVATIONS, _ASSERTION_OR_KEY))
    token_requests: Rate = field(default_factory=lambda: Rate(_TOKENS, _ASSERTION_OR_KEY))


class Health(Message):
    """Works is well."""

    status: str = "ok"


class MalformedInstance(Message):
    """An instance that breaks the contract: it is refused by itself, and the others of its batch go on."""

    model_config = ConfigDict(frozen=True, extra="allow")

    reference: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class OfferReceived(Message):
    """`Offer` as Works reads it: one malformed instance never holds up the others."""

    instances: Annotated[
        tuple[Annotated[link.OfferedInstance | MalformedInstance, Field(union_mode="left_to_right")], ...],
        Field(min_length=1, max_length=link.MOST_INSTANCES),
    ]


def routes(parts: LinkParts) -> APIRouter:
    """All routes of the link, over these parts."""
    router = APIRouter(responses=_PROBLEMS)
    _open_routes(router, parts)
    _gateway_routes(router, parts)
    _upload_routes(router, parts)
    orders.add_routes(router, parts, _identify(parts))
    reconciliation.add_routes(router, parts, _identify(parts))
    insight.add_routes(router, parts, _identify(parts))
    return router


def _open_routes(router: APIRouter, parts: LinkParts) -> None:
    """What is answered without a token (`paths.OPEN`)."""

    @router.get(paths.HEALTH)
    def health() -> Health:
        """Whether Works can take work: the gateway's probe."""
        if not parts.healthy():
            raise LinkRefused(ProblemType.UNAVAILABLE, problems.AWAY)
        return Health()

    @router.get(paths.KEYS)
    def keys() -> Keys:
        """The public keys of this deployment."""
        return parts.keys

    @router.get(paths.RELEASES_LATEST)
    def latest_release() -> LatestRelease:
        """The newest release of SmartLink, signed by this deployment."""
        return LatestRelease(manifest=parts.latest_release())

    @router.post(paths.ACTIVATE)
    def activate(request: Request, message: Activate) -> Activated:
        """Exchange a licence key for an identity."""
        now = parts.clock()
        _within(parts.activations, request, now)
        return gateways.activate(parts.access, message, now)

    @router.post(paths.TOKEN, response_model=TokenGranted)
    def token(request: Request, message: TokenRequest) -> Response:
        """Exchange a signed assertion for a bearer token."""
        now = parts.clock()
        _within(parts.token_requests, request, now)
        granted = tokens.grant(parts.access, message.assertion, parts.audiences, now)
        shown = granted.model_dump() | {"access_token": granted.access_token.get_secret_value()}
        return JSONResponse(shown, headers={"Cache-Control": "no-store"})


def _gateway_routes(router: APIRouter, parts: LinkParts) -> None:
    """The gateway's life: heartbeat, failures, configuration, connections, worklists."""
    identify = _identify(parts)

    @router.post(paths.RELEASE)
    def release(message: Release, caller: Annotated[Caller, Depends(identify)]) -> Released:  # noqa: ARG001 - it is empty
        """The gateway gives its licence back."""
        return gateways.release(parts.access, caller, parts.clock())

    @router.post(paths.HEARTBEAT)
    def heartbeat(message: Heartbeat, caller: Annotated[Caller, Depends(identify)]) -> HeartbeatAcknowledged:
        """A sign of life."""
        return gateways.heartbeat(parts.access, caller, message, parts.clock())

    @router.post(paths.FAILURES)
    def failing(message: FailureNotice, caller: Annotated[Caller, Depends(identify)]) -> FailureNoticed:
        """Everything that fails at the gateway, in place of what it said before."""
        return failures.take(parts.access, parts.digests, caller, message, parts.clock())

    @router.get(paths.CONFIGURATION, response_model=Configuration, responses={304: {"description": "Not modified"}})
    def configuration(
        caller: Annotated[Caller, Depends(identify)], if_none_match: Annotated[str | None, Header()] = None
    ) -> Response:
        """What the gateway mirrors, unless it has it already."""
        told, etag = gateways.configuration_of(parts.access, caller)
        headers = {"ETag": etag, "Cache-Control": "no-cache"}
        if if_none_match == etag:
            return Response(status_code=304, headers=headers)
        return JSONResponse(told.model_dump(mode="json"), headers=headers)

    @router.put(paths.CONNECTION)
    def put_connection(
        connection_id: UUID, message: ConnectionPut, caller: Annotated[Caller, Depends(identify)]
    ) -> ConnectionAcknowledged:
        """Add or change a connection."""
        return connections.put(parts.access, caller, connection_id, message, parts.clock())

    @router.put(paths.WORKLIST)
    def put_worklist(
        connection_id: UUID, message: WorklistPut, caller: Annotated[Caller, Depends(identify)]
    ) -> WorklistTaken:
        """What a worklist server gave, and how it does, in place of what was said of it before."""
        return lists.take(parts.access, caller, connection_id, message, parts.clock())

    @router.delete(paths.CONNECTION)
    def delete_connection(connection_id: UUID, caller: Annotated[Caller, Depends(identify)]) -> ConnectionDeleted:
        """Delete a connection for good."""
        return connections.delete(parts.access, caller, connection_id, parts.clock())


def _upload_routes(router: APIRouter, parts: LinkParts) -> None:
    """Custody of instances."""
    identify = _identify(parts)

    @router.post(paths.UPLOADS_OFFER)
    def offer(message: OfferReceived, caller: Annotated[Caller, Depends(identify)]) -> link.Offered:
        """Held, a ticket or refused, for each instance in its order."""
        good = [one for one in message.instances if isinstance(one, link.OfferedInstance)]
        answers = iter(parts.uploads.offer(caller, good))
        return link.Offered(
            answers=tuple(
                next(answers) if isinstance(one, link.OfferedInstance) else _malformed(one) for one in message.instances
            )
        )

    @router.post(paths.UPLOADS_PARTS)
    def part_tickets(message: link.PartsRequest, caller: Annotated[Caller, Depends(identify)]) -> link.Parts:
        """Tickets for the parts that are not there yet; asked for just before use."""
        return parts.uploads.parts.tickets(caller, message.upload_id, message.parts)

    @router.post(paths.UPLOADS_CONFIRM)
    def confirm(message: link.Confirm, caller: Annotated[Caller, Depends(identify)]) -> link.Confirmed:
        """Stored, with the receipt, or missing, for each upload in its order."""
        return link.Confirmed(answers=parts.uploads.confirm(caller, message.upload_ids))


def _identify(parts: LinkParts) -> Callable[..., Caller]:
    """The dependency that turns a bearer token into the gateway that holds it."""
    bearer = HTTPBearer(auto_error=False, description="The token that `token` gave.")

    def identify(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> Caller:
        return tokens.caller(parts.access, "" if credentials is None else credentials.credentials, parts.clock())

    return identify


def _within(rate: Rate, request: Request, now: datetime) -> None:
    if not rate.allows(request.client.host if request.client else "", now):
        raise LinkRefused(ProblemType.TOO_MANY_REQUESTS, "Too many attempts from this address: wait a minute.")


def _malformed(instance: MalformedInstance) -> Answer:
    """Refuse one instance, naming its wrong fields but not their values."""
    try:
        link.OfferedInstance.model_validate(instance.model_dump())
    except ValidationError as error:
        detail = problems.where(error.errors(include_input=False, include_url=False, include_context=False))
        return refused(instance.reference, ProblemType.INSTANCE_REFUSED, detail)
    return refused(instance.reference, ProblemType.INSTANCE_REFUSED, "The instance is not as the contract says.")
