"""All that the exam's page does is done at a terminal too, and prints nothing of the patient."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from tests.works.exams.stage import Stage, stage
from tests.works.test_cli import Operator, operator

__all__ = ["operator", "stage"]
MARKERS = ("Marker", "MARKER", "Roe")


class Desk:
    """Somebody at a terminal who works for Heart Clinic."""

    def __init__(self, operator: Operator, stage: Stage) -> None:
        self.operator = operator
        self.within = ["--organisation", str(stage.organisation_id)]

    def told(self, *arguments: object, exit_code: int = 0) -> dict[str, Any]:
        """Run a command; its answer in JSON."""
        output = self.operator.run(*map(str, arguments), *self.within, "--json", exit_code=exit_code)
        assert not any(marker in output for marker in MARKERS)
        answer: dict[str, Any] = json.loads(output)
        return answer

    def said(self, *arguments: object, exit_code: int = 0) -> str:
        """Run a command; its answer in words."""
        output = self.operator.run(*map(str, arguments), *self.within, exit_code=exit_code)
        assert not any(marker in output for marker in MARKERS)
        return output


@pytest.fixture
def desk(operator: Operator, stage: Stage) -> Desk:
    return Desk(operator, stage)


@pytest.mark.proves("R44", "R145")
def test_an_exam_is_submitted_followed_and_sent_from_the_outbox(desk: Desk, stage: Stage) -> None:
    exam_id = stage.exam()
    assert desk.said("deliveries", exam_id) == "Not submitted yet.\n"
    done = desk.told("submit", "1.2.3", "--as", stage.bob)
    assert done["exam_id"] == str(exam_id)
    (delivery,) = done["delivery_ids"]
    one, other = stage.take()
    stage.report("sent", one)
    stage.report("exhausted", other, cause="No route to the PACS.")
    assert "In Outbox, 1 of 2 sent" in desk.said("deliveries", exam_id)
    (row,) = desk.told("outbox", "--as", stage.bob)["outbox"]
    assert (row["delivery_id"], row["reason"], row["cause"]) == (delivery, "exhausted", "No route to the PACS.")
    assert "exhausted" in desk.said("outbox")
    assert desk.told("outbox", "--as", stage.eve) == {"outbox": []}
    assert "no such exam" in desk.said("send", delivery, "--as", stage.eve, exit_code=1)
    (sent,) = desk.told("send", delivery)["sent"]
    (fresh,) = sent["fresh"]
    stage.report("sent", *stage.take())
    (newest, former) = desk.told("deliveries", exam_id)["deliveries"]
    assert (newest["id"], newest["state"], former["state"]) == (fresh, "delivered", "replaced")
    assert desk.said("outbox") == "The Outbox is empty.\n"
    again = desk.told("resend", fresh)["delivery_id"]
    assert desk.said("cancel-delivery", again) == "Cancelled.\n"


def test_what_cannot_be_is_said_in_a_sentence(desk: Desk, stage: Stage) -> None:
    exam_id = stage.exam()
    assert "no such exam" in desk.said("submit", uuid.uuid4(), exit_code=1)
    assert "no such exam" in desk.said("submit", "9.9", exit_code=1)
    assert "meanwhile" in desk.said("submit", exam_id, "--version", "77", exit_code=1)
    assert "no such delivery" in desk.said("resend", uuid.uuid4(), exit_code=1)
    assert "which person" in desk.said("claim", exam_id, exit_code=1)


@pytest.mark.proves("R81")
def test_exams_are_listed_claimed_and_assigned(desk: Desk, stage: Stage) -> None:
    first, second = stage.exam(performing="No^Body"), stage.exam(study="1.2.9", performing="No^Body")
    assert len(desk.told("exams", "--folder", "unassigned")["exams"]) == 2
    assert desk.said("claim", first, "--as", stage.bob) == "Claimed.\n"
    assert desk.said("assign", second, stage.eve, "--as", stage.alice, "--remember") == "Assigned.\n"
    assert desk.said("exams", "--folder", "unassigned") == "No exams.\n"
    owners = {one["exam_id"]: one["owner"] for one in desk.told("exams")["exams"]}
    assert owners == {str(first): "Dr. Gregory House", str(second): "Dr. Eve Egger"}


def test_patient_and_order_are_corrected(desk: Desk, stage: Stage) -> None:
    exam_id = stage.exam()
    desk.operator.variables["EXAM_PATIENT_NAME"] = "Roe^Richard"
    assert desk.told("correct", exam_id, "--accession-number", "A-77")["identity_id"]
    row = stage.row("exam", exam_id)
    assert (row["patient_name"], row["accession_number"]) == ("Roe^Richard", "A-77")
    assert "Nothing would change" in desk.said("correct", exam_id, exit_code=1)
    assert "at most 16" in desk.said("correct", exam_id, "--accession-number", "A" * 17, exit_code=1)
