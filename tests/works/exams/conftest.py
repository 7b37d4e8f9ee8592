"""The stage is built anew for each test."""

from tests.works.exams.stage import stage

__all__ = ["stage"]
