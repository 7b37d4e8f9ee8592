"""Errors of the link as RFC 9457 problem documents with a stable `type`; the one list of what can be answered."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from smartlink.link.message import Message

MEDIA_TYPE: Final = "application/problem+json"
_PREFIX: Final = "urn:smartlink:problem:"


class ProblemType(StrEnum):
    """The stable name of one kind of problem, as it stands in `type`."""

    LICENCE_UNKNOWN = _PREFIX + "licence_unknown"
    LICENCE_REVOKED = _PREFIX + "licence_revoked"
    LICENCE_IN_USE = _PREFIX + "licence_in_use"
    ASSERTION_REFUSED = _PREFIX + "assertion_refused"
    TOKEN_REFUSED = _PREFIX + "token_refused"
    CONNECTION_DUPLICATE = _PREFIX + "connection_duplicate"
    CONNECTION_UNKNOWN = _PREFIX + "connection_unknown"
    SPECIALTY_UNKNOWN = _PREFIX + "specialty_unknown"
    INSTANCE_REFUSED = _PREFIX + "instance_refused"
    TOO_MANY_REQUESTS = _PREFIX + "too_many_requests"
    REQUEST_INVALID = _PREFIX + "request_invalid"
    REQUEST_TOO_LARGE = _PREFIX + "request_too_large"
    VERSION_UNSUPPORTED = _PREFIX + "version_unsupported"
    NOT_FOUND = _PREFIX + "not_found"
    UNAVAILABLE = _PREFIX + "unavailable"

    @property
    def status(self) -> int:
        """The HTTP status that goes with the problem."""
        return _STATUS[self]


_STATUS: Final[dict[ProblemType, int]] = {
    ProblemType.LICENCE_UNKNOWN: 403,
    ProblemType.LICENCE_REVOKED: 401,
    ProblemType.LICENCE_IN_USE: 409,
    ProblemType.ASSERTION_REFUSED: 401,
    ProblemType.TOKEN_REFUSED: 401,
    ProblemType.CONNECTION_DUPLICATE: 409,
    ProblemType.CONNECTION_UNKNOWN: 404,
    ProblemType.SPECIALTY_UNKNOWN: 422,
    ProblemType.INSTANCE_REFUSED: 422,
    ProblemType.TOO_MANY_REQUESTS: 429,
    ProblemType.REQUEST_INVALID: 422,
    ProblemType.REQUEST_TOO_LARGE: 413,
    ProblemType.VERSION_UNSUPPORTED: 426,
    ProblemType.NOT_FOUND: 404,
    ProblemType.UNAVAILABLE: 503,
}

FAULTS_OF_AN_INSTANCE: Final = frozenset({ProblemType.INSTANCE_REFUSED})
"""The problems that are about one instance: it is parked. All others are about the destination or the licence."""


class Problem(Message):
    """One problem document. `title` and `detail` are sentences for a person and never carry patient data."""

    type: str
    title: str
    status: int
    detail: str = ""

    @property
    def kind(self) -> ProblemType | None:
        """The type, if this side knows it."""
        return ProblemType(self.type) if self.type in set(ProblemType) else None
