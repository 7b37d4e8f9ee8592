"""Which release of SmartLink is the newest: a manifest that the deployment's Ed25519 key signs (R124, JWS RFC 7515)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Final

from joserfc import jwt
from joserfc.errors import JoseError
from pydantic import Field, StringConstraints, ValidationError

from smartlink.link.message import Message, Moment

if TYPE_CHECKING:
    from joserfc.jwk import OKPKey

_ALGORITHMS: Final = ["Ed25519"]
_TYPE: Final = "smartlink-release+jwt"
"""What is signed for another purpose is no release."""
LONGEST: Final = 64 * 1024

VersionText = Annotated[str, StringConstraints(pattern=r"^\d{1,6}(\.\d{1,6}){1,3}$")]
NoteText = Annotated[str, StringConstraints(max_length=4000)]


class Release(Message):
    """A version, when it came out, and what is new in it, in the languages of the console."""

    version: VersionText
    released_at: Moment
    notes: dict[str, NoteText] = Field(default_factory=dict, max_length=10)


class LatestRelease(Message):
    """The signed manifest of the newest release; None while Works knows of none."""

    manifest: Annotated[str, StringConstraints(max_length=LONGEST)] | None = None


class ReleaseRefused(ValueError):
    """A manifest is not signed by this deployment, or is none."""


def sign(key: OKPKey, release: Release) -> str:
    """Return the signed manifest."""
    header = {"alg": "Ed25519", "typ": _TYPE}
    return jwt.encode(header, release.model_dump(mode="json"), key, algorithms=_ALGORITHMS)


def verify(manifest: str, key: OKPKey) -> Release:
    """Return the release that a manifest names, or raise ReleaseRefused. Fields not known yet are ignored."""
    if len(manifest) > LONGEST:
        raise ReleaseRefused("The manifest is too long.")
    try:
        token = jwt.decode(manifest, key, algorithms=_ALGORITHMS)
    except (JoseError, ValueError, TypeError) as error:
        raise ReleaseRefused("The manifest is not signed by this Works.") from error
    if token.header.get("typ") != _TYPE:
        raise ReleaseRefused("What is signed is no manifest of a release.")
    try:
        return Release.model_validate(token.claims)
    except ValidationError as error:
        raise ReleaseRefused("The manifest cannot be read.") from error


def order(version: str) -> tuple[int, ...]:
    """Return what versions are compared by: their numbers, 1.2 being 1.2.0.0."""
    numbers = [int(part) for part in re.findall(r"\d+", version)[:4]]
    return tuple([*numbers, 0, 0, 0, 0][:4])
