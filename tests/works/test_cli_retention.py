"""Deletion, legal hold and periods at a terminal, with the rights of whoever is named."""

from __future__ import annotations

import pytest

from tests.works.exams.stage import Stage, stage
from tests.works.test_cli import operator
from tests.works.test_cli_exams import Desk, desk

__all__ = ["desk", "operator", "stage"]
WHY = ("--reason", "Wrong patient")


def test_an_exam_is_deleted_listed_and_taken_back(desk: Desk, stage: Stage) -> None:
    exam_id = stage.exam(2)
    assert "runs the exam's facility" in desk.said("deletions", "exam", exam_id, *WHY, "--as", stage.bob, exit_code=1)
    assert "reason is needed" in desk.said("deletions", "exam", exam_id, "--reason", " ", exit_code=1)
    deletion_id = desk.told("deletions", "exam", "1.2.3", *WHY, "--as", stage.alice)["deletion_id"]
    assert desk.told("exams")["exams"] == []
    assert "no such exam" in desk.said("deletions", "exam", exam_id, *WHY, exit_code=1)
    assert "2 images, removed on " in desk.said("deletions", "list")
    assert desk.told("deletions", "list", "--as", stage.bob) == {"deletions": []}
    assert "no such deletion" in desk.said("deletions", "undo", deletion_id, "--as", stage.bob, exit_code=1)
    assert desk.told("deletions", "discard-resent", deletion_id)["discarded"] == 0
    assert desk.said("deletions", "undo", deletion_id) == "Taken back; 0 images came again.\n"
    assert len(desk.told("exams")["exams"]) == 1
    assert "taken back: Wrong patient" in desk.said("deletions", "list")


@pytest.mark.parametrize("by", ["id", "sop_instance_uid"])
def test_an_image_is_deleted_by_its_id_or_its_uid(desk: Desk, stage: Stage, by: str) -> None:
    exam_id = stage.exam(2)
    row = stage.world.rows(stage.place, "SELECT id, sop_instance_uid FROM instance ORDER BY number")[0]
    assert desk.told("deletions", "image", exam_id, row[by], *WHY)["deletion_id"]
    assert desk.told("exams")["exams"][0]["images"] == 1
    assert "no such image" in desk.said("deletions", "image", exam_id, "9.9", *WHY, exit_code=1)


def test_an_exam_is_held_and_let_go(desk: Desk, stage: Stage) -> None:
    exam_id = stage.exam(1)
    assert desk.said("holds", "place", "1.2.3", "--reason", "Case 12") == "Under legal hold.\n"
    assert "legal hold" in desk.said("deletions", "exam", exam_id, *WHY, exit_code=1)
    assert [one["exam_id"] for one in desk.told("holds", "list")["holds"]] == [str(exam_id)]
    assert desk.told("holds", "lift", exam_id)["exam_id"] == str(exam_id)
    assert desk.said("holds", "list") == "No exam is under legal hold.\n"


def test_periods_are_shown_and_set(desk: Desk, stage: Stage) -> None:
    assert desk.told("retention") == {"removal_days": 30, "exam_days": None}
    assert "for 3650 days" in desk.said("retention", "--exam-days", 3650, "--removal-days", 60)
    assert desk.told("retention") == {"removal_days": 60, "exam_days": 3650}
    assert desk.told("retention", "--exam-days", 0) == {"removal_days": 60, "exam_days": None}
    assert "Only an administrator" in desk.said("retention", "--exam-days", 99, "--as", stage.alice, exit_code=1)
