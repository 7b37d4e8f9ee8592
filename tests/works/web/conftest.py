"""The town is founded anew for each test."""

from tests.works.web.town import town

__all__ = ["town"]
