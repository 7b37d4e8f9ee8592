"""The signed assertion by which a gateway asks for a bearer token (RFC 7523; Ed25519, RFC 9864)."""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

GRANT_TYPE: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFETIME: Final = timedelta(seconds=60)
_ALGORITHMS: Final = ["Ed25519"]
_CLOCKS_MAY_DIFFER: Final = timedelta(seconds=60)
_LONGEST: Final = 4096


class AssertionRefused(ValueError):
    """The assertion is not what this gateway would sign now; the message says which part is wrong."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What an assertion says: who, by which one-time identifier, until when."""

    gateway_id: uuid.UUID
    jti: str
    expires_at: datetime


def generate_key() -> OKPKey:
    """Return a new Ed25519 key pair."""
    return OKPKey.generate_key("Ed25519")


def private_pem(key: OKPKey) -> bytes:
    """Return the private key as PEM, to be kept where only the gateway can read it."""
    return key.as_pem(private=True)


def load_private(pem: bytes) -> OKPKey:
    """Return the key pair that `private_pem` wrote."""
    return OKPKey.import_key(pem)


def public_text(key: OKPKey) -> str:
    """Return the public key as its JWK coordinate `x` (base64url, 43 characters)."""
    return str(key.as_dict(private=False)["x"])


def load_public(text: str) -> OKPKey:
    """Return the public key that `public_text` wrote, or raise AssertionRefused."""
    try:
        return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": text})
    except (JoseError, ValueError, TypeError) as error:
        raise AssertionRefused("The public key is not an Ed25519 key.") from error


def sign(key: OKPKey, gateway_id: uuid.UUID, audience: str, now: datetime) -> str:
    """Return an assertion for `audience` (the token address) that is good for a minute and for one use."""
    claims = {
        "iss": str(gateway_id),
        "sub": str(gateway_id),
        "aud": audience,
        "jti": uuid.uuid4().hex,
        "iat": int(now.timestamp()),
        "exp": int((now + LIFETIME).timestamp()),
    }
    return jwt.encode({"alg": "Ed25519"}, claims, key, algorithms=_ALGORITHMS)


def subject(assertion: str) -> uuid.UUID:
    """Return the gateway that an assertion claims to be, *unverified*: only good to find the key to verify with."""
    try:
        body = assertion[:_LONGEST].split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return uuid.UUID(claims["sub"])
    except (IndexError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise AssertionRefused("The assertion cannot be read.") from error


def verify(assertion: str, key: OKPKey, audience: str, now: datetime) -> Claims:
    """Return the claims of a good assertion, or raise AssertionRefused. One-time use is the caller's to check."""
    if len(assertion) > _LONGEST:
        raise AssertionRefused("The assertion is too long.")
    try:
        token = jwt.decode(assertion, key, algorithms=_ALGORITHMS)
        claims = token.claims
        gateway_id, jti = uuid.UUID(claims["sub"]), str(claims["jti"])
        issued, expires = (datetime.fromtimestamp(int(claims[name]), UTC) for name in ("iat", "exp"))
    except (JoseError, KeyError, TypeError, ValueError, OverflowError, OSError) as error:
        raise AssertionRefused("The assertion is not signed by this gateway.") from error
    if claims.get("iss") != claims["sub"] or claims.get("aud") != audience or not jti:
        raise AssertionRefused("The assertion is meant for somebody else.")
    if expires - issued > LIFETIME or issued - now > _CLOCKS_MAY_DIFFER or now - expires > _CLOCKS_MAY_DIFFER:
        raise AssertionRefused("The assertion is not valid at this time.")
    return Claims(gateway_id, jti, expires)
