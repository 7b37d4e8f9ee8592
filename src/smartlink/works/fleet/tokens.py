"""A gateway's credential: a signed assertion is exchanged for a bearer token of ten minutes (RFC 7523).

The token is random and stored hashed. Every call looks it up together with the gateway's state, so that a
revocation works at once.
"""

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr

from smartlink.link import assertion
from smartlink.link.activation import TokenGranted
from smartlink.link.assertion import AssertionRefused, Claims
from smartlink.link.problems import ProblemType
from smartlink.works.access import Access
from smartlink.works.errors import LinkRefused
from smartlink.works.store import gateways, lookups
from smartlink.works.store.gateways import Gateway

LIFETIME: Final = timedelta(minutes=10)
# An assertion is accepted a while after it ends, as clocks differ; it is remembered for longer than that.
_REMEMBERED: Final = timedelta(minutes=5)
_LONGEST_TOKEN: Final = 128
REVOKED: Final = "The licence key of this SmartLink was replaced or its gateway removed: activate it with the new key."


@dataclass(frozen=True, slots=True)
class Caller:
    """The gateway behind a call, and where it belongs."""

    gateway_id: uuid.UUID
    facility_id: uuid.UUID
    organisation_id: uuid.UUID


def grant(access: Access, text: str, audiences: frozenset[str], now: datetime) -> TokenGranted:
    """Exchange an assertion for a token; raises LinkRefused (assertion_refused, licence_revoked)."""
    try:
        gateway_id = assertion.subject(text)
    except AssertionRefused as refusal:
        raise LinkRefused(ProblemType.ASSERTION_REFUSED, str(refusal)) from refusal
    with access.outside() as transaction:
        organisation_id = lookups.organisation_of_gateway(transaction, gateway_id)
    if organisation_id is None:
        raise LinkRefused(ProblemType.ASSERTION_REFUSED, "The assertion is not signed by a gateway of this Works.")
    token = secrets.token_urlsafe(32)
    with access.organisation(organisation_id) as site:
        gateway = gateways.get(site, gateway_id)
        claims = _verified(text, gateway, audiences, now)
        if gateway is None or gateway.state != "active":
            raise LinkRefused(ProblemType.LICENCE_REVOKED, REVOKED)
        remembered = claims.expires_at + _REMEMBERED
        if not gateways.use_assertion(site, gateway_id, jti=claims.jti, expires_at=remembered, now=now):
            raise LinkRefused(ProblemType.ASSERTION_REFUSED, "The assertion was used already: sign a new one.")
        gateways.add_token(site, gateway_id, token_hash=_hash(token), expires_at=now + LIFETIME, now=now)
    return TokenGranted(access_token=SecretStr(token), expires_in=int(LIFETIME.total_seconds()))


def caller(access: Access, token: str, now: datetime) -> Caller:
    """The active gateway that holds this token; raises LinkRefused (token_refused, licence_revoked)."""
    if not token or len(token) > _LONGEST_TOKEN:
        raise LinkRefused(ProblemType.TOKEN_REFUSED, "The bearer token is missing or malformed: ask for a new one.")
    with access.outside() as transaction:
        ids = lookups.gateway_by_token(transaction, _hash(token), now)
    if ids is None:
        raise LinkRefused(ProblemType.TOKEN_REFUSED, "The bearer token is unknown or has run out: ask for a new one.")
    with access.organisation(ids.organisation_id) as site:
        gateway = gateways.get(site, ids.gateway_id)
    if gateway is None or gateway.state != "active":
        raise LinkRefused(ProblemType.LICENCE_REVOKED, REVOKED)
    return Caller(gateway.id, gateway.facility_id, ids.organisation_id)


def _verified(text: str, gateway: Gateway | None, audiences: frozenset[str], now: datetime) -> Claims:
    """The claims, if this gateway signed them for one of the addresses of this Works."""
    reason = "The assertion is not signed by a gateway of this Works."
    if gateway is not None:
        key = assertion.load_public(gateway.public_key)
        for audience in sorted(audiences):
            try:
                return assertion.verify(text, key, audience, now)
            except AssertionRefused as refusal:
                reason = str(refusal)
    raise LinkRefused(ProblemType.ASSERTION_REFUSED, reason)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", errors="replace")).digest()
