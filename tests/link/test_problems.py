"""Problem documents: every type has a status, an unknown type is no reason to fail."""

from __future__ import annotations

import pytest

from smartlink.link.problems import FAULTS_OF_AN_INSTANCE, Problem, ProblemType


@pytest.mark.parametrize("kind", ProblemType)
def test_every_type_has_an_http_status(kind: ProblemType) -> None:
    assert 400 <= kind.status < 600


def test_a_type_that_this_side_does_not_know_is_none() -> None:
    assert Problem(type="urn:smartlink:problem:from_the_future", title="?", status=418).kind is None
    assert Problem(type=ProblemType.LICENCE_REVOKED, title="!", status=401).kind is ProblemType.LICENCE_REVOKED


def test_a_revoked_licence_is_no_fault_of_an_instance() -> None:
    assert ProblemType.LICENCE_REVOKED not in FAULTS_OF_AN_INSTANCE
