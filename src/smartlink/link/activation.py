"""Activation, token and keys: how a gateway becomes known to Works (R28-R38, F2)."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SecretStr, StringConstraints

from smartlink.link.assertion import GRANT_TYPE
from smartlink.link.configuration import Configuration
from smartlink.link.message import Message, Moment


class Activate(Message):
    """The licence key in its shown form, which installation presents it, and the public half of its credential."""

    licence_key: Annotated[SecretStr, Field(max_length=64)]
    installation_id: UUID
    public_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    version: Annotated[str, StringConstraints(max_length=32)]
    host: Annotated[str, StringConstraints(max_length=200)] = ""
    """Operating system and processor in a few words, for the fleet's list."""


class Activated(Message):
    """The gateway's identity from now on, and all that it needs to know of its facility."""

    gateway_id: UUID
    configuration: Configuration
    activated_at: Moment


class TokenRequest(Message):
    """An assertion signed by the gateway (RFC 7523)."""

    grant_type: Literal["urn:ietf:params:oauth:grant-type:jwt-bearer"] = GRANT_TYPE
    assertion: Annotated[str, StringConstraints(max_length=4096)]


class TokenGranted(Message):
    """An opaque bearer token."""

    access_token: SecretStr
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - a kind of token, not one
    expires_in: Annotated[int, Field(gt=0)]
    """Seconds."""


class Release(Message):
    """The gateway gives its licence back: the key may be used by another one at once (R38, R134)."""


class Released(Message):
    """The credential has ended."""

    released_at: Moment


class Keys(Message):
    """The public keys of this deployment, as a JWK Set (RFC 7517)."""

    keys: tuple[dict[str, str], ...]
