"""Every type of problem has its document."""

import json

import pytest

from smartlink.link.problems import MEDIA_TYPE, Problem, ProblemType
from smartlink.works.api import problems


@pytest.mark.parametrize("kind", ProblemType)
def test_every_problem_has_a_title_and_its_status(kind: ProblemType) -> None:
    answer = problems.answer(kind, "What to do.")
    told = Problem.model_validate_json(bytes(answer.body))
    assert (told.kind, told.status, told.detail) == (kind, answer.status_code, "What to do.")
    assert told.title.endswith(".")
    assert answer.status_code == kind.status
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.headers["cache-control"] == "no-store"


def test_a_more_exact_status_stands_in_the_document_too() -> None:
    answer = problems.answer(ProblemType.REQUEST_INVALID, "", status=405)
    assert (answer.status_code, json.loads(bytes(answer.body))["status"]) == (405, 405)


def test_wrong_fields_are_named_without_values_and_not_endlessly() -> None:
    errors = [{"loc": ("body", "instances", 3, "MARKER^Patient", "size"), "type": "greater_than"}] * 9
    told = problems.where(errors)
    assert told.count("body.instances.3.size (greater_than)") == 5
    assert "MARKER" not in told
