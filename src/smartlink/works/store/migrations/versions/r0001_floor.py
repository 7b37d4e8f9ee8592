"""Tables, row-level security, look-ups and grants."""

from smartlink.works.store.schema import run_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the frozen SQL."""
    run_file("0001_floor.sql")
