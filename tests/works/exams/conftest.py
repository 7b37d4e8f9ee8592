"""The town and the stage are built anew for each test."""

from tests.works.exams.stage import stage
from tests.works.web.town import town

__all__ = ["stage", "town"]
