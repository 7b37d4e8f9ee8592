"""Every error of Works says again, or never."""

from __future__ import annotations

import pytest

from smartlink.link.problems import ProblemType
from smartlink.works.errors import Conflict, GiveUp, Invalid, LinkRefused, NotAllowed, NotFound, TryAgain


@pytest.mark.parametrize("kind", [NotFound, NotAllowed, Conflict, Invalid])
def test_what_is_not_found_or_not_allowed_is_never_tried_again(kind: type[Exception]) -> None:
    assert issubclass(kind, GiveUp)
    assert not issubclass(kind, TryAgain)


def test_a_refused_call_carries_its_problem() -> None:
    refusal = LinkRefused(ProblemType.LICENCE_REVOKED, "Revoked.")
    assert (refusal.kind, refusal.detail, str(refusal)) == (ProblemType.LICENCE_REVOKED, "Revoked.", "Revoked.")
