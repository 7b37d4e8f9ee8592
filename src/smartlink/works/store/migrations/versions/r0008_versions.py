"""Versions of one image, and which one counts."""

from smartlink.works.store.schema import run_file

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0008_versions.sql")
