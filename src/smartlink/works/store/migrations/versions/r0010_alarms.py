"""Alarms about the fleet, and exams that are only tests."""

from smartlink.works.store.schema import run_file

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0010_alarms.sql")
