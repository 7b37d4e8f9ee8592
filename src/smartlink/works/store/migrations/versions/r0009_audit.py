"""The audit trail as a chain."""

from smartlink.works.store.schema import run_file

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0009_audit.sql")
