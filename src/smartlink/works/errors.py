"""What can go wrong in Works, as one tree: every error says "again" or "never".

WorksError
  TryAgain        the same call may succeed later; nothing is lost meanwhile
  GiveUp          the same call will never succeed
    NotFound      there is no such thing, or it is not yours (one cannot tell which)
    NotAllowed    it is yours to see, but not to do
    Conflict      something else already stands in its place
    Invalid       the input cannot be what was meant; the message says what to write
    LinkRefused   a gateway's call, with the problem that the link's contract has for it
"""

from smartlink.link.problems import ProblemType


class WorksError(Exception):
    """The root: its text is a sentence for a person and holds no patient data."""


class TryAgain(WorksError):
    """The same call may succeed later."""


class GiveUp(WorksError):
    """The same call will never succeed."""


class NotFound(GiveUp):
    """No such thing in this organisation."""


class NotAllowed(GiveUp):
    """This person may see it, but not do this."""


class Conflict(GiveUp):
    """Something else already stands in its place."""


class Invalid(GiveUp):
    """The input cannot be what was meant."""


class LinkRefused(GiveUp):
    """The gateway's call is answered with this problem of the link; the text is its detail."""

    def __init__(self, kind: ProblemType, detail: str) -> None:
        """`detail` is a sentence for a person, without patient data."""
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
