"""The exceptions of the gateway, drawn once. Each answers: again, or never?

    GatewayError
     +- TryAgain            about the destination: the item goes back to waiting, the breaker opens
     |   +- Unreachable     no answer at all: no route, name, TLS or time (message 6)
     |   +- Stopping        nobody's fault: this program ends, and the item goes on at the next start
     +- GiveUp              about the instance: the item is parked with a cause and a remedy
     +- LicenceRevoked      about neither: the gateway closes (R34) and keeps its images
     +- StoreFailed         the catalogue cannot be read or written (message 13)
     |   +- CatalogueDamaged    nor will it ever be: `smartlink repair` makes a new one from the spool
     +- Refused             a person asked for something that cannot be done; the text says what to do

`StoreRefused`, the same question on the way in, stands in `intake`.
"""

from __future__ import annotations


class GatewayError(Exception):
    """Whatever the gateway raises on purpose. Its text is a sentence for a person, free of patient data."""


class TryAgain(GatewayError):
    """The destination failed, not the instance: try again later.

    `status` is the HTTP status that was answered, if any; `kind` the problem type, if Works named one.
    """

    def __init__(self, message: str, *, status: int | None = None, kind: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class Unreachable(TryAgain):
    """Nothing answered at all."""


class Stopping(TryAgain):
    """This program ends: what is under way goes back to waiting, and nothing failed."""


class GiveUp(GatewayError):
    """The instance cannot be delivered as it is: a person has to look."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy


class LicenceRevoked(GatewayError):
    """Works no longer accepts this gateway's credential."""


class StoreFailed(GatewayError):
    """The catalogue could not be read or written. What is on disk is safe."""


class CatalogueDamaged(StoreFailed):
    """The catalogue's file is damaged. What is on disk is safe, and the text says what to do."""

    def __init__(self, kind: str) -> None:
        super().__init__(
            f"The catalogue is damaged ({kind}). The images are safe in the spool."
            " Stop SmartLink, run `smartlink repair`, then start it again."
        )


class Refused(GatewayError):
    """The request of a person cannot be fulfilled; the text says why and what to do."""
