"""Why an Association is rejected or aborted (PS3.8 tables 9-21 and 9-26), typed in under the standard's numbers."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple


class Result(IntEnum):
    """Result of A-ASSOCIATE-RJ (table 9-21)."""

    REJECTED_PERMANENT = 1
    REJECTED_TRANSIENT = 2


class Source(IntEnum):
    """Source of A-ASSOCIATE-RJ (table 9-21)."""

    SERVICE_USER = 1
    SERVICE_PROVIDER_ACSE = 2
    SERVICE_PROVIDER_PRESENTATION = 3


class Rejection(NamedTuple):
    """One triple of result, source and reason, as on the wire."""

    result: Result
    source: Source
    reason: int


APPLICATION_CONTEXT_NOT_SUPPORTED = Rejection(Result.REJECTED_PERMANENT, Source.SERVICE_USER, 2)
CALLING_AE_TITLE_NOT_RECOGNIZED = Rejection(Result.REJECTED_PERMANENT, Source.SERVICE_USER, 3)
CALLED_AE_TITLE_NOT_RECOGNIZED = Rejection(Result.REJECTED_PERMANENT, Source.SERVICE_USER, 7)
PROTOCOL_VERSION_NOT_SUPPORTED = Rejection(Result.REJECTED_PERMANENT, Source.SERVICE_PROVIDER_ACSE, 2)
TEMPORARY_CONGESTION = Rejection(Result.REJECTED_TRANSIENT, Source.SERVICE_PROVIDER_PRESENTATION, 1)
LOCAL_LIMIT_EXCEEDED = Rejection(Result.REJECTED_TRANSIENT, Source.SERVICE_PROVIDER_PRESENTATION, 2)

_REASONS: Final = {
    (1, 1): "no reason given",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognised",
    (1, 7): "called AE title not recognised",
    (2, 1): "no reason given",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded",
}
"""Source and reason of A-ASSOCIATE-RJ (table 9-21); numbers that are not here are reserved."""


def words_of(source: int, reason: int) -> str:
    """Return the standard's words for why an Association was rejected."""
    return _REASONS.get((source, reason), "a reason that the standard does not know")


class AbortSource(IntEnum):
    """Source of A-ABORT (table 9-26)."""

    SERVICE_USER = 0
    SERVICE_PROVIDER = 2


class AbortReason(IntEnum):
    """Reason of A-ABORT from the service provider (table 9-26)."""

    NOT_SPECIFIED = 0
    UNRECOGNIZED_PDU = 1
    UNEXPECTED_PDU = 2
    UNRECOGNIZED_PDU_PARAMETER = 4
    UNEXPECTED_PDU_PARAMETER = 5
    INVALID_PDU_PARAMETER = 6


_ABORT_REASONS: Final = {
    (2, 0): "reason not specified",
    (2, 1): "unrecognised PDU",
    (2, 2): "unexpected PDU",
    (2, 4): "unrecognised PDU parameter",
    (2, 5): "unexpected PDU parameter",
    (2, 6): "invalid PDU parameter value",
}
"""Source and reason of A-ABORT (table 9-26)."""


def abort_words_of(source: int, reason: int) -> str:
    """Return the standard's words for why an Association was aborted; the service user never gives a reason."""
    return _ABORT_REASONS.get((source, reason), "no reason given")
