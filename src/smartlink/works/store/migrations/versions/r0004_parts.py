"""What an upload in parts needs."""

from smartlink.works.store.schema import run_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0004_parts.sql")
