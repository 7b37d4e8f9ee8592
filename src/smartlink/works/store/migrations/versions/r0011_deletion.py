"""Deletion, legal hold and retention."""

from smartlink.works.store.schema import run_file

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0011_deletion.sql")
